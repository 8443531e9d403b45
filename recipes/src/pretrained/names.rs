//! How others name the tensors of an encoder, and which of ours are made of which of theirs.

use crate::config::PretrainedSizes;

/// A way to name tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Family {
    layer: &'static str,
    query_key_value: [&'static str; 3],
    output: &'static str,
    feed_forward: [&'static str; 2],
    norms: [&'static str; 2],
    /// Whether there are token types.
    types: bool,
    /// The row of the first position.
    offset: usize,
}

/// The table of tokens: what stands before its name is the prefix of all.
pub(super) const TOKENS: &str = "embeddings.word_embeddings.weight";

/// Parts that an encoder of texts has no use for, behind the prefix or without it.
const SKIPPED: [&str; 10] = [
    "embeddings.position_ids",
    "pooler.",
    "cls.",
    "lm_head.",
    "classifier.",
    "pre_classifier.",
    "qa_outputs.",
    "vocab_transform.",
    "vocab_layer_norm.",
    "vocab_projector.",
];

/// What a parameter is made of; names are theirs, without prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// It is one of theirs.
    Same(String),
    /// Matrices `[outputs, inputs]`, turned and put side by side.
    Turned(Vec<String>),
    /// Vectors, end to end.
    Joined(Vec<String>),
    /// Positions from this row on, and the first token type.
    Positions {
        table: String,
        types: Option<String>,
        offset: usize,
    },
}

/// The shape a tensor must have; none where any size will do, as for the number of tokens.
pub(super) type Shape = Vec<Option<usize>>;

/// A parameter, what it is made of, and the shapes that theirs must have.
pub(super) struct Wanted {
    pub(super) ours: String,
    pub(super) made: Made,
    pub(super) theirs: Vec<(String, Shape)>,
}

impl Family {
    pub(super) const BERT: Self = Family {
        layer: "encoder.layer",
        query_key_value: [
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
        ],
        output: "attention.output.dense",
        feed_forward: ["intermediate.dense", "output.dense"],
        norms: ["attention.output.LayerNorm", "output.LayerNorm"],
        types: true,
        offset: 0,
    };

    pub(super) const DISTILBERT: Self = Family {
        layer: "transformer.layer",
        query_key_value: ["attention.q_lin", "attention.k_lin", "attention.v_lin"],
        output: "attention.out_lin",
        feed_forward: ["ffn.lin1", "ffn.lin2"],
        norms: ["sa_layer_norm", "output_layer_norm"],
        types: false,
        offset: 0,
    };

    /// The names of BERT; the first positions belong to padding.
    pub(super) const fn roberta(offset: usize) -> Self {
        Family {
            offset,
            ..Self::BERT
        }
    }

    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    /// All parameters of an encoder.
    pub(super) fn wanted(&self, sizes: &PretrainedSizes) -> Vec<Wanted> {
        let (d, inner) = (sizes.hidden_size, sizes.feed_forward_size);
        let mut wanted = vec![
            same("embedding.weight", TOKENS, &[None, Some(d)]),
            self.positions(sizes),
        ];
        wanted.extend(norm("norm", "embeddings.LayerNorm", d));
        for index in 0..sizes.layers {
            let ours = |part: &str| format!("layers.{index}.{part}");
            let theirs = |part: &str| format!("{}.{index}.{part}", self.layer);
            let three = self.query_key_value.map(theirs);
            wanted.extend(affine(&ours("attention.query_key_value"), &three, [d, d]));
            let one = [theirs(self.output)];
            wanted.extend(affine(&ours("attention.output"), &one, [d, d]));
            wanted.extend(norm(&ours("attention.norm"), &theirs(self.norms[0]), d));
            let [first, second] = self.feed_forward.map(theirs);
            wanted.extend(affine(&ours("feed_forward.in"), &[first], [inner, d]));
            wanted.extend(affine(&ours("feed_forward.out"), &[second], [d, inner]));
            wanted.extend(norm(&ours("feed_forward.norm"), &theirs(self.norms[1]), d));
        }
        wanted
    }

    fn positions(&self, sizes: &PretrainedSizes) -> Wanted {
        let table = "embeddings.position_embeddings.weight".to_owned();
        let types = self
            .types
            .then(|| "embeddings.token_type_embeddings.weight".to_owned());
        let width = Some(sizes.hidden_size);
        let mut theirs = vec![(
            table.clone(),
            vec![Some(sizes.max_positions + self.offset), width],
        )];
        theirs.extend(types.clone().map(|types| (types, vec![None, width])));
        Wanted {
            ours: "positions.weight".into(),
            made: Made::Positions {
                table,
                types,
                offset: self.offset,
            },
            theirs,
        }
    }
}

/// The parameters of an encoder under our own names.
pub(super) fn imported(sizes: &PretrainedSizes) -> Vec<Wanted> {
    let (d, inner) = (sizes.hidden_size, sizes.feed_forward_size);
    let own = |name: &str, shape: &[Option<usize>]| same(name, name, shape);
    let vector = |name: &str, size: usize| own(name, &[Some(size)]);
    let mut wanted = vec![
        own("embedding.weight", &[None, Some(d)]),
        own("positions.weight", &[Some(sizes.max_positions), Some(d)]),
        vector("norm.weight", d),
        vector("norm.bias", d),
    ];
    for index in 0..sizes.layers {
        for (part, [inputs, outputs]) in [
            ("attention.query_key_value", [d, d.saturating_mul(3)]),
            ("attention.output", [d, d]),
            ("feed_forward.in", [d, inner]),
            ("feed_forward.out", [inner, d]),
        ] {
            let name = format!("layers.{index}.{part}");
            wanted.push(own(
                &format!("{name}.weight"),
                &[Some(inputs), Some(outputs)],
            ));
            wanted.push(vector(&format!("{name}.bias"), outputs));
        }
        for part in ["attention.norm", "feed_forward.norm"] {
            let name = format!("layers.{index}.{part}");
            wanted.extend(["weight", "bias"].map(|end| vector(&format!("{name}.{end}"), d)));
        }
    }
    wanted
}

/// Whether a tensor is known to be of no use here.
pub(super) fn is_skipped(name: &str, prefix: &str) -> bool {
    let bare = name.strip_prefix(prefix).unwrap_or(name);
    SKIPPED
        .iter()
        .any(|part| bare.starts_with(part) || name.starts_with(part))
}

/// The name that old files have for a part of a layer norm.
pub(super) fn old_name(name: &str) -> Option<String> {
    let stem = name
        .strip_suffix("LayerNorm.weight")
        .map(|stem| (stem, "gamma"));
    let (stem, end) = stem.or_else(|| Some((name.strip_suffix("LayerNorm.bias")?, "beta")))?;
    Some(format!("{stem}LayerNorm.{end}"))
}

fn same(ours: &str, theirs: &str, shape: &[Option<usize>]) -> Wanted {
    Wanted {
        ours: ours.into(),
        made: Made::Same(theirs.into()),
        theirs: vec![(theirs.into(), shape.to_vec())],
    }
}

fn norm(ours: &str, theirs: &str, d: usize) -> [Wanted; 2] {
    ["weight", "bias"].map(|end| {
        let (ours, theirs) = (format!("{ours}.{end}"), format!("{theirs}.{end}"));
        same(&ours, &theirs, &[Some(d)])
    })
}

/// Weight and bias of maps from the same inputs, side by side; their shape is `[outputs, inputs]`.
fn affine(ours: &str, theirs: &[String], [outputs, inputs]: [usize; 2]) -> [Wanted; 2] {
    let names = |end: &str| {
        theirs
            .iter()
            .map(|name| format!("{name}.{end}"))
            .collect::<Vec<_>>()
    };
    let shaped = |names: &[String], shape: &[usize]| {
        let shape: Shape = shape.iter().copied().map(Some).collect();
        names
            .iter()
            .map(|name| (name.clone(), shape.clone()))
            .collect()
    };
    let (weights, biases) = (names("weight"), names("bias"));
    [
        Wanted {
            ours: format!("{ours}.weight"),
            theirs: shaped(&weights, &[outputs, inputs]),
            made: Made::Turned(weights),
        },
        Wanted {
            ours: format!("{ours}.bias"),
            theirs: shaped(&biases, &[outputs]),
            made: Made::Joined(biases),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_have_old_names() {
        let old = old_name("embeddings.LayerNorm.weight");
        assert_eq!(old.as_deref(), Some("embeddings.LayerNorm.gamma"));
        let old = old_name("output.LayerNorm.bias");
        assert_eq!(old.as_deref(), Some("output.LayerNorm.beta"));
        assert_eq!(old_name("sa_layer_norm.weight"), None);
    }

    #[test]
    fn heads_are_skipped_with_a_prefix_and_without() {
        for name in [
            "bert.pooler.dense.bias",
            "cls.seq_relationship.weight",
            "pooler.dense.weight",
        ] {
            assert!(is_skipped(name, "bert."), "{name}");
        }
        for name in ["bert.encoder.layer.0.adapter.weight", "encoder.cls.weight"] {
            assert!(!is_skipped(name, "bert."), "{name}");
        }
    }
}
