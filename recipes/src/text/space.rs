//! What labels mean: classes of texts, tags of words, or keywords.

use std::collections::BTreeSet;

use limbeck_data::keywords::KEYWORD_KIND;
use limbeck_data::tagging::{Scheme, Span, spans, tags_of};
use limbeck_data::words::words_of;
use limbeck_engine::Result;
use limbeck_kernels::{CopySymbol, viterbi};
use limbeck_training::metrics::sample_f1;

use super::constraint::{constraint, parts};
use super::predict::argmax;

/// The form of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A text has one label.
    Classify,
    /// Every word has a tag of this scheme.
    Tag(Scheme),
    /// Words are tagged, and the spans are keywords of the text.
    Keywords(Scheme),
    /// Keywords are written down as the text is read: a word is copied, or left out, or an end is put
    /// to the keyword before it. What CTC with copies is trained for.
    Copied,
}

/// The labels of [`Form::Copied`]: nothing, the word itself, the end of a keyword.
pub const COPY_LABELS: [&str; 3] = ["blank", "copy", "separator"];
const COPY: u32 = 1;
const SEPARATOR: u32 = 2;

/// The labels of a task, by name.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelSpace {
    /// Their names.
    pub names: Vec<String>,
    /// What they are labels of.
    pub form: Form,
    /// With spans: the score of one tag after another, 0 where the scheme allows it and far below
    /// everything else where it does not.
    constraint: Option<Vec<f32>>,
}

impl LabelSpace {
    /// Labels with these names.
    pub fn new(names: Vec<String>, form: Form) -> Self {
        let constraint = match form {
            Form::Tag(Scheme::None) | Form::Classify | Form::Copied => None,
            Form::Tag(scheme) | Form::Keywords(scheme) => Some(constraint(&names, scheme)),
        };
        LabelSpace {
            names,
            form,
            constraint,
        }
    }

    /// Whether every word has a label.
    pub fn per_position(&self) -> bool {
        self.form != Form::Classify
    }

    /// The scheme of its spans, if it has spans.
    pub fn scheme(&self) -> Option<Scheme> {
        match self.form {
            Form::Classify | Form::Tag(Scheme::None) | Form::Copied => None,
            Form::Tag(scheme) | Form::Keywords(scheme) => Some(scheme),
        }
    }

    /// Whether its labels mark spans.
    pub fn has_spans(&self) -> bool {
        self.scheme().is_some() || self.form == Form::Copied
    }

    /// Whether its spans are keywords of the text.
    pub fn finds_keywords(&self) -> bool {
        matches!(self.form, Form::Keywords(_) | Form::Copied)
    }

    /// The decisions that scores mean: the largest of every row, or with spans the best sequence that
    /// the scheme allows. `learned` are the scores of one tag after another of a model with a CRF.
    ///
    /// # Errors
    /// If the scores are not of these labels.
    pub fn decide(&self, scores: &[f32], learned: Option<&[f32]>) -> Result<Vec<u32>> {
        let classes = self.names.len();
        match (&self.constraint, learned) {
            (None, None) => Ok(scores
                .chunks(classes)
                .map(|row| argmax(row) as u32)
                .collect()),
            (Some(constraint), None) => viterbi(scores, constraint, classes),
            (None, Some(learned)) => viterbi(scores, learned, classes),
            (Some(constraint), Some(learned)) => {
                let both: Vec<f32> = constraint.iter().zip(learned).map(|(a, b)| a + b).collect();
                viterbi(scores, &both, classes)
            }
        }
    }

