"""Pretrained encoders as other programs write them, and what they make of texts.

    pretrained.py            writes the tiny models in pretrained/ and pretrained.json
    pretrained.py FOLDER     writes pretrained_minilm.json from the folder of the real model

The forward pass and the tokenisers are written from the architecture: BERT (Devlin et al. 2019),
RoBERTa (Liu et al. 2019), DistilBERT (Sanh et al. 2019).
"""

import json
import math
import pathlib
import struct
import sys
import unicodedata

import torch
from torch.nn import functional as F

import golden

FOLDER = golden.FOLDER / "pretrained"
HIDDEN, LAYERS, HEADS, INNER, POSITIONS = 8, 2, 2, 12, 16
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
WORDS = (
    "a lamp table warm ##er ##est stands near the window cafe river ##s , . ! blue quiet "
    "花 山 水 re ##turn garden ##ing old"
).split()
TEXTS = [
    "The lamp stands near the window.",
    "Warmer, warmest: Café RIVERS!",
    "山水 blue花",
    "",
    "returning unknownword " + "quiet garden " * 12,
]


# Tokenisers.


def is_chinese(c):
    return 0x4E00 <= ord(c) <= 0x9FFF or 0x3400 <= ord(c) <= 0x4DBF


def is_punctuation(c):
    ascii_symbol = c.isascii() and c.isprintable() and not c.isalnum() and c != " "
    return ascii_symbol or unicodedata.category(c).startswith("P")


def basic_words(text):
    """Lower case, no accents, punctuation and Chinese characters by themselves."""
    text = unicodedata.normalize("NFD", text.lower())
    spaced = ""
    for c in text:
        if unicodedata.category(c) == "Mn":
            continue
        spaced += f" {c} " if is_chinese(c) or is_punctuation(c) else c
    return spaced.split()


def word_pieces(word, ids):
    """The longest known piece again and again; none of a word that has an unknown part."""
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in ids:
                break
        else:
            return [ids["[UNK]"]]
        pieces.append(ids[piece])
        start = end
    return pieces


def bert_ids(text, ids, positions):
    inside = [piece for word in basic_words(text) for piece in word_pieces(word, ids)]
    return [ids["[CLS]"], *inside[: positions - 2], ids["[SEP]"]]


def roberta_ids(text, ids, positions):
    inside = [ids.get(word, ids["<unk>"]) for word in text.split()]
    return [ids["<s>"], *inside[: positions - 2], ids["</s>"]]


# The encoder, from the names of a state dict.

BERT = {
    "embeddings": ["word_embeddings", "position_embeddings", "LayerNorm"],
    "layer": "encoder.layer.{}.",
    "attention": ["attention.self.query", "attention.self.key", "attention.self.value"],
    "output": "attention.output.dense",
    "norms": ["attention.output.LayerNorm", "output.LayerNorm"],
    "feed_forward": ["intermediate.dense", "output.dense"],
}
DISTILBERT = {
    **BERT,
    "layer": "transformer.layer.{}.",
    "attention": ["attention.q_lin", "attention.k_lin", "attention.v_lin"],
    "output": "attention.out_lin",
    "norms": ["sa_layer_norm", "output_layer_norm"],
    "feed_forward": ["ffn.lin1", "ffn.lin2"],
}


def encode(tensors, names, ids, sizes):
    """The states [tokens, hidden] behind the last layer."""
    at = lambda name: tensors[name].double()
    linear = lambda x, name: F.linear(x, at(f"{name}.weight"), at(f"{name}.bias"))
    norm = lambda x, name: F.layer_norm(
        x, x.shape[-1:], at(f"{name}.weight"), at(f"{name}.bias"), sizes["epsilon"]
    )
    word, position, first_norm = [f"embeddings.{part}" for part in names["embeddings"]]
    places = torch.arange(len(ids)) + sizes["offset"]
    x = at(f"{word}.weight")[ids] + at(f"{position}.weight")[places]
    if "embeddings.token_type_embeddings.weight" in tensors:
        x = x + at("embeddings.token_type_embeddings.weight")[0]
    x = norm(x, first_norm)
    heads = sizes["heads"]
    width = x.shape[1] // heads
    for index in range(sizes["layers"]):
        layer = names["layer"].format(index)
        q, k, v = [
            linear(x, layer + name).view(-1, heads, width).transpose(0, 1) for name in names["attention"]
        ]
        weights = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(width), dim=-1)
        mixed = (weights @ v).transpose(0, 1).reshape(len(ids), -1)
        x = norm(x + linear(mixed, layer + names["output"]), layer + names["norms"][0])
        inner = F.gelu(linear(x, layer + names["feed_forward"][0]), approximate=sizes.get("gelu", "none"))
        x = norm(x + linear(inner, layer + names["feed_forward"][1]), layer + names["norms"][1])
    return x


