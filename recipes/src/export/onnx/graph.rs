//! A graph in the making: operators applied to named values, and the weights they read.

use std::collections::BTreeSet;

use limbeck_training::quantise::Quantised;

use super::super::weights::{Data, Weights};
use super::message::{self, Attribute, BOOL, FLOAT, INT8, INT64, Node, Tensor, ValueInfo};
use crate::error::{Error, Result};

/// What stands for minus infinity: no score comes near it, and sums with it are finite.
const FAR_BELOW: f32 = -1e30;

/// How a weight lies in the graph: its shape, the dimension that scales of 8-bit weights go with, and
/// for every element the place that it has in the model, row-major.
pub(super) struct Arranged {
    pub(super) dims: Vec<usize>,
    pub(super) channel_axis: usize,
    pub(super) places: Vec<usize>,
}

pub(super) struct GraphBuilder<'a> {
    weights: &'a Weights,
    graph: message::Graph,
    /// Names of the constants that are there.
    known: BTreeSet<String>,
}

impl<'a> GraphBuilder<'a> {
    pub(super) fn new(name: &str, weights: &'a Weights) -> Self {
        GraphBuilder {
            weights,
            graph: message::Graph {
                name: name.into(),
                ..message::Graph::default()
            },
            known: BTreeSet::new(),
        }
    }

    pub(super) fn finish(self) -> message::Graph {
        self.graph
    }

    /// Whole numbers of 64 bits that are given to the graph.
    pub(super) fn ids(&mut self, name: &str, dims: &[&str]) -> String {
        self.input(message::value(name, INT64, dims))
    }

    /// Real numbers that are given to the graph.
    pub(super) fn reals(&mut self, name: &str, dims: &[&str]) -> String {
        self.input(message::value(name, FLOAT, dims))
    }

    fn input(&mut self, value: ValueInfo) -> String {
        let name = value.name.clone();
        self.graph.inputs.push(value);
        name
    }

    /// Gives a value out under a name of its own.
    pub(super) fn output(&mut self, from: &str, name: &str, dims: &[&str]) {
        debug_assert!(
            !self.known.contains(name),
            "a constant has the name of an output"
        );
        self.graph.outputs.push(message::value(name, FLOAT, dims));
        self.graph.nodes.push(Node {
            inputs: vec![from.into()],
            outputs: vec![name.into()],
            name: format!("{name}/Identity"),
            operator: "Identity".into(),
            attributes: Vec::new(),
        });
    }

    /// Applies an operator with one output.
    pub(super) fn apply(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: Vec<Attribute>,
    ) -> String {
        let mut outputs = self.apply_many(operator, inputs, attributes, 1);
        outputs.remove(0)
    }

    /// Applies an operator with several outputs.
    pub(super) fn apply_many(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: Vec<Attribute>,
        outputs: usize,
    ) -> Vec<String> {
        let name = format!("{operator}_{}", self.graph.nodes.len());
        let outputs: Vec<String> = (0..outputs).map(|n| format!("{name}:{n}")).collect();
        self.graph.nodes.push(Node {
            inputs: inputs.iter().map(|input| (*input).into()).collect(),
            outputs: outputs.clone(),
            name,
            operator: operator.into(),
            attributes,
        });
        outputs
    }

    /// Whole numbers that are the same each time, in one dimension.
    pub(super) fn whole(&mut self, numbers: &[i64]) -> String {
        let words: Vec<String> = numbers.iter().map(i64::to_string).collect();
        let name = format!("whole [{}]", words.join(" "));
        let bytes = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        self.constant(&name, INT64, &[numbers.len()], bytes)
    }

    /// A real number that is the same each time.
    pub(super) fn real(&mut self, number: f32) -> String {
        let name = format!("real {number:e}");
        self.constant(&name, FLOAT, &[], number.to_le_bytes().to_vec())
    }

    /// Real zeros.
    pub(super) fn zeros(&mut self, dims: &[usize]) -> String {
        let bytes = vec![0; 4 * dims.iter().product::<usize>()];
        self.constant(&format!("zeros {dims:?}"), FLOAT, dims, bytes)
    }

    /// The number 0 without a dimension: a place.
    pub(super) fn first(&mut self) -> String {
        self.constant("place 0", INT64, &[], vec![0; 8])
    }

    fn constant(&mut self, name: &str, data_type: i32, dims: &[usize], raw: Vec<u8>) -> String {
        if self.known.insert(name.into()) {
            self.graph.initializers.push(Tensor {
                dims: dims.iter().map(|&d| d as i64).collect(),
                data_type,
                name: name.into(),
                raw_data: raw,
            });
        }
        name.into()
    }

