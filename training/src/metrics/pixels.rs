//! Pixels that are right and wrong.

use limbeck_data::pictures::IGNORED;
use serde::{Deserialize, Serialize};

use super::{ClassScores, ratio};
use crate::error::{Result, TrainingError};

/// Counts over units that each have one class (pixels, frames), with precision and recall of one class of
/// interest. Units whose truth is [`IGNORED`] are never counted, whatever is predicted for them.
///
/// ```text
/// pixel error = wrong / counted     F1 = 2 hits / (truth + predicted)
/// ```
///
/// ```
/// use limbeck_data::pictures::IGNORED;
/// use limbeck_training::metrics::PixelScores;
/// let mut scores = PixelScores::new(0); // 0 is the class "membrane"
/// scores.add(&[0, 0, 1, 1, IGNORED], &[0, 1, 1, 1, 0])?;
/// assert_eq!(scores.pixel_error(), 0.25);
/// assert_eq!((scores.class_scores().precision, scores.class_scores().recall), (1.0, 0.5));
/// # Ok::<(), limbeck_training::TrainingError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PixelScores {
    /// The class of interest.
    pub class: u32,
    /// Units with truth.
    pub counted: u64,
    /// Units whose prediction is not their truth.
    pub wrong: u64,
    /// Units of the class of interest in both.
    pub hits: u64,
    /// Units of that class in the truth.
    pub truth: u64,
    /// Units with truth that are predicted as that class.
    pub predicted: u64,
}

impl PixelScores {
    /// Nothing counted yet; `class` is the class of interest.
    pub fn new(class: u32) -> Self {
        Self {
            class,
            counted: 0,
            wrong: 0,
            hits: 0,
            truth: 0,
            predicted: 0,
        }
    }

    /// Counts the units of a picture: true and predicted classes.
    ///
    /// # Errors
    /// The lists differ in length.
    pub fn add(&mut self, truth: &[u32], predicted: &[u32]) -> Result<()> {
        if truth.len() != predicted.len() {
            return Err(TrainingError::Data(format!(
                "{} true labels but {} predictions: each pixel needs one of both",
                truth.len(),
                predicted.len()
            )));
        }
        for (&truth, &predicted) in truth.iter().zip(predicted) {
            if truth == IGNORED {
                continue;
            }
            let (of_truth, of_predicted) = (truth == self.class, predicted == self.class);
            self.counted += 1;
            self.wrong += u64::from(truth != predicted);
            self.hits += u64::from(of_truth && of_predicted);
            self.truth += u64::from(of_truth);
            self.predicted += u64::from(of_predicted);
        }
        Ok(())
    }

    /// Adds what was counted elsewhere for the same class.
    ///
    /// # Errors
    /// The classes of interest differ.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if self.class != other.class {
            return Err(TrainingError::Data(format!(
                "pixels counted for class {} cannot be added to those for class {}: count both for \
                 one class",
                other.class, self.class
            )));
        }
        self.counted += other.counted;
        self.wrong += other.wrong;
        self.hits += other.hits;
        self.truth += other.truth;
        self.predicted += other.predicted;
        Ok(())
    }

    /// The share of units that are wrong.
    pub fn pixel_error(&self) -> f64 {
        ratio(self.wrong, self.counted)
    }

    /// Precision, recall and F1 of the class of interest.
    pub fn class_scores(&self) -> ClassScores {
        ClassScores {
            precision: ratio(self.hits, self.predicted),
            recall: ratio(self.hits, self.truth),
            f1: ratio(2 * self.hits, self.truth + self.predicted),
            support: self.truth,
            predicted: self.predicted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_by_hand() {
        let mut scores = PixelScores::new(1);
        let truth = [0, 1, 2, 1, IGNORED, 1, 0, IGNORED];
        let predicted = [0, 1, 1, 2, 1, 1, 1, IGNORED];
        scores.add(&truth, &predicted).unwrap();
        assert_eq!((scores.counted, scores.wrong), (6, 3));
        assert_eq!((scores.hits, scores.truth, scores.predicted), (2, 3, 4));
        assert_eq!(scores.pixel_error(), 0.5);
        let class = scores.class_scores();
        assert_eq!((class.precision, class.recall), (0.5, 2.0 / 3.0));
        assert_eq!(class.f1, 4.0 / 7.0);
        assert_eq!((class.support, class.predicted), (3, 4));
    }

    #[test]
    fn pictures_add_up_and_do_not_mix() {
        let (mut whole, mut first, mut second) = (
            PixelScores::new(0),
            PixelScores::new(0),
            PixelScores::new(0),
        );
        let (truth, predicted) = ([0, 1, 1, 0, 1], [0, 0, 1, 1, 1]);
        whole.add(&truth, &predicted).unwrap();
        first.add(&truth[..2], &predicted[..2]).unwrap();
        second.add(&truth[2..], &predicted[2..]).unwrap();
        first.merge(&second).unwrap();
        assert_eq!(first, whole);
        let error = first.merge(&PixelScores::new(1)).unwrap_err().to_string();
        assert!(
            error.contains("class 1") && error.contains("class 0"),
            "{error}"
        );
        let error = first.add(&[0], &[]).unwrap_err().to_string();
        assert!(error.starts_with("1 true labels but 0"), "{error}");
        assert_eq!(first, whole);
    }

    #[test]
    fn nothing_counted_is_0() {
        let mut scores = PixelScores::new(0);
        scores.add(&[IGNORED], &[0]).unwrap();
        assert_eq!((scores.pixel_error(), scores.class_scores().f1), (0.0, 0.0));
    }
}
