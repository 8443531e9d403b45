//! A document and its keywords.

use std::collections::HashSet;

use super::tokens::{Token, tokens};
use crate::text::fold_white_space;

/// A text with its keywords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeywordDocument {
    /// What its file calls it.
    pub id: String,
    /// The text: what was published as title and abstract, with a space between.
    pub text: String,
    /// The tokens of the text.
    pub tokens: Vec<Token>,
    /// The keywords as published, in their order, without those that have the [`phrase_form`] of an
    /// earlier one. Not all of them need occur in the text.
    pub keywords: Vec<String>,
}

impl KeywordDocument {
    /// A document of this text. Keywords of nothing but white space are left out.
    pub fn new(id: impl Into<String>, text: impl Into<String>, keywords: Vec<String>) -> Self {
        let text = text.into();
        let mut seen = HashSet::new();
        let new = |keyword: &String| {
            let form = phrase_form(keyword);
            !form.is_empty() && seen.insert(form)
        };
        Self {
            id: id.into(),
            tokens: tokens(&text),
            text,
            keywords: keywords.into_iter().filter(new).collect(),
        }
    }

    /// The forms of its keywords, in their order.
    pub fn forms(&self) -> Vec<String> {
        self.keywords
            .iter()
            .map(|keyword| phrase_form(keyword))
            .collect()
    }

    /// The form of what stands at these tokens; empty if there are none.
    pub(super) fn form_at(&self, start: usize, end: usize) -> String {
        match (self.tokens.get(start), self.tokens.get(end.wrapping_sub(1))) {
            (Some(first), Some(last)) if first.start < last.end => {
                phrase_form(&self.text[first.start..last.end])
            }
            _ => String::new(),
        }
    }
}

/// The form by which phrases are compared: lower case, every run of white space one space, none at the
/// ends.
///
/// ```
/// assert_eq!(limbeck_data::keywords::phrase_form(" Linear\n Algebra"), "linear algebra");
/// ```
pub fn phrase_form(phrase: &str) -> String {
    fold_white_space(&phrase.to_lowercase())
}
