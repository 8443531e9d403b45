//! Multi-head scaled dot-product self-attention over packed sequences (Vaswani et al. 2017).
//!
//! For one head of one sequence, with q, k, v `[length, s]` its columns of the input:
//!
//! ```text
//! S = q kᵀ / √s                      scores, within the sequence only
//! P_ij = exp(S_ij - lse_i)           lse_i = ln Σ_j exp(S_ij)
//! P~ = M ∘ P                         M: 0 where dropped, else 1 / (1 - p); all 1 without dropout
//! o = P~ v
//! ```
//!
//! No matrix of length x length is ever stored. Both passes go through tiles of P: the forward
//! pass keeps for each row the largest score so far and the sum of exponentials relative to it,
//! and rescales what it has when a larger one comes (the online softmax of Milakov and Gimelshein
//! 2018; tiled attention: Dao et al. 2022). The backward pass computes P again from lse, the only
//! thing saved: one number per row and head.
//!
//! With do the incoming gradient, from o_ic = Σ_j P~_ij v_jc and P~ = M ∘ P:
//!
//! ```text
//! dv = P~ᵀ do
//! dP = M ∘ (do vᵀ)
//! dS_ij = P_ij (dP_ij - D_i)         D_i = Σ_j P_ij dP_ij     (the Jacobian of the softmax)
//! dq = dS k / √s,  dk = dSᵀ q / √s
//! ```
//!
//! D needs no tile, with dropout or without, since the mask only moves from one factor to the
//! other:
//!
//! ```text
//! D_i = Σ_j P_ij M_ij Σ_c do_ic v_jc = Σ_c do_ic Σ_j P~_ij v_jc = Σ_c do_ic o_ic
//! ```
//!
//! M is drawn at (sample, query position, head * 2^20 + key position) and drawn again in the
//! backward pass.
//!
//! Where it is causal, a row sees no later one: the sums over j end at i, P_ij = 0 for j > i, and
//! the derivation stays as it is. Tiles that lie wholly above the diagonal are left out.

mod cases;
mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use std::sync::Arc;