# Tiny models.


def state_dict(draws, prefix, names, positions, token_types, vocabulary):
    tensors = {}

    def add(name, *shape, bound=0.6, centre=0.0):
        tensor = torch.empty(*shape)
        draws.fill(tensor, bound, centre)
        tensors[name] = tensor.float()

    def affine(name, inputs, outputs):
        add(f"{name}.weight", outputs, inputs)
        add(f"{name}.bias", outputs, bound=0.2)

    def norm(name):
        add(f"{name}.weight", HIDDEN, bound=0.3, centre=1.0)
        add(f"{name}.bias", HIDDEN, bound=0.2)

    add(f"{prefix}embeddings.word_embeddings.weight", vocabulary, HIDDEN)
    add(f"{prefix}embeddings.position_embeddings.weight", positions, HIDDEN)
    if token_types:
        add(f"{prefix}embeddings.token_type_embeddings.weight", token_types, HIDDEN)
    norm(f"{prefix}embeddings.LayerNorm")
    for index in range(LAYERS):
        layer = prefix + names["layer"].format(index)
        for part in [*names["attention"], names["output"]]:
            affine(layer + part, HIDDEN, HIDDEN)
        affine(layer + names["feed_forward"][0], HIDDEN, INNER)
        affine(layer + names["feed_forward"][1], INNER, HIDDEN)
        for part in names["norms"]:
            norm(layer + part)
    return tensors, affine, norm


def write_safetensors(path, tensors):
    names = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}
    header, values = {"__metadata__": {"format": "pt"}}, b""
    for name, tensor in tensors.items():
        data = bytes(tensor.contiguous().view(-1).view(torch.uint8).tolist())
        offsets = [len(values), len(values) + len(data)]
        header[name] = {"dtype": names[tensor.dtype], "shape": list(tensor.shape), "data_offsets": offsets}
        values += data
    header = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + values)


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def expected(tensors, prefix, names, ids, sizes):
    tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    states = encode(tensors, names, ids, sizes)
    return {"ids": ids, "mean": states.mean(0).tolist(), "first": states[0].tolist()}


def bert():
    folder = FOLDER / "bert"
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = SPECIAL + WORDS
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    write_json(folder / "tokenizer_config.json", {"do_lower_case": True})
    config = {
        "model_type": "bert", "vocab_size": len(vocabulary), "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": INNER,
        "hidden_act": "gelu", "max_position_embeddings": POSITIONS, "type_vocab_size": 2,
        "layer_norm_eps": 1e-12, "pad_token_id": 0,
    }
    write_json(folder / "config.json", config)
    draws = golden.Draws(1)
    tensors, affine, norm = state_dict(draws, "bert.", BERT, POSITIONS, 2, len(vocabulary))
    affine("bert.pooler.dense", HIDDEN, HIDDEN)
    affine("cls.predictions.transform.dense", HIDDEN, HIDDEN)
    norm("cls.predictions.transform.LayerNorm")
    tensors["bert.embeddings.position_ids"] = torch.arange(POSITIONS)[None]
    write_safetensors(folder / "model.safetensors", tensors)
    ids = {token: id for id, token in enumerate(vocabulary)}
    sizes = {"heads": HEADS, "layers": LAYERS, "epsilon": 1e-12, "offset": 0}
    return [expected(tensors, "bert.", BERT, bert_ids(text, ids, POSITIONS), sizes) for text in TEXTS]


def distilbert():
    """With GELU by tanh, and a matrix that is stored transposed, so that strides matter."""
    folder = FOLDER / "distilbert"
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = SPECIAL + WORDS
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    config = {
        "model_type": "distilbert", "vocab_size": len(vocabulary), "dim": HIDDEN, "n_layers": LAYERS,
        "n_heads": HEADS, "hidden_dim": INNER, "activation": "gelu_new",
        "max_position_embeddings": POSITIONS,
    }
    write_json(folder / "config.json", config)
    draws = golden.Draws(2)
    tensors, affine, norm = state_dict(draws, "distilbert.", DISTILBERT, POSITIONS, 0, len(vocabulary))
    affine("vocab_transform", HIDDEN, HIDDEN)
    norm("vocab_layer_norm")
    turned = "distilbert.transformer.layer.0.ffn.lin1.weight"
    tensors[turned] = tensors[turned].t().contiguous().t()
    torch.save(tensors, folder / "pytorch_model.bin")
    ids = {token: id for id, token in enumerate(vocabulary)}
    sizes = {"heads": HEADS, "layers": LAYERS, "epsilon": 1e-12, "offset": 0, "gelu": "tanh"}
    return [
        expected(tensors, "distilbert.", DISTILBERT, bert_ids(text, ids, POSITIONS), sizes)
        for text in TEXTS
    ]


