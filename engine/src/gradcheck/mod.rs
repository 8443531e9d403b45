//! Gradients of a user's own model or loss against central differences, in f64.

mod operators;
mod report;

pub(crate) use operators::Suspicion;
pub use report::{GradientReport, ParameterCheck, SuspectOperator};

use crate::device::Device;
use crate::differences::{Direction, coefficients, directions, norm, slope, slope_error, step};
use crate::error::{Error, Result};
use crate::parameters::{ParameterId, ParameterStore, ParameterVector};
use crate::shape::Shape;
use crate::tape::{Tape, Var};

/// Compares the gradients of every trainable parameter with central differences.
///
/// `store` borrows the parameters of a model that lives on [`Device::reference`]; `value` writes on
/// a tape what is to be differentiated: a loss, or any value in the middle of the graph. Random
/// coefficients stand behind it, so that an operator that drops its incoming gradient is caught.
/// Small parameters are checked along every coordinate, large ones along random directions and some
/// coordinates. The tape is one of training: dropout draws the same mask every time. What the model
/// computes must follow from its parameters alone. To check the gradient of an input as well, make
/// it a parameter. The parameters are left as they were.
///
/// Where a gradient is wrong, every operator is held to central differences by itself, and those
/// that fail are named in the report.
///
/// ```
/// use limbeck_engine::{Device, StoreBuilder, gradcheck};
///
/// let mut builder = StoreBuilder::new(1);
/// let weight = builder.normal("weight", [3, 2], 1.0);
/// let mut store = builder.build(&Device::reference())?;
///
/// let report = gradcheck(&mut store, |s| s, |s, tape| Ok(tape.parameter(s, weight)))?;
/// report.require()?;
/// assert_eq!(report.worst().map(|check| check.name.as_str()), Some("weight"));
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the store is not on the reference device, or `value` fails. A wrong gradient is no error here:
/// [`GradientReport::require`] makes it one.
pub fn gradcheck<M>(
    model: &mut M,
    store: impl Fn(&mut M) -> &mut ParameterStore,
    value: impl Fn(&M, &Tape) -> Result<Var>,
) -> Result<GradientReport> {
    let device = store(model).device().clone();
    if !matches!(device, Device::Reference(_)) {
        return Err(Error::Mismatch(format!(
            "gradcheck: expected parameters on the reference device, whose numbers are f64, found \
             device {}: build the model with Device::reference()",
            device.name()
        )));
    }
    let mut check = Check {
        model,
        store,
        value,
        device,
    };
    let mut report = check.parameters()?;
    if !report.is_right() {
        report.operators = check.operators()?;
    }
    Ok(report)
}

/// A model under check.
struct Check<'m, M, S, V> {
    model: &'m mut M,
    store: S,
    value: V,
    device: Device,
}

