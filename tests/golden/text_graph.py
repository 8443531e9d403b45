"""Graph networks over texts. Every graph is a dense matrix that plain loops over windows fill; texts
are read one at a time, a corpus whole."""

import math
from collections import Counter
from itertools import product

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

import golden
from golden import CLASSES, MARGIN, Draws, Parameter, affine

# Word 11 is in none of the texts, others are several times in one. The first two texts have a single
# node, to which nothing is joined.
VOCABULARY_SIZE = 12
TEXTS = [
    [3],
    [7, 7],
    [4, 0],
    [2, 5, 2, 8, 2],
    [1, 9, 4, 1, 6, 0],
    [10, 3, 5, 8, 2, 9, 3],
    [6, 0, 4, 7, 1, 6, 10, 3, 5],
]
LABELS = [1, 2, 0, 1, 0, 2, 1]
# Documents of the corpus with a label, in the order of a batch; the others are in the graph alone.
LABELLED = [5, 1, 6, 3, 2]

EMBEDDING, HIDDEN = 6, 5
WINDOW = 3
# PyTorch's cell, for its formula; its own weights are never used.
CELL = nn.GRUCell(HIDDEN, HIDDEN)
# The share of a bias that goes into PyTorch's second one, which is added to its first.
SECOND = 0.25


def single(weights):
    """Weights of edges that are data, as every device of Limbeck is given them."""
    return weights.to(torch.float32).to(torch.float64)


def windows(text, size):
    """The sliding windows; a text that is shorter is one."""
    return [text[start : start + size] for start in range(max(len(text) - size, 0) + 1)]


def distinct(text):
    """In order of first appearance."""
    return list(dict.fromkeys(text))


def normalised(weights):
    """D^-1/2 A D^-1/2; the rows of nodes that nothing is joined to stay zeros."""
    degrees = weights.sum(dim=1)
    scale = torch.where(degrees > 0, degrees, 1.0).rsqrt()
    return single(scale.unsqueeze(1) * weights * scale.unsqueeze(0))


def joined(text):
    """1 for distinct tokens that share a window, [nodes, nodes]."""
    nodes = distinct(text)
    weights = torch.zeros(len(nodes), len(nodes))
    for window in windows(text, WINDOW):
        for target, source in product(window, window):
            if target != source:
                weights[nodes.index(target), nodes.index(source)] = 1.0
    return weights


def near(text, reach):
    """(source, target) of every two positions at most `reach` apart, of each with itself too."""
    for source, target in product(range(len(text)), repeat=2):
        if abs(source - target) <= reach:
            yield text[source], text[target]


def check_largest(values):
    """Maxima over the rows that a float32 device finds in the same rows."""
    if len(values) > 1:
        first, second = values.topk(2, dim=0).values
        assert (first - second).min() > MARGIN, "two maxima nearly tie: choose another seed"


def check_kink(before):
    assert before.abs().min() > MARGIN, "relu near its kink: choose another seed"
    assert (before > 0).any() and (before < 0).any(), "relu on one side alone: choose another seed"


def drawn(draws, shape, bound):
    parameter = nn.Parameter(torch.empty(shape))
    draws.fill(parameter, bound)
    return parameter


class Network(nn.Module):
    labels = LABELS

    def loss(self):
        return F.cross_entropy(self(), torch.tensor(self.labels))


class Cell(nn.Module):
    """Limbeck's parameters of the gated unit: one bias where PyTorch adds two."""

    def __init__(self, draws):
        super().__init__()
        self.input_weight = drawn(draws, [3 * HIDDEN, HIDDEN], HIDDEN**-0.5)
        self.recurrent_weight = drawn(draws, [3 * HIDDEN, HIDDEN], HIDDEN**-0.5)
        self.bias = drawn(draws, [3 * HIDDEN], 0.3)
        self.hidden_bias = drawn(draws, [HIDDEN], 0.3)

    def stored_parameters(self):
        return [
            Parameter("cell.input_weight", self.input_weight, "linear"),
            Parameter("cell.recurrent_weight", self.recurrent_weight, "linear"),
            Parameter("cell.bias", self.bias),
            Parameter("cell.hidden_bias", self.hidden_bias),
        ]

    def forward(self, x, h):
        # The two biases of the candidate are not added to one another: reset stands between them.
        summed, candidate = self.bias.split([2 * HIDDEN, HIDDEN])
        theirs = {
            "weight_ih": self.input_weight,
            "weight_hh": self.recurrent_weight,
            "bias_ih": torch.cat([(1.0 - SECOND) * summed, candidate]),
            "bias_hh": torch.cat([SECOND * summed, self.hidden_bias]),
        }
        return functional_call(CELL, theirs, (x, h))


