"""Sequence taggers, one sentence at a time; the layers of attention are PyTorch's own.

The convolutions give every word its own vectors and the pooled ones of its sentence. The decoder's
row at a word is the symbol of the tag before it plus the encoder's state of the word; what it writes
by itself is found by reading the whole sentence again for every tag."""

import torch
from torch import nn
from torch.nn import functional as F

import golden
from golden import MARGIN, Draws, Parameter, affine
from seq2seq import HEADS, HIDDEN, INNER, Decoder, encoder_layer, fill, layer
from sequence_losses import crf_loss

WORDS, LETTERS, SHAPES, TAGS, POSITIONS = 9, 7, 3, 4, 8
WORD_SIZE, LETTER_SIZE, LETTER_CHANNELS, SHAPE_SIZE = 4, 3, 5, 2
WIDTH = WORD_SIZE + LETTER_CHANNELS + SHAPE_SIZE
# Even, so that it matters on which side the padding is longer.
LETTER_KERNEL = 2

# Word 6 and letter 6 are in no sentence. Words 1 and 5 are spelt alike, and word 1 stands twice in a
# sentence and in two sentences.
SENTENCES = [
    {"words": [4], "spellings": [[2, 5, 0]], "shapes": [1]},
    {"words": [7, 1, 7], "spellings": [[3], [4, 4, 1, 0], [3]], "shapes": [0, 2, 1]},
    {
        "words": [2, 1, 0, 5, 1, 8],
        "spellings": [[1, 2], [4, 4, 1, 0], [5, 0, 3, 2, 1], [4, 4, 1, 0], [4, 4, 1, 0], [0]],
        "shapes": [2, 0, 0, 1, 2, 0],
    },
]
LABELS = [[3], [0, 2, 1], [1, 1, 3, 0, 2, 2]]


class Words(nn.Module):
    """Vectors of words, of their letters, of their forms."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(WORDS, WORD_SIZE)
        self.letters = nn.Embedding(LETTERS, LETTER_SIZE)
        self.convolution = nn.Conv1d(LETTER_SIZE, LETTER_CHANNELS, LETTER_KERNEL, padding="same")
        self.shapes = nn.Embedding(SHAPES, SHAPE_SIZE)

    def draw(self, draws):
        for table in [self.words, self.letters, self.shapes]:
            draws.fill(table.weight, 0.8)
        golden.fill_affine(draws, self.convolution.weight, self.convolution.bias)

    def stored_parameters(self):
        convolution = self.convolution
        return [
            Parameter("words.weight", self.words.weight),
            Parameter("letters.weight", self.letters.weight),
            *affine("letters.convolution", convolution.weight, convolution.bias, "conv1d"),
            Parameter("shapes.weight", self.shapes.weight),
        ]

    def convolved(self, spelling):
        """Before relu, [channels, letters]."""
        return self.convolution(self.letters(torch.tensor(spelling)).t())

    def forward(self, sentence):
        """[words, WIDTH]"""
        spelt = [F.relu(self.convolved(s)).max(dim=1).values for s in sentence["spellings"]]
        words = self.words(torch.tensor(sentence["words"]))
        shapes = self.shapes(torch.tensor(sentence["shapes"]))
        return torch.cat([words, torch.stack(spelt), shapes], dim=1)

    def check_margin(self):
        for sentence in SENTENCES:
            for spelling in sentence["spellings"]:
                before = self.convolved(spelling)
                check_kinks(before, F.relu(before))


def check_kinks(before, after):
    """Of relu, and of the largest of several columns; exact ties are of relu's zeros."""
    assert before.abs().min() > MARGIN, "relu near its kink: choose another seed"
    if after.shape[1] > 1:
        first, second = after.topk(2, dim=1).values.unbind(1)
        close = (first - second <= MARGIN) & (first != second)
        assert not close.any(), "two maxima nearly tie: choose another seed"


