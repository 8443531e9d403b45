//! The global norm of the gradients, the factor that clips it, and the guard against values that
//! are not finite.
//!
//! ```text
//! norm = sqrt(sum over all trainable elements of g²)        factor = min(1, max_norm / norm)
//! ```
//!
//! (Pascanu, Mikolov and Bengio 2013.) The optimisers multiply every gradient by the factor, so
//! that clipping costs no pass of its own. Both numbers stay on the device, and so does a flag
//! that is set once a gradient is not finite (its exponent bits, tested as integers, are all
//! ones) or the sum of squares exceeds the range of f32. It never clears: the optimisers change
//! nothing any more, and the host learns of it when it next asks.
//!
//! Squares are summed per chunk in fixed lanes, then the chunks in order.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{Device, Error, ParameterStore, ParameterVector, Result};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuSlice, Tensor};

use crate::harness::{Case, Entry, InPlace, Scenario};
use crate::shared::update::Trainable;

/// The global norm of gradients, measured before every update.
///
/// ```
/// use limbeck_engine::{Device, StoreBuilder};
/// use limbeck_kernels::ClipNorm;
/// let mut builder = StoreBuilder::new(1);
/// builder.constant("weight", [2], 0.0);
/// let store = builder.build(&Device::cpu())?;
/// let mut gradients = store.zeros()?;
/// gradients.restore(&[vec![3.0, 4.0]])?;
/// let mut clip = ClipNorm::new(&store, Some(1.0))?;
/// clip.measure(&gradients)?;
/// assert_eq!(clip.norm()?, 5.0);
/// assert!(clip.is_finite()?);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
#[derive(Debug)]
pub struct ClipNorm {
    trainable: Trainable,
    /// The largest number of f32 where nothing is clipped: a norm that large counts as overflow.
    max_norm: f32,
    measured: bool,
    host: Measured,
    /// On a GPU: flag, bits of the norm, bits of the factor, measurements before the flag was set.
    #[cfg(feature = "gpu")]
    state: Tensor,
    /// On a GPU: two words per chunk, sum of squares and flag, for as many chunks as gradients have
    /// had so far: the rows of row-sparse parameters differ in number from step to step.
    #[cfg(feature = "gpu")]
    partial: Tensor,
}

/// What the host devices found.
#[derive(Clone, Copy, Debug)]
struct Measured {
    finite: bool,
    /// Measurements before the first that was not finite.
    finite_steps: u64,
    norm: f64,
    factor: f64,
}

impl ClipNorm {
    /// For gradients of the trainable parameters of `store`; nothing is clipped if `max_norm` is
    /// `None`.
    ///
    /// # Errors
    /// If `max_norm` is not a positive number, or the device failed.
    pub fn new(store: &ParameterStore, max_norm: Option<f32>) -> Result<Self> {
        if let Some(max) = max_norm.filter(|max| !(max.is_finite() && *max > 0.0)) {
            return Err(Error::Mismatch(format!(
                "clip_norm: the largest norm must be a positive number, found {max}"
            )));
        }
        let trainable = Trainable::of(store);
        Ok(ClipNorm {
            max_norm: max_norm.unwrap_or(f32::MAX),
            measured: false,
            host: Measured {
                finite: true,
                finite_steps: 0,
                norm: 0.0,
                factor: 1.0,
            },
            #[cfg(feature = "gpu")]
            state: store.device().ids(&[0; 4], [4])?,
            #[cfg(feature = "gpu")]
            partial: store.device().zeros([0])?,
            trainable,
        })
    }

    /// Measures the gradients of a step.
    ///
    /// # Errors
    /// If the gradients have not the parameters this was made for, or the GPU failed.
    pub fn measure(&mut self, gradients: &ParameterVector) -> Result<()> {
        self.trainable.check_gradients("clip_norm", gradients)?;
        match self.trainable.device() {
            Device::Cpu(_) => self.found(cpu::sum_of_squares(gradients)),
            Device::Reference(_) => self.found(reference::sum_of_squares(gradients)),
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => {
                let needed = 2 * gpu::chunks(gradients);
                if self.partial.shape().elements() < needed {
                    let room = [needed.next_power_of_two()];
                    self.partial = self.trainable.device().zeros(room)?;
                }
                let partial = on_gpu(&self.partial);
                gpu::measure(gpu, gradients, &partial, &self.state(), self.max_norm)?;
            }
            _ => {}
        }
        self.measured = true;
        Ok(())
    }

