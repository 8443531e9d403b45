//! Multi-head scaled dot-product attention from the rows of one packed set of sequences to those of
//! another (Vaswani et al. 2017): each row of target sequence t sees all rows of source sequence t.
//!
//! For one head of one pair of sequences, with q `[m, s]` its columns of the queries and k, v
//! `[n, s]` its columns of the keys and values:
//!
//! ```text
//! S = q kᵀ / √s                      [m, n]
//! P_ij = exp(S_ij - lse_i)           lse_i = ln Σ_j exp(S_ij)
//! o = (M ∘ P) v                      M: 0 where dropped, else 1 / (1 - p); all 1 without dropout
//! ```
//!
//! The derivation in `attention` nowhere uses that queries and keys are rows of the same sequence, so
//! with do the incoming gradient
//!
//! ```text
//! dv = (M ∘ P)ᵀ do
//! dS_ij = P_ij (dP_ij - D_i)         dP = M ∘ (do vᵀ),  D_i = Σ_c do_ic o_ic
//! dq = dS k / √s,  dk = dSᵀ q / √s
//! ```
//!
//! The passes go through tiles as there, and save lse alone. dq is summed over the keys' tiles by the
//! tasks of the queries' rows, dk and dv over the queries' tiles by the tasks of the keys' rows.
//!
//! M is drawn at (sample, query position, head * 2^20 + key position), the sample being that of the
//! target sequence.

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

/// The operator; inputs are q, k | v, the offsets of the target's sequences, the coordinates of
/// their rows, and the offsets of the source's sequences.
#[derive(Clone, Debug)]
pub struct CrossAttention {
    /// The length of each target sequence.
    pub target: Arc<[usize]>,
    /// The length of each source sequence.
    pub source: Arc<[usize]>,
    /// Number of heads.
    pub heads: usize,
    /// Probability with which a weight of the softmax is dropped.
    pub dropout: f32,
    /// Where the masks come from; `None` turns dropout off.
    pub stream: Option<Stream>,
}

/// Attention of target rows to the rows of their source sequences: `queries` `[target rows, d]`, and
/// `keys_values` `[source rows, 2 d]` with keys and values side by side, each of `heads` heads of
/// d / heads columns; the result is `[target rows, d]`. Target and source have as many sequences.
///
/// `dropout` is the probability with which a weight is dropped (the others are multiplied by
/// 1 / (1 - dropout)), drawn from the tape's stream `name`; it is off on a tape without
/// randomness.
///
/// ```
/// use limbeck_engine::{Device, Packed, Tape};
/// use limbeck_kernels::cross_attention;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// // Two target sequences of one row each; their sources have two rows and one.
/// let (target, source) = (Packed::new(&device, &[1, 1], 0)?, Packed::new(&device, &[2, 1], 0)?);
/// let queries = tape.constant(device.real(&[1.0, 3.0], [2, 1])?);
/// let keys_values = [5.0, 2.0, /**/ 5.0, 4.0, /**/ 1.0, 8.0];
/// let keys_values = tape.constant(device.real(&keys_values, [3, 2])?);
/// let y = cross_attention(&tape, (&queries, &target), (&keys_values, &source), 1, 0.0, "cross")?;
/// // Equal keys give equal weights.
/// assert_eq!(y.tensor().read()?, [3.0, 8.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes do not fit, target and source differ in their number of sequences, a head has more
/// than 128 columns, `dropout` is not in [0, 1), or the device failed.
pub fn cross_attention(
    tape: &Tape,
    (queries, target): (&Var, &Packed),
    (keys_values, source): (&Var, &Packed),
    heads: usize,
    dropout: f32,
    name: &str,
) -> Result<Var> {
    let operator = CrossAttention {
        target: target.lengths().clone(),
        source: source.lengths().clone(),
        heads,
        dropout,
        stream: tape.stream(name),
    };
    let constant = |ids: &limbeck_engine::Tensor| tape.constant(ids.clone());
    let (offsets, coordinates) = (constant(target.offsets()), constant(target.coordinates()));
    let sources = constant(source.offsets());
    let inputs = [queries, keys_values, &offsets, &coordinates, &sources];
    tape.apply_one(operator, &inputs)
}

// Numbers of the inputs.
const QUERIES: usize = 0;
const KEYS_VALUES: usize = 1;
const COORDINATES: usize = 3;
/// How many there are.
const INPUTS: usize = 5;

fn refuse<T>(message: String) -> Result<T> {
    Err(Error::Shape {
        operator: "cross_attention",
        message,
    })
}

