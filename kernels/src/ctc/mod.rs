//! Connectionist temporal classification: the loss of a sequence of symbols that is shorter than the
//! sequence of frames it is read from, at places nobody has marked (Graves et al. 2006).
//!
//! Each frame emits a class, of which 0 is the blank; a path of classes spells a target when equal
//! neighbours are joined and the blanks are then left out. With y_t = softmax(z_t), logits z `[rows, K]`,
//!
//! ```text
//! l = -ln p(target) = -ln Σ over all paths that spell it of Π_t y_t(path_t)
//! ```
//!
//! A target of L symbols has S = 2L + 1 states: blanks before, between and behind the symbols. A path
//! stays, goes on to the next state, or skips a blank between two different symbols. State s has the
//! class c_s and may stand at frame t where `e_t(s) = ln y_t(c_s)`; a state with a token may not
//! stand, e = -∞, at a frame that holds another token (copy-restricted targets, where the class is
//! "copy"). Paths begin in one of the first two states and end in one of the last two, and
//!
//! ```text
//! α_1(s) = e_1(s) for s < 2        α_{t+1}(s) = e_{t+1}(s) + ln Σ_{q → s} exp(α_t(q))
//! β_T(s) = 0 for s >= S - 2        β_t(q) = ln Σ_{q → s} exp(β_{t+1}(s) + e_{t+1}(s))
//! -l = ln Σ_{s >= S-2} exp(α_T(s))
//! ```
//!
//! With γ_t(s) the probability that a path that spells the target is in s at t, and γ = exp(α + β + l),
//!
//! ```text
//! dz_t(k) = g (y_t(k) - Σ_{s: c_s = k} γ_t(s))
//! ```
//!
//! So has it the reference. α and β grow with the number of frames, and in f32 the exponent α + β + l
//! would lose digits; therefore the fast versions subtract from each frame's α its largest value (the
//! loss is their sum and that of the last states), and go back by conditional probabilities:
//!
//! ```text
//! γ_T = softmax of α_T over the last two states
//! γ_t(q) = Σ_{q → s} γ_{t+1}(s) exp(α_t(q)) / Σ_{r → s} exp(α_t(r))
//! ```
//!
//! where what was subtracted cancels. α and, of each frame, the two numbers from which y follows are
//! kept. Targets without any path are found when [`CtcTargets`] are made, so that -∞ (here -1e30) is
//! never the result. There is no limit to frames, symbols and classes.

mod beam;
mod cases;
mod cpu;
mod decode;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;
mod targets;

use limbeck_engine::{
    Backward, Differentiable, Error, Forward, Meta, Operator, Packed, Plan, Result, Tape, Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::Entry;
use targets::{LAYOUT, LatticeShape, STATE};

pub use beam::{CTC_BEAM_WIDTH, ctc_beam_search};
pub use decode::{ctc_best_copies, ctc_best_path};
pub use targets::{CopySymbol, CtcTargets, frames_needed};

/// Number of the input with the logits.
const LOGITS: usize = 0;
/// Number of the input with the places of each sequence.
const PLACES: usize = 1;
/// Number of the input with the states.
const STATES: usize = 2;
/// Number of the input with the token of each row, if targets are copied.
const FRAMES: usize = 4;

/// The operator; inputs are the logits and the lists of [`CtcTargets`].
#[derive(Clone, Debug)]
struct Ctc {
    lattice: LatticeShape,
}

/// `-ln p(target)` of each sequence, in nats: logits `[rows, K]` over packed sequences of frames give
/// `[sequences]`. Class 0 is the blank; the softmax is inside.
///
/// Targets of [`CtcTargets::copying`] take three logits a frame: blank, copy, separator.
///
/// ```
/// use limbeck_engine::{Device, Packed, Tape};
/// use limbeck_kernels::{CtcTargets, ctc};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// // Two frames that know nothing: of the 9 paths, 11, 01 and 10 spell "1".
/// let packed = Packed::new(&device, &[2], 0)?;
/// let logits = tape.constant(device.zeros([2, 3])?);
/// let targets = CtcTargets::new(&device, &[2], &[[1]], 3)?;
/// let loss = ctc(&tape, &logits, &packed, &targets)?.tensor().item()?;
/// assert!((loss - 3f64.ln()).abs() < 1e-6);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the targets were checked against other lengths or another number of classes than the sequences
/// and the logits have, or the device failed.
pub fn ctc(tape: &Tape, logits: &Var, packed: &Packed, targets: &CtcTargets) -> Result<Var> {
    fit(packed.lengths(), &targets.shape.lengths)?;
    let mut lists = vec![&targets.layout, &targets.states, &targets.sequences];
    lists.extend(&targets.frames);
    let lists: Vec<Var> = lists
        .into_iter()
        .map(|list| tape.constant(list.clone()))
        .collect();
    let inputs: Vec<&Var> = std::iter::once(logits).chain(&lists).collect();
    let lattice = targets.shape.clone();
    tape.apply_one(Ctc { lattice }, &inputs)
}

/// Refuses targets of other sequences.
fn fit(found: &[usize], checked: &[usize]) -> Result<()> {
    let message = if found.len() != checked.len() {
        format!(
            "the targets are of {} sequences, but the batch has {}",
            checked.len(),
            found.len()
        )
    } else if let Some(s) = (0..found.len()).find(|&s| found[s] != checked[s]) {
        format!(
            "the target of sequence {s} was checked against {} frames, but the sequence has {}",
            checked[s], found[s]
        )
    } else {
        return Ok(());
    };
    let operator = "ctc";
    Err(Error::Shape { operator, message })
}

/// Where a sequence stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    first_row: usize,
    frames: usize,
    first_state: usize,
    states: usize,
    first_cell: usize,
}

