"""AdamW and SGD by themselves: the parameters after each of a fixed sequence of gradients."""

import math

import torch

import golden
from golden import ADAMW, SGD, Draws, flat, multiplier

UPDATES = 6
# Name, shape, whether weight decay applies, factor on the learning rate.
PARAMETERS = [
    ("weight", [3, 5], True, 1.0),
    ("slow.weight", [7], True, 0.25),
    ("bias", [4], False, 1.0),
]
FIRST_MOMENTS = {**ADAMW, "betas": [0.5, 0.75], "epsilon": 0.125, "weight_decay": 0.0}
PLAIN_SGD = {**SGD, "momentum": 0.0, "weight_decay": 0.0}
CASES = [
    ("adamw", ADAMW, None),
    ("adamw whose epsilon matters, without decay", FIRST_MOMENTS, None),
    ("adamw, clipped", ADAMW, 0.5),
    ("sgd", SGD, None),
    ("sgd without momentum and decay", PLAIN_SGD, None),
    ("sgd, clipped", SGD, 0.5),
]
SCHEDULE = {"decay": "linear", "warmup": 2, "total": UPDATES}


def gradients():
    """Per update and parameter. Magnitudes from 1e-6 to 1e2, a step of zeros, an element that
    never has a gradient."""
    draws, steps = Draws(11), []
    for scale in [1.0, 0.25, 0.0, 100.0, 1e-6, 0.5]:
        step = [torch.empty(shape) for _, shape, _, _ in PARAMETERS]
        for gradient in step:
            draws.fill(gradient, scale)
            gradient.view(-1)[1] = 0.0
        steps.append(step)
    return steps


def run(name, settings, clip_norm, initial, steps):
    tensors = [value.clone().requires_grad_() for value in initial]
    described = [(tensor, decays, scale) for tensor, (_, _, decays, scale) in zip(tensors, PARAMETERS)]
    optimizer = golden.make_optimizer(settings, described)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, multiplier(**SCHEDULE))
    after = []
    for step in steps:
        norm = math.sqrt(sum(gradient.square().sum().item() for gradient in step))
        factor = 1.0 if clip_norm is None or norm <= clip_norm else clip_norm / norm
        for tensor, gradient in zip(tensors, step):
            tensor.grad = gradient * factor
        optimizer.step()
        scheduler.step()
        after.append([flat(tensor) for tensor in tensors])
    return {"name": name, "optimizer": settings, "clip_norm": clip_norm, "after": after}


if __name__ == "__main__":
    draws, initial = Draws(12), []
    for _, shape, _, _ in PARAMETERS:
        initial.append(torch.empty(shape))
        draws.fill(initial[-1], 1.0)
    steps = gradients()
    golden.write(
        "updates.json",
        {
            "parameters": [
                {"name": name, "shape": shape, "decay": decays, "learning_rate_scale": scale, "values": flat(value)}
                for (name, shape, decays, scale), value in zip(PARAMETERS, initial)
            ],
            "gradients": [[flat(gradient) for gradient in step] for step in steps],
            "schedule": SCHEDULE,
            "cases": [run(*case, initial, steps) for case in CASES],
        },
    )
