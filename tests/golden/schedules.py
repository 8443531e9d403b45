"""Learning rates of LambdaLR under every schedule, checked against PyTorch's own schedulers."""

import math

import torch
from torch.optim import lr_scheduler

import golden
from golden import multiplier

BASE = 0.75
BEYOND = 3  # updates after the planned end


def rates(make_scheduler, count):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=BASE)
    scheduler, seen = make_scheduler(optimizer), []
    for _ in range(count):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


def built_in(decay, total):
    """PyTorch's scheduler for the falling part alone."""
    if decay == "linear":
        return lambda o: lr_scheduler.LinearLR(o, start_factor=1.0, end_factor=0.0, total_iters=total)
    if decay == "cosine":
        return lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=total)
    return lambda o: lr_scheduler.ConstantLR(o, factor=1.0, total_iters=total)


def check(decay, warmup, total, found):
    """The product of PyTorch's warm-up and PyTorch's decay, up to the planned end."""
    falling = rates(built_in(decay, total), total)
    rising = [BASE] * total
    if warmup > 1:
        linear = lambda o: lr_scheduler.LinearLR(o, start_factor=1 / warmup, total_iters=warmup - 1)
        rising = rates(linear, total)
    for step, (a, b) in enumerate(zip(rising, falling)):
        expected = a * b / BASE
        assert math.isclose(found[step], expected, rel_tol=1e-12, abs_tol=1e-15), (decay, warmup, total, step)


if __name__ == "__main__":
    cases = []
    for decay in ["constant", "linear", "cosine"]:
        for warmup, total in [(0, 10), (1, 10), (3, 10), (4, 25), (10, 10), (0, 1), (7, 3)]:
            scheduler = lambda o: lr_scheduler.LambdaLR(o, multiplier(decay, warmup, total))
            found = rates(scheduler, total + BEYOND)
            check(decay, warmup, total, found)
            cases.append({"schedule": {"decay": decay, "warmup": warmup, "total": total}, "rates": found})
    golden.write("schedules.json", {"learning_rate": BASE, "cases": cases})
