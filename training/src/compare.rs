//! Finished runs side by side: mean and spread over seeds, differences paired by seed.

use serde::Serialize;

use crate::run_folder::Metrics;

/// What one run says of its models.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// Runs of one arm differ in their seed alone.
    pub arm: String,
    /// The seed.
    pub seed: u64,
    /// Name and figures of each model.
    pub models: Vec<(String, Metrics)>,
}

/// Mean and standard deviation of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The sample standard deviation (divisor n - 1); none for a single value.
    pub sd: Option<f64>,
}

impl Spread {
    /// Of values; none without any.
    ///
    /// ```
    /// use limbeck_training::compare::Spread;
    /// let spread = Spread::of(&[1.0, 2.0, 3.0]);
    /// assert_eq!(spread, Some(Spread { mean: 2.0, sd: Some(1.0) }));
    /// assert_eq!(Spread::of(&[]), None);
    /// ```
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let sd = (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
        (!values.is_empty()).then_some(Self { mean, sd })
    }
}

/// One model of one arm, over its seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The arm.
    pub arm: String,
    /// The model.
    pub model: String,
    /// The seeds, in the order of `values`.
    pub seeds: Vec<u64>,
    /// What is compared: `accuracy`, `span_f1`, `keyword_f1` ...
    pub metric: &'static str,
    /// It for each seed.
    pub values: Vec<f64>,
    /// Their mean and spread.
    pub quality: Spread,
    /// Mean and spread of macro-F1, over classes or types of spans.
    pub macro_f1: Option<Spread>,
    /// Whether it has read the texts of test, without their labels.
    pub transductive: bool,
    /// The seeds with a gate that was hardly ever closed.
    pub degenerate: Vec<u64>,
    /// The metric minus that of the baseline with the same seed, over the seeds that both have.
    pub gain: Option<Gain>,
}

/// Differences paired by seed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gain {
    /// Mean and spread of the differences.
    pub spread: Spread,
    /// The difference for each seed that both sides have.
    pub each: Vec<(u64, f64)>,
}

/// One row for each model of each arm, in the order of the runs. Gains are counted from the first
/// row that is called `baseline`: a model's name, or `ARM/MODEL`. Models without a
/// figure of quality ([`Metrics::quality`]) have no row.
pub fn compare(runs: &[Finished], baseline: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut macro_f1: Vec<Vec<f64>> = Vec::new();
    for run in runs {
        for (model, metrics) in &run.models {
            let Some((metric, value)) = metrics.quality() else {
                continue;
            };
            let place = rows
                .iter()
                .position(|row| row.arm == run.arm && row.model == *model);
            let place = place.unwrap_or_else(|| {
                rows.push(Row::empty(&run.arm, model, metric));
                macro_f1.push(Vec::new());
                rows.len() - 1
            });
            rows[place].seeds.push(run.seed);
            rows[place].values.push(value);
            let of_spans = || metrics.get("span_macro_f1");
            macro_f1[place].extend(metrics.get("macro_f1").or_else(of_spans));
            rows[place].transductive |= metrics.get("transductive").is_some();
            let degenerate = metrics.get("degenerate").map(|_| run.seed);
            rows[place].degenerate.extend(degenerate);
        }
    }
    for (row, macro_f1) in rows.iter_mut().zip(&macro_f1) {
        row.quality = Spread::of(&row.values).expect("a row starts with its first run");
        row.macro_f1 = Spread::of(macro_f1);
    }
    let base = rows.iter().position(|row| row.is_called(baseline));
    if let Some(base) = base.map(|place| rows[place].clone()) {
        for row in &mut rows {
            row.gain = (!row.is(&base)).then(|| row.gain_over(&base)).flatten();
        }
    }
    rows
}

impl Row {
    fn empty(arm: &str, model: &str, metric: &'static str) -> Self {
        Self {
            arm: arm.into(),
            model: model.into(),
            seeds: Vec::new(),
            metric,
            values: Vec::new(),
            quality: Spread {
                mean: 0.0,
                sd: None,
            },
            macro_f1: None,
            transductive: false,
            degenerate: Vec::new(),
            gain: None,
        }
    }

    fn is(&self, other: &Row) -> bool {
        (&self.arm, &self.model) == (&other.arm, &other.model)
    }

    /// Whether a baseline's name means this row: `MODEL` or `ARM/MODEL`.
    pub fn is_called(&self, name: &str) -> bool {
        name == self.model || name.strip_suffix(&self.model) == Some(&format!("{}/", self.arm))
    }

    fn gain_over(&self, base: &Row) -> Option<Gain> {
        let of = |seed: &u64| {
            let place = base.seeds.iter().position(|other| other == seed)?;
            Some(base.values[place])
        };
        let pairs = self.seeds.iter().zip(&self.values);
        let each: Vec<(u64, f64)> = pairs
            .filter_map(|(seed, accuracy)| Some((*seed, accuracy - of(seed)?)))
            .collect();
        let differences: Vec<f64> = each.iter().map(|(_, difference)| *difference).collect();
        Spread::of(&differences).map(|spread| Gain { spread, each })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(arm: &str, seed: u64, models: &[(&str, f64)]) -> Finished {
        let figures = |(name, accuracy): &(&str, f64)| {
            let metrics = Metrics::new().rate("accuracy", *accuracy);
            (name.to_string(), metrics.rate("macro_f1", accuracy / 2.0))
        };
        Finished {
            arm: arm.into(),
            seed,
            models: models.iter().map(figures).collect(),
        }
    }

    #[test]
    fn gains_are_paired_by_seed_across_arms() {
        let runs = [
            run("tuned", 1, &[("student_alone", 0.5), ("student", 0.75)]),
            run("tuned", 2, &[("student_alone", 0.75), ("student", 0.75)]),
            run("without_l8", 2, &[("student", 0.5)]),
            run("without_l8", 3, &[("student", 0.25)]),
        ];
        let rows = compare(&runs, "student_alone");
        let names: Vec<_> = rows.iter().map(|row| (&*row.arm, &*row.model)).collect();
        let expected = [
            ("tuned", "student_alone"),
            ("tuned", "student"),
            ("without_l8", "student"),
        ];
        assert_eq!(names, expected);
        assert_eq!(rows[0].quality.mean, 0.625);
        assert_eq!(rows[0].macro_f1.map(|spread| spread.mean), Some(0.3125));
        assert!(rows[0].gain.is_none(), "the baseline itself");
        let gain = rows[1].gain.as_ref().expect("two seeds in common");
        assert_eq!(
            (gain.spread.mean, &gain.each),
            (0.125, &vec![(1, 0.25), (2, 0.0)])
        );
        let gain = rows[2].gain.as_ref().expect("seed 2 in common");
        assert_eq!(gain.each, [(2, -0.25)], "seed 3 has no partner");
        assert_eq!(gain.spread.sd, None, "one difference has no spread");
    }

    #[test]
    fn a_baseline_may_name_its_arm() {
        let runs = [
            run("literal", 1, &[("student", 0.5)]),
            run("tuned", 1, &[("student", 0.75)]),
        ];
        let rows = compare(&runs, "tuned/student");
        assert_eq!(
            rows[0].gain.as_ref().map(|gain| gain.spread.mean),
            Some(-0.25)
        );
        assert!(
            compare(&runs, "teacher")
                .iter()
                .all(|row| row.gain.is_none())
        );
    }
}
