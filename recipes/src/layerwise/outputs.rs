//! The teacher's outputs on every text the student learns from, and the second teacher's share
//! in them.

use limbeck_data::pairs::TextPair;
use limbeck_data::read::LabelledSet;
use limbeck_data::split::folds;
use limbeck_models::{Classifier, Encoded, Head, TextPooling};
use limbeck_training::TrainingError;

use super::correspondence::Level;
use super::options::{Feature, Matching, Projection, TeacherTargets};
use super::pairs::EncodedPairs;
use super::run::Recipe;
use super::targets::{LevelSource, Targets};
use super::token_levels::TokenLevels;
use crate::config::{BesideTeacher, Model, NgramVocabulary, StageConfig};
use crate::error::Result;
use crate::supervised::Labelled;
use crate::text::{Encoder, TextClassifier, argmax, logits_of, softmax};
use crate::train::SupervisedStage;

/// Soft labels and levels of the labelled texts and of both sides of all pairs.
pub(super) struct TeacherOutputs {
    pub(super) labelled: Targets,
    /// The original sides, then the other sides.
    pub(super) pairs: Targets,
}

impl TeacherOutputs {
    /// What a reduction leaves, but for the numbers.
    fn set_widths(&mut self, levels: &[Level]) {
        self.labelled.set_widths(levels);
        self.pairs.set_widths(levels);
    }

    /// The teacher's decisions on the two sides of every pair.
    pub(super) fn decisions(&self) -> (Vec<u32>, Vec<u32>) {
        let all: Vec<u32> = self
            .pairs
            .logit_rows()
            .map(|row| argmax(row) as u32)
            .collect();
        let (original, other) = all.split_at(all.len() / 2);
        (original.to_vec(), other.to_vec())
    }
}

/// A second teacher of logits.
pub(super) struct Beside {
    pub(super) classifier: TextClassifier,
    /// Logits of the labelled texts, cross-fitted or not.
    labelled: Vec<Vec<f32>>,
    /// Logits of both sides of all pairs.
    pairs: Vec<Vec<f32>>,
    /// Divides its logits, so that they can be read as probabilities.
    temperature: f64,
}

impl Recipe<'_, '_> {
    /// Runs the teacher over all texts.
    pub(super) fn teacher_outputs(
        &mut self,
        teacher: &TextClassifier,
        pairs: &[TextPair],
    ) -> Result<TeacherOutputs> {
        let encoder = teacher.encoder();
        let labelled = Labelled::new(encoder, &self.data.labelled);
        let encoded = EncodedPairs::new(encoder, pairs);
        let source = self.level_source()?;
        let mut outputs = TeacherOutputs {
            labelled: Targets::compute(teacher.model(), &labelled.all(), &source)?,
            pairs: Targets::compute(teacher.model(), &encoded.all(), &source)?,
        };
        if self.run.distillation.projection == Projection::Pca {
            let levels = self.run.levels()?;
            match self.context.is_rehearsal() {
                true => outputs.set_widths(&levels),
                false => Targets::reduce(&mut outputs.labelled, &mut outputs.pairs, &levels),
            }
        }
        if self.run.distillation.teacher_targets == TeacherTargets::CrossFit {
            let logits = self.cross_fitted_teacher(encoder, &labelled, pairs)?;
            outputs.labelled = outputs.labelled.with_logits(&logits);
        }
        Ok(outputs)
    }

    /// Mixes in the second teacher, if there is one.
    pub(super) fn mix_in(
        &self,
        mut outputs: TeacherOutputs,
        beside: Option<&Beside>,
    ) -> TeacherOutputs {
        if let (Some(beside), Some(config)) = (beside, &self.run.beside_teacher) {
            let mix = |targets: Targets, second: &[Vec<f32>]| {
                let mixed: Vec<Vec<f32>> = targets
                    .logit_rows()
                    .zip(second)
                    .map(|(first, second)| {
                        mixture(first, second, config.weight, beside.temperature)
                    })
                    .collect();
                targets.with_logits(&mixed)
            };
            outputs.labelled = mix(outputs.labelled, &beside.labelled);
            outputs.pairs = mix(outputs.pairs, &beside.pairs);
        }
        outputs
    }

