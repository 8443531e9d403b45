//! Token ids that lie somewhere and are read by position.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{DataError, Result};

/// A long row of token ids, in memory or on disk, read by position and from any thread.
pub trait TokenSource: Send + Sync {
    /// Number of tokens.
    fn len(&self) -> u64;

    /// Whether there is no token.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `into` with the tokens from `start` on.
    ///
    /// # Errors
    /// The positions reach beyond the end; the medium fails.
    fn read(&self, start: u64, into: &mut [u32]) -> Result<()>;

    /// Whether reading costs no more than copying, so that reading ahead gains nothing.
    fn in_memory(&self) -> bool {
        false
    }
}

/// Tokens in memory; clones and slices share them.
///
/// ```
/// use limbeck_data::language::{MemoryTokens, TokenSource};
/// let tokens = MemoryTokens::new(vec![3, 1, 4, 1, 5]);
/// let middle = tokens.slice(1..4)?;
/// assert_eq!(middle.as_slice(), [1, 4, 1]);
/// let mut last = [0];
/// middle.read(2, &mut last)?;
/// assert_eq!(last, [1]);
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MemoryTokens {
    ids: Arc<[u32]>,
    range: Range<usize>,
}

impl MemoryTokens {
    /// All of `ids`.
    pub fn new(ids: impl Into<Arc<[u32]>>) -> Self {
        let ids = ids.into();
        let range = 0..ids.len();
        Self { ids, range }
    }

    /// The tokens at these positions, without a copy.
    ///
    /// # Errors
    /// The range begins after its end, or reaches beyond the last token.
    pub fn slice(&self, range: Range<usize>) -> Result<Self> {
        check_range(&(range.start as u64..range.end as u64), self.len())?;
        let first = self.range.start;
        Ok(Self {
            ids: Arc::clone(&self.ids),
            range: first + range.start..first + range.end,
        })
    }

    /// The ids themselves.
    pub fn as_slice(&self) -> &[u32] {
        &self.ids[self.range.clone()]
    }
}

impl TokenSource for MemoryTokens {
    fn len(&self) -> u64 {
        self.range.len() as u64
    }

    fn read(&self, start: u64, into: &mut [u32]) -> Result<()> {
        let range = check_read(start, into.len(), self.len())?;
        // The range lies within a slice, so its ends fit.
        into.copy_from_slice(&self.as_slice()[range.start as usize..range.end as usize]);
        Ok(())
    }

    fn in_memory(&self) -> bool {
        true
    }
}

/// A share of a text by position: tokens `from` to `to` of all, both between 0 and 1.
///
/// Positions are rounded down, so that neighbouring shares meet: `0.0..0.9` and `0.9..1.0` hold
/// every token once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Where the share begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
}

impl Share {
    /// The positions of the share among `tokens`.
    ///
    /// ```
    /// use limbeck_data::language::Share;
    /// assert_eq!(Share { from: 0.9, to: 1.0 }.range(1_115_394)?, 1_003_854..1_115_394);
    /// # Ok::<(), limbeck_data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// The ends do not follow one another between 0 and 1, or no token lies between them.
    pub fn range(self, tokens: u64) -> Result<Range<u64>> {
        let Self { from, to } = self;
        // False for NaN as well.
        if !(0.0 <= from && from < to && to <= 1.0) {
            let expected = "0 <= from < to <= 1";
            return Err(DataError::option(
                "share",
                expected,
                format!("{from} to {to}"),
            ));
        }
        let at = |share: f64| ((share * tokens as f64) as u64).min(tokens);
        // A product with 1 is rounded beyond 2^53 tokens.
        let range = at(from)..if to == 1.0 { tokens } else { at(to) };
        if range.is_empty() {
            let found = format!("none between {from} and {to} of {tokens}");
            return Err(DataError::option("share", "at least one token", found));
        }
        Ok(range)
    }
}

/// A part of any source, seen as a source of its own.
#[derive(Clone)]
pub struct TokenStream {
    source: Arc<dyn TokenSource>,
    range: Range<u64>,
}

impl TokenStream {
    /// All of a source.
    pub fn new(source: Arc<dyn TokenSource>) -> Self {
        let range = 0..source.len();
        Self { source, range }
    }

    /// The tokens at these positions, without a copy.
    ///
    /// # Errors
    /// The range begins after its end, or reaches beyond the last token.
    pub fn slice(&self, range: Range<u64>) -> Result<Self> {
        check_range(&range, self.len())?;
        let first = self.range.start;
        Ok(Self {
            source: Arc::clone(&self.source),
            range: first + range.start..first + range.end,
        })
    }

    /// A share of the tokens by position.
    ///
    /// # Errors
    /// As [`Share::range`].
    pub fn share(&self, share: Share) -> Result<Self> {
        self.slice(share.range(self.len())?)
    }
}

impl TokenSource for TokenStream {
    fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    fn read(&self, start: u64, into: &mut [u32]) -> Result<()> {
        let range = check_read(start, into.len(), self.len())?;
        self.source.read(self.range.start + range.start, into)
    }

    fn in_memory(&self) -> bool {
        self.source.in_memory()
    }
}

fn check_range(range: &Range<u64>, tokens: u64) -> Result<()> {
    if range.start <= range.end && range.end <= tokens {
        return Ok(());
    }
    let found = format!("positions {} to {}", range.start, range.end);
    let expected = format!("positions within the {tokens} tokens there are");
    Err(DataError::option("tokens", expected, found))
}

/// The positions of a read, if all of them are there.
pub(super) fn check_read(start: u64, wanted: usize, tokens: u64) -> Result<Range<u64>> {
    let range = start..start.saturating_add(wanted as u64);
    check_range(&range, tokens)?;
    Ok(range)
}
