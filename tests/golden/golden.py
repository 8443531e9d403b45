"""What the scripts share: initial values, parameter layouts, trajectories, files.

Everything is computed in float64 on one thread. Initial values and gradients that are fed in are
rounded to float32 first, so that every device of Limbeck can start from exactly the same numbers.
"""

import copy
import json
import math
import pathlib
import random
from dataclasses import dataclass
from typing import Callable

import torch

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

FOLDER = pathlib.Path(__file__).parent

# Four texts over 11 token ids; id 10 occurs in none, others several times in one text.
VOCABULARY_SIZE = 11
CLASSES = 3
TEXTS = [[4], [7, 1, 7], [2, 9, 0, 5, 3], [8, 6, 8, 1, 4, 0, 2]]
LABELS = [2, 0, 1, 2]

# Distance from the kinks of relu and max: float32 devices then take the same branches.
MARGIN = 2e-5


class Draws:
    """Uniform numbers that float32 holds exactly (Python promises the sequence of `random`)."""

    def __init__(self, seed):
        self.source = random.Random(seed)

    def fill(self, tensor, bound, centre=0.0):
        count = tensor.numel()
        drawn = [centre + bound * (2.0 * self.source.random() - 1.0) for _ in range(count)]
        rounded = torch.tensor(drawn, dtype=torch.float32).to(torch.float64)
        with torch.no_grad():
            tensor.copy_(rounded.view_as(tensor))


@dataclass
class Parameter:
    """One parameter: Limbeck's name for it, the PyTorch tensor, how the two layouts differ, whether
    it is a matrix that does not decay, and which of the tensor's rows it is, if not all."""

    name: str
    tensor: torch.Tensor
    layout: str = "same"
    exempt: bool = False
    rows: tuple = (0, None)

    def stored(self, tensor):
        """`tensor`, shaped like PyTorch's, in Limbeck's layout."""
        tensor = tensor[slice(*self.rows)]
        if self.layout == "linear":  # [out, in] -> [in, out]
            return tensor.t()
        if self.layout == "conv1d":  # [out, in, taps] -> [taps * in, out]
            return tensor.permute(2, 1, 0).flatten(0, 1)
        if self.layout == "conv2d":  # [out, in, ky, kx] -> [ky * kx * in, out]
            return tensor.permute(2, 3, 1, 0).flatten(0, 2)
        return tensor

    @property
    def decays(self):
        """Weight decay is for matrices: not for biases, nor for the gains of norms."""
        return self.tensor.dim() > 1 and not self.exempt


def affine(name, weight, bias, layout="linear", rows=(0, None)):
    return [
        Parameter(f"{name}.weight", weight, layout, rows=rows),
        Parameter(f"{name}.bias", bias, rows=rows),
    ]


def fill_affine(draws, weight, bias):
    """Weights uniform in ±1/sqrt(inputs) as usual; biases far enough from 0 to be noticed."""
    draws.fill(weight, 1.0 / math.sqrt(weight[0].numel()))
    draws.fill(bias, 0.3)


def fill_norm(draws, gain, bias):
    draws.fill(gain, 0.4, centre=1.0)
    draws.fill(bias, 0.3)


def multiplier(decay, warmup, total):
    """The learning rate of the update after `step` completed ones, as a share of its base."""

    def at(step):
        rising = min(step + 1, warmup) / warmup if warmup > 0 else 1.0
        left = max(total - step, 0) / total
        falling = {
            "constant": 1.0,
            "linear": left,
            "cosine": math.cos(math.pi / 2 * (1.0 - left)) ** 2,  # = (1 + cos(pi step/total)) / 2
        }[decay]
        return rising * falling

    return at


ADAMW = {"kind": "adamw", "learning_rate": 0.01, "betas": [0.9, 0.999], "epsilon": 1e-8, "weight_decay": 0.1}
SGD = {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.01}


def make_optimizer(settings, parameters):
    """`parameters` are (tensor, whether it decays, factor on the learning rate)."""
    rate, decay = settings["learning_rate"], settings["weight_decay"]
    groups = [
        {"params": [tensor], "weight_decay": decay if decays else 0.0, "lr": rate * scale}
        for tensor, decays, scale in parameters
    ]
    if settings["kind"] == "adamw":
        betas, epsilon = tuple(settings["betas"]), settings["epsilon"]
        return torch.optim.AdamW(groups, lr=rate, betas=betas, eps=epsilon)
    return torch.optim.SGD(groups, lr=rate, momentum=settings["momentum"])


def trajectory(model, settings, schedule, updates=10):
    """The losses after 0, 1 ... `updates` updates."""
    model = copy.deepcopy(model)
    # By tensor: several parameters may be rows of one.
    parameters = {id(p.tensor): (p.tensor, p.decays, 1.0) for p in model.stored_parameters()}
    parameters = list(parameters.values())
    optimizer = make_optimizer(settings, parameters)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, multiplier(**schedule))
    losses = []
    for _ in range(updates):
        optimizer.zero_grad()
        loss = model.loss()
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
        scheduler.step()
    losses.append(model.loss().item())
    return {"optimizer": settings, "schedule": schedule, "losses": losses}


def write_model(file, description, model, texts=TEXTS, labels=LABELS, inputs="texts"):
    """One model's file: parameters, logits, loss, gradients, two training trajectories. What it reads
    stands under the name `inputs`."""
    parameters = model.stored_parameters()
    named = dict(model.named_parameters())
    described = {id(p.tensor) for p in parameters}
    assert described == {id(t) for t in named.values()}, "a parameter would be missing in the file"
    logits = model()
    loss = model.loss()
    loss.backward()
    write(
        file,
        {
            "model": description,
            inputs: texts,
            "labels": labels,
            "parameters": described_parameters(parameters),
            "logits": flat(logits),
            "loss": loss.item(),
            "training": trajectories(model),
        },
    )


def trajectories(model):
    """With AdamW and with SGD."""
    return [
        trajectory(model, ADAMW, {"decay": "linear", "warmup": 3, "total": 10}),
        trajectory(model, SGD, {"decay": "cosine", "warmup": 4, "total": 12}),
    ]


def described_parameters(parameters):
    """Values and gradients, behind the backward pass."""
    return [
        {
            "name": p.name,
            "shape": list(p.stored(p.tensor).shape),
            "decay": p.decays,
            "values": flat(p.stored(p.tensor)),
            "gradient": flat(p.stored(p.tensor.grad)),
        }
        for p in parameters
    ]


def flat(tensor):
    return tensor.detach().flatten().tolist()


def write(file, content):
    """JSON with every digit; what is short, and every list of numbers, on one line."""
    path = FOLDER / file
    path.write_text(formatted(content, "") + "\n")
    print(f"{file}: {path.stat().st_size} bytes")


def formatted(value, indent):
    short = json.dumps(value, allow_nan=False)
    if len(short) <= 100:
        return short
    inner = indent + " "
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {formatted(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(inner + item for item in items) + "\n" + indent + "}"
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        items = [formatted(item, inner) for item in value]
        return "[\n" + ",\n".join(inner + item for item in items) + "\n" + indent + "]"
    return short