class Gated(Network):
    """TextING, or with attention in place of the weights of edges."""

    def __init__(self, aggregation, steps, seed):
        super().__init__()
        draws = Draws(seed)
        self.steps = steps
        self.embedding = nn.Embedding(VOCABULARY_SIZE, EMBEDDING)
        draws.fill(self.embedding.weight, 0.8)
        self.encoder = nn.Linear(EMBEDDING, HIDDEN)
        self.cell = Cell(draws)
        of_edge = 2 if aggregation == "attention" else 0
        self.attention = nn.ModuleList(nn.Linear(HIDDEN, 1) for _ in range(of_edge))
        self.gate = nn.Linear(HIDDEN, 1)
        self.feature = nn.Linear(HIDDEN, HIDDEN)
        self.classifier = nn.Linear(HIDDEN, CLASSES)
        for module in [self.encoder, *self.attention, self.gate, self.feature, self.classifier]:
            golden.fill_affine(draws, module.weight, module.bias)

    def stored_parameters(self):
        stored = [
            Parameter("embedding.weight", self.embedding.weight),
            *affine("encoder", self.encoder.weight, self.encoder.bias),
            *self.cell.stored_parameters(),
        ]
        for end, module in zip(["target", "source"], self.attention):
            stored += affine(f"attention.{end}", module.weight, module.bias)
        for name in ["gate", "feature", "classifier"]:
            module = getattr(self, name)
            stored += affine(name, module.weight, module.bias)
        return stored

    def gathered(self, h, edges):
        """What each node reads of the others."""
        if not self.attention:
            return normalised(edges) @ h
        of_target, of_source = self.attention
        # Scores are within ±1: the exponentials need no maximum taken off.
        shares = torch.tanh(of_target(h) + of_source(h).t()).exp() * edges
        sums = shares.sum(dim=1, keepdim=True)
        return (shares / torch.where(sums > 0, sums, 1.0)) @ h

    def features(self, text):
        """Of every node, [nodes, HIDDEN]."""
        h = torch.tanh(self.encoder(self.embedding(torch.tensor(distinct(text)))))
        for _ in range(self.steps):
            h = self.cell(self.gathered(h, joined(text)), h)
        return torch.sigmoid(self.gate(h)) * torch.tanh(self.feature(h))

    def forward(self):
        features = [self.features(text) for text in TEXTS]
        read = [nodes.mean(dim=0) + nodes.max(dim=0).values for nodes in features]
        return self.classifier(torch.stack(read))

    def check_margin(self):
        for text in TEXTS:
            check_largest(self.features(text))


class Level(Network):
    """The text-level network, whose table of edges is counted from the same texts."""

    def __init__(self, reach, min_count, seed):
        super().__init__()
        draws = Draws(seed)
        self.reach = reach
        seen = Counter(pair for text in TEXTS for pair in near(text, reach))
        kept = sorted((-count, pair) for pair, count in seen.items() if count >= min_count)
        # Edge 0 is that of all other pairs.
        self.numbers = {pair: number for number, (_, pair) in enumerate(kept, start=1)}
        assert 0 < len(kept) < len(seen), "some pairs must be common and others rare"
        self.embedding = nn.Embedding(VOCABULARY_SIZE, HIDDEN)
        self.keep = nn.Embedding(VOCABULARY_SIZE, 1)
        self.edges = nn.Embedding(1 + len(kept), 1)
        self.classifier = nn.Linear(HIDDEN, CLASSES)
        draws.fill(self.embedding.weight, 0.8)
        draws.fill(self.keep.weight, 1.5)
        # Some below zero, where the largest product is of the smallest entry.
        draws.fill(self.edges.weight, 1.0, centre=0.5)
        golden.fill_affine(draws, self.classifier.weight, self.classifier.bias)

    def stored_parameters(self):
        return [
            Parameter("embedding.weight", self.embedding.weight),
            # One number for each token, and for each pair of tokens, like a bias.
            Parameter("keep.weight", self.keep.weight, exempt=True),
            Parameter("edges.weight", self.edges.weight, exempt=True),
            *affine("classifier", self.classifier.weight, self.classifier.bias),
        ]

    def products(self, text):
        """What each node hears of each, [source, target, HIDDEN]; -inf where there is no edge."""
        nodes = distinct(text)
        numbers = torch.zeros(len(nodes), len(nodes), dtype=torch.long)
        absent = torch.ones(len(nodes), len(nodes), dtype=torch.bool)
        for source, target in near(text, self.reach):
            place = nodes.index(source), nodes.index(target)
            numbers[place] = self.numbers.get((source, target), 0)
            absent[place] = False
        heard = self.edges(numbers) * self.embedding(torch.tensor(nodes)).unsqueeze(1)
        return heard.masked_fill(absent.unsqueeze(2), -math.inf)

    def sums(self):
        """Of the updated nodes of each text, [texts, HIDDEN]: what relu reads."""
        rows = []
        for text in TEXTS:
            nodes = torch.tensor(distinct(text))
            kept = torch.sigmoid(self.keep(nodes))
            heard = self.products(text).max(dim=0).values
            rows.append(((1.0 - kept) * heard + kept * self.embedding(nodes)).sum(dim=0))
        return torch.stack(rows)

    def forward(self):
        return self.classifier(F.relu(self.sums()))

    def check_margin(self):
        check_kink(self.sums())
        for text in TEXTS:
            for into in self.products(text).unbind(1):
                check_largest(into[into.isfinite().all(dim=1)])


