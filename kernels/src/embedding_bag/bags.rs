//! The entries of a batch of bags, checked and sorted on the host.

use limbeck_engine::{Device, Error, Result, Tensor};

use crate::shared::offsets;
use crate::shared::segments::{SegmentTensors, Segments};

/// Which table rows each text of a batch sums, and with what weights: word counts or TF-IDF
/// features in compressed sparse row form, with the entries sorted by table row for the backward
/// pass. Built once per batch.
///
/// ```
/// use limbeck_engine::Device;
/// use limbeck_kernels::Bags;
/// // Three texts: rows 4 and 0, none, and row 4 again.
/// let bags = Bags::new(&Device::cpu(), &[0, 2, 2, 3], &[4, 0, 4], &[1.0, 0.5, 2.0], 5)?;
/// assert_eq!(bags.len(), 3);
/// let error = Bags::new(&Device::cpu(), &[0, 1], &[7], &[1.0], 5).unwrap_err();
/// assert!(error.to_string().contains("entry 0 names row 7"));
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Bags {
    pub(super) offsets: Tensor,
    pub(super) indices: Tensor,
    pub(super) weights: Tensor,
    pub(super) sorted_weights: Tensor,
    pub(super) segments: SegmentTensors,
    rows: usize,
}

impl Bags {
    /// Bag b holds the entries `offsets[b]..offsets[b + 1]`; entry e takes row `indices[e]` of a
    /// table with this number of rows, `weights[e]` times.
    ///
    /// # Errors
    /// If the offsets do not run from 0 to the number of entries without falling, there are not
    /// as many weights as indices, an index is not below `rows`, a weight is not finite, or the
    /// device cannot hold them.
    pub fn new(
        device: &Device,
        offsets: &[u32],
        indices: &[u32],
        weights: &[f32],
        rows: usize,
    ) -> Result<Self> {
        if let Some(message) = problem(offsets, indices, weights, rows) {
            return Err(Error::Shape {
                operator: "embedding_bag",
                message,
            });
        }
        let segments = Segments::by_key(indices);
        let sorted = sorted_weights(&segments, weights);
        let bag_of = offsets::row_of_entry(offsets);
        Ok(Bags {
            offsets: device.ids(offsets, [offsets.len()])?,
            indices: device.ids(indices, [indices.len()])?,
            weights: device.real(weights, [weights.len()])?,
            sorted_weights: device.real(&sorted, [sorted.len()])?,
            segments: segments.upload(device, |entry| bag_of[entry as usize])?,
            rows,
        })
    }

    /// Number of bags.
    pub fn len(&self) -> usize {
        self.offsets.shape().elements() - 1
    }

    /// Whether there is no bag at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of rows of the table that the entries name.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Every table row that an entry names, once: the rows whose gradient is not zero. Those of
    /// few entries come before those of very many, each part ascending.
    pub fn distinct(&self) -> &Tensor {
        self.segments.targets()
    }
}

/// What is wrong with the lists, if anything.
fn problem(offsets: &[u32], indices: &[u32], weights: &[f32], rows: usize) -> Option<String> {
    let entries = indices.len();
    if weights.len() != entries {
        return Some(format!(
            "expected a weight per index, found {} weights for {entries} indices",
            weights.len()
        ));
    }
    if let Some(message) = offsets::problem(offsets, entries, ["bag", "entries"]) {
        return Some(message);
    }
    if let Some(entry) = indices.iter().position(|&index| index as usize >= rows) {
        return Some(format!(
            "entry {entry} names row {} of a table with {rows} rows",
            indices[entry]
        ));
    }
    let entry = weights.iter().position(|weight| !weight.is_finite())?;
    Some(format!(
        "the weight of entry {entry} is {}, expected a finite number",
        weights[entry]
    ))
}

/// The weights in the order of the sorted entries.
pub(super) fn sorted_weights(segments: &Segments, weights: &[f32]) -> Vec<f32> {
    let weight = |&entry: &u32| weights[entry as usize];
    segments.order.iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_do_not_fit_are_refused() {
        let check = |offsets: &[u32], indices: &[u32], weights: &[f32]| match Bags::new(
            &Device::shapes(),
            offsets,
            indices,
            weights,
            4,
        ) {
            Ok(bags) => format!("accepted {}", bags.len()),
            Err(error) => error.to_string(),
        };
        assert_eq!(check(&[0, 2, 2], &[3, 0], &[1.0, 2.0]), "accepted 2");
        assert_eq!(check(&[0], &[], &[]), "accepted 0");
        for (message, part) in [
            (check(&[], &[], &[]), "must run from 0"),
            (check(&[1, 2], &[0, 0], &[1.0; 2]), "must run from 0"),
            (check(&[0, 1], &[0, 0], &[1.0; 2]), "number of entries, 2"),
            (
                check(&[0, 2, 1, 2], &[0, 0], &[1.0; 2]),
                "bag 1 fall from 2",
            ),
            (check(&[0, 2], &[0, 4], &[1.0; 2]), "entry 1 names row 4"),
            (check(&[0, 2], &[0, 1], &[1.0]), "1 weights for 2 indices"),
            (
                check(&[0, 1], &[0], &[f32::NAN]),
                "weight of entry 0 is NaN",
            ),
        ] {
            assert!(message.contains(part), "{message}");
        }
    }
}
