//! From keywords to spans of tokens, and from tags to phrases.

use std::collections::{HashMap, HashSet};

use super::documents::KeywordDocument;
use super::tokens::tokens;
use crate::error::Result;
use crate::tagging::{Scheme, Span, TaggedSet, spans, tags_of};

/// The type of the spans of keywords.
pub const KEYWORD_KIND: &str = "KEY";

/// What became of the keywords of one or more documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeywordCounts {
    /// Keywords in all: `present + absent`.
    pub keywords: usize,
    /// Those whose form stands in that of the text, be it in the middle of a word.
    pub literal: usize,
    /// Those that begin and end with a token at one place at least.
    pub present: usize,
    /// The others. They stay in the gold.
    pub absent: usize,
    /// Present ones that have no span of their own, since each of their places is taken by a longer
    /// keyword: no tagging can name them.
    pub hidden: usize,
    /// Spans in all.
    pub spans: usize,
    /// Places of keywords that a longer one took.
    pub hidden_places: usize,
}

impl KeywordCounts {
    /// Adds those of other documents.
    pub fn add(&mut self, other: &Self) {
        self.keywords += other.keywords;
        self.literal += other.literal;
        self.present += other.present;
        self.absent += other.absent;
        self.hidden += other.hidden;
        self.spans += other.spans;
        self.hidden_places += other.hidden_places;
    }
}

/// The places of a document's keywords as spans of its tokens, from left to right: every place where the
/// text from one token to another has the form of a keyword. Of places that overlap, the one with more
/// tokens is taken, of equally long ones the leftmost.
///
/// ```
/// use limbeck_data::keywords::{KeywordDocument, keyword_spans};
/// let keywords = vec!["neural networks".into(), "networks".into(), "vision".into()];
/// let document = KeywordDocument::new("1", "Networks: Neural networks.", keywords);
/// let (spans, counts) = keyword_spans(&document);
/// assert_eq!(spans.iter().map(|s| (s.start, s.end)).collect::<Vec<_>>(), [(0, 1), (2, 4)]);
/// assert_eq!((counts.present, counts.absent, counts.hidden_places), (2, 1, 1));
/// ```
pub fn keyword_spans(document: &KeywordDocument) -> (Vec<Span>, KeywordCounts) {
    let forms = document.forms();
    let number: HashMap<&str, usize> = forms.iter().map(String::as_str).zip(0..).collect();
    let mut places = places(document, &number);
    let present: HashSet<usize> = places.iter().map(|place| place.keyword).collect();
    places.sort_by_key(|place| (std::cmp::Reverse(place.end - place.start), place.start));
    let mut free = vec![true; document.tokens.len()];
    let mut taken: Vec<Place> = Vec::new();
    for place in &places {
        let tokens = &mut free[place.start..place.end];
        if tokens.iter().all(|free| *free) {
            tokens.fill(false);
            taken.push(*place);
        }
    }
    taken.sort_by_key(|place| place.start);
    let seen: HashSet<usize> = taken.iter().map(|place| place.keyword).collect();
    let form = super::phrase_form(&document.text);
    let counts = KeywordCounts {
        keywords: forms.len(),
        literal: forms
            .iter()
            .filter(|keyword| form.contains(*keyword))
            .count(),
        present: present.len(),
        absent: forms.len() - present.len(),
        hidden: present.len() - seen.len(),
        spans: taken.len(),
        hidden_places: places.len() - taken.len(),
    };
    let span = |place: Place| Span::new(place.start, place.end, KEYWORD_KIND);
    (taken.into_iter().map(span).collect(), counts)
}

/// Tokens that read like a keyword.
#[derive(Clone, Copy)]
struct Place {
    start: usize,
    end: usize,
    keyword: usize,
}

/// Every place of every keyword.
fn places(document: &KeywordDocument, number: &HashMap<&str, usize>) -> Vec<Place> {
    // A phrase has as many tokens alone as within a text: where one ends depends on its own characters
    // and those beside it.
    let longest = number
        .keys()
        .map(|form| tokens(form).len())
        .max()
        .unwrap_or(0);
    let mut places = Vec::new();
    for start in 0..document.tokens.len() {
        let last = (start + longest).min(document.tokens.len());
        for end in start + 1..=last {
            if let Some(&keyword) = number.get(document.form_at(start, end).as_str()) {
                places.push(Place {
                    start,
                    end,
                    keyword,
                });
            }
        }
    }
    places
}

/// The tags of a document: indices into `scheme.tag_names(&[KEYWORD_KIND])`.
///
/// # Errors
/// If the scheme has no spans.
pub fn keyword_tags(
    document: &KeywordDocument,
    scheme: Scheme,
) -> Result<(Vec<u32>, KeywordCounts)> {
    let names = scheme.tag_names(&[KEYWORD_KIND]);
    let (spans, counts) = keyword_spans(document);
    let tags = tags_of(&spans, document.tokens.len(), scheme)?;
    let number: HashMap<&str, u32> = names.iter().map(String::as_str).zip(0..).collect();
    // tags_of writes the tags of the scheme alone, and these are all of them.
    let tags = tags.iter().map(|tag| number[tag.as_str()]).collect();
    Ok((tags, counts))
}

/// The documents as tagged sentences, one each, and what became of their keywords. [`Scheme::Auto`] is
/// `bioes`.
///
/// # Errors
/// If the scheme has no spans.
pub fn to_tagged(
    documents: &[KeywordDocument],
    scheme: Scheme,
) -> Result<(TaggedSet, KeywordCounts)> {
    let mut set = TaggedSet {
        tag_names: scheme.tag_names(&[KEYWORD_KIND]),
        ..TaggedSet::default()
    };
    let mut total = KeywordCounts::default();
    for document in documents {
        let (tags, counts) = keyword_tags(document, scheme)?;
        let tokens = document.tokens.iter().map(|token| token.text.clone());
        set.sentences.push(tokens.collect());
        set.tags.push(tags);
        total.add(&counts);
    }
    Ok((set, total))
}

/// The phrases that tags mark in a document: their forms, each once, in the order of their first place.
/// Malformed tags are read as [`spans()`] does; those beyond the document's tokens mark nothing.
///
/// ```
/// use limbeck_data::keywords::{KeywordDocument, phrases_of};
/// let document = KeywordDocument::new("1", "Neural  networks, on-line", vec![]);
/// let found = phrases_of(&document, &["B-KEY", "I-KEY", "O", "B-KEY", "I-KEY", "I-KEY"]);
/// assert_eq!(found, ["neural networks", "on-line"]);
/// ```
pub fn phrases_of<T: AsRef<str>>(document: &KeywordDocument, tags: &[T]) -> Vec<String> {
    let known = &tags[..tags.len().min(document.tokens.len())];
    phrases_at(document, &spans(known, Scheme::Iob2))
}

/// The forms of the phrases at these spans, each once, in the order of the list.
pub fn phrases_at(document: &KeywordDocument, spans: &[Span]) -> Vec<String> {
    let mut seen = HashSet::new();
    let forms = spans
        .iter()
        .map(|span| document.form_at(span.start, span.end));
    forms
        .filter(|form| !form.is_empty() && seen.insert(form.clone()))
        .collect()
}
