//! The update rules behind one face, with clipping and the guard against values that are not
//! finite.

use limbeck_engine::{ParameterStore, ParameterVector};
use limbeck_kernels::{AdamW, AdamWConfig, ClipNorm, Sgd, SgdConfig};

use crate::error::Result;

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
}

/// The optimiser of one parameter store. The gradient is clipped by its norm over this store.
pub struct Optimizer {
    rule: Rule,
    clip: ClipNorm,
}

enum Rule {
    AdamW(AdamW),
    Sgd(Sgd),
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
        }
    }

    pub(crate) fn vectors(&self) -> Vec<&ParameterVector> {
        match &self.rule {
            Rule::AdamW(rule) => rule.moments(),
            Rule::Sgd(rule) => rule.moments(),
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

    /// Takes back what [`Optimizer::read`] and [`Optimizer::updates`] gave.
    ///
    /// # Errors
    /// If they are of another model.
    pub fn restore(&mut self, moments: &[Vec<Vec<f32>>], updates: u64) -> Result<()> {
        match &mut self.rule {
            Rule::AdamW(rule) => rule.restore(moments, updates)?,
            Rule::Sgd(rule) => rule.restore(moments, updates)?,
        }
        Ok(())
    }
}
