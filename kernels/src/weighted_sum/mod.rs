//! Sums of values of one shape with factors known to the host: residual connections, scaled
//! values, the total of several losses.
//!
//! ```text
//! y = Σ_k f_k x_k        all x_k of one shape, f_k constants
//! dx_k = f_k dy          (∂y/∂x_k = f_k)
//! ```
//!
//! [`add`] has two terms of factor 1, [`scale`] one term.

mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;
mod reference;

use std::sync::Arc;

use limbeck_engine::{
    Backward, Differentiable, Error, Forward, Meta, Operator, Plan, Result, Tape, Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry};

pub(crate) use cpu::add_scaled;

/// The operator: one factor per input.
#[derive(Clone, Debug)]
struct WeightedSum {
    factors: Arc<[f32]>,
}

/// `Σ f_k x_k`: values of one shape, each with its factor; a total of losses, for example.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::weighted_sum;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let hard = tape.constant(device.real(&[2.0], [1])?);
/// let soft = tape.constant(device.real(&[8.0], [1])?);
/// assert_eq!(weighted_sum(&tape, &[(&hard, 0.5), (&soft, 0.25)])?.tensor().read()?, [3.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If there is no term, the shapes differ, a factor is not finite, or the device failed.
pub fn weighted_sum(tape: &Tape, terms: &[(&Var, f32)]) -> Result<Var> {
    let (values, factors): (Vec<&Var>, Vec<f32>) = terms.iter().copied().unzip();
    let factors = factors.into();
    tape.apply_one(WeightedSum { factors }, &values)
}

/// `a + b`, of one shape.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let a = tape.constant(device.real(&[1.0, 2.0], [2])?);
/// assert_eq!(limbeck_kernels::add(&tape, &a, &a)?.tensor().read()?, [2.0, 4.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes differ, or the device failed.
pub fn add(tape: &Tape, a: &Var, b: &Var) -> Result<Var> {
    weighted_sum(tape, &[(a, 1.0), (b, 1.0)])
}

/// `factor * x`, of any shape.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let x = tape.constant(device.real(&[1.0, 2.0], [2])?);
/// assert_eq!(limbeck_kernels::scale(&tape, &x, -0.5)?.tensor().read()?, [-0.5, -1.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the factor is not finite, or the device failed.
pub fn scale(tape: &Tape, x: &Var, factor: f32) -> Result<Var> {
    weighted_sum(tape, &[(x, factor)])
}

impl Operator for WeightedSum {
    fn name(&self) -> &'static str {
        "weighted_sum"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let refuse = |message: String| {
            Err(Error::Shape {
                operator: "weighted_sum",
                message,
            })
        };
        let Some(&first) = inputs.first() else {
            return refuse("expected at least one term, found none".into());
        };
        if inputs.len() != self.factors.len() {
            return refuse(format!(
                "expected {} inputs, one per factor, found {}",
                self.factors.len(),
                inputs.len()
            ));
        }
        check::real("weighted_sum", "term 0", first)?;
        for (k, (&input, factor)) in inputs.iter().zip(&*self.factors).enumerate() {
            check::exactly("weighted_sum", &format!("term {k}"), input, first)?;
            if !factor.is_finite() {
                return refuse(format!(
                    "the factor of term {k} is {factor}: it must be finite"
                ));
            }
        }
        Ok(Plan::new(inputs, first).flops(2 * inputs.len() * first.shape.elements()))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(self, io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(self, io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(self, io)
    }
}

impl Differentiable for WeightedSum {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward(self, io);
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        cpu::backward(self, io);
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(self, io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "weighted_sum",
        formula: "y = Σ_k f_k x_k; dx_k = f_k dy",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::COMBINE],
    }
}

fn cases() -> Vec<Case> {
    const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
    let case = |shape: [usize; 2], factors: &[f32]| {
        let operator = WeightedSum {
            factors: factors.into(),
        };
        let case = Case::new(format!("{shape:?} times {factors:?}"), operator);
        let draws = NAMES.iter().take(factors.len());
        draws.fold(case, |case, name| case.real(Draw::new(name), shape))
    };
    let partly = WeightedSum {
        factors: [2.0, 3.0, -1.0].into(),
    };
    vec![
        case([3, 5], &[1.0, 1.0]),
        case([1, 1], &[0.5, -2.0, 3.0]),
        case([70, 67], &[1.5]),
        case([0, 4], &[1.0, 1.0]),
        // Beyond one block of the CPU and, with few workgroups, folded on a GPU.
        case([90, 91], &[1.0, 0.0, -0.25, 2.0]),
        case([2, 2], &[1.0, 2.0, 3.0, 4.0, 5.0]),
        Case::new("a gradient for the middle term only", partly)
            .without_gradient(Draw::new("a"), [7])
            .real(Draw::new("b"), [7])
            .without_gradient(Draw::new("c"), [7]),
    ]
}
