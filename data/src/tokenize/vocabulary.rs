//! The table from tokens to ids.

use std::collections::HashMap;

use limbeck_engine::Fingerprint;

use crate::fingerprint;

/// The token of everything unknown; its id is 0.
pub const UNKNOWN: &str = "<unk>";
/// The optional first token of every text; its id is 1.
pub const FIRST: &str = "<cls>";

/// Tokens and their ids, from training texts only. Id 0 is `<unk>`, id 1 is `<cls>`; there is no
/// padding id, because batches are packed rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    tokens: Vec<String>,
    ids: HashMap<String, u32>,
    fingerprint: Fingerprint,
}

impl Vocabulary {
    /// The id of `<unk>`.
    pub const UNKNOWN_ID: u32 = 0;
    /// The id of `<cls>`.
    pub const FIRST_ID: u32 = 1;

    /// Counts tokens and keeps those seen at least `min_count` times, the most frequent first and
    /// equally frequent ones in byte order, up to `max_size` ids with the two special ones.
    pub fn count<'a>(
        tokens: impl IntoIterator<Item = &'a str>,
        min_count: u64,
        max_size: usize,
    ) -> Self {
        let mut counts: HashMap<&str, u64> = HashMap::new();
        for token in tokens {
            *counts.entry(token).or_default() += 1;
        }
        counts.retain(|&token, count| *count >= min_count && token != UNKNOWN && token != FIRST);
        let mut counted: Vec<(&str, u64)> = counts.into_iter().collect();
        counted.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        counted.truncate(max_size.saturating_sub(2));
        let kept = counted.into_iter().map(|(token, _)| token);
        Self::index(
            [UNKNOWN, FIRST]
                .into_iter()
                .chain(kept)
                .map(String::from)
                .collect(),
        )
    }

    /// The vocabulary whose id `i` is `tokens[i]`. `None` if a token stands twice or the first two
    /// are not the special ones.
    pub fn from_tokens(tokens: Vec<String>) -> Option<Self> {
        let special = matches!(tokens.as_slice(), [u, f, ..] if u == UNKNOWN && f == FIRST);
        let vocabulary = Self::index(tokens);
        (special && vocabulary.ids.len() == vocabulary.tokens.len()).then_some(vocabulary)
    }

    fn index(tokens: Vec<String>) -> Self {
        let ids = tokens
            .iter()
            .zip(0..)
            .map(|(token, id)| (token.clone(), id))
            .collect();
        let fingerprint = fingerprint::of_strings(tokens.iter().map(|token| token.as_bytes()));
        Self {
            tokens,
            ids,
            fingerprint,
        }
    }

    /// The id of a token; 0 for one that is not in the table. `<cls>` inside a text is unknown too:
    /// no text can forge the first token.
    pub fn id(&self, token: &str) -> u32 {
        match self.ids.get(token) {
            Some(&id) if id != Self::FIRST_ID => id,
            _ => Self::UNKNOWN_ID,
        }
    }

    /// The token of an id, if the table is that long.
    pub fn token(&self, id: u32) -> Option<&str> {
        self.tokens.get(id as usize).map(String::as_str)
    }

    /// All tokens, in the order of their ids.
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// Number of ids, the two special ones included.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Never true: the special tokens are always there.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The first 8 bytes of the SHA-256 of the table.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}
