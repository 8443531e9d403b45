//! Where the sentences of a text begin and end.

use std::sync::Arc;

use super::source::TokenSource;
use super::vocabulary::END;
use crate::error::{DataError, Result};

/// Tokens looked at at once.
const PIECE: usize = 1 << 16;

/// The sentences of a source, by number. A sentence is what stands up to and including an end of
/// sentence.
///
/// ```
/// use std::sync::Arc;
/// use limbeck_data::language::{MemoryTokens, Sentences};
/// let sentences = Sentences::index(Arc::new(MemoryTokens::new(vec![5, 3, 0, 4, 0])))?;
/// assert_eq!((sentences.len(), sentences.length(0)), (2, 3));
/// let mut second = Vec::new();
/// sentences.read(1, &mut second)?;
/// assert_eq!(second, [4, 0]);
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
#[derive(Clone)]
pub struct Sentences {
    source: Arc<dyn TokenSource>,
    /// The beginning of every sentence, and the end of the last.
    offsets: Arc<[u64]>,
}

impl Sentences {
    /// Looks for the ends of sentences, by reading the source once.
    ///
    /// # Errors
    /// There is no end of sentence; the source fails.
    pub fn index(source: Arc<dyn TokenSource>) -> Result<Self> {
        let tokens = source.len();
        let mut offsets = vec![0];
        let mut piece = vec![0; PIECE];
        let mut start = 0;
        while start < tokens {
            // No longer than the buffer, so it fits.
            let length = (tokens - start).min(PIECE as u64) as usize;
            source.read(start, &mut piece[..length])?;
            let ids = (start + 1..).zip(&piece[..length]);
            offsets.extend(ids.filter(|&(_, &id)| id == END).map(|(next, _)| next));
            start += length as u64;
        }
        if offsets.len() == 1 {
            let found = format!("none in {tokens} tokens");
            return Err(DataError::option(
                "sentences",
                "at least one end of sentence",
                found,
            ));
        }
        Ok(Self {
            source,
            offsets: offsets.into(),
        })
    }

    /// Number of sentences.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Never true: a source without sentences is refused.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tokens of a sentence, its end included; 0 if there is no such sentence.
    pub fn length(&self, sentence: usize) -> usize {
        match self.offsets.get(sentence..).unwrap_or_default() {
            [start, end, ..] => usize::try_from(end - start).unwrap_or(usize::MAX),
            _ => 0,
        }
    }

    /// The lengths of all sentences.
    pub fn lengths(&self) -> Vec<usize> {
        (0..self.len()).map(|number| self.length(number)).collect()
    }

    /// Tokens after the last end of sentence, which belong to no sentence. Texts read from files
    /// have none; a share of a text may end anywhere.
    pub fn left_over(&self) -> u64 {
        self.source.len() - self.offsets.last().copied().unwrap_or(0)
    }

    /// Replaces the contents of `into` by the tokens of a sentence, its end included.
    ///
    /// # Errors
    /// There is no such sentence; the source fails.
    pub fn read(&self, sentence: usize, into: &mut Vec<u32>) -> Result<()> {
        if sentence >= self.len() {
            let expected = format!("a number below {}, the number of sentences", self.len());
            return Err(DataError::option("sentence", expected, sentence));
        }
        into.resize(self.length(sentence), 0);
        self.source.read(self.offsets[sentence], into)
    }
}
