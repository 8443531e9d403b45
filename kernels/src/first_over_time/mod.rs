//! The first row of each sequence: a text read at its first token.
//!
//! ```text
//! y_s = x_(o_s)                  x [rows, d], y [sequences, d], o_s the first row of sequence s
//! dx_r = dy_s if r = o_s, else 0
//! ```
//!
//! [`crate::gather_rows`] would do as well, but knows the rows only by ids of its own; here the
//! offsets that come with every batch are enough.

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
use crate::harness::{Case, Draw, Entry, packed_ids};
use crate::shared::sequences::Sizes;

/// The operator; inputs are x and the offsets of the sequences.
#[derive(Clone, Debug)]
struct FirstOverTime {
    lengths: Arc<[usize]>,
}

/// The first row of each sequence: packed rows `[rows, d]` give `[sequences, d]`.
///
/// ```
/// use limbeck_engine::{Device, Packed, Tape};
/// use limbeck_kernels::first_over_time;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// // A sequence of two rows and one of one.
/// let packed = Packed::new(&device, &[2, 1], 0)?;
/// let x = tape.constant(device.real(&[1.0, 5.0, 3.0, 2.0, 0.0, -1.0], [3, 2])?);
/// let y = first_over_time(&tape, &x, &packed)?;
/// assert_eq!(y.tensor().read()?, [1.0, 5.0, 0.0, -1.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If `x` has not the rows of the sequences, or the device failed.
pub fn first_over_time(tape: &Tape, x: &Var, packed: &Packed) -> Result<Var> {
    let operator = FirstOverTime {
        lengths: packed.lengths().clone(),
    };
    let offsets = tape.constant(packed.offsets().clone());
    tape.apply_one(operator, &[x, &offsets])
}

impl Operator for FirstOverTime {
    fn name(&self) -> &'static str {
        "first_over_time"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let both = check::inputs("first_over_time", inputs)?;
        let sizes = Sizes::check("first_over_time", &self.lengths, both)?;
        Ok(Plan::new(inputs, Meta::real(sizes.pooled())).keep_inputs([1]))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(Sizes::known(io.metas()), io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(Sizes::known(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(Sizes::known(io.metas()), io)
    }
}

impl Differentiable for FirstOverTime {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward(Sizes::known(io.metas()), io);
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        cpu::backward(Sizes::known(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(Sizes::known(io.metas()), io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "first_over_time",
        formula: "y_s = x_(o_s); dx_r = dy_s if r = o_s, else 0",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::FORWARD, &gpu::BACKWARD],
    }
}

fn cases() -> Vec<Case> {
    let case = |lengths: &[usize], columns: usize| {
        let operator = FirstOverTime {
            lengths: lengths.into(),
        };
        let offsets = packed_ids(lengths).offsets;
        let name = format!("lengths {lengths:?}, {columns} columns");
        Case::new(name, operator)
            .real(Draw::new("x"), [lengths.iter().sum::<usize>(), columns])
            .ids(&offsets, [offsets.len()])
    };
    vec![
        case(&[1], 1),
        case(&[3, 1, 4], 3),
        case(&[2, 5], 0),
        case(&[1, 70, 2, 33], 19),
        case(&[6; 20], 17),
        case(&[900], 33),
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
        let error = first_over_time(&tape, &x, &packed).expect_err("five rows expected");
        let message = error.to_string();
        assert!(
            message.contains("[6, 2] has 6 rows") && message.contains("2 sequences have 5"),
            "{message}"
        );
    }
}