impl Place {
    /// Of every sequence.
    fn all(layout: &[u32]) -> Vec<Place> {
        let read = |numbers: &[u32]| Place {
            first_row: numbers[0] as usize,
            frames: numbers[1] as usize,
            first_state: numbers[2] as usize,
            states: numbers[3] as usize,
            first_cell: numbers[4] as usize,
        };
        layout.chunks_exact(LAYOUT).map(read).collect()
    }

    /// Its part of the list of states.
    fn of<'a>(&self, states: &'a [u32]) -> &'a [u32] {
        &states[self.first_state * STATE..(self.first_state + self.states) * STATE]
    }

    /// Its part of one number for each pair of frame and state.
    fn cells(&self) -> std::ops::Range<usize> {
        self.first_cell..self.first_cell + self.frames * self.states
    }
}

impl Ctc {
    /// (rows, classes).
    fn sizes(&self, inputs: &[Meta]) -> Result<(usize, usize)> {
        let lattice = &self.lattice;
        let (logits, lists) = if lattice.restricted {
            let [logits, a, b, c, tokens] = check::inputs("ctc", inputs)?;
            let expected = Meta::ids([lattice.rows()]);
            check::exactly("ctc", "the tokens of the frames", tokens, expected)?;
            (logits, [a, b, c])
        } else {
            let [logits, a, b, c] = check::inputs("ctc", inputs)?;
            (logits, [a, b, c])
        };
        let expected = Meta::real([lattice.rows(), lattice.classes]);
        check::exactly("ctc", "the logits", logits, expected)?;
        let places = Meta::ids([lattice.lengths.len(), LAYOUT]);
        check::exactly("ctc", "the places", lists[0], places)?;
        check::exactly(
            "ctc",
            "the states",
            lists[1],
            Meta::ids([lattice.states, STATE]),
        )?;
        check::exactly(
            "ctc",
            "the sequences",
            lists[2],
            Meta::ids([lattice.rows()]),
        )?;
        check::nonempty_rows("ctc", "the logits", logits)
    }
}

impl Operator for Ctc {
    fn name(&self) -> &'static str {
        "ctc"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let (rows, classes) = self.sizes(inputs)?;
        let cells = self.lattice.cells;
        let mut plan = Plan::new(inputs, Meta::real([self.lattice.lengths.len()]))
            .keep_inputs(0..inputs.len())
            .save(Meta::real([rows, 2]))
            .save(Meta::real([cells]))
            .flops(4 * rows * classes + 60 * cells);
        plan.backward_workspace.gpu.push(Meta::real([cells]));
        Ok(plan)
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(self, io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(self, io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(self, self.sizes(io.metas())?, io)
    }
}

impl Differentiable for Ctc {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward(self, io);
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        cpu::backward(self, io);
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(self, self.sizes(io.metas())?, io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "ctc",
        formula: "l = -ln Σ over paths that spell the target of Π y_t; \
                  dz_t(k) = g (y_t(k) - Σ_{s: c_s = k} γ_t(s)), y = softmax(z)",
        cases: cases::cases(),
        #[cfg(feature = "gpu")]
        kernels: gpu::KERNELS.to_vec(),
    }
}
