//! Which label each sample has for the student: the relay.

use serde::{Deserialize, Serialize};

use super::options::{LabelForm, Policy};
use super::score::{Partition, Prediction};

/// Where a sample's label comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Teacher A: a target label.
    A,
    /// Teacher B: an optimised label.
    B,
    /// The data.
    Original,
    /// Nowhere: the sample is left out.
    Dropped,
}

/// What the student compares its answer with.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Where it comes from.
    pub source: Source,
    /// Decisions.
    pub labels: Vec<u32>,
    /// A teacher's scores, where its distribution is wanted.
    pub scores: Option<Vec<f32>>,
}

impl Target {
    /// The original labels.
    pub fn original(labels: &[u32]) -> Self {
        Target {
            source: Source::Original,
            labels: labels.to_vec(),
            scores: None,
        }
    }

    fn of(source: Source, predicted: &Prediction, form: LabelForm) -> Self {
        Target {
            source,
            labels: predicted.labels.clone(),
            scores: (form == LabelForm::Soft).then(|| predicted.scores.clone()),
        }
    }
}

/// What is known of the samples once both teachers have spoken.
pub struct Evidence<'a> {
    /// The original labels.
    pub labels: &'a [Vec<u32>],
    /// What A says of every sample.
    pub a: &'a [Prediction],
    /// How good that is, and what follows.
    pub partition: &'a Partition,
    /// What B says of the samples below the threshold, and how good that is; nothing where B was not
    /// asked.
    pub b: &'a [Option<(Prediction, f64)>],
    /// Scores from here on are good enough.
    pub threshold: f64,
}

impl Evidence<'_> {
    /// The targets of all samples by a policy.
    pub fn targets(&self, policy: Policy, form: LabelForm) -> Vec<Target> {
        (0..self.labels.len())
            .map(|sample| self.target(sample, policy, form))
            .collect()
    }

    fn target(&self, sample: usize, policy: Policy, form: LabelForm) -> Target {
        let of_a = |form| Target::of(Source::A, &self.a[sample], form);
        if policy == Policy::SoftA {
            return of_a(LabelForm::Soft);
        }
        if self.partition.is_target(sample) {
            return of_a(form);
        }
        let original = || Target::original(&self.labels[sample]);
        let of_b = |b: &Prediction| Target::of(Source::B, b, form);
        match (policy, &self.b[sample]) {
            (Policy::Drop, _) => Target {
                source: Source::Dropped,
                ..original()
            },
            (Policy::Replace, Some((b, _))) => of_b(b),
            (Policy::BestOf, Some((b, score))) => match *score > self.partition.scores[sample] {
                true => of_b(b),
                false => of_a(form),
            },
            (Policy::FallbackOriginal, Some((b, score))) if *score >= self.threshold => of_b(b),
            _ => original(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(label: u32) -> Prediction {
        Prediction {
            scores: vec![label as f32, 1.0],
            labels: vec![label],
        }
    }

    fn sources(policy: Policy, form: LabelForm) -> Vec<(Source, u32, bool)> {
        let partition = Partition::new(vec![1.0, 0.0, 0.0, 0.5], 0.9);
        let evidence = Evidence {
            labels: &[vec![7], vec![7], vec![7], vec![7]],
            a: &[7, 1, 1, 1].map(says),
            partition: &partition,
            b: &[
                None,
                Some((says(7), 1.0)),
                Some((says(2), 0.3)),
                Some((says(2), 0.5)),
            ],
            threshold: 0.9,
        };
        let targets = evidence.targets(policy, form).into_iter();
        targets
            .map(|target| (target.source, target.labels[0], target.scores.is_some()))
            .collect()
    }

    #[test]
    fn every_policy_by_hand() {
        use Source::{A, B, Dropped, Original};
        let hard = |policy| {
            let found = sources(policy, LabelForm::Hard);
            assert!(policy == Policy::SoftA || found.iter().all(|(_, _, soft)| !soft));
            found
                .into_iter()
                .map(|(s, l, _)| (s, l))
                .collect::<Vec<_>>()
        };
        assert_eq!(hard(Policy::Replace), [(A, 7), (B, 7), (B, 2), (B, 2)]);
        assert_eq!(hard(Policy::BestOf), [(A, 7), (B, 7), (B, 2), (A, 1)]);
        let fallback = [(A, 7), (B, 7), (Original, 7), (Original, 7)];
        assert_eq!(hard(Policy::FallbackOriginal), fallback);
        let dropped = [(A, 7), (Dropped, 7), (Dropped, 7), (Dropped, 7)];
        assert_eq!(hard(Policy::Drop), dropped);
        assert_eq!(hard(Policy::SoftA), [(A, 7), (A, 1), (A, 1), (A, 1)]);
    }

    #[test]
    fn teachers_may_give_distributions_and_the_data_never_do() {
        for policy in [Policy::Replace, Policy::FallbackOriginal, Policy::SoftA] {
            for (source, _, soft) in sources(policy, LabelForm::Soft) {
                assert_eq!(soft, matches!(source, Source::A | Source::B), "{policy:?}");
            }
        }
        assert!(
            sources(Policy::SoftA, LabelForm::Hard)
                .iter()
                .all(|(_, _, soft)| *soft)
        );
    }
}
