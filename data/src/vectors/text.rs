//! A word and its numbers on a line.

use std::io::BufRead;

use super::{Taken, header};
use crate::error::{DataError, Result, excerpt};
use crate::read::unreadable;

pub(super) fn read(mut source: impl BufRead, taken: &mut Taken<'_>) -> Result<()> {
    let path = taken.path.clone();
    let (mut bytes, mut number, mut announced) = (Vec::new(), 0, None);
    loop {
        bytes.clear();
        let read = source.read_until(b'\n', &mut bytes);
        if read.map_err(|cause| unreadable(&path, cause))? == 0 {
            break;
        }
        number += 1;
        // A word that is no UTF-8 is no word of ours, and hinders nobody.
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_end_matches(['\n', '\r', ' ', '\t']);
        if line.is_empty() {
            continue;
        }
        if number == 1
            && let Some((words, width)) = header(line)
        {
            announced = Some(words);
            taken.found.width = usize::try_from(width).unwrap_or(usize::MAX);
            continue;
        }
        if taken.found.width == 0 {
            taken.found.width = line.split([' ', '\t']).count() - 1;
        }
        add(line, taken).map_err(|found| DataError::Line {
            path: path.clone(),
            line: number,
            expected: match taken.found.width {
                0 => "a word and the numbers of its vector, separated by spaces".into(),
                width => format!("a word and {width} numbers, separated by spaces"),
            },
            found,
            advice:
                "The file may be cut off, or be no file of word vectors (word2vec's binary form \
                     has a name that ends with .bin)"
                    .into(),
        })?;
    }
    let words = taken.found.words as u64;
    if announced.is_some_and(|announced| announced != words) || words == 0 {
        let expected = match announced {
            Some(announced) => format!("{announced} words, as its first line says"),
            None => "a word and its vector on each line".into(),
        };
        let advice = "It may have been cut off: fetch it again";
        return Err(DataError::content(&path, expected, words, advice));
    }
    Ok(())
}

/// The numbers stand at the end, for some words have spaces in them.
fn add(line: &str, taken: &mut Taken<'_>) -> std::result::Result<(), String> {
    let width = taken.found.width;
    let short = || excerpt(line);
    let mut rest = line;
    for _ in 0..width {
        rest = rest.rsplit_once([' ', '\t']).ok_or_else(short)?.0;
    }
    if width == 0 || rest.is_empty() {
        return Err(short());
    }
    let numbers = &line[rest.len()..];
    taken.word(rest, || {
        let fields = numbers.split([' ', '\t']).skip(1);
        let number = |field: &str| field.parse().map_err(|_| format!("{field:?} as a number"));
        fields.map(number).collect()
    })
}
