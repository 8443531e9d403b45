//! Token ids that remember which vocabulary they came from.

use crate::error::{Error, Result};

/// A 64-bit digest of a vocabulary: equal digests mean equal id-to-token tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub u64);

/// The ids of one text under one vocabulary.
///
/// A model's embedding checks the fingerprint, so that a teacher's ids can never be fed to a
/// student that tokenises differently.
///
/// ```
/// use limbeck_engine::{Fingerprint, TokenIds};
/// let ids = TokenIds::new(vec![5, 3, 8], Fingerprint(42));
/// assert!(ids.expect(Fingerprint(42)).is_ok());
/// assert!(ids.expect(Fingerprint(43)).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenIds {
    ids: Vec<u32>,
    vocabulary: Fingerprint,
}

impl TokenIds {
    /// Ids made by the tokeniser whose vocabulary has this fingerprint.
    pub fn new(ids: Vec<u32>, vocabulary: Fingerprint) -> Self {
        Self { ids, vocabulary }
    }

    /// The ids, in text order.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether the text has no token at all.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The fingerprint of the vocabulary the ids belong to.
    pub fn vocabulary(&self) -> Fingerprint {
        self.vocabulary
    }

    /// The ids, if they belong to the expected vocabulary.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] names both fingerprints.
    pub fn expect(&self, vocabulary: Fingerprint) -> Result<&[u32]> {
        if self.vocabulary == vocabulary {
            Ok(&self.ids)
        } else {
            Err(Error::Vocabulary {
                expected: vocabulary,
                found: self.vocabulary,
            })
        }
    }
}
