//! The softmax over a row's target and sampled words, corrected for how they were drawn (Bengio and
//! Senécal 2008; Jean et al. 2015).
//!
//! ```text
//! c_r = s_r - o_r      c_rj = S_rj - o_j
//! l_r = -ln( exp(c_r) / (exp(c_r) + Σ_j exp(c_rj)) )
//! ```
//!
//! With p the probabilities and g_r the incoming gradient,
//!
//! ```text
//! ds_r = g_r (p_r - 1)      dS_rj = g_r p_rj
//! ```
//!
//! With `mask`, samples that are the row's target are left out.
//!
//! # Which offsets make it the full softmax
//!
//! Let K words be drawn, with repetition, word v with probability q_v, and let o_j be ln(K q) of
//! sample j: the logarithm of how often its word is expected. Then the mean of Σ_j exp(c_rj) over the
//! draws is Σ_v exp(s_v) = Z, the full normaliser, and the samples that are v get v's share of the
//! gradient between them. What o_r has to be follows from whether samples of the target are among
//! them:
//!
//! | samples that are the target | o_r | the denominator's mean | as K grows |
//! |---|---|---|---|
//! | count | ln(K q_r) | Z + exp(s_r) / (K q_r) | the full softmax's gradient, its loss plus ln(K q_r) |
//! | are left out (`mask`) | 0 | Z - exp(s_r) + exp(s_r) | the full softmax's gradient and loss |
//!
//! In the first row most of what the target's score gets comes through the samples that are it, and
//! ln(K q_r) is a constant. In the second the target is no sample but there in any case, and has the
//! weight of one word. Were ln(K q_r) taken from it there, its weight 1 / (K q_r) would vanish as K
//! grows, and its gradient become -g_r whatever the scores are. Samples that are all different are
//! another matter: the expected count of a word is then its chance to be among them, at most 1, and is
//! taken from the target as well.

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
/// ([`candidate_scores`](crate::candidate_scores)) give `[R]`, in nats. For K words drawn with
/// repetition the offsets are ln(K q), but 0 of the targets if samples that are the target are masked:
/// then the gradient becomes the full softmax's as K grows.
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

#[cfg(test)]
mod tests {
    use limbeck_engine::Device;

    use super::*;
    use crate::{Labels, cross_entropy};

    const SCORES: [f32; 4] = [1.0, -0.5, 0.75, 2.0];
    /// How often each word is among ten draws.
    const COUNTS: [usize; 4] = [4, 3, 2, 1];
    const TARGET_WORD: usize = 0;

    /// Loss of the full softmax, and its gradient by the score of every word.
    fn full(device: &Device) -> Result<(f64, Vec<f64>)> {
        let tape = Tape::deterministic(device);
        let scores = tape.watched(device.real(&SCORES, [1, 4])?);
        let labels = Labels::new(device, &[TARGET_WORD as u32], 4)?;
        let loss = cross_entropy(&tape, &scores, &labels, None)?;
        let gradients = tape.gradients(vec![(&loss, device.real(&[1.0], [1])?)])?;
        Ok((loss.tensor().item()?, gradients[0].read_f64()?))
    }

    /// The same with samples: every word as often as the law says of `10 times` draws.
    fn sampled(device: &Device, times: usize, mask: bool) -> Result<(f64, Vec<f64>)> {
        let ln_kq = |word: usize| ((COUNTS[word] * times) as f32).ln();
        let samples = (0..4).flat_map(|word| vec![word; COUNTS[word] * times]);
        let samples: Vec<usize> = samples.collect();
        let own = if mask { 0.0 } else { ln_kq(TARGET_WORD) };
        let offsets = [own].into_iter().chain(samples.iter().map(|&w| ln_kq(w)));
        let offsets: Vec<f32> = offsets.collect();
        let words = [TARGET_WORD].iter().chain(&samples);
        let words: Vec<u32> = words.map(|&word| word as u32).collect();
        let candidates = Candidates::new(device, &words, &offsets, mask)?;

        let tape = Tape::deterministic(device);
        let scores: Vec<f32> = samples.iter().map(|&word| SCORES[word]).collect();
        let target = tape.watched(device.real(&SCORES[TARGET_WORD..=TARGET_WORD], [1])?);
        let scores = tape.watched(device.real(&scores, [1, samples.len()])?);
        let loss = sampled_softmax(&tape, (&target, &scores), &candidates)?;
        let seed = device.real(&[1.0], [1])?;
        let gradients = tape.gradients(vec![(&loss, seed)])?;
        let mut by_word = vec![0.0; 4];
        by_word[TARGET_WORD] = gradients[0].read_f64()?[0];
        for (word, gradient) in samples.into_iter().zip(gradients[1].read_f64()?) {
            by_word[word] += gradient;
        }
        Ok((loss.tensor().item()?, by_word))
    }

    #[test]
    fn draws_as_the_law_has_them_give_the_full_softmax() -> Result<()> {
        for device in [Device::cpu(), Device::reference()] {
            let (loss, full) = full(&device)?;
            for times in [1, 100] {
                let (found, gradient) = sampled(&device, times, true)?;
                // Nothing but rounding is left, of f32 and of its logarithms of counts.
                assert!((found - loss).abs() < 3e-6, "{device:?}: {found} {loss}");
                let mut pairs = gradient.iter().zip(&full);
                assert!(
                    pairs.all(|(a, b)| (a - b).abs() < 3e-6),
                    "{gradient:?} {full:?}"
                );
                // What is left is the target's share of its own term, one of all its draws and one.
                let (found, gradient) = sampled(&device, times, false)?;
                let draws = (COUNTS[TARGET_WORD] * times) as f64;
                assert!((found - draws.ln() - loss).abs() < 1.0 / draws);
                let mut pairs = gradient.iter().zip(&full);
                assert!(
                    pairs.all(|(a, b)| (a - b).abs() < 1.0 / draws),
                    "{gradient:?} {full:?}"
                );
            }
        }
        Ok(())
    }
}
