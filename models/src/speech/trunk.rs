//! What makes a vector for every frame.
//!
//! ```text
//! convolution: h_k = layer_norm(relu(conv_k(h_{k-1})) (+ h_{k-1} where widths agree)),  h_0 = frames
//! recurrent:   h_k = [gru(h_{k-1}) ; gru over the frames from the last to the first]
//! ```
//!
//! The norm behind every convolution keeps the states at one size, however many residuals add up; the
//! energies of frames are far from it.

use limbeck_engine::{
    Packed, ParameterId, ParameterStore, Result, StoreBuilder, Tape, TimeMajor, Var,
};
use limbeck_kernels::{
    Activation, GruWeights, add_layer_norm, concat, conv1d, gather_rows, gru, layer_norm,
};

use crate::init::{Affine, Norm};

/// Added to variances, as is usual.
const EPSILON: f32 = 1e-5;

/// A convolution over frames and the norm behind it.
struct Layer {
    convolution: Affine,
    norm: Norm,
    kernel_size: usize,
    residual: bool,
}

/// Stacked convolutions over frames.
pub(super) struct Convolutions {
    layers: Vec<Layer>,
}

impl Convolutions {
    pub(super) fn new(
        store: &mut StoreBuilder,
        bins: usize,
        channels: usize,
        kernel_sizes: &[usize],
    ) -> Self {
        let layers = kernel_sizes.iter().enumerate().map(|(k, &kernel_size)| {
            let inputs = if k == 0 { bins } else { channels };
            let name = format!("blocks.{k}");
            let convolution = format!("{name}.convolution");
            Layer {
                convolution: Affine::new(store, &convolution, kernel_size * inputs, channels),
                norm: Norm::new(store, &format!("{name}.norm"), channels),
                kernel_size,
                residual: inputs == channels,
            }
        });
        Convolutions {
            layers: layers.collect(),
        }
    }

    /// Frames `[rows, bins]` give `[rows, channels]`.
    pub(super) fn forward(
        &self,
        tape: &Tape,
        store: &ParameterStore,
        frames: &Var,
        packed: &Packed,
    ) -> Result<Var> {
        let parameter = |id| tape.parameter(store, id);
        let mut h = frames.clone();
        for (k, layer) in self.layers.iter().enumerate() {
            h = tape.scope(&format!("block {k}"), || {
                let weight = parameter(layer.convolution.weight);
                let bias = parameter(layer.convolution.bias);
                let (relu, width) = (Some(Activation::Relu), layer.kernel_size);
                let z = conv1d(tape, &h, &weight, Some(&bias), relu, packed, width)?;
                let (gain, bias) = (parameter(layer.norm.gain), parameter(layer.norm.bias));
                let (gain, bias) = (Some(&gain), Some(&bias));
                match layer.residual {
                    true => Ok(add_layer_norm(tape, &z, &h, gain, bias, EPSILON)?.0),
                    false => layer_norm(tape, &z, gain, bias, EPSILON),
                }
            })?;
        }
        Ok(h)
    }
}

/// A gated recurrent unit.
struct Cell {
    input_weight: ParameterId,
    recurrent_weight: ParameterId,
    bias: ParameterId,
    hidden_bias: ParameterId,
}

impl Cell {
    /// All uniform in ±1/√hidden, the custom for recurrent cells. Biases do not decay.
    fn new(store: &mut StoreBuilder, name: &str, inputs: usize, hidden: usize) -> Self {
        let bound = 1.0 / (hidden as f64).sqrt();
        let input_weight = format!("{name}.input_weight");
        let recurrent_weight = format!("{name}.recurrent_weight");
        let cell = Cell {
            input_weight: store.uniform(&input_weight, [inputs, 3 * hidden], bound),
            recurrent_weight: store.uniform(&recurrent_weight, [hidden, 3 * hidden], bound),
            bias: store.uniform(&format!("{name}.bias"), [3 * hidden], bound),
            hidden_bias: store.uniform(&format!("{name}.hidden_bias"), [hidden], bound),
        };
        store.no_decay(cell.bias);
        store.no_decay(cell.hidden_bias);
        cell
    }

    /// Every sequence begins with a state of zeros.
    fn apply(
        &self,
        tape: &Tape,
        store: &ParameterStore,
        x: &Var,
        zeros: &Var,
        steps: &TimeMajor,
    ) -> Result<Var> {
        let parameter = |id| tape.parameter(store, id);
        let weights = GruWeights {
            input_weight: &parameter(self.input_weight),
            recurrent_weight: &parameter(self.recurrent_weight),
            bias: &parameter(self.bias),
            hidden_bias: &parameter(self.hidden_bias),
        };
        Ok(gru(tape, x, weights, zeros, steps)?.0)
    }
}

