//! A token a line in columns.

use super::options::TagColumns;
use super::records::{Collector, is_blank, lines};
use crate::error::{DataError, Result, excerpt};
use crate::read::Column;

/// What begins a document in the files of the shared tasks.
const DOCUMENT: &str = "-DOCSTART-";

/// The columns of token and tag.
#[derive(Clone, Copy)]
pub(super) struct Places {
    token: usize,
    /// None is the last.
    tag: Option<usize>,
}

impl Places {
    pub(super) fn of(columns: &TagColumns) -> Result<Self> {
        let place = |name: &str, column: &Option<Column>| match column {
            None => Ok(None),
            Some(Column::Index(index)) => Ok(Some(*index)),
            Some(Column::Name(found)) => {
                let expected = "a number counted from 0: the columns of CoNLL have no names";
                Err(DataError::option(name, expected, format!("{found:?}")))
            }
        };
        let token = place("columns.token", &columns.token)?.unwrap_or(0);
        let tag = place("columns.tag", &columns.tag)?;
        if tag == Some(token) {
            let expected = "another column than that of the tokens";
            return Err(DataError::option("columns.tag", expected, token));
        }
        Ok(Self { token, tag })
    }

    fn least(self) -> usize {
        // The last column is not that of the token as long as there is one behind it.
        self.token.max(self.tag.unwrap_or(self.token + 1)) + 1
    }

    fn pattern(self) -> String {
        let tag = match self.tag {
            Some(tag) => format!("the tag in column {tag}"),
            None => "the tag in the last".into(),
        };
        format!(
            "columns separated by tabs or spaces, the token in column {} (counted from 0) and {tag}",
            self.token
        )
    }
}

/// Reads all sentences; gives back what a line should look like.
pub(super) fn read(text: &str, places: Places, into: &mut Collector<'_>) -> Result<String> {
    let mut first: Option<(usize, usize)> = None;
    for (line, content) in lines(text) {
        if is_blank(content) {
            into.end_sentence();
            continue;
        }
        let fields: Vec<&str> = if content.contains('\t') {
            content.split('\t').collect()
        } else {
            content
                .split(' ')
                .filter(|field| !field.is_empty())
                .collect()
        };
        if fields.get(places.token).or(fields.first()) == Some(&DOCUMENT) {
            into.end_sentence();
            into.counts.documents += 1;
            continue;
        }
        let (first_line, columns) = *first.get_or_insert((line, fields.len()));
        if fields.len() < places.least() {
            let advice = "Correct the line, or name other columns in the run file";
            return into.refuse(line, places.pattern(), excerpt(content), advice);
        }
        if fields.len() != columns {
            let expected = format!("{columns} columns, as in line {first_line}");
            let found = format!("{} in {}", fields.len(), excerpt(content));
            let advice = "Correct the line; separate by tabs if tokens contain spaces";
            return into.refuse(line, expected, found, advice);
        }
        let tag = fields[places.tag.unwrap_or(columns - 1)].trim();
        let token = fields[places.token];
        for (field, name) in [(token, "token"), (tag, "tag")] {
            if field.is_empty() {
                let found = format!("an empty {name} in {}", excerpt(content));
                let advice = "Correct the line or remove it";
                return into.refuse(line, places.pattern(), found, advice);
            }
        }
        into.push(line, token, tag);
    }
    Ok(places.pattern())
}
