//! Operands copied into the order in which the tiles read them.

use std::ops::Range;

use limbeck_engine::{InstructionSet, chunked};

use super::matrix::Matrix;
use super::memory::{Aligned, Kept, LINE, RIGHT};
use super::tile::{Panel, Tiles};
use super::vector::transpose;

/// Elements of a sum that one pass adds up: a panel of the right operand of this depth and a tile's
/// rows of the left one fit the first-level cache together.
pub(super) const DEPTH: usize = 256;

/// Distance of packed rows. A line more than the depth, so that the rows of a tile do not fall
/// into the same set of the cache.
pub(super) const ROW_STRIDE: usize = DEPTH + 16;

/// A packed block of rows of the left operand. If its rows were contiguous they are kept, one each
/// [`ROW_STRIDE`]; if its columns were, they lie one after another in groups of a tile's rows.
/// Neither needs a transposition.
#[derive(Clone, Copy)]
pub(super) struct Left<'m> {
    pub(super) data: &'m [f32],
    pub(super) by_rows: bool,
}

impl<'m> Left<'m> {
    /// Numbers that a block of this many rows takes.
    pub(super) fn len(rows: usize, tiles: Tiles) -> usize {
        rows.next_multiple_of(tiles.rows()) * ROW_STRIDE
    }

    /// Packs the first `rows` x k elements of `a`, k at most [`DEPTH`].
    pub(super) fn pack(
        (rows, k): (usize, usize),
        a: Matrix<'_>,
        tiles: Tiles,
        into: &'m mut [f32],
    ) -> Self {
        if !Self::by_rows(a) {
            match tiles {
                Tiles::Avx2 => columns::<6>((rows, k), a, into),
                Tiles::Avx512 => columns::<14>((rows, k), a, into),
            }
        } else if a.column_stride == 1 {
            for (i, into) in into.chunks_mut(ROW_STRIDE).take(rows).enumerate() {
                into[..k].copy_from_slice(&a.data[i * a.row_stride..][..k]);
            }
        } else {
            for (i, into) in into.chunks_mut(ROW_STRIDE).take(rows).enumerate() {
                for (l, into) in into[..k].iter_mut().enumerate() {
                    *into = a.data[i * a.row_stride + l * a.column_stride];
                }
            }
        }
        Self::packed(a, into)
    }

    /// A block that was packed from `a`.
    pub(super) fn packed(a: Matrix<'_>, data: &'m [f32]) -> Self {
        Self {
            data,
            by_rows: Self::by_rows(a),
        }
    }

    fn by_rows(a: Matrix<'_>) -> bool {
        a.row_stride != 1 || a.column_stride == 1
    }

    /// Whether `rows` x k elements lie in the memory.
    pub(super) fn holds(&self, rows: usize, k: usize, tile_rows: usize) -> bool {
        let len = if self.by_rows {
            (rows - 1) * ROW_STRIDE + k
        } else {
            rows.next_multiple_of(tile_rows) * k
        };
        len <= self.data.len()
    }
}

/// Groups of `ROWS` rows, in each column after column. A column is read through all groups, so that
/// its cache lines are used whole.
fn columns<const ROWS: usize>((rows, k): (usize, usize), a: Matrix<'_>, into: &mut [f32]) {
    let whole = rows / ROWS;
    for l in 0..k {
        let column = &a.data[l * a.column_stride..][..rows];
        let (groups, rest) = column.as_chunks::<ROWS>();
        for (group, from) in groups.iter().enumerate() {
            into[group * ROWS * k + l * ROWS..][..ROWS].copy_from_slice(from);
        }
        if !rest.is_empty() {
            into[whole * ROWS * k + l * ROWS..][..rest.len()].copy_from_slice(rest);
        }
    }
}

/// Columns of the right operand, cut into panels of a tile's width.
pub(super) struct Right<'a> {
    source: Source<'a>,
    columns: usize,
    width: usize,
}

enum Source<'a> {
    /// Panel after panel, each of k rows.
    Packed { memory: Kept, k: usize },
    /// The same from a row and a column on, packed before.
    Before {
        panels: &'a Panels,
        row: usize,
        column: usize,
    },
    /// Rows are contiguous and read where they lie.
    InPlace(Matrix<'a>),
}

impl<'a> Right<'a> {
    /// Packs the first k x `columns` elements of `b`, on several threads if `parallel`.
    pub(super) fn pack(
        (k, columns): (usize, usize),
        b: Matrix<'_>,
        tiles: Tiles,
        parallel: bool,
    ) -> Self {
        let len = packed_len((k, columns), tiles);
        let mut memory = Kept::take(&RIGHT, len);
        pack_panels((k, columns), b, tiles, parallel, memory.get_mut());
        Self {
            source: Source::Packed { memory, k },
            columns,
            width: tiles.width(),
        }
    }

    /// Some columns of what was packed before, from a row on; the first is that of a panel.
    pub(super) fn before(panels: &'a Panels, row: usize, columns: Range<usize>) -> Self {
        Self {
            source: Source::Before {
                panels,
                row,
                column: columns.start,
            },
            columns: columns.len(),
            width: panels.tiles.width(),
        }
    }

