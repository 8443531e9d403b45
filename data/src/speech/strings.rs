//! Strings of recordings: several things said one after the other.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use super::Recording;
use crate::error::{DataError, Result};
use crate::rng::Rng;

/// Joins recordings of one speaker to strings of `shortest..=longest`, at random: the numbers of the
/// recordings of each string, those of the first speaker of the list first. No recording is in two
/// strings; what a speaker's strings are depends on the seed and that speaker's recordings alone.
///
/// Lengths are drawn evenly from those after which the rest can still be divided. Two cases remain:
///
/// - A speaker of fewer than `shortest` recordings gives one string of them all.
/// - If a number of recordings cannot be divided at all (ten into strings of three), there are as many
///   strings as the shortest length allows, the recordings too many are spread over them, and those
///   that would make a string longer than `longest` are in none.
///
/// # Errors
/// The lengths are empty or contain 0.
///
/// ```
/// use limbeck_data::speech::{Recording, join_strings};
/// let digit = |n: usize| Recording {
///     label: (n % 10).to_string(),
///     path: format!("{n}.wav").into(),
///     speaker: "ann".into(),
/// };
/// let recordings: Vec<Recording> = (0..50).map(digit).collect();
/// let strings = join_strings(&recordings, 3..=6, 1)?;
/// assert!(strings.iter().all(|string| (3..=6).contains(&string.len())));
/// assert_eq!(strings.iter().map(Vec::len).sum::<usize>(), 50);
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
pub fn join_strings(
    recordings: &[Recording],
    lengths: RangeInclusive<usize>,
    seed: u64,
) -> Result<Vec<Vec<usize>>> {
    let (shortest, longest) = (*lengths.start(), *lengths.end());
    if shortest == 0 || shortest > longest {
        let expected = "a shortest length of at least 1 and a longest not below it";
        let found = format!("{shortest} to {longest}");
        return Err(DataError::option("string_lengths", expected, found));
    }
    let mut number = HashMap::new();
    let mut speakers: Vec<(&str, Vec<usize>)> = Vec::new();
    for (row, recording) in recordings.iter().enumerate() {
        let speaker = recording.speaker.as_str();
        let next = speakers.len();
        let at = *number.entry(speaker).or_insert(next);
        if at == next {
            speakers.push((speaker, Vec::new()));
        }
        speakers[at].1.push(row);
    }
    let mut strings = Vec::new();
    for (speaker, mut rows) in speakers {
        // The name is part of the stream, so that other speakers do not matter.
        let mut rng = Rng::new(seed, &format!("strings of {speaker}"), &[]);
        rng.shuffle(&mut rows);
        let mut rest = rows.as_slice();
        for length in divide(rows.len(), shortest, longest, &mut rng) {
            let (string, others) = rest.split_at(length);
            strings.push(string.to_vec());
            rest = others;
        }
    }
    Ok(strings)
}

/// Lengths of strings whose sum is `count`, or as near to it as can be.
fn divide(count: usize, shortest: usize, longest: usize, rng: &mut Rng) -> Vec<usize> {
    // Strings as long as possible need no more than strings as short as possible give.
    let divides = |count: usize| count.div_ceil(longest) <= count / shortest;
    if count < shortest {
        return vec![count];
    }
    if !divides(count) {
        // Were there room in one of them, the number could be divided: so all are full.
        return vec![longest; count / shortest];
    }
    let mut rest = count;
    let mut lengths = Vec::new();
    while rest > 0 {
        let possible: Vec<usize> = (shortest..=longest.min(rest))
            .filter(|length| divides(rest - length))
            .collect();
        let length = *rng
            .choose(&possible)
            .expect("a number that divides has a first part: an even share of it");
        lengths.push(length);
        rest -= length;
    }
    lengths
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::divide;
    use crate::rng::Rng;

    #[test]
    fn numbers_that_cannot_be_divided_fill_all_strings() {
        let mut rng = Rng::new(1, "test", &[]);
        assert_eq!(divide(2, 3, 6, &mut rng), [2]);
        assert_eq!(divide(10, 3, 3, &mut rng), [3, 3, 3]);
        assert_eq!(divide(9, 5, 6, &mut rng), [6]);
        assert_eq!(divide(13, 13, 13, &mut rng), [13]);
    }

    proptest! {
        #[test]
        fn lengths_are_inside_and_nothing_is_left_where_it_can_be_divided(
            count in 1usize..60, shortest in 1usize..7, more in 0usize..5, seed: u64,
        ) {
            let longest = shortest + more;
            let lengths = divide(count, shortest, longest, &mut Rng::new(seed, "test", &[]));
            // Whether some number of strings can hold them all, tried one by one.
            let possible = (1..=count).any(|n| n * shortest <= count && count <= n * longest);
            let sum: usize = lengths.iter().sum();
            if count < shortest {
                prop_assert_eq!(lengths, vec![count]);
            } else {
                prop_assert!(lengths.iter().all(|length| (shortest..=longest).contains(length)));
                prop_assert_eq!(sum == count, possible);
                prop_assert!(possible || sum == longest * (count / shortest));
            }
        }
    }
}
