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
//! The average of the values after each of T updates (Polyak and Juditsky 1992) costs no pass over
//! all of them: with u_i = rate g' the i-th update since averaging began,
//!
//! ```text
//! (1 / T) Σ_t p_t = p_T + (1 / T) Σ_i (i - 1) u_i
//! ```
//!
//! and the sum on the right grows only where an update does.
//!
//! The update is in place and not on the tape. Once a gradient was not finite, values, v and sums stay
//! as they are. Steps are counted all the same, T among them, for the host does not wait to learn of
//! it: they count as updates u = 0.

mod cases;
mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{Device, Error, ParameterStore, ParameterVector, Result, Tensor};

use crate::ClipNorm;
use crate::harness::Entry;
use crate::shared::update::{
    Chunk, Rule, Rules, Trainable, at_least_zero, below_one, for_chunks, for_rows,
    refuse_row_sparse,
};

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
    average: Option<Average>,
    updates: u64,
}

/// What the average of the values is made of.
#[derive(Debug)]
struct Average {
    /// Σ_i (i - 1) u_i, of every parameter.
    sums: [ParameterVector; 1],
    /// Updates since averaging began, the one under way included.
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
            average: None,
            updates: 0,
        })
    }

    /// Begins to average the values after each update from now on.
    ///
    /// # Errors
    /// With momentum, whose updates are not gradients, or if the device cannot hold the sums.
    pub fn start_average(&mut self, store: &ParameterStore) -> Result<()> {
        if self.velocity.is_some() {
            return Err(Error::Mismatch(
                "sgd: values are averaged without momentum alone".into(),
            ));
        }
        self.average = Some(Average {
            sums: [store.zeros_of_all()?],
            updates: 0,
        });
        Ok(())
    }

    /// Updates that the average is over; none where there is none.
    pub fn averaged(&self) -> Option<u64> {
        self.average.as_ref().map(|average| average.updates)
    }

    /// The average of the values after each update since averaging began.
    ///
    /// # Errors
    /// If the device cannot hold it.
    pub fn average(&self, store: &ParameterStore) -> Result<Option<ParameterVector>> {
        let Some(Average { sums, updates }) = self.average.as_ref().filter(|a| a.updates > 0)
        else {
            return Ok(None);
        };
        let mut mean = store.zeros_of_all()?;
        let share = 1.0 / *updates as f64;
        match store.device() {
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => gpu::mean(gpu, store.values(), &sums[0], &mean, share)?,
            _ => {
                let all = store.values().slices().iter().flatten();
                let sums = sums[0].slices().iter().flatten();
                let mean = mean.slices_mut().iter_mut().flatten();
                for ((mean, values), sums) in mean.zip(all).zip(sums) {
                    add_share(mean, values, sums, share);
                }
            }
        }
        Ok(Some(mean))
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
        if let Some(average) = &mut self.average {
            average.updates += 1;
        }
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
        if let Some(Average { sums, updates }) = &mut self.average {
            let before = (*updates - 1) as f64;
            return match store.device() {
                Device::Cpu(_) => {
                    let update = |c: Chunk<'_, f32, 1>| {
                        let [sums] = c.moments;
                        cpu::averaged(rates(c.slice), c.values, c.gradients, sums, before);
                    };
                    for_chunks(store, gradients, sums, update)?;
                    for_rows(store, gradients, sums, update)
                }
                Device::Reference(_) => {
                    let update = |c: Chunk<'_, f64, 1>| {
                        let [sums] = c.moments;
                        reference::averaged(rates(c.slice), c.values, c.gradients, sums, before);
                    };
                    for_chunks(store, gradients, sums, update)?;
                    for_rows(store, gradients, sums, update)
                }
                _ => Ok(()),
            };
        }
        match (store.device(), &mut self.velocity) {
            (Device::Cpu(_), None) => {
                for_chunks(store, gradients, &mut [], |c| {
                    cpu::plain(rates(c.slice), c.values, c.gradients);
                })?;
                for_rows(store, gradients, &mut [], |c| {
                    cpu::plain(rates(c.slice), c.values, c.gradients);
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
                for_rows(store, gradients, &mut [], |c| {
                    reference::plain(rates(c.slice), c.values, c.gradients);
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

    /// The state to save: v with momentum, the sums of an average.
    pub fn moments(&self) -> Vec<&ParameterVector> {
        let sums = self.average.iter().flat_map(|average| &average.sums);
        self.velocity.iter().flatten().chain(sums).collect()
    }

    /// Continues from a saved state: what `read` gave for each of [`Sgd::moments`]. Where values were
    /// averaged, that must have been started again, and `averaged` be what [`Sgd::averaged`] gave.
    ///
    /// # Errors
    /// If the state is of another model or optimiser; nothing is overwritten then.
    pub fn restore(
        &mut self,
        moments: &[Vec<Vec<f32>>],
        updates: u64,
        averaged: Option<u64>,
    ) -> Result<()> {
        if let Some(Average {
            sums,
            updates: of_average,
        }) = &mut self.average
            && let ([saved], Some(averaged)) = (moments, averaged)
        {
            sums[0].restore(saved)?;
            (*of_average, self.updates) = (averaged, updates);
            return Ok(());
        }
        let velocity = self.velocity.as_mut().map_or(&mut [][..], |v| &mut v[..]);
        self.trainable.restore("sgd", velocity, moments)?;
        self.updates = updates;
        Ok(())
    }
}

/// `mean = values + share sums` on the host.
fn add_share(mean: &mut Tensor, values: &Tensor, sums: &Tensor, share: f64) {
    if let (Some(mean), Some(values), Some(sums)) = (mean.host_mut(), values.host(), sums.host()) {
        cpu::add_share(mean, values, sums, share as f32);
    } else if let (Some(mean), Some(values), Some(sums)) =
        (mean.host_mut::<f64>(), values.host(), sums.host())
    {
        reference::add_share(mean, values, sums, share);
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
        cases: cases::cases(),
        #[cfg(feature = "gpu")]
        kernels: gpu::KERNELS.to_vec(),
    }
}