def corpus(window):
    """The graph of TextGCN: documents, then words."""
    documents, seen = len(TEXTS), [set(part) for text in TEXTS for part in windows(text, window)]
    weights = torch.eye(documents + VOCABULARY_SIZE)
    together = lambda *words: sum(seen_in.issuperset(words) for seen_in in seen)
    for word, other in product(range(VOCABULARY_SIZE), repeat=2):
        if word != other and together(word, other) > 0:
            expected = together(word) * together(other)
            pmi = math.log(together(word, other) * len(seen) / expected)
            weights[documents + word, documents + other] = max(pmi, 0.0)
    for document, text in enumerate(TEXTS):
        for word in set(text):
            tf_idf = text.count(word) * math.log(documents / sum(word in other for other in TEXTS))
            weights[document, documents + word] = weights[documents + word, document] = tf_idf
    # As Limbeck keeps them between the two steps.
    return normalised(single(weights))


class Corpus(Network):
    """TextGCN with a first layer of `hidden_size`, or SGC with a number of hops."""

    labels = [LABELS[document] for document in LABELLED]

    def __init__(self, window, seed, hidden_size=None, hops=None):
        super().__init__()
        draws = Draws(seed)
        self.weights, self.hops = corpus(window), hops
        self.nodes = drawn(draws, [len(self.weights), hidden_size or CLASSES], 0.8)
        self.output = drawn(draws, [hidden_size, CLASSES], 0.8) if hidden_size else None

    def stored_parameters(self):
        stored = [Parameter("nodes.weight", self.nodes)]
        return stored + ([] if self.output is None else [Parameter("output.weight", self.output)])

    def forward(self):
        if self.output is None:
            return (torch.linalg.matrix_power(self.weights, self.hops) @ self.nodes)[LABELLED]
        return (self.weights @ F.relu(self.weights @ self.nodes) @ self.output)[LABELLED]

    def check_margin(self):
        if self.output is not None:
            check_kink(self.weights @ self.nodes)


def write(file, kind, model, **sizes):
    model.check_margin()
    description = {"kind": kind, "vocabulary_size": VOCABULARY_SIZE, "classes": CLASSES, **sizes}
    golden.write_model(file, description, model, TEXTS, model.labels)


def write_gated(file, seed, aggregation, steps):
    model = Gated(aggregation, steps, seed)
    sizes = {"embedding_size": EMBEDDING, "hidden_size": HIDDEN, "steps": steps, "window": WINDOW}
    write(file, "text_graph", model, **sizes, aggregation=aggregation)


def write_level(file, seed, reach, min_count):
    model = Level(reach, min_count, seed)
    sizes = {"hidden_size": HIDDEN, "reach": reach, "min_count": min_count}
    write(file, "text_level", model, **sizes, edges=model.edges.num_embeddings)


def write_corpus(file, seed, window, network, **size):
    model = Corpus(window, seed, **size)
    write(file, "corpus", model, window=window, labelled=LABELLED, network={network: size})


if __name__ == "__main__":
    write_gated("text_graph_weighted.json", 7, "weighted", steps=2)
    write_gated("text_graph_attention.json", 4, "attention", steps=2)
    write_level("text_graph_level.json", 3, reach=2, min_count=2)
    # In windows of four some pairs of words that occur together have a PMI below zero.
    write_corpus("text_graph_corpus.json", 4, 4, "convolution", hidden_size=5)
    write_corpus("text_graph_simple.json", 5, 4, "simple", hops=2)