impl<M, S, V> Check<'_, M, S, V>
where
    S: Fn(&mut M) -> &mut ParameterStore,
    V: Fn(&M, &Tape) -> Result<Var>,
{
    fn tape(&self) -> Tape {
        Tape::training(&self.device, 1, 0)
    }

    fn store(&mut self) -> &mut ParameterStore {
        (self.store)(self.model)
    }

    /// One entry per trainable parameter.
    fn parameters(&mut self) -> Result<GradientReport> {
        let (gradients, shape) = self.gradients()?;
        let mut report = GradientReport {
            parameters: Vec::new(),
            operators: Vec::new(),
        };
        let ids: Vec<ParameterId> = self.store().ids().collect();
        for id in ids {
            let record = self.store().records()[id.index()].clone();
            if !record.frozen {
                let gradient = dense(&gradients, id, record.shape)?;
                let mut found = self.parameter(id, &gradient, shape)?;
                found.name = record.name;
                found.shape = record.shape;
                report.parameters.push(found);
            }
        }
        Ok(report)
    }

    /// The tape's gradients, and the shape of what was differentiated.
    fn gradients(&mut self) -> Result<(ParameterVector, Shape)> {
        let tape = self.tape();
        let value = (self.value)(self.model, &tape)?;
        let shape = value.shape();
        let behind = coefficients(0, shape.elements());
        let seeds = vec![(&value, self.device.real_f64(&behind, shape)?)];
        let mut gradients = self.store().zeros()?;
        // A parameter that is not reached has a gradient of zero, which the differences confirm or
        // refute.
        drop(tape.reverse(seeds, &mut [&mut gradients])?);
        Ok((gradients, shape))
    }

    fn parameter(
        &mut self,
        id: ParameterId,
        gradient: &[f64],
        shape: Shape,
    ) -> Result<ParameterCheck> {
        let original = self.store().value(id).read_f64()?;
        let outcome = self.worst_of(id, &original, gradient, shape);
        self.overwrite(id, &original)?;
        outcome
    }

    fn worst_of(
        &mut self,
        id: ParameterId,
        original: &[f64],
        gradient: &[f64],
        shape: Shape,
    ) -> Result<ParameterCheck> {
        let length = norm(gradient);
        let mut worst = ParameterCheck::new(shape);
        let all = directions(original.len());
        worst.directions = all.len();
        for mut direction in all {
            let mut numeric = self.difference(id, original, gradient, &direction, shape)?;
            let mut error = slope_error(slope(gradient, &direction), numeric, length);
            while error > GradientReport::TOLERANCE && direction.len() > 1 {
                // A single element says more than a direction: the half that is further off has it.
                let half = direction.split_off(direction.len() / 2);
                numeric = self.difference(id, original, gradient, &direction, shape)?;
                let other = self.difference(id, original, gradient, &half, shape)?;
                let off = |d: &[(usize, f64)], n: f64| (slope(gradient, d) - n).abs();
                if off(&half, other) > off(&direction, numeric) {
                    (direction, numeric) = (half, other);
                }
                error = slope_error(slope(gradient, &direction), numeric, length);
            }
            if error > worst.error || worst.error == 0.0 {
                worst.error = error;
                worst.element = direction.first().map_or(0, |(at, _)| *at);
                worst.tape = slope(gradient, &direction);
                worst.difference = numeric;
            }
        }
        Ok(worst)
    }

    /// The slope by differences. A step may cross a kink (of a ReLU, or where a maximum changes
    /// hands), and a shorter one does not; a wrong gradient is as wrong with every step.
    fn difference(
        &mut self,
        id: ParameterId,
        original: &[f64],
        gradient: &[f64],
        direction: &Direction,
        shape: Shape,
    ) -> Result<f64> {
        let (length, slope) = (norm(gradient), slope(gradient, direction));
        let mut best = f64::INFINITY;
        for shorter in [1.0, 0.1, 0.01] {
            let step = shorter * step(direction);
            let above = self.moved(id, original, direction, step)?;
            let below = self.moved(id, original, direction, -step)?;
            // Differences before the sum: a long sum would round away what is to be measured.
            let behind = coefficients(0, shape.elements());
            let moved = above.iter().zip(&below).map(|(a, b)| a - b);
            let sum: f64 = moved.zip(&behind).map(|(d, c)| d * c).sum();
            let found = sum / (2.0 * step);
            if !best.is_finite()
                || slope_error(slope, found, length) < slope_error(slope, best, length)
            {
                best = found;
            }
            if slope_error(slope, best, length) <= GradientReport::TOLERANCE {
                break;
            }
        }
        Ok(best)
    }

    /// The value with a parameter moved along a direction.
    fn moved(
        &mut self,
        id: ParameterId,
        original: &[f64],
        direction: &Direction,
        step: f64,
    ) -> Result<Vec<f64>> {
        let mut values = original.to_vec();
        for &(at, d) in direction {
            values[at] += step * d;
        }
        self.overwrite(id, &values)?;
        let tape = self.tape();
        (self.value)(self.model, &tape)?.tensor().read_f64()
    }

    fn overwrite(&mut self, id: ParameterId, values: &[f64]) -> Result<()> {
        let slices = self.store().values_mut()?.slices_mut();
        if let Some(into) = slices[id.index()].as_mut().and_then(|s| s.host_mut()) {
            into.copy_from_slice(values);
        }
        Ok(())
    }

    /// The operators whose own gradients are wrong.
    fn operators(&mut self) -> Result<Vec<SuspectOperator>> {
        let tape = self.tape();
        tape.suspect();
        (self.value)(self.model, &tape)?;
        Ok(tape.suspects())
    }
}

/// The whole gradient of a parameter: that of a row-sparse one is a list of rows, and zero elsewhere.
fn dense(gradients: &ParameterVector, id: ParameterId, shape: Shape) -> Result<Vec<f64>> {
    if let Some(slice) = gradients.get(id) {
        return slice.read_f64();
    }
    let mut whole = vec![0.0; shape.elements()];
    if let Some(rows) = &gradients.rows()[id.index()] {
        let columns = shape.columns();
        let values = rows.values.read_f64()?;
        for (number, id) in rows.ids.read_ids()?.into_iter().enumerate() {
            let from = &values[number * columns..][..columns];
            whole[id as usize * columns..][..columns].copy_from_slice(from);
        }
    }
    Ok(whole)
}
