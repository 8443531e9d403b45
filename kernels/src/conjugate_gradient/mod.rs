//! Nonlinear conjugate gradients: for smooth convex losses over all samples at once.
//!
//! ```text
//! d = -g + β d          y = g - g_before          β = max(0, min(gᵀy, gᵀg)) / dᵀy
//! p = p + a d           a such that |gᵀd| is small at p + a d
//! ```
//!
//! (The hybrid of Hestenes-Stiefel and Dai-Yuan: Dai and Yuan 2001.) On a quadratic the directions
//! are conjugate, so that few of them suffice where plain descent zigzags. There is no learning
//! rate: the length a is found by a search along the line ([`line`]), which needs nothing but
//! further gradients. So a step is what it is for every other update rule: one gradient in, one
//! change of the parameters out. It either moves on along the line, or, where the slope gᵀd has
//! become small, turns into the next direction and makes its first move there.
//!
//! Its gradients must be those of one function: a whole training set, no dropout. The records'
//! learning-rate scales and decay do not apply, nor does clipping. Nothing changes once a gradient
//! was not finite.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod line;
mod reference;

#[cfg(feature = "gpu")]
use limbeck_engine::Tensor;
use limbeck_engine::{Device, Error, ParameterStore, ParameterVector, Result};

use crate::ClipNorm;
use crate::harness::{Case, Entry, InPlace, Scenario, Tolerance};
#[cfg(feature = "gpu")]
use crate::shared::update::Rules;
use crate::shared::update::{Trainable, below_one, for_chunks, refuse_row_sparse};
use line::{Line, Verdict};

/// The optimiser: direction, gradient before, and where the search along the line stands.
///
/// ```
/// use limbeck_engine::{Device, StoreBuilder};
/// use limbeck_kernels::{ClipNorm, ConjugateGradient};
/// // f(x) = ½ (x_0 - 1)² + 50 (x_1 - 2)², whose gradient is (x_0 - 1, 100 (x_1 - 2)).
/// let mut builder = StoreBuilder::new(1);
/// let x = builder.constant("x", [2], 0.0);
/// let mut store = builder.build(&Device::cpu())?;
/// let (mut gradients, mut norm) = (store.zeros()?, ClipNorm::new(&store, None)?);
/// let mut rule = ConjugateGradient::new(&store, 1e-5)?;
/// for _ in 0..20 {
///     let at = store.value(x).read()?;
///     gradients.restore(&[vec![at[0] - 1.0, 100.0 * (at[1] - 2.0)]])?;
///     norm.measure(&gradients)?;
///     rule.step(&mut store, &gradients, &norm)?;
/// }
/// assert!(rule.has_converged());
/// let at = store.value(x).read()?;
/// assert!((at[0] - 1.0).abs() < 2e-3 && (at[1] - 2.0).abs() < 2e-5);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
#[derive(Debug)]
pub struct ConjugateGradient {
    trainable: Trainable,
    /// Where the shaders find the slices.
    #[cfg(feature = "gpu")]
    rules: Rules,
    /// On a GPU: two sums per chunk.
    #[cfg(feature = "gpu")]
    sums: Tensor,
    /// The direction, and the gradient where it was chosen.
    moments: [ParameterVector; 2],
    tolerance: f64,
    /// Norm of the first gradient of all; 0 before it.
    first_norm: f64,
    /// Norm of the last one.
    norm: f64,
    line: Line,
    updates: u64,
}

/// Sums over all elements.
#[derive(Clone, Copy, Debug, Default)]
struct Products {
    /// gᵀd.
    slope: f64,
    /// gᵀg_before.
    before: f64,
}

/// Numbers of [`ConjugateGradient::scalars`].
const SCALARS: usize = 2 + line::SCALARS;

impl ConjugateGradient {
    /// For the trainable parameters of `store`. It has converged once the gradient's norm is at
    /// most `tolerance` times that of the first gradient, and then changes nothing.
    ///
    /// # Errors
    /// If the tolerance is not from 0 to below 1, or the device cannot hold the state.
    pub fn new(store: &ParameterStore, tolerance: f64) -> Result<Self> {
        refuse_row_sparse(
            "conjugate_gradient",
            store,
            "every direction moves all rows",
        )?;
        below_one("conjugate_gradient", "the tolerance", tolerance)?;
        let trainable = Trainable::of(store);
        Ok(ConjugateGradient {
            #[cfg(feature = "gpu")]
            sums: store.device().zeros([2 * gpu::chunks(&trainable)])?,
            trainable,
            #[cfg(feature = "gpu")]
            rules: Rules::of(store, 0.0)?,
            moments: [store.zeros()?, store.zeros()?],
            tolerance,
            first_norm: 0.0,
            norm: f64::INFINITY,
            line: Line::default(),
            updates: 0,
        })
    }

    /// One gradient, that `norm` has measured, for one change of the parameters. Waits for the GPU.
    ///
    /// # Errors
    /// If the arguments are not of the store this was made for, or the GPU failed.
    pub fn step(
        &mut self,
        store: &mut ParameterStore,
        gradients: &ParameterVector,
        norm: &ClipNorm,
    ) -> Result<()> {
        self.trainable
            .check_step("conjugate_gradient", store, gradients, norm, 0.0)?;
        self.updates += 1;
        self.norm = norm.norm()?;
        if !norm.is_finite()? {
            return Ok(());
        }
        if self.first_norm == 0.0 {
            self.first_norm = self.norm;
        }
        if self.has_converged() {
            return Ok(());
        }
        let products = self.products(gradients)?;
        match self.line.judge(products.slope) {
            Verdict::Move(by) => self.advance(store, gradients, by),
            Verdict::Turn => {
                let square = self.norm * self.norm;
                let (mix, by) = self.line.turn(square, products.slope, products.before);
                self.turn(store, gradients, mix, by)
            }
        }
    }

