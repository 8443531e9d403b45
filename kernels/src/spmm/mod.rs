//! A sparse matrix times a dense one.
//!
//! ```text
//! Y = A X       y_r = Σ_{e in row r} a_e x_{column of e}      A [rows, n], X [n, d], Y [rows, d]
//! dX = Aᵀ dY    dx_k = Σ_{e in column k} a_e dy_{row of e}
//! ```
//!
//! A holds data: it gets no gradient. Its transpose is kept beside it, so that both ways are sums
//! over the entries of rows, in their order; no two tasks write one row. Rows with very many entries
//! are cut into pieces whose sums are joined in order (`shared/segments`). Where X is tall, its
//! columns are walked in strips that fit in cache: a row of X is read as often as its node has
//! edges.
//!
//! `embedding_bag` is the same product for batches that are seen once, whose transposed entries are
//! few of a long table's.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod matrix;
mod reference;

use std::sync::Arc;

use limbeck_engine::{
    Backward, Differentiable, Error, Forward, Meta, Operator, Plan, Result, Tape, Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry, Tolerance};
use crate::shared::segments::{self, SegmentShape, Segments};

pub use matrix::SparseMatrix;

use matrix::Csr;

/// The operator. Inputs: x; the four lists of [`Segments`] and the weights in their order, of the
/// rows; the same of the columns.
#[derive(Clone, Debug)]
struct Spmm {
    matrix: Arc<Csr>,
    /// Rows that x must have.
    columns: usize,
    sides: [SegmentShape; 2],
}

// Numbers of the inputs; the weights stand behind the four lists of their side.
const X: usize = 0;
const BY_ROW: usize = 1;
const BY_COLUMN: usize = 6;
const WEIGHTS: usize = 4;

/// The product of a sparse matrix `[rows, n]` and x `[n, d]`: `[rows, d]`.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::{SparseMatrix, spmm};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// // [0 2 0]
/// // [1 0 3]
/// let a = SparseMatrix::new(&device, 3, &[0, 1, 3], &[1, 0, 2], &[2.0, 1.0, 3.0])?;
/// let x = tape.constant(device.real(&[1.0, 10.0, 100.0], [3, 1])?);
/// assert_eq!(spmm(&tape, &a, &x)?.tensor().read()?, [20.0, 301.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If x has not as many rows as the matrix has columns, or the device failed.
pub fn spmm(tape: &Tape, matrix: &SparseMatrix, x: &Var) -> Result<Var> {
    let operator = Spmm {
        matrix: Arc::clone(&matrix.lists),
        columns: matrix.columns(),
        sides: matrix.shapes(),
    };
    let constants = matrix.constants(tape);
    let mut inputs = vec![x];
    inputs.extend(&constants);
    tape.apply_one(operator, &inputs)
}

impl Operator for Spmm {
    fn name(&self) -> &'static str {
        "spmm"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let all: [Meta; 11] = check::inputs("spmm", inputs)?;
        let (rows, columns) = check::matrix("spmm", "x", all[X])?;
        if rows != self.columns {
            return Err(Error::Shape {
                operator: "spmm",
                message: format!(
                    "the matrix has {} columns, but x {} has {rows} rows",
                    self.columns, all[X].shape
                ),
            });
        }
        let entries = self.matrix.indices.len();
        for (side, first) in self.sides.iter().zip([BY_ROW, BY_COLUMN]) {
            let weights = first + WEIGHTS;
            side.check("spmm", &all[first..weights])?;
            let expected = Meta::real([entries]);
            check::exactly("spmm", "the weights", all[weights], expected)?;
        }
        let y = Meta::real([self.matrix.offsets.len() - 1, columns]);
        let mut plan = Plan::new(&all[BY_ROW..BY_COLUMN], y)
            .keep_inputs(BY_COLUMN..all.len())
            .flops(2 * entries * columns);
        let sources = [rows, self.matrix.offsets.len() - 1];
        let workspaces = [&mut plan.workspace, &mut plan.backward_workspace];
        for ((side, sources), workspace) in self.sides.iter().zip(sources).zip(workspaces) {
            let packed = segments::packed(sources, columns, entries);
            workspace.cpu = vec![side.scratch(columns), Meta::real([packed])];
            workspace.gpu = vec![side.scratch(columns)];
        }
        // A row of x is read once for every entry of its column.
        plan.bytes += Meta::real([entries, columns]).bytes() as u64;
        Ok(plan)
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(&self.matrix, io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(self, io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(self, io)
    }
}

impl Differentiable for Spmm {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward(&self.matrix, io);
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
        name: "spmm",
        formula: "Y = A X; dX = Aᵀ dY",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: gpu::kernels(),
    }
}

