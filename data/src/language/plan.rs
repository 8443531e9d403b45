//! Which sentences go into which batch.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::batch::{Cursor, WINDOW};
use crate::error::{DataError, Result};
use crate::rng::Rng;

/// The sentences of one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentenceBatch {
    /// Their numbers, the longest first and equally long ones by number.
    pub sentences: Vec<usize>,
    /// Whether they are shorter than the plan's shortest long sentence; all are, or none is.
    pub short: bool,
}

/// The batches of every epoch, in the manner of [`BatchPlan`](crate::batch::BatchPlan): shuffled,
/// sorted by length within windows, cut into batches, and the batches shuffled. Sentences shorter
/// than a minimum get batches of their own, for models that cut sentences into parts and cannot cut
/// these.
///
/// ```
/// use limbeck_data::batch::Cursor;
/// use limbeck_data::language::SentencePlan;
/// let plan = SentencePlan::new(vec![3, 9, 2, 4, 7], 2, 4, 1, "train")?;
/// assert_eq!((plan.long_batches(), plan.short_batches()), (2, 1));
/// let mut batches = plan.batches(Cursor::default());
/// let first = batches.next_batch();
/// assert_eq!(first, plan.epoch(0)[0]);
/// assert!(first.sentences.len() <= 2);
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SentencePlan {
    lengths: Arc<[usize]>,
    long: Arc<[usize]>,
    short: Arc<[usize]>,
    batch_size: usize,
    seed: u64,
    stream: String,
}

impl SentencePlan {
    /// A plan over sentences of these lengths (in tokens). `stream` tells plans apart that run side
    /// by side.
    ///
    /// # Errors
    /// The batch size is 0, or there is no sentence.
    pub fn new(
        lengths: impl Into<Arc<[usize]>>,
        batch_size: usize,
        min_length: usize,
        seed: u64,
        stream: &str,
    ) -> Result<Self> {
        let lengths = lengths.into();
        if batch_size == 0 {
            return Err(DataError::option("batch_size", "at least 1", batch_size));
        }
        if lengths.is_empty() {
            let expected = "at least one sentence to make batches of";
            return Err(DataError::option(stream, expected, "none"));
        }
        let (long, short): (Vec<usize>, Vec<usize>) =
            (0..lengths.len()).partition(|&sentence| lengths[sentence] >= min_length);
        Ok(Self {
            lengths,
            long: long.into(),
            short: short.into(),
            batch_size,
            seed,
            stream: stream.into(),
        })
    }

    /// Batches of long sentences in every epoch.
    pub fn long_batches(&self) -> usize {
        self.long.len().div_ceil(self.batch_size)
    }

    /// Batches of short sentences in every epoch.
    pub fn short_batches(&self) -> usize {
        self.short.len().div_ceil(self.batch_size)
    }

    /// Batches in every epoch. The last one cut of either kind may be smaller than the others.
    pub fn batches_per_epoch(&self) -> usize {
        self.long_batches() + self.short_batches()
    }

    /// The batches of an epoch: every sentence once.
    pub fn epoch(&self, epoch: u64) -> Vec<SentenceBatch> {
        let mut rng = Rng::new(self.seed, &self.stream, &[epoch]);
        let mut batches = Vec::with_capacity(self.batches_per_epoch());
        for (sentences, short) in [(&self.long, false), (&self.short, true)] {
            let mut sentences = sentences.to_vec();
            rng.shuffle(&mut sentences);
            for window in sentences.chunks_mut(self.batch_size.saturating_mul(WINDOW)) {
                window.sort_by_key(|&sentence| self.lengths[sentence]);
            }
            batches.extend(sentences.chunks(self.batch_size).map(|batch| {
                let mut sentences = batch.to_vec();
                sentences.sort_unstable_by_key(|&n| (Reverse(self.lengths[n]), n));
                SentenceBatch { sentences, short }
            }));
        }
        rng.shuffle(&mut batches);
        batches
    }

    /// The endless sequence of batches from a place on.
    pub fn batches(&self, cursor: Cursor) -> SentenceBatches {
        SentenceBatches {
            epoch: self.epoch(cursor.epoch),
            plan: self.clone(),
            cursor,
        }
    }
}

/// An endless sequence of batches, epoch after epoch.
#[derive(Clone, Debug)]
pub struct SentenceBatches {
    plan: SentencePlan,
    cursor: Cursor,
    epoch: Vec<SentenceBatch>,
}

impl SentenceBatches {
    /// The place of the next batch.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// The next batch.
    pub fn next_batch(&mut self) -> SentenceBatch {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rng::Rng;

    fn lengths() -> impl Strategy<Value = Vec<usize>> {
        prop::collection::vec(1..60usize, 1..300)
    }

    proptest! {
        #[test]
        fn every_epoch_holds_every_sentence_once_and_never_mixes(
            lengths in lengths(), size in 1..20usize, min in 0..70usize, seed in any::<u64>()
        ) {
            let plan = SentencePlan::new(lengths.clone(), size, min, seed, "test").unwrap();
            for epoch in 0..3 {
                let batches = plan.epoch(epoch);
                let short = batches.iter().filter(|batch| batch.short).count();
                prop_assert_eq!(short, plan.short_batches());
                prop_assert_eq!(batches.len() - short, plan.long_batches());
                let mut all = Vec::new();
                for batch in batches {
                    let of = |&n: &usize| (Reverse(lengths[n]), n);
                    prop_assert!((1..=size).contains(&batch.sentences.len()));
                    prop_assert!(batch.sentences.iter().map(of).is_sorted());
                    let kinds = batch.sentences.iter().map(|&n| lengths[n] < min);
                    prop_assert!(kinds.into_iter().all(|short| short == batch.short));
                    all.extend(batch.sentences);
                }
                all.sort_unstable();
                prop_assert_eq!(all, (0..lengths.len()).collect::<Vec<_>>());
            }
        }

        #[test]
        fn resuming_anywhere_continues_the_same_sequence(
            lengths in lengths(), size in 1..50usize, stop in 0..40usize
        ) {
            let plan = SentencePlan::new(lengths, size, 10, 9, "test").unwrap();
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
        let plan = SentencePlan::new(lengths.clone(), 10, 5, 4, "test").unwrap();
        let batches = plan.epoch(0);
        let spread = |batch: &SentenceBatch| match batch.sentences.as_slice() {
            [first, .., last] => lengths[*first] - lengths[*last],
            _ => 0,
        };
        // 200 sentences of a window over 100 lengths: ten neighbours span about five of them.
        let mean = batches.iter().map(spread).sum::<usize>() as f64 / batches.len() as f64;
        assert!(mean < 10.0, "mean spread {mean}");
        assert_ne!(batches, plan.epoch(1));
        assert_eq!(batches, plan.epoch(0));
        let other = SentencePlan::new(lengths, 10, 5, 5, "test").unwrap();
        assert_ne!(batches, other.epoch(0));
    }

    #[test]
    fn senseless_plans_are_refused() {
        let size = SentencePlan::new(vec![1], 0, 0, 0, "train").expect_err("a batch of nothing");
        assert!(size.to_string().starts_with("batch_size"), "{size}");
        let none = SentencePlan::new(vec![], 1, 0, 0, "train").expect_err("no sentences");
        assert!(none.to_string().starts_with("train"), "{none}");
    }
}
