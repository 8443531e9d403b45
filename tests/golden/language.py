"""Recurrent language models, from PyTorch's own recurrent layers over packed sequences. Losses with
samples are written from their formulas, one row at a time."""

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.utils.rnn import pack_sequence

import golden
from golden import VOCABULARY_SIZE, Draws, flat

UNITS = {"lstm": (nn.LSTM, 4), "gru": (nn.GRU, 3), "rnn": (nn.RNN, 1)}
# The share of a bias that goes into PyTorch's second one, which is added to its first.
SECOND = 0.25

# Words in the order in which they are read, the longest sequence first: every word but the last is
# an input, every word but the first a target. Word 10 is in none of them.
SEQUENCES = [[4, 7, 1, 7, 3], [2, 9, 0, 5], [8, 6]]
# Three columns of text, of which each part reads four steps.
COLUMNS = [
    [2, 9, 0, 5, 3, 3, 8, 1, 4, 0, 2, 7, 6],
    [1, 1, 4, 7, 0, 6, 2, 5, 9, 8, 3, 0, 2],
    [7, 3, 6, 6, 2, 0, 1, 8, 4, 4, 9, 5, 1],
]
STEPS = 4


def softplus(x):
    """ln(1 + exp x), where PyTorch's own becomes linear beyond 20."""
    return torch.logaddexp(x, torch.zeros_like(x))


class LanguageModel:
    """`parameters` are Limbeck's: its names, its order, its layouts."""

    def __init__(self, description, seed):
        self.description, self.draws, self.parameters = description, Draws(seed), {}
        kind, self.gates = UNITS[description["unit"]]
        inputs, self.hidden = description["embedding_size"], description["hidden_size"]
        self.recurrent = kind(inputs, self.hidden, num_layers=description["layers"])
        self.add("embedding.weight", [VOCABULARY_SIZE, inputs], 0.8)
        for layer in range(description["layers"]):
            name, reads, columns = f"layers.{layer}", self.hidden if layer else inputs, self.gates * self.hidden
            self.add(f"{name}.input.weight", [reads, columns], reads**-0.5)
            self.add(f"{name}.recurrent.weight", [self.hidden, columns], self.hidden**-0.5)
            self.add(f"{name}.bias", [columns], 0.3)
            if description["unit"] == "gru":
                self.add(f"{name}.hidden.bias", [self.hidden], 0.3)
        if not description["tied"]:
            self.add("output.weight", [VOCABULARY_SIZE, self.hidden], 0.8)
        self.add("output.bias", [VOCABULARY_SIZE, 1], 0.3)
        self.ln_z = torch.tensor([description["ln_z"].get("constant", 0.0)])
        if "learned" in description["ln_z"]:
            self.ln_z = torch.tensor([description["ln_z"]["learned"]], requires_grad=True)
            self.parameters["ln_z"] = self.ln_z

    def add(self, name, shape, bound):
        self.parameters[name] = torch.empty(shape, requires_grad=True)
        self.draws.fill(self.parameters[name], bound)

    def torch_parameters(self):
        """As PyTorch wants them: weights [gates * hidden, in], two biases."""
        theirs = {}
        for layer in range(self.description["layers"]):
            part = lambda name: self.parameters[f"layers.{layer}.{name}"]
            first, second = (1.0 - SECOND) * part("bias"), SECOND * part("bias")
            if self.description["unit"] == "gru":
                # The two of the candidate are not added to one another: reset stands between them.
                summed = 2 * self.hidden
                first = torch.cat([first[:summed], part("bias")[summed:]])
                second = torch.cat([second[:summed], part("hidden.bias")])
            theirs[f"weight_ih_l{layer}"] = part("input.weight").t()
            theirs[f"weight_hh_l{layer}"] = part("recurrent.weight").t()
            theirs[f"bias_ih_l{layer}"], theirs[f"bias_hh_l{layer}"] = first, second
        return theirs

    def initial_state(self, sequences):
        """h, and c of an LSTM: [layers, sequences, hidden] each, and not zero."""
        shape = [self.description["layers"], sequences, self.hidden]
        state = [torch.empty(shape) for _ in range(2 if self.description["unit"] == "lstm" else 1)]
        for tensor in state:
            self.draws.fill(tensor, 0.7)
        return state

    def read(self, sequences, state):
        """The last layer's outputs, [rows, hidden], in the order of packed sequences: step by step,
        in a step sequence by sequence. And the state behind each sequence's last word."""
        vectors = [self.parameters["embedding.weight"][sequence[:-1]] for sequence in sequences]
        state = tuple(state) if len(state) == 2 else state[0]
        output, after = functional_call(self.recurrent, self.torch_parameters(), (pack_sequence(vectors), state))
        after = after if isinstance(after, tuple) else (after,)
        return output.data, [tensor.detach() for tensor in after]

    def scores(self, outputs):
        """Of every word, [rows, words]."""
        table = self.parameters["embedding.weight" if self.description["tied"] else "output.weight"]
        return outputs @ table.t() + self.parameters["output.bias"].t()