    /// Takes the sum of squares; `None` if an element is not finite.
    fn found(&mut self, sum: Option<f64>) {
        let norm = match sum {
            Some(sum) if sum <= f64::from(f32::MAX) => sum.sqrt(),
            _ => f64::INFINITY,
        };
        let max = f64::from(self.max_norm);
        let finite = self.host.finite && norm.is_finite();
        self.host = Measured {
            finite,
            finite_steps: self.host.finite_steps + u64::from(finite),
            norm,
            factor: if norm > max { max / norm } else { 1.0 },
        };
    }

    /// Whether every gradient measured so far was finite. Waits for the GPU.
    ///
    /// # Errors
    /// If the GPU failed.
    pub fn is_finite(&self) -> Result<bool> {
        #[cfg(feature = "gpu")]
        if let Device::Gpu(_) = self.trainable.device() {
            return Ok(self.state.read_ids()?[0] == 0);
        }
        Ok(self.host.finite)
    }

    /// How many steps were measured before the first whose gradient was not finite: so many were
    /// applied. Waits for the GPU.
    ///
    /// # Errors
    /// If the GPU failed.
    pub fn finite_steps(&self) -> Result<u64> {
        #[cfg(feature = "gpu")]
        if let Device::Gpu(_) = self.trainable.device() {
            return Ok(u64::from(self.state.read_ids()?[3]));
        }
        Ok(self.host.finite_steps)
    }

    /// The norm last measured, before clipping; infinite if a gradient was not finite or the
    /// norm overflowed. Waits for the GPU.
    ///
    /// # Errors
    /// If the GPU failed.
    pub fn norm(&self) -> Result<f64> {
        #[cfg(feature = "gpu")]
        if let Device::Gpu(_) = self.trainable.device() {
            return Ok(f64::from(f32::from_bits(self.state.read_ids()?[1])));
        }
        Ok(self.host.norm)
    }

    /// Whether gradients of this store were measured.
    pub(crate) fn measured_for(&self, store: u64) -> bool {
        self.measured && self.trainable.is_of(store)
    }

    /// On the host, the factor on the gradients; `None` if nothing may be applied any more.
    pub(crate) fn factor(&self) -> Option<f64> {
        self.host.finite.then_some(self.host.factor)
    }

    /// On a GPU, where the update kernels find flag, norm and factor.
    #[cfg(feature = "gpu")]
    pub(crate) fn state(&self) -> GpuSlice {
        on_gpu(&self.state)
    }
}

#[cfg(feature = "gpu")]
fn on_gpu(tensor: &Tensor) -> GpuSlice {
    tensor
        .gpu_slice()
        .expect("the kernels ask only on a GPU, where the state lives")
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "clip_norm",
        formula: "norm = sqrt(sum g²); factor = min(1, max_norm / norm)",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::PARTIAL, &gpu::JOIN],
    }
}

/// Measures the gradients of some steps.
#[derive(Debug)]
struct Norms(Scenario);

impl InPlace for Norms {
    fn run(&self, device: &Device) -> Result<Vec<Vec<f64>>> {
        let mut run = self.0.start(device)?;
        let mut outputs = Vec::new();
        for step in 0..Scenario::STEPS {
            run.measure(step)?;
            let finite = run.clip.is_finite()?;
            let steps = run.clip.finite_steps()?;
            outputs.push(vec![
                run.clip.norm()?,
                f64::from(u8::from(finite)),
                steps as f64,
            ]);
        }
        Ok(outputs)
    }
}

fn cases() -> Vec<Case> {
    let every = Scenario::table().into_iter();
    every
        .map(|scenario| Case::in_place(scenario.name, Norms(scenario)))
        .collect()
}
