//! How good a predicted label is, between 0 and 1, and what follows from it: steps S20 and S30.

use super::options::Score;
use crate::text::LabelSpace;
use crate::text::softmax;

/// What a teacher says of one sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prediction {
    /// Unnormalised scores, a row per label of the sample.
    pub scores: Vec<f32>,
    /// Its decisions.
    pub labels: Vec<u32>,
}

/// The score of a prediction against the original labels. Distributions of several words are compared
/// as one long vector; for the distance it is scaled so that its length does not count. Keywords are
/// compared as phrases, wherever they stand in the text.
///
/// ```
/// use limbeck_recipes::relay::{Form, LabelSpace, Prediction, Score, score};
/// let space = LabelSpace::new(vec!["no".into(), "yes".into()], Form::Classify);
/// let sure = Prediction { scores: vec![0.0, 20.0], labels: vec![1] };
/// assert_eq!(score(Score::F1, &space, "", &sure, &[1]), 1.0);
/// assert!(score(Score::Likelihood, &space, "", &sure, &[1]) > 0.999);
/// assert!(score(Score::Cosine, &space, "", &sure, &[0]) < 0.001);
/// ```
pub fn score(
    kind: Score,
    space: &LabelSpace,
    text: &str,
    predicted: &Prediction,
    labels: &[u32],
) -> f64 {
    let rows = || {
        let rows = predicted.scores.chunks(space.names.len()).map(softmax);
        rows.zip(labels.iter().map(|&label| label as usize))
    };
    let count = labels.len().max(1) as f64;
    match kind {
        Score::F1 => space.f1(text, &predicted.labels, labels),
        Score::TokenF1 => space.token_f1(&predicted.labels, labels),
        Score::Cosine => {
            let product: f64 = rows().map(|(p, label)| p[label]).sum();
            let length: f64 = rows().map(|(p, _)| squared(&p)).sum();
            product / (length * count).sqrt().max(f64::MIN_POSITIVE)
        }
        Score::Euclidean => {
            let apart = |(p, label): (Vec<f64>, usize)| squared(&p) - 2.0 * p[label] + 1.0;
            let squared: f64 = rows().map(apart).sum();
            1.0 / (1.0 + (squared / count).max(0.0).sqrt())
        }
        Score::Likelihood => {
            let log: f64 = rows().map(|(p, label)| p[label].max(1e-300).ln()).sum();
            (log / count).exp()
        }
    }
}

fn squared(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum()
}

/// The samples that A got right enough, and the others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Partition {
    /// The score of every sample.
    pub scores: Vec<f64>,
    /// Samples with a score of at least the threshold, in order.
    pub target: Vec<usize>,
    /// All others, in order.
    pub below: Vec<usize>,
}

impl Partition {
    /// Divides samples by their scores. One that is not a number is below every threshold.
    ///
    /// ```
    /// use limbeck_recipes::relay::Partition;
    /// let partition = Partition::new(vec![0.9, 0.2, 1.0], 0.9);
    /// assert_eq!((partition.target, partition.below), (vec![0, 2], vec![1]));
    /// ```
    pub fn new(scores: Vec<f64>, threshold: f64) -> Self {
        let (target, below) = (0..scores.len()).partition(|&sample| scores[sample] >= threshold);
        Partition {
            scores,
            target,
            below,
        }
    }

    /// Whether a sample is a target sample.
    pub fn is_target(&self, sample: usize) -> bool {
        self.target.binary_search(&sample).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Form;

    fn space() -> LabelSpace {
        let names = ["a", "b", "c"].map(String::from).to_vec();
        LabelSpace::new(names, Form::Classify)
    }

    /// Scores whose softmax are these probabilities.
    fn predicting(probabilities: &[f64]) -> Prediction {
        Prediction {
            scores: probabilities.iter().map(|p| p.ln() as f32).collect(),
            labels: Vec::new(),
        }
    }

    #[test]
    fn scores_of_distributions_by_hand() {
        let p = predicting(&[0.6, 0.3, 0.1]);
        let of = |kind, label| score(kind, &space(), "", &p, &[label]);
        let length = (0.36f64 + 0.09 + 0.01).sqrt();
        assert!((of(Score::Cosine, 0) - 0.6 / length).abs() < 1e-6);
        assert!((of(Score::Likelihood, 1) - 0.3).abs() < 1e-6);
        let distance = (0.16f64 + 0.09 + 0.01).sqrt();
        assert!((of(Score::Euclidean, 0) - 1.0 / (1.0 + distance)).abs() < 1e-6);
    }

    #[test]
    fn several_words_count_alike_whatever_their_number() {
        let names = space().names;
        let tags = LabelSpace::new(names, Form::Tag(limbeck_data::tagging::Scheme::None));
        let one = predicting(&[0.5, 0.25, 0.25]);
        let two = predicting(&[0.5, 0.25, 0.25, 0.5, 0.25, 0.25]);
        for kind in [Score::Cosine, Score::Euclidean, Score::Likelihood] {
            let difference =
                score(kind, &tags, "", &one, &[0]) - score(kind, &tags, "", &two, &[0, 0]);
            assert!(difference.abs() < 1e-9, "{kind:?}: {difference}");
        }
        let mixed = score(Score::Likelihood, &tags, "", &two, &[0, 1]);
        assert!((mixed - (0.5f64 * 0.25).sqrt()).abs() < 1e-6);
    }

    #[test]
    fn a_partition_is_disjoint_and_covers_all() {
        let scores = vec![0.9, 0.899_999, f64::NAN, 1.0, 0.0];
        let partition = Partition::new(scores, 0.9);
        assert_eq!(partition.target, [0, 3]);
        assert_eq!(partition.below, [1, 2, 4]);
        let marked: Vec<bool> = (0..5).map(|sample| partition.is_target(sample)).collect();
        assert_eq!(marked, [true, false, false, true, false]);
    }
}
