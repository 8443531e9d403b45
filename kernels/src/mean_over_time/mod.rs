//! The mean, or the sum, of each column over the rows of a sequence.
//!
//! ```text
//! y_s = (1 / n_s) Σ_{r in s} x_r         x [rows, d], y [sequences, d]
//! dx_r = dy_s / n_s                      for every row r of s
//! ```
//!
//! n_s is the number of rows in sequence s for the mean, and 1 for the sum.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use std::sync::Arc;

use limbeck_engine::{
    Backward, Differentiable, Forward, Meta, Operator, Packed, Plan, Result, Tape, Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry, Tolerance, packed_ids};
use crate::shared::sequences::Sizes;

/// The operator; inputs are x and the offsets of the sequences.
#[derive(Clone, Debug)]
struct MeanOverTime {
    lengths: Arc<[usize]>,
    /// Whether sums are divided by the number of rows.
    mean: bool,
}

/// The mean of each column over the rows of a sequence: packed rows `[rows, d]` give
/// `[sequences, d]`.
///
/// ```
/// use limbeck_engine::{Device, Packed, Tape};
/// use limbeck_kernels::mean_over_time;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// // A sequence of two rows and one of one.
/// let packed = Packed::new(&device, &[2, 1], 0)?;
/// let x = tape.constant(device.real(&[1.0, 5.0, 3.0, 2.0, 0.0, -1.0], [3, 2])?);
/// let y = mean_over_time(&tape, &x, &packed)?;
/// assert_eq!(y.tensor().read()?, [2.0, 3.5, 0.0, -1.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If `x` has not the rows of the sequences, or the device failed.
pub fn mean_over_time(tape: &Tape, x: &Var, packed: &Packed) -> Result<Var> {
    apply(tape, x, packed, true)
}

/// The sum of each column over the rows of a sequence: packed rows `[rows, d]` give
/// `[sequences, d]`.
///
/// ```
/// use limbeck_engine::{Device, Packed, Tape};
/// use limbeck_kernels::sum_over_time;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let packed = Packed::new(&device, &[2, 1], 0)?;
/// let x = tape.constant(device.real(&[1.0, 5.0, 3.0, 2.0, 0.0, -1.0], [3, 2])?);
/// let y = sum_over_time(&tape, &x, &packed)?;
/// assert_eq!(y.tensor().read()?, [4.0, 7.0, 0.0, -1.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If `x` has not the rows of the sequences, or the device failed.
pub fn sum_over_time(tape: &Tape, x: &Var, packed: &Packed) -> Result<Var> {
    apply(tape, x, packed, false)
}

fn apply(tape: &Tape, x: &Var, packed: &Packed, mean: bool) -> Result<Var> {
    let operator = MeanOverTime {
        lengths: packed.lengths().clone(),
        mean,
    };
    let offsets = tape.constant(packed.offsets().clone());
    tape.apply_one(operator, &[x, &offsets])
}

impl Operator for MeanOverTime {
    fn name(&self) -> &'static str {
        "mean_over_time"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let both = check::inputs("mean_over_time", inputs)?;
        let sizes = Sizes::check("mean_over_time", &self.lengths, both)?;
        Ok(Plan::new(inputs, Meta::real(sizes.pooled()))
            .keep_inputs([1])
            .flops(sizes.rows * sizes.columns))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(Sizes::known(io.metas()), self.mean, io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(Sizes::known(io.metas()), self.mean, io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(Sizes::known(io.metas()), self.mean, io)
    }
}

impl Differentiable for MeanOverTime {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward(Sizes::known(io.metas()), self.mean, io);
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        cpu::backward(Sizes::known(io.metas()), self.mean, io);
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(Sizes::known(io.metas()), self.mean, io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "mean_over_time",
        formula: "y_s = (1 / n_s) Σ_{r in s} x_r; dx_r = dy_s / n_s; n_s = 1 for the sum",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::FORWARD, &gpu::BACKWARD],
    }
}

fn cases() -> Vec<Case> {
    let of = |mean: bool, lengths: &[usize], columns: usize| {
        let operator = MeanOverTime {
            lengths: lengths.into(),
            mean,
        };
        let offsets = packed_ids(lengths).offsets;
        let what = if mean { "mean" } else { "sum" };
        let name = format!("{what} of lengths {lengths:?}, {columns} columns");
        Case::new(name, operator)
            .real(Draw::new("x"), [lengths.iter().sum::<usize>(), columns])
            .ids(&offsets, [offsets.len()])
    };
    let case = |lengths: &[usize], columns: usize| of(true, lengths, columns);
    vec![
        case(&[1], 1),
        case(&[3, 1, 4], 3),
        case(&[2, 5], 0),
        case(&[1, 70, 2, 33], 19),
        case(&[6; 20], 17),
        case(&[900], 33).tolerance(Tolerance::LONG),
        of(false, &[1], 1),
        of(false, &[1, 70, 2, 33], 19),
    ]
}

#[cfg(test)]
mod tests {
    use limbeck_engine::Device;

    use super::*;

    #[test]
    fn rows_that_are_not_those_of_the_sequences_are_refused() {
        let device = Device::cpu();
        let tape = Tape::inference(&device);
        let packed = Packed::new(&device, &[2, 3], 0).expect("two sequences");
        let x = tape.constant(device.zeros([6, 2]).expect("on the host"));
        let error = mean_over_time(&tape, &x, &packed).expect_err("five rows expected");
        let message = error.to_string();
        assert!(
            message.contains("[6, 2] has 6 rows") && message.contains("2 sequences have 5"),
            "{message}"
        );
    }
}