    /// The shape of a weight.
    ///
    /// # Errors
    /// If the model has none of this name, and is not what its configuration says.
    pub(super) fn shape(&self, name: &str) -> Result<&'a [usize]> {
        Ok(&self.weight(name)?.shape)
    }

    /// Whether the model has weights of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.weights.get(name).is_some()
    }

    fn weight(&self, name: &str) -> Result<&'a super::super::weights::Weight> {
        let message =
            || format!("the model has no weights named {name}, as its configuration wants");
        let found = self.weights.get(name);
        found.ok_or_else(|| Error::Engine(limbeck_engine::Error::Mismatch(message())))
    }

    /// A weight as it lies in the model.
    pub(super) fn parameter(&mut self, name: &str) -> Result<String> {
        let weight = self.weight(name)?;
        let channel_axis = match &weight.data {
            Data::Whole(matrix) => match matrix.channels() {
                limbeck_training::quantise::Channels::Rows => 0,
                limbeck_training::quantise::Channels::Columns => 1,
            },
            Data::Real(_) => 0,
        };
        let arranged = Arranged {
            dims: weight.shape.clone(),
            channel_axis,
            places: (0..weight.shape.iter().product()).collect(),
        };
        self.arranged(name, name, &arranged)
    }

    /// A weight in another order, under a name of its own.
    pub(super) fn arranged(&mut self, name: &str, of: &str, to: &Arranged) -> Result<String> {
        if self.known.contains(name) {
            return Ok(name.into());
        }
        match &self.weight(of)?.data {
            Data::Real(values) => {
                let values = to.places.iter().flat_map(|&p| values[p].to_le_bytes());
                Ok(self.constant(name, FLOAT, &to.dims, values.collect()))
            }
            Data::Whole(matrix) => Ok(self.dequantised(name, matrix, to)),
        }
    }

    /// Weights of 8 bits, times their scales when the graph is computed.
    fn dequantised(&mut self, name: &str, matrix: &Quantised, to: &Arranged) -> String {
        let numbers = to.places.iter().map(|&p| matrix.numbers()[p] as u8);
        let numbers = self.constant(&format!("{name}.int8"), INT8, &to.dims, numbers.collect());
        // One element of every channel knows its scale.
        let step: usize = to.dims[to.channel_axis + 1..].iter().product();
        let channels = to.dims[to.channel_axis];
        let scale = |channel: usize| matrix.scale_at(to.places[channel * step]);
        let scales: Vec<u8> = (0..channels).flat_map(|c| scale(c).to_le_bytes()).collect();
        let scales = self.constant(&format!("{name}.scale"), FLOAT, &[channels], scales);
        self.known.insert(name.into());
        self.graph.nodes.push(Node {
            inputs: vec![numbers, scales],
            outputs: vec![name.into()],
            name: format!("{name}/DequantizeLinear"),
            operator: "DequantizeLinear".into(),
            attributes: vec![Attribute::of_int("axis", to.channel_axis as i64)],
        });
        name.into()
    }

    /// x W + b over the last dimension, with the weights `{name}.weight` `[in, out]` and `{name}.bias`.
    pub(super) fn affine(&mut self, name: &str, x: &str) -> Result<String> {
        let weight = self.parameter(&format!("{name}.weight"))?;
        let bias = self.parameter(&format!("{name}.bias"))?;
        let product = self.apply("MatMul", &[x, &weight], Vec::new());
        Ok(self.apply("Add", &[&product, &bias], Vec::new()))
    }

    /// The rows of a table.
    pub(super) fn look_up(&mut self, table: &str, ids: &str) -> Result<String> {
        let table = self.parameter(table)?;
        Ok(self.apply("Gather", &[&table, ids], vec![Attribute::of_int("axis", 0)]))
    }

    pub(super) fn concat(&mut self, parts: &[String], axis: i64) -> String {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            [one] => (*one).into(),
            parts => self.apply("Concat", parts, vec![Attribute::of_int("axis", axis)]),
        }
    }

    pub(super) fn transpose(&mut self, x: &str, order: &[i64]) -> String {
        self.apply("Transpose", &[x], vec![Attribute::of_ints("perm", order)])
    }

    /// A mask of 0 and 1 as true and false, and as numbers.
    pub(super) fn mask(&mut self, mask: &str) -> Mask {
        let cast = |to: i32| vec![Attribute::of_int("to", i64::from(to))];
        let numbers = self.apply("Cast", &[mask], cast(FLOAT));
        let last = self.whole(&[-1]);
        let column = self.apply("Unsqueeze", &[&numbers, &last], Vec::new());
        let truth = self.apply("Cast", &[&column], cast(BOOL));
        Mask {
            numbers,
            column,
            truth,
        }
    }

    /// x where the mask is 1, and 0 elsewhere.
    pub(super) fn masked(&mut self, x: &str, mask: &Mask) -> String {
        self.apply("Mul", &[x, &mask.column], Vec::new())
    }

    /// The largest of `[batch, sequence, width]` over the positions of each text.
    pub(super) fn max_over_time(&mut self, x: &str, mask: &Mask) -> String {
        let below = self.real(FAR_BELOW);
        let kept = self.apply("Where", &[&mask.truth, x, &below], Vec::new());
        let options = vec![
            Attribute::of_ints("axes", &[-2]),
            Attribute::of_int("keepdims", 0),
        ];
        self.apply("ReduceMax", &[&kept], options)
    }

    /// The mean of `[batch, sequence, width]` over the positions of each text.
    pub(super) fn mean_over_time(&mut self, x: &str, mask: &Mask) -> String {
        let kept = self.masked(x, mask);
        let axis = self.whole(&[1]);
        let keep = || vec![Attribute::of_int("keepdims", 0)];
        let sum = self.apply("ReduceSum", &[&kept, &axis], keep());
        let count = self.apply("ReduceSum", &[&mask.column, &axis], keep());
        self.apply("Div", &[&sum, &count], Vec::new())
    }

    /// What is added to scores of keys `[batch, 1, 1, sequence]`: 0, and far below 0 where none is.
    pub(super) fn hidden_keys(&mut self, mask: &Mask) -> String {
        let (one, far) = (self.real(1.0), self.real(-FAR_BELOW));
        let less = self.apply("Sub", &[&mask.numbers, &one], Vec::new());
        let scores = self.apply("Mul", &[&less, &far], Vec::new());
        let axes = self.whole(&[1, 2]);
        self.apply("Unsqueeze", &[&scores, &axes], Vec::new())
    }
}

/// Which positions of a batch belong to texts.
pub(super) struct Mask {
    /// `[batch, sequence]`, 0 and 1.
    pub(super) numbers: String,
    /// The same with a last dimension of 1.
    pub(super) column: String,
    /// That as true and false.
    pub(super) truth: String,
}
