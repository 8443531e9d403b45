"""The focal loss, connectionist temporal classification and the conditional random field by
themselves: the loss of every row or sequence, and the gradients of a weighted sum of them.

The focal loss is written from its formula; CTC is PyTorch's own, over padded frames; the random
field is a plain recursion over one sequence at a time, without its backward half: the gradients are
PyTorch's."""

import torch
import torch.nn.functional as F

import golden
from golden import Draws, flat

GAMMAS = [0.0, 0.5, 2.0]
FOCAL_ROWS, FOCAL_CLASSES = 6, 4
LENGTHS = [5, 1, 9, 4]
CTC_CLASSES = 5
# Equal neighbours, nothing, more symbols, and no frame to spare.
CTC_TARGETS = [[2, 2, 4], [], [1, 3, 3, 1, 4], [1, 2, 2]]
TAGS = 4


def drawn(draws, shape, bound, centre=0.0):
    tensor = torch.empty(shape)
    draws.fill(tensor, bound, centre)
    return tensor


def outcome(losses, coefficients, inputs):
    """What is compared: losses, and the gradients of their sum with these coefficients."""
    gradients = torch.autograd.grad((losses * coefficients).sum(), inputs)
    return {
        "coefficients": flat(coefficients),
        "losses": flat(losses),
        "gradients": [flat(gradient) for gradient in gradients],
    }


def focal(draws, gamma, weighted):
    logits = drawn(draws, [FOCAL_ROWS, FOCAL_CLASSES], 3.0).requires_grad_()
    labels = torch.tensor([row * 3 % FOCAL_CLASSES for row in range(FOCAL_ROWS)])
    weights = drawn(draws, [FOCAL_CLASSES], 0.75, centre=1.0) if weighted else None
    p = torch.softmax(logits, 1)[torch.arange(FOCAL_ROWS), labels]
    losses = -((1.0 - p) ** gamma) * p.log()
    if weighted:
        losses = losses * weights[labels]
    return {
        "name": f"focal, gamma {gamma}, weighted {weighted}",
        "gamma": gamma,
        "classes": FOCAL_CLASSES,
        "logits": flat(logits),
        "labels": labels.tolist(),
        "weights": flat(weights) if weighted else None,
        "outcome": outcome(losses, drawn(draws, [FOCAL_ROWS], 1.0), [logits]),
    }


def soft_focal(draws, gamma):
    logits = drawn(draws, [FOCAL_ROWS, FOCAL_CLASSES], 3.0).requires_grad_()
    targets = drawn(draws, [FOCAL_ROWS, FOCAL_CLASSES], 0.25, centre=0.25)
    p = torch.softmax(logits, 1)
    losses = -(targets * (1.0 - p) ** gamma * p.log()).sum(1)
    return {
        "name": f"soft focal, gamma {gamma}",
        "gamma": gamma,
        "classes": FOCAL_CLASSES,
        "logits": flat(logits),
        "targets": flat(targets),
        "outcome": outcome(losses, drawn(draws, [FOCAL_ROWS], 1.0), [logits]),
    }


def ctc(draws):
    logits = drawn(draws, [sum(LENGTHS), CTC_CLASSES], 2.0).requires_grad_()
    frames = torch.nn.utils.rnn.pad_sequence(list(logits.log_softmax(1).split(LENGTHS)))
    losses = F.ctc_loss(
        frames,
        torch.tensor(sum(CTC_TARGETS, [])),
        torch.tensor(LENGTHS),
        torch.tensor([len(target) for target in CTC_TARGETS]),
        reduction="none",
    )
    return {
        "lengths": LENGTHS,
        "classes": CTC_CLASSES,
        "logits": flat(logits),
        "targets": CTC_TARGETS,
        "outcome": outcome(losses, drawn(draws, [len(LENGTHS)], 1.0), [logits]),
    }


def crf_loss(emissions, transitions, tags):
    between, begin, end = transitions[:-2], transitions[-2], transitions[-1]
    sums = begin + emissions[0]
    score = begin[tags[0]] + emissions[0, tags[0]]
    for t in range(1, len(tags)):
        sums = torch.logsumexp(sums.unsqueeze(1) + between, 0) + emissions[t]
        score = score + between[tags[t - 1], tags[t]] + emissions[t, tags[t]]
    return torch.logsumexp(sums + end, 0) - (score + end[tags[-1]])


def crf(draws):
    emissions = drawn(draws, [sum(LENGTHS), TAGS], 2.0).requires_grad_()
    transitions = drawn(draws, [TAGS + 2, TAGS], 1.5).requires_grad_()
    tags = [row * row % 7 % TAGS for row in range(sum(LENGTHS))]
    sequences = zip(emissions.split(LENGTHS), torch.tensor(tags).split(LENGTHS))
    losses = torch.stack([crf_loss(rows, transitions, truth.tolist()) for rows, truth in sequences])
    return {
        "lengths": LENGTHS,
        "classes": TAGS,
        "emissions": flat(emissions),
        "transitions": flat(transitions),
        "tags": tags,
        "outcome": outcome(losses, drawn(draws, [len(LENGTHS)], 1.0), [emissions, transitions]),
    }


if __name__ == "__main__":
    draws = Draws(31)
    hard = [focal(draws, gamma, weighted) for gamma in GAMMAS for weighted in [False, True]]
    golden.write(
        "sequence_losses.json",
        {
            "focal": hard,
            "soft_focal": [soft_focal(draws, gamma) for gamma in GAMMAS],
            "ctc": ctc(draws),
            "crf": crf(draws),
        },
    )
