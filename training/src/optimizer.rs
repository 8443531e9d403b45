//! The update rules behind one face, with clipping and the guard against values that are not
//! finite.

use limbeck_engine::{ParameterStore, ParameterVector};
use limbeck_kernels::{AdamW, AdamWConfig, ClipNorm, ConjugateGradient, Sgd, SgdConfig};

use crate::error::{Result, TrainingError};

/// Which update rule, with its constants. The learning rate comes with every update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OptimizerConfig {
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    AdamW {
        /// Decay rates of the two moments.
        betas: [f64; 2],
        /// Added to the denominator.
        epsilon: f64,
        /// Decoupled weight decay.
        weight_decay: f64,
    },
    /// Stochastic gradient descent with momentum.
    Sgd {
        /// Momentum; 0 for none.
        momentum: f64,
        /// Factor of the L2 penalty.
        weight_decay: f64,
    },
    /// Nonlinear conjugate gradients, for smooth convex losses over all samples at once. It has no
    /// use for a learning rate.
    ConjugateGradient {
        /// It has converged once the gradient's norm is this share of the first gradient's.
        tolerance: f64,
    },
}

/// The optimiser of one parameter store. The gradient is clipped by its norm over this store.
pub struct Optimizer {
    rule: Rule,
    clip: ClipNorm,
}

enum Rule {
    AdamW(AdamW),
    Sgd(Sgd),
    ConjugateGradient(ConjugateGradient),
}

impl Optimizer {
    /// An optimiser with moments at zero.
    ///
    /// # Errors
    /// If the device cannot hold its state.
    pub fn new(
        store: &ParameterStore,
        config: &OptimizerConfig,
        clip_norm: Option<f32>,
    ) -> Result<Self> {
        let rule = match *config {
            OptimizerConfig::AdamW {
                betas,
                epsilon,
                weight_decay,
            } => Rule::AdamW(AdamW::new(
                store,
                AdamWConfig {
                    betas,
                    epsilon,
                    weight_decay,
                },
            )?),
            OptimizerConfig::Sgd {
                momentum,
                weight_decay,
            } => Rule::Sgd(Sgd::new(
                store,
                SgdConfig {
                    momentum,
                    weight_decay,
                },
            )?),
            OptimizerConfig::ConjugateGradient { tolerance } => {
                Rule::ConjugateGradient(ConjugateGradient::new(store, tolerance)?)
            }
        };
        Ok(Optimizer {
            rule,
            clip: ClipNorm::new(store, clip_norm)?,
        })
    }

    /// One update. Nothing changes once a gradient was not finite.
    ///
    /// # Errors
    /// If the device failed.
    pub fn update(
        &mut self,
        store: &mut ParameterStore,
        gradients: &ParameterVector,
        learning_rate: f64,
    ) -> Result<()> {
        self.clip.measure(gradients)?;
        match &mut self.rule {
            Rule::AdamW(rule) => rule.step(store, gradients, &self.clip, learning_rate)?,
            Rule::Sgd(rule) => rule.step(store, gradients, &self.clip, learning_rate)?,
            Rule::ConjugateGradient(rule) => rule.step(store, gradients, &self.clip)?,
        }
        Ok(())
    }

    /// Whether every gradient so far was finite. Waits for the GPU.
    ///
    /// # Errors
    /// If the device failed.
    pub fn is_finite(&self) -> Result<bool> {
        Ok(self.clip.is_finite()?)
    }

    /// Updates applied before the first whose gradient was not finite. Waits for the GPU.
    ///
    /// # Errors
    /// If the device failed.
    pub(crate) fn finite_steps(&self) -> Result<u64> {
        Ok(self.clip.finite_steps()?)
    }

    /// Updates made.
    pub fn updates(&self) -> u64 {
        match &self.rule {
            Rule::AdamW(rule) => rule.updates(),
            Rule::Sgd(rule) => rule.updates(),
            Rule::ConjugateGradient(rule) => rule.updates(),
        }
    }

