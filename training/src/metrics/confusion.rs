//! Classification: the confusion matrix and what derives from it.
//!
//! Everything derives from the counts `n[truth][predicted]`:
//!
//! ```text
//! precision_c = n[c][c] / Σ_t n[t][c]      recall_c = n[c][c] / Σ_p n[c][p]
//! F1_c        = 2 n[c][c] / (Σ_t n[t][c] + Σ_p n[c][p])
//! accuracy    = Σ_c n[c][c] / Σ_tp n[t][p]
//! macro-F1    = mean of F1_c over the classes that occur in the truth
//! ```

use serde::{Deserialize, Serialize};

use super::ratio;
use crate::error::{Result, TrainingError};

/// Counts of (true class, predicted class).
///
/// ```
/// use limbeck_training::metrics::ConfusionMatrix;
/// let matrix = ConfusionMatrix::from_labels(&[0, 0, 1, 1], &[0, 1, 1, 1], 2)?;
/// assert_eq!(matrix.accuracy(), 0.75);
/// assert_eq!(matrix.count(0, 1), 1);
/// # Ok::<(), limbeck_training::TrainingError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Vec<u64>>", into = "Vec<Vec<u64>>")]
pub struct ConfusionMatrix {
    /// Row-major: the row is the truth, the column the prediction.
    counts: Vec<u64>,
    classes: usize,
}

/// What one class looks like from both sides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// Of the texts predicted as this class, the share that is.
    pub precision: f64,
    /// Of the texts of this class, the share that was found.
    pub recall: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// Number of texts of this class in the truth.
    pub support: u64,
    /// Number of texts predicted as this class.
    pub predicted: u64,
}

impl ConfusionMatrix {
    /// An empty matrix for `classes` classes.
    pub fn new(classes: usize) -> Self {
        Self {
            counts: vec![0; classes * classes],
            classes,
        }
    }

    /// Counts two lists of class indices.
    ///
    /// # Errors
    /// If the lists differ in length, or a class index is not below `classes`.
    pub fn from_labels(truth: &[u32], predicted: &[u32], classes: usize) -> Result<Self> {
        if truth.len() != predicted.len() {
            return Err(TrainingError::Data(format!(
                "{} true labels but {} predictions: each text needs one of both",
                truth.len(),
                predicted.len()
            )));
        }
        let mut matrix = Self::new(classes);
        for (&t, &p) in truth.iter().zip(predicted) {
            matrix.add(t, p)?;
        }
        Ok(matrix)
    }

    /// Counts one text.
    ///
    /// # Errors
    /// If a class index is not below the number of classes.
    pub fn add(&mut self, truth: u32, predicted: u32) -> Result<()> {
        for (role, class) in [("true", truth), ("predicted", predicted)] {
            if class as usize >= self.classes {
                return Err(TrainingError::Data(format!(
                    "{role} class {class} is outside the {} known classes",
                    self.classes
                )));
            }
        }
        self.counts[truth as usize * self.classes + predicted as usize] += 1;
        Ok(())
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How many texts of class `truth` were predicted as `predicted`; 0 for classes outside.
    pub fn count(&self, truth: usize, predicted: usize) -> u64 {
        if truth >= self.classes || predicted >= self.classes {
            return 0;
        }
        self.counts[truth * self.classes + predicted]
    }

    /// The number of texts counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The share of texts on the diagonal; 0 if there are none at all.
    pub fn accuracy(&self) -> f64 {
        let correct = (0..self.classes).map(|c| self.count(c, c)).sum();
        ratio(correct, self.total())
    }

    /// The mean F1 over the classes that occur in the truth.
    ///
    /// A class that is only ever predicted has no row of its own in this mean, but each such
    /// prediction costs a class that does occur some recall: no mistake goes uncounted.
    pub fn macro_f1(&self) -> f64 {
        let occurring: Vec<f64> = self
            .per_class()
            .iter()
            .filter(|s| s.support > 0)
            .map(|s| s.f1)
            .collect();
        if occurring.is_empty() {
            return 0.0;
        }
        occurring.iter().sum::<f64>() / occurring.len() as f64
    }

    /// Precision, recall and F1 of every class, in class order.
    pub fn per_class(&self) -> Vec<ClassScores> {
        (0..self.classes)
            .map(|c| {
                let hit = self.count(c, c);
                let support = (0..self.classes).map(|p| self.count(c, p)).sum();
                let predicted = (0..self.classes).map(|t| self.count(t, c)).sum();
                ClassScores {
                    precision: ratio(hit, predicted),
                    recall: ratio(hit, support),
                    f1: ratio(2 * hit, support + predicted),
                    support,
                    predicted,
                }
            })
            .collect()
    }
}

impl From<ConfusionMatrix> for Vec<Vec<u64>> {
    fn from(matrix: ConfusionMatrix) -> Self {
        // max(1): chunks of 0 are not allowed, and no classes means no rows either way.
        matrix
            .counts
            .chunks(matrix.classes.max(1))
            .map(<[u64]>::to_vec)
            .collect()
    }
}

impl TryFrom<Vec<Vec<u64>>> for ConfusionMatrix {
    type Error = String;