    /// Whether the last gradient was small enough. The parameters are those it belongs to.
    pub fn has_converged(&self) -> bool {
        self.norm <= self.tolerance * self.first_norm
    }

    /// Norm of the last gradient, relative to the first.
    pub fn relative_norm(&self) -> f64 {
        if self.first_norm > 0.0 {
            self.norm / self.first_norm
        } else {
            self.norm
        }
    }

    /// Forgets the direction, since the gradients to come are of another function. The norm that
    /// the tolerance is relative to stays.
    pub fn restart(&mut self) {
        self.line.restart();
        self.norm = f64::INFINITY;
    }

    /// Number of steps taken.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The vectors to save.
    pub fn moments(&self) -> Vec<&ParameterVector> {
        self.moments.iter().collect()
    }

    /// The numbers to save.
    pub fn scalars(&self) -> Vec<f64> {
        let mut all = vec![self.first_norm, self.norm];
        all.extend(self.line.scalars());
        all
    }

    /// Continues from a saved state: what `read` gave for each of
    /// [`ConjugateGradient::moments`], and [`ConjugateGradient::scalars`].
    ///
    /// # Errors
    /// If the state is of another model or optimiser; nothing is overwritten then.
    pub fn restore(
        &mut self,
        moments: &[Vec<Vec<f32>>],
        scalars: &[f64],
        updates: u64,
    ) -> Result<()> {
        let Ok([first_norm, norm, line @ ..]) = <&[f64; SCALARS]>::try_from(scalars) else {
            return Err(Error::Mismatch(format!(
                "conjugate_gradient: the saved state has {} numbers, expected {SCALARS}: it is of \
                 another optimiser",
                scalars.len()
            )));
        };
        self.trainable
            .restore("conjugate_gradient", &mut self.moments, moments)?;
        (self.first_norm, self.norm) = (*first_norm, *norm);
        self.line = Line::of_scalars(line);
        self.updates = updates;
        Ok(())
    }

    fn products(&self, gradients: &ParameterVector) -> Result<Products> {
        let vectors = [gradients, &self.moments[0], &self.moments[1]];
        match self.trainable.device() {
            Device::Cpu(_) => Ok(cpu::products(vectors)),
            Device::Reference(_) => Ok(reference::products(vectors)),
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => gpu::products(gpu, vectors, &self.sums),
            _ => Ok(Products::default()),
        }
    }

    /// p = p + by d.
    fn advance(
        &mut self,
        store: &mut ParameterStore,
        gradients: &ParameterVector,
        by: f64,
    ) -> Result<()> {
        match self.trainable.device() {
            Device::Cpu(_) => for_chunks(store, gradients, &mut self.moments, |c| {
                cpu::advance(by, c.values, c.moments[0]);
            }),
            Device::Reference(_) => for_chunks(store, gradients, &mut self.moments, |c| {
                reference::advance(by, c.values, c.moments[0]);
            }),
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => gpu::advance(gpu, self, store, by),
            _ => Ok(()),
        }
    }

    /// d = -g + mix d, then p = p + by d.
    fn turn(
        &mut self,
        store: &mut ParameterStore,
        gradients: &ParameterVector,
        mix: f64,
        by: f64,
    ) -> Result<()> {
        match self.trainable.device() {
            Device::Cpu(_) => for_chunks(store, gradients, &mut self.moments, |c| {
                cpu::turn([mix, by], c.values, c.gradients, c.moments);
            }),
            Device::Reference(_) => for_chunks(store, gradients, &mut self.moments, |c| {
                reference::turn([mix, by], c.values, c.gradients, c.moments);
            }),
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => gpu::turn(gpu, self, store, gradients, [mix, by]),
            _ => Ok(()),
        }
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "conjugate_gradient",
        formula: "d = -g + β d, β = max(0, min(gᵀy, gᵀg)) / dᵀy; p = p + a d",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::PRODUCTS, &gpu::ADVANCE, &gpu::TURN],
    }
}

/// Some steps of a store.
#[derive(Debug)]
struct Steps(Scenario);

impl InPlace for Steps {
    fn run(&self, device: &Device) -> Result<Vec<Vec<f64>>> {
        let mut run = self.0.start(device)?;
        let mut rule = ConjugateGradient::new(&run.store, 1e-3)?;
        // Each gradient twice: where the slope has not changed, the step goes further along the
        // line; a new gradient is a small slope, where it turns.
        for step in 0..2 * Scenario::STEPS {
            run.measure(step / 2)?;
            rule.step(&mut run.store, &run.gradients, &run.clip)?;
        }
        run.numbers(&rule.moments())
    }
}

fn cases() -> Vec<Case> {
    let every = Scenario::table().into_iter();
    every
        // A slope is a sum of thousands of products of both signs, and the lengths follow from it.
        .map(|scenario| Case::in_place(scenario.name, Steps(scenario)).tolerance(Tolerance::LONG))
        .collect()
}
