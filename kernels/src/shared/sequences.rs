//! Packed rows as the operators over time see them.

use limbeck_engine::{Error, Meta, Result};

use super::reduce::rows_per_task;
use crate::check;

/// Sizes of packed rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Rows of all sequences together.
    pub(crate) rows: usize,
    /// Number of sequences.
    pub(crate) sequences: usize,
    /// Width of a row.
    pub(crate) columns: usize,
}

impl Sizes {
    /// Checks rows `[rows, columns]` and offsets `[sequences + 1]` against the lengths.
    pub(crate) fn check(
        operator: &'static str,
        lengths: &[usize],
        both: [Meta; 2],
    ) -> Result<Self> {
        Sizes::check_named(operator, "x", lengths, both)
    }

    /// [`Sizes::check`] of rows that messages call by this name.
    pub(crate) fn check_named(
        operator: &'static str,
        what: &str,
        lengths: &[usize],
        [x, offsets]: [Meta; 2],
    ) -> Result<Self> {
        let (rows, columns) = check::matrix(operator, what, x)?;
        let (sequences, packed) = (lengths.len(), lengths.iter().sum::<usize>());
        if packed != rows {
            return Err(Error::Shape {
                operator,
                message: format!(
                    "{what} {} has {rows} rows, but the {sequences} sequences have {packed}",
                    x.shape
                ),
            });
        }
        let expected = Meta::ids([sequences + 1]);
        check::exactly(operator, "the offsets", offsets, expected)?;
        Ok(Sizes {
            rows,
            sequences,
            columns,
        })
    }

    /// The sizes of inputs that `check` has accepted.
    pub(crate) fn known(inputs: &[Meta]) -> Self {
        Sizes {
            rows: inputs[0].shape.rows(),
            sequences: inputs[1].shape.elements() - 1,
            columns: inputs[0].shape.columns(),
        }
    }

    /// One row for each sequence.
    pub(crate) fn pooled(&self) -> [usize; 2] {
        [self.sequences, self.columns]
    }

    /// Sequences that one task of a kernel on the host handles.
    pub(crate) fn sequences_per_task(&self) -> usize {
        let elements = self.rows * self.columns;
        rows_per_task(elements / self.sequences.max(1))
    }
}

/// The rows of each sequence, to write.
pub(crate) fn split_rows<'a>(
    rows: &'a mut [f32],
    offsets: &[u32],
    columns: usize,
) -> Vec<&'a mut [f32]> {
    let mut rest = rows;
    let mut take = |sequence: &[u32]| {
        let length = (sequence[1] - sequence[0]) as usize;
        let (taken, tail) = std::mem::take(&mut rest).split_at_mut(length * columns);
        rest = tail;
        taken
    };
    offsets.windows(2).map(&mut take).collect()
}