    fn try_from(rows: Vec<Vec<u64>>) -> std::result::Result<Self, String> {
        let classes = rows.len();
        match rows.iter().find(|row| row.len() != classes) {
            Some(row) => Err(format!(
                "a confusion matrix is square: it has {classes} rows, but one of {} columns",
                row.len()
            )),
            None => Ok(Self {
                counts: rows.concat(),
                classes,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Truth 0 0 0 1 1 2, predicted 0 0 1 1 2 2, with a class 3 nobody mentions.
    fn example() -> ConfusionMatrix {
        ConfusionMatrix::from_labels(&[0, 0, 0, 1, 1, 2], &[0, 0, 1, 1, 2, 2], 4).unwrap()
    }

    // Sums of at most a handful of quotients: a few roundings of f64.
    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-15
    }

    #[test]
    fn scores_agree_with_a_calculation_by_hand() {
        let scores = example().per_class();
        assert_eq!((scores[0].precision, scores[0].recall), (1.0, 2.0 / 3.0));
        assert!(close(scores[0].f1, 0.8));
        assert_eq!(
            (scores[1].precision, scores[1].recall, scores[1].f1),
            (0.5, 0.5, 0.5)
        );
        assert_eq!((scores[2].precision, scores[2].recall), (0.5, 1.0));
        assert!(close(scores[2].f1, 2.0 / 3.0));
        assert_eq!((scores[2].support, scores[2].predicted), (1, 2));
        assert!(close(example().accuracy(), 4.0 / 6.0));
    }

    #[test]
    fn macro_f1_leaves_out_classes_absent_from_the_truth() {
        assert!(close(example().macro_f1(), (0.8 + 0.5 + 2.0 / 3.0) / 3.0));
        // Class 2 is only predicted: it is no member of the mean, yet costs class 1 its recall.
        let matrix = ConfusionMatrix::from_labels(&[0, 1, 1], &[0, 1, 2], 3).unwrap();
        assert!(close(matrix.macro_f1(), (1.0 + 2.0 / 3.0) / 2.0));
    }

    #[test]
    fn zero_over_zero_is_zero() {
        let never = example().per_class()[3];
        assert_eq!((never.precision, never.recall, never.f1), (0.0, 0.0, 0.0));
        let empty = ConfusionMatrix::new(3);
        assert_eq!(
            (empty.accuracy(), empty.macro_f1(), empty.total()),
            (0.0, 0.0, 0)
        );
    }

    #[test]
    fn impossible_labels_are_named() {
        let error = ConfusionMatrix::from_labels(&[0, 1], &[0, 5], 2).unwrap_err();
        assert_eq!(
            error.to_string(),
            "predicted class 5 is outside the 2 known classes"
        );
        let error = ConfusionMatrix::from_labels(&[0, 1], &[0], 2).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("2 true labels but 1 predictions")
        );
    }

    #[test]
    fn the_matrix_survives_json_and_refuses_ragged_rows() {
        let json = serde_json::to_string(&example()).unwrap();
        assert_eq!(json, "[[2,1,0,0],[0,1,1,0],[0,0,1,0],[0,0,0,0]]");
        assert_eq!(
            serde_json::from_str::<ConfusionMatrix>(&json).unwrap(),
            example()
        );
        assert!(serde_json::from_str::<ConfusionMatrix>("[[1,2],[3]]").is_err());
        let none: ConfusionMatrix = serde_json::from_str("[]").unwrap();
        assert_eq!(none, ConfusionMatrix::new(0));
    }
}
