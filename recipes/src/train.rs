//! Training one classifier on labelled texts.

use limbeck_models::Head;

use crate::config::{BagLoss, Model, StageConfig, TrainRun};
use crate::context::RunContext;
use crate::dataset::RunData;
use crate::error::Result;
use crate::measured::Measured;
use crate::stages::stage_options;
use crate::supervised::{Labelled, Supervised, SupervisedLoss};
use crate::text::{Encoder, TextClassifier};

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
    let encoder = Encoder::train(&run.model, &run.data, first_token, &data.labelled.texts)?;
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
        let per_epoch = train.texts.len().div_ceil(self.training.batch_size.max(1)) as u64;
        let options = stage_options(self.name, self.training, per_epoch);
        if let Some(finished) = context.finished(self.name)? {
            context.skip(options.steps);
            return Ok(finished);
        }
        let (seed, device) = (context.seed(), context.device());
        let mut classifier = TextClassifier::new(
            self.model,
            self.head.clone(),
            encoder,
            classes,
            seed,
            device,
        )?;
        let loss = match self.model {
            Model::BagOfNgrams(config) if config.loss == BagLoss::Hinge => SupervisedLoss::Hinge,
            _ => SupervisedLoss::CrossEntropy,
        };
        let batch = (self.training.batch_size, seed);
        let mut objective = Supervised::new(&mut classifier, train, dev, batch, loss, self.term)?;
        context.train(options, &mut objective)?;
        context.keep(self.name, &classifier)?;
        Ok(classifier)
    }
}
