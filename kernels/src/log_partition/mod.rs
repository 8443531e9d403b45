//! The logarithm of the normaliser of a softmax over a whole table, without its scores.
//!
//! ```text
//! ln Z_r = ln Σ_v exp(h_r · w_v + b_v)        h [R, d], W [V, d], b [V, 1]
//! ```
//!
//! The scores are made some thousand words at a time and folded into the largest one so far, m, and
//! the sum of exp(score - m), so that a vocabulary of millions fits in memory: of a block with m'
//! and s', the larger M of m and m' gives s exp(m - M) + s' exp(m' - M).
//!
//! A score of minus infinity is a word that cannot be: it adds nothing, even if it is the largest of
//! its block. If no word can be, ln Z is minus infinity.
//!
//! It is there to evaluate models that were trained without it; training through a full softmax goes
//! through [`cross_entropy`](crate::cross_entropy).

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

#[cfg(feature = "gpu")]
use limbeck_engine::GpuForward;
use limbeck_engine::{Error, Forward, Meta, NonDifferentiable, Operator, Plan, Result, Tape, Var};

use crate::check;
use crate::harness::{Case, Draw, Entry, Tolerance};

/// Words whose scores are in memory at once.
const BLOCK: usize = 4096;

/// The operator; inputs are h, W and b.
#[derive(Clone, Copy, Debug)]
struct LogPartition {
    /// Words of a block.
    block: usize,
}

/// Sizes of one application.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    rows: usize,
    words: usize,
    columns: usize,
}

/// `ln Σ_v exp(h_r · w_v + b_v)` of each row: h `[R, d]`, W `[V, d]`, b `[V, 1]` give `[R]`.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let h = tape.constant(device.real(&[2.0], [1, 1])?);
/// let w = tape.constant(device.real(&[0.0, 0.0, 1.0], [3, 1])?);
/// let b = tape.constant(device.real(&[2.0, 2.0, 0.0], [3, 1])?);
/// let ln_z = limbeck_kernels::log_partition(&tape, &h, &w, &b)?;
/// assert!((ln_z.tensor().item()? - (2.0 + 3f64.ln())).abs() < 1e-6);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes do not fit, the table is empty, or the device failed.
pub fn log_partition(tape: &Tape, h: &Var, weight: &Var, bias: &Var) -> Result<Var> {
    let operator = LogPartition { block: BLOCK };
    let mut outputs = tape.apply_constant(&operator, &[h, weight, bias])?;
    Ok(outputs.swap_remove(0))
}

impl LogPartition {
    fn sizes(inputs: &[Meta]) -> Result<Sizes> {
        let operator = "log_partition";
        let [h, weight, bias] = check::inputs(operator, inputs)?;
        let (rows, columns) = check::nonempty_rows(operator, "h", h)?;
        let (words, width) = check::matrix(operator, "the weight", weight)?;
        if width != columns || words == 0 {
            return Err(Error::Shape {
                operator,
                message: format!(
                    "h {} wants a weight of at least one row of {columns} columns, found {}",
                    h.shape, weight.shape
                ),
            });
        }
        check::exactly(operator, "the bias", bias, Meta::real([words, 1]))?;
        Ok(Sizes {
            rows,
            words,
            columns,
        })
    }

    /// The sizes of inputs that `infer` has accepted.
    fn known_sizes(inputs: &[Meta]) -> Sizes {
        Self::sizes(inputs).expect("the tape runs only what `infer` accepted")
    }

    /// The blocks of words.
    fn blocks(&self, words: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
        let block = self.block;
        (0..words)
            .step_by(block)
            .map(move |first| first..words.min(first + block))
    }
}

impl Operator for LogPartition {
    fn name(&self) -> &'static str {
        "log_partition"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let Sizes {
            rows,
            words,
            columns,
        } = Self::sizes(inputs)?;
        let mut plan = Plan::new(inputs, Meta::real([rows])).flops(2 * rows * words * columns);
        let scores = Meta::real([rows, self.block.min(words)]);
        plan.workspace.cpu = vec![scores, Meta::real([rows, 2])];
        plan.workspace.gpu = plan.workspace.cpu.clone();
        Ok(plan)
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(Self::known_sizes(io.metas()), io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(self, Self::known_sizes(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(self, Self::sizes(io.metas())?, io)
    }
}

impl NonDifferentiable for LogPartition {
    fn reason(&self) -> &'static str {
        "it judges finished models; training through a normaliser goes through cross_entropy"
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "log_partition",
        formula: "ln Z_r = ln Σ_v exp(h_r · w_v + b_v)",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: gpu::KERNELS.to_vec(),
    }
}

fn cases() -> Vec<Case> {
    const NEVER: f64 = f64::NEG_INFINITY;
    let case = |(rows, words, columns): (usize, usize, usize), block: usize, scale: f64| {
        let name = format!(
            "{rows} rows, {words} words in blocks of {block}, {columns} columns, scale {scale}"
        );
        Case::constant(name, LogPartition { block })
            .without_gradient(Draw::new("h"), [rows, columns])
            .without_gradient(Draw::new("w").scaled(scale), [words, columns])
            .without_gradient(Draw::new("b"), [words, 1])
    };
    vec![
        case((1, 1, 1), BLOCK, 1.0),
        case((0, 3, 2), BLOCK, 1.0),
        case((5, 7, 3), BLOCK, 1.0),
        case((5, 7, 3), 3, 1.0),
        case((67, 130, 33), 64, 0.5),
        case((9, 200, 4), 70, 30.0),
        case((2, 9000, 5), BLOCK, 0.5).tolerance(Tolerance::LONG),
        // The whole first block of three, one word of the second, and the last block, of one.
        Case::constant("words that cannot be", LogPartition { block: 3 })
            .without_gradient(Draw::new("h"), [2, 2])
            .without_gradient(Draw::new("w"), [7, 2])
            .fixed_constant(&[NEVER, NEVER, NEVER, 0.5, NEVER, -1.0, NEVER], [7, 1]),
    ]
}
