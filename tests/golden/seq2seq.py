"""Decoders and encoder-decoder classifiers, from PyTorch's own layers over padded batches."""

import torch
from torch import nn
from torch.nn import functional as F

import golden
from golden import CLASSES, LABELS, TEXTS, VOCABULARY_SIZE, Draws, Parameter, affine

HIDDEN, HEADS, INNER, POSITIONS = 8, 2, 12, 9

# Rows of target sequences and of the sources they read, and a class for every target row.
TARGETS, SOURCES = [1, 4, 3], [5, 2, 1]
ROW_LABELS = [2, 0, 1, 2, 1, 0, 0, 1]


def layer(kind, pre):
    return kind(
        HIDDEN, HEADS, INNER, dropout=0.0, activation="gelu", batch_first=True, norm_first=pre
    )


def fill(module, draws):
    """Everything but embeddings and rows."""
    for part in module.modules():
        if isinstance(part, nn.MultiheadAttention):
            golden.fill_affine(draws, part.in_proj_weight, part.in_proj_bias)
        elif isinstance(part, nn.Linear):
            golden.fill_affine(draws, part.weight, part.bias)
        elif isinstance(part, nn.LayerNorm):
            golden.fill_norm(draws, part.weight, part.bias)


def feed_forward(name, part, norm):
    stored = affine(f"{name}.feed_forward.in", part.linear1.weight, part.linear1.bias)
    stored += affine(f"{name}.feed_forward.out", part.linear2.weight, part.linear2.bias)
    return stored + affine(f"{name}.feed_forward.norm", norm.weight, norm.bias, "same")


def self_attention(name, attention, norm):
    stored = affine(f"{name}.query_key_value", attention.in_proj_weight, attention.in_proj_bias)
    stored += affine(f"{name}.output", attention.out_proj.weight, attention.out_proj.bias)
    return stored + affine(f"{name}.norm", norm.weight, norm.bias, "same")


def cross_attention(name, attention, norm):
    weight, bias = attention.in_proj_weight, attention.in_proj_bias
    stored = affine(f"{name}.query", weight, bias, rows=(0, HIDDEN))
    stored += affine(f"{name}.key_value", weight, bias, rows=(HIDDEN, None))
    stored += affine(f"{name}.output", attention.out_proj.weight, attention.out_proj.bias)
    return stored + affine(f"{name}.norm", norm.weight, norm.bias, "same")


def encoder_layer(name, part):
    stored = self_attention(f"{name}.attention", part.self_attn, part.norm1)
    return stored + feed_forward(name, part, part.norm2)


def decoder_layer(name, part):
    stored = self_attention(f"{name}.self_attention", part.self_attn, part.norm1)
    stored += cross_attention(f"{name}.cross_attention", part.multihead_attn, part.norm2)
    return stored + feed_forward(name, part, part.norm3)


class Decoder(nn.Module):
    def __init__(self, layers, pre):
        super().__init__()
        self.layers = nn.ModuleList(layer(nn.TransformerDecoderLayer, pre) for _ in range(layers))
        self.norm = nn.LayerNorm(HIDDEN) if pre else None

    def stored_parameters(self):
        stored = []
        for index, part in enumerate(self.layers):
            stored += decoder_layer(f"decoder.layers.{index}", part)
        if self.norm is not None:
            stored += affine("decoder.norm", self.norm.weight, self.norm.bias, "same")
        return stored

    def forward(self, h, memory, real):
        later = nn.Transformer.generate_square_subsequent_mask(h.shape[1])
        for part in self.layers:
            h = part(h, memory, tgt_mask=later, memory_key_padding_mask=~real)
        return h if self.norm is None else self.norm(h)


