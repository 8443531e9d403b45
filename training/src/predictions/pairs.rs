//! Two models on the same samples.

use serde::Serialize;

use super::{Judgements, Predictions};
use crate::metrics::{PairedBootstrap, SignTest};

/// Whether one model is better than another, as far as one test set can tell. It says nothing of other
/// seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PairedTest {
    /// The figure that is compared.
    pub metric: &'static str,
    /// Its difference on the same draws of samples.
    pub bootstrap: PairedBootstrap,
    /// The samples on which the one is better and those on which it is worse. Where a sample is right or
    /// wrong, this is McNemar's test; else its F1, its share of right words, or its number of errors
    /// decides.
    pub signs: SignTest,
}

/// Compares a model with another. None if they were not judged on the same samples, or on none.
///
/// ```
/// use limbeck_training::predictions::{Answer, AnswerKind, Predictions, Sample, paired_test};
/// let sample = |truth| Sample { truth: Some(truth), ..Sample::default() };
/// let labels = vec!["no".to_string(), "yes".to_string()];
/// let samples = vec![sample(0), sample(1), sample(1)];
/// let mut test = Predictions::new("test", AnswerKind::Classes, labels, samples, &["no", "yes", "yes"]);
/// let always = |class| vec![Answer::of_class(class, 0.9, 0.1); 3];
/// test.models.set("no", always(0));
/// test.models.set("yes", always(1));
/// let [no, yes] = ["no", "yes"].map(|name| test.judge(name).unwrap());
/// let paired = paired_test((&test, &yes), (&test, &no)).unwrap();
/// assert_eq!((paired.signs.better, paired.signs.worse), (2, 1));
/// assert!((paired.bootstrap.difference - 1.0 / 3.0).abs() < 1e-12);
/// ```
pub fn paired_test(
    (set, first): (&Predictions, &Judgements),
    (other, second): (&Predictions, &Judgements),
) -> Option<PairedTest> {
    if (&set.checksum, set.kind) != (&other.checksum, other.kind) {
        return None;
    }
    let (quality, base) = (first.figures().first()?, second.figures().first()?);
    let draws = first.quality_draws().iter().zip(second.quality_draws());
    let draws: Vec<f64> = draws.map(|(a, b)| a - b).collect();
    Some(PairedTest {
        metric: quality.name,
        bootstrap: PairedBootstrap::of(quality.value - base.value, &draws),
        signs: SignTest::of_scores(&first.scores(), &second.scores()),
    })
}
