//! From tags to spans and back.

use serde::{Deserialize, Serialize};

use super::scheme::{Prefix, Scheme, Tag};
use crate::error::{DataError, Result};

/// Tokens that belong together: an entity, a phrase, a keyword.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// The first token, from 0.
    pub start: usize,
    /// The token behind the last.
    pub end: usize,
    /// The type; empty where all spans are of one kind.
    pub kind: String,
}

impl Span {
    /// The tokens `start..end`.
    pub fn new(start: usize, end: usize, kind: impl Into<String>) -> Self {
        Self {
            start,
            end,
            kind: kind.into(),
        }
    }
}

/// The spans of a sentence in their order, by the rules of `conlleval`, the scorer of the CoNLL shared
/// tasks, with its customary extension to `E` and `S`. They leave no sequence without a meaning:
///
/// - a token goes on with the span before it if that token has `B` or `I`, this one `I` or `E`, and
///   both the same type;
/// - every other token but `O` begins a span. So does `I` behind `O` or behind another type.
///
/// The rules are the same for every scheme; plain tags ([`Scheme::None`]) have no spans. A tag that no
/// scheme has counts as `O`.
///
/// ```
/// use limbeck_data::tagging::{Scheme, Span, spans};
/// let found = spans(&["I-PER", "I-LOC", "O", "B-LOC", "I-LOC"], Scheme::Iob2);
/// assert_eq!(found, [Span::new(0, 1, "PER"), Span::new(1, 2, "LOC"), Span::new(3, 5, "LOC")]);
/// ```
pub fn spans<T: AsRef<str>>(tags: &[T], scheme: Scheme) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    if scheme.resolve(tags) == Scheme::None {
        return spans;
    }
    let mut previous = Tag::OUTSIDE;
    for (at, tag) in tags.iter().enumerate() {
        let tag = Tag::parse(tag.as_ref()).unwrap_or(Tag::OUTSIDE);
        match spans.last_mut() {
            Some(span) if previous.continues(tag) => span.end = at + 1,
            _ if tag.prefix != Prefix::Outside => spans.push(Span::new(at, at + 1, tag.kind)),
            _ => {}
        }
        previous = tag;
    }
    spans
}

/// The tags of a sentence of `length` tokens with these spans, in any order. [`Scheme::Auto`] writes
/// `bioes`.
///
/// # Errors
/// Spans that are empty, overlap or reach beyond the sentence; spans of plain tags.
///
/// ```
/// use limbeck_data::tagging::{Scheme, Span, tags_of};
/// let tags = tags_of(&[Span::new(1, 3, "PER")], 4, Scheme::Bioes)?;
/// assert_eq!(tags, ["O", "B-PER", "E-PER", "O"]);
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
pub fn tags_of(spans: &[Span], length: usize, scheme: Scheme) -> Result<Vec<String>> {
    if scheme == Scheme::None {
        let expected = "auto, iob1, iob2, bioes or io: plain tags have no spans";
        return Err(DataError::option("scheme", expected, scheme.name()));
    }
    let mut ordered: Vec<&Span> = spans.iter().collect();
    ordered.sort_unstable();
    let mut tags = vec![Prefix::Outside.tag(""); length];
    let mut before: Option<&Span> = None;
    for span in ordered {
        let free = before.map_or(0, |before| before.end);
        if span.start < free || span.end <= span.start || span.end > length {
            let expected = format!("spans inside {free}..{length}, none of them empty");
            let found = format!("{}..{} of type {:?}", span.start, span.end, span.kind);
            return Err(DataError::option("spans", expected, found));
        }
        let touches = before.is_some_and(|b| b.end == span.start && b.kind == span.kind);
        for (at, tag) in (span.start..span.end).zip(&mut tags[span.start..span.end]) {
            *tag = prefix(scheme, span, at, touches).tag(&span.kind);
        }
        before = Some(span);
    }
    Ok(tags)
}

/// The prefix of the token `at` of a span, which `touches` another of its type on the left.
fn prefix(scheme: Scheme, span: &Span, at: usize, touches: bool) -> Prefix {
    let (first, last) = (at == span.start, at + 1 == span.end);
    match scheme {
        Scheme::Iob1 if first && touches => Prefix::Begin,
        Scheme::Iob2 if first => Prefix::Begin,
        Scheme::Bioes | Scheme::Auto if first && last => Prefix::Single,
        Scheme::Bioes | Scheme::Auto if first => Prefix::Begin,
        Scheme::Bioes | Scheme::Auto if last => Prefix::End,
        _ => Prefix::Inside,
    }
}

/// The tags of a sentence in another scheme; what breaks the first is read as [`spans`] does. `io`
/// cannot tell touching spans of a type apart. Plain tags stay as they are, and turn into nothing else.
///
/// # Errors
/// From plain tags to a scheme with spans, or the other way.
///
/// ```
/// use limbeck_data::tagging::{Scheme, convert};
/// let tags = convert(&["I-ORG", "I-ORG", "B-ORG", "O"], Scheme::Iob1, Scheme::Bioes)?;
/// assert_eq!(tags, ["B-ORG", "E-ORG", "S-ORG", "O"]);
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
pub fn convert<T: AsRef<str>>(tags: &[T], from: Scheme, to: Scheme) -> Result<Vec<String>> {
    match (from.resolve(tags), to) {
        (Scheme::None, Scheme::None | Scheme::Auto) => {
            Ok(tags.iter().map(|tag| tag.as_ref().into()).collect())
        }
        (Scheme::None, _) => {
            let expected = "none or auto: plain tags have no spans to write otherwise";
            Err(DataError::option("scheme_out", expected, to.name()))
        }
        (from, to) => tags_of(&spans(tags, from), tags.len(), to),
    }
}