def nce(scores, target, noise, ln_kq, ln_z):
    """-ln P(the target is of the text) - sum of ln P(a noise word is noise)."""
    delta = scores - ln_z - ln_kq
    return softplus(-delta[target]) + sum(softplus(delta[word]) for word in noise)


def sampled_softmax(scores, target, noise, ln_kq, _):
    """-ln of the target's share among itself and the samples."""
    corrected = scores - ln_kq
    others = torch.logsumexp(torch.stack([corrected[word] for word in noise]), 0)
    return softplus(others - corrected[target])


def softmax(scores, target, *_):
    return torch.logsumexp(scores, 0) - scores[target]


CRITERIA = {"softmax": softmax, "nce": nce, "sampled_softmax": sampled_softmax}


def row_losses(model, criterion, part, scores, ln_kq):
    targets = pack_sequence([torch.tensor(sequence[1:]) for sequence in part["sequences"]]).data.tolist()
    loss, losses = CRITERIA[criterion["kind"]], []
    for row, target in zip(scores, targets):
        counted = [word for word in part["noise"] if word != target or not criterion["mask"]]
        taken = ln_kq
        if criterion["mask"] and criterion["kind"] == "sampled_softmax":
            # A target whose samples are left out is none itself: it is there in any case.
            taken = ln_kq.index_fill(0, torch.tensor([target]), 0.0)
        losses.append(loss(row, target, counted, taken, model.ln_z.squeeze()))
    return torch.stack(losses)


def noise_law(count, draws):
    """ln(K q) of every word, for `count` noise words of a law that favours some; nothing for none."""
    if count == 0:
        return torch.empty(0)
    shares = torch.empty(VOCABULARY_SIZE)
    draws.fill(shares, 0.4, centre=0.5)
    # In float32: what every device of Limbeck is given.
    return (count * shares / shares.sum()).log().to(torch.float32).to(torch.float64)


def flat_state(state):
    """A list for each tensor and layer."""
    return [flat(layer) for tensor in state for layer in tensor]


def train(model, loss_of, parts, state, learning_rate, clip_norm, updates, carried):
    """Plain SGD: the losses before each update, parameters and state behind the last one."""
    optimizer = torch.optim.SGD(model.parameters.values(), lr=learning_rate)
    losses, norms, before = [], [], state
    for update in range(updates):
        optimizer.zero_grad()
        loss, after = loss_of(parts[update % len(parts)], before)
        losses.append(loss.item())
        loss.backward()
        gradients = [parameter.grad for parameter in model.parameters.values()]
        norms.append(torch.cat([gradient.flatten() for gradient in gradients]).norm().item())
        if clip_norm is not None and norms[-1] > clip_norm:
            for gradient in gradients:
                gradient *= clip_norm / norms[-1]
        optimizer.step()
        before = after if carried else state
    assert clip_norm is None or min(norms) > clip_norm, "clipping would go unnoticed"
    return {
        "learning_rate": learning_rate,
        "clip_norm": clip_norm,
        "carried": carried,
        "losses": losses,
        "parameters": [flat(parameter) for parameter in model.parameters.values()],
        "state": flat_state(after),
    }


