//! What the attention operators share: limits, dropout, and the passes over tiles of scores, on the
//! CPU and on GPUs. An operator says where its queries, keys and values stand, and which sequence
//! of queries sees which sequence of keys.
//!
//! The formulas and their derivation stand in `attention`.

pub(crate) mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;
mod tile;

use limbeck_engine::{Error, Result, Stream, drop_threshold};

/// Key positions per head in the channel of a mask's coordinates.
pub(crate) const KEYS: usize = 1 << 20;
/// Columns of one head that a workgroup can hold.
pub(crate) const MAX_HEAD_SIZE: usize = 128;

/// Sizes of one application.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Rows of the queries and the result.
    pub(crate) rows: usize,
    pub(crate) heads: usize,
    pub(crate) head_size: usize,
    /// Columns of each of q, k, v and the result.
    pub(crate) width: usize,
}

impl Sizes {
    /// 1 / √s.
    pub(crate) fn scale(self) -> f64 {
        1.0 / (self.head_size as f64).sqrt()
    }

    /// Refuses what the kernels cannot do; `longest` is the longest sequence of keys.
    pub(crate) fn check_limits(self, operator: &'static str, longest: usize) -> Result<()> {
        let refuse = |message| Err(Error::Shape { operator, message });
        if self.head_size > MAX_HEAD_SIZE {
            return refuse(format!(
                "a head has {} columns, at most {MAX_HEAD_SIZE} are supported: use more heads",
                self.head_size
            ));
        }
        if longest > KEYS || self.heads > u32::MAX as usize / KEYS {
            return refuse(format!(
                "{} heads and a sequence of {longest} rows; at most {} heads and {KEYS} rows are \
                 supported",
                self.heads,
                u32::MAX as usize / KEYS
            ));
        }
        Ok(())
    }
}

/// Refuses what is no probability of dropping.
pub(crate) fn check_dropout(operator: &'static str, dropout: f32) -> Result<()> {
    if (0.0..1.0).contains(&dropout) {
        return Ok(());
    }
    Err(Error::Shape {
        operator,
        message: format!("dropout must be at least 0 and below 1, found {dropout}"),
    })
}

/// How probabilities are dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mask {
    pub(crate) stream: Stream,
    /// Words below this are dropped.
    pub(crate) threshold: u32,
    /// What the others are multiplied by.
    pub(crate) keep_scale: f32,
}

impl Mask {
    /// The mask, unless nothing is dropped.
    pub(crate) fn new(stream: Option<Stream>, dropout: f32) -> Option<Self> {
        Some(Mask {
            stream: stream.filter(|_| dropout > 0.0)?,
            threshold: drop_threshold(f64::from(dropout)),
            keep_scale: 1.0 / (1.0 - dropout),
        })
    }
}
