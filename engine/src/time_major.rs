//! Rows of sequences that are read side by side, step after step.

use std::sync::Arc;

use crate::device::Device;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// How the rows `[sum of lengths, d]` of a batch divide into steps.
///
/// The rows of step 0 come first, one for each sequence, then those of step 1 for every sequence
/// that is as long, and so on. Sequences are ordered by length, the longest first, so that those of
/// a step are always the first ones. A recurrent network reads and writes the rows of a step
/// together; there is no padding.
///
/// ```
/// use limbeck_engine::{Device, TimeMajor};
/// let steps = TimeMajor::new(&Device::cpu(), &[3, 1], 0, 0)?;
/// assert_eq!(**steps.batch_sizes(), [2, 1, 1]);
/// // Rows 2 and 3 follow rows 0 and 2; rows 0 and 1 follow initial states, which count from 4.
/// assert_eq!(steps.previous().read_ids()?, [4, 5, 0, 2]);
/// assert_eq!(steps.last().read_ids()?, [3, 1]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TimeMajor {
    batch_sizes: Arc<[usize]>,
    coordinates: Tensor,
    samples: Tensor,
    previous: Tensor,
    last: Tensor,
}

impl TimeMajor {
    /// The layout of sequences with these lengths. `first_sample` is the number, within the step of
    /// training, of the first one; `first_position` the position of the first row in its sequence,
    /// where this is not the sequence's beginning.
    ///
    /// # Errors
    /// If there is no sequence, one is empty, a longer one follows a shorter one, or the rows do not
    /// fit in a u32.
    pub fn new(
        device: &Device,
        lengths: &[usize],
        first_sample: u32,
        first_position: u32,
    ) -> Result<Self> {
        let ordered = lengths.windows(2).all(|pair| pair[0] >= pair[1]);
        if lengths.is_empty() || lengths.contains(&0) || !ordered {
            return Err(refuse(format!(
                "expected at least one sequence, each of at least one row, the longest first; \
                 found lengths {lengths:?}"
            )));
        }
        let rows: usize = lengths.iter().sum();
        // Numbers of rows and of initial states share one range.
        if u32::try_from(rows + lengths.len()).is_err() {
            return Err(refuse(format!(
                "{rows} rows do not fit a 32-bit number: use smaller batches"
            )));
        }
        let longer_than = |step: usize| lengths.partition_point(|&length| length > step);
        let batch_sizes: Arc<[usize]> = (0..lengths[0]).map(longer_than).collect();
        let mut coordinates = Vec::with_capacity(2 * rows);
        let mut samples = Vec::with_capacity(2 * rows);
        let mut previous = Vec::with_capacity(rows);
        let mut last = vec![0u32; lengths.len()];
        // The row of sequence 0 in the step before; for the first step, its initial state.
        let mut before = rows as u32;
        for (position, &size) in (first_position..).zip(&*batch_sizes) {
            let first = previous.len() as u32;
            for sequence in 0..size as u32 {
                coordinates.extend([first_sample + sequence, position]);
                samples.extend([first_sample + sequence, 0]);
                previous.push(before + sequence);
                last[sequence as usize] = first + sequence;
            }
            before = first;
        }
        Ok(TimeMajor {
            coordinates: device.ids(&coordinates, [rows, 2])?,
            samples: device.ids(&samples, [rows, 2])?,
            previous: device.ids(&previous, [rows])?,
            last: device.ids(&last, [last.len()])?,
            batch_sizes,
        })
    }

    /// Number of rows of each step.
    pub fn batch_sizes(&self) -> &Arc<[usize]> {
        &self.batch_sizes
    }

    /// Number of rows in all.
    pub fn rows(&self) -> usize {
        self.previous.shape().elements()
    }

    /// Number of sequences.
    pub fn sequences(&self) -> usize {
        self.last.shape().elements()
    }

    /// (sample, position) of each row, `[rows, 2]`: for masks that differ from row to row.
    pub fn coordinates(&self) -> &Tensor {
        &self.coordinates
    }

    /// (sample, 0) of each row, `[rows, 2]`: for masks that a sequence keeps over all its rows.
    pub fn samples(&self) -> &Tensor {
        &self.samples
    }

    /// For each row the row before it in its sequence; for the first row of sequence s, `rows + s`.
    pub fn previous(&self) -> &Tensor {
        &self.previous
    }

    /// The last row of each sequence.
    pub fn last(&self) -> &Tensor {
        &self.last
    }
}

fn refuse(message: String) -> Error {
    Error::Shape {
        operator: "time_major",
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_are_not_in_order_are_refused() {
        for lengths in [&[][..], &[2, 0], &[1, 2]] {
            let refused = TimeMajor::new(&Device::cpu(), lengths, 0, 0);
            let message = refused.expect_err("out of order").to_string();
            assert!(message.contains("the longest first"), "{message}");
        }
    }

    #[test]
    fn coordinates_count_from_where_they_are_told() -> Result<()> {
        let steps = TimeMajor::new(&Device::cpu(), &[2, 2, 1], 7, 30)?;
        assert_eq!(
            steps.coordinates().read_ids()?,
            [7, 30, 8, 30, 9, 30, 7, 31, 8, 31]
        );
        assert_eq!(steps.samples().read_ids()?, [7, 0, 8, 0, 9, 0, 7, 0, 8, 0]);
        assert_eq!((steps.rows(), steps.sequences()), (5, 3));
        Ok(())
    }
}
