//! The layers of a Transformer encoder, and the classifier.

use limbeck_kernels::Activation;
use limbeck_models::{Head, LayerFunctions, NormPosition, TextPooling};

use super::graph::{GraphBuilder, Mask};
use super::message::Attribute;
use crate::error::Result;

/// Sizes of a stack of layers, as far as they are not those of its weights.
pub(super) struct Stack {
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) norm: NormPosition,
    pub(super) functions: LayerFunctions,
}

impl Stack {
    /// The states `[batch, sequence, hidden]` of the input x and of each layer, as
    /// [`limbeck_models::EncoderStack`] has them. `ids` is of the same batch and length.
    pub(super) fn states(
        &self,
        graph: &mut GraphBuilder<'_>,
        x: &str,
        ids: &str,
        mask: &Mask,
    ) -> Result<Vec<String>> {
        let positions = positions(graph, ids)?;
        let mut x = graph.apply("Add", &[x, &positions], Vec::new());
        if self.norm == NormPosition::Post {
            x = self.normalise(graph, "norm", &x)?;
        }
        let hidden = graph.hidden_keys(mask);
        let mut states = vec![x];
        for layer in 0..self.layers {
            let below = states[layer].clone();
            states.push(self.layer(graph, &format!("layers.{layer}"), &below, &hidden)?);
        }
        if self.norm == NormPosition::Pre
            && let Some(last) = states.pop()
        {
            states.push(self.normalise(graph, "norm", &last)?);
        }
        Ok(states)
    }

    fn layer(
        &self,
        graph: &mut GraphBuilder<'_>,
        name: &str,
        h: &str,
        hidden: &str,
    ) -> Result<String> {
        let attention = |graph: &mut GraphBuilder<'_>, x: &str| self.attend(graph, name, x, hidden);
        let feed_forward = |graph: &mut GraphBuilder<'_>, x: &str| {
            let inner = graph.affine(&format!("{name}.feed_forward.in"), x)?;
            let inner = activate(graph, self.functions.activation, &inner);
            graph.affine(&format!("{name}.feed_forward.out"), &inner)
        };
        let h = self.residual(graph, &format!("{name}.attention.norm"), h, attention)?;
        self.residual(
            graph,
            &format!("{name}.feed_forward.norm"),
            &h,
            feed_forward,
        )
    }

    /// pre-norm h + f(norm(h)), post-norm norm(h + f(h)).
    fn residual(
        &self,
        graph: &mut GraphBuilder<'_>,
        norm: &str,
        h: &str,
        part: impl Fn(&mut GraphBuilder<'_>, &str) -> Result<String>,
    ) -> Result<String> {
        match self.norm {
            NormPosition::Pre => {
                let x = self.normalise(graph, norm, h)?;
                let y = part(graph, &x)?;
                Ok(graph.apply("Add", &[&y, h], Vec::new()))
            }
            NormPosition::Post => {
                let y = part(graph, h)?;
                let sum = graph.apply("Add", &[&y, h], Vec::new());
                self.normalise(graph, norm, &sum)
            }
        }
    }

    fn attend(
        &self,
        graph: &mut GraphBuilder<'_>,
        layer: &str,
        x: &str,
        hidden: &str,
    ) -> Result<String> {
        let name = format!("{layer}.attention");
        let width = graph.shape(&format!("{name}.output.weight"))?[1];
        let head_size = width / self.heads;
        let all = graph.affine(&format!("{name}.query_key_value"), x)?;
        let sizes = graph.whole(&[width as i64; 3]);
        let thirds = graph.apply_many("Split", &[&all, &sizes], axis(-1), 3);
        let shape = graph.whole(&[0, 0, self.heads as i64, head_size as i64]);
        let [q, k, v] =
            [(0, [0, 2, 1, 3]), (1, [0, 2, 3, 1]), (2, [0, 2, 1, 3])].map(|(third, order)| {
                let split = graph.apply("Reshape", &[&thirds[third], &shape], Vec::new());
                graph.transpose(&split, &order)
            });
        let products = graph.apply("MatMul", &[&q, &k], Vec::new());
        let scale = graph.real((1.0 / (head_size as f64).sqrt()) as f32);
        let scores = graph.apply("Mul", &[&products, &scale], Vec::new());
        let scores = graph.apply("Add", &[&scores, hidden], Vec::new());
        let shares = graph.apply("Softmax", &[&scores], axis(-1));
        let mixed = graph.apply("MatMul", &[&shares, &v], Vec::new());
        let mixed = graph.transpose(&mixed, &[0, 2, 1, 3]);
        let shape = graph.whole(&[0, 0, width as i64]);
        let mixed = graph.apply("Reshape", &[&mixed, &shape], Vec::new());
        graph.affine(&format!("{name}.output"), &mixed)
    }

    fn normalise(&self, graph: &mut GraphBuilder<'_>, name: &str, x: &str) -> Result<String> {
        let gain = graph.parameter(&format!("{name}.weight"))?;
        let bias = graph.parameter(&format!("{name}.bias"))?;
        let options = vec![
            Attribute::of_int("axis", -1),
            Attribute::of_float("epsilon", self.functions.norm_epsilon),
        ];
        Ok(graph.apply("LayerNormalization", &[x, &gain, &bias], options))
    }
}

