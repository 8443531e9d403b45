//! word2vec's binary form.

use std::io::{BufRead, Read};

use super::{Taken, header};
use crate::error::{DataError, Result};
use crate::read::unreadable;

/// Longest first line and longest word, in bytes: what has none of either is no such file.
const LONGEST: u64 = 4096;

pub(super) fn read(mut source: impl BufRead, length: u64, taken: &mut Taken<'_>) -> Result<()> {
    let path = taken.path.clone();
    let wrong = |expected: String, found: String| {
        let advice = "It may be cut off, or be no binary file of word2vec (text has another ending \
                      than .bin)";
        DataError::content(&path, expected, found, advice)
    };
    let first = until(&mut source, b'\n').map_err(|cause| unreadable(&path, cause))?;
    let line = String::from_utf8_lossy(&first);
    let Some((words, width)) = header(&line) else {
        let expected = "a first line with the number of words and of numbers in a vector";
        let start: String = line.chars().take(40).collect();
        return Err(wrong(expected.into(), format!("{start:?}")));
    };
    // A word takes a letter and a space at least.
    let least = width.checked_mul(4).and_then(|n| n.checked_add(2));
    let least = least.and_then(|n| n.checked_mul(words));
    if width == 0 || words == 0 || least.is_none_or(|least| least > length) {
        let found = format!("{words} words of {width} numbers in {length} bytes");
        return Err(wrong(
            "as many words as the file has room for".into(),
            found,
        ));
    }
    taken.found.width = width as usize;
    let mut vector = vec![0; 4 * width as usize];
    for number in 1..=words {
        let word = until(&mut source, b' ').map_err(|cause| unreadable(&path, cause))?;
        // Some programs end a vector with a line break.
        let word = word.strip_prefix(b"\n").unwrap_or(&word);
        let whole = word.strip_suffix(b" ").filter(|word| !word.is_empty());
        let read = whole.map(|_| source.read_exact(&mut vector));
        let (Some(word), Some(Ok(()))) = (whole, read) else {
            let expected = format!("word {number} of {words} and its {width} numbers");
            return Err(wrong(expected, "the end of the file, or no word".into()));
        };
        let numbers = || {
            Ok(vector
                .as_chunks::<4>()
                .0
                .iter()
                .map(|b| f32::from_le_bytes(*b))
                .collect())
        };
        let added = taken.word(&String::from_utf8_lossy(word), numbers);
        added.map_err(|found| wrong("finite numbers".into(), found))?;
    }
    let rest = source
        .fill_buf()
        .map_err(|cause| unreadable(&path, cause))?;
    if rest.iter().any(|byte| !byte.is_ascii_whitespace()) {
        return Err(wrong(
            format!("{words} words"),
            "more bytes behind them".into(),
        ));
    }
    Ok(())
}

/// The bytes up to this one, and it as well; at most [`LONGEST`].
fn until(source: &mut impl BufRead, end: u8) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.by_ref().take(LONGEST).read_until(end, &mut bytes)?;
    Ok(bytes)
}
