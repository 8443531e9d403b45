//! Which rows go into which batch.
//!
//! Training: rows are shuffled, then sorted by length within windows of [`WINDOW`] batches, cut
//! into batches, and the batches shuffled. So a batch holds texts of like length, and no two epochs
//! are alike. Everything follows from (seed, stream, epoch): a run is resumed from a [`Cursor`]
//! without replaying what came before.

use serde::{Deserialize, Serialize};

use crate::error::{DataError, Result};
use crate::rng::Rng;

/// Batches per window that is sorted by length.
pub const WINDOW: usize = 20;

/// A place in the endless sequence of batches; it belongs in a checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The epoch, from 0.
    pub epoch: u64,
    /// The next batch within it, from 0.
    pub position: usize,
}

/// The batches of every epoch.
///
/// ```
/// use limbeck_data::batch::{BatchPlan, Cursor};
/// let plan = BatchPlan::new(vec![3, 9, 4, 1, 7], 2, 1, "labelled")?;
/// let mut batches = plan.batches(Cursor::default());
/// let first = batches.next_batch();
/// assert_eq!(first, plan.epoch(0)[0]);
/// let resumed = plan.batches(batches.cursor()).next_batch();
/// assert_eq!(resumed, plan.epoch(0)[1]);
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct BatchPlan {
    lengths: Vec<usize>,
    batch_size: usize,
    seed: u64,
    stream: String,
}

impl BatchPlan {
    /// A plan over rows of these lengths (in tokens). `stream` tells plans apart that run side by
    /// side, such as labelled and unlabelled texts.
    ///
    /// # Errors
    /// The batch size is 0, or there is no row.
    pub fn new(lengths: Vec<usize>, batch_size: usize, seed: u64, stream: &str) -> Result<Self> {
        if batch_size == 0 {
            return Err(DataError::option("batch_size", "at least 1", batch_size));
        }
        if lengths.is_empty() {
            return Err(DataError::option(
                stream,
                "at least one text to make batches of",
                "none",
            ));
        }
        Ok(Self {
            lengths,
            batch_size,
            seed,
            stream: stream.into(),
        })
    }

    /// Batches in one epoch; the last one cut may be smaller than the others.
    pub fn batches_per_epoch(&self) -> usize {
        self.lengths.len().div_ceil(self.batch_size)
    }

    /// Rows of the largest batch.
    pub fn largest_batch(&self) -> usize {
        self.batch_size.min(self.lengths.len())
    }

    /// The batches of an epoch: row numbers, every row once.
    pub fn epoch(&self, epoch: u64) -> Vec<Vec<usize>> {
        let mut rng = Rng::new(self.seed, &self.stream, &[epoch]);
        let mut rows: Vec<usize> = (0..self.lengths.len()).collect();
        rng.shuffle(&mut rows);
        for window in rows.chunks_mut(self.batch_size.saturating_mul(WINDOW)) {
            window.sort_by_key(|&row| self.lengths[row]);
        }
        let mut batches: Vec<Vec<usize>> = rows
            .chunks(self.batch_size)
            .map(<[usize]>::to_vec)
            .collect();
        rng.shuffle(&mut batches);
        batches
    }

    /// The endless sequence of batches from a place on.
    pub fn batches(&self, cursor: Cursor) -> Batches {
        Batches {
            epoch: self.epoch(cursor.epoch),
            plan: self.clone(),
            cursor,
        }
    }
}

/// An endless sequence of batches, epoch after epoch.
#[derive(Clone, Debug)]
pub struct Batches {
    plan: BatchPlan,
    cursor: Cursor,
    epoch: Vec<Vec<usize>>,
}

impl Batches {
    /// The place of the next batch.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// The next batch.
    pub fn next_batch(&mut self) -> Vec<usize> {
        if self.cursor.position >= self.epoch.len() {
            self.cursor = Cursor {
                epoch: self.cursor.epoch + 1,
                position: 0,
            };
            self.epoch = self.plan.epoch(self.cursor.epoch);
        }
        let batch = self.epoch[self.cursor.position].clone();
        self.cursor.position += 1;
        batch
    }
}

/// Batches for evaluation: every row once, sorted by length, the longest first, so that a step that
/// needs too much memory fails at once and not at the end.
pub fn evaluation_batches(lengths: &[usize], batch_size: usize) -> Vec<Vec<usize>> {
    let mut rows: Vec<usize> = (0..lengths.len()).collect();
    rows.sort_by_key(|&row| std::cmp::Reverse(lengths[row]));
    rows.chunks(batch_size.max(1))
        .map(<[usize]>::to_vec)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rng::Rng;

    fn lengths() -> impl Strategy<Value = Vec<usize>> {
        prop::collection::vec(1..100usize, 1..400)
    }

    proptest! {
        #[test]
        fn every_epoch_holds_every_row_once(
            lengths in lengths(), size in 1..20usize, seed in any::<u64>(), epoch in 0..5u64
        ) {
            let plan = BatchPlan::new(lengths.clone(), size, seed, "test").unwrap();
            let batches = plan.epoch(epoch);
            prop_assert_eq!(batches.len(), plan.batches_per_epoch());
            prop_assert_eq!(batches.iter().filter(|batch| batch.len() < size).count(),
                            usize::from(lengths.len() % size != 0));
            for batches in [batches, evaluation_batches(&lengths, size)] {
                let mut rows = batches.concat();
                rows.sort_unstable();
                prop_assert_eq!(rows, (0..lengths.len()).collect::<Vec<_>>());
            }
        }

        #[test]
        fn resuming_anywhere_continues_the_same_sequence(
            lengths in lengths(), size in 1..50usize, stop in 0..40usize
        ) {
            let plan = BatchPlan::new(lengths, size, 9, "test").unwrap();
            let mut whole = plan.batches(Cursor::default());
            for _ in 0..stop {
                whole.next_batch();
            }
            let mut resumed = plan.batches(whole.cursor());
            for _ in 0..10 {
                prop_assert_eq!(resumed.next_batch(), whole.next_batch());
                prop_assert_eq!(resumed.cursor(), whole.cursor());
            }
        }
    }

    #[test]
    fn batches_hold_like_lengths_and_epochs_differ() {
        let mut rng = Rng::new(1, "lengths", &[]);
        let lengths: Vec<usize> = (0..1000).map(|_| 1 + rng.below(100)).collect();
        let plan = BatchPlan::new(lengths.clone(), 10, 4, "test").unwrap();
        let batches = plan.epoch(0);
        let spread = |batch: &Vec<usize>| {
            let of = |row: &usize| lengths[*row];
            batch.iter().map(of).max().unwrap() - batch.iter().map(of).min().unwrap()
        };
        // 200 rows of a window over 100 lengths: ten neighbours span about five of them.
        let mean = batches.iter().map(spread).sum::<usize>() as f64 / batches.len() as f64;
        assert!(mean < 10.0, "mean spread {mean}");
        assert_ne!(batches, plan.epoch(1));
        assert_eq!(batches, plan.epoch(0));
        let other = BatchPlan::new(lengths, 10, 4, "unlabelled").unwrap();
        assert_ne!(batches, other.epoch(0));
    }

    #[test]
    fn senseless_plans_are_refused() {
        let size = BatchPlan::new(vec![1], 0, 0, "labelled").expect_err("a batch of nothing");
        assert!(size.to_string().starts_with("batch_size"), "{size}");
        let rows = BatchPlan::new(vec![], 1, 0, "unlabelled").expect_err("no rows");
        assert!(rows.to_string().starts_with("unlabelled"), "{rows}");
    }
}