fn cases() -> Vec<Case> {
    let spread = |entries: u32, columns: u32| (0..entries).map(move |e| e * e % columns);
    // A graph of nodes in a ring, each with itself: symmetric.
    let ring: Vec<u32> = (0..50u32)
        .flat_map(|i| {
            let mut around = [(i + 49) % 50, i, (i + 1) % 50];
            around.sort_unstable();
            around
        })
        .collect();
    vec![
        case("one entry", &[1], &[0], (1, 1)),
        case("no row", &[], &[], (3, 4)),
        case("an empty graph", &[0, 0, 0], &[], (3, 4)),
        case(
            "isolated nodes first, between and last, self loops",
            &[0, 2, 0, 2, 1, 0],
            &[1, 4, 3, 1, 4],
            (6, 33),
        ),
        case("no column", &[2, 1], &[0, 1, 1], (2, 0)),
        case("entries at one place", &[3], &[1, 1, 1], (2, 5)),
        case("a symmetric ring", &[3; 50], &ring, (50, 17)),
        case(
            "many rows of a wide matrix",
            &[[3; 50], [1; 50]].concat(),
            &spread(200, 70).collect::<Vec<_>>(),
            (70, 70),
        ),
        case(
            "one huge row, and a huge column",
            &[1, 2500, 1],
            &[vec![2], spread(1200, 90).collect(), vec![7; 1300], vec![0]].concat(),
            (90, 35),
        )
        .tolerance(Tolerance::LONG),
        case("a huge column alone", &[1; 2100], &[3; 2100], (4, 3)).tolerance(Tolerance::LONG),
        // Wide and read often: by strips of its columns.
        case(
            "a tall matrix",
            &[21; 8000],
            &(0..8000 * 21).map(|e| e * 31 % 8000).collect::<Vec<_>>(),
            (8000, 67),
        ),
    ]
}

/// A case with rows of these lengths; `sizes` are the columns of the matrix, and those of x.
fn case(name: &str, lengths: &[u32], indices: &[u32], sizes: (usize, usize)) -> Case {
    let (columns, width) = sizes;
    let mut offsets = vec![0];
    for length in lengths {
        offsets.push(offsets[offsets.len() - 1] + length);
    }
    let mut matrix = Csr {
        offsets,
        indices: indices.to_vec(),
        // Of both signs, none zero, and exact in f32.
        weights: (0..indices.len())
            .map(|e| (e % 7) as f32 * 0.5 - 1.25)
            .collect(),
    };
    if name.contains("symmetric") {
        matrix.weights.fill(0.5);
    }
    let transpose = matrix.transpose(columns);
    let by_row = Segments::of_rows(&matrix.offsets);
    let by_column = Segments::of_rows(&transpose.offsets);
    let operator = Spmm {
        sides: [by_row.shape(), by_column.shape()],
        matrix: Arc::new(matrix.clone()),
        columns,
    };
    let mut case = Case::new(name, operator).real(Draw::new("x"), [columns, width]);
    for (matrix, segments) in [(&matrix, by_row), (&transpose, by_column)] {
        let weights: Vec<f64> = matrix
            .sorted_weights(&segments)
            .into_iter()
            .map(f64::from)
            .collect();
        case = segments
            .inputs(case, |entry| matrix.indices[entry as usize])
            .fixed_constant(&weights, [weights.len()]);
    }
    case
}

#[cfg(test)]
mod tests {
    use limbeck_engine::Device;

    use super::*;

    #[test]
    fn an_x_of_other_rows_than_the_matrix_has_columns_is_refused() {
        let device = Device::cpu();
        let tape = Tape::inference(&device);
        let matrix = SparseMatrix::new(&device, 3, &[0, 1], &[2], &[1.0]).expect("fits");
        let x = tape.constant(device.zeros([2, 5]).expect("on the host"));
        let error = spmm(&tape, &matrix, &x).expect_err("three rows expected");
        let message = error.to_string();
        assert!(
            message.contains("3 columns, but x [2, 5] has 2 rows"),
            "{message}"
        );
    }
}