    /// Begins to average the values after each update; nothing changes if it has begun already.
    ///
    /// # Errors
    /// For another rule than SGD without momentum, or if the device cannot hold the sums.
    pub fn start_average(&mut self, store: &ParameterStore) -> Result<()> {
        match &mut self.rule {
            Rule::Sgd(rule) if rule.averaged().is_some() => Ok(()),
            Rule::Sgd(rule) => Ok(rule.start_average(store)?),
            Rule::AdamW(_) | Rule::ConjugateGradient(_) => Err(TrainingError::Configuration(
                "values are averaged over updates of sgd without momentum alone".into(),
            )),
        }
    }

    /// Whether the values are averaged.
    pub fn is_averaging(&self) -> bool {
        matches!(&self.rule, Rule::Sgd(rule) if rule.averaged().is_some())
    }

    /// The average of the values, where there is one.
    ///
    /// # Errors
    /// If the device cannot hold it.
    pub fn average(&self, store: &ParameterStore) -> Result<Option<ParameterVector>> {
        match &self.rule {
            Rule::Sgd(rule) => Ok(rule.average(store)?),
            Rule::AdamW(_) | Rule::ConjugateGradient(_) => Ok(None),
        }
    }

    /// Forgets what it knows of the loss so far: the gradients to come are of another function.
    /// Moments that average over many losses, as those of AdamW and SGD do, stay.
    pub fn restart(&mut self) {
        if let Rule::ConjugateGradient(rule) = &mut self.rule {
            rule.restart();
        }
    }

    /// Whether the weights are as good as the tolerance asks; never for rules without one.
    pub fn has_converged(&self) -> bool {
        matches!(&self.rule, Rule::ConjugateGradient(rule) if rule.has_converged())
    }

    /// The last gradient's norm as a share of the first one's, for rules with a tolerance.
    pub fn relative_norm(&self) -> Option<f64> {
        match &self.rule {
            Rule::ConjugateGradient(rule) => Some(rule.relative_norm()),
            _ => None,
        }
    }

    /// The few numbers, besides the moments, for a checkpoint.
    pub fn scalars(&self) -> Vec<f64> {
        match &self.rule {
            Rule::ConjugateGradient(rule) => rule.scalars(),
            Rule::Sgd(rule) => rule.averaged().map(|n| n as f64).into_iter().collect(),
            Rule::AdamW(_) => Vec::new(),
        }
    }

    pub(crate) fn vectors(&self) -> Vec<&ParameterVector> {
        match &self.rule {
            Rule::AdamW(rule) => rule.moments(),
            Rule::Sgd(rule) => rule.moments(),
            Rule::ConjugateGradient(rule) => rule.moments(),
        }
    }

    /// Number of moment vectors.
    pub fn moments(&self) -> usize {
        self.vectors().len()
    }

    /// The moments, a list of slices each, for a checkpoint.
    ///
    /// # Errors
    /// If the device failed.
    pub fn read(&self) -> Result<Vec<Vec<Vec<f32>>>> {
        let read = self.vectors().into_iter().map(ParameterVector::read);
        Ok(read.collect::<limbeck_engine::Result<_>>()?)
    }

    /// Takes back what [`Optimizer::read`], [`Optimizer::scalars`] and [`Optimizer::updates`] gave.
    ///
    /// # Errors
    /// If they are of another model.
    pub fn restore(
        &mut self,
        moments: &[Vec<Vec<f32>>],
        scalars: &[f64],
        updates: u64,
    ) -> Result<()> {
        match &mut self.rule {
            Rule::AdamW(rule) => rule.restore(moments, updates)?,
            Rule::Sgd(rule) => {
                let averaged = scalars.first().map(|&updates| updates as u64);
                rule.restore(moments, updates, averaged)?;
            }
            Rule::ConjugateGradient(rule) => rule.restore(moments, scalars, updates)?,
        }
        Ok(())
    }
}