use limbeck_engine::{
    Backward, Differentiable, Error, Forward, Meta, Operator, Packed, Plan, Result, Stream, Tape,
    Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::Entry;
use crate::shared::attention::{Mask, Sizes, check_dropout};

/// The operator; inputs are q | k | v, and the offsets and coordinates of the rows.
#[derive(Clone, Debug)]
pub struct Attention {
    /// The length of each sequence.
    pub lengths: Arc<[usize]>,
    /// Number of heads.
    pub heads: usize,
    /// Probability with which a weight of the softmax is dropped.
    pub dropout: f32,
    /// Where the masks come from; `None` turns dropout off.
    pub stream: Option<Stream>,
    /// Whether a row sees no later row of its sequence.
    pub causal: bool,
}

/// Self-attention within each sequence: `qkv` `[rows, 3 d]` holds queries, keys and values side
/// by side, each of `heads` heads of d / heads columns; the result is `[rows, d]`.
///
/// `dropout` is the probability with which a weight is dropped (the others are multiplied by
/// 1 / (1 - dropout)), drawn from the tape's stream `name`; it is off on a tape without
/// randomness.
///
/// ```
/// use limbeck_engine::{Device, Packed, Tape};
/// use limbeck_kernels::attention;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// // A sequence of two rows and one of one row; equal keys give equal weights.
/// let packed = Packed::new(&device, &[2, 1], 0)?;
/// let qkv = [1.0, 5.0, 2.0, /**/ 3.0, 5.0, 4.0, /**/ 1.0, 1.0, 8.0];
/// let qkv = tape.constant(device.real(&qkv, [3, 3])?);
/// let y = attention(&tape, &qkv, &packed, 1, 0.0, "attention")?;
/// assert_eq!(y.tensor().read()?, [3.0, 3.0, 8.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes do not fit, a head has more than 128 columns, `dropout` is not in [0, 1), or the
/// device failed.
pub fn attention(
    tape: &Tape,
    qkv: &Var,
    packed: &Packed,
    heads: usize,
    dropout: f32,
    name: &str,
) -> Result<Var> {
    apply(tape, qkv, packed, (heads, dropout), name, false)
}

/// [`attention`] in which a row sees no later row of its sequence, as in a decoder: row i is a
/// weighted mean of the values of rows 0 to i.
///
/// ```
/// use limbeck_engine::{Device, Packed, Tape};
/// use limbeck_kernels::causal_attention;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// // One sequence of three rows; equal keys give equal weights to what is seen.
/// let packed = Packed::new(&device, &[3], 0)?;
/// let qkv = [1.0, 5.0, 2.0, /**/ 3.0, 5.0, 4.0, /**/ 1.0, 5.0, 9.0];
/// let qkv = tape.constant(device.real(&qkv, [3, 3])?);
/// let y = causal_attention(&tape, &qkv, &packed, 1, 0.0, "attention")?;
/// assert_eq!(y.tensor().read()?, [2.0, 3.0, 5.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// As [`attention`].
pub fn causal_attention(
    tape: &Tape,
    qkv: &Var,
    packed: &Packed,
    heads: usize,
    dropout: f32,
    name: &str,
) -> Result<Var> {
    apply(tape, qkv, packed, (heads, dropout), name, true)
}

fn apply(
    tape: &Tape,
    qkv: &Var,
    packed: &Packed,
    (heads, dropout): (usize, f32),
    name: &str,
    causal: bool,
) -> Result<Var> {
    let operator = Attention {
        lengths: packed.lengths().clone(),
        heads,
        dropout,
        stream: tape.stream(name),
        causal,
    };
    let offsets = tape.constant(packed.offsets().clone());
    let coordinates = tape.constant(packed.coordinates().clone());
    tape.apply_one(operator, &[qkv, &offsets, &coordinates])
}

fn refuse<T>(message: String) -> Result<T> {
    Err(Error::Shape {
        operator: "attention",
        message,
    })
}

impl Attention {
    fn sizes(&self, inputs: &[Meta]) -> Result<Sizes> {
        let [qkv, offsets, coordinates] = check::inputs("attention", inputs)?;
        let (rows, columns) = check::matrix("attention", "qkv", qkv)?;
        let packed = self.lengths.iter().sum::<usize>();
        if packed != rows {
            return refuse(format!(
                "qkv {} has {rows} rows, but the sequences have {packed}",
                qkv.shape
            ));
        }
        let count = Meta::ids([self.lengths.len() + 1]);
        check::exactly("attention", "the offsets", offsets, count)?;
        let pairs = Meta::ids([rows, 2]);
        check::exactly("attention", "the coordinates", coordinates, pairs)?;
        if self.heads == 0 || columns == 0 || !columns.is_multiple_of(3 * self.heads) {
            return refuse(format!(
                "qkv {} must have a multiple of 3 x heads columns, and there are {} heads",
                qkv.shape, self.heads
            ));
        }
        Ok(Sizes {
            rows,
            heads: self.heads,
            head_size: columns / 3 / self.heads,
            width: columns / 3,
        })
    }

    /// The sizes of inputs that `infer` has accepted.
    fn known_sizes(&self, inputs: &[Meta]) -> Sizes {
        self.sizes(inputs)
            .expect("the tape runs only what `infer` accepted")
    }

    /// The mask, unless nothing is dropped.
    fn mask(&self) -> Option<Mask> {
        Mask::new(self.stream, self.dropout)
    }

    /// Scores of one head that count.
    fn scores(&self) -> usize {
        let of = |&length: &usize| match self.causal {
            false => length * length,
            true => length * (length + 1) / 2,
        };
        self.lengths.iter().map(of).sum()
    }
}

impl Operator for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let sizes = self.sizes(inputs)?;
        let longest = self.lengths.iter().copied().max().unwrap_or(0);
        sizes.check_limits("attention", longest)?;
        check_dropout("attention", self.dropout)?;
        let per_head = Meta::real([sizes.rows, sizes.heads]);
        Ok(Plan::new(inputs, Meta::real([sizes.rows, sizes.width]))
            .keep_inputs([0, 1, 2])
            .keep_outputs([0])
            .save(per_head)
            .backward_scratch(per_head)
            .flops(4 * self.scores() * sizes.width))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(self, self.known_sizes(io.metas()), io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(self, self.known_sizes(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(self, self.sizes(io.metas())?, io)
    }
}

impl Differentiable for Attention {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward(self, self.known_sizes(io.metas()), io);
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        cpu::backward(self, self.known_sizes(io.metas()), io);
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(self, self.sizes(io.metas())?, io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "attention",
        formula: "o = (M ∘ softmax(q kᵀ / √s)) v, causal: over j <= i; dv = (M ∘ P)ᵀ do, \
                  dS = P ∘ (M ∘ do vᵀ - D), D = Σ_c do ∘ o, dq = dS k / √s, dk = dSᵀ q / √s",
        cases: cases::cases(),
        #[cfg(feature = "gpu")]
        kernels: gpu::kernels(),
    }
}

#[cfg(test)]
mod tests {
    use limbeck_engine::Workspace;

    use super::*;
    use crate::shared::attention::KEYS;

    fn plan(length: usize, heads: usize, columns: usize, dropout: f32) -> Result<Plan> {
        let operator = Attention {
            lengths: [length].into(),
            heads,
            dropout,
            stream: None,
            causal: false,
        };
        operator.infer(&[
            Meta::real([length, columns]),
            Meta::ids([2]),
            Meta::ids([length, 2]),
        ])
    }

    #[test]
    fn what_is_saved_grows_linearly_with_the_length() {
        let bytes = |metas: &[Meta]| metas.iter().map(Meta::bytes).sum::<usize>();
        for length in [128, 256, 512, 1024, 2048, 4096] {
            let plan = plan(length, 4, 3 * 256, 0.1).expect("fits");
            assert_eq!(bytes(&plan.saved), 4 * 4 * length);
            assert_eq!(plan.workspace, Workspace::default());
            assert_eq!(bytes(&plan.backward_workspace.cpu), 4 * 4 * length);
            assert_eq!(bytes(&plan.backward_workspace.gpu), 4 * 4 * length);
        }
    }

    #[test]
    fn refusals_name_what_was_expected_and_found() {
        let message = |length, heads, columns, dropout| {
            let refused = plan(length, heads, columns, dropout).map(|_| ());
            refused.expect_err("must be refused").to_string()
        };
        assert!(message(4, 5, 12, 0.0).contains("multiple of 3 x heads columns"));
        assert!(message(4, 0, 12, 0.0).contains("there are 0 heads"));
        assert!(message(4, 1, 3 * 129, 0.0).contains("129 columns, at most 128"));
        assert!(message(4, 1, 12, 1.0).contains("below 1, found 1"));
        assert!(message(4, 1, 12, f32::NAN).contains("found NaN"));
        assert!(message(KEYS + 1, 1, 3, 0.0).contains("1048577 rows"));
    }
}
