//! CoNLL-U: ten columns, comments, multiword ranges and empty nodes.

use super::options::TagColumns;
use super::records::{Collector, is_blank, lines};
use crate::error::{DataError, Result, excerpt};
use crate::read::Column;

/// The columns, in their order.
const NAMES: [&str; 10] = [
    "id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc",
];
const FORM: usize = 1;
const UPOS: usize = 3;

/// The numbers of the columns of token and tag.
pub(super) fn places(columns: &TagColumns) -> Result<[usize; 2]> {
    let place = |name: &str, column: &Option<Column>, default: usize| {
        let found = match column {
            None => return Ok(default),
            Some(Column::Index(index)) => (*index < NAMES.len()).then_some(*index),
            Some(Column::Name(found)) => {
                let wanted = found.to_lowercase();
                NAMES.iter().position(|name| **name == wanted)
            }
        };
        found.ok_or_else(|| {
            let expected = format!("one of {}, or 0 to 9", NAMES.join(", "));
            let column = column.as_ref().map(ToString::to_string);
            DataError::option(name, expected, column.unwrap_or_default())
        })
    };
    let token = place("columns.token", &columns.token, FORM)?;
    let tag = place("columns.tag", &columns.tag, UPOS)?;
    if token == tag {
        let expected = "another column than that of the tokens";
        return Err(DataError::option("columns.tag", expected, NAMES[tag]));
    }
    Ok([token, tag])
}

/// Reads all sentences; gives back what a line should look like.
pub(super) fn read(
    text: &str,
    [token, tag]: [usize; 2],
    into: &mut Collector<'_>,
) -> Result<String> {
    let pattern = "the ten columns of CoNLL-U, separated by tabs";
    for (line, content) in lines(text) {
        if is_blank(content) {
            into.end_sentence();
            continue;
        }
        if content.starts_with('#') {
            into.counts.comments += 1;
            continue;
        }
        let fields: Vec<&str> = content.split('\t').collect();
        if fields.len() != NAMES.len() {
            let found = format!("{} in {}", fields.len(), excerpt(content));
            return into.refuse(line, pattern, found, "Correct the line");
        }
        match Id::of(fields[0]) {
            Some(Id::Word) => {}
            Some(Id::Range) => {
                into.counts.ranges += 1;
                continue;
            }
            Some(Id::Empty) => {
                into.counts.empty_nodes += 1;
                continue;
            }
            None => {
                let expected = "a number, a range such as 1-2, or an empty node such as 1.1";
                let found = format!("the id {}", excerpt(fields[0]));
                return into.refuse(line, expected, found, "Correct the line");
            }
        }
        for place in [token, tag] {
            // "_" alone says that nothing is known, but it is also how an underscore is written.
            let unknown = fields[place] == "_" && place != FORM;
            if fields[place].trim().is_empty() || unknown {
                let expected = format!("a value in the column {}", NAMES[place]);
                let advice = "Annotate the word, or name another column in the run file";
                return into.refuse(line, expected, excerpt(fields[place]), advice);
            }
        }
        into.push(line, fields[token], fields[tag].trim());
    }
    Ok(pattern.into())
}

/// What a line is about.
enum Id {
    Word,
    Range,
    Empty,
}

impl Id {
    fn of(id: &str) -> Option<Self> {
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if is_number(id) {
            return Some(Self::Word);
        }
        let two = |separator| {
            id.split_once(separator)
                .filter(|(a, b)| is_number(a) && is_number(b))
        };
        if two('-').is_some() {
            Some(Self::Range)
        } else {
            two('.').map(|_| Self::Empty)
        }
    }
}
