//! The checks: one device against another, gradients against finite differences.

use limbeck_engine::{Device, Result, Shape, Stream, Tape, Tensor, Var};

use super::case::{Case, Input, Subject};

/// What a case computed on one device: outputs (ids as numbers), then gradients.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Each output.
    pub outputs: Vec<Vec<f64>>,
    /// The gradient of each input that wants one.
    pub gradients: Vec<Vec<f64>>,
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
        let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        for direction in directions(values.len()) {
            let slope: f64 = direction.iter().map(|&(at, d)| gradient[at] * d).sum();
            let numeric = central_difference(case, &device, index, &direction)?;
            // Against the length of the gradient as well: a coordinate whose true slope is zero
            // has no scale of its own.
            let scale = slope.abs().max(numeric.abs()).max(1e-3 * norm).max(1e-6);
            let error = (slope - numeric).abs() / scale;
            worst = worst.max(if error.is_nan() { f64::INFINITY } else { error });
        }
    }
    Ok(Some(worst))
}

/// Sparse directions to differentiate along.
fn directions(len: usize) -> Vec<Vec<(usize, f64)>> {
    const EVERY: usize = 96;
    if len <= EVERY {
        return (0..len).map(|at| vec![(at, 1.0)]).collect();
    }
    let stream = Stream::new(11, "directions", 0);
    let mut chosen: Vec<Vec<(usize, f64)>> = (0..8)
        .map(|d| {
            (0..len)
                .map(|at| (at, stream.normal(at as u32, d)))
                .collect()
        })
        .collect();
    // The first and last coordinates, where loops end, and some between.
    let between = (0..24).map(|i| (stream.uniform(i, 99) * len as f64) as usize);
    chosen.extend(
        [0, 1, len - 2, len - 1]
            .into_iter()
            .chain(between)
            .map(|at| vec![(at, 1.0)]),
    );
    chosen
}

fn central_difference(
    case: &Case,
    device: &Device,
    index: usize,
    direction: &[(usize, f64)],
) -> Result<f64> {
    let length = direction.iter().map(|(_, d)| d * d).sum::<f64>().sqrt();
    // Balances the cubic truncation of the difference against rounding in f64.
    let step = 1e-5 / length;
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

/// The random coefficients behind value `index`, rounded to f32 like every input.
fn coefficients(index: usize, shape: Shape) -> Vec<f64> {
    let stream = Stream::new(13, "coefficients", index as u32);
    (0..shape.elements() as u32)
        .map(|i| f64::from(stream.normal(i, 0) as f32))
        .collect()
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
