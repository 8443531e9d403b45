//! Operators held to central differences one by one, with the inputs they have in the model.

use std::sync::Arc;

use super::{GradientReport, SuspectOperator};
use crate::device::Device;
use crate::differences::{coefficients, directions, norm, slope, slope_error, step};
use crate::error::Result;
use crate::operator::Differentiable;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// What a tape keeps that suspects its operators.
#[derive(Default)]
pub(crate) struct Suspicion(Vec<SuspectOperator>);

impl Suspicion {
    pub(crate) fn found(&self) -> Vec<SuspectOperator> {
        self.0.clone()
    }

    /// Checks an operator with these inputs, of which some want a gradient.
    pub(crate) fn examine(
        &mut self,
        operator: &Arc<dyn Differentiable>,
        scope: String,
        inputs: &[&Var],
    ) -> Result<()> {
        let alone = Alone {
            device: inputs.first().map(|v| v.tensor().device().clone()),
            operator,
            inputs: inputs.iter().map(|v| v.tensor().clone()).collect(),
            wanted: inputs.iter().map(|v| v.requires_grad()).collect(),
        };
        let worst = alone.errors()?;
        let worst = worst.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((input, error)) = worst.filter(|w| w.1 > GradientReport::TOLERANCE) {
            self.0.push(SuspectOperator {
                operator: operator.name(),
                scope,
                input,
                error,
            });
        }
        Ok(())
    }
}

/// An operator by itself.
struct Alone<'o> {
    device: Option<Device>,
    operator: &'o Arc<dyn Differentiable>,
    inputs: Vec<Tensor>,
    wanted: Vec<bool>,
}

impl Alone<'_> {
    /// The largest relative error of each input's gradient.
    fn errors(&self) -> Result<Vec<(usize, f64)>> {
        let Some(device) = &self.device else {
            return Ok(Vec::new());
        };
        let gradients = self.gradients(device)?;
        let wanted = (0..self.inputs.len()).filter(|i| self.wanted[*i]);
        let mut errors = Vec::new();
        for (input, gradient) in wanted.zip(&gradients) {
            let gradient = gradient.read_f64()?;
            let length = norm(&gradient);
            let mut worst: f64 = 0.0;
            for direction in directions(gradient.len()) {
                let slope = slope(&gradient, &direction);
                let mut least = f64::INFINITY;
                // As for the whole model: a shorter step does not cross a kink.
                for shorter in [1.0, 0.1, 0.01] {
                    let step = shorter * step(&direction);
                    let numeric = self.difference(device, input, &direction, step)?;
                    least = least.min(slope_error(slope, numeric, length));
                    if least <= GradientReport::TOLERANCE {
                        break;
                    }
                }
                worst = worst.max(least);
            }
            errors.push((input, worst));
        }
        Ok(errors)
    }

    fn gradients(&self, device: &Device) -> Result<Vec<Tensor>> {
        let tape = Tape::deterministic(device);
        let inputs = self.inputs.iter().zip(&self.wanted);
        let inputs: Vec<Var> = inputs
            .map(|(tensor, wanted)| match wanted {
                true => tape.watched(tensor.clone()),
                false => tape.constant(tensor.clone()),
            })
            .collect();
        let inputs: Vec<&Var> = inputs.iter().collect();
        let outputs = tape.apply_shared(Arc::clone(self.operator), &inputs)?;
        let seed = |(number, output): (usize, &'_ Var)| {
            let behind = coefficients(number, output.shape().elements());
            device.real_f64(&behind, output.shape())
        };
        let seeds: Result<Vec<Tensor>> = outputs.iter().enumerate().map(seed).collect();
        tape.gradients(outputs.iter().zip(seeds?).collect())
    }

    fn difference(
        &self,
        device: &Device,
        input: usize,
        direction: &[(usize, f64)],
        step: f64,
    ) -> Result<f64> {
        let moved = |step: f64| -> Result<Vec<Vec<f64>>> {
            let mut inputs = self.inputs.clone();
            let mut values = inputs[input].read_f64()?;
            direction.iter().for_each(|&(at, d)| values[at] += step * d);
            inputs[input] = device.real_f64(&values, inputs[input].shape())?;
            let tape = Tape::inference(device);
            let inputs: Vec<Var> = inputs.into_iter().map(|t| tape.constant(t)).collect();
            let inputs: Vec<&Var> = inputs.iter().collect();
            let outputs = tape.apply_shared(Arc::clone(self.operator), &inputs)?;
            outputs.iter().map(|o| o.tensor().read_f64()).collect()
        };
        let (above, below) = (moved(step)?, moved(-step)?);
        let mut difference = 0.0;
        for (number, (above, below)) in above.iter().zip(&below).enumerate() {
            let behind = coefficients(number, above.len());
            let moved = above.iter().zip(below).map(|(a, b)| a - b);
            difference += moved.zip(&behind).map(|(d, c)| d * c).sum::<f64>();
        }
        Ok(difference / (2.0 * step))
    }
}
