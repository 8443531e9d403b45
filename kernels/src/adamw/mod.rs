//! Adam with decoupled weight decay.
//!
//! ```text
//! g' = factor g
//! m = b1 m + (1 - b1) g'                     v = b2 v + (1 - b2) g'²
//! p = p - rate decay p - rate / (1 - b1^t) · m / (sqrt(v) / sqrt(1 - b2^t) + epsilon)
//! ```
//!
//! Loshchilov and Hutter (2019); with decay 0 it is Adam (Kingma and Ba 2015). The factor clips
//! the global norm ([`crate::ClipNorm`]), t counts updates from 1, and the rate is the learning
//! rate times the slice's scale. Order, bias correction and the place of epsilon are PyTorch's.
//! The decayed part is subtracted together with the step, for `1 - rate decay` would round a
//! small decay to nothing in f32.
//!
//! The update is in place and not on the tape. Nothing changes once a gradient was not finite.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{Device, Error, ParameterStore, ParameterVector, Result};

use crate::ClipNorm;
use crate::harness::{Case, Entry, InPlace, Scenario};
use crate::shared::update::{
    Rule, Rules, Trainable, at_least_zero, below_one, for_chunks, refuse_row_sparse,
};

/// Settings of [`AdamW`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWConfig {
    /// b1 and b2, each in [0, 1).
    pub betas: [f64; 2],
    /// Added to the denominator; above 0.
    pub epsilon: f64,
    /// Decoupled decay, for the parameters whose record asks for it.
    pub weight_decay: f64,
}

impl Default for AdamWConfig {
    /// The values of Kingma and Ba, without decay.
    fn default() -> Self {
        AdamWConfig {
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            weight_decay: 0.0,
        }
    }
}

/// The optimiser: the two moments of one store.
///
/// ```
/// use limbeck_engine::{Device, StoreBuilder};
/// use limbeck_kernels::{AdamW, AdamWConfig, ClipNorm};
/// let mut builder = StoreBuilder::new(1);
/// let weight = builder.constant("weight", [2], 1.0);
/// let mut store = builder.build(&Device::cpu())?;
/// let mut gradients = store.zeros()?;
/// gradients.restore(&[vec![3.0, -0.1]])?;
/// let mut clip = ClipNorm::new(&store, None)?;
/// let mut adamw = AdamW::new(&store, AdamWConfig::default())?;
/// clip.measure(&gradients)?;
/// adamw.step(&mut store, &gradients, &clip, 0.25)?;
/// // The first step has the length of the learning rate, whatever the gradient's.
/// let moved = store.value(weight).read()?;
/// assert!((moved[0] - 0.75).abs() < 1e-6 && (moved[1] - 1.25).abs() < 1e-6);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
#[derive(Debug)]
pub struct AdamW {
    config: AdamWConfig,
    trainable: Trainable,
    rules: Rules,
    moments: [ParameterVector; 2],
    updates: u64,
}

impl AdamW {
    /// For the trainable parameters of `store`, with the scales and decay their records have
    /// now: make a new one after changing records.
    ///
    /// # Errors
    /// If a setting is out of its range, or the device cannot hold the moments.
    pub fn new(store: &ParameterStore, config: AdamWConfig) -> Result<Self> {
        refuse_row_sparse(
            "adamw",
            store,
            "its moments decay for every row at every step",
        )?;
        for beta in config.betas {
            below_one("adamw", "each beta", beta)?;
        }
        at_least_zero("adamw", "the weight decay", config.weight_decay)?;
        // An epsilon that f32 rounds to zero (or that a GPU flushes) divides zero by zero.
        if !(config.epsilon.is_finite() && config.epsilon >= f64::from(f32::MIN_POSITIVE)) {
            return Err(Error::Mismatch(format!(
                "adamw: epsilon must be at least {:e}, found {}",
                f32::MIN_POSITIVE,
                config.epsilon
            )));
        }
        Ok(AdamW {
            config,
            trainable: Trainable::of(store),
            rules: Rules::of(store, config.weight_decay)?,
            moments: [store.zeros()?, store.zeros()?],
            updates: 0,
        })
    }

