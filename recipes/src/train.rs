//! Training one classifier on labelled texts.

use limbeck_models::Head;
use limbeck_training::stage::StageOptions;

use crate::config::{BagLoss, BagOfNgramsConfig, Model, Optimizer, StageConfig, TrainRun};
use crate::context::RunContext;
use crate::dataset::RunData;
use crate::error::Result;
use crate::linear_fit::LinearFit;
use crate::measured::Measured;
use crate::stages::{fit_options, stage_options};
use crate::supervised::{Labelled, Supervised, SupervisedLoss};
use crate::text::{Encoder, TextClassifier};
use crate::word_vectors;

/// A finished model and how it did.
pub struct Trained {
    /// The model, with its best weights.
    pub classifier: TextClassifier,
    /// Its figures under the name "model".
    pub measured: Measured,
}

/// Trains the model of a run file, and judges it.
///
/// # Errors
/// Those of data, device and training.
pub fn train(run: &TrainRun, data: &RunData, context: &mut RunContext<'_>) -> Result<Trained> {
    let first_token = run.model.reads_first_token();
    let texts = data.vocabulary_texts(&run.model);
    let encoder = Encoder::train(&run.model, &run.data, first_token, &texts)?;
    let mut work = SupervisedStage {
        name: "model",
        model: &run.model,
        head: Head::Pooled,
        training: &run.training,
        term: ("L1", 1.0),
    };
    let classifier = work.run(encoder, data, context)?;
    let measured = Measured::of(&[("model", &classifier)], data)?;
    Ok(Trained {
        classifier,
        measured,
    })
}

/// Supervised training of one model as a stage of a run.
pub(crate) struct SupervisedStage<'a> {
    /// Name of the stage and of the folder of the finished model.
    pub(crate) name: &'a str,
    pub(crate) model: &'a Model,
    pub(crate) head: Head,
    pub(crate) training: &'a StageConfig,
    /// Name and weight of the loss.
    pub(crate) term: (&'static str, f32),
}

impl SupervisedStage<'_> {
    /// Trains on the labelled texts of the data, or loads what an interrupted run has finished.
    pub(crate) fn run(
        &mut self,
        encoder: Encoder,
        data: &RunData,
        context: &mut RunContext<'_>,
    ) -> Result<TextClassifier> {
        let train = Labelled::new(&encoder, &data.labelled);
        let dev = Labelled::new(&encoder, &data.dev);
        self.run_on(encoder, train, &dev, &data.labelled.classes, context)
    }

    /// As [`SupervisedStage::run`], on texts that are encoded already.
    pub(crate) fn run_on(
        &mut self,
        encoder: Encoder,
        train: Labelled,
        dev: &Labelled,
        classes: &[String],
        context: &mut RunContext<'_>,
    ) -> Result<TextClassifier> {
        let options = self.options(&train, dev);
        if let Some(finished) = context.finished(self.name)? {
            context.skip(options.steps);
            return Ok(finished);
        }
        let (seed, device) = (context.seed(), context.device());
        let mut classifier = TextClassifier::initial(
            self.model,
            self.head.clone(),
            encoder,
            classes,
            seed,
            device,
        )?;
        if let Model::TextCnn(config) = self.model {
            word_vectors::apply(config, &mut classifier, &train.all())?;
        }
        let loss = match self.model {
            Model::BagOfNgrams(config) if config.loss == BagLoss::Hinge => SupervisedLoss::Hinge,
            _ => SupervisedLoss::CrossEntropy,
        };
        if let Some(bag) = self.fitted() {
            let grid = grid(bag, dev);
            let parts = (grid, options.evaluate_every);
            let name = self.term.0;
            let mut objective = LinearFit::new(&classifier, (&train, dev), loss, parts, name)?;
            let report = context.train(options, &mut objective)?;
            objective.finish(&mut classifier, &report)?;
        } else {
            let batch = (self.training.batch_size, seed);
            let mut objective =
                Supervised::new(&mut classifier, train, dev, batch, loss, self.term)?;
            context.train(options, &mut objective)?;
        }
        context.keep(self.name, &classifier)?;
        Ok(classifier)
    }

    /// The model, if it is fitted to all texts at once.
    fn fitted(&self) -> Option<&BagOfNgramsConfig> {
        match self.model {
            Model::BagOfNgrams(bag) if self.training.optimizer == Optimizer::ConjugateGradient => {
                Some(bag)
            }
            _ => None,
        }
    }

    fn options(&self, train: &Labelled, dev: &Labelled) -> StageOptions {
        match self.fitted() {
            Some(bag) => {
                let values = grid(bag, dev).len();
                fit_options(self.name, self.training, bag.tolerance, values)
            }
            None => {
                let batch_size = self.training.batch_size.max(1);
                let per_epoch = train.texts.len().div_ceil(batch_size) as u64;
                stage_options(self.name, self.training, per_epoch)
            }
        }
    }
}

/// The values of C to choose from. Without texts to choose by, the one in the middle.
fn grid<'a>(bag: &'a BagOfNgramsConfig, dev: &Labelled) -> &'a [f64] {
    let middle = bag.c.len() / 2;
    match dev.texts.is_empty() {
        true => &bag.c[middle..=middle],
        false => &bag.c,
    }
}
