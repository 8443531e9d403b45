//! The checks: one device against another, gradients against finite differences.

use limbeck_engine::{Device, Result, Shape, Tape, Tensor, Var, differences};

use super::case::{Case, Input, Subject};

/// What a case computed on one device: outputs (ids as numbers), then gradients.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Each output.
    pub outputs: Vec<Vec<f64>>,
    /// The gradient of each input that wants one.
    pub gradients: Vec<Vec<f64>>,
}

impl Outcome {
    /// Whether both have the same bits: zeros of different signs differ, and numbers that are none
    /// are compared like others.
    pub fn same_bits(&self, other: &Outcome) -> bool {
        let bits = |outcome: &Outcome| -> Vec<Vec<u64>> {
            let lists = outcome.outputs.iter().chain(&outcome.gradients);
            lists
                .map(|list| list.iter().map(|v| v.to_bits()).collect())
                .collect()
        };
        self.outputs.len() == other.outputs.len() && bits(self) == bits(other)
    }
}

/// The largest relative errors of an outcome against the reference's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Over the outputs.
    pub outputs: f64,
    /// Over the gradients.
    pub gradients: f64,
}

impl Comparison {
    /// The larger of both.
    pub fn worst(&self) -> f64 {
        self.outputs.max(self.gradients)
    }
}

/// Runs a case forward and backward, with random coefficients behind every output; updates in
/// place run as they are.
///
/// # Errors
/// If the operator refuses the inputs or the device fails.
pub fn outcome(case: &Case, device: &Device) -> Result<Outcome> {
    run(case, device, false)
}

/// [`outcome`], but each gradient is added to one that is already there, as for a value that is
/// used twice: an operator that overwrites it is caught by [`with_present`].
///
/// # Errors
/// As [`outcome`].
pub fn accumulated(case: &Case, device: &Device) -> Result<Outcome> {
    run(case, device, true)
}

/// What [`accumulated`] must give where [`outcome`] gave this.
#[must_use]
pub fn with_present(case: &Case, mut fresh: Outcome) -> Outcome {
    let outputs = fresh.outputs.len();
    let watched = case
        .inputs
        .iter()
        .enumerate()
        .filter_map(|(i, input)| match input {
            Input::Real {
                shape,
                differentiate: true,
                ..
            } => Some(coefficients(outputs + i, *shape)),
            _ => None,
        });
    for (gradient, present) in fresh.gradients.iter_mut().zip(watched) {
        gradient.iter_mut().zip(present).for_each(|(a, b)| *a += b);
    }
    fresh
}

fn run(case: &Case, device: &Device, accumulate: bool) -> Result<Outcome> {
    if let Subject::InPlace(update) = &case.subject {
        return Ok(Outcome {
            outputs: update.run(device)?,
            gradients: Vec::new(),
        });
    }
    let tape = Tape::deterministic(device);
    let inputs = upload(case, &tape, &case.inputs)?;
    let refs: Vec<&Var> = inputs.iter().collect();
    let outputs = apply(case, &tape, &refs)?;
    let mut read = Vec::new();
    for output in &outputs {
        read.push(numbers(output.tensor())?);
    }
    let mut seeds = Vec::new();
    for (index, output) in outputs.iter().enumerate() {
        if output.requires_grad() {
            let coefficients = coefficients(index, output.shape());
            seeds.push((output, device.real_f64(&coefficients, output.shape())?));
        }
    }
    for (index, input) in inputs.iter().enumerate() {
        if accumulate && input.requires_grad() {
            let present = coefficients(outputs.len() + index, input.shape());
            seeds.push((input, device.real_f64(&present, input.shape())?));
        }
    }
    let gradients = tape.gradients(seeds)?;
    let gradients = gradients.iter().map(numbers).collect::<Result<_>>()?;
    Ok(Outcome {
        outputs: read,
        gradients,
    })
}

/// How far an outcome is from the reference's: per output and gradient the norm of the
/// difference over the norm of the reference; infinite where one is not finite or missing.
pub fn compare(found: &Outcome, reference: &Outcome) -> Comparison {
    let worst = |a: &[Vec<f64>], b: &[Vec<f64>]| {
        if a.len() != b.len() {
            return f64::INFINITY;
        }
        a.iter()
            .zip(b)
            .map(|(a, b)| relative_error(a, b))
            .fold(0.0, f64::max)
    };
    Comparison {
        outputs: worst(&found.outputs, &reference.outputs),
        gradients: worst(&found.gradients, &reference.gradients),
    }
}

