//! Scores of the words that a loss with samples looks at: of each row its own target, and of all
//! rows the same noise words.
//!
//! ```text
//! s_r  = h_r · e_r + b_r                 target of row r
//! S_rj = h_r · e_{R+j} + b_{R+j}         noise word j
//! ```
//!
//! h `[R, d]`; candidates e `[R + K, d]` and b `[R + K, 1]`: first the target of each row, then the
//! noise words. One group of noise words for all rows makes S one dense product (Zoph et al. 2016).
//!
//! With ds and dS the incoming gradients,
//!
//! ```text
//! dh_r = ds_r e_r + Σ_j dS_rj e_{R+j}
//! de_r = ds_r h_r          de_{R+j} = Σ_r dS_rj h_r
//! db_r = ds_r              db_{R+j} = Σ_r dS_rj
//! ```
//!
//! Rows that stand for one word are joined where they were looked up
//! ([`embedding`](crate::embedding)).

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{
    Backward, Differentiable, Error, Forward, Meta, Operator, Plan, Result, Tape, Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry, Tolerance};

// Numbers of the inputs.
const H: usize = 0;
const CANDIDATES: usize = 1;
const BIAS: usize = 2;

/// The operator; inputs are h, the candidates and their biases.
#[derive(Clone, Copy, Debug)]
struct CandidateScores;

/// Sizes of one application.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    rows: usize,
    noise: usize,
    columns: usize,
}

/// Scores of each row's target, `[R]`, and of the noise words, `[R, K]`: h `[R, d]`, candidates
/// `[R + K, d]`, bias `[R + K, 1]`.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let h = tape.constant(device.real(&[1.0, 2.0], [2, 1])?);
/// // Targets of the two rows, then one noise word.
/// let candidates = tape.constant(device.real(&[3.0, 5.0, 10.0], [3, 1])?);
/// let bias = tape.constant(device.real(&[0.0, 0.5, -1.0], [3, 1])?);
/// let (target, noise) = limbeck_kernels::candidate_scores(&tape, &h, &candidates, &bias)?;
/// assert_eq!(target.tensor().read()?, [3.0, 10.5]);
/// assert_eq!(noise.tensor().read()?, [9.0, 19.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes do not fit, or the device failed.
pub fn candidate_scores(tape: &Tape, h: &Var, candidates: &Var, bias: &Var) -> Result<(Var, Var)> {
    let mut outputs = tape.apply(CandidateScores, &[h, candidates, bias])?;
    let noise = outputs.swap_remove(1);
    Ok((outputs.swap_remove(0), noise))
}

impl CandidateScores {
    fn sizes(inputs: &[Meta]) -> Result<Sizes> {
        let operator = "candidate_scores";
        let [h, candidates, bias] = check::inputs(operator, inputs)?;
        let (rows, columns) = check::nonempty_rows(operator, "h", h)?;
        let (all, width) = check::matrix(operator, "the candidates", candidates)?;
        if width != columns || all < rows {
            return Err(Error::Shape {
                operator,
                message: format!(
                    "h {} wants at least {rows} candidates of {columns} columns, found {}",
                    h.shape, candidates.shape
                ),
            });
        }
        check::exactly(operator, "the bias", bias, Meta::real([all, 1]))?;
        Ok(Sizes {
            rows,
            noise: all - rows,
            columns,
        })
    }

    /// The sizes of inputs that `infer` has accepted.
    fn known_sizes(inputs: &[Meta]) -> Sizes {
        Self::sizes(inputs).expect("the tape runs only what `infer` accepted")
    }
}

impl Operator for CandidateScores {
    fn name(&self) -> &'static str {
        "candidate_scores"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let Sizes {
            rows,
            noise,
            columns,
        } = Self::sizes(inputs)?;
        let mut plan = Plan::new(inputs, Meta::real([rows]))
            .keep_inputs([H, CANDIDATES])
            .flops(2 * rows * (noise + 1) * columns);
        plan.outputs.push(Meta::real([rows, noise]));
        Ok(plan)
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(Self::known_sizes(io.metas()), io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(Self::known_sizes(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(Self::sizes(io.metas())?, io)
    }
}

impl Differentiable for CandidateScores {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward(Self::known_sizes(io.metas()), io);
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        cpu::backward(Self::known_sizes(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(Self::sizes(io.metas())?, io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "candidate_scores",
        formula: "s_r = h_r · e_r + b_r, S_rj = h_r · e_{R+j} + b_{R+j}; dh_r = ds_r e_r + Σ_j dS_rj \
                  e_{R+j}, de_r = ds_r h_r, de_{R+j} = Σ_r dS_rj h_r",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: gpu::KERNELS.to_vec(),
    }
}

fn cases() -> Vec<Case> {
    let case = |rows: usize, noise: usize, columns: usize| {
        let name = format!("{rows} rows, {noise} noise words, {columns} columns");
        Case::new(name, CandidateScores)
            .real(Draw::new("h"), [rows, columns])
            .real(Draw::new("candidates"), [rows + noise, columns])
            .real(Draw::new("bias"), [rows + noise, 1])
    };
    vec![
        case(1, 1, 1),
        case(5, 3, 4),
        case(4, 0, 3),
        case(0, 2, 3),
        case(7, 70, 33),
        case(130, 67, 65).tolerance(Tolerance::LONG),
        case(300, 5, 17).tolerance(Tolerance::LONG),
    ]
}
