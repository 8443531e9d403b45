//! Sentences with a tag for each token: entities, keywords, phrases, parts of speech.
//!
//! A file becomes [`TaggedSentence`]s ([`read_tagged`]), a folder a [`TaggedData`] whose parts share one
//! list of tags in one scheme ([`load_tagged_folder`]). [`spans()`] reads tags as the scorer of the CoNLL
//! shared tasks does, malformed ones included; [`tags_of`] writes them, [`convert`] goes from one scheme
//! to another.

mod conll;
mod conllu;
mod folder;
mod jsonl;
mod options;
mod records;
mod report;
mod scheme;
mod spans;

pub use folder::{TaggedData, load_tagged, load_tagged_folder};
pub use options::{TagColumns, TagFormat, TagReadOptions, TaggedOptions};
pub use records::{ReadCounts, SPACE_MARK, TaggedFile, TaggedSentence, read_tagged};
pub use report::{TaggedPartReport, TaggedReport};
pub use scheme::{Scheme, detect, violations};
pub use spans::{Span, convert, spans, tags_of};

/// Sentences with their tags. `tags[i][j]` is an index into `tag_names`, and belongs to the token
/// `sentences[i][j]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaggedSet {
    /// The tokens of each sentence; none is empty or has white space.
    pub sentences: Vec<Vec<String>>,
    /// The tag of each token.
    pub tags: Vec<Vec<u32>>,
    /// Names of the tags, the same list in train, dev and test. Of a scheme with spans: `O`, and behind
    /// it all prefixes of each type, the types in byte order. Plain tags stand in byte order.
    pub tag_names: Vec<String>,
}

impl TaggedSet {
    /// Number of sentences.
    pub fn len(&self) -> usize {
        self.sentences.len()
    }

    /// Whether there is no sentence.
    pub fn is_empty(&self) -> bool {
        self.sentences.is_empty()
    }

    /// Number of tokens.
    pub fn tokens(&self) -> usize {
        self.sentences.iter().map(Vec::len).sum()
    }

    /// Tokens of the longest sentence; 0 if there is none. Nothing is cut here: who reads the set
    /// decides what is too long.
    pub fn longest(&self) -> usize {
        self.sentences.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// The sentences with these numbers, in this order.
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            sentences: rows
                .iter()
                .map(|&row| self.sentences[row].clone())
                .collect(),
            tags: rows.iter().map(|&row| self.tags[row].clone()).collect(),
            tag_names: self.tag_names.clone(),
        }
    }

    /// Every sentence as a text: its tokens with a space between.
    pub fn texts(&self) -> Vec<String> {
        self.sentences
            .iter()
            .map(|tokens| tokens.join(" "))
            .collect()
    }

    /// The tags of a sentence by name.
    pub fn tags_of_row(&self, row: usize) -> Vec<&str> {
        self.names(&self.tags[row])
    }

    /// These tags by name, such as those that a model predicted.
    ///
    /// # Panics
    /// If one is not below the number of `tag_names`, which no reader and no model of this set gives.
    pub fn names(&self, tags: &[u32]) -> Vec<&str> {
        let name = |&tag: &u32| self.tag_names[tag as usize].as_str();
        tags.iter().map(name).collect()
    }
}