impl CrossAttention {
    fn sizes(&self, inputs: &[Meta]) -> Result<Sizes> {
        let [q, kv, offsets, coordinates, sources] = check::inputs("cross_attention", inputs)?;
        let (rows, width) = check::matrix("cross_attention", "the queries", q)?;
        let (_, columns) = check::matrix("cross_attention", "the keys and values", kv)?;
        if self.target.len() != self.source.len() {
            return refuse(format!(
                "every target sequence needs a source of its own; found {} target sequences and \
                 {} source sequences",
                self.target.len(),
                self.source.len()
            ));
        }
        has_rows("the queries", q, &self.target)?;
        has_rows("the keys and values", kv, &self.source)?;
        let count = Meta::ids([self.target.len() + 1]);
        let pairs = Meta::ids([rows, 2]);
        let exactly =
            |what, found, expected| check::exactly("cross_attention", what, found, expected);
        exactly("the offsets of the target", offsets, count)?;
        exactly("the coordinates of the target", coordinates, pairs)?;
        exactly("the offsets of the source", sources, count)?;
        if self.heads == 0 || width == 0 || !width.is_multiple_of(self.heads) {
            return refuse(format!(
                "the queries {} must have a multiple of heads columns, and there are {} heads",
                q.shape, self.heads
            ));
        }
        if columns != 2 * width {
            return refuse(format!(
                "the keys and values {} must have twice the columns of the queries {}",
                kv.shape, q.shape
            ));
        }
        Ok(Sizes {
            rows,
            heads: self.heads,
            head_size: width / self.heads,
            width,
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

    /// Elements of all score matrices of one head.
    fn scores(&self) -> usize {
        let lengths = self.target.iter().zip(self.source.iter());
        lengths.map(|(m, n)| m * n).sum()
    }
}

/// Refuses a matrix that has not the rows of these sequences.
fn has_rows(what: &str, matrix: Meta, lengths: &[usize]) -> Result<()> {
    let packed = lengths.iter().sum::<usize>();
    if matrix.shape.rows() == packed {
        return Ok(());
    }
    refuse(format!(
        "{what} {} have {} rows, but their sequences have {packed}",
        matrix.shape,
        matrix.shape.rows()
    ))
}

impl Operator for CrossAttention {
    fn name(&self) -> &'static str {
        "cross_attention"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let sizes = self.sizes(inputs)?;
        let longest = self.source.iter().copied().max().unwrap_or(0);
        sizes.check_limits("cross_attention", longest)?;
        check_dropout("cross_attention", self.dropout)?;
        let per_head = Meta::real([sizes.rows, sizes.heads]);
        let mut plan = Plan::new(inputs, Meta::real([sizes.rows, sizes.width]))
            .keep_inputs(0..INPUTS)
            .keep_outputs([0])
            .save(per_head)
            .flops(4 * self.scores() * sizes.width);
        plan.backward_workspace.cpu.push(per_head);
        // D beside a copy of lse: the shaders have no binding left for both.
        let beside = Meta::real([sizes.rows, 2 * sizes.heads]);
        plan.backward_workspace.gpu.push(beside);
        Ok(plan)
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

impl Differentiable for CrossAttention {
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
        name: "cross_attention",
        formula: "o = (M ∘ softmax(q kᵀ / √s)) v, q of the target, k and v of the source; \
                  dv = (M ∘ P)ᵀ do, dS = P ∘ (M ∘ do vᵀ - D), D = Σ_c do ∘ o, dq = dS k / √s, \
                  dk = dSᵀ q / √s",
        cases: cases::cases(),
        #[cfg(feature = "gpu")]
        kernels: gpu::kernels(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(
        (target, source): (&[usize], &[usize]),
        heads: usize,
        [q, kv]: [[usize; 2]; 2],
        dropout: f32,
    ) -> String {
        let operator = CrossAttention {
            target: target.into(),
            source: source.into(),
            heads,
            dropout,
            stream: None,
        };
        let accepted = operator.infer(&[
            Meta::real(q),
            Meta::real(kv),
            Meta::ids([target.len() + 1]),
            Meta::ids([q[0], 2]),
            Meta::ids([source.len() + 1]),
        ]);
        match accepted {
            Ok(plan) => format!("accepted, {}", plan.outputs[0].shape),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn refusals_name_what_was_expected_and_found() {
        let fits: (&[usize], &[usize]) = (&[2, 1], &[4, 1]);
        let found = message(fits, 2, [[3, 4], [5, 8]], 0.1);
        assert_eq!(found, "accepted, [3, 4]");
        for (lengths, heads, shapes, dropout, part) in [
            (
                fits,
                2,
                [[4, 4], [5, 8]],
                0.0,
                "have 4 rows, but their sequences have 3",
            ),
            (
                fits,
                2,
                [[3, 4], [6, 8]],
                0.0,
                "have 6 rows, but their sequences have 5",
            ),
            (
                (&[3], &[4, 1]),
                2,
                [[3, 4], [5, 8]],
                0.0,
                "1 target sequences and 2 source",
            ),
            (fits, 3, [[3, 4], [5, 8]], 0.0, "multiple of heads columns"),
            (fits, 0, [[3, 4], [5, 8]], 0.0, "there are 0 heads"),
            (
                fits,
                2,
                [[3, 4], [5, 12]],
                0.0,
                "twice the columns of the queries [3, 4]",
            ),
            (
                fits,
                1,
                [[3, 129], [5, 258]],
                0.0,
                "129 columns, at most 128",
            ),
            (fits, 2, [[3, 4], [5, 8]], 1.0, "below 1, found 1"),
        ] {
            let found = message(lengths, heads, shapes, dropout);
            assert!(found.contains(part), "{found}");
        }
    }

    #[test]
    fn what_is_saved_grows_with_the_queries_and_not_with_the_keys() {
        let saved = |m: usize, n: usize| {
            let operator = CrossAttention {
                target: [m].into(),
                source: [n].into(),
                heads: 4,
                dropout: 0.1,
                stream: None,
            };
            let plan = operator.infer(&[
                Meta::real([m, 64]),
                Meta::real([n, 128]),
                Meta::ids([2]),
                Meta::ids([m, 2]),
                Meta::ids([2]),
            ]);
            let plan = plan.expect("fits");
            let metas = plan.saved.iter().chain(&plan.backward_workspace.cpu);
            metas.map(Meta::bytes).sum::<usize>()
        };
        assert_eq!(saved(10, 10), saved(10, 4000));
        assert_eq!(10 * saved(10, 10), saved(100, 10));
    }
}
