"""Transformer encoder classifiers, from PyTorch's own encoder layer over padded batches."""

import torch
from torch import nn
from torch.nn import functional as F

import golden
from golden import CLASSES, LABELS, TEXTS, VOCABULARY_SIZE, Draws, Parameter, affine

HIDDEN, HEADS, INNER, POSITIONS = 8, 2, 12, 9


class Transformer(nn.Module):
    def __init__(self, layers, norm, pooling, projected, projected_size, seed):
        super().__init__()
        self.pre, self.pooling, self.projected = norm == "pre", pooling, projected
        self.embedding = nn.Embedding(VOCABULARY_SIZE, HIDDEN)
        self.positions = nn.Embedding(POSITIONS, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                HIDDEN, HEADS, INNER, dropout=0.0, activation="gelu", batch_first=True, norm_first=self.pre
            )
            for _ in range(layers)
        )
        self.projections = nn.ModuleList(nn.Linear(HIDDEN, projected_size) for _ in projected)
        width = len(projected) * projected_size if projected else HIDDEN
        self.classifier = nn.Linear(width, CLASSES)
        self.fill(Draws(seed))

    def fill(self, draws):
        draws.fill(self.embedding.weight, 0.8)
        draws.fill(self.positions.weight, 0.3)
        for module in self.modules():
            if isinstance(module, nn.MultiheadAttention):
                golden.fill_affine(draws, module.in_proj_weight, module.in_proj_bias)
            elif isinstance(module, nn.Linear):
                golden.fill_affine(draws, module.weight, module.bias)
            elif isinstance(module, nn.LayerNorm):
                golden.fill_norm(draws, module.weight, module.bias)

    def stored_parameters(self):
        stored = [
            Parameter("embedding.weight", self.embedding.weight),
            Parameter("positions.weight", self.positions.weight),
            *affine("norm", self.norm.weight, self.norm.bias, "same"),
        ]
        for index, layer in enumerate(self.layers):
            name, attention = f"layers.{index}", layer.self_attn
            stored += affine(
                f"{name}.attention.query_key_value", attention.in_proj_weight, attention.in_proj_bias
            )
            stored += affine(f"{name}.attention.output", attention.out_proj.weight, attention.out_proj.bias)
            stored += affine(f"{name}.attention.norm", layer.norm1.weight, layer.norm1.bias, "same")
            stored += affine(f"{name}.feed_forward.in", layer.linear1.weight, layer.linear1.bias)
            stored += affine(f"{name}.feed_forward.out", layer.linear2.weight, layer.linear2.bias)
            stored += affine(f"{name}.feed_forward.norm", layer.norm2.weight, layer.norm2.bias, "same")
        for index, projection in enumerate(self.projections):
            stored += affine(f"projections.{index}", projection.weight, projection.bias)
        return stored + affine("classifier", self.classifier.weight, self.classifier.bias)

    def pool(self, states, real):
        if self.pooling == "first":
            return states[:, 0]
        return (states * real.unsqueeze(2)).sum(1) / real.sum(1, keepdim=True)

    def forward(self):
        longest = max(map(len, TEXTS))
        # Padding repeats id 1, which texts use too: a leak would change its gradient.
        tokens = torch.tensor([text + [1] * (longest - len(text)) for text in TEXTS])
        real = torch.tensor([[t < len(text) for t in range(longest)] for text in TEXTS])
        h = self.embedding(tokens) + self.positions(torch.arange(longest))
        h = h if self.pre else self.norm(h)
        states = [h]
        for layer in self.layers:
            states.append(layer(states[-1], src_key_padding_mask=~real))
        if self.pre:
            states[-1] = self.norm(states[-1])
        if not self.projected:
            return self.classifier(self.pool(states[-1], real))
        levels = [p(self.pool(states[k], real)) for p, k in zip(self.projections, self.projected)]
        return self.classifier(torch.cat(levels, dim=1))

    def loss(self):
        return F.cross_entropy(self(), torch.tensor(LABELS))


def write(file, seed, layers, norm, pooling, projected=(), projected_size=0):
    description = {
        "kind": "transformer",
        "vocabulary_size": VOCABULARY_SIZE,
        "classes": CLASSES,
        "hidden_size": HIDDEN,
        "layers": layers,
        "heads": HEADS,
        "feed_forward_size": INNER,
        "max_positions": POSITIONS,
        "norm": norm,
        "pooling": pooling,
        "projected_layers": list(projected),
        "projected_size": projected_size,
    }
    model = Transformer(layers, norm, pooling, projected, projected_size, seed).train()
    golden.write_model(file, description, model)


if __name__ == "__main__":
    write("transformer_pre_norm.json", 1, 3, "pre", "mean", projected=(1, 3), projected_size=5)
    write("transformer_post_norm.json", 2, 2, "post", "first")