class TextCnn(nn.Module):
    def __init__(self, stacked, kernel_sizes, channels):
        super().__init__()
        self.stacked = stacked
        reads = [channels if stacked and k > 0 else WIDTH for k in range(len(kernel_sizes))]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, channels, size, padding="same") for width, size in zip(reads, kernel_sizes)
        )
        self.width = WIDTH + 2 * channels * len(kernel_sizes)

    def draw(self, draws):
        for convolution in self.convolutions:
            golden.fill_affine(draws, convolution.weight, convolution.bias)

    def stored_parameters(self):
        stored = []
        for k, convolution in enumerate(self.convolutions):
            stored += affine(f"blocks.{k}.convolution", convolution.weight, convolution.bias, "conv1d")
        return stored

    def blocks(self, u):
        """(before relu, output) of every block, [channels, words] each."""
        blocks = []
        for k, convolution in enumerate(self.convolutions):
            above = self.stacked and k > 0
            read = blocks[-1][1] if above else u.t()
            before = convolution(read)
            blocks.append((before, F.relu(before) + read if above else F.relu(before)))
        return blocks

    def forward(self, u, labels):
        local = torch.cat([output for _, output in self.blocks(u)])
        pooled = local.max(dim=1, keepdim=True).values.expand_as(local)
        return torch.cat([u.t(), local, pooled]).t()

    def check_margin(self, u):
        for before, output in self.blocks(u):
            check_kinks(before, output)


class Encoder(nn.Module):
    def __init__(self, pre, window, layers):
        super().__init__()
        self.pre, self.width = pre, HIDDEN
        self.input = nn.Conv1d(WIDTH, HIDDEN, window, padding="same")
        self.positions = nn.Embedding(POSITIONS, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN)
        self.layers = nn.ModuleList(layer(nn.TransformerEncoderLayer, pre) for _ in range(layers))

    def draw(self, draws):
        golden.fill_affine(draws, self.input.weight, self.input.bias)
        draws.fill(self.positions.weight, 0.3)
        fill(self, draws)

    def stored_parameters(self):
        stored = [
            *affine("input", self.input.weight, self.input.bias, "conv1d"),
            Parameter("positions.weight", self.positions.weight),
            *affine("norm", self.norm.weight, self.norm.bias, "same"),
        ]
        for index, part in enumerate(self.layers):
            stored += encoder_layer(f"layers.{index}", part)
        return stored

    def forward(self, u, labels):
        h = self.input(u.t()).t().unsqueeze(0)
        h = h + self.positions(torch.arange(len(u)))
        h = h if self.pre else self.norm(h)
        for part in self.layers:
            h = part(h)
        h = self.norm(h) if self.pre else h
        return h.squeeze(0)

    def check_margin(self, u):
        """It has no kinks: GELU is smooth."""


class Seq2Seq(nn.Module):
    def __init__(self, encoder, decoder_layers):
        super().__init__()
        self.encoder, self.width = encoder, HIDDEN
        self.symbols = nn.Embedding(TAGS + 1, HIDDEN)
        self.decoder = Decoder(decoder_layers, encoder.pre)

    def draw(self, draws):
        self.encoder.draw(draws)
        draws.fill(self.symbols.weight, 0.8)
        fill(self.decoder, draws)

    def stored_parameters(self):
        symbols = Parameter("symbols.weight", self.symbols.weight)
        stored = self.encoder.stored_parameters() + [symbols]
        return stored + self.decoder.stored_parameters()

    def forward(self, u, labels):
        memory = self.encoder(u, labels).unsqueeze(0)
        before = torch.tensor([TAGS, *labels[: len(u) - 1]])
        real = torch.ones(1, len(u), dtype=torch.bool)
        return self.decoder(memory + self.symbols(before), memory, real).squeeze(0)

    def check_margin(self, u):
        """As of the encoder."""