fn axis(axis: i64) -> Vec<Attribute> {
    vec![Attribute::of_int("axis", axis)]
}

/// As many of the learned positions as the texts of the batch have.
fn positions(graph: &mut GraphBuilder<'_>, ids: &str) -> Result<String> {
    let table = graph.parameter("positions.weight")?;
    let shape = graph.apply("Shape", &[ids], Vec::new());
    let [zero, one, two] = [0, 1, 2].map(|n| graph.whole(&[n]));
    let length = graph.apply("Slice", &[&shape, &one, &two, &zero], Vec::new());
    Ok(graph.apply("Slice", &[&table, &zero, &length, &zero], Vec::new()))
}

/// An activation function, of operators that every reader has.
fn activate(graph: &mut GraphBuilder<'_>, activation: Activation, x: &str) -> String {
    let of = |graph: &mut GraphBuilder<'_>, operator: &str, inputs: &[&str]| {
        graph.apply(operator, inputs, Vec::new())
    };
    // x (1 + f) / 2, where f is erf(x / √2) or its approximation.
    let gated = |graph: &mut GraphBuilder<'_>, f: &str| {
        let (one, half) = (graph.real(1.0), graph.real(0.5));
        let gate = of(graph, "Add", &[f, &one]);
        let gate = of(graph, "Mul", &[&gate, &half]);
        of(graph, "Mul", &[x, &gate])
    };
    match activation {
        Activation::Relu => of(graph, "Relu", &[x]),
        Activation::Tanh => of(graph, "Tanh", &[x]),
        Activation::Sigmoid => of(graph, "Sigmoid", &[x]),
        Activation::Gelu => {
            let scale = graph.real(std::f32::consts::FRAC_1_SQRT_2);
            let scaled = of(graph, "Mul", &[x, &scale]);
            let erf = of(graph, "Erf", &[&scaled]);
            gated(graph, &erf)
        }
        Activation::GeluTanh => {
            let (cubic, one) = (graph.real(0.044_715), graph.real(1.0));
            let root = graph.real((2.0 / std::f64::consts::PI).sqrt() as f32);
            let square = of(graph, "Mul", &[x, x]);
            let factor = of(graph, "Mul", &[&square, &cubic]);
            let factor = of(graph, "Add", &[&factor, &one]);
            let u = of(graph, "Mul", &[x, &factor]);
            let u = of(graph, "Mul", &[&u, &root]);
            let tanh = of(graph, "Tanh", &[&u]);
            gated(graph, &tanh)
        }
    }
}

/// Class scores `[batch, classes]` from token ids.
pub(super) fn classify(
    graph: &mut GraphBuilder<'_>,
    stack: &Stack,
    (pooling, head): (TextPooling, &Head),
    ids: &str,
    mask: &Mask,
) -> Result<String> {
    let embedded = graph.look_up("embedding.weight", ids)?;
    let states = stack.states(graph, &embedded, ids, mask)?;
    let read = match head {
        Head::Pooled => pool(graph, pooling, &states[stack.layers], mask),
        Head::Projected {
            layers,
            embedding_size,
            ..
        } => {
            let mut levels = Vec::new();
            if embedding_size.is_some() {
                let pooled = pool(graph, pooling, &states[0], mask);
                levels.push(project(graph, "embedding_projection", pooled)?);
            }
            for (k, &layer) in layers.iter().enumerate() {
                let pooled = pool(graph, pooling, &states[layer], mask);
                levels.push(project(graph, &format!("projections.{k}"), pooled)?);
            }
            graph.concat(&levels, 1)
        }
    };
    graph.affine("classifier", &read)
}

/// Of equal widths nothing is projected, and there are no weights.
fn project(graph: &mut GraphBuilder<'_>, name: &str, pooled: String) -> Result<String> {
    match graph.has(&format!("{name}.weight")) {
        true => graph.affine(name, &pooled),
        false => Ok(pooled),
    }
}

fn pool(graph: &mut GraphBuilder<'_>, pooling: TextPooling, states: &str, mask: &Mask) -> String {
    match pooling {
        TextPooling::Mean => graph.mean_over_time(states, mask),
        TextPooling::First => {
            let first = graph.first();
            graph.apply(
                "Gather",
                &[states, &first],
                vec![Attribute::of_int("axis", 1)],
            )
        }
    }
}
