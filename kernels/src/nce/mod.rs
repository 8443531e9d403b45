//! Noise-contrastive estimation (Gutmann and Hyvärinen 2010; for language models Mnih and Teh 2012):
//! tell the word of the text from words of a known law.
//!
//! ```text
//! Δ(w) = s(w) - ln Z - ln(K q(w))
//! l_r  = -ln σ(Δ_r) - Σ_j ln σ(-Δ_rj) = softplus(-Δ_r) + Σ_j softplus(Δ_rj)
//! ```
//!
//! s_r is the score of the target of row r, S_rj that of noise word j, which all rows share; o holds
//! ln(K q) of each. With g_r the incoming gradient,
//!
//! ```text
//! ds_r = -g_r (1 - σ(Δ_r))      dS_rj = g_r σ(Δ_rj)      d ln Z = -Σ_r (ds_r + Σ_j dS_rj)
//! ```
//!
//! With `mask`, noise words that are the row's target count nothing; without it the estimate is
//! unbiased. With o = 0 and ln Z = 0 this is negative sampling (Mikolov et al. 2013).

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{
    Backward, Differentiable, Error, Forward, Meta, Operator, Plan, Result, Tape, Tensor, Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry, Tolerance};

// Numbers of the inputs.
pub(crate) const TARGET: usize = 0;
pub(crate) const NOISE: usize = 1;
pub(crate) const OFFSETS: usize = 2;
pub(crate) const WORDS: usize = 3;
const LN_Z: usize = 4;

/// The words behind the scores of a loss with samples: the targets of R rows, then K noise words
/// that all rows share.
#[derive(Clone, Debug)]
pub struct Candidates {
    offsets: Tensor,
    words: Tensor,
    mask: bool,
}

impl Candidates {
    /// `words` are the targets, then the noise words; `offsets` what is taken from the score of each
    /// beforehand, ln(K q); for [`sampled_softmax`](crate::sampled_softmax) with `mask` it is 0 of the
    /// targets. With `mask`, noise words that are a row's target do not count for it.
    ///
    /// # Errors
    /// If there are not as many offsets as words, one is not finite, or the device failed.
    pub fn new(
        device: &limbeck_engine::Device,
        words: &[u32],
        offsets: &[f32],
        mask: bool,
    ) -> Result<Self> {
        if words.len() != offsets.len() {
            return Err(Error::Mismatch(format!(
                "{} candidates have {} offsets",
                words.len(),
                offsets.len()
            )));
        }
        if let Some(at) = offsets.iter().position(|offset| !offset.is_finite()) {
            return Err(Error::Mismatch(format!(
                "candidate {at} (word {}) has the offset {}: the noise law must give every word a \
                 probability above 0",
                words[at], offsets[at]
            )));
        }
        Ok(Candidates {
            offsets: device.real(offsets, [offsets.len()])?,
            words: device.ids(words, [words.len()])?,
            mask,
        })
    }

    /// What is taken from each score.
    pub(crate) fn offsets(&self) -> &Tensor {
        &self.offsets
    }

    /// The words, `[R + K]`.
    pub(crate) fn words(&self) -> &Tensor {
        &self.words
    }

    /// Whether noise words that are a row's target are left out.
    pub(crate) fn mask(&self) -> bool {
        self.mask
    }
}

/// The operator; inputs are the scores of targets and noise, the offsets, the words and ln Z.
#[derive(Clone, Copy, Debug)]
struct Nce {
    mask: bool,
}

/// `softplus(-Δ_r) + Σ_j softplus(Δ_rj)` of each row: scores `[R]` and `[R, K]`
/// ([`candidate_scores`](crate::candidate_scores)), ln Z `[1]` give `[R]`, in nats.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::{Candidates, nce};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let target = tape.constant(device.real(&[0.0], [1])?);
/// let noise = tape.constant(device.real(&[0.0, 0.0], [1, 2])?);
/// let ln_z = tape.constant(device.real(&[0.0], [1])?);
/// // Every word looks as probable under the model as under the noise: three coins.
/// let candidates = Candidates::new(&device, &[5, 1, 2], &[0.0; 3], false)?;
/// let loss = nce(&tape, (&target, &noise), &candidates, &ln_z)?;
/// assert!((loss.tensor().item()? - 3.0 * 2f64.ln()).abs() < 1e-6);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes do not fit, or the device failed.
pub fn nce(
    tape: &Tape,
    (target, noise): (&Var, &Var),
    candidates: &Candidates,
    ln_z: &Var,
) -> Result<Var> {
    let offsets = tape.constant(candidates.offsets.clone());
    let words = tape.constant(candidates.words.clone());
    let operator = Nce {
        mask: candidates.mask,
    };
    tape.apply_one(operator, &[target, noise, &offsets, &words, ln_z])
}

