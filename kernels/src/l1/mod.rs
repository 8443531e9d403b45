//! Mean absolute difference of rows.
//!
//! ```text
//! l_i = (1/d) Σ_j |a_ij - b_ij|           a, b [n, d]
//! ```
//!
//! The mean is over the d components of a vector; rows are not averaged here. With g_i the
//! incoming gradient,
//!
//! ```text
//! da_ij = g_i (1/d) sign(a_ij - b_ij)     db_ij = -da_ij
//! ```
//!
//! with sign(0) = 0: where both agree there is nothing to change (0 is the subgradient of smallest
//! norm). Equal infinities do not agree: their difference is no number, and neither are loss and
//! gradients. Detach the side that must not learn.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use limbeck_engine::{Backward, Differentiable, Forward, Meta, Operator, Plan, Result, Tape, Var};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry, Tolerance};

/// The operator; inputs are a and b.
#[derive(Clone, Copy, Debug)]
struct L1;

/// `(1/d) Σ |a - b|` of each row: two matrices `[n, d]` give `[n]`. Where a and b are equal, the
/// gradient is 0.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// use limbeck_kernels::l1;
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let a = tape.constant(device.real(&[1.0, 2.0, 3.0, 4.0], [2, 2])?);
/// let b = tape.constant(device.real(&[1.0, 4.0, 0.0, 4.0], [2, 2])?);
/// assert_eq!(l1(&tape, &a, &b)?.tensor().read()?, [1.0, 1.5]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the shapes differ or have no column, or the device failed.
pub fn l1(tape: &Tape, a: &Var, b: &Var) -> Result<Var> {
    tape.apply_one(L1, &[a, b])
}

/// (rows, columns).
fn sizes(inputs: &[Meta]) -> Result<(usize, usize)> {
    let [a, b] = check::inputs("l1", inputs)?;
    let sizes = check::nonempty_rows("l1", "a", a)?;
    check::exactly("l1", "b", b, a)?;
    Ok(sizes)
}

/// The number of columns of inputs that `infer` has accepted.
fn columns(inputs: &[Meta]) -> usize {
    inputs[0].shape.columns()
}

impl Operator for L1 {
    fn name(&self) -> &'static str {
        "l1"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let (rows, columns) = sizes(inputs)?;
        Ok(Plan::new(inputs, Meta::real([rows]))
            .keep_inputs([0, 1])
            .flops(3 * rows * columns))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(columns(io.metas()), io.real(0), io.real(1), io.output(0));
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(columns(io.metas()), io.real(0), io.real(1), io.output(0));
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(sizes(io.metas())?, io)
    }
}

impl Differentiable for L1 {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        let (columns, a, b) = (columns(io.metas()), io.real(0), io.real(1));
        if let Some(into) = io.gradient(0) {
            reference::backward(columns, a, b, io.upstream(), into);
        }
        if let Some(into) = io.gradient(1) {
            reference::backward(columns, b, a, io.upstream(), into);
        }
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        let (columns, a, b) = (columns(io.metas()), io.real(0), io.real(1));
        if let Some(into) = io.gradient(0) {
            cpu::backward(columns, a, b, io.upstream(), into);
        }
        if let Some(into) = io.gradient(1) {
            cpu::backward(columns, b, a, io.upstream(), into);
        }
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(sizes(io.metas())?, io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "l1",
        formula: "l = (1/d) Σ |a - b|; da = g (1/d) sign(a - b), db = -da, sign(0) = 0",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&gpu::FORWARD, &gpu::BACKWARD],
    }
}

fn cases() -> Vec<Case> {
    // a below and b above zero by more than a difference step keeps off the kink at a = b.
    let below = || Draw::new("a").between(-2.0, -0.1);
    let above = || Draw::new("b").between(0.1, 2.0);
    let case = |rows: usize, columns: usize| {
        Case::new(format!("{rows} x {columns}"), L1)
            .real(below(), [rows, columns])
            .real(above(), [rows, columns])
    };
    let signs = |rows: usize, columns: usize| {
        Case::new(format!("{rows} x {columns}, both signs"), L1)
            .real(Draw::new("a"), [rows, columns])
            .real(Draw::new("b"), [rows, columns])
            .without_finite_differences("a step may cross the kink at a = b")
    };
    vec![
        case(1, 1),
        case(0, 4),
        case(67, 5),
        case(70, 64),
        signs(67, 5),
        signs(3, 130),
        signs(2, 3000).tolerance(Tolerance::LONG),
        Case::new("both signs, far apart", L1)
            .fixed(&[1.0, -2.0, 3.0, 0.5], [2, 2])
            .fixed(&[-1.0, 2.0, 1.0, 5.0], [2, 2]),
        Case::new("equal numbers, zeros of both signs among them", L1)
            .fixed(&[1.0, 0.0, -2.0, -0.0, 7.0, 3.0], [2, 3])
            .fixed(&[1.0, -0.0, 5.0, 0.0, 7.0, 2.0], [2, 3])
            .without_finite_differences("the derivative at equal numbers is a convention"),
        Case::new("only a learns", L1)
            .real(below(), [5, 17])
            .without_gradient(above(), [5, 17]),
        Case::new("only b learns", L1)
            .without_gradient(below(), [5, 17])
            .real(above(), [5, 17]),
    ]
}

#[cfg(test)]
mod tests {
    use limbeck_engine::Device;

    use super::*;

    #[test]
    fn equal_numbers_get_no_gradient() {
        for device in [Device::cpu(), Device::reference()] {
            let tape = Tape::deterministic(&device);
            let upload = |values: &[f32]| device.real(values, [1, 4]).expect("on the host");
            let a = tape.watched(upload(&[3.0, -1.0, 0.0, 2.0]));
            let b = tape.watched(upload(&[1.0, 1.0, -0.0, 2.0]));
            let loss = l1(&tape, &a, &b).expect("fits");
            let seed = device.real(&[4.0], [1]).expect("on the host");
            let gradients = tape.gradients(vec![(&loss, seed)]).expect("on the host");
            let [da, db] = [0, 1].map(|i| gradients[i].read().expect("on the host"));
            assert_eq!(da, [1.0, -1.0, 0.0, 0.0]);
            assert_eq!(db, [-1.0, 1.0, 0.0, 0.0]);
        }
    }
}
