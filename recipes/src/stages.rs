//! From a run file's stage to the options of the training loop.

use limbeck_training::optimizer::OptimizerConfig;
use limbeck_training::stage::{Averaging, StageOptions};

use crate::config::{self, Optimizer, StageConfig};

/// The options of a stage named `name` whose epochs have `per_epoch` steps.
pub(crate) fn stage_options(name: &str, config: &StageConfig, per_epoch: u64) -> StageOptions {
    let steps = config.steps(per_epoch);
    let every = |extent: config::Extent| extent.steps(steps, per_epoch).max(1);
    StageOptions {
        name: name.into(),
        steps,
        first_step: 0,
        optimizer: match config.optimizer {
            Optimizer::Adamw => OptimizerConfig::AdamW {
                betas: config.betas,
                epsilon: config.epsilon,
                weight_decay: config.weight_decay,
            },
            Optimizer::Sgd => OptimizerConfig::Sgd {
                momentum: config.momentum,
                weight_decay: config.weight_decay,
            },
            // How far it goes is the model's to say.
            Optimizer::ConjugateGradient => OptimizerConfig::ConjugateGradient { tolerance: 0.0 },
        },
        learning_rate: config.learning_rate,
        accumulate: config.accumulate,
        schedule: config.schedule(per_epoch),
        plateau: config.plateau.get(),
        averaging: match config.averaging {
            config::Averaging::Off => Averaging::Off,
            config::Averaging::Asgd => {
                Averaging::After(config.average_from.steps(steps, per_epoch))
            }
            config::Averaging::NtAsgd => Averaging::NonMonotone(config.average_interval),
        },
        clip_norm: config.clip_norm.get().map(|norm| norm as f32),
        patience: config.patience.get().map(|patience| patience as u32),
        convergence: None,
        evaluate_every: every(config.evaluate_every),
        checkpoint_every: every(config.checkpoint_every),
    }
}

/// The options of a stage that fits a linear model once for each of `values` of C.
pub(crate) fn fit_options(
    name: &str,
    config: &StageConfig,
    tolerance: f64,
    values: usize,
) -> StageOptions {
    // A step reads all texts: it is an epoch.
    let options = stage_options(name, config, 1);
    StageOptions {
        evaluate_every: options.steps.max(1),
        steps: options.steps * values as u64,
        optimizer: OptimizerConfig::ConjugateGradient { tolerance },
        patience: None,
        ..options
    }
}
