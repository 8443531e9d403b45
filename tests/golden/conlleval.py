"""What the scorer of the CoNLL shared tasks counts in tagged sentences, malformed ones included.

The scorer (conlleval, Tjong Kim Sang and Buchholz 2000) reads one line after the other and never builds a
span: it asks of each line whether a chunk ended before it and whether one starts with it, in the truth
and in the prediction, and keeps one flag, which says that the chunk it is in has been right so far. It is
written down here in the same way, from its tables. S is not in the tables of the shared tasks, which knew no
such prefix; it is added as other scorers have it, and E closes a chunk whatever follows.

Needs nothing but Python.
"""

import json
import random
from collections import Counter
from pathlib import Path

OUTSIDE = ("O", "")
# Previous and current prefix between which a chunk ends or starts, where the type stays the same.
ENDS = {"BB", "BS", "BO", "IB", "IS", "IO", *(a + b for a in "ES" for b in "BIESO")}
STARTS = {"EE", "EI", "SE", "SI", "OE", "OI", *(a + b for a in "BIESO" for b in "BS")}


def parse(tag):
    prefix, _, kind = tag.partition("-")
    return prefix, kind


def ends(before, now):
    return before[0] + now[0] in ENDS or (before[0] != "O" and before[1] != now[1])


def starts(before, now):
    return before[0] + now[0] in STARTS or (now[0] != "O" and before[1] != now[1])


def evaluate(sentences):
    """The scorer's walk over all lines; sentences are pairs of lists of tags."""
    correct, gold, predicted = Counter(), Counter(), Counter()
    tokens = right_tokens = 0
    in_right, last_g, last_p = False, OUTSIDE, OUTSIDE
    lines = [line for truth, guess in sentences for line in [*zip(truth, guess), None]]
    for line in lines:
        g, p = (parse(line[0]), parse(line[1])) if line else (OUTSIDE, OUTSIDE)
        if in_right:
            if ends(last_g, g) and ends(last_p, p) and last_g[1] == last_p[1]:
                in_right = False
                correct[last_g[1]] += 1
            elif ends(last_g, g) != ends(last_p, p) or g[1] != p[1]:
                in_right = False
        if starts(last_g, g) and starts(last_p, p) and g[1] == p[1]:
            in_right = True
        gold[g[1]] += starts(last_g, g)
        predicted[p[1]] += starts(last_p, p)
        if line:
            tokens += 1
            right_tokens += g == p
        last_g, last_p = g, p
    kinds = sorted(kind for kind in gold | predicted if gold[kind] + predicted[kind])
    found = [sum(counts.values()) for counts in (correct, gold, predicted)]
    precision = found[0] / found[2] if found[2] else 0.0
    recall = found[0] / found[1] if found[1] else 0.0
    return {
        "tokens": tokens,
        "correct_tokens": right_tokens,
        "types": {kind: [correct[kind], gold[kind], predicted[kind]] for kind in kinds},
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / (precision + recall) if precision + recall else 0.0,
    }


# Truth and prediction, by hand: each line has something a scorer may get wrong.
BY_HAND = [
    ("B-PER I-PER O B-LOC", "B-PER I-PER O B-LOC"),
    ("B-PER I-PER O", "I-PER I-PER O"),
    ("B-PER I-PER O", "B-PER O O"),
    ("B-PER I-PER I-PER", "B-PER B-PER I-PER"),
    ("B-PER I-PER O", "B-PER I-LOC O"),
    ("B-PER I-PER O", "I-LOC I-PER O"),
    ("I-ORG I-ORG B-ORG O", "B-ORG I-ORG I-ORG O"),
    ("O O O", "O I-LOC O"),
    ("B-LOC O O", "O O O"),
    ("B-LOC", "I-LOC"),
    ("O", "B-LOC"),
    # A span must not run on into the next sentence.
    ("O B-PER", "O B-PER"),
    ("I-PER O", "I-PER O"),
    ("B-PER I-PER E-PER S-LOC", "B-PER I-PER E-PER S-LOC"),
    ("B-PER E-PER O O", "B-PER I-PER O O"),
    ("B-PER E-PER B-PER E-PER", "B-PER E-PER I-PER E-PER"),
    ("S-PER S-PER O", "E-PER E-PER O"),
    ("S-PER B-PER E-PER", "S-PER I-PER E-PER"),
    ("B-PER E-PER", "S-PER S-PER"),
    ("O S-LOC O", "O B-LOC O"),
    ("B-LOC E-LOC S-LOC", "B-LOC E-PER S-LOC"),
    ("B I O B", "B I O I"),
    ("S B E O", "S B I O"),
]


def spans_as_tags(rng, scheme, length):
    """A sentence that breaks no rule."""
    tags = []
    while len(tags) < length:
        kind, size = rng.choice(["PER", "LOC", "ORG"]), rng.randint(1, 3)
        if rng.random() < 0.5:
            tags.append("O")
        elif scheme == "bioes" and size == 1:
            tags.append(f"S-{kind}")
        else:
            inside = [f"I-{kind}"] * (size - 1)
            if scheme == "bioes":
                inside[-1] = f"E-{kind}"
            tags += [f"B-{kind}", *inside]
    return tags


def noise(rng, scheme):
    prefixes = "BI" if scheme == "iob2" else "BIES"
    outside = rng.random() < 0.3
    return "O" if outside else f"{rng.choice(prefixes)}-{rng.choice(['PER', 'LOC', 'ORG'])}"


def sentence(rng, scheme, error_of_truth, error):
    """A sentence and a prediction; the shares of tags that are drawn anew say how malformed they are."""
    truth = spans_as_tags(rng, scheme, rng.randint(1, 9))
    truth = [noise(rng, scheme) if rng.random() < error_of_truth else tag for tag in truth]
    guess = [noise(rng, scheme) if rng.random() < error else tag for tag in truth]
    return truth, guess


def cases():
    by_hand = [(truth.split(), guess.split()) for truth, guess in BY_HAND]
    yield "by hand, alone", [[pair] for pair in by_hand]
    yield "by hand, together", [by_hand]
    rng = random.Random(6)
    for scheme in ["iob2", "bioes"]:
        for error_of_truth, error in [(0.0, 0.1), (0.0, 0.4), (0.3, 0.3), (1.0, 0.5)]:
            corpora = [[sentence(rng, scheme, error_of_truth, error) for _ in range(n)] for n in [1] * 20 + [20]]
            yield f"{scheme}, {error_of_truth:.0%} of the truth and {error:.0%} of the rest at random", corpora


if __name__ == "__main__":
    written = []
    for name, corpora in cases():
        for corpus in corpora:
            pairs = [[" ".join(truth), " ".join(guess)] for truth, guess in corpus]
            written.append({"name": name, "sentences": pairs, "expected": evaluate(corpus)})
    path = Path(__file__).parent / "conlleval.json"
    path.write_text("[\n" + ",\n".join(json.dumps(case) for case in written) + "\n]\n")
    sentences = sum(len(case["sentences"]) for case in written)
    print(f"{path.name}: {len(written)} cases, {sentences} sentences, {path.stat().st_size} bytes")
