//! The weighted, masked mean: the one reduction behind every loss.
//!
//! ```text
//! y = Σ_i w_i v_i / max(D, tiny)         D = Σ_i w_i, or a count the caller knows
//! dv_i = w_i dy / max(D, tiny)           (∂y/∂v_i; the weights are constants)
//! ```
//!
//! Loss operators return one value per row; this one makes a number of them. A row of weight 0
//! is masked: it adds exactly nothing, whatever its value, NaN and infinity included, and its
//! gradient is exactly 0. With every row masked the result is 0.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{
    Backward, Differentiable, Error, Forward, Meta, Operator, Plan, Result, Tape, Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry, Tolerance};

/// What the weighted sum is divided by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Normaliser {
    /// The sum of the weights (the number of rows where there are none).
    Weights,
    /// A number the caller knows: samples, valid units, positions. Finite and not negative.
    Count(f32),
}

/// Keeps a mean over nothing at 0 / tiny = 0.
const TINY: f32 = 1e-30;

/// The operator; inputs are v and, if weighted, w.
#[derive(Clone, Copy, Debug)]
struct WeightedMean {
    weighted: bool,
    normaliser: Normaliser,
}

/// `Σ w_i v_i / max(D, tiny)`: values `[n]` and weights `[n]` give `[1]`. Without weights every
/// row counts 1.
///
/// The weights are constants: no gradient flows into them. A row of weight 0 counts for nothing
/// even if its value is not finite.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::{Normaliser, weighted_mean};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let losses = tape.constant(device.real(&[1.0, f32::NAN, 4.0], [3])?);
/// let weights = tape.constant(device.real(&[1.0, 0.0, 3.0], [3])?);
/// let mean = |normaliser| weighted_mean(&tape, &losses, Some(&weights), normaliser);
/// assert_eq!(mean(Normaliser::Weights)?.tensor().read()?, [3.25]);
/// assert_eq!(mean(Normaliser::Count(2.0))?.tensor().read()?, [6.5]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes do not fit, the count is negative or not finite, or the device failed.
pub fn weighted_mean(
    tape: &Tape,
    values: &Var,
    weights: Option<&Var>,
    normaliser: Normaliser,
) -> Result<Var> {
    let operator = WeightedMean {
        weighted: weights.is_some(),
        normaliser,
    };
    match weights {
        Some(weights) => tape.apply_one(operator, &[values, &weights.detach()]),
        None => tape.apply_one(operator, &[values]),
    }
}

impl WeightedMean {
    /// The number to divide by, where the host knows it.
    fn count(&self, rows: usize) -> Option<f32> {
        match self.normaliser {
            Normaliser::Count(count) => Some(count),
            Normaliser::Weights if self.weighted => None,
            Normaliser::Weights => Some(rows as f32),
        }
    }
}

impl Operator for WeightedMean {
    fn name(&self) -> &'static str {
        "weighted_mean"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let refuse = |message: String| {
            Err(Error::Shape {
                operator: "weighted_mean",
                message,
            })
        };
        let values = if self.weighted {
            let [values, weights] = check::inputs("weighted_mean", inputs)?;
            let expected = Meta::real(values.shape);
            check::exactly("weighted_mean", "the weights", weights, expected)?;
            values
        } else {
            let [values] = check::inputs("weighted_mean", inputs)?;
            values
        };
        check::real("weighted_mean", "the values", values)?;
        let &[rows] = values.shape.dims() else {
            return refuse(format!(
                "expected one value per row, shape [n], found {}",
                values.shape
            ));
        };
        if let Normaliser::Count(count) = self.normaliser
            && !(count.is_finite() && count >= 0.0)
        {
            return refuse(format!(
                "the count to divide by must be finite and not negative, found {count}"
            ));
        }
        // The divisor is left for the backward pass.
        Ok(Plan::new(inputs, Meta::real([1]))
            .save(Meta::real([1]))
            .keep_inputs(self.weighted.then_some(1))
            .flops(2 * rows))
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

impl Differentiable for WeightedMean {
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
        name: "weighted_mean",
        formula: "y = Σ w_i v_i / max(D, tiny), D = Σ w_i or a count; dv_i = w_i dy / max(D, tiny)",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: gpu::KERNELS.to_vec(),
    }
}

fn cases() -> Vec<Case> {
    // Positive, so that the sum does not cancel: an error relative to nearly 0 says nothing.
    let values = Draw::new("v").between(0.5, 3.0);
    let weights = Draw::new("w").between(0.1, 1.0);
    let case = |rows: usize, weighted: bool, normaliser| {
        let name = format!("{rows} rows, weighted {weighted}, {normaliser:?}");
        let operator = WeightedMean {
            weighted,
            normaliser,
        };
        let case = Case::new(name, operator).real(values, [rows]);
        if weighted {
            case.without_gradient(weights, [rows])
        } else {
            case
        }
    };
    let fixed = |name: &str, values: &[f64], weights: &[f64], normaliser| {
        let operator = WeightedMean {
            weighted: true,
            normaliser,
        };
        Case::new(name, operator)
            .fixed(values, [values.len()])
            .fixed_constant(weights, [weights.len()])
    };
    let masked = [f64::NAN, 2.0, f64::INFINITY, -1.0];
    vec![
        case(0, false, Normaliser::Weights),
        case(0, true, Normaliser::Weights),
        case(1, false, Normaliser::Weights),
        case(1, true, Normaliser::Weights),
        case(65, true, Normaliser::Weights),
        case(100, true, Normaliser::Count(7.0)),
        case(17, false, Normaliser::Count(3.0)),
        case(17, true, Normaliser::Count(0.25)),
        case(9001, true, Normaliser::Weights)
            .tolerance(Tolerance::LONG)
            .without_finite_differences("rounding of the mean hides the share of one in 9001 rows"),
        fixed(
            "NaN and infinity in masked rows",
            &masked,
            &[0.0, 3.0, -0.0, 1.0],
            Normaliser::Weights,
        ),
        fixed("all rows masked", &masked, &[0.0; 4], Normaliser::Weights),
        fixed(
            "all rows masked, none valid",
            &masked,
            &[0.0; 4],
            Normaliser::Count(0.0),
        ),
    ]
}
