"""TextCNNs, one text at a time: no packing, no padding but the convolution's own."""

import torch
from torch import nn
from torch.nn import functional as F

import golden
from golden import CLASSES, LABELS, MARGIN, TEXTS, VOCABULARY_SIZE, Draws, Parameter, affine


class TextCnn(nn.Module):
    def __init__(self, topology, pooling, kernel_sizes, embedding_size, channels, seed):
        super().__init__()
        self.stacked, self.pooling = topology == "stacked", pooling
        self.embedding = nn.Embedding(VOCABULARY_SIZE, embedding_size)
        reads = [channels if self.stacked and k > 0 else embedding_size for k in range(len(kernel_sizes))]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, channels, size, padding="same") for width, size in zip(reads, kernel_sizes)
        )
        both = kernel_sizes if pooling == "max_mean" else []
        self.projections = nn.ModuleList(nn.Linear(2 * channels, channels) for _ in both)
        self.classifier = nn.Linear(len(kernel_sizes) * channels, CLASSES)
        draws = Draws(seed)
        draws.fill(self.embedding.weight, 0.8)
        for module in [*self.convolutions, *self.projections, self.classifier]:
            golden.fill_affine(draws, module.weight, module.bias)

    def stored_parameters(self):
        stored = [Parameter("embedding.weight", self.embedding.weight)]
        for index, convolution in enumerate(self.convolutions):
            name = f"blocks.{index}"
            stored += affine(f"{name}.convolution", convolution.weight, convolution.bias, "conv1d")
            if self.projections:
                projection = self.projections[index]
                stored += affine(f"{name}.pooling", projection.weight, projection.bias)
        return stored + affine("classifier", self.classifier.weight, self.classifier.bias)

    def blocks(self, text):
        """(before relu, output) of every block, [1, channels, positions] each."""
        embedded = self.embedding(torch.tensor([text])).transpose(1, 2)
        below, blocks = embedded, []
        for convolution in self.convolutions:
            read = below if self.stacked else embedded
            before = convolution(read)
            below = F.relu(before)
            if self.stacked and read.shape == below.shape:
                below = below + read
            blocks.append((before, below))
        return blocks

    def pool(self, index, block):
        largest = block.max(dim=2).values
        if self.pooling == "max":
            return largest
        return self.projections[index](torch.cat([largest, block.mean(dim=2)], dim=1))

    def forward(self):
        rows = []
        for text in TEXTS:
            pooled = [self.pool(index, block) for index, (_, block) in enumerate(self.blocks(text))]
            rows.append(self.classifier(torch.cat(pooled, dim=1)))
        return torch.cat(rows)

    def loss(self):
        return F.cross_entropy(self(), torch.tensor(LABELS))

    def check_margin(self):
        for text in TEXTS:
            for before, block in self.blocks(text):
                assert before.abs().min() > MARGIN, "relu near its kink: choose another seed"
                if len(text) > 1:
                    first, second = block.topk(2, dim=2).values.unbind(2)
                    # Exact ties are of relu's zeros, plus the residual of one and the same token:
                    # whichever position is taken, the same gradients result.
                    close = (first - second <= MARGIN) & (first != second)
                    assert not close.any(), "two maxima nearly tie: choose another seed"


def write(file, seed, topology, pooling, kernel_sizes, embedding_size, channels):
    description = {
        "kind": "text_cnn",
        "vocabulary_size": VOCABULARY_SIZE,
        "classes": CLASSES,
        "embedding_size": embedding_size,
        "channels": channels,
        "kernel_sizes": kernel_sizes,
        "topology": topology,
        "pooling": pooling,
    }
    model = TextCnn(topology, pooling, kernel_sizes, embedding_size, channels, seed)
    model.check_margin()
    golden.write_model(file, description, model)


if __name__ == "__main__":
    # The first block's widths differ (6 and 8: no residual there), the next two agree.
    write("text_cnn_stacked.json", 1, "stacked", "max", [2, 3, 4], embedding_size=6, channels=8)
    write("text_cnn_parallel.json", 2, "parallel", "max", [3, 4, 5], embedding_size=8, channels=8)
    write("text_cnn_max_mean.json", 3, "stacked", "max_mean", [2, 3, 4], embedding_size=8, channels=8)
