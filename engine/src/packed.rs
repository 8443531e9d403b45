//! Packed rows: sequences of different lengths laid end to end, without padding.

use crate::device::Device;
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// How the rows `[sum of lengths, d]` of a batch divide into sequences.
///
/// `offsets[s]..offsets[s + 1]` are the rows of sequence `s`. `coordinates` holds, for each row,
/// its sample number in the step and its position in the sequence: the counter of the random
/// numbers, so that a batch and its two halves draw the same masks.
///
/// ```
/// use limbeck_engine::{Device, Packed};
/// let packed = Packed::new(&Device::cpu(), &[3, 1, 2], 0)?;
/// assert_eq!((packed.rows(), packed.sequences(), packed.max_length()), (6, 3, 3));
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Packed {
    lengths: std::sync::Arc<[usize]>,
    first_sample: u32,
    offsets: Tensor,
    coordinates: Tensor,
    samples: Tensor,
}

impl Packed {
    /// The layout of sequences with these lengths; `first_sample` is the number, within the
    /// step, of the first one (0 unless a batch is processed in parts).
    ///
    /// # Errors
    /// If there is no sequence, one is empty, or the rows do not fit in a u32.
    pub fn new(device: &Device, lengths: &[usize], first_sample: u32) -> Result<Self> {
        if lengths.is_empty() || lengths.contains(&0) {
            return Err(Error::Shape {
                operator: "packed",
                message: format!(
                    "expected at least one sequence, each of at least one row; found lengths {lengths:?}"
                ),
            });
        }
        let rows: usize = lengths.iter().sum();
        if u32::try_from(rows).is_err() {
            return Err(Error::Shape {
                operator: "packed",
                message: format!("{rows} rows do not fit a 32-bit offset: use smaller batches"),
            });
        }
        let mut offsets = vec![0u32];
        let mut coordinates = Vec::with_capacity(2 * rows);
        for (sample, &length) in (first_sample..).zip(lengths) {
            coordinates.extend((0..length as u32).flat_map(|position| [sample, position]));
            offsets.push((coordinates.len() / 2) as u32);
        }
        let samples: Vec<u32> = (first_sample..)
            .take(lengths.len())
            .flat_map(|sample| [sample, 0])
            .collect();
        Ok(Packed {
            lengths: lengths.into(),
            first_sample,
            offsets: device.ids(&offsets, [offsets.len()])?,
            coordinates: device.ids(&coordinates, [rows, 2])?,
            samples: device.ids(&samples, [lengths.len(), 2])?,
        })
    }

    /// The length of each sequence.
    pub fn lengths(&self) -> &std::sync::Arc<[usize]> {
        &self.lengths
    }

    /// Number of sequences.
    pub fn sequences(&self) -> usize {
        self.lengths.len()
    }

    /// The number, within the step, of the first sequence's sample.
    pub fn first_sample(&self) -> u32 {
        self.first_sample
    }

    /// Number of rows in all.
    pub fn rows(&self) -> usize {
        self.coordinates.shape().dims()[0]
    }

    /// The longest sequence.
    pub fn max_length(&self) -> usize {
        self.lengths.iter().copied().max().unwrap_or(0)
    }

    /// Row offsets, `[sequences + 1]`.
    pub fn offsets(&self) -> &Tensor {
        &self.offsets
    }

    /// (sample, position) of each row, `[rows, 2]`.
    pub fn coordinates(&self) -> &Tensor {
        &self.coordinates
    }

    /// (sample, 0) of each sequence, `[sequences, 2]`: the coordinates of pooled rows.
    pub fn samples(&self) -> &Tensor {
        &self.samples
    }

    /// The shape of packed rows of this width.
    pub fn shape(&self, columns: usize) -> Shape {
        Shape::from([self.rows(), columns])
    }
}
