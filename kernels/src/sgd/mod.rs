//! Stochastic gradient descent, with momentum.
//!
//! ```text
//! g' = factor g + decay p          v = mu v + g'          p = p - rate v
//! ```
//!
//! The factor clips the global norm ([`crate::ClipNorm`]); the decay is an L2 penalty; the rate
//! is the learning rate times the slice's scale. This is the heavy ball of Polyak (1964) in the
//! form that PyTorch uses: the learning rate stands outside of v. Without momentum v = g', and no
//! v is kept.
//!
//! Of a row-sparse parameter only the rows with a gradient change. That is the same update, for
//! without momentum and decay the others would not change either; with them they would, and such a
//! store is refused.
//!
//! The update is in place and not on the tape. Nothing changes once a gradient was not finite.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{Device, ParameterStore, ParameterVector, Result, StoreBuilder, Tape, Tensor};

use crate::harness::{Case, Entry, InPlace, Scenario};
use crate::shared::update::{
    Rule, Rules, Trainable, at_least_zero, below_one, for_chunks, for_rows, refuse_row_sparse,
};
use crate::{ClipNorm, Normaliser, add, half_squared_norm, weighted_mean};

/// Settings of [`Sgd`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdConfig {
    /// mu, in [0, 1); 0 for none.
    pub momentum: f64,
    /// Coefficient of the L2 penalty, for the parameters whose record asks for decay.
    pub weight_decay: f64,
}

/// The optimiser: the momentum of one store.
///
/// ```
/// use limbeck_engine::{Device, StoreBuilder};
/// use limbeck_kernels::{ClipNorm, Sgd, SgdConfig};
/// let mut builder = StoreBuilder::new(1);
/// let weight = builder.constant("weight", [2], 1.0);
/// let mut store = builder.build(&Device::cpu())?;
/// let mut gradients = store.zeros()?;
/// gradients.restore(&[vec![2.0, -4.0]])?;
/// let mut clip = ClipNorm::new(&store, None)?;
/// let mut sgd = Sgd::new(&store, SgdConfig { momentum: 0.0, weight_decay: 0.0 })?;
/// clip.measure(&gradients)?;
/// sgd.step(&mut store, &gradients, &clip, 0.25)?;
/// assert_eq!(store.value(weight).read()?, [0.5, 2.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
#[derive(Debug)]
pub struct Sgd {
    config: SgdConfig,
    trainable: Trainable,
    rules: Rules,
    velocity: Option<[ParameterVector; 1]>,
    updates: u64,
}

impl Sgd {
    /// For the trainable parameters of `store`, with the scales and decay their records have
    /// now: make a new one after changing records.
    ///
    /// # Errors
    /// If a setting is out of its range, or the device cannot hold the momentum.
    pub fn new(store: &ParameterStore, config: SgdConfig) -> Result<Self> {
        below_one("sgd", "momentum", config.momentum)?;
        at_least_zero("sgd", "the weight decay", config.weight_decay)?;
        let momentum = config.momentum > 0.0;
        if momentum || config.weight_decay > 0.0 {
            refuse_row_sparse(
                "sgd",
                store,
                "momentum and decay change rows without a gradient",
            )?;
        }
        Ok(Sgd {
            config,
            trainable: Trainable::of(store),
            rules: Rules::of(store, config.weight_decay)?,
            velocity: momentum
                .then(|| store.zeros().map(|zeros| [zeros]))
                .transpose()?,
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
            .check_step("sgd", store, gradients, norm, learning_rate)?;
        match self.trainable.device() {
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => gpu::update(gpu, self, store, gradients, norm, learning_rate)?,
            _ => self.step_on_host(store, gradients, norm, learning_rate)?,
        }
        self.updates += 1;
        Ok(())
    }

    fn step_on_host(
        &mut self,
        store: &mut ParameterStore,
        gradients: &ParameterVector,
        norm: &ClipNorm,
        learning_rate: f64,
    ) -> Result<()> {
        let Some(factor) = norm.factor() else {
            return Ok(());
        };
        let rates = |slice: usize| {
            let Rule { scale, decay } = self.rules.slices[slice];
            Rates {
                factor,
                decay,
                momentum: self.config.momentum,
                rate: learning_rate * f64::from(scale),
            }
        };
        match (store.device(), &mut self.velocity) {
            (Device::Cpu(_), None) => {
                for_chunks(store, gradients, &mut [], |c| {
                    cpu::plain(rates(c.slice), c.values, c.gradients);
                })?;
                for_rows(store, gradients, |slice, p, g| {
                    cpu::plain(rates(slice), p, g)
                })
            }
            (Device::Cpu(_), Some(velocity)) => for_chunks(store, gradients, velocity, |c| {
                let [v] = c.moments;
                cpu::momentum(rates(c.slice), c.values, c.gradients, v);
            }),
            (Device::Reference(_), None) => {
                for_chunks(store, gradients, &mut [], |c| {
                    reference::plain(rates(c.slice), c.values, c.gradients);
                })?;
                for_rows(store, gradients, |slice, p, g| {
                    reference::plain(rates(slice), p, g);
                })
            }
            (Device::Reference(_), Some(velocity)) => for_chunks(store, gradients, velocity, |c| {
                let [v] = c.moments;
                reference::momentum(rates(c.slice), c.values, c.gradients, v);
            }),
            _ => Ok(()),
        }
    }

    /// Number of steps taken, those included that applied nothing because a gradient was not
    /// finite: the host does not wait to learn of it.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The state to save: v, or nothing without momentum.
    pub fn moments(&self) -> Vec<&ParameterVector> {
        self.velocity.iter().flatten().collect()
    }

    /// Continues from a saved state: what `read` gave for each of [`Sgd::moments`].
    ///
    /// # Errors
    /// If the state is of another model or optimiser; nothing is overwritten then.
    pub fn restore(&mut self, moments: &[Vec<Vec<f32>>], updates: u64) -> Result<()> {
        let velocity = self.velocity.as_mut().map_or(&mut [][..], |v| &mut v[..]);
        self.trainable.restore("sgd", velocity, moments)?;
        self.updates = updates;
        Ok(())
    }
}

/// The numbers of one step and slice.
#[derive(Clone, Copy)]
struct Rates {
    factor: f64,
    decay: f64,
    momentum: f64,
    rate: f64,
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "sgd",
        formula: "v = mu v + g + decay p; p = p - rate v",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::PLAIN, &gpu::MOMENTUM, &gpu::ROWS],
    }
}