def write(file, seed, description, criterion, parts, training):
    model = LanguageModel({**description, "vocabulary_size": VOCABULARY_SIZE}, seed)
    state = model.initial_state(len(parts[0]["sequences"]))
    ln_kq = noise_law(len(parts[0]["noise"]), model.draws)

    def run(part, state):
        outputs, after = model.read(part["sequences"], state)
        scores = model.scores(outputs)
        return scores, row_losses(model, criterion, part, scores, ln_kq), after

    def loss_of(part, state):
        _, rows, after = run(part, state)
        return rows.mean(), after

    scores, rows, _ = run(parts[0], state)
    rows.mean().backward()
    parameters = [
        {
            "name": name,
            "shape": list(tensor.shape),
            "decay": tensor.dim() > 1 and not name.endswith("bias"),
            "values": flat(tensor),
            "gradient": flat(tensor.grad),
        }
        for name, tensor in model.parameters.items()
    ]
    content = {
        "model": model.description,
        "criterion": criterion,
        "ln_kq": flat(ln_kq),
        "parts": parts,
        "state": flat_state(state),
        "parameters": parameters,
        "rows": flat(rows),
        "log_partition": flat(torch.logsumexp(scores, 1)),
        "training": train(model, loss_of, parts, state, **training),
    }
    golden.write(file, content)


def check_noise(parts):
    """In every part a noise word is a target and one was drawn twice; a mask leaves every row some."""
    for part in parts:
        noise, targets = part["noise"], {word for sequence in part["sequences"] for word in sequence[1:]}
        assert targets & set(noise) and 1 < len(set(noise)) < len(noise)
    return parts


def sizes(unit, layers, embedding_size, hidden_size, tied, ln_z):
    return {
        "unit": unit,
        "layers": layers,
        "embedding_size": embedding_size,
        "hidden_size": hidden_size,
        "tied": tied,
        "ln_z": ln_z,
    }


if __name__ == "__main__":
    one_text = {"learning_rate": 0.5, "clip_norm": None, "updates": 6, "carried": False}
    write(
        "language_lstm_softmax.json",
        1,
        sizes("lstm", 2, 5, 4, tied=False, ln_z={"constant": 0.0}),
        {"kind": "softmax", "mask": False},
        [{"sequences": SEQUENCES, "noise": []}],
        one_text,
    )
    write(
        "language_gru_nce.json",
        2,
        sizes("gru", 2, 4, 4, tied=True, ln_z={"learned": 0.5}),
        {"kind": "nce", "mask": False},
        check_noise([{"sequences": SEQUENCES, "noise": [1, 7, 2, 2, 5]}]),
        one_text,
    )
    write(
        "language_rnn_sampled_softmax.json",
        3,
        sizes("rnn", 1, 5, 4, tied=False, ln_z={"constant": 0.0}),
        {"kind": "sampled_softmax", "mask": True},
        check_noise([{"sequences": SEQUENCES, "noise": [7, 3, 10, 7, 6]}]),
        one_text,
    )
    noise = [[0, 5, 0, 4], [9, 9, 2, 8], [3, 1, 1, 10]]
    columns = lambda part: [column[part * STEPS : (part + 1) * STEPS + 1] for column in COLUMNS]
    write(
        "language_lstm_nce_parts.json",
        4,
        sizes("lstm", 1, 5, 4, tied=False, ln_z={"constant": 0.5}),
        {"kind": "nce", "mask": True},
        check_noise([{"sequences": columns(part), "noise": noise[part]} for part in range(len(noise))]),
        {"learning_rate": 1.0, "clip_norm": 0.25, "updates": len(noise), "carried": True},
    )
