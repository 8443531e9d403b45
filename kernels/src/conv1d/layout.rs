//! Sequences laid out with zero rows between them, so that a convolution over all of them is one
//! matrix product: the windows are overlapping rows, in elements `[t * in, (t + w) * in)`.
//!
//! Between two sequences stand max(left, right) = right zero rows, which serve the end of one
//! and the start of the next. Window o_s + s * right + t belongs to row t of sequence s (o_s: its
//! first packed row); windows between sequences have no meaning and are left out on the way back.

use std::ops::Range;

use limbeck_engine::{Meta, Plan};

use super::{Conv1d, Sizes};
use crate::shared::reduce::for_row_blocks;

/// Scratch memory of the CPU's forward pass: x with gaps, and the product of all windows.
pub(super) const FORWARD_PADDED: usize = 0;
pub(super) const FORWARD_PRODUCT: usize = 1;
/// Of its backward pass: x and dz with gaps, the reversed weights, the product of dz's windows.
pub(super) const PADDED: usize = 0;
pub(super) const PADDED_GRADIENT: usize = 1;
pub(super) const REVERSED_WEIGHT: usize = 2;
pub(super) const GRADIENT_PRODUCT: usize = 3;
/// Scratch memory of a GPU's backward pass, with an activation: dz. The shaders find the windows
/// themselves.
#[cfg(feature = "gpu")]
pub(super) const GRADIENT: usize = 0;

/// Adds the scratch memory to a plan.
pub(super) fn scratch(operator: &Conv1d, sizes: Sizes, mut plan: Plan) -> Plan {
    let windows = windows(operator, sizes.rows);
    plan.workspace.cpu = vec![
        padded(operator, sizes.rows, sizes.inputs),
        Meta::real([windows, sizes.outputs]),
    ];
    plan.backward_workspace.cpu = vec![
        padded(operator, sizes.rows, sizes.inputs),
        padded(operator, sizes.rows, sizes.outputs),
        Meta::real([operator.kernel_size * sizes.outputs, sizes.inputs]),
        Meta::real([windows, sizes.inputs]),
    ];
    if operator.activation.is_some() {
        plan.backward_workspace.gpu = vec![Meta::real([sizes.rows, sizes.outputs])];
    }
    plan
}

/// Rows of this width with gaps, and half a window at both ends.
pub(super) fn padded(operator: &Conv1d, rows: usize, columns: usize) -> Meta {
    let rows = windows(operator, rows) + operator.kernel_size - 1;
    Meta::real([rows, columns])
}

fn windows(operator: &Conv1d, rows: usize) -> usize {
    rows + operator.lengths.len().saturating_sub(1) * operator.right()
}

/// Where the rows of each sequence lie, packed and with gaps.
pub(crate) struct Layout {
    /// First packed row of each sequence, and the number of rows.
    starts: Vec<usize>,
    /// First window of each sequence.
    first_windows: Vec<usize>,
    /// Number of windows.
    pub(crate) windows: usize,
}

impl Layout {
    pub(crate) fn new(operator: &Conv1d) -> Self {
        let mut starts = vec![0];
        let mut rows = 0;
        for length in operator.lengths.iter() {
            rows += length;
            starts.push(rows);
        }
        let gap = operator.right();
        let spaced = |(s, start): (usize, &usize)| start + s * gap;
        let first_windows = starts.iter().enumerate().map(spaced).collect();
        Layout {
            starts,
            first_windows,
            windows: windows(operator, rows),
        }
    }

    /// The windows of a sequence.
    pub(crate) fn windows_of(&self, sequence: usize) -> Range<usize> {
        let length = self.starts[sequence + 1] - self.starts[sequence];
        let first = self.first_windows[sequence];
        first..first + length
    }

    /// Whether windows and packed rows are the same.
    pub(super) fn is_packed(&self) -> bool {
        self.starts.last() == Some(&self.windows)
    }

    /// Copies packed rows to where they lie with `lead` zero rows before the first sequence and
    /// gaps between; `finish(copied rows, index of their first element in `packed`)` runs on each
    /// piece while it is still in cache.
    pub(crate) fn pad(
        &self,
        packed: &[f32],
        columns: usize,
        lead: usize,
        into: &mut [f32],
        finish: impl Fn(&mut [f32], usize) + Sync + Send,
    ) {
        for_row_blocks(into, columns, |first, block| {
            block.fill(0.0);
            let rows = first..first + block.len() / columns;
            let before = |&window: &usize| window + lead <= rows.start;
            let first_sequence = self.first_windows.partition_point(before).saturating_sub(1);
            for (s, bounds) in self.starts.windows(2).enumerate().skip(first_sequence) {
                let place = self.first_windows[s] + lead;
                let (start, end) = (place.max(rows.start), place + bounds[1] - bounds[0]);
                let end = end.min(rows.end);
                if place >= rows.end {
                    break;
                }
                if start < end {
                    let source = (bounds[0] + start - place) * columns;
                    let piece = &mut block[(start - first) * columns..(end - first) * columns];
                    piece.copy_from_slice(&packed[source..source + piece.len()]);
                    finish(piece, source);
                }
            }
        });
    }

    /// The pieces of a range of packed rows that lie in one sequence each, with the window of
    /// their first row.
    pub(super) fn pieces(
        &self,
        rows: Range<usize>,
    ) -> impl Iterator<Item = (Range<usize>, usize)> + '_ {
        let first = self.starts.partition_point(|&start| start <= rows.start) - 1;
        (first..self.starts.len() - 1)
            .take_while(move |&s| self.starts[s] < rows.end)
            .map(move |s| {
                let start = self.starts[s].max(rows.start);
                let end = self.starts[s + 1].min(rows.end);
                (start..end, start - self.starts[s] + self.first_windows[s])
            })
    }
}
