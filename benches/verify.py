"""The updates that `limbeck bench WORKLOAD --verify FOLDER` made, made again with PyTorch in f32.

    python3 benches/verify.py FOLDER...

From the same weights, over the same batches, with dropout off on both sides. Prints both losses of every
update; ends with 1 if one of them differs by more than 1e-4 of it. Needs torch, numpy and safetensors.
"""

import argparse
import json
import pathlib
import sys

import torch
from safetensors.numpy import load_file
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

TOLERANCE = 1e-4


def affine(p, name, x):
    return x @ p[f"{name}.weight"] + p[f"{name}.bias"]


def norm(p, name, x):
    return F.layer_norm(x, x.shape[-1:], p[f"{name}.weight"], p[f"{name}.bias"])


def numbered(p, prefix):
    """`prefix.0`, `prefix.1` ... as far as there are parameters of them."""
    numbers = {int(name.split(".")[1]) for name in p if name.startswith(f"{prefix}.")}
    return [f"{prefix}.{number}" for number in sorted(numbers)]


def transformer(p, batch, heads=4):
    """Norms behind the residual sums, gelu with erf, mean over the positions."""
    tokens = batch["tokens"]
    texts, length = tokens.shape
    x = norm(p, "norm", p["embedding.weight"][tokens] + p["positions.weight"][:length])
    for layer in numbered(p, "layers"):
        parts = affine(p, f"{layer}.attention.query_key_value", x).view(texts, length, 3, heads, -1)
        mixed = F.scaled_dot_product_attention(*parts.permute(2, 0, 3, 1, 4)).transpose(1, 2)
        mixed = affine(p, f"{layer}.attention.output", mixed.reshape(x.shape))
        x = norm(p, f"{layer}.attention.norm", x + mixed)
        inner = F.gelu(affine(p, f"{layer}.feed_forward.in", x))
        x = norm(p, f"{layer}.feed_forward.norm", x + affine(p, f"{layer}.feed_forward.out", inner))
    return affine(p, "classifier", x.mean(1))


def convolution(p, name, x, kernel_size):
    weight = p[f"{name}.weight"].view(kernel_size, x.shape[1], -1).permute(2, 1, 0)
    return F.relu(F.conv1d(x, weight, p[f"{name}.bias"], padding="same"))


def text_cnn(p, batch, kernel_sizes, stacked):
    """Kim's, or a stack of residual blocks; the maxima over time of all blocks are classified."""
    below = embedded = p["embedding.weight"][batch["tokens"]].transpose(1, 2)
    pooled = []
    for block, kernel_size in zip(numbered(p, "blocks"), kernel_sizes):
        outputs = convolution(p, f"{block}.convolution", below if stacked else embedded, kernel_size)
        below = below + outputs if stacked else outputs
        pooled.append(below.amax(2))
    return affine(p, "classifier", torch.cat(pooled, 1))


def text_gcn(p, batch, adjacency):
    hidden = F.relu(adjacency @ p["nodes.weight"])
    return (adjacency @ (hidden @ p["output.weight"]))[batch["documents"]]


class LanguageModel:
    """PyTorch's own LSTM; the state behind a batch is the one before the next."""

    def __init__(self, p):
        self.layers, self.state = numbered(p, "layers"), None
        width = p["layers.0.recurrent.weight"].shape[0]
        self.lstm = nn.LSTM(p["embedding.weight"].shape[1], width, len(self.layers))

    def weights(self, p):
        """PyTorch's second bias is held at 0: ours has one."""
        theirs = {}
        for number, layer in enumerate(self.layers):
            theirs[f"weight_ih_l{number}"] = p[f"{layer}.input.weight"].t()
            theirs[f"weight_hh_l{number}"] = p[f"{layer}.recurrent.weight"].t()
            theirs[f"bias_ih_l{number}"] = p[f"{layer}.bias"]
            theirs[f"bias_hh_l{number}"] = torch.zeros_like(p[f"{layer}.bias"])
        return theirs

    def loss(self, p, batch):
        inputs = p["embedding.weight"][batch["inputs"]]
        if self.state is None:
            shape = [len(self.layers), inputs.shape[1], self.lstm.hidden_size]
            self.state = torch.zeros(shape), torch.zeros(shape)
        hidden, state = functional_call(self.lstm, self.weights(p), (inputs, self.state))
        self.state = tuple(part.detach() for part in state)
        hidden, targets = hidden.flatten(0, 1), batch["targets"].flatten()
        table, bias = p["output.weight"], p["output.bias"].flatten()
        if "noise" not in batch:
            return F.cross_entropy(hidden @ table.t() + bias, targets)
        return nce(hidden, table, bias, targets, batch["noise"])


