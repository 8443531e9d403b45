//! Two models on the same samples.

use serde::Serialize;

use super::{Judged, Predictions};
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

/// Compares a model with another. None if either has no answers, or if they were not judged on the same
/// samples.
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
/// let judged = test.judged();
/// let paired = paired_test((&judged, "yes"), (&judged, "no")).unwrap();
/// assert_eq!((paired.signs.better, paired.signs.worse), (2, 1));
/// assert!((paired.bootstrap.difference - 1.0 / 3.0).abs() < 1e-12);
/// ```
pub fn paired_test(
    (set, model): (&Judged<'_>, &str),
    (other, base): (&Judged<'_>, &str),
) -> Option<PairedTest> {
    let same = |a: &Predictions, b: &Predictions| (&a.checksum, a.kind) == (&b.checksum, b.kind);
    if !same(set.predictions, other.predictions) {
        return None;
    }
    let (first, second) = (set.models.get(model)?, other.models.get(base)?);
    let (quality, of_base) = (first.figures().first()?, second.figures().first()?);
    let draws = first.quality_draws().iter().zip(second.quality_draws());
    let draws: Vec<f64> = draws.map(|(a, b)| a - b).collect();
    Some(PairedTest {
        metric: quality.name,
        bootstrap: PairedBootstrap::of(quality.value - of_base.value, &draws),
        signs: SignTest::of_scores(&first.scores(), &second.scores()),
    })
}

/// One run among several.
#[derive(Debug, Clone)]
pub struct JudgedRun<'a> {
    /// Runs of one arm differ in their seed alone.
    pub arm: String,
    /// The seed.
    pub seed: u64,
    /// The names of its models.
    pub models: Vec<String>,
    /// What they said; none if the run folder does not say.
    pub judged: Option<Judged<'a>>,
}

/// A model of one run, compared with the baseline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairedRow {
    /// The arm.
    pub arm: String,
    /// The model.
    pub model: String,
    /// The seed of its run.
    pub seed: u64,
    /// The arm of the baseline.
    pub against_arm: String,
    /// The model that is the baseline.
    pub against_model: String,
    /// The seed of the baseline's run.
    pub against_seed: u64,
    /// What the comparison says; none if it cannot be made.
    pub test: Option<PairedTest>,
    /// Why not.
    pub missing: Option<String>,
}

/// Compares every model of every run with the baseline: a model's name, or `ARM/MODEL`; if no model is
/// called so, the first one. A model meets the baseline of its own seed, or where there is none, that of
/// the first run that has it.
pub fn paired_rows(runs: &[JudgedRun<'_>], baseline: &str) -> Vec<PairedRow> {
    let all = || {
        let of = |run| move |model| (run, model);
        runs.iter()
            .flat_map(move |run| run.models.iter().map(of(run)))
    };
    let is_called = |run: &JudgedRun<'_>, model: &String| {
        baseline == model || baseline == format!("{}/{model}", run.arm)
    };
    let named = all().find(|(run, model)| is_called(run, model));
    let Some((first, base)) = named.or_else(|| all().next()) else {
        return Vec::new();
    };
    let others = all().filter(|(run, model)| (&run.arm, *model) != (&first.arm, base));
    let row = |(run, model): (&JudgedRun<'_>, &String)| {
        let of_arm = |other: &&JudgedRun<'_>| other.arm == first.arm && other.models.contains(base);
        let same_seed = runs
            .iter()
            .filter(of_arm)
            .find(|other| other.seed == run.seed);
        let against = same_seed.unwrap_or(first);
        let compared = compare((run, model), (against, base));
        PairedRow {
            arm: run.arm.clone(),
            model: model.clone(),
            seed: run.seed,
            against_arm: against.arm.clone(),
            against_model: base.clone(),
            against_seed: against.seed,
            test: compared.as_ref().ok().copied(),
            missing: compared.err(),
        }
    };
    others.map(row).collect()
}

fn compare(
    (run, model): (&JudgedRun<'_>, &str),
    (against, base): (&JudgedRun<'_>, &str),
) -> Result<PairedTest, String> {
    paired_test((judged(run)?, model), (judged(against)?, base))
        .ok_or_else(|| "they were not judged on the same samples".into())
}

fn judged<'r, 'a>(run: &'r JudgedRun<'a>) -> Result<&'r Judged<'a>, String> {
    let (arm, seed) = (&run.arm, run.seed);
    let missing = || format!("the folder of {arm}, seed {seed}, keeps no predictions");
    run.judged.as_ref().ok_or_else(missing)
}
