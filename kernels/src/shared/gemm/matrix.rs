//! A matrix where it lies.

/// A matrix in someone's memory: element (i, j) is `data[i * row_stride + j * column_stride]`.
/// Overlapping rows are allowed (a convolution reads its windows that way).
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    pub(in crate::shared) data: &'a [f32],
    pub(in crate::shared) row_stride: usize,
    pub(in crate::shared) column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Row-major, `columns` wide.
    pub fn rows(data: &'a [f32], columns: usize) -> Self {
        Self::strided(data, columns, 1)
    }

    /// The transpose of a row-major matrix that is `columns` wide.
    pub fn transposed(data: &'a [f32], columns: usize) -> Self {
        Self::strided(data, 1, columns)
    }

    /// Its transpose.
    #[must_use]
    pub fn transpose(self) -> Self {
        Self::strided(self.data, self.column_stride, self.row_stride)
    }

    /// Any strides.
    pub fn strided(data: &'a [f32], row_stride: usize, column_stride: usize) -> Self {
        Matrix {
            data,
            row_stride,
            column_stride,
        }
    }

    /// The matrix without its first `rows` rows and `columns` columns.
    pub(in crate::shared) fn skip(self, rows: usize, columns: usize) -> Self {
        let start = rows * self.row_stride + columns * self.column_stride;
        Matrix {
            data: &self.data[start.min(self.data.len())..],
            ..self
        }
    }

    /// Whether `rows` x `columns` elements lie in its memory.
    pub(super) fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0
            || columns == 0
            || (rows - 1) * self.row_stride + (columns - 1) * self.column_stride < self.data.len()
    }
}