class Tagger(nn.Module):
    def __init__(self, trunk, crf, seed):
        super().__init__()
        self.words, self.trunk = Words(), trunk
        self.scores = nn.Linear(trunk.width, TAGS)
        self.transitions = nn.Parameter(torch.zeros(TAGS + 2, TAGS)) if crf else None
        draws = Draws(seed)
        self.words.draw(draws)
        trunk.draw(draws)
        golden.fill_affine(draws, self.scores.weight, self.scores.bias)
        if crf:
            draws.fill(self.transitions, 1.0)
        self.words.check_margin()
        for sentence in SENTENCES:
            trunk.check_margin(self.words(sentence))

    def stored_parameters(self):
        stored = self.words.stored_parameters() + self.trunk.stored_parameters()
        stored += affine("scores", self.scores.weight, self.scores.bias)
        if self.transitions is not None:
            stored.append(Parameter("transitions", self.transitions, exempt=True))
        return stored

    def sentence(self, sentence, labels):
        return self.scores(self.trunk(self.words(sentence), labels))

    def forward(self):
        """The scores of all words behind the true tags, sentence by sentence."""
        return [self.sentence(s, labels) for s, labels in zip(SENTENCES, LABELS)]

    def written(self):
        """The same behind the tags that it has written itself: the best one of each word."""
        rows = []
        for sentence in SENTENCES:
            labels = [0] * len(sentence["words"])
            for t in range(len(labels)):
                scores = self.sentence(sentence, labels)
                first, second = scores[t].topk(2).values
                assert first - second > 1e-3, "two tags nearly tie: choose another seed"
                labels[t] = scores[t].argmax().item()
            rows.append(self.sentence(sentence, labels))
        return torch.cat(rows)

    def loss(self):
        """The mean over words."""
        if self.transitions is None:
            return F.cross_entropy(torch.cat(self()), torch.tensor(sum(LABELS, [])))
        losses = [crf_loss(e, self.transitions, labels) for e, labels in zip(self(), LABELS)]
        return sum(losses) / len(sum(LABELS, []))


def write(file, seed, trunk, crf, description):
    model = Tagger(trunk, crf, seed).train()
    parameters = model.stored_parameters()
    described = {id(p.tensor) for p in parameters}
    named = dict(model.named_parameters())
    assert described == {id(t) for t in named.values()}, "a parameter would be missing in the file"
    logits, loss = torch.cat(model()), model.loss()
    loss.backward()
    content = {
        "tagger": {
            "words": WORDS,
            "letters": LETTERS,
            "shapes": SHAPES,
            "word_size": WORD_SIZE,
            "letter_size": LETTER_SIZE,
            "letter_channels": LETTER_CHANNELS,
            "letter_kernel_size": LETTER_KERNEL,
            "shape_size": SHAPE_SIZE,
            "tags": TAGS,
            "crf": crf,
            "trunk": description,
        },
        "sentences": SENTENCES,
        "labels": sum(LABELS, []),
        "parameters": golden.described_parameters(parameters),
        "logits": golden.flat(logits),
        "written": golden.flat(model.written()),
        "loss": loss.item(),
        "training": golden.trajectories(model),
    }
    golden.write(file, content)


def write_text_cnn(file, seed, topology, kernel_sizes, channels, crf):
    sizes = {"kind": "text_cnn", "channels": channels, "kernel_sizes": kernel_sizes, "topology": topology}
    write(file, seed, TextCnn(topology == "stacked", kernel_sizes, channels), crf, sizes)


def write_attention(file, seed, norm, window, layers, decoder_layers, crf):
    encoder = Encoder(norm == "pre", window, layers)
    sizes = {
        "kind": "seq2_seq" if decoder_layers else "transformer",
        "window": window,
        "max_positions": POSITIONS,
        "decoder_layers": decoder_layers,
        "stack": {
            "hidden_size": HIDDEN,
            "layers": layers,
            "heads": HEADS,
            "feed_forward_size": INNER,
            "norm": norm,
        },
    }
    write(file, seed, Seq2Seq(encoder, decoder_layers) if decoder_layers else encoder, crf, sizes)


if __name__ == "__main__":
    write_text_cnn("tagger_text_cnn_parallel.json", 1, "parallel", [2, 3], channels=4, crf=False)
    write_text_cnn("tagger_text_cnn_stacked.json", 2, "stacked", [3, 2, 4], channels=4, crf=True)
    write_attention("tagger_transformer.json", 3, "post", 3, layers=2, decoder_layers=0, crf=True)
    write_attention("tagger_seq2seq.json", 4, "pre", 2, layers=1, decoder_layers=2, crf=False)
