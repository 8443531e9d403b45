//! The largest value of each column over the rows of a sequence.
//!
//! ```text
//! y_sc = max_{r in s} x_rc               x [rows, d], y [sequences, d]
//! dx_rc = dy_sc if r = a_sc, else 0      a_sc: the row of the maximum
//! ```
//!
//! y_sc equals the x of one row, so its derivative is 1 there and 0 elsewhere. Of equal values
//! the first row is taken. A NaN counts as larger than any number: it comes out, and the gradient
//! goes to it. The rows a are saved as ids; the backward pass needs neither x nor y.

mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;
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

pub(crate) use cpu::largest;

/// The operator; inputs are x and the offsets of the sequences.
#[derive(Clone, Debug)]
struct MaxOverTime {
    lengths: Arc<[usize]>,
}

/// The largest value of each column over the rows of a sequence: packed rows `[rows, d]` give
/// `[sequences, d]`.
///
/// ```
/// use limbeck_engine::{Device, Packed, Tape};
/// use limbeck_kernels::max_over_time;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// // A sequence of two rows and one of one.
/// let packed = Packed::new(&device, &[2, 1], 0)?;
/// let x = tape.constant(device.real(&[1.0, 5.0, 3.0, 2.0, 0.0, -1.0], [3, 2])?);
/// let y = max_over_time(&tape, &x, &packed)?;
/// assert_eq!(y.tensor().read()?, [3.0, 5.0, 0.0, -1.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If `x` has not the rows of the sequences, or the device failed.
pub fn max_over_time(tape: &Tape, x: &Var, packed: &Packed) -> Result<Var> {
    let operator = MaxOverTime {
        lengths: packed.lengths().clone(),
    };
    let offsets = tape.constant(packed.offsets().clone());
    tape.apply_one(operator, &[x, &offsets])
}

impl Operator for MaxOverTime {
    fn name(&self) -> &'static str {
        "max_over_time"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let both = check::inputs("max_over_time", inputs)?;
        let sizes = Sizes::check("max_over_time", &self.lengths, both)?;
        Ok(Plan::new(inputs, Meta::real(sizes.pooled()))
            .save(Meta::ids(sizes.pooled()))
            .keep_inputs([1])
            .flops(sizes.rows * sizes.columns))
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

impl Differentiable for MaxOverTime {
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
        name: "max_over_time",
        formula: "y_sc = max_{r in s} x_rc; dx_rc = dy_sc if r is the first row of the maximum",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::FORWARD, &gpu::BACKWARD],
    }
}

fn cases() -> Vec<Case> {
    let of = |name: String, lengths: &[usize]| {
        let offsets = packed_ids(lengths).offsets;
        let operator = MaxOverTime {
            lengths: lengths.into(),
        };
        (Case::new(name, operator), offsets)
    };
    let case = |lengths: &[usize], columns: usize| {
        let (case, offsets) = of(format!("lengths {lengths:?}, {columns} columns"), lengths);
        case.real(
            Draw::new("x").distinct(),
            [lengths.iter().sum::<usize>(), columns],
        )
        .ids(&offsets, [offsets.len()])
    };
    let fixed = |name: &str, lengths: &[usize], values: &[f64], columns: usize| {
        let (case, offsets) = of(name.into(), lengths);
        case.fixed(values, [values.len() / columns, columns])
            .ids(&offsets, [offsets.len()])
    };
    vec![
        case(&[1], 1),
        case(&[3, 1, 4], 3),
        case(&[2, 5], 0),
        case(&[1, 70, 2, 33], 19),
        case(&[6; 20], 17),
        case(&[200], 9),
        fixed(
            "ties, zeros of both signs among them",
            &[3, 2],
            &[1.0, -0.0, 2.0, 0.0, 2.0, 0.0, -1.0, 0.0, -1.0, -0.0],
            2,
        )
        .without_finite_differences("the derivative at a tie is a convention"),
        fixed(
            "infinities and large numbers",
            &[3, 2],
            &[f64::NEG_INFINITY, 1e30, 3e30, -3e30, f64::NEG_INFINITY],
            1,
        )
        .without_finite_differences("an infinity has no neighbours"),
    ]
}

#[cfg(test)]
mod tests {
    use limbeck_engine::Device;

    use super::*;

    #[test]
    fn nan_is_the_largest_and_takes_the_gradient() {
        for device in [Device::cpu(), Device::reference()] {
            let tape = Tape::deterministic(&device);
            let packed = Packed::new(&device, &[4, 1], 0).expect("two sequences");
            let values = [1.0, f32::NAN, f32::INFINITY, f32::NAN, f32::NAN];
            let x = tape.watched(device.real(&values, [5, 1]).expect("on the host"));
            let y = max_over_time(&tape, &x, &packed).expect("fits");
            let found = y.tensor().read().expect("on the host");
            assert!(found.iter().all(|v| v.is_nan()), "{found:?}");
            let coefficients = device.real(&[2.0, 3.0], [2, 1]).expect("on the host");
            let gradients = tape
                .gradients(vec![(&y, coefficients)])
                .expect("on the host");
            let dx = gradients[0].read().expect("on the host");
            assert_eq!(dx, [0.0, 2.0, 0.0, 0.0, 3.0]);
        }
    }

    #[test]
    fn rows_that_are_not_those_of_the_sequences_are_refused() {
        let device = Device::cpu();
        let tape = Tape::inference(&device);
        let packed = Packed::new(&device, &[2, 3], 0).expect("two sequences");
        let x = tape.constant(device.zeros([4, 2]).expect("on the host"));
        let error = max_over_time(&tape, &x, &packed).expect_err("five rows expected");
        let message = error.to_string();
        assert!(
            message.contains("[4, 2] has 4 rows") && message.contains("2 sequences have 5"),
            "{message}"
        );
    }
}