class Seq2Seq(nn.Module):
    """One symbol is written: the decoder reads a begin symbol and the encoder's states."""

    def __init__(self, encoder_layers, decoder_layers, pre, seed):
        super().__init__()
        self.pre = pre
        self.embedding = nn.Embedding(VOCABULARY_SIZE, HIDDEN)
        self.positions = nn.Embedding(POSITIONS, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN)
        self.encoder = nn.ModuleList(
            layer(nn.TransformerEncoderLayer, pre) for _ in range(encoder_layers)
        )
        self.begin = nn.Parameter(torch.zeros(1, HIDDEN))
        self.decoder = Decoder(decoder_layers, pre)
        self.classifier = nn.Linear(HIDDEN, CLASSES)
        draws = Draws(seed)
        draws.fill(self.embedding.weight, 0.8)
        draws.fill(self.positions.weight, 0.3)
        draws.fill(self.begin, 0.8)
        fill(self, draws)

    def stored_parameters(self):
        stored = [
            Parameter("embedding.weight", self.embedding.weight),
            Parameter("positions.weight", self.positions.weight),
            *affine("norm", self.norm.weight, self.norm.bias, "same"),
        ]
        for index, part in enumerate(self.encoder):
            stored += encoder_layer(f"layers.{index}", part)
        stored += [Parameter("begin.weight", self.begin), *self.decoder.stored_parameters()]
        return stored + affine("classifier", self.classifier.weight, self.classifier.bias)

    def forward(self):
        longest = max(map(len, TEXTS))
        # Padding repeats id 1, which texts use too: a leak would change its gradient.
        tokens = torch.tensor([text + [1] * (longest - len(text)) for text in TEXTS])
        real = torch.tensor([[t < len(text) for t in range(longest)] for text in TEXTS])
        h = self.embedding(tokens) + self.positions(torch.arange(longest))
        h = h if self.pre else self.norm(h)
        for part in self.encoder:
            h = part(h, src_key_padding_mask=~real)
        h = self.norm(h) if self.pre else h
        begin = self.begin.expand(len(TEXTS), 1, HIDDEN)
        return self.classifier(self.decoder(begin, h, real).squeeze(1))

    def loss(self):
        return F.cross_entropy(self(), torch.tensor(LABELS))


def write_classifier(file, seed, encoder_layers, decoder_layers, norm):
    description = {
        "kind": "seq2_seq",
        "vocabulary_size": VOCABULARY_SIZE,
        "classes": CLASSES,
        "hidden_size": HIDDEN,
        "encoder_layers": encoder_layers,
        "decoder_layers": decoder_layers,
        "heads": HEADS,
        "feed_forward_size": INNER,
        "max_positions": POSITIONS,
        "norm": norm,
    }
    model = Seq2Seq(encoder_layers, decoder_layers, norm == "pre", seed).train()
    golden.write_model(file, description, model)


class RowClassifier(nn.Module):
    """A decoder alone, of target and memory rows that are parameters: their gradients are in the
    file too."""

    def __init__(self, layers, pre, seed):
        super().__init__()
        self.target = nn.Parameter(torch.zeros(sum(TARGETS), HIDDEN))
        self.memory = nn.Parameter(torch.zeros(sum(SOURCES), HIDDEN))
        self.decoder = Decoder(layers, pre)
        self.output = nn.Linear(HIDDEN, CLASSES)
        draws = Draws(seed)
        draws.fill(self.target, 1.0)
        draws.fill(self.memory, 1.0)
        fill(self, draws)

    def stored_parameters(self):
        rows = [Parameter("target", self.target), Parameter("memory", self.memory)]
        output = affine("output", self.output.weight, self.output.bias)
        return rows + self.decoder.stored_parameters() + output

    def forward(self):
        h, real_h = padded(self.target, TARGETS)
        memory, real = padded(self.memory, SOURCES)
        return self.output(self.decoder(h, memory, real)[real_h])


def padded(rows, lengths):
    """Sequences side by side, and which of their places are real. Padding repeats row 0: a leak
    would change its gradient."""
    longest, batch, start = max(lengths), [], 0
    for length in lengths:
        batch.append([start + t if t < length else 0 for t in range(longest)])
        start += length
    real = torch.tensor([[t < length for t in range(longest)] for length in lengths])
    return rows[torch.tensor(batch)], real


def write_decoder(file, seed, layers, norm):
    model = RowClassifier(layers, norm == "pre", seed).train()
    logits = model()
    loss = F.cross_entropy(logits, torch.tensor(ROW_LABELS))
    loss.backward()
    content = {
        "decoder": {
            "hidden_size": HIDDEN,
            "layers": layers,
            "heads": HEADS,
            "feed_forward_size": INNER,
            "norm": norm,
        },
        "classes": CLASSES,
        "target": TARGETS,
        "source": SOURCES,
        "labels": ROW_LABELS,
        "parameters": golden.described_parameters(model.stored_parameters()),
        "logits": golden.flat(logits),
        "loss": loss.item(),
    }
    golden.write(file, content)


if __name__ == "__main__":
    write_classifier("seq2seq_pre_norm.json", 3, 2, 1, "pre")
    write_classifier("seq2seq_post_norm.json", 4, 1, 2, "post")
    write_decoder("decoder_pre_norm.json", 5, 2, "pre")
    write_decoder("decoder_post_norm.json", 6, 2, "post")
