//! Figures as sums over samples, so that those of a draw of the bootstrap are computed as those of the
//! whole set are.

use std::collections::BTreeSet;

use super::{Answer, AnswerKind, Predictions};
use crate::metrics::{Calibration, ClassScores, DRAWS, Interval, SpanHits, resample};

/// A figure with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// As in `results.json`: `accuracy`, `span_f1` ...
    pub name: &'static str,
    /// Over all samples.
    pub value: f64,
    /// Where it lies in 95 % of the draws; none without samples.
    pub interval: Option<Interval>,
}

/// What follows from the answers of one model: figures with intervals, scores by type, calibration.
#[derive(Debug, Clone)]
pub struct Judgements {
    kind: AnswerKind,
    /// The names of the classes, or of the types that occur.
    types: Vec<String>,
    answers: Vec<Counted>,
    calibration: Option<Calibration>,
    figures: Vec<Figure>,
    /// Of every draw the figure that models are compared by.
    quality_draws: Vec<f64>,
}

/// An answer as the sums take it.
#[derive(Debug, Clone, Default)]
struct Counted {
    hits: Vec<(usize, SpanHits)>,
    right: u64,
    all: u64,
    errors: u64,
    loss: f64,
}

impl Counted {
    fn of_class(truth: u32, decided: u32, loss: f64) -> Self {
        let right = u64::from(truth == decided);
        let hits = |correct, gold, predicted| SpanHits {
            correct,
            gold,
            predicted,
        };
        let hits = match right {
            1 => vec![(truth as usize, hits(1, 1, 1))],
            _ => vec![
                (truth as usize, hits(0, 1, 0)),
                (decided as usize, hits(0, 0, 1)),
            ],
        };
        Self {
            hits,
            right,
            all: 1,
            errors: 0,
            loss,
        }
    }

    fn of_parts(answer: &Answer, types: &[String]) -> Self {
        let place = |name: &String| types.binary_search(name).ok();
        let hits = answer.hits.iter();
        let units = answer.units.unwrap_or_default();
        Self {
            hits: hits
                .filter_map(|(name, hits)| Some((place(name)?, *hits)))
                .collect(),
            right: units.right,
            all: units.all,
            errors: units.errors,
            loss: 0.0,
        }
    }

    /// How good the answer is, the higher the better: what pairs of models are compared by.
    fn score(&self, kind: AnswerKind) -> f64 {
        match kind {
            AnswerKind::Classes | AnswerKind::Tags => share(self.right, self.all),
            AnswerKind::Speech => -share(self.errors, self.all),
            AnswerKind::Spans | AnswerKind::Keywords | AnswerKind::Pixels => {
                let all = total(self.hits.iter().map(|(_, hits)| *hits));
                match all.gold + all.predicted {
                    // Nothing was to be found, and nothing was.
                    0 => 1.0,
                    _ => all.scores().f1,
                }
            }
        }
    }
}

/// Sums over samples.
#[derive(Debug, Clone)]
struct Sums {
    types: Vec<SpanHits>,
    right: u64,
    all: u64,
    errors: u64,
    loss: f64,
    samples: u64,
}

impl Sums {
    fn of<'a>(answers: impl Iterator<Item = &'a Counted>, types: usize) -> Self {
        let mut sums = Self {
            types: vec![SpanHits::default(); types],
            right: 0,
            all: 0,
            errors: 0,
            loss: 0.0,
            samples: 0,
        };
        for answer in answers {
            for &(place, hits) in &answer.hits {
                sums.types[place].add(hits);
            }
            sums.right += answer.right;
            sums.all += answer.all;
            sums.errors += answer.errors;
            sums.loss += answer.loss;
            sums.samples += 1;
        }
        sums
    }

    /// The mean F1 over the types that occur in the truth.
    fn macro_f1(&self) -> f64 {
        let occurring = self.types.iter().filter(|hits| hits.gold > 0);
        let (sum, count) = occurring.fold((0.0, 0usize), |(sum, count), hits| {
            (sum + hits.scores().f1, count + 1)
        });
        sum / count.max(1) as f64
    }

    /// In the order of the kind's [`names`].
    fn figures(&self, kind: AnswerKind) -> Vec<f64> {
        let right = share(self.right, self.all);
        let found = total(self.types.iter().copied()).scores();
        let found = [found.f1, found.precision, found.recall];
        match kind {
            AnswerKind::Classes => vec![
                right,
                self.macro_f1(),
                self.loss / self.samples.max(1) as f64,
            ],
            AnswerKind::Spans => [&found[..], &[self.macro_f1(), right]].concat(),
            AnswerKind::Tags => vec![right, self.macro_f1()],
            AnswerKind::Keywords => found.to_vec(),
            AnswerKind::Pixels => [&found[..], &[share(self.all - self.right, self.all)]].concat(),
            AnswerKind::Speech => vec![right, share(self.errors, self.all)],
        }
    }
}