def nce(hidden, table, bias, targets, noise):
    """Noise words of a law in which a word's share is 1 / (its number + 1)."""
    share = 1.0 / torch.arange(1, len(table) + 1, dtype=torch.float64)
    ln_kq = (len(noise) * share / share.sum()).log().float()
    of_text = (hidden * table[targets]).sum(1) + bias[targets] - ln_kq[targets]
    of_noise = hidden @ table[noise].t() + bias[noise] - ln_kq[noise]
    return (F.softplus(-of_text) + F.softplus(of_noise).sum(1)).mean()


def adam(p, decay):
    """Decay is for matrices alone, not for biases and norms."""
    matrices = [tensor for tensor in p.values() if tensor.dim() > 1]
    others = [tensor for tensor in p.values() if tensor.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=1e-3)


def subject(workload, p, tensors):
    """The loss of a batch, the optimiser, the largest norm of the gradients."""
    if workload in ("w4", "w4f"):
        return LanguageModel(p).loss, torch.optim.SGD(p.values(), lr=1.0), 5.0
    if workload == "w2":
        parts = [tensors[f"adjacency.{name}"] for name in ("offsets", "sources", "weights")]
        nodes = len(parts[0]) - 1
        graph = torch.sparse_csr_tensor(*parts, size=(nodes, nodes), check_invariants=True)
        logits = lambda p, batch: text_gcn(p, batch, graph)
    elif workload == "w1":
        logits = transformer
    else:
        kernel_sizes = {"w3": [3, 4, 5], "w3b": [3, 5, 7, 9]}[workload]
        logits = lambda p, batch: text_cnn(p, batch, kernel_sizes, workload == "w3b")
    loss = lambda p, batch: F.cross_entropy(logits(p, batch), batch["labels"])
    return loss, adam(p, 0.01 if workload == "w1" else 0.0), None


def under(tensors, prefix):
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def read(folder):
    arrays = load_file(folder / "trajectory.safetensors")
    whole = lambda array: array.astype("int64") if array.dtype == "uint32" else array
    tensors = {name: torch.from_numpy(whole(array)) for name, array in arrays.items()}
    return json.loads((folder / "trajectory.json").read_text()), tensors


def losses(workload, tensors, updates):
    p = {name: tensor.requires_grad_() for name, tensor in under(tensors, "parameters.").items()}
    loss_of, optimizer, max_norm = subject(workload, p, tensors)
    for number in range(updates):
        optimizer.zero_grad()
        loss = loss_of(p, under(tensors, f"batches.{number}."))
        yield loss.item()
        loss.backward()
        if max_norm is not None:
            nn.utils.clip_grad_norm_(p.values(), max_norm)
        optimizer.step()


def verify(folder):
    """Prints a table; whether all losses agree."""
    description, tensors = read(folder)
    workload, ours = description["workload"], description["losses"]
    print(f"{workload}\n  update      limbeck      PyTorch   difference")
    agree = True
    for number, (a, b) in enumerate(zip(ours, losses(workload, tensors, len(ours))), 1):
        difference = abs(a - b) / abs(b)
        agree = agree and difference <= TOLERANCE
        print(f"  {number:>6} {a:>12.7f} {b:>12.7f}   {difference:>10.1e}")
    return agree


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=pathlib.Path, metavar="FOLDER")
    sys.exit(not all([verify(folder) for folder in parser.parse_args().folders]))
