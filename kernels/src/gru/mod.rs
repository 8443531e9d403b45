//! The gated recurrent unit (Cho et al. 2014), over whole sequences, in the form whose reset gate
//! stands behind the recurrent product, as PyTorch has it.
//!
//! ```text
//! (a_r, a_z, a_n) = x_t W_ih + b        (r_r, r_z, r_n) = h_{t-1} W_hh
//! r = σ(a_r + r_r)      z = σ(a_z + r_z)      m = r_n + b_n      n = tanh(a_n + r m)
//! h_t = (1 - z) n + z h_{t-1}
//! ```
//!
//! With dh the gradient of h_t,
//!
//! ```text
//! da_n = dh (1 - z) (1 - n²)      dr_n = db_n = da_n r
//! da_r = dr_r = da_n m r (1 - r)      da_z = dr_z = dh (h_{t-1} - n) z (1 - z)
//! dh_{t-1} = dh z (+ what comes through the product)
//! ```
//!
//! b holds the sum of PyTorch's two biases for r and z, and that of the input for n; b_n is the
//! hidden one. Kept for the way back: r, z, n and m.

mod cpu;
mod reference;

use limbeck_engine::{Result, Tape, TimeMajor, Var};

use crate::harness::Entry;
use crate::shared::recurrence::{self, BackwardRow, Beside, Cell, ForwardRow, Layer};
#[cfg(feature = "gpu")]
use crate::shared::wgsl;

/// The cell.
#[derive(Clone, Copy, Debug)]
struct Gru;

#[cfg(feature = "gpu")]
static FORWARD: limbeck_engine::Kernel = limbeck_engine::Kernel {
    name: "gru::forward",
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
    name: "gru::backward",
    source: &[
        wgsl::COMMON,
        wgsl::RECURRENCE_BACKWARD,
        include_str!("backward.wgsl"),
    ],
    entry: "step",
};

impl Cell for Gru {
    const NAME: &'static str = "gru";
    const GATES: usize = 3;
    const BESIDE: Beside = Beside::Candidate;
    #[cfg(feature = "gpu")]
    const KERNELS: [&'static limbeck_engine::Kernel; 2] = [&FORWARD, &BACKWARD];

    fn forward_reference(row: ForwardRow<'_, f64>) {
        reference::forward(row);
    }

    fn backward_reference(row: BackwardRow<'_, f64>) {
        reference::backward(row);
    }

    fn forward_cpu(row: ForwardRow<'_, f32>) {
        let before = (row.recurrent, row.h_before, row.extra);
        cpu::forward(row.gates, before, row.beside, row.h);
    }

    fn backward_cpu(row: BackwardRow<'_, f32>) {
        let kept = (row.gates, row.beside, row.h_before);
        cpu::backward(kept, row.dh, row.d_gates, row.d_recurrent);
    }
}

/// The parameters of a layer, with two biases.
#[derive(Clone, Copy, Debug)]
pub struct GruWeights<'a> {
    /// W_ih `[in, 3 hidden]`.
    pub input_weight: &'a Var,
    /// W_hh `[hidden, 3 hidden]`.
    pub recurrent_weight: &'a Var,
    /// b `[3 hidden]`.
    pub bias: &'a Var,
    /// b_n `[hidden]`.
    pub hidden_bias: &'a Var,
}

/// One layer over whole sequences: x `[rows, in]` in the order of `steps`, and for each sequence the
/// h that it starts from, `[sequences, hidden]`. Gives h of every row, `[rows, hidden]`, and h after
/// the last row of each sequence, `[sequences, hidden]`.
///
/// ```
/// use limbeck_engine::{Device, Tape, TimeMajor};
/// use limbeck_kernels::{GruWeights, gru};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let steps = TimeMajor::new(&device, &[1], 0, 0)?;
/// let weight = tape.constant(device.zeros([1, 3])?);
/// let weights = GruWeights {
///     input_weight: &weight,
///     recurrent_weight: &weight,
///     bias: &tape.constant(device.zeros([3])?),
///     hidden_bias: &tape.constant(device.zeros([1])?),
/// };
/// let (x, h) = (tape.constant(device.zeros([1, 1])?), tape.constant(device.real(&[1.0], [1, 1])?));
/// let (_, h) = gru(&tape, &x, weights, &h, &steps)?;
/// assert_eq!(h.tensor().item()?, 0.5);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes do not fit, or the device failed.
pub fn gru(
    tape: &Tape,
    x: &Var,
    weights: GruWeights<'_>,
    h: &Var,
    steps: &TimeMajor,
) -> Result<(Var, Var)> {
    let layer = Layer {
        input_weight: weights.input_weight,
        recurrent_weight: weights.recurrent_weight,
        bias: weights.bias,
    };
    let outputs = recurrence::apply::<Gru>(tape, x, layer, h, Some(weights.hidden_bias), steps)?;
    let [y, h] = recurrence::outputs(outputs);
    Ok((y, h))
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "gru",
        formula: "n = tanh(a_n + r (r_n + b_n)), h_t = (1 - z) n + z h_{t-1}; backward through time",
        cases: recurrence::cases::<Gru>(),
        #[cfg(feature = "gpu")]
        kernels: vec![&FORWARD, &BACKWARD, &recurrence::gpu::GATHER_PREVIOUS],
    }
}