/// The figures of a kind of answers, as `results.json` calls them; the first is the one that models are
/// compared by.
fn names(kind: AnswerKind) -> &'static [&'static str] {
    match kind {
        AnswerKind::Classes => &["accuracy", "macro_f1", "cross_entropy"],
        AnswerKind::Spans => &[
            "span_f1",
            "span_precision",
            "span_recall",
            "span_macro_f1",
            "token_accuracy",
        ],
        AnswerKind::Tags => &["token_accuracy", "macro_f1"],
        AnswerKind::Keywords => &["keyword_f1", "keyword_precision", "keyword_recall"],
        AnswerKind::Pixels => &[
            "foreground_f1",
            "foreground_precision",
            "foreground_recall",
            "pixel_error",
        ],
        AnswerKind::Speech => &["segment_accuracy", "word_error_rate"],
    }
}

fn share(part: u64, all: u64) -> f64 {
    part as f64 / all.max(1) as f64
}

fn total(hits: impl Iterator<Item = SpanHits>) -> SpanHits {
    hits.fold(SpanHits::default(), |mut sum, hits| {
        sum.add(hits);
        sum
    })
}

impl Judgements {
    pub(super) fn new(predictions: &Predictions, answers: &[Answer]) -> Self {
        let kind = predictions.kind;
        let types = match kind {
            AnswerKind::Classes => predictions.labels.clone(),
            _ => {
                let names: BTreeSet<&String> = answers.iter().flat_map(|a| a.hits.keys()).collect();
                names.into_iter().cloned().collect()
            }
        };
        let samples = || predictions.samples.iter().zip(answers);
        let counted = samples().map(|(sample, answer)| match (sample.truth, answer.decided) {
            (Some(truth), Some(decided)) => {
                let loss = answer.loss.map_or(f64::INFINITY, f64::from);
                Counted::of_class(truth, decided, loss)
            }
            _ => Counted::of_parts(answer, &types),
        });
        let counted: Vec<Counted> = counted.collect();
        let decisions: Vec<(f64, bool)> = samples()
            .filter_map(|(sample, answer)| {
                let confidence = f64::from(answer.confidence?);
                Some((confidence, sample.truth == answer.decided))
            })
            .collect();
        let mut judgements = Self {
            kind,
            types,
            answers: counted,
            calibration: (!decisions.is_empty()).then(|| Calibration::of(decisions)),
            figures: Vec::new(),
            quality_draws: Vec::new(),
        };
        judgements.bootstrap();
        judgements
    }

    fn bootstrap(&mut self) {
        if self.answers.is_empty() {
            return;
        }
        let types = self.types.len();
        let names = names(self.kind);
        let mut draws: Vec<Vec<f64>> = vec![Vec::new(); names.len()];
        for draw in 0..DRAWS {
            let drawn = resample(self.answers.len(), draw);
            let drawn = drawn.iter().map(|&sample| &self.answers[sample]);
            let figures = Sums::of(drawn, types).figures(self.kind);
            for (figure, draws) in figures.into_iter().zip(&mut draws) {
                draws.push(figure);
            }
        }
        let values = Sums::of(self.answers.iter(), types).figures(self.kind);
        let figures = names.iter().zip(values).zip(&draws);
        let figure = |((name, value), draws): ((&&'static str, f64), &Vec<f64>)| Figure {
            name,
            value,
            interval: Interval::of(draws),
        };
        self.figures = figures.map(figure).collect();
        self.quality_draws = draws.swap_remove(0);
    }

    /// The figures, the first of which is the one that models are compared by; none without samples. A
    /// `cross_entropy` is infinite if the loss of a sample is.
    pub fn figures(&self) -> &[Figure] {
        &self.figures
    }

    /// A figure by its name.
    pub fn figure(&self, name: &str) -> Option<Figure> {
        self.figures
            .iter()
            .find(|figure| figure.name == name)
            .copied()
    }

    /// Precision, recall and F1 of every class, or of every type that occurs.
    pub fn by_type(&self) -> Vec<(&str, ClassScores)> {
        let sums = Sums::of(self.answers.iter(), self.types.len());
        let names = self.types.iter().map(String::as_str);
        names
            .zip(sums.types.into_iter().map(SpanHits::scores))
            .collect()
    }

    /// How well its probabilities agree with how often it is right; none where there are no probabilities.
    pub fn calibration(&self) -> Option<&Calibration> {
        self.calibration.as_ref()
    }

    pub(super) fn quality_draws(&self) -> &[f64] {
        &self.quality_draws
    }

    /// How good each answer is by itself, the higher the better.
    pub(super) fn scores(&self) -> Vec<f64> {
        let scores = self.answers.iter();
        scores.map(|answer| answer.score(self.kind)).collect()
    }
}
