//! How sums of rows go through memory: a few columns of some thousand rows at a time.

use std::ops::Range;

use super::cpu::{Lists, walk};
use crate::shared::reduce::for_row_blocks;
use crate::shared::vectorised;

/// `into[key] = sum over the key's entries of weight * rows[source]`, or `+=` with `accumulate`.
///
/// With memory for it ([`packed`]), a strip of columns of all rows is copied together before it is
/// read, and read a few thousand rows at a time, so that what is read at random fits in cache, and on
/// few pages, where all rows do not.
pub(crate) fn sum(
    lists: Lists<'_>,
    rows: &[f32],
    (into, columns, accumulate): (&mut [f32], usize, bool),
    (pieces, packed): (&mut [f32], &mut [f32]),
) {
    walk(lists, (into, columns, accumulate), pieces, |targets| {
        if packed.is_empty() {
            let source = Strip {
                rows,
                columns,
                first: 0,
            };
            targets.each(|block, segment, accumulate| {
                let entries = lists.from(segment);
                sum_block(block, entries, source, 0..columns, accumulate);
            });
            return;
        }
        let cuts = Cuts::new(lists, rows.len() / columns);
        for first in (0..columns).step_by(STRIP) {
            let strip = first..columns.min(first + STRIP);
            let source = pack(rows, columns, strip.clone(), packed);
            for part in 0..cuts.parts {
                targets.each(|block, segment, accumulate| {
                    let entries = cuts.of(lists, part, segment);
                    let accumulate = accumulate || part > 0;
                    sum_block(block, entries, source, strip.clone(), accumulate);
                });
            }
        }
    });
}

/// The memory that [`sum`] takes to read a matrix of this shape strip by strip; none where it is
/// narrow, small, or read but a few times.
pub(crate) fn packed(rows: usize, columns: usize, entries: usize) -> usize {
    let large = rows * columns > 1 << 19 && entries > 8 * rows;
    if columns > STRIP && large {
        rows * STRIP
    } else {
        0
    }
}

/// Rows of a strip that are read together: a megabyte, which stays in a second-level cache.
const ROWS_AT_ONCE: usize = 8192;

/// Where the sources of every segment pass a multiple of [`ROWS_AT_ONCE`]. A segment whose sources
/// do not ascend is left whole, so that its sum keeps its order.
struct Cuts {
    parts: usize,
    segments: usize,
    /// For each part the place at which each segment begins it, and for a last one, at which it ends.
    places: Vec<u32>,
}

impl Cuts {
    fn new(lists: Lists<'_>, rows: usize) -> Self {
        let (parts, segments) = (rows.div_ceil(ROWS_AT_ONCE).max(1), lists.offsets.len() - 1);
        let ends = &lists.offsets[1..];
        let mut places = lists.offsets[..segments].to_vec();
        for part in 1..parts {
            let passed = |&row: &u32| (row as usize) < part * ROWS_AT_ONCE;
            for (segment, &end) in ends.iter().enumerate() {
                let start = places[(part - 1) * segments + segment];
                let sources = &lists.sources[start as usize..end as usize];
                places.push(match part > 1 || sources.is_sorted() {
                    true => start + sources.partition_point(passed) as u32,
                    false => end,
                });
            }
        }
        places.extend(ends);
        Cuts {
            parts,
            segments,
            places,
        }
    }

    /// The entries that the segments from this one on have in a part.
    fn of<'a>(&'a self, lists: Lists<'a>, part: usize, segment: usize) -> Entries<'a> {
        let places = |part: usize| &self.places[part * self.segments..][segment..self.segments];
        Entries {
            starts: places(part),
            ends: places(part + 1),
            ..lists.from(0)
        }
    }
}

impl<'a> Lists<'a> {
    /// All entries of the segments from this one on.
    fn from(self, segment: usize) -> Entries<'a> {
        Entries {
            sources: self.sources,
            weights: self.weights,
            starts: &self.offsets[segment..],
            ends: &self.offsets[segment + 1..],
        }
    }
}

/// Entries of consecutive segments: of each those from a start to an end.
#[derive(Clone, Copy)]
struct Entries<'a> {
    sources: &'a [u32],
    weights: Option<&'a [f32]>,
    starts: &'a [u32],
    ends: &'a [u32],
}

/// Columns that are summed in registers.
const STRIP: usize = 32;

/// Some columns of all rows, from number `first` on.
#[derive(Clone, Copy)]
struct Strip<'a> {
    rows: &'a [f32],
    columns: usize,
    first: usize,
}

/// Copies a strip together.
fn pack<'p>(rows: &[f32], columns: usize, strip: Range<usize>, packed: &'p mut [f32]) -> Strip<'p> {
    let width = strip.len();
    let packed = &mut packed[..rows.len() / columns * width];
    for_row_blocks(packed, width, |first, block| {
        let rows = rows[first * columns..].chunks_exact(columns);
        for (into, row) in block.chunks_exact_mut(width).zip(rows) {
            into.copy_from_slice(&row[strip.clone()]);
        }
    });
    Strip {
        rows: packed,
        columns: width,
        first: 0,
    }
}

