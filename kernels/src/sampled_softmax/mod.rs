//! The softmax over a row's target and sampled words, corrected for how they were drawn (Jean et al.
//! 2015): with more and more samples it becomes the full softmax.
//!
//! ```text
//! c_r = s_r - o_r      c_rj = S_rj - o_j          o: ln(K q), the expected number of draws
//! l_r = -ln( exp(c_r) / (exp(c_r) + Σ_j exp(c_rj)) )
//! ```
//!
//! With p the probabilities and g_r the incoming gradient,
//!
//! ```text
//! ds_r = g_r (p_r - 1)      dS_rj = g_r p_rj
//! ```
//!
//! With `mask`, samples that are the row's target are left out: the target stands once already.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{Backward, Differentiable, Forward, Meta, Operator, Plan, Result, Tape, Var};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Entry, Tolerance};
use crate::nce::{self, Candidates, known_sizes};

/// The operator; inputs are the scores of targets and samples, the offsets and the words.
#[derive(Clone, Copy, Debug)]
struct SampledSoftmax {
    mask: bool,
}

/// `-ln p` of each row's target among itself and the samples: scores `[R]` and `[R, K]`
/// ([`candidate_scores`](crate::candidate_scores)) give `[R]`, in nats.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::{Candidates, sampled_softmax};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let target = tape.constant(device.real(&[2.0], [1])?);
/// let samples = tape.constant(device.real(&[2.0, 2.0, 9.0], [1, 3])?);
/// // The last sample is the target itself.
/// let candidates = Candidates::new(&device, &[5, 1, 2, 5], &[0.0; 4], true)?;
/// let loss = sampled_softmax(&tape, (&target, &samples), &candidates)?;
/// assert!((loss.tensor().item()? - 3f64.ln()).abs() < 1e-6);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes do not fit, or the device failed.
pub fn sampled_softmax(
    tape: &Tape,
    (target, samples): (&Var, &Var),
    candidates: &Candidates,
) -> Result<Var> {
    let offsets = tape.constant(candidates.offsets().clone());
    let words = tape.constant(candidates.words().clone());
    let operator = SampledSoftmax {
        mask: candidates.mask(),
    };
    tape.apply_one(operator, &[target, samples, &offsets, &words])
}

impl Operator for SampledSoftmax {
    fn name(&self) -> &'static str {
        "sampled_softmax"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        check::inputs::<4>("sampled_softmax", inputs)?;
        let (rows, samples) = nce::sizes("sampled_softmax", inputs)?;
        Ok(Plan::new(inputs, Meta::real([rows]))
            .keep_inputs(0..inputs.len())
            .save(Meta::real([rows, 2]))
            .flops(8 * rows * (samples + 1)))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(self, io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(self, known_sizes(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(self, known_sizes(io.metas()), io)
    }
}

impl Differentiable for SampledSoftmax {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward(self, known_sizes(io.metas()), io);
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        cpu::backward(self, known_sizes(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(self, known_sizes(io.metas()), io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "sampled_softmax",
        formula: "l_r = -ln p_r, p = softmax of s - ln(K q) over target and samples; ds_r = g (p_r - \
                  1), dS_rj = g p_rj",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: gpu::KERNELS.to_vec(),
    }
}

fn cases() -> Vec<Case> {
    let case = |rows: usize, samples: usize, scale: f64, mask: bool| {
        let name = format!("{rows} rows, {samples} samples, scores of {scale}, mask {mask}");
        nce::drawn(
            Case::new(name, SampledSoftmax { mask }),
            (rows, samples),
            scale,
        )
    };
    vec![
        case(1, 1, 1.0, false),
        case(0, 3, 1.0, true),
        case(4, 0, 1.0, false),
        case(5, 3, 1.0, true),
        case(9, 70, 5.0, false),
        case(67, 33, 3.0, true).tolerance(Tolerance::LONG),
        case(3, 5, 1e4, false).without_finite_differences("losses of 1e4 leave too few digits"),
    ]
}