    /// The first `columns` columns of `b`, whose rows are contiguous.
    pub(super) fn in_place(columns: usize, b: Matrix<'a>, tiles: Tiles) -> Self {
        Self {
            source: Source::InPlace(b),
            columns,
            width: tiles.width(),
        }
    }

    /// Panel after panel: its first column, and its rows from `row` on.
    pub(super) fn panels(&self, row: usize) -> impl Iterator<Item = (usize, Panel<'_>)> {
        self.panels_of(row, 0..self.columns)
    }

    /// The panels of some columns, of which the first is that of a panel.
    pub(super) fn panels_of(
        &self,
        row: usize,
        columns: Range<usize>,
    ) -> impl Iterator<Item = (usize, Panel<'_>)> {
        let starts = columns.step_by(self.width);
        starts.map(move |column| {
            let (data, stride) = match &self.source {
                Source::Packed { memory, k } => {
                    (&memory.get()[column * k + row * self.width..], self.width)
                }
                Source::Before {
                    panels,
                    row: first_row,
                    column: first,
                } => {
                    let start = (first + column) * panels.k + (first_row + row) * self.width;
                    (&panels.memory.get()[start..], self.width)
                }
                Source::InPlace(b) => (b.skip(row, column).data, b.row_stride),
            };
            let columns = self.width.min(self.columns - column);
            let panel = Panel {
                data,
                stride,
                columns,
            };
            (column, panel)
        })
    }
}

/// Numbers of a packed right operand, k x `columns`.
fn packed_len((k, columns): (usize, usize), tiles: Tiles) -> usize {
    k * columns.next_multiple_of(tiles.width())
}

/// Panel after panel, each of k rows.
fn pack_panels(
    (k, columns): (usize, usize),
    b: Matrix<'_>,
    tiles: Tiles,
    parallel: bool,
    into: &mut [f32],
) {
    let width = tiles.width();
    let into = &mut into[..packed_len((k, columns), tiles)];
    let work = if parallel { into.len() } else { 0 };
    chunked(into, k * width, work, |panel, into| {
        let first = panel * width;
        let (b, high) = (b.skip(0, first), width.min(columns - first));
        match tiles {
            Tiles::Avx2 => pack_panel::<16>(b, high, into),
            Tiles::Avx512 => pack_panel::<32>(b, high, into),
        }
    });
}

/// A right operand, packed to be kept: that of weights which many products read, one after another.
pub(super) struct Panels {
    tiles: Tiles,
    k: usize,
    memory: Aligned,
}

impl Panels {
    /// b, k x n, packed on the calling thread.
    pub(super) fn pack(tiles: Tiles, (k, n): (usize, usize), b: Matrix<'_>) -> Self {
        let mut memory = Aligned::zeros(packed_len((k, n), tiles));
        pack_panels((k, n), b, tiles, false, memory.get_mut());
        Self { tiles, k, memory }
    }

    /// The tiles that it is packed for.
    pub(super) fn tiles(&self) -> Tiles {
        self.tiles
    }
}

/// One panel, row after row, `W` numbers each; those beyond `columns` are not looked at again.
fn pack_panel<const W: usize>(b: Matrix<'_>, columns: usize, into: &mut [f32]) {
    if b.column_stride == 1 {
        for (l, into) in into.chunks_exact_mut(W).enumerate() {
            let from = &b.data[l * b.row_stride..];
            match from.first_chunk::<W>() {
                Some(from) if columns == W => into.copy_from_slice(from),
                _ => into[..columns].copy_from_slice(&from[..columns]),
            }
        }
        return;
    }
    // Sixteen rows at a time of each column, so that a line read is a line used.
    for (block, into) in into.chunks_mut(LINE * W).enumerate() {
        let b = b.skip(block * LINE, 0);
        if W == 32 && columns == W && b.row_stride == 1 && into.len() == LINE * W {
            pack_square(b, into);
            continue;
        }
        for column in 0..columns {
            let from = b.skip(0, column).data;
            for (l, into) in into.chunks_exact_mut(W).enumerate() {
                into[column] = from[l * b.row_stride];
            }
        }
    }
}

/// Sixteen rows of a panel of 32 columns whose own numbers are contiguous. Panels are that wide
/// with AVX-512 alone.
#[allow(unsafe_code)]
fn pack_square(b: Matrix<'_>, into: &mut [f32]) {
    const W: usize = 2 * LINE;
    assert!(b.row_stride == 1 && (W - 1) * b.column_stride + LINE <= b.data.len());
    assert!(into.len() == LINE * W && InstructionSet::best() == InstructionSet::Avx512);
    for half in [0, LINE] {
        let from = &b.data[half * b.column_stride..];
        // SAFETY: columns half to half + 15 end before column 31, which the assertions hold inside
        // `b`; rows of `into` are W apart, and half + 16 is at most W; the processor has AVX-512.
        unsafe { transpose(from.as_ptr(), b.column_stride, into[half..].as_mut_ptr(), W) };
    }
}
