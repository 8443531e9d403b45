"""The operators on pictures by themselves: results, and the gradients of a weighted sum of them.

PyTorch's own, over [picture, channel, y, x]; Limbeck's layout has the channels last and rows that are
pixels, and weights `[ky, kx, input of a group]` by output."""

import torch
import torch.nn.functional as F

import golden
from golden import Draws, flat


def drawn(draws, shape, bound=2.0):
    tensor = torch.empty(shape)
    draws.fill(tensor, bound)
    return tensor.requires_grad_()


def to_rows(pictures):
    """[picture, channel, y, x] as rows of pixels."""
    return pictures.permute(0, 2, 3, 1).reshape(-1, pictures.shape[1])


def to_matrix(weight):
    """[output, input of a group, ky, kx] as a row per tap and input."""
    return weight.permute(2, 3, 1, 0).reshape(-1, weight.shape[0])


def case(name, operator, draws, x, y, parameters=()):
    """`parameters` are (tensor, layout) pairs; the gradients are those of x and of each."""
    coefficients = drawn(draws, y.shape, 1.0).detach()
    tensors = [x] + [tensor for tensor, _ in parameters]
    gradients = torch.autograd.grad((y * coefficients).sum(), tensors)
    layouts = [to_rows] + [layout for _, layout in parameters]
    count, channels, height, width = x.shape
    return {
        "name": name,
        "operator": operator,
        "pictures": [count, height, width],
        "channels": channels,
        "x": flat(to_rows(x)),
        "parameters": [flat(layout(tensor)) for tensor, layout in parameters],
        "results": list(y.shape),
        "coefficients": flat(to_rows(coefficients)),
        "y": flat(to_rows(y)),
        "gradients": [flat(layout(g)) for layout, g in zip(layouts, gradients)],
    }


def same(tensor):
    return tensor


def convolution(draws, shape, outputs, size, stride, padding, groups=1, activation=None):
    x = drawn(draws, shape)
    weight = drawn(draws, [outputs, shape[1] // groups, *size], 0.5)
    bias = drawn(draws, [outputs], 0.5)
    top, left, bottom, right = padding
    padded = F.pad(x, (left, right, top, bottom))
    y = F.conv2d(padded, weight, bias, stride=stride, groups=groups)
    if activation == "tanh":
        y = torch.tanh(y)
    operator = {
        "kind": "conv2d",
        "size": size,
        "stride": stride,
        "padding": padding,
        "groups": groups,
        "tanh": activation == "tanh",
    }
    name = f"conv2d {shape} to {outputs}, {operator}"
    return case(name, operator, draws, x, y, [(weight, to_matrix), (bias, same)])


def pooling(draws, shape, size, stride, padding):
    x = drawn(draws, shape)
    y = F.max_pool2d(x, size, stride, padding)
    operator = {
        "kind": "max_pool2d",
        "size": size,
        "stride": stride,
        "padding": padding + padding,
    }
    return case(f"max_pool2d {shape}, {operator}", operator, draws, x, y)


def enlarged(draws, shape, factor, mode):
    x = drawn(draws, shape)
    options = {"align_corners": False} if mode == "bilinear" else {}
    y = F.interpolate(x, scale_factor=factor, mode=mode, **options)
    operator = {"kind": "upsample2d", "factor": factor, "bilinear": mode == "bilinear"}
    return case(f"upsample2d {shape}, {operator}", operator, draws, x, y)


def normalised(draws, shape, groups, epsilon):
    x = drawn(draws, shape)
    gain, bias = drawn(draws, [shape[1]], 1.5), drawn(draws, [shape[1]], 1.0)
    y = F.group_norm(x, groups, gain, bias, epsilon)
    operator = {"kind": "group_norm", "groups": groups, "epsilon": epsilon}
    parameters = [(gain, same), (bias, same)]
    return case(f"group_norm {shape}, {operator}", operator, draws, x, y, parameters)


def difference(draws, rows, columns):
    """As pictures of one pixel, with the other side in the place of the parameters."""
    a, b = drawn(draws, [rows, columns, 1, 1]), drawn(draws, [rows, columns, 1, 1])
    with torch.no_grad():
        b[0, 0] = a[0, 0]
    y = F.l1_loss(a, b, reduction="none").mean((1, 2, 3)).reshape(-1, 1, 1, 1)
    operator = {"kind": "l1"}
    return case(f"l1 {rows} x {columns}", operator, draws, a, y, [(b, to_rows)])


if __name__ == "__main__":
    draws = Draws(43)
    golden.write(
        "pictures.json",
        {
            "cases": [
                convolution(draws, [2, 3, 5, 4], 4, [3, 3], [1, 1], [1, 1, 1, 1]),
                convolution(draws, [2, 2, 7, 6], 3, [3, 2], [2, 2], [1, 0, 1, 1], 1, "tanh"),
                convolution(draws, [1, 2, 2, 3], 2, [5, 5], [1, 1], [4, 4, 4, 4]),
                convolution(draws, [2, 3, 4, 3], 5, [1, 1], [1, 1], [0, 0, 0, 0], 1, "tanh"),
                convolution(draws, [1, 2, 5, 7], 2, [2, 4], [3, 2], [1, 0, 0, 3]),
                convolution(draws, [2, 3, 5, 5], 3, [3, 3], [2, 2], [1, 1, 1, 1], 3, "tanh"),
                convolution(draws, [1, 3, 4, 5], 6, [2, 3], [1, 2], [1, 2, 0, 1], 3),
                pooling(draws, [2, 3, 5, 7], [2, 2], [2, 2], [0, 0]),
                pooling(draws, [2, 2, 6, 5], [3, 3], [2, 1], [1, 1]),
                enlarged(draws, [2, 3, 2, 3], 2, "nearest"),
                enlarged(draws, [1, 2, 2, 1], 3, "nearest"),
                enlarged(draws, [2, 3, 3, 4], 2, "bilinear"),
                enlarged(draws, [1, 2, 2, 3], 3, "bilinear"),
                enlarged(draws, [1, 2, 1, 2], 4, "bilinear"),
                normalised(draws, [3, 4, 3, 5], 2, 1e-5),
                normalised(draws, [2, 3, 2, 2], 3, 1e-3),
                normalised(draws, [1, 1, 13, 20], 1, 1e-5),
                difference(draws, 5, 7),
            ],
        },
    )