    fn level_source(&self) -> Result<LevelSource> {
        let options = &self.run.distillation;
        if !self.run.matches_layers() || options.matching == Matching::Tokens {
            return Ok(LevelSource::Nothing);
        }
        let layers: Vec<usize> = self.run.levels()?.iter().map(|l| l.layer).collect();
        if options.projection == Projection::InHead || layers.is_empty() {
            return Ok(LevelSource::Head);
        }
        let pooling = match options.feature {
            Feature::Mean => TextPooling::Mean,
            Feature::First => TextPooling::First,
        };
        Ok(LevelSource::Layers(layers, pooling))
    }

    /// The teacher for the texts of each step, where every position is matched. `texts` are all
    /// that the student learns from, in the student's encoding.
    pub(super) fn token_levels<'t>(
        &self,
        teacher: Option<&'t TextClassifier>,
        encoder: &Encoder,
        texts: &[&Encoded],
    ) -> Result<Option<TokenLevels<'t>>> {
        let (options, levels) = (&self.run.distillation, self.run.levels()?);
        let wanted = options.matching == Matching::Tokens && self.run.matches_layers();
        let Some(teacher) = teacher.filter(|_| wanted && !levels.is_empty()) else {
            return Ok(None);
        };
        if teacher.encoder().fingerprint() != encoder.fingerprint() {
            let message = "`distillation.matching` = \"tokens\" expects one vocabulary for both \
                           models, but the teacher learned its own from other texts than this \
                           run's: set it to \"pooled\", or train a teacher in this run \
                           (`teacher_run = \"\"`)";
            return Err(TrainingError::Configuration(message.into()).into());
        }
        let model = teacher.model();
        Ok(Some(match options.projection {
            Projection::InHead => TokenLevels::of_head(model),
            Projection::Pca => TokenLevels::principal(model, &levels, texts)?,
            Projection::Joint | Projection::StudentUp => {
                TokenLevels::of_layers(model, levels.iter().map(|l| l.layer).collect())
            }
        }))
    }

    /// For each labelled text the logits of a teacher that was trained on the other folds.
    fn cross_fitted_teacher(
        &mut self,
        encoder: &Encoder,
        labelled: &Labelled,
        pairs: &[TextPair],
    ) -> Result<Vec<Vec<f32>>> {
        let fold_of = self.folds()?;
        let mut logits = vec![Vec::new(); labelled.texts.len()];
        for fold in 0..self.run.distillation.folds {
            let (inside, outside) = labelled.divide(|row| fold_of[row] == fold);
            let name = format!("teacher_fold_{}", fold + 1);
            let teacher = self.train_teacher(&name, encoder.clone(), &outside.0, pairs)?;
            fill(&mut logits, &inside, teacher.model())?;
        }
        Ok(logits)
    }

    fn folds(&self) -> Result<Vec<usize>> {
        let set = &self.data.labelled;
        let rows: Vec<usize> = (0..set.len()).collect();
        Ok(folds(
            set,
            &rows,
            self.run.distillation.folds,
            self.context.seed(),
        )?)
    }

    /// Trains the second teacher, if there is one.
    pub(super) fn beside_teacher(&mut self, pairs: &[TextPair]) -> Result<Option<Beside>> {
        let run = self.run;
        let (Some(config), Some(training)) = (&run.beside_teacher, &run.training.beside_teacher)
        else {
            return Ok(None);
        };
        let classifier = self.beside_stage(
            "beside_teacher",
            &config.model,
            training,
            &self.data.labelled,
        )?;
        let encoder = classifier.encoder();
        let labelled = Labelled::new(encoder, &self.data.labelled);
        let dev = Labelled::new(encoder, &self.data.dev);
        let mut logits = logits_of(classifier.model(), &labelled.all())?;
        if config.targets == TeacherTargets::CrossFit {
            // What was chosen on dev is not chosen again in every fold.
            let model = config.model.with_c(classifier.c());
            let fold_of = self.folds()?;
            let all = &self.data.labelled;
            for fold in 0..run.distillation.folds {
                let (inside, outside): (Vec<usize>, Vec<usize>) =
                    (0..all.len()).partition(|&row| fold_of[row] == fold);
                let name = format!("beside_fold_{}", fold + 1);
                let fitted = self.beside_stage(&name, &model, training, &all.select(&outside))?;
                let texts = Labelled::new(fitted.encoder(), &all.select(&inside));
                fill(&mut logits, &(texts, inside), fitted.model())?;
            }
        }
        let temperature = calibration(config, &classifier, &dev)?;
        let encoded = EncodedPairs::new(encoder, pairs);
        let pairs = logits_of(classifier.model(), &encoded.all())?;
        Ok(Some(Beside {
            classifier,
            labelled: logits,
            pairs,
            temperature,
        }))
    }

    /// Trains a model of the second teacher's kind on some labelled texts.
    fn beside_stage(
        &mut self,
        name: &str,
        model: &Model,
        training: &StageConfig,
        labelled: &LabelledSet,
    ) -> Result<TextClassifier> {
        let texts = match model.ngram_vocabulary() {
            Some(NgramVocabulary::Labelled) => &labelled.texts,
            _ => &self.data.training_texts(),
        };
        let first_token = model.reads_first_token();
        let encoder = Encoder::train(model, &self.run.data, first_token, texts)?;
        let mut stage = SupervisedStage {
            name,
            model,
            head: Head::Pooled,
            training,
            term: ("L1", 1.0),
        };
        let train = Labelled::new(&encoder, labelled);
        let dev = Labelled::new(&encoder, &self.data.dev);
        stage.run_on(encoder, train, &dev, &labelled.classes, self.context)
    }
}