    /// Applies gradients that `norm` has measured, clipped by its factor; applies nothing once
    /// a gradient was not finite. Does not wait for the GPU.
    ///
    /// # Errors
    /// If the arguments are not of the store this was made for, the learning rate is negative or
    /// not finite, or the GPU failed.
    pub fn step(
        &mut self,
        store: &mut ParameterStore,
        gradients: &ParameterVector,
        norm: &ClipNorm,
        learning_rate: f64,
    ) -> Result<()> {
        self.trainable
            .check_step("adamw", store, gradients, norm, learning_rate)?;
        let rates = Rates::new(&self.config, learning_rate, self.updates + 1);
        match self.trainable.device() {
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => gpu::update(gpu, self, store, gradients, norm, rates)?,
            _ => self.step_on_host(store, gradients, norm, rates)?,
        }
        self.updates += 1;
        Ok(())
    }

    fn step_on_host(
        &mut self,
        store: &mut ParameterStore,
        gradients: &ParameterVector,
        norm: &ClipNorm,
        rates: Rates,
    ) -> Result<()> {
        let Some(factor) = norm.factor() else {
            return Ok(());
        };
        let rates = |slice: usize| rates.of_slice(factor, self.rules.slices[slice]);
        match store.device() {
            Device::Cpu(_) => for_chunks(store, gradients, &mut self.moments, |c| {
                cpu::update(rates(c.slice), c.values, c.gradients, c.moments);
            }),
            Device::Reference(_) => for_chunks(store, gradients, &mut self.moments, |c| {
                reference::update(rates(c.slice), c.values, c.gradients, c.moments);
            }),
            _ => Ok(()),
        }
    }

    /// Number of steps taken, those included that applied nothing because a gradient was not
    /// finite: the host does not wait to learn of it.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The state to save: m and v.
    pub fn moments(&self) -> Vec<&ParameterVector> {
        self.moments.iter().collect()
    }

    /// Continues from a saved state: what `read` gave for each of [`AdamW::moments`].
    ///
    /// # Errors
    /// If the state is of another model or optimiser; nothing is overwritten then.
    pub fn restore(&mut self, moments: &[Vec<Vec<f32>>], updates: u64) -> Result<()> {
        self.trainable
            .restore("adamw", &mut self.moments, moments)?;
        self.updates = updates;
        Ok(())
    }
}

/// The numbers of one update.
#[derive(Clone, Copy)]
struct Rates {
    factor: f64,
    betas: [f64; 2],
    epsilon: f64,
    /// 1 / sqrt(1 - b2^t).
    correction: f64,
    /// Part of the value that decays.
    decay: f64,
    /// rate / (1 - b1^t).
    size: f64,
}

impl Rates {
    /// Of a slice with scale 1 and decay 1; the factor is 1.
    fn new(config: &AdamWConfig, learning_rate: f64, update: u64) -> Self {
        let [first, second] = config.betas.map(|beta| 1.0 - beta.powf(update as f64));
        Rates {
            factor: 1.0,
            betas: config.betas,
            epsilon: config.epsilon,
            correction: 1.0 / second.sqrt(),
            decay: learning_rate,
            size: learning_rate / first,
        }
    }

    fn of_slice(self, factor: f64, rule: Rule) -> Self {
        let scale = f64::from(rule.scale);
        Rates {
            factor,
            decay: self.decay * scale * rule.decay,
            size: self.size * scale,
            ..self
        }
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "adamw",
        formula: "p = p - rate (decay p + m̂ / (sqrt(v̂) + epsilon))",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::UPDATE],
    }
}

/// Some updates of a store.
#[derive(Debug)]
struct Updates(AdamWConfig, Scenario);

impl InPlace for Updates {
    fn run(&self, device: &Device) -> Result<Vec<Vec<f64>>> {
        let mut run = self.1.start(device)?;
        let mut adamw = AdamW::new(&run.store, self.0)?;
        for step in 0..Scenario::STEPS {
            run.measure(step)?;
            adamw.step(&mut run.store, &run.gradients, &run.clip, 0.1)?;
        }
        run.numbers(&adamw.moments())
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let unusual = AdamWConfig {
        betas: [0.5, 0.9],
        epsilon: 1e-3,
        weight_decay: 0.2,
    };
    for (name, config) in [("adam", AdamWConfig::default()), ("decay", unusual)] {
        for scenario in Scenario::table() {
            let name = format!("{name}, {}", scenario.name);
            cases.push(Case::in_place(name, Updates(config, scenario)));
        }
    }
    cases
}