vectorised! {
    /// The sums of some segments, in these columns of their targets.
    fn sum_block(
        block: &mut [&mut [f32]],
        entries: Entries<'_>,
        source: Strip<'_>,
        columns: Range<usize>,
        accumulate: bool,
    ) {
        let bounds = entries.starts.iter().zip(entries.ends);
        for (into, (&start, &end)) in block.iter_mut().zip(bounds) {
            let range = start as usize..end as usize;
            let weights = entries.weights.map(|weights| &weights[range.clone()]);
            let into = &mut into[columns.clone()];
            if !accumulate {
                into.fill(0.0);
            }
            add_strips(into, source, &entries.sources[range], weights);
        }
    }
}

vectorised! {
    /// `into += sum of weight * rows[source]`, in the order of the sources.
    pub(crate) fn add_entries(into: &mut [f32], rows: &[f32], sources: &[u32], weights: Option<&[f32]>) {
        let source = Strip {
            rows,
            columns: into.len(),
            first: 0,
        };
        add_strips(into, source, sources, weights);
    }
}

/// The same for some columns, a few at a time in registers.
#[inline(always)]
fn add_strips(into: &mut [f32], source: Strip<'_>, sources: &[u32], weights: Option<&[f32]>) {
    let mut done = 0;
    while done < into.len() {
        let strip = Strip {
            first: source.first + done,
            ..source
        };
        let rest = &mut into[done..];
        done += match rest.len() {
            32.. => in_registers::<32>(rest, strip, sources, weights),
            16.. => in_registers::<16>(rest, strip, sources, weights),
            8.. => in_registers::<8>(rest, strip, sources, weights),
            4.. => in_registers::<4>(rest, strip, sources, weights),
            _ => in_registers::<1>(rest, strip, sources, weights),
        };
    }
}

/// The first W columns; returns their number.
#[inline(always)]
fn in_registers<const W: usize>(
    into: &mut [f32],
    source: Strip<'_>,
    sources: &[u32],
    weights: Option<&[f32]>,
) -> usize {
    let row = |number: u32| -> &[f32; W] {
        let row = &source.rows[number as usize * source.columns + source.first..];
        row.first_chunk()
            .expect("a row has as many columns as its target")
    };
    let (into, _) = into
        .split_first_chunk_mut::<W>()
        .expect("W columns are left");
    let mut sums = *into;
    match weights {
        None => {
            for &number in sources {
                for (a, b) in sums.iter_mut().zip(row(number)) {
                    *a += b;
                }
            }
        }
        Some(weights) => {
            for (&number, &weight) in sources.iter().zip(weights) {
                for (a, b) in sums.iter_mut().zip(row(number)) {
                    *a += weight * b;
                }
            }
        }
    }
    *into = sums;
    W
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_and_parts_have_the_bits_of_whole_rows() {
        // Three parts of rows, two strips, the second of them narrow.
        let (rows, columns) = (2 * ROWS_AT_ONCE + 100, 40);
        let number = |i: usize| ((i * 37 + i / 11) % 101) as f32 / 50.0 - 1.0;
        let table: Vec<f32> = (0..rows * columns).map(number).collect();
        let ascending = |step: usize| (0..rows as u32).step_by(step);
        let mut sources: Vec<u32> = ascending(1).collect();
        let mut offsets = vec![0, sources.len() as u32];
        for segment in [
            Vec::new(),
            ascending(7).rev().collect(),
            vec![ROWS_AT_ONCE as u32; 3],
            ascending(3).chain(ascending(5)).collect(),
            ascending(9000).collect(),
        ] {
            sources.extend(segment);
            offsets.push(sources.len() as u32);
        }
        let weights: Vec<f32> = (0..sources.len()).map(number).collect();
        // The last two segments are the pieces of one key.
        let lists = Lists {
            sources: &sources,
            offsets: &offsets,
            targets: &[0, 1, 3, 4, 2],
            joins: &[0, 2],
            weights: Some(&weights),
            whole: 4,
        };
        for accumulate in [false, true] {
            let summed = |memory: &mut [f32]| {
                let (mut into, mut pieces) =
                    (table[..5 * columns].to_vec(), vec![0.5; 2 * columns]);
                let target = (&mut into[..], columns, accumulate);
                sum(lists, &table, target, (&mut pieces, memory));
                into
            };
            assert_eq!(summed(&mut vec![0.5; rows * STRIP]), summed(&mut []));
        }
        let cuts = Cuts::new(lists, rows);
        assert_eq!(cuts.parts, 3);
        let of_segment = |segment: usize| -> Vec<u32> {
            let places = cuts.places[segment..].iter();
            places.step_by(cuts.segments).copied().collect()
        };
        assert_eq!(of_segment(0), [0, 8192, 16384, 16484]);
        let [start, end] = [offsets[2], offsets[3]];
        assert_eq!(of_segment(2), [start, end, end, end], "descends");
    }
}