def roberta():
    """In float16, with a tokenizer.json that pads and cuts at 6."""
    folder = FOLDER / "roberta"
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = ["<s>", "<pad>", "</s>", "<unk>"] + [w for w in WORDS if not w.startswith("##")]
    ids = {token: id for id, token in enumerate(vocabulary)}
    special = {
        token: {"id": token, "ids": [ids[token]], "tokens": [token]} for token in ("<s>", "</s>")
    }
    piece = lambda token: {"SpecialToken": {"id": token, "type_id": 0}}
    single = [piece("<s>"), {"Sequence": {"id": "A", "type_id": 0}}, piece("</s>")]
    pair = single + [{"Sequence": {"id": "B", "type_id": 0}}, piece("</s>")]
    added = [
        {"id": ids[token], "content": token, "special": True, "single_word": False, "lstrip": False,
         "rstrip": False, "normalized": False}
        for token in ("<s>", "<pad>", "</s>", "<unk>")
    ]
    tokenizer = {
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 6, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 6}, "direction": "Right", "pad_to_multiple_of": None,
                    "pad_id": 1, "pad_type_id": 0, "pad_token": "<pad>"},
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {"type": "TemplateProcessing", "single": single, "pair": pair,
                           "special_tokens": special},
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": ids, "unk_token": "<unk>"},
    }
    write_json(folder / "tokenizer.json", tokenizer)
    config = {
        "model_type": "xlm-roberta", "vocab_size": len(vocabulary), "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": INNER,
        "hidden_act": "gelu", "max_position_embeddings": POSITIONS + 2, "type_vocab_size": 1,
        "layer_norm_eps": 1e-5, "pad_token_id": 1,
    }
    write_json(folder / "config.json", config)
    draws = golden.Draws(3)
    tensors, affine, norm = state_dict(draws, "roberta.", BERT, POSITIONS + 2, 1, len(vocabulary))
    affine("lm_head.dense", HIDDEN, HIDDEN)
    norm("lm_head.layer_norm")
    tensors = {name: tensor.half() for name, tensor in tensors.items()}
    torch.save(tensors, folder / "pytorch_model.bin")
    sizes = {"heads": HEADS, "layers": LAYERS, "epsilon": 1e-5, "offset": 2}
    return [
        expected(tensors, "roberta.", BERT, roberta_ids(text, ids, POSITIONS), sizes) for text in TEXTS
    ]


# The real model.

REAL_TEXTS = [
    ("A quiet river runs behind the old garden wall.", 1),
    ("What's the capital of Finland, and how do you pronounce it?", 1),
    ("今天的天气很好，我们去山上看花。", 1),
    ("Naïve café owners re-evaluated co-operation in 1984!", 1),
    ("", 1),
    ("The lamp stands near the window and nobody has switched it off. ", 60),
]


def real(folder):
    config = json.loads((folder / "config.json").read_text())
    tokens = (folder / "vocab.txt").read_text().split("\n")
    ids = {token: id for id, token in enumerate(tokens) if token}
    data = (folder / "model.safetensors").read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, tensor in header.items():
        if tensor.get("dtype") == "F32":
            start, end = tensor["data_offsets"]
            values = torch.frombuffer(bytearray(data[8 + length + start : 8 + length + end]), dtype=torch.float32)
            tensors[name] = values.view(tensor["shape"])
    sizes = {
        "heads": config["num_attention_heads"], "layers": config["num_hidden_layers"],
        "epsilon": config["layer_norm_eps"], "offset": 0,
    }
    found = []
    for text, times in REAL_TEXTS:
        of_text = bert_ids(text * times, ids, config["max_position_embeddings"])
        mean = encode(tensors, BERT, of_text, sizes).mean(0)
        found.append({
            "text": text, "times": times, "tokens": len(of_text), "mean": mean[:12].tolist(),
            "norm": mean.norm().item(), "sum": mean.sum().item(),
        })
    return found


def main():
    if len(sys.argv) > 1:
        write_json(golden.FOLDER / "pretrained_minilm.json", real(pathlib.Path(sys.argv[1])))
        return
    models = {"bert": bert(), "distilbert": distilbert(), "roberta": roberta()}
    write_json(golden.FOLDER / "pretrained.json", {"texts": TEXTS, **models})


if __name__ == "__main__":
    main()
