//! A sparse matrix on a device, with its transpose.

use std::sync::Arc;

use limbeck_engine::{Device, Error, Result, Tape, Tensor, Var};

use crate::shared::segments::{SegmentShape, SegmentTensors, Segments};

/// A matrix of numbers that do not change, in compressed sparse row form, on a device: the adjacency
/// of a graph, or of many small ones side by side. Made once; rows with very many entries are cut
/// into pieces here, and the transpose is made here, so that both ways of [`super::spmm`] are the
/// same work.
///
/// ```
/// use limbeck_engine::Device;
/// use limbeck_kernels::SparseMatrix;
/// // [0 2 0]
/// // [1 0 3]
/// let matrix = SparseMatrix::new(&Device::cpu(), 3, &[0, 1, 3], &[1, 0, 2], &[2.0, 1.0, 3.0])?;
/// assert_eq!((matrix.rows(), matrix.columns(), matrix.entries()), (2, 3, 3));
/// let error = SparseMatrix::new(&Device::cpu(), 3, &[0, 1], &[7], &[1.0]).unwrap_err();
/// assert!(error.to_string().contains("entry 0 stands in column 7 of 3"));
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SparseMatrix {
    pub(super) lists: Arc<Csr>,
    columns: usize,
    by_row: Side,
    by_column: Side,
}

/// The matrix as it was given, on the host.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Csr {
    pub(super) offsets: Vec<u32>,
    pub(super) indices: Vec<u32>,
    pub(super) weights: Vec<f32>,
}

/// The matrix, or its transpose, as products read it.
#[derive(Clone, Debug)]
struct Side {
    lists: SegmentTensors,
    weights: Tensor,
}

impl SparseMatrix {
    /// Row r holds the entries `offsets[r]..offsets[r + 1]`; entry e stands in column `indices[e]`
    /// and is `weights[e]`. Entries at the same place add up.
    ///
    /// # Errors
    /// If the offsets do not run from 0 to the number of entries without falling, there are not
    /// as many weights as indices, an index is not below `columns`, a weight is not finite, or the
    /// device cannot hold them.
    pub fn new(
        device: &Device,
        columns: usize,
        offsets: &[u32],
        indices: &[u32],
        weights: &[f32],
    ) -> Result<Self> {
        if let Some(message) = problem(columns, offsets, indices, weights) {
            return Err(Error::Shape {
                operator: "spmm",
                message,
            });
        }
        let lists = Csr {
            offsets: offsets.to_vec(),
            indices: indices.to_vec(),
            weights: weights.to_vec(),
        };
        let transpose = lists.transpose(columns);
        let by_row = Side::new(device, &lists)?;
        let by_column = match transpose == lists {
            true => by_row.clone(),
            false => Side::new(device, &transpose)?,
        };
        Ok(SparseMatrix {
            lists: Arc::new(lists),
            columns,
            by_row,
            by_column,
        })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.lists.offsets.len() - 1
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Number of entries.
    pub fn entries(&self) -> usize {
        self.lists.indices.len()
    }

    /// Sizes of the lists of both sides.
    pub(super) fn shapes(&self) -> [SegmentShape; 2] {
        [self.by_row.lists.shape(), self.by_column.lists.shape()]
    }

    /// The lists and weights of both sides, as the operator takes them.
    pub(super) fn constants(&self, tape: &Tape) -> Vec<Var> {
        let mut constants = Vec::new();
        for side in [&self.by_row, &self.by_column] {
            constants.extend(side.lists.constants(tape));
            constants.push(tape.constant(side.weights.clone()));
        }
        constants
    }
}

impl Csr {
    /// The transpose; the entries of a column stand in the order of their rows.
    pub(super) fn transpose(&self, columns: usize) -> Csr {
        let mut offsets = vec![0u32; columns + 1];
        for &index in &self.indices {
            offsets[index as usize + 1] += 1;
        }
        for column in 0..columns {
            offsets[column + 1] += offsets[column];
        }
        let mut next = offsets.clone();
        let mut indices = vec![0; self.indices.len()];
        let mut weights = vec![0.0; self.indices.len()];
        for (row, pair) in (0u32..).zip(self.offsets.windows(2)) {
            for entry in pair[0] as usize..pair[1] as usize {
                let place = &mut next[self.indices[entry] as usize];
                indices[*place as usize] = row;
                weights[*place as usize] = self.weights[entry];
                *place += 1;
            }
        }
        Csr {
            offsets,
            indices,
            weights,
        }
    }

