//! The linear-chain conditional random field: the loss of a sequence of tags whose neighbours
//! depend on each other (Lafferty et al. 2001; Lample et al. 2016).
//!
//! A sequence has the rows 1 to n of the emissions e `[rows, K]`; T `[K + 2, K]` holds the scores of
//! the steps: `T[a][b]` from tag a to tag b, `T[K][b]` for beginning with b and `T[K + 1][a]` for
//! ending with a.
//!
//! ```text
//! score(y) = T[K][y_1] + Σ_t e_t(y_t) + Σ_{t<n} T[y_t][y_{t+1}] + T[K+1][y_n]
//! l        = ln Z - score(y),     Z = Σ over all y' of exp(score(y'))
//! ```
//!
//! Derivatives of ln Z are expectations. With the marginals p_t(a) and ξ_t(a, b) of one tag and of
//! two neighbours,
//!
//! ```text
//! de_t(a)    = g (p_t(a) - 1[y_t = a])
//! dT[a][b]   = g Σ_{t<n} (ξ_t(a, b) - 1[y_t = a, y_{t+1} = b])
//! dT[K][a]   = g (p_1(a) - 1[y_1 = a])           dT[K+1][a] = g (p_n(a) - 1[y_n = a])
//! ```
//!
//! The reference has them from the forward and the backward sums α and β, whose logarithms grow with
//! the length: in f32 their differences would lose digits. So the fast versions shift
//! the forward sums row by row, and go back by conditional probabilities:
//!
//! ```text
//! r_1(b) = T[K][b]      r_{t+1}(b) = ln Σ_a exp(f_t(a) + T[a][b])
//! f_t(b) = r_t(b) + e_t(b) - m_t
//! w_t(a, b) = exp(f_t(a) + T[a][b] - r_{t+1}(b))          the probability of a, given b next to it
//! p_n = softmax(f_n + T[K+1])      ξ_t(a, b) = p_{t+1}(b) w_t(a, b)      p_t(a) = Σ_b ξ_t(a, b)
//! ```
//!
//! Any m_t will do, since it cancels in w and in p_n. r is kept in two parts, the largest term and the
//! logarithm of the sum of the exponentials less it; m_t is the largest of the first part plus e_t, so
//! that large scores are subtracted from each other before small numbers are added. The probability of y is that of its last
//! tag times those of each tag given the next, so that
//!
//! ```text
//! l = -ln p_n(y_n) - Σ_{t<n} ln w_t(y_t, y_{t+1})
//! ```
//!
//! is a sum of numbers that are not negative, where ln Z - score(y) is a small difference of large
//! ones. No exponential overflows. r and f are kept. The gradients of T are
//! summed over sequences in a fixed order.

mod cpu;
mod decode;
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
use crate::cross_entropy::Labels;
use crate::harness::{Case, Draw, Entry, Tolerance, packed_ids};
use crate::shared::sequences::Sizes;

pub use decode::{marginals, viterbi};

/// Number of the input with the emissions.
const EMISSIONS: usize = 0;
/// Number of the input with the offsets of the sequences.
const OFFSETS: usize = 1;
/// Number of the input with the transitions.
const TRANSITIONS: usize = 2;
/// Number of the input with the true tags.
const TAGS: usize = 3;

/// The operator; inputs are emissions, offsets, transitions and true tags.
#[derive(Clone, Debug)]
struct Crf {
    lengths: Arc<[usize]>,
}

/// `ln Z - score(y)` of each sequence, the negative logarithm of the probability of its tags, in
/// nats: emissions `[rows, K]` over packed sequences, transitions `[K + 2, K]` and a tag for every
/// row give `[sequences]`.
///
/// `transitions[a][b]` is the score of tag b after tag a; row K has the scores of the first tag and
/// row K + 1 those of the last. Scores are finite: forbid a step with one of -1e4.
///
/// ```
/// use limbeck_engine::{Device, Packed, Tape};
/// use limbeck_kernels::{Labels, crf};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let packed = Packed::new(&device, &[3], 0)?;
/// // Without any preference all 2 x 2 x 2 paths are alike.
/// let emissions = tape.constant(device.zeros([3, 2])?);
/// let transitions = tape.constant(device.zeros([4, 2])?);
/// let tags = Labels::new(&device, &[0, 1, 1], 2)?;
/// let loss = crf(&tape, &emissions, &transitions, &packed, &tags)?.tensor().item()?;
/// assert!((loss - 8f64.ln()).abs() < 1e-6);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the emissions have not the rows of the sequences, transitions or tags do not fit them, or the
/// device failed.
pub fn crf(
    tape: &Tape,
    emissions: &Var,
    transitions: &Var,
    packed: &Packed,
    tags: &Labels,
) -> Result<Var> {
    tags.fit("crf", emissions)?;
    let operator = Crf {
        lengths: packed.lengths().clone(),
    };
    let offsets = tape.constant(packed.offsets().clone());
    let tags = tape.constant(tags.tensor().clone());
    tape.apply_one(operator, &[emissions, &offsets, transitions, &tags])
}

