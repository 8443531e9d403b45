//! The recurrent network of Elman (1990), over whole sequences.
//!
//! ```text
//! h_t = tanh(x_t W_ih + h_{t-1} W_hh + b)        da = dh (1 - h_t²)
//! ```
//!
//! and the products give the rest. Nothing is kept for the way back but h.

mod cpu;
mod reference;

use limbeck_engine::{Result, Tape, TimeMajor, Var};

use crate::harness::Entry;
use crate::shared::recurrence::{self, BackwardRow, Beside, Cell, ForwardRow, Layer};
#[cfg(feature = "gpu")]
use crate::shared::wgsl;

/// The cell.
#[derive(Clone, Copy, Debug)]
struct Rnn;

#[cfg(feature = "gpu")]
static FORWARD: limbeck_engine::Kernel = limbeck_engine::Kernel {
    name: "rnn::forward",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        wgsl::RECURRENCE_FORWARD,
        include_str!("forward.wgsl"),
    ],
    entry: "step",
};

#[cfg(feature = "gpu")]
static BACKWARD: limbeck_engine::Kernel = limbeck_engine::Kernel {
    name: "rnn::backward",
    source: &[
        wgsl::COMMON,
        wgsl::RECURRENCE_BACKWARD,
        include_str!("backward.wgsl"),
    ],
    entry: "step",
};

impl Cell for Rnn {
    const NAME: &'static str = "rnn";
    const GATES: usize = 1;
    const BESIDE: Beside = Beside::Nothing;
    #[cfg(feature = "gpu")]
    const KERNELS: [&'static limbeck_engine::Kernel; 2] = [&FORWARD, &BACKWARD];

    fn forward_reference(row: ForwardRow<'_, f64>) {
        reference::forward(row);
    }

    fn backward_reference(row: BackwardRow<'_, f64>) {
        reference::backward(row);
    }

    fn forward_cpu(row: ForwardRow<'_, f32>) {
        cpu::forward(row.gates, row.recurrent, row.h);
    }

    fn backward_cpu(row: BackwardRow<'_, f32>) {
        cpu::backward(row.h, row.dh, row.d_gates);
    }
}

/// One layer over whole sequences: x `[rows, in]` in the order of `steps`, W_ih `[in, hidden]`, W_hh
/// `[hidden, hidden]`, b `[hidden]`, and for each sequence the h that it starts from,
/// `[sequences, hidden]`. Gives h of every row, `[rows, hidden]`, and h after the last row of each
/// sequence, `[sequences, hidden]`.
///
/// ```
/// use limbeck_engine::{Device, Tape, TimeMajor};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let steps = TimeMajor::new(&device, &[2], 0, 0)?;
/// let x = tape.constant(device.real(&[0.5, 0.0], [2, 1])?);
/// let one = tape.constant(device.real(&[1.0], [1, 1])?);
/// let b = tape.constant(device.real(&[0.0], [1])?);
/// let zero = tape.constant(device.real(&[0.0], [1, 1])?);
/// let (_, h) = limbeck_kernels::rnn(&tape, &x, (&one, &one, &b), &zero, &steps)?;
/// assert!((h.tensor().item()? - 0.5f64.tanh().tanh()).abs() < 1e-6);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes do not fit, or the device failed.
pub fn rnn(
    tape: &Tape,
    x: &Var,
    (input_weight, recurrent_weight, bias): (&Var, &Var, &Var),
    h: &Var,
    steps: &TimeMajor,
) -> Result<(Var, Var)> {
    let layer = Layer {
        input_weight,
        recurrent_weight,
        bias,
    };
    let outputs = recurrence::apply::<Rnn>(tape, x, layer, h, None, steps)?;
    let [y, h] = recurrence::outputs(outputs);
    Ok((y, h))
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "rnn",
        formula: "h_t = tanh(x_t W_ih + h_{t-1} W_hh + b); da = dh (1 - h²), backward through time",
        cases: recurrence::cases::<Rnn>(),
        #[cfg(feature = "gpu")]
        kernels: vec![&FORWARD, &BACKWARD, &recurrence::gpu::GATHER_PREVIOUS],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_saved_beside_the_outputs() -> Result<()> {
        for case in recurrence::cases::<Rnn>() {
            let plan = case.plan()?.expect("an operator on the tape");
            let bytes: usize = plan.saved.iter().map(|saved| saved.bytes()).sum();
            assert_eq!(bytes, 0, "{}", case.name);
        }
        Ok(())
    }
}
