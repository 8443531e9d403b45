//! A sequence in consecutive parts.

use std::ops::Range;

/// Cuts `length` positions into `parts` consecutive parts (at least one) whose lengths differ by at
/// most one, the longer ones first. With more parts than positions the last ones are empty.
///
/// Of two lengths, the `n`-th part of the larger is never shorter than that of the smaller: a batch
/// whose sentences fall in length has parts that do.
///
/// ```
/// use limbeck_data::language::divide;
/// assert_eq!(divide(11, 3), [0..4, 4..8, 8..11]);
/// ```
pub fn divide(length: usize, parts: usize) -> Vec<Range<usize>> {
    let parts = parts.max(1);
    let (short, longer) = (length / parts, length % parts);
    let mut end = 0;
    (0..parts)
        .map(|part| {
            let start = end;
            end += short + usize::from(part < longer);
            start..end
        })
        .collect()
}

/// Cuts `length` positions into consecutive parts of `part_length` (at least one); the last may be
/// shorter, and none is empty. What [`divide`] says of two lengths holds here too.
///
/// ```
/// use limbeck_data::language::divide_by_length;
/// assert_eq!(divide_by_length(11, 4), [0..4, 4..8, 8..11]);
/// assert!(divide_by_length(0, 4).is_empty());
/// ```
pub fn divide_by_length(length: usize, part_length: usize) -> Vec<Range<usize>> {
    let part_length = part_length.max(1);
    (0..length)
        .step_by(part_length)
        .map(|start| start..start.saturating_add(part_length).min(length))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn covers(parts: &[Range<usize>], length: usize) -> bool {
        let mut end = 0;
        parts.iter().all(|part| {
            let follows = part.start == end && part.end >= part.start;
            end = part.end;
            follows
        }) && end == length
    }

    /// The length of the `n`-th part; 0 if there are fewer.
    fn nth(parts: &[Range<usize>], n: usize) -> usize {
        parts.get(n).map_or(0, ExactSizeIterator::len)
    }

    proptest! {
        #[test]
        fn equal_parts(length in 0..300usize, parts in 1..40usize) {
            let divided = divide(length, parts);
            prop_assert_eq!(divided.len(), parts);
            prop_assert!(covers(&divided, length));
            let lengths: Vec<usize> = divided.iter().map(ExactSizeIterator::len).collect();
            prop_assert!(lengths.is_sorted_by(|a, b| a >= b));
            prop_assert!(lengths[0] - lengths[parts - 1] <= 1);
        }

        #[test]
        fn parts_of_a_length(length in 0..300usize, part_length in 1..40usize) {
            let divided = divide_by_length(length, part_length);
            prop_assert_eq!(divided.len(), length.div_ceil(part_length));
            prop_assert!(covers(&divided, length));
            let (last, others) = divided.split_last().map_or((1, &[][..]), |(l, o)| (l.len(), o));
            prop_assert!((1..=part_length).contains(&last));
            prop_assert!(others.iter().all(|part| part.len() == part_length));
        }

        #[test]
        fn parts_fall_in_length_with_their_sentences(
            a in 0..300usize, b in 0..300usize, size in 1..40usize
        ) {
            let (a, b) = (a.max(b), a.min(b));
            for cut in [divide, divide_by_length] {
                let (longer, shorter) = (cut(a, size), cut(b, size));
                prop_assert!(longer.len() >= shorter.len());
                for n in 0..longer.len() {
                    prop_assert!(nth(&longer, n) >= nth(&shorter, n));
                }
            }
        }
    }

    #[test]
    fn the_ends_of_the_range() {
        assert_eq!(divide(2, 3), [0..1, 1..2, 2..2]);
        assert_eq!(divide(2, 0), divide(2, 1));
        assert_eq!(divide_by_length(2, 0), divide_by_length(2, 1));
        assert_eq!(divide_by_length(5, usize::MAX), divide(5, 1));
    }
}