impl Crf {
    fn sizes(&self, inputs: &[Meta]) -> Result<Sizes> {
        let [emissions, offsets, transitions, tags] = check::inputs("crf", inputs)?;
        let (rows, columns) = check::nonempty_rows("crf", "the emissions", emissions)?;
        let both = [emissions, offsets];
        let sizes = Sizes::check_named("crf", "the matrix of emissions", &self.lengths, both)?;
        let square = Meta::real([columns + 2, columns]);
        check::exactly("crf", "the transitions", transitions, square)?;
        check::exactly("crf", "the tags", tags, Meta::ids([rows]))?;
        Ok(sizes)
    }
}

impl Operator for Crf {
    fn name(&self) -> &'static str {
        "crf"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let sizes = self.sizes(inputs)?;
        let shape = [sizes.rows, sizes.columns];
        let mut plan = Plan::new(inputs, Meta::real([sizes.sequences]))
            .keep_inputs(0..inputs.len())
            .save(Meta::real([sizes.rows, 2 * sizes.columns]))
            .save(Meta::real(shape))
            .flops(20 * sizes.rows * sizes.columns * sizes.columns);
        // A gradient of the transitions for each task, and the marginals.
        let partial = [cpu::tasks(sizes), inputs[TRANSITIONS].shape.elements()];
        plan.backward_workspace.cpu = vec![Meta::real(partial)];
        plan.backward_workspace.gpu = vec![Meta::real(shape)];
        Ok(plan)
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

impl Differentiable for Crf {
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
        name: "crf",
        formula: "l = ln Z - score(y); de_t(a) = g (p_t(a) - 1[y_t = a]), \
                  dT[a][b] = g Σ_t (ξ_t(a, b) - 1[y_t = a, y_{t+1} = b])",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: gpu::KERNELS.to_vec(),
    }
}

fn cases() -> Vec<Case> {
    let of = |name: String, lengths: &[usize]| {
        let lengths = lengths.into();
        Case::new(name, Crf { lengths })
    };
    let tags = |lengths: &[usize], count: usize| -> Vec<u32> {
        let rows = 0..lengths.iter().sum::<usize>();
        rows.map(|row| (row * row * 3 % 7 % count) as u32).collect()
    };
    let case = |lengths: &[usize], count: usize, scale: f64| {
        let name = format!("lengths {lengths:?}, {count} tags, scores of {scale}");
        let (offsets, tags) = (packed_ids(lengths).offsets, tags(lengths, count));
        of(name, lengths)
            .real(Draw::new("e").scaled(scale), [tags.len(), count])
            .ids(&offsets, [offsets.len()])
            .real(Draw::new("T").scaled(scale), [count + 2, count])
            .ids(&tags, [tags.len()])
    };
    let one_sided = |name: &str, of_emissions: bool| {
        let (lengths, count) = ([4, 3], 5);
        let (offsets, tags) = (packed_ids(&lengths).offsets, tags(&lengths, count));
        let draw = |case: Case, wanted: bool, name, shape: [usize; 2]| match wanted {
            true => case.real(Draw::new(name), shape),
            false => case.without_gradient(Draw::new(name), shape),
        };
        let case = draw(of(name.into(), &lengths), of_emissions, "e", [7, count]);
        let case = case.ids(&offsets, [3]);
        draw(case, !of_emissions, "T", [count + 2, count]).ids(&tags, [7])
    };
    let large = [
        1e4, -1e4, 1e4, 1e4, -1e4, -1e4, 0.0, 1e4, 9.999e3, 1e4, -1e4, 0.0,
    ];
    // The end lifts a tag that is 2e4 behind, where f32 has steps of 2e-3: its ln 2 becomes one of
    // them, which happens to cost 1e-5.
    let coarse = Tolerance {
        cpu: 2e-5,
        gpu: 2e-5,
    };
    vec![
        case(&[1], 1, 1.0),
        case(&[3, 1, 4], 3, 1.0),
        case(&[1, 40, 2, 33], 9, 1.0),
        case(&[6; 20], 17, 1.0),
        case(&[2, 5], 65, 1.0),
        case(&[300], 5, 4.0)
            .without_finite_differences("ln Z of more than a thousand leaves too few digits"),
        one_sided("the emissions alone want a gradient", true),
        one_sided("the transitions alone want a gradient", false),
        of("large scores and ties".into(), &[2, 4])
            .fixed(&large, [6, 2])
            .ids(&[0, 2, 6], [3])
            .fixed(&[1e4, -1e4, 0.0, 1e4, 0.0, 0.0, -1e4, 1e4], [4, 2])
            .ids(&[0, 1, 1, 0, 0, 1], [6])
            .tolerance(coarse)
            .without_finite_differences("losses of 1e4 leave too few digits"),
    ]
}