/// Layers of recurrent cells, each read forwards and, with a second cell, backwards.
pub(super) struct Recurrent {
    layers: Vec<(Cell, Option<Cell>)>,
    hidden: usize,
}

impl Recurrent {
    pub(super) fn new(
        store: &mut StoreBuilder,
        bins: usize,
        (hidden, layers): (usize, usize),
        bidirectional: bool,
    ) -> Self {
        let above = if bidirectional { 2 * hidden } else { hidden };
        let layers = (0..layers).map(|k| {
            let inputs = if k == 0 { bins } else { above };
            let name = format!("layers.{k}");
            let forward = Cell::new(store, &format!("{name}.forward"), inputs, hidden);
            let backward = bidirectional
                .then(|| Cell::new(store, &format!("{name}.backward"), inputs, hidden));
            (forward, backward)
        });
        Recurrent {
            layers: layers.collect(),
            hidden,
        }
    }

    /// Frames `[rows, bins]` give `[rows, hidden]`, or twice as wide with both directions.
    pub(super) fn forward(
        &self,
        tape: &Tape,
        store: &ParameterStore,
        frames: &Var,
        packed: &Packed,
    ) -> Result<Var> {
        let order = StepOrder::new(packed.lengths());
        let steps = TimeMajor::new(tape.device(), &order.lengths, packed.first_sample(), 0)?;
        let zeros = tape.constant(tape.device().zeros([steps.sequences(), self.hidden])?);
        let mut h = gather_rows(tape, frames, &order.rows)?;
        for (k, (forward, backward)) in self.layers.iter().enumerate() {
            h = tape.scope(&format!("layer {k}"), || {
                let ahead = forward.apply(tape, store, &h, &zeros, &steps)?;
                let Some(backward) = backward else {
                    return Ok(ahead);
                };
                let turned = gather_rows(tape, &h, &order.turned)?;
                let back = backward.apply(tape, store, &turned, &zeros, &steps)?;
                concat(tape, &[&ahead, &gather_rows(tape, &back, &order.turned)?])
            })?;
        }
        gather_rows(tape, &h, &order.packed)
    }
}

/// Packed rows and rows step after step.
struct StepOrder {
    /// Lengths of the sequences, the longest first.
    lengths: Vec<usize>,
    /// For each row in the order of steps the packed row.
    rows: Vec<u32>,
    /// For each packed row its row in the order of steps.
    packed: Vec<u32>,
    /// For each row in the order of steps the one as far from the end of its sequence as it is from
    /// the beginning. Turning twice changes nothing, so it leads back as well.
    turned: Vec<u32>,
}

impl StepOrder {
    fn new(lengths: &[usize]) -> Self {
        let mut starts = Vec::with_capacity(lengths.len());
        let mut next = 0;
        for length in lengths {
            starts.push(next);
            next += length;
        }
        let mut longest: Vec<usize> = (0..lengths.len()).collect();
        longest.sort_by_key(|&sequence| std::cmp::Reverse(lengths[sequence]));
        // Packed rows in the order of steps, forwards and from the end.
        let (mut rows, mut ends) = (Vec::with_capacity(next), Vec::with_capacity(next));
        for step in 0..longest.first().map_or(0, |&sequence| lengths[sequence]) {
            for &sequence in longest.iter().take_while(|&&s| lengths[s] > step) {
                rows.push((starts[sequence] + step) as u32);
                ends.push((starts[sequence] + lengths[sequence] - 1 - step) as u32);
            }
        }
        let mut packed = vec![0; next];
        for (place, &row) in (0..).zip(&rows) {
            packed[row as usize] = place;
        }
        StepOrder {
            lengths: longest.iter().map(|&sequence| lengths[sequence]).collect(),
            turned: ends.iter().map(|&row| packed[row as usize]).collect(),
            rows,
            packed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_step_after_step_know_where_they_came_from() {
        // Packed rows: 0 1 | 2 3 4 | 5 6. The longest comes first, equal ones stay in order.
        let order = StepOrder::new(&[2, 3, 2]);
        assert_eq!(order.lengths, [3, 2, 2]);
        assert_eq!(order.rows, [2, 0, 5, 3, 1, 6, 4]);
        assert_eq!(order.packed, [1, 4, 0, 3, 6, 2, 5]);
        // The first frame of the longest (place 0) changes with its last (place 6).
        assert_eq!(order.turned, [6, 4, 5, 3, 1, 2, 0]);
    }
}