    /// The types of its spans, in the order of the names.
    pub fn kinds(&self) -> Vec<&str> {
        let mut kinds: Vec<&str> = Vec::new();
        if self.form == Form::Copied {
            return vec![KEYWORD_KIND];
        }
        for name in self.names.iter().filter(|name| *name != "O") {
            let (_, kind) = parts(name);
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        kinds
    }

    /// The number of a label; that of `O`, or the first one, if it has no such name.
    pub fn number(&self, name: &str) -> u32 {
        let place = |wanted: &str| self.names.iter().position(|name| name == wanted);
        place(name).or_else(|| place("O")).unwrap_or(0) as u32
    }

    /// The spans of a sample.
    pub fn spans(&self, labels: &[u32]) -> Vec<Span> {
        match self.scheme() {
            Some(scheme) => spans(&self.tags(labels), scheme),
            None if self.form == Form::Copied => copied(labels),
            None => Vec::new(),
        }
    }

    /// The labels of so many words that mark these spans. Two copied spans without a word between them
    /// become one.
    ///
    /// # Errors
    /// If a span is not within the words, or overlaps another.
    pub fn labels_of(&self, spans: &[Span], length: usize) -> limbeck_data::Result<Vec<u32>> {
        if let Some(scheme) = self.scheme() {
            let tags = tags_of(spans, length, scheme)?;
            return Ok(tags.iter().map(|tag| self.number(tag)).collect());
        }
        // Of any scheme: whether the spans are within the words, and apart.
        tags_of(spans, length, Scheme::Iob2)?;
        let mut labels = vec![0; length];
        for span in spans {
            labels[span.start..span.end].fill(COPY);
        }
        for span in spans {
            if let Some(label) = labels.get_mut(span.end)
                && *label != COPY
            {
                *label = SEPARATOR;
            }
        }
        Ok(labels)
    }

    /// Labels by name.
    pub fn tags(&self, labels: &[u32]) -> Vec<&str> {
        labels
            .iter()
            .map(|&label| self.names[label as usize].as_str())
            .collect()
    }

    /// F1 of the spans of a sample, or of the different keywords, whose words `text` has; of a class or of
    /// plain tags, the share that is right.
    pub fn f1(&self, text: &str, predicted: &[u32], truth: &[u32]) -> f64 {
        if self.finds_keywords() {
            return sample_f1(&self.phrases(text, predicted), &self.phrases(text, truth));
        }
        match self.has_spans() {
            true => sample_f1(&self.spans(predicted), &self.spans(truth)),
            false => share_equal(predicted, truth),
        }
    }

    /// The different phrases that labels mark, in lower case.
    fn phrases(&self, text: &str, labels: &[u32]) -> Vec<String> {
        let words: Vec<&str> = words_of(text).collect();
        let phrase = |span: Span| {
            let words = words.get(span.start..span.end).unwrap_or(&[]);
            words.join(" ").to_lowercase()
        };
        let phrases: BTreeSet<String> = self.spans(labels).into_iter().map(phrase).collect();
        phrases.into_iter().collect()
    }

    /// F1 of the tagged tokens of a sample, tag and place; `O` is no tag. Of a class or of plain tags,
    /// the share that is right.
    pub fn token_f1(&self, predicted: &[u32], truth: &[u32]) -> f64 {
        if !self.has_spans() {
            return share_equal(predicted, truth);
        }
        let is_tag = |label: u32| match self.form {
            Form::Copied => label == COPY,
            _ => self.names[label as usize] != "O",
        };
        let tagged = |labels: &[u32]| -> Vec<(usize, u32)> {
            let places = labels.iter().copied().enumerate();
            places.filter(|(_, label)| is_tag(*label)).collect()
        };
        sample_f1(&tagged(predicted), &tagged(truth))
    }
}

/// What a path copies: neighbouring words together.
fn copied(labels: &[u32]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for (place, _) in labels
        .iter()
        .enumerate()
        .filter(|(_, label)| **label == COPY)
    {
        match spans.last_mut().filter(|span| span.end == place) {
            Some(span) => span.end += 1,
            None => spans.push(Span::new(place, place + 1, KEYWORD_KIND)),
        }
    }
    spans
}

/// What a path of [`Form::Copied`] writes, by the numbers of the words: equal neighbours are one symbol,
/// as in every path of CTC.
///
/// ```
/// use limbeck_kernels::CopySymbol::{Separator, Token};
/// use limbeck_recipes::text::symbols_of;
/// let symbols = symbols_of(&[7, 8, 9, 5, 5], &[1, 1, 2, 1, 1]);
/// assert_eq!(symbols, [Token(7), Token(8), Separator, Token(5)]);
/// // A gap ends a keyword, too.
/// assert_eq!(symbols_of(&[7, 8, 9], &[1, 0, 1]), [Token(7), Separator, Token(9)]);
/// ```
pub fn symbols_of(words: &[u32], labels: &[u32]) -> Vec<CopySymbol> {
    let mut symbols = Vec::new();
    let mut before = None;
    for (&word, &label) in words.iter().zip(labels) {
        let symbol = match label {
            COPY => Some(CopySymbol::Token(word)),
            SEPARATOR => Some(CopySymbol::Separator),
            // A gap ends a keyword.
            _ => match before {
                Some(CopySymbol::Token(_)) => Some(CopySymbol::Separator),
                _ => None,
            },
        };
        if symbol != before {
            symbols.extend(symbol);
        }
        before = symbol;
    }
    symbols
}

fn share_equal(predicted: &[u32], truth: &[u32]) -> f64 {
    let equal = predicted.iter().zip(truth).filter(|(p, t)| p == t).count();
    equal as f64 / truth.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_scheme(scheme: Scheme) -> LabelSpace {
        let names = scheme.tag_names(&["LOC", "PER"]);
        LabelSpace::new(names, Form::Tag(scheme))
    }

    fn id(space: &LabelSpace, tag: &str) -> u32 {
        space
            .names
            .iter()
            .position(|name| name == tag)
            .expect("a tag") as u32
    }

    /// Scores that want these tags, each by its margin.
    fn wanting(space: &LabelSpace, tags: &[(&str, f32)]) -> Vec<f32> {
        let mut scores = vec![0.0; tags.len() * space.names.len()];
        for (row, (tag, margin)) in tags.iter().enumerate() {
            scores[row * space.names.len() + id(space, tag) as usize] = *margin;
        }
        scores
    }

    #[test]
    fn decisions_obey_the_scheme() {
        let space = of_scheme(Scheme::Bioes);
        let decided = |tags: &[(&str, f32)]| {
            let decided = space.decide(&wanting(&space, tags), None).expect("fits");
            space.tags(&decided).join(" ")
        };
        assert_eq!(
            decided(&[("B-PER", 1.0), ("E-PER", 1.0), ("O", 1.0)]),
            "B-PER E-PER O"
        );
        // One of the two must give way: the weaker wish.
        assert_eq!(decided(&[("B-PER", 2.0), ("E-LOC", 1.0)]), "B-PER E-PER");
        assert_eq!(decided(&[("B-PER", 1.0), ("E-LOC", 2.0)]), "B-LOC E-LOC");
        assert_eq!(decided(&[("I-LOC", 1.0), ("S-PER", 3.0)])[..1], *"O");
        let iob2 = of_scheme(Scheme::Iob2);
        let decided = iob2
            .decide(&wanting(&iob2, &[("O", 2.0), ("I-PER", 1.0)]), None)
            .expect("fits");
        assert_ne!(iob2.tags(&decided)[1], "I-PER");
    }

    #[test]
    fn learned_transitions_count_beside_the_scheme() {
        let space = LabelSpace::new(vec!["a".into(), "b".into()], Form::Tag(Scheme::None));
        assert_eq!(
            space.decide(&[1.0, 0.0, 0.4, 0.0], None).expect("fits"),
            [0, 0]
        );
        // a after a costs 1.
        let learned = [-1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(
            space
                .decide(&[1.0, 0.0, 0.4, 0.0], Some(&learned))
                .expect("fits"),
            [0, 1]
        );
    }

    #[test]
    fn f1_counts_spans_and_token_f1_their_tokens() {
        let space = of_scheme(Scheme::Bioes);
        let ids = |tags: &[&str]| -> Vec<u32> { tags.iter().map(|tag| id(&space, tag)).collect() };
        let truth = ids(&["B-PER", "E-PER", "O", "S-LOC"]);
        let found = ids(&["B-PER", "E-PER", "O", "S-PER"]);
        assert_eq!(space.f1("", &found, &truth), 0.5);
        assert!((space.token_f1(&found, &truth) - 2.0 / 3.0).abs() < 1e-12);
        let nothing = ids(&["O", "O", "O", "O"]);
        assert_eq!(
            (
                space.f1("", &nothing, &nothing),
                space.f1("", &nothing, &truth)
            ),
            (1.0, 0.0)
        );
        let plain = LabelSpace::new(vec!["a".into(), "b".into()], Form::Classify);
        assert_eq!(
            (plain.f1("", &[1], &[1]), plain.f1("", &[0], &[1])),
            (1.0, 0.0)
        );
    }

    #[test]
    fn copied_words_are_spans_and_spans_are_copied() {
        let names = COPY_LABELS.map(String::from).to_vec();
        let space = LabelSpace::new(names, Form::Copied);
        let spans = [Span::new(1, 3, "KEY"), Span::new(4, 5, "KEY")];
        let labels = space.labels_of(&spans, 6).expect("within the words");
        assert_eq!(labels, [0, 1, 1, 2, 1, 2]);
        assert_eq!(space.spans(&labels), spans);
        // A gap ends a keyword as a separator does.
        assert_eq!(space.spans(&[1, 0, 1]).len(), 2);
        assert_eq!(
            space.f1("a b c d e f", &[0, 1, 1, 2, 0, 0], &labels),
            2.0 / 3.0
        );
        assert_eq!(space.token_f1(&[0, 1, 0, 0, 0, 0], &labels), 0.5);
        // The end of the text needs no separator.
        let last = space
            .labels_of(&[Span::new(1, 2, "KEY")], 2)
            .expect("within");
        assert_eq!(last, [0, 1]);
    }
}
