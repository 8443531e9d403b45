//! The ids of a batch, checked and sorted on the host.

use limbeck_engine::{Device, Error, Result, Tensor};

use crate::shared::segments::{SegmentTensors, Segments};

/// The token ids of a batch, a packed row each, with their rows sorted by id for the backward
/// pass. Built once per batch; every layer that looks these ids up shares it.
///
/// ```
/// use limbeck_engine::Device;
/// use limbeck_kernels::TokenRows;
/// let rows = TokenRows::new(&Device::cpu(), &[2, 0, 2], 3)?;
/// assert_eq!(rows.distinct().read_ids()?, [0, 2]);
/// let error = TokenRows::new(&Device::cpu(), &[2, 3], 3).unwrap_err();
/// assert!(error.to_string().contains("id 3 in row 1"));
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TokenRows {
    ids: Tensor,
    vocabulary_size: usize,
    segments: SegmentTensors,
}

impl TokenRows {
    /// Checks and sorts the ids and puts them on a device.
    ///
    /// # Errors
    /// If an id is not below `vocabulary_size`, there are more rows than 32 bits count, or the
    /// device cannot hold them.
    pub fn new(device: &Device, ids: &[u32], vocabulary_size: usize) -> Result<Self> {
        let refuse = |message| Error::Shape {
            operator: "embedding",
            message,
        };
        if let Some(row) = ids.iter().position(|&id| id as usize >= vocabulary_size) {
            return Err(refuse(format!(
                "id {} in row {row} is outside the vocabulary of {vocabulary_size} tokens: was \
                 the text encoded with this model's tokenizer?",
                ids[row]
            )));
        }
        if u32::try_from(ids.len()).is_err() {
            return Err(refuse(format!(
                "{} rows do not fit a 32-bit row number: use smaller batches",
                ids.len()
            )));
        }
        Ok(TokenRows {
            ids: device.ids(ids, [ids.len()])?,
            vocabulary_size,
            segments: Segments::by_key(ids).upload(device, |row| row)?,
        })
    }

    /// The ids, `[rows]`.
    pub fn ids(&self) -> &Tensor {
        &self.ids
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.ids.shape().elements()
    }

    /// Number of tokens that ids may name.
    pub fn vocabulary_size(&self) -> usize {
        self.vocabulary_size
    }

    /// Every id that occurs, once: the rows of a table whose gradient is not zero. Rare ids come
    /// before those of very many rows, each part ascending.
    pub fn distinct(&self) -> &Tensor {
        self.segments.targets()
    }

    pub(super) fn segments(&self) -> &SegmentTensors {
        &self.segments
    }
}