/// Writes a model's logits of some texts to their rows.
fn fill(
    logits: &mut [Vec<f32>],
    (texts, rows): &(Labelled, Vec<usize>),
    model: &dyn Classifier,
) -> Result<()> {
    let all: Vec<&Encoded> = texts.all();
    for (&row, scores) in rows.iter().zip(logits_of(model, &all)?) {
        logits[row] = scores;
    }
    Ok(())
}

/// ln((1 - w) p_first + w p_second), with the second's logits divided by its temperature: the
/// logits of the averaged distribution.
fn mixture(first: &[f32], second: &[f32], weight: f64, temperature: f64) -> Vec<f32> {
    let second: Vec<f32> = second
        .iter()
        .map(|&z| (f64::from(z) / temperature) as f32)
        .collect();
    let both = softmax(first).into_iter().zip(softmax(&second));
    both.map(|(p, q)| ((1.0 - weight) * p + weight * q).max(1e-12).ln() as f32)
        .collect()
}

/// The temperature, from 1/32 to 8, with the least cross-entropy on dev; 1 if not asked for.
fn calibration(config: &BesideTeacher, teacher: &TextClassifier, dev: &Labelled) -> Result<f64> {
    if !config.calibrate || dev.texts.is_empty() {
        return Ok(1.0);
    }
    let logits = logits_of(teacher.model(), &dev.all())?;
    let loss = |temperature: f64| -> f64 {
        let one = |(row, &label): (&Vec<f32>, &u32)| {
            let scaled: Vec<f32> = row
                .iter()
                .map(|&z| (f64::from(z) / temperature) as f32)
                .collect();
            -softmax(&scaled)[label as usize].max(1e-12).ln()
        };
        logits.iter().zip(&dev.labels).map(one).sum()
    };
    let grid = (-20..=12).map(|i| 2f64.powf(f64::from(i) / 4.0));
    let scored = grid.map(|temperature| (loss(temperature), temperature));
    Ok(scored
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map_or(1.0, |(_, temperature)| temperature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixture_is_the_average_of_probabilities() {
        let mixed = mixture(&[0.0, 0.0], &[2.0 * 3f32.ln(), 0.0], 0.5, 2.0);
        // softmax(0, 0) = (1/2, 1/2); softmax(ln 3, 0) = (3/4, 1/4).
        let p = softmax(&mixed);
        assert!(
            (p[0] - 0.625).abs() < 1e-6 && (p[1] - 0.375).abs() < 1e-6,
            "{p:?}"
        );
    }
}
