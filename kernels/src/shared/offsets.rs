//! Entries grouped by row, as in a sparse matrix in compressed row form: row r has the entries
//! `offsets[r]..offsets[r + 1]`.

/// What is wrong with the offsets of this many entries, if anything; `row` and `what` are the
/// words for a row and for entries.
pub(crate) fn problem(offsets: &[u32], entries: usize, [row, what]: [&str; 2]) -> Option<String> {
    let (first, last) = (offsets.first(), offsets.last());
    if first != Some(&0) || last.is_none_or(|&last| last as usize != entries) {
        return Some(format!(
            "the offsets must run from 0 to the number of {what}, {entries}; found {first:?} to \
             {last:?}"
        ));
    }
    let falls = offsets.windows(2).position(|pair| pair[0] > pair[1])?;
    Some(format!(
        "the offsets of {row} {falls} fall from {} to {}",
        offsets[falls],
        offsets[falls + 1]
    ))
}

/// The row of each entry.
pub(crate) fn row_of_entry(offsets: &[u32]) -> Vec<u32> {
    (0..)
        .zip(offsets.windows(2))
        .flat_map(|(row, pair)| (pair[0]..pair[1]).map(move |_| row))
        .collect()
}
