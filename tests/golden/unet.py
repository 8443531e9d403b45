"""U-Nets over whole pictures, in PyTorch's layout of [picture, channel, y, x].

On the way up pictures are enlarged first and then get fewer channels; Limbeck does the one before the
other. Padding is PyTorch's own repetition of edges, cut off again at the end."""

import torch
from torch import nn
from torch.nn import functional as F

import golden
from golden import MARGIN, Draws, Parameter, affine

CLASSES = 3



class Block(nn.Module):
    """Twice: convolution, group norm, relu."""

    def __init__(self, inputs, outputs, groups):
        super().__init__()
        widths = [inputs, outputs, outputs]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(widths[k], widths[k + 1], 3, padding=1, bias=False) for k in range(2)
        )
        self.norms = nn.ModuleList(nn.GroupNorm(groups, outputs, eps=1e-5) for _ in range(2))

    def draw(self, draws):
        for convolution, norm in zip(self.convolutions, self.norms):
            draws.fill(convolution.weight, 3.0 / convolution.weight[0].numel() ** 0.5)
            golden.fill_norm(draws, norm.weight, norm.bias)

    def stored_parameters(self, name):
        stored = []
        for k, (convolution, norm) in enumerate(zip(self.convolutions, self.norms)):
            stored.append(Parameter(f"{name}.{k}.convolution.weight", convolution.weight, "conv2d"))
            stored += affine(f"{name}.{k}.norm", norm.weight, norm.bias, "same")
        return stored

    def forward(self, x, kinks):
        for convolution, norm in zip(self.convolutions, self.norms):
            z = norm(convolution(x))
            kinks.append(z.detach().abs().min())
            x = F.relu(z)
        return x


class UNet(nn.Module):
    def __init__(self, channels, width, levels, groups, interpolation, pictures, labels, seed):
        super().__init__()
        self.levels, self.interpolation = levels, interpolation
        self.pictures, self.labels = pictures, labels
        widths = [width * 2**level for level in range(levels + 1)]
        inputs = [channels] + widths
        self.down = nn.ModuleList(Block(inputs[k], widths[k], groups) for k in range(levels))
        self.bottom = Block(widths[levels - 1], widths[levels], groups)
        self.narrow = nn.ModuleList(nn.Conv2d(widths[k + 1], widths[k], 1) for k in range(levels))
        self.up = nn.ModuleList(Block(2 * widths[k], widths[k], groups) for k in range(levels))
        self.classifier = nn.Conv2d(width, CLASSES, 1)
        draws = Draws(seed)
        for block in [*self.down, self.bottom, *self.up]:
            block.draw(draws)
        for convolution in [*self.narrow, self.classifier]:
            golden.fill_affine(draws, convolution.weight, convolution.bias)
        kinks = []
        self.scores(kinks)
        assert min(kinks) > MARGIN, "relu or a maximum near its kink: choose another seed"

    def stored_parameters(self):
        stored = []
        for level, block in enumerate(self.down):
            stored += block.stored_parameters(f"encoder.{level}")
        stored += self.bottom.stored_parameters("bottom")
        for level in reversed(range(self.levels)):
            narrow = self.narrow[level]
            stored += affine(f"decoder.{level}.up", narrow.weight, narrow.bias, "conv2d")
            stored += self.up[level].stored_parameters(f"decoder.{level}")
        return stored + affine("classifier", self.classifier.weight, self.classifier.bias, "conv2d")

    def enlarged(self, x):
        if self.interpolation == "nearest":
            return F.interpolate(x, scale_factor=2, mode="nearest")
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

    def scores(self, kinks):
        """[picture, class, y, x]"""
        height, width = self.pictures.shape[2:]
        multiple = 2**self.levels
        missing_y, missing_x = -height % multiple, -width % multiple
        top, left = missing_y // 2, missing_x // 2
        edges = (left, missing_x - left, top, missing_y - top)
        x = F.pad(self.pictures, edges, mode="replicate")
        kept = []
        for block in self.down:
            x = block(x, kinks)
            kept.append(x)
            kinks.append(gap(x))
            x = F.max_pool2d(x, 2)
        x = self.bottom(x, kinks)
        for level in reversed(range(self.levels)):
            x = self.narrow[level](self.enlarged(x))
            x = self.up[level](torch.cat([kept[level], x], dim=1), kinks)
        return self.classifier(x)[:, :, top : top + height, left : left + width]

    def forward(self):
        """[pixels, classes], line by line."""
        return self.scores([]).permute(0, 2, 3, 1).reshape(-1, CLASSES)

    def loss(self):
        return F.cross_entropy(self(), torch.tensor(self.labels))


def gap(x):
    """The least distance of the two largest numbers of a window of 2 x 2; exact ties are of relu's
    zeros, whose gradient relu takes away."""
    windows = x.detach().unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)
    first, second = windows.topk(2, dim=4).values.unbind(4)
    distances = first - second
    return distances[distances > 0].min()


def write(file, seed, shape, width, levels, groups, interpolation):
    draws = Draws(seed)
    count, channels, height, pixels = shape
    pictures = torch.empty(shape)
    draws.fill(pictures, 2.0)
    labels = [draws.source.randrange(CLASSES) for _ in range(count * height * pixels)]
    description = {
        "kind": "u_net",
        "channels": channels,
        "classes": CLASSES,
        "width": width,
        "levels": levels,
        "groups": groups,
        "bilinear": interpolation == "bilinear",
    }
    stored = [
        {
            "height": height,
            "width": pixels,
            "channels": channels,
            "values": golden.flat(picture.permute(1, 2, 0)),
        }
        for picture in pictures
    ]
    model = UNet(channels, width, levels, groups, interpolation, pictures, labels, seed + 100).train()
    golden.write_model(file, description, model, stored, labels, inputs="pictures")


if __name__ == "__main__":
    write("unet_bilinear.json", 1, [2, 3, 5, 7], width=2, levels=2, groups=2, interpolation="bilinear")
    write("unet_nearest.json", 2, [3, 1, 3, 4], width=4, levels=1, groups=2, interpolation="nearest")