    /// The weights in the order of the lists.
    pub(super) fn sorted_weights(&self, segments: &Segments) -> Vec<f32> {
        let weight = |&entry: &u32| self.weights[entry as usize];
        segments.order.iter().map(weight).collect()
    }
}

impl Side {
    fn new(device: &Device, matrix: &Csr) -> Result<Self> {
        let segments = Segments::of_rows(&matrix.offsets);
        let weights = matrix.sorted_weights(&segments);
        Ok(Side {
            lists: segments.upload(device, |entry| matrix.indices[entry as usize])?,
            weights: device.real(&weights, [weights.len()])?,
        })
    }
}

/// What is wrong with the lists, if anything.
fn problem(columns: usize, offsets: &[u32], indices: &[u32], weights: &[f32]) -> Option<String> {
    let entries = indices.len();
    if weights.len() != entries {
        return Some(format!(
            "expected a weight per index, found {} weights for {entries} indices",
            weights.len()
        ));
    }
    if let Some(message) = crate::shared::offsets::problem(offsets, entries, ["row", "entries"]) {
        return Some(message);
    }
    if let Some(entry) = indices.iter().position(|&index| index as usize >= columns) {
        return Some(format!(
            "entry {entry} stands in column {} of {columns}",
            indices[entry]
        ));
    }
    let entry = weights.iter().position(|weight| !weight.is_finite())?;
    Some(format!(
        "entry {entry} is {}, expected a finite number",
        weights[entry]
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_do_not_fit_are_refused() {
        let check = |offsets: &[u32], indices: &[u32], weights: &[f32]| match SparseMatrix::new(
            &Device::shapes(),
            4,
            offsets,
            indices,
            weights,
        ) {
            Ok(matrix) => format!("accepted {} rows", matrix.rows()),
            Err(error) => error.to_string(),
        };
        assert_eq!(check(&[0, 2, 2], &[3, 0], &[1.0, 2.0]), "accepted 2 rows");
        assert_eq!(check(&[0], &[], &[]), "accepted 0 rows");
        for (message, part) in [
            (check(&[], &[], &[]), "must run from 0"),
            (check(&[0, 1], &[0, 0], &[1.0; 2]), "number of entries, 2"),
            (
                check(&[0, 2, 1, 2], &[0, 0], &[1.0; 2]),
                "row 1 fall from 2",
            ),
            (check(&[0, 1], &[4], &[1.0]), "column 4 of 4"),
            (check(&[0, 1], &[0], &[]), "0 weights for 1 indices"),
            (check(&[0, 1], &[0], &[f32::INFINITY]), "entry 0 is inf"),
        ] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_symmetric_matrix_is_kept_once() {
        let device = Device::cpu();
        let symmetric = |weight| {
            let weights = [1.0, 2.0, weight];
            SparseMatrix::new(&device, 2, &[0, 2, 3], &[0, 1, 0], &weights).expect("fits")
        };
        let same = |matrix: &SparseMatrix| {
            let [a, b] = [&matrix.by_row, &matrix.by_column].map(|side| &side.weights);
            a.host::<f32>().map(<[f32]>::as_ptr) == b.host::<f32>().map(<[f32]>::as_ptr)
        };
        assert!(same(&symmetric(2.0)));
        assert!(!same(&symmetric(3.0)));
    }
}
