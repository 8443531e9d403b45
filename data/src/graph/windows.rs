//! The sliding windows of a corpus: how many hold a word, and how many hold two.
//!
//! Nothing is counted window by window. The windows that hold a word are ranges of neighbouring
//! windows, one for each stretch in which its occurrences are near each other. The other words that
//! such a range of windows sees are visited once, position by position, and each position adds the
//! windows that were not counted yet for its word. So a pair costs one step for each time that it
//! stands together, whatever the number of windows it shares, and the counts of one word need an
//! array over the vocabulary in place of a table of pairs.

use std::ops::Range;

use crate::error::{DataError, Result};

/// Where a word stands.
#[derive(Clone, Copy, Default)]
pub(super) struct Occurrence {
    pub(super) document: u32,
    /// Within the document.
    position: u32,
}

/// Documents, and where each word stands in them.
pub(super) struct Index<'a> {
    pub(super) documents: Vec<&'a [u32]>,
    window: usize,
    /// Number of the first window of each document, and after them the number of all windows.
    first: Vec<u32>,
    /// The occurrences of word `i` are the entries `offsets[i]..offsets[i + 1]`, by document and
    /// position.
    offsets: Vec<u32>,
    occurrences: Vec<Occurrence>,
}

impl<'a> Index<'a> {
    /// Every document has a window, even one that is shorter or empty.
    pub(super) fn new(documents: Vec<&'a [u32]>, words: usize, window: usize) -> Result<Self> {
        check_sizes(&documents, words)?;
        let mut offsets = vec![0u32; words + 1];
        for (document, tokens) in documents.iter().enumerate() {
            for &token in *tokens {
                if token as usize >= words {
                    let expected = format!("ids below {words}, the number of words");
                    let found = format!("{token} in document {document}, counted from 0");
                    return Err(DataError::option("documents", expected, found));
                }
                offsets[token as usize + 1] += 1;
            }
        }
        for word in 0..words {
            offsets[word + 1] += offsets[word];
        }
        let mut next = offsets.clone();
        let tokens = offsets[words] as usize;
        let mut occurrences = vec![Occurrence::default(); tokens];
        let mut first = vec![0];
        for (tokens, document) in documents.iter().zip(0..) {
            for (&token, position) in tokens.iter().zip(0..) {
                let next = &mut next[token as usize];
                occurrences[*next as usize] = Occurrence { document, position };
                *next += 1;
            }
            let windows = tokens.len().saturating_sub(window) as u32 + 1;
            first.push(first[document as usize] + windows);
        }
        Ok(Self {
            documents,
            window,
            first,
            offsets,
            occurrences,
        })
    }

    /// Number of words.
    pub(super) fn words(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Number of windows of all documents.
    pub(super) fn windows(&self) -> u32 {
        self.first[self.documents.len()]
    }

    /// How often the word occurs.
    pub(super) fn count(&self, word: usize) -> u32 {
        self.offsets[word + 1] - self.offsets[word]
    }

    /// The occurrences of a word, document by document.
    pub(super) fn documents_with(&self, word: usize) -> impl Iterator<Item = &[Occurrence]> {
        let range = self.offsets[word] as usize..self.offsets[word + 1] as usize;
        self.occurrences[range].chunk_by(|a, b| a.document == b.document)
    }

    /// Number of windows that hold the word.
    pub(super) fn windows_with(&self, word: usize) -> u32 {
        let mut windows = 0;
        for places in self.documents_with(word) {
            self.each_run(places, |run| windows += run.len());
        }
        windows as u32
    }

    /// Counts for every word the windows that hold it and `word`.
    pub(super) fn count_together(&self, word: usize, together: &mut Together) {
        for places in self.documents_with(word) {
            let document = places[0].document as usize;
            let (tokens, base) = (self.documents[document], self.first[document]);
            self.each_run(places, |run| {
                let end = tokens.len().min((run.end - 1).saturating_add(self.window));
                for (&token, position) in tokens[run.start..end].iter().zip(run.start..) {
                    // Those windows of the run that hold the position.
                    let start = run.start.max((position + 1).saturating_sub(self.window));
                    let past = run.end.min(position + 1);
                    together.add(token, base + start as u32, base + past as u32);
                }
            });
        }
    }

    /// The windows that hold one of `places`, which are those of a word in a document: ranges
    /// that do not touch, numbered within the document.
    fn each_run(&self, places: &[Occurrence], mut found: impl FnMut(Range<usize>)) {
        let tokens = self.documents[places[0].document as usize].len();
        let last = tokens.saturating_sub(self.window);
        let mut run: Option<Range<usize>> = None;
        for place in places {
            let position = place.position as usize;
            let start = (position + 1).saturating_sub(self.window);
            let past = position.min(last) + 1;
            run = match run {
                Some(run) if start <= run.end => Some(run.start..past),
                before => {
                    before.into_iter().for_each(&mut found);
                    Some(start..past)
                }
            };
        }
        run.into_iter().for_each(found);
    }
}

/// Numbers of windows, of tokens and of nodes are kept in 32 bits.
fn check_sizes(documents: &[&[u32]], words: usize) -> Result<()> {
    let limit = u32::MAX as usize;
    let nodes = documents.len().saturating_add(words);
    if nodes >= limit {
        let expected = "fewer than 2^32 - 1 documents and words together";
        return Err(DataError::option("words", expected, nodes));
    }
    // A document has at most as many windows as tokens, or one.
    let tokens = documents.iter().map(|tokens| tokens.len().max(1));
    let tokens = tokens.fold(0, usize::saturating_add);
    if tokens >= limit {
        let expected = "fewer than 2^32 - 1 tokens together";
        return Err(DataError::option("documents", expected, tokens));
    }
    Ok(())
}

/// The windows that each word shares with one of them.
pub(super) struct Together {
    words: Vec<Shared>,
    touched: Vec<u32>,
}

#[derive(Clone, Copy, Default)]
struct Shared {
    /// How many were counted.
    windows: u32,
    /// The windows before this one were counted.
    next: u32,
}

impl Together {
    pub(super) fn new(words: usize) -> Self {
        Self {
            words: vec![Shared::default(); words],
            touched: Vec::new(),
        }
    }

    /// The windows `start..past` hold the word. Both bounds rise from call to call.
    fn add(&mut self, word: u32, start: u32, past: u32) {
        let shared = &mut self.words[word as usize];
        let start = start.max(shared.next);
        if start < past {
            if shared.windows == 0 {
                self.touched.push(word);
            }
            shared.windows += past - start;
            shared.next = past;
        }
    }

    /// The words that share a window, in no particular order, with the number of windows. They are
    /// taken out.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (u32, u32)> {
        let words = &mut self.words;
        self.touched.drain(..).map(|word| {
            let shared = std::mem::take(&mut words[word as usize]);
            (word, shared.windows)
        })
    }
}