/// Rows and noise words, from the first four inputs; the shapes are checked.
pub(crate) fn sizes(operator: &'static str, inputs: &[Meta]) -> Result<(usize, usize)> {
    let (rows, noise) = check::matrix(operator, "the scores of the noise words", inputs[NOISE])?;
    let all = rows + noise;
    for (input, what, expected) in [
        (TARGET, "the scores of the targets", Meta::real([rows])),
        (OFFSETS, "the offsets", Meta::real([all])),
        (WORDS, "the words", Meta::ids([all])),
    ] {
        check::exactly(operator, what, inputs[input], expected)?;
    }
    Ok((rows, noise))
}

/// Rows and noise words of inputs that `infer` has accepted.
pub(crate) fn known_sizes(inputs: &[Meta]) -> (usize, usize) {
    (inputs[NOISE].shape.rows(), inputs[NOISE].shape.columns())
}

impl Operator for Nce {
    fn name(&self) -> &'static str {
        "nce"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        check::inputs::<5>("nce", inputs)?;
        let (rows, noise) = sizes("nce", inputs)?;
        check::exactly("nce", "ln Z", inputs[LN_Z], Meta::real([1]))?;
        Ok(Plan::new(inputs, Meta::real([rows]))
            .keep_inputs(0..inputs.len())
            .backward_scratch(Meta::real([rows]))
            .backward_scratch(Meta::real([1]))
            .flops(8 * rows * (noise + 1)))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(self, known_sizes(io.metas()), io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(self, known_sizes(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(self, known_sizes(io.metas()), io)
    }
}

impl Differentiable for Nce {
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
        name: "nce",
        formula: "l_r = softplus(-Δ_r) + Σ_j softplus(Δ_rj), Δ = s - ln Z - ln(K q); ds_r = -g (1 - \
                  σ(Δ_r)), dS_rj = g σ(Δ_rj), d ln Z = -Σ (ds + dS)",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: gpu::KERNELS.to_vec(),
    }
}

/// Scores, offsets and words of a case; every third noise word is a target of some row.
pub(crate) fn drawn(case: Case, (rows, noise): (usize, usize), scale: f64) -> Case {
    let words: Vec<u32> = (0..rows + noise)
        .map(|i| match i.checked_sub(rows) {
            Some(j) if j % 3 > 0 => 1000 + j as u32,
            Some(j) => (j % rows.max(1)) as u32,
            None => i as u32,
        })
        .collect();
    case.real(Draw::new("target").scaled(scale), [rows])
        .real(Draw::new("noise").scaled(scale), [rows, noise])
        .without_gradient(Draw::new("offsets").between(-2.0, 3.0), [rows + noise])
        .ids(&words, [rows + noise])
}

fn cases() -> Vec<Case> {
    let named = |(rows, noise): (usize, usize), scale: f64, mask: bool| {
        let name = format!("{rows} rows, {noise} noise words, scores of {scale}, mask {mask}");
        Case::new(name, Nce { mask })
    };
    let case = |rows: usize, noise: usize, scale: f64, mask: bool| {
        let case = drawn(named((rows, noise), scale, mask), (rows, noise), scale);
        case.real(Draw::new("ln Z"), [1])
    };
    let ln_z_alone = Case::new("ln Z alone", Nce { mask: false })
        .without_gradient(Draw::new("target"), [70])
        .without_gradient(Draw::new("noise"), [70, 2])
        .without_gradient(Draw::new("offsets").between(-9.0, -3.0), [72])
        .ids(&[0; 72], [72])
        .real(Draw::new("ln Z"), [1]);
    vec![
        case(1, 1, 1.0, false),
        case(0, 3, 1.0, true),
        case(4, 0, 1.0, false),
        case(5, 3, 1.0, true),
        case(9, 70, 5.0, false),
        case(67, 33, 1.0, true).tolerance(Tolerance::LONG),
        case(130, 65, 1.0, false).tolerance(Tolerance::LONG),
        ln_z_alone,
        case(3, 5, 1e4, false).without_finite_differences("losses of 1e4 leave too few digits"),
    ]
}
