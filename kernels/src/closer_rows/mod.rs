//! Which units a teacher recognised better than its student: the comparison mask of distillation
//! that is restricted to them.
//!
//! ```text
//! y_i = 1 if valid_i > 0 and t_i + margin < s_i, else 0       t, s, valid, y [n]
//! ```
//!
//! t and s are the differences of the teacher and of the student to the truth, one per unit (a pixel,
//! a field, a note), by whatever loss. A tie is the student's. A comparison with NaN does not hold.
//! Margins of minus and plus infinity take every valid unit and none, whatever the differences are:
//! plain distillation, and training without a teacher. The result is a decision: it has no gradient.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

#[cfg(feature = "gpu")]
use limbeck_engine::GpuForward;
use limbeck_engine::{Error, Forward, Meta, NonDifferentiable, Operator, Plan, Result, Tape, Var};

use crate::check;
use crate::harness::{Case, Draw, Entry};

/// The operator; inputs are t, s and valid.
#[derive(Clone, Copy, Debug)]
struct CloserRows {
    margin: f32,
}

/// What a margin asks for.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// Units where the teacher is closer by more than this.
    Closer(f32),
    /// Every valid unit.
    Valid,
    /// No unit.
    Nothing,
}

/// 1 for each valid unit where the teacher's difference to the truth is smaller than the student's
/// by more than `margin`, else 0: `teacher`, `student` and `valid` (0 where a unit has no truth,
/// else 1) are `[n]` and give `[n]`, a constant. A margin of minus infinity takes every valid unit, one
/// of plus infinity none.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::closer_rows;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let teacher = tape.constant(device.real(&[0.1, 0.7, 2.0, 0.0], [4])?);
/// let student = tape.constant(device.real(&[0.6, 0.7, 1.0, 5.0], [4])?);
/// // The second is a tie, in the third the student is closer, the fourth has no truth.
/// let valid = tape.constant(device.real(&[1.0, 1.0, 1.0, 0.0], [4])?);
/// let mask = closer_rows(&tape, &teacher, &student, &valid, 0.0)?;
/// assert_eq!(mask.tensor().read()?, [1.0, 0.0, 0.0, 0.0]);
/// let all = closer_rows(&tape, &teacher, &student, &valid, f32::NEG_INFINITY)?;
/// assert_eq!(all.tensor().read()?, [1.0, 1.0, 1.0, 0.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes differ or are not of one dimension, the margin is NaN, or the device failed.
pub fn closer_rows(
    tape: &Tape,
    teacher: &Var,
    student: &Var,
    valid: &Var,
    margin: f32,
) -> Result<Var> {
    let mut outputs = tape.apply_constant(&CloserRows { margin }, &[teacher, student, valid])?;
    Ok(outputs.swap_remove(0))
}

impl CloserRows {
    fn rule(&self) -> Rule {
        match self.margin {
            f32::NEG_INFINITY => Rule::Valid,
            f32::INFINITY => Rule::Nothing,
            margin => Rule::Closer(margin),
        }
    }
}

impl Operator for CloserRows {
    fn name(&self) -> &'static str {
        "closer_rows"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let [teacher, student, valid] = check::inputs("closer_rows", inputs)?;
        let rows = Meta::real([teacher.shape.elements()]);
        check::exactly("closer_rows", "the teacher's differences", teacher, rows)?;
        check::exactly("closer_rows", "the student's differences", student, rows)?;
        check::exactly("closer_rows", "valid", valid, rows)?;
        if self.margin.is_nan() {
            return Err(Error::Shape {
                operator: "closer_rows",
                message: "the margin must be a number or infinite, found NaN".into(),
            });
        }
        Ok(Plan::new(inputs, rows).flops(2 * rows.shape.elements()))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(self.margin, io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(self.rule(), io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(self.rule(), io)
    }
}

impl NonDifferentiable for CloserRows {
    fn reason(&self) -> &'static str {
        "a yes-or-no decision is constant almost everywhere"
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "closer_rows",
        formula: "y = [valid and t + margin < s]; no gradient",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::FORWARD],
    }
}

/// Random differences, about a third of the units without truth. None is so near a tie that rounding
/// the sum to f32 decides it.
fn drawn(rows: usize, margin: f32) -> Case {
    let valid: Vec<f64> = (0..rows).map(|i| f64::from(i % 3 < 2)).collect();
    Case::constant(
        format!("{rows} units, margin {margin}"),
        CloserRows { margin },
    )
    .real(Draw::new("teacher"), [rows])
    .real(Draw::new("student"), [rows])
    .fixed_constant(&valid, [rows])
}

/// Ties (of both zeros too), infinite differences and NaN, each valid and not.
fn awkward(margin: f32) -> Case {
    let (infinite, nan) = (f64::INFINITY, f64::NAN);
    let pairs = [
        (0.5, 0.5),
        (0.5, 0.75),
        (0.5, 1.0),
        (1.0, 0.5),
        (0.0, -0.0),
        (-0.0, 0.0),
        (0.0, infinite),
        (infinite, 0.0),
        (infinite, infinite),
        (-infinite, 0.0),
        (0.0, nan),
        (nan, 0.0),
        (nan, infinite),
        (-infinite, -nan),
        (nan, nan),
    ];
    let both = || pairs.iter().chain(&pairs);
    let rows = 2 * pairs.len();
    let valid: Vec<f64> = (0..rows).map(|i| f64::from(i < pairs.len())).collect();
    let name = format!("ties, infinities and NaN, margin {margin}");
    Case::constant(name, CloserRows { margin })
        .fixed_constant(&both().map(|p| p.0).collect::<Vec<_>>(), [rows])
        .fixed_constant(&both().map(|p| p.1).collect::<Vec<_>>(), [rows])
        .fixed_constant(&valid, [rows])
}

fn cases() -> Vec<Case> {
    let (all, none) = (f32::NEG_INFINITY, f32::INFINITY);
    let mut cases = vec![drawn(0, 0.0), drawn(1, 0.0), drawn(777, 0.0)];
    // More than a block of the CPU, with an odd tail.
    cases.extend([drawn(4111, 0.3), drawn(70, -0.5), drawn(70, all)]);
    cases.extend([0.0, 0.25, -0.25, all, none].map(awkward));
    cases
}

#[cfg(test)]
mod tests;
