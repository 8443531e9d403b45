//! Documents with the keywords that somebody gave them.
//!
//! Extracting keywords is tagging: each occurrence of a keyword is a span of the document's tokens
//! ([`keyword_spans`]), a document a sentence of a [`crate::tagging::TaggedSet`] ([`to_tagged`]), and what
//! a model tags is read back as phrases ([`phrases_of`]). Phrases are compared by their [`phrase_form`]: lower
//! case, with one space where white space stood.

mod documents;
mod folder;
mod read;
mod spans;
mod tokens;

pub use documents::{KeywordDocument, phrase_form};
pub use folder::{
    KeywordData, KeywordFolderOptions, KeywordPartReport, KeywordReport, load_keyword_folder,
};
pub use read::{Gold, KeywordFormat, KeywordReadOptions, read_keywords};
pub use spans::{
    KEYWORD_KIND, KeywordCounts, keyword_spans, keyword_tags, phrases_at, phrases_of, to_tagged,
};
pub use tokens::{Token, tokens};
