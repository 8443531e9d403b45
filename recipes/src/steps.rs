//! Which rows a step reads: looked up by the step's number, so that nothing but the number must
//! be remembered to resume.

use std::sync::{Mutex, PoisonError};

use limbeck_data::batch::BatchPlan;

use crate::error::Result;

/// The batches of a plan by step number.
pub(crate) struct Steps {
    plan: BatchPlan,
    /// The epoch that was asked for last.
    current: Mutex<Option<(u64, Vec<Vec<usize>>)>>,
    /// The rows of every step, if they are always the same.
    pinned: Option<Vec<usize>>,
}

impl Steps {
    pub(crate) fn new(
        lengths: Vec<usize>,
        batch_size: usize,
        seed: u64,
        name: &str,
    ) -> Result<Self> {
        let plan = BatchPlan::new(lengths, batch_size, seed, name)?;
        Ok(Steps {
            plan,
            current: Mutex::new(None),
            pinned: None,
        })
    }

    pub(crate) fn per_epoch(&self) -> u64 {
        self.plan.batches_per_epoch() as u64
    }

    /// Lets every step read the longest rows by these lengths, as many as a batch holds.
    pub(crate) fn pin_longest(&mut self, lengths: &[usize]) {
        let mut rows: Vec<usize> = (0..lengths.len()).collect();
        rows.sort_by_key(|&row| std::cmp::Reverse(lengths[row]));
        rows.truncate(self.plan.largest_batch());
        self.pinned = Some(rows);
    }

    /// The rows of update number `step`.
    pub(crate) fn rows(&self, step: u64) -> Vec<usize> {
        if let Some(rows) = &self.pinned {
            return rows.clone();
        }
        let (epoch, position) = (step / self.per_epoch(), (step % self.per_epoch()) as usize);
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some((cached, batches)) if *cached == epoch => batches[position].clone(),
            _ => {
                let batches = self.plan.epoch(epoch);
                let rows = batches[position].clone();
                *current = Some((epoch, batches));
                rows
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_walk_through_epochs_in_any_order_of_asking() {
        let steps = Steps::new(vec![1, 2, 3, 4, 5], 2, 1, "test").expect("a plan");
        let forward: Vec<_> = (0..9).map(|step| steps.rows(step)).collect();
        let mut first: Vec<usize> = forward[..3].concat();
        first.sort_unstable();
        assert_eq!(first, [0, 1, 2, 3, 4]);
        for step in (0..9).rev() {
            assert_eq!(steps.rows(step), forward[step as usize]);
        }
    }
}