/// Some updates of a store.
#[derive(Debug)]
struct Updates(SgdConfig, Scenario);

impl InPlace for Updates {
    fn run(&self, device: &Device) -> Result<Vec<Vec<f64>>> {
        let mut run = self.1.start(device)?;
        let mut sgd = Sgd::new(&run.store, self.0)?;
        for step in 0..Scenario::STEPS {
            run.measure(step)?;
            sgd.step(&mut run.store, &run.gradients, &run.clip, 0.1)?;
        }
        run.numbers(&sgd.moments())
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for momentum in [0.0, 0.9] {
        for scenario in Scenario::table() {
            let config = SgdConfig {
                momentum,
                weight_decay: 0.2,
            };
            let name = format!("momentum {momentum}, {}", scenario.name);
            cases.push(Case::in_place(name, Updates(config, scenario)));
        }
    }
    for max_norm in [None, Some(0.5)] {
        let name = format!("rows of a table, clipped at {max_norm:?}");
        cases.push(Case::in_place(name, RowUpdates { max_norm }));
    }
    cases
}

/// Updates of a row-sparse table that reaches beyond a block, beside a dense slice.
#[derive(Debug)]
struct RowUpdates {
    max_norm: Option<f32>,
}

impl InPlace for RowUpdates {
    fn run(&self, device: &Device) -> Result<Vec<Vec<f64>>> {
        let mut builder = StoreBuilder::new(3);
        let table = builder.normal("table", [90, 7], 1.0);
        let dense = builder.normal("dense", [300, 1], 1.0);
        let mut store = builder.build(device)?;
        let record = &mut store.records_mut()[table.index()];
        (record.row_sparse, record.learning_rate_scale) = (true, 0.5);
        let (config, max_norm) = (PLAIN, self.max_norm);
        let mut sgd = Sgd::new(&store, config)?;
        let mut clip = ClipNorm::new(&store, max_norm)?;
        let mut gradients = store.zeros()?;
        for ids in [&[3, 4, 89][..], &[], &[0, 3, 50, 51, 52]] {
            let tape = Tape::deterministic(device);
            let rows = tape.parameter_rows(&store, table, ids)?;
            let dense = tape.parameter(&store, dense);
            let sum = |x| {
                let rows = half_squared_norm(&tape, x)?;
                weighted_mean(&tape, &rows, None, Normaliser::Count(1.0))
            };
            let loss = add(&tape, &sum(&rows)?, &sum(&dense)?)?;
            gradients.fill_zero()?;
            tape.backward(&loss, &mut [&mut gradients])?
                .refuse(&[&store])?;
            clip.measure(&gradients)?;
            sgd.step(&mut store, &gradients, &clip, 0.1)?;
        }
        store
            .values()
            .slices()
            .iter()
            .flatten()
            .map(Tensor::read_f64)
            .collect()
    }
}

/// Without momentum and decay.
const PLAIN: SgdConfig = SgdConfig {
    momentum: 0.0,
    weight_decay: 0.0,
};
