//! Updates that read their samples in several parts, one after the other, and add the gradients:
//! the memory of a part, and the update of the whole.

use std::ops::Range;

/// Part `number` (from 0) of `of` parts of an update's samples.
///
/// ```
/// use limbeck_training::stage::MicroBatch;
/// let parts: Vec<_> = MicroBatch::all(3).map(|part| part.range(10)).collect();
/// assert_eq!(parts, [0..3, 3..6, 6..10]);
/// assert_eq!(MicroBatch::WHOLE.share(10), 1.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MicroBatch {
    number: usize,
    of: usize,
}

impl MicroBatch {
    /// All samples at once.
    pub const WHOLE: MicroBatch = MicroBatch { number: 0, of: 1 };

    /// The parts of an update, in order; one at least.
    pub fn all(of: usize) -> impl Iterator<Item = MicroBatch> {
        let of = of.max(1);
        (0..of).map(move |number| MicroBatch { number, of })
    }

    /// Whether there is no other part.
    pub fn is_whole(self) -> bool {
        self.of == 1
    }

    /// Which of `samples` samples are in this part.
    pub fn range(self, samples: usize) -> Range<usize> {
        let end = |number: usize| samples * number / self.of;
        end(self.number)..end(self.number + 1)
    }

    /// How large a share of `samples` samples that is; 0 of none.
    pub fn share(self, samples: usize) -> f32 {
        self.range(samples).len() as f32 / samples.max(1) as f32
    }
}
