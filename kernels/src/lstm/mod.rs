//! The long short-term memory (Hochreiter and Schmidhuber 1997) with forget gate (Gers, Schmidhuber
//! and Cummins 2000), over whole sequences.
//!
//! ```text
//! (a_i, a_f, a_g, a_o) = x_t W_ih + h_{t-1} W_hh + b       side by side, each [hidden]
//! i = σ(a_i)      f = σ(a_f)      g = tanh(a_g)      o = σ(a_o)
//! c_t = f c_{t-1} + i g
//! h_t = o tanh(c_t)
//! ```
//!
//! With dh and dc the gradients of h_t and of c_t through later steps,
//!
//! ```text
//! dc' = dc + dh o (1 - tanh² c_t)
//! da_i = dc' g i (1 - i)        da_f = dc' c_{t-1} f (1 - f)
//! da_g = dc' i (1 - g²)         da_o = dh tanh(c_t) o (1 - o)
//! dc_{t-1} = dc' f
//! ```
//!
//! and the products give the rest. The order of the gates is PyTorch's; its two biases are one here.
//! Kept for the way back: the gates and c.

mod cpu;
mod reference;

use limbeck_engine::{Result, Tape, TimeMajor, Var};

use crate::harness::Entry;
use crate::shared::recurrence::{self, BackwardRow, Beside, Cell, ForwardRow, Layer};
#[cfg(feature = "gpu")]
use crate::shared::wgsl;

/// The cell.
#[derive(Clone, Copy, Debug)]
struct Lstm;

#[cfg(feature = "gpu")]
static FORWARD: limbeck_engine::Kernel = limbeck_engine::Kernel {
    name: "lstm::forward",
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
    name: "lstm::backward",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        wgsl::RECURRENCE_BACKWARD,
        include_str!("backward.wgsl"),
    ],
    entry: "step",
};

impl Cell for Lstm {
    const NAME: &'static str = "lstm";
    const GATES: usize = 4;
    const BESIDE: Beside = Beside::State;
    #[cfg(feature = "gpu")]
    const KERNELS: [&'static limbeck_engine::Kernel; 2] = [&FORWARD, &BACKWARD];

    fn forward_reference(row: ForwardRow<'_, f64>) {
        reference::forward(row);
    }

    fn backward_reference(row: BackwardRow<'_, f64>) {
        reference::backward(row);
    }

    fn forward_cpu(row: ForwardRow<'_, f32>) {
        cpu::forward(row.gates, row.recurrent, row.extra, row.beside, row.h);
    }

    fn backward_cpu(row: BackwardRow<'_, f32>) {
        cpu::backward(
            (row.gates, row.beside, row.extra),
            row.dh,
            row.dc,
            row.d_gates,
        );
    }
}

/// What a recurrent layer with a second state gives.
#[derive(Clone, Debug)]
pub struct LstmOutput {
    /// h of every row, `[rows, hidden]`.
    pub y: Var,
    /// h after the last row of each sequence, `[sequences, hidden]`.
    pub h: Var,
    /// c there, `[sequences, hidden]`.
    pub c: Var,
}

/// One layer over whole sequences: x `[rows, in]` in the order of `steps`, W_ih
/// `[in, 4 hidden]`, W_hh `[hidden, 4 hidden]`, b `[4 hidden]`, and for each sequence the h and c
/// that it starts from, `[sequences, hidden]` each.
///
/// ```
/// use limbeck_engine::{Device, Tape, TimeMajor};
/// use limbeck_kernels::lstm;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let real = |values: &[f32], shape: [usize; 2]| Ok::<_, limbeck_engine::Error>(tape.constant(device.real(values, shape)?));
/// let steps = TimeMajor::new(&device, &[2], 0, 0)?;
/// // One unit whose gates are open: c counts 1 / 2 of tanh(x) up.
/// let (x, w_ih, w_hh) = (real(&[9.0, 9.0], [2, 1])?, real(&[0.0, 0.0, 1.0, 0.0], [1, 4])?, real(&[0.0; 4], [1, 4])?);
/// let b = tape.constant(device.real(&[0.0, 99.0, 0.0, 99.0], [4])?);
/// let zero = real(&[0.0], [1, 1])?;
/// let output = lstm(&tape, &x, (&w_ih, &w_hh, &b), (&zero, &zero), &steps)?;
/// assert!((output.c.tensor().item()? - 1.0).abs() < 1e-6);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes do not fit, or the device failed.
pub fn lstm(
    tape: &Tape,
    x: &Var,
    (input_weight, recurrent_weight, bias): (&Var, &Var, &Var),
    (h, c): (&Var, &Var),
    steps: &TimeMajor,
) -> Result<LstmOutput> {
    let layer = Layer {
        input_weight,
        recurrent_weight,
        bias,
    };
    let outputs = recurrence::apply::<Lstm>(tape, x, layer, h, Some(c), steps)?;
    let [y, h, c] = recurrence::outputs(outputs);
    Ok(LstmOutput { y, h, c })
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "lstm",
        formula: "c_t = f c_{t-1} + i g, h_t = o tanh(c_t), with f, i, o = σ(a) and g = tanh(a); \
                  backward through time",
        cases: recurrence::cases::<Lstm>(),
        #[cfg(feature = "gpu")]
        kernels: vec![&FORWARD, &BACKWARD, &recurrence::gpu::GATHER_PREVIOUS],
    }
}
