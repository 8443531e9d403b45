"""Networks over frames of speech, one clip at a time: `nn.Conv1d` and `nn.LayerNorm`, `nn.GRU` in one
direction and in both. Segments are cut out of the clip and pooled one by one."""

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

import golden
from golden import MARGIN, Draws, Parameter, affine

BINS, CLASSES = 3, 4
# Frames of every segment of four clips; the second is the longest, the last a single frame.
SEGMENTS = [[2, 3], [1, 4, 2], [4], [1]]
# The share of a bias that goes into PyTorch's second one, which is added to its first.
SECOND = 0.25


class Convolutions(nn.Module):
    def __init__(self, channels, kernel_sizes):
        super().__init__()
        inputs = [BINS] + [channels] * len(kernel_sizes)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(inputs[k], channels, size, padding="same") for k, size in enumerate(kernel_sizes)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(channels, eps=1e-5) for _ in kernel_sizes)
        self.width = channels

    def draw(self, draws):
        for convolution, norm in zip(self.convolutions, self.norms):
            golden.fill_affine(draws, convolution.weight, convolution.bias)
            golden.fill_norm(draws, norm.weight, norm.bias)

    def stored_parameters(self):
        stored = []
        for k, (convolution, norm) in enumerate(zip(self.convolutions, self.norms)):
            stored += affine(f"blocks.{k}.convolution", convolution.weight, convolution.bias, "conv1d")
            stored += affine(f"blocks.{k}.norm", norm.weight, norm.bias, "same")
        return stored

    def forward(self, frames, kinks):
        h = frames
        for convolution, norm in zip(self.convolutions, self.norms):
            before = convolution(h.t()).t()
            kinks.append(before.detach().abs().min())
            after = F.relu(before)
            h = norm(after + h if after.shape == h.shape else after)
        return h


class Recurrent(nn.Module):
    """Layers of PyTorch's GRU. The library's cells have one bias where PyTorch has two, but for the
    hidden one of the candidate; so the parameters are kept here and handed over."""

    def __init__(self, hidden, layers, bidirectional):
        super().__init__()
        self.hidden = hidden
        self.ways = {"forward": ""} | ({"backward": "_reverse"} if bidirectional else {})
        self.width = hidden * len(self.ways)
        # A plain list: their own parameters are never used.
        self.units = [
            [nn.GRU(BINS if k == 0 else self.width, hidden, batch_first=True, bidirectional=bidirectional)]
            for k in range(layers)
        ]
        self.kept = nn.ParameterDict()
        for k in range(layers):
            inputs = BINS if k == 0 else self.width
            for way in self.ways:
                for name, shape in [
                    ("input_weight", [3 * hidden, inputs]),
                    ("recurrent_weight", [3 * hidden, hidden]),
                    ("bias", [3 * hidden]),
                    ("hidden_bias", [hidden]),
                ]:
                    self.kept[f"layers {k} {way} {name}"] = nn.Parameter(torch.empty(shape))

    def draw(self, draws):
        for tensor in self.kept.values():
            draws.fill(tensor, 0.3 if tensor.dim() == 1 else 1.0)

    def stored_parameters(self):
        return [
            Parameter(name.replace(" ", "."), tensor, "linear" if tensor.dim() > 1 else "same")
            for name, tensor in self.kept.items()
        ]

    def handed_over(self, layer):
        theirs, summed = {}, 2 * self.hidden
        for way, ending in self.ways.items():
            own = {p: self.kept[f"layers {layer} {way} {p}"] for p in
                   ["input_weight", "recurrent_weight", "bias", "hidden_bias"]}
            gates = own["bias"][:summed]
            theirs[f"weight_ih_l0{ending}"] = own["input_weight"]
            theirs[f"weight_hh_l0{ending}"] = own["recurrent_weight"]
            first = [(1.0 - SECOND) * gates, own["bias"][summed:]]
            theirs[f"bias_ih_l0{ending}"] = torch.cat(first)
            theirs[f"bias_hh_l0{ending}"] = torch.cat([SECOND * gates, own["hidden_bias"]])
        return theirs

    def forward(self, frames, kinks):
        h = frames.unsqueeze(0)
        for layer, [unit] in enumerate(self.units):
            h, _ = functional_call(unit, self.handed_over(layer), (h,))
        return h.squeeze(0)


class SpeechNet(nn.Module):
    def __init__(self, trunk, segments, clips, labels, seed):
        super().__init__()
        self.trunk, self.segments, self.clips, self.labels = trunk, segments, clips, labels
        self.classifier = nn.Linear(trunk.width * (2 if segments else 1), CLASSES)
        draws = Draws(seed)
        trunk.draw(draws)
        golden.fill_affine(draws, self.classifier.weight, self.classifier.bias)
        kinks = []
        self.scores(kinks)
        assert min(kinks, default=1.0) > MARGIN, "a kink is near: choose another seed"

    def stored_parameters(self):
        classifier = affine("classifier", self.classifier.weight, self.classifier.bias)
        return self.trunk.stored_parameters() + classifier

    def pooled(self, states, division, kinks):
        rows = []
        for segment in states.split(division):
            if len(segment) > 1:
                first, second = segment.detach().topk(2, dim=0).values.unbind(0)
                kinks.append((first - second).min())
            rows.append(torch.cat([segment.mean(dim=0), segment.max(dim=0).values]))
        return torch.stack(rows)

    def scores(self, kinks):
        rows = []
        for clip, division in zip(self.clips, SEGMENTS):
            states = self.trunk(clip, kinks)
            rows.append(self.pooled(states, division, kinks) if self.segments else states)
        return self.classifier(torch.cat(rows))

    def forward(self):
        return self.scores([])

    def loss(self):
        return F.cross_entropy(self(), torch.tensor(self.labels))


def write(file, seed, trunk, output, description):
    draws = Draws(seed)
    clips = [torch.empty(sum(division), BINS) for division in SEGMENTS]
    for clip in clips:
        draws.fill(clip, 1.5)
    rows = sum(map(len if output == "segments" else sum, SEGMENTS))
    labels = [draws.source.randrange(CLASSES) for _ in range(rows)]
    description = {
        "kind": "speech",
        "bins": BINS,
        "classes": CLASSES,
        "output": output,
        "trunk": description,
    }
    stored = [
        {"bins": BINS, "values": golden.flat(clip), "segments": division}
        for clip, division in zip(clips, SEGMENTS)
    ]
    model = SpeechNet(trunk, output == "segments", clips, labels, seed + 100).train()
    golden.write_model(file, description, model, stored, labels, inputs="clips")


def write_convolution(file, seed, channels, kernel_sizes, output):
    sizes = {"kind": "convolution", "channels": channels, "kernel_sizes": kernel_sizes}
    write(file, seed, Convolutions(channels, kernel_sizes), output, sizes)


def write_recurrent(file, seed, hidden, layers, bidirectional, output):
    sizes = {
        "kind": "recurrent",
        "hidden_size": hidden,
        "layers": layers,
        "bidirectional": bidirectional,
    }
    write(file, seed, Recurrent(hidden, layers, bidirectional), output, sizes)


if __name__ == "__main__":
    # As many channels as bins: every convolution has a residual.
    write_convolution("speech_convolution_frames.json", 1, 3, [2, 3], "frames")
    write_convolution("speech_convolution_segments.json", 2, 5, [3, 4, 2], "segments")
    write_recurrent("speech_recurrent_frames.json", 3, 4, 2, True, "frames")
    write_recurrent("speech_recurrent_segments.json", 4, 5, 2, False, "segments")