fn relative_error(found: &[f64], reference: &[f64]) -> f64 {
    if found.len() != reference.len() {
        return f64::INFINITY;
    }
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let mut same = found.iter().zip(reference).filter(|(a, b)| a != b);
    let difference = norm(&mut same.by_ref().map(|(a, b)| a - b));
    // Infinite where both are: equal, and filtered out above.
    let scale = norm(&mut reference.iter().copied().filter(|v| v.is_finite()));
    let error = difference / scale.max(1e-30);
    if difference == 0.0 {
        0.0
    } else if error.is_nan() {
        f64::INFINITY
    } else {
        error
    }
}

/// The largest relative error of the reference's gradients against central differences, in f64:
/// every coordinate of small inputs, random directions and coordinates of large ones. `None`
/// where the case has no such check.
///
/// # Errors
/// If the operator refuses the inputs.
pub fn finite_differences(case: &Case) -> Result<Option<f64>> {
    if case.without_finite_differences.is_some()
        || !matches!(case.subject, Subject::Differentiable(_))
    {
        return Ok(None);
    }
    let device = Device::reference();
    let analytic = outcome(case, &device)?.gradients;
    let mut worst: f64 = 0.0;
    let differentiable = case
        .inputs
        .iter()
        .enumerate()
        .filter_map(|(i, input)| match input {
            Input::Real {
                values,
                differentiate: true,
                ..
            } => Some((i, values)),
            _ => None,
        });
    for ((index, values), gradient) in differentiable.zip(&analytic) {
        let norm = differences::norm(gradient);
        for direction in differences::directions(values.len()) {
            let slope = differences::slope(gradient, &direction);
            let numeric = central_difference(case, &device, index, &direction)?;
            worst = worst.max(differences::slope_error(slope, numeric, norm));
        }
    }
    Ok(Some(worst))
}

fn central_difference(
    case: &Case,
    device: &Device,
    index: usize,
    direction: &[(usize, f64)],
) -> Result<f64> {
    let step = differences::step(direction);
    let moved = |sign: f64| {
        let mut inputs = case.inputs.clone();
        if let Input::Real { values, .. } = &mut inputs[index] {
            direction
                .iter()
                .for_each(|&(at, d)| values[at] += sign * step * d);
        }
        let tape = Tape::inference(device);
        let vars = upload(case, &tape, &inputs)?;
        apply(case, &tape, &vars.iter().collect::<Vec<_>>())
    };
    let (above, below) = (moved(1.0)?, moved(-1.0)?);
    let mut difference = 0.0;
    for (number, (above, below)) in above.iter().zip(&below).enumerate() {
        let behind = coefficients(number, above.shape());
        // Differences before the sum: a long sum would round away what is to be measured.
        let (above, below) = (numbers(above.tensor())?, numbers(below.tensor())?);
        let moved = above.iter().zip(&below).map(|(a, b)| a - b);
        difference += moved.zip(&behind).map(|(d, c)| d * c).sum::<f64>();
    }
    Ok(difference / (2.0 * step))
}

fn coefficients(index: usize, shape: Shape) -> Vec<f64> {
    differences::coefficients(index, shape.elements())
}

fn apply(case: &Case, tape: &Tape, inputs: &[&Var]) -> Result<Vec<Var>> {
    match &case.subject {
        Subject::Differentiable(operator) => tape.apply_shared(operator.clone(), inputs),
        Subject::Constant(operator) => tape.apply_constant(&**operator, inputs),
        Subject::InPlace(_) => unreachable!("updates in place run by themselves"),
    }
}

fn upload(case: &Case, tape: &Tape, inputs: &[Input]) -> Result<Vec<Var>> {
    let differentiable = matches!(case.subject, Subject::Differentiable(_));
    let one = |input: &Input| match input {
        Input::Real {
            values,
            shape,
            differentiate,
        } => {
            let tensor = tape.device().real_f64(values, *shape)?;
            Ok(if *differentiate && differentiable {
                tape.watched(tensor)
            } else {
                tape.constant(tensor)
            })
        }
        Input::Ids { values, shape } => Ok(tape.constant(tape.device().ids(values, *shape)?)),
    };
    inputs.iter().map(one).collect()
}

fn numbers(tensor: &Tensor) -> Result<Vec<f64>> {
    match tensor.meta().dtype {
        limbeck_engine::DType::Real => tensor.read_f64(),
        limbeck_engine::DType::Ids => Ok(tensor.read_ids()?.into_iter().map(f64::from).collect()),
    }
}
