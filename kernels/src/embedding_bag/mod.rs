//! Weighted sums of table rows: a linear map of sparse features.
//!
//! ```text
//! y_b = Σ_{e in bag b} w_e E[i_e]        E [rows, d], y [bags, d]; an empty bag gives zeros
//! ```
//!
//! This is `W E` with the sparse matrix W [bags, rows] that holds the weights, so
//!
//! ```text
//! dE = Wᵀ dy:   dE[v] = Σ_{e: i_e = v} w_e dy_{bag of e}
//! ```
//!
//! summed over entries that the host has sorted by table row (`shared/segments`). The weights are
//! data: they get no gradient.

mod bags;
mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;
mod reference;

use limbeck_engine::{
    Backward, Differentiable, Error, Forward, Meta, Operator, Plan, Result, Tape, Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry, Input, Tolerance};
use crate::shared::offsets;
use crate::shared::segments::{SegmentShape, Segments};

pub use bags::Bags;
pub(crate) use cpu::weighted_sums;

/// The operator. Inputs: the table, the offsets, indices and weights of the bags, the four lists
/// of [`Segments`], and the weights in their order.
#[derive(Clone, Copy, Debug)]
struct EmbeddingBag {
    bags: usize,
    /// Rows that the table must have.
    rows: usize,
    segments: SegmentShape,
}

// Numbers of the inputs.
const TABLE: usize = 0;
const OFFSETS: usize = 1;
const INDICES: usize = 2;
const WEIGHTS: usize = 3;
const SEGMENTS: usize = 4;
const SORTED_WEIGHTS: usize = 8;

/// The weighted sum of table rows per bag: table `[rows, d]` gives `[bags, d]`.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::{Bags, embedding_bag};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let table = tape.constant(device.real(&[1.0, 10.0, 100.0], [3, 1])?);
/// let bags = Bags::new(&device, &[0, 2, 2], &[0, 2], &[0.5, 2.0], 3)?;
/// let y = embedding_bag(&tape, &table, &bags)?;
/// assert_eq!(y.tensor().read()?, [200.5, 0.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the table has not the rows the bags were checked against, or the device failed.
pub fn embedding_bag(tape: &Tape, table: &Var, bags: &Bags) -> Result<Var> {
    let operator = EmbeddingBag {
        bags: bags.len(),
        rows: bags.rows(),
        segments: bags.segments.shape(),
    };
    let [offsets, indices, weights, sorted_weights] = [
        &bags.offsets,
        &bags.indices,
        &bags.weights,
        &bags.sorted_weights,
    ]
    .map(|tensor| tape.constant(tensor.clone()));
    let lists = bags.segments.constants(tape);
    let mut inputs = vec![table, &offsets, &indices, &weights];
    inputs.extend(&lists);
    inputs.push(&sorted_weights);
    tape.apply_one(operator, &inputs)
}

impl Operator for EmbeddingBag {
    fn name(&self) -> &'static str {
        "embedding_bag"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let all: [Meta; 9] = check::inputs("embedding_bag", inputs)?;
        let (rows, columns) = check::matrix("embedding_bag", "the table", all[TABLE])?;
        if rows != self.rows {
            return Err(Error::Shape {
                operator: "embedding_bag",
                message: format!(
                    "the bags were checked against a table of {} rows, but the table {} has \
                     {rows}",
                    self.rows, all[TABLE].shape
                ),
            });
        }
        let entries = self.segments.entries;
        for (what, input, expected) in [
            ("the offsets", OFFSETS, Meta::ids([self.bags + 1])),
            ("the indices", INDICES, Meta::ids([entries])),
            ("the weights", WEIGHTS, Meta::real([entries])),
            ("the sorted weights", SORTED_WEIGHTS, Meta::real([entries])),
        ] {
            check::exactly("embedding_bag", what, all[input], expected)?;
        }
        self.segments
            .check("embedding_bag", &all[SEGMENTS..SORTED_WEIGHTS])?;
        let mut plan = Plan::new(&all[OFFSETS..], Meta::real([self.bags, columns]))
            .keep_inputs(OFFSETS..all.len())
            .backward_scratch(self.segments.scratch(columns))
            .flops(2 * entries * columns);
        // Of the table only the rows that entries name are read.
        plan.bytes += Meta::real([entries, columns]).bytes() as u64;
        Ok(plan)
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(io)
    }
}

impl Differentiable for EmbeddingBag {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward(io);
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        cpu::backward(self, io);
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(self, io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "embedding_bag",
        formula: "y_b = Σ_{e in b} w_e E[i_e]; dE[v] = Σ_{i_e = v} w_e dy_{bag of e}",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: gpu::kernels(),
    }
}

fn cases() -> Vec<Case> {
    let spread = |entries: u32, rows: u32| (0..entries).map(|e| e * e % rows).collect::<Vec<_>>();
    // Two of three entries name one row.
    let mut skewed = spread(400, 11);
    skewed.iter_mut().enumerate().for_each(|(e, index)| {
        if e % 3 > 0 {
            *index = 5;
        }
    });
    vec![
        case("one entry", &[1], &[0], (1, 1)),
        case("no bag", &[], &[], (3, 4)),
        case("empty bags only", &[0, 0, 0], &[], (3, 4)),
        case(
            "empty bags first, between and last",
            &[0, 3, 0, 0, 2, 0],
            &[4, 0, 4, 1, 1],
            (5, 33),
        ),
        case(
            "many bags",
            &[[3; 50], [1; 50]].concat(),
            &spread(200, 70),
            (70, 17),
        ),
        case("one long bag", &[300], &spread(300, 90), (90, 5)).tolerance(Tolerance::LONG),
        case("a very common row", &[100; 4], &skewed, (11, 6)).tolerance(Tolerance::LONG),
    ]
}

/// A case with bags of these lengths.
fn case(name: &str, lengths: &[u32], indices: &[u32], (rows, columns): (usize, usize)) -> Case {
    let mut offsets = vec![0];
    for length in lengths {
        offsets.push(offsets[offsets.len() - 1] + length);
    }
    let segments = Segments::by_key(indices);
    let operator = EmbeddingBag {
        bags: lengths.len(),
        rows,
        segments: segments.shape(),
    };
    // Of both signs, none zero, and exact in f32.
    let weights: Vec<f32> = (0..indices.len())
        .map(|e| (e % 7) as f32 * 0.5 - 1.25)
        .collect();
    let bag_of = offsets::row_of_entry(&offsets);
    let case = Case::new(name, operator)
        .real(Draw::new("table"), [rows, columns])
        .ids(&offsets, [offsets.len()])
        .ids(indices, [indices.len()]);
    let case = segments.inputs(constant(case, &weights), |entry| bag_of[entry as usize]);
    constant(case, &bags::sorted_weights(&segments, &weights))
}

/// Adds weights: real numbers without a gradient.
fn constant(mut case: Case, weights: &[f32]) -> Case {
    case.inputs.push(Input::Real {
        values: weights.iter().map(|&weight| f64::from(weight)).collect(),
        shape: [weights.len()].into(),
        differentiate: false,
    });
    case
}
