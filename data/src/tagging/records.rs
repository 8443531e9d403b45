//! From a file to tokens with tags as they are written there.

use std::path::Path;

use super::options::{TagFormat, TagReadOptions};
use super::{conll, conllu, jsonl};
use crate::error::{DataError, Result};
use crate::read::{FileSummary, read_text};

/// What stands in a token for white space. Tokens have none, since a sentence is later its tokens with
/// a space between.
pub const SPACE_MARK: char = '\u{2581}';

/// A sentence as its file has it. The three lists are equally long and not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaggedSentence {
    /// The tokens; white space in them is [`SPACE_MARK`].
    pub tokens: Vec<String>,
    /// The tags, unchanged.
    pub tags: Vec<String>,
    /// The line of each token, from 1.
    pub lines: Vec<usize>,
}

/// What a reader passed over or changed; none of it is an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadCounts {
    /// Document marks: lines of CoNLL whose token is `-DOCSTART-`.
    pub documents: usize,
    /// Comments of CoNLL-U.
    pub comments: usize,
    /// Multiword ranges of CoNLL-U (`1-2`), whose words follow.
    pub ranges: usize,
    /// Empty nodes of CoNLL-U (`1.1`), which are in no text.
    pub empty_nodes: usize,
    /// Tokens in which white space became [`SPACE_MARK`].
    pub marked: usize,
}

/// The sentences of a file.
#[derive(Clone, Debug)]
pub struct TaggedFile {
    /// In the order of the file; at least one.
    pub sentences: Vec<TaggedSentence>,
    /// What was passed over.
    pub counts: ReadCounts,
    /// What identifies the file; its rows are sentences.
    pub summary: FileSummary,
}

/// Reads a file of tagged sentences. Only `\n` ends a line; a byte order mark, `\r\n` and gzip are
/// accepted.
///
/// - **CoNLL**: a line with a tab is split at every tab, another at every run of spaces; all lines have
///   as many columns as the first. Lines of nothing but spaces and tabs end a sentence; several are as
///   good as one.
/// - **CoNLL-U**: comments, multiword ranges and empty nodes are passed over. The columns are `id`,
///   `form`, `lemma`, `upos`, `xpos`, `feats`, `head`, `deprel`, `deps`, `misc`.
/// - **JSONL**: an array of tokens, or a string of which every character is a token, white space
///   included; and an array of as many tags. Blank lines are passed over.
///
/// # Errors
/// With its line: too few or too many columns, an empty token or tag, lists that differ in length, a
/// sentence without tokens, a value of another kind, bytes that are not UTF-8. A file without a
/// sentence; columns that the format does not have.
pub fn read_tagged(path: &Path, options: &TagReadOptions) -> Result<TaggedFile> {
    let format = options.format.unwrap_or_else(|| TagFormat::of(path));
    // Options are judged before the file is opened: they would be wrong for any file.
    let source = match format {
        TagFormat::Conll => Source::Conll(conll::Places::of(&options.columns)?),
        TagFormat::Conllu => Source::Conllu(conllu::places(&options.columns)?),
        TagFormat::Jsonl => Source::Jsonl(jsonl::Keys::of(&options.columns)?),
    };
    let (text, mut summary) = read_text(path)?;
    let mut collector = Collector {
        path,
        sentences: Vec::new(),
        open: TaggedSentence::default(),
        counts: ReadCounts::default(),
    };
    let expected = match source {
        Source::Conll(places) => conll::read(&text, places, &mut collector),
        Source::Conllu(places) => conllu::read(&text, places, &mut collector),
        Source::Jsonl(keys) => jsonl::read(&text, &keys, &mut collector),
    }?;
    collector.end_sentence();
    if collector.sentences.is_empty() {
        return Err(DataError::Empty {
            path: path.into(),
            expected,
        });
    }
    summary.rows = collector.sentences.len();
    Ok(TaggedFile {
        sentences: collector.sentences,
        counts: collector.counts,
        summary,
    })
}

enum Source {
    Conll(conll::Places),
    Conllu([usize; 2]),
    Jsonl(jsonl::Keys),
}

/// Where the readers put what they find.
pub(super) struct Collector<'a> {
    path: &'a Path,
    sentences: Vec<TaggedSentence>,
    open: TaggedSentence,
    pub(super) counts: ReadCounts,
}

impl Collector<'_> {
    /// Adds a token, which is not empty, to the sentence.
    pub(super) fn push(&mut self, line: usize, token: &str, tag: &str) {
        if token.contains(char::is_whitespace) {
            self.counts.marked += 1;
        }
        self.open.tokens.push(marked(token));
        self.open.tags.push(tag.into());
        self.open.lines.push(line);
    }

    pub(super) fn end_sentence(&mut self) {
        if !self.open.tokens.is_empty() {
            self.sentences.push(std::mem::take(&mut self.open));
        }
    }

    pub(super) fn refuse<T>(
        &self,
        line: usize,
        expected: impl Into<String>,
        found: impl Into<String>,
        advice: &str,
    ) -> Result<T> {
        Err(DataError::Line {
            path: self.path.into(),
            line,
            expected: expected.into(),
            found: found.into(),
            advice: advice.into(),
        })
    }
}

/// The token with every run of white space as one [`SPACE_MARK`].
fn marked(token: &str) -> String {
    let mut marked = String::with_capacity(token.len());
    for character in token.chars() {
        if !character.is_whitespace() {
            marked.push(character);
        } else if !marked.ends_with(SPACE_MARK) {
            marked.push(SPACE_MARK);
        }
    }
    marked
}

/// The lines with their numbers from 1; only `\n` ends one, and a `\r` before it belongs to the end.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.split('\n').enumerate();
    lines.map(|(index, line)| (index + 1, line.strip_suffix('\r').unwrap_or(line)))
}

/// Whether a line is nothing but spaces and tabs.
pub(super) fn is_blank(line: &str) -> bool {
    line.bytes().all(|byte| matches!(byte, b' ' | b'\t'))
}
