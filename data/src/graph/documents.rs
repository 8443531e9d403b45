//! The documents of a corpus graph, and finding one again.

use std::collections::HashMap;
use std::path::Path;

use limbeck_engine::Fingerprint;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::fingerprint;
use crate::saved::Kind;

/// The documents of a corpus by their token ids, each once: texts that read alike are one document.
///
/// ```
/// use limbeck_data::graph::Documents;
/// let documents = Documents::new([vec![4, 2], vec![7], vec![4, 2]]);
/// assert_eq!(documents.len(), 2);
/// assert_eq!(documents.number(&[7]), Some(1));
/// assert_eq!(documents.number(&[8]), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Saved", into = "Saved")]
pub struct Documents {
    lists: Vec<Vec<u32>>,
    numbers: HashMap<Vec<u32>, u32>,
    fingerprint: Fingerprint,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    documents: Vec<Vec<u32>>,
}

impl From<Saved> for Documents {
    fn from(saved: Saved) -> Self {
        Documents::new(saved.documents)
    }
}

impl From<Documents> for Saved {
    fn from(documents: Documents) -> Self {
        Saved {
            documents: documents.lists,
        }
    }
}

const FILE: Kind = Kind {
    format: "limbeck-corpus-documents",
    version: 1,
};

impl Documents {
    /// Numbers them in the order of their first appearance.
    pub fn new(texts: impl IntoIterator<Item = Vec<u32>>) -> Self {
        let (mut lists, mut numbers) = (Vec::new(), HashMap::new());
        for text in texts {
            numbers.entry(text).or_insert_with_key(|text| {
                lists.push(text.clone());
                lists.len() as u32 - 1
            });
        }
        let bytes = |list: &Vec<u32>| list.iter().flat_map(|id| id.to_le_bytes()).collect();
        let encoded: Vec<Vec<u8>> = lists.iter().map(bytes).collect();
        let fingerprint = fingerprint::of_strings(encoded.iter().map(Vec::as_slice));
        Documents {
            lists,
            numbers,
            fingerprint,
        }
    }

    /// The token ids of each.
    pub fn lists(&self) -> &[Vec<u32>] {
        &self.lists
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lists.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// The number of the document with these token ids.
    pub fn number(&self, ids: &[u32]) -> Option<u32> {
        self.numbers.get(ids).copied()
    }

    /// A digest of all of them, in their order.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Writes them as JSON; a file appears whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        FILE.save(path, self)
    }

    /// Reads what [`Documents::save`] wrote.
    ///
    /// # Errors
    /// No such file, or not what was written.
    pub fn load(path: &Path) -> Result<Self> {
        FILE.load(path)
    }
}
