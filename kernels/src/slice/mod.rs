//! A range of columns of a matrix.
//!
//! ```text
//! y_rc = x_r(c + first)              x [n, d], y [n, width]
//! dx_r(c + first) = dy_rc, 0 in the other columns
//! ```

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod reference;

use std::ops::Range;

use limbeck_engine::{
    Backward, Differentiable, Error, Forward, Meta, Operator, Plan, Result, Tape, Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry};

/// The operator; the input is x.
#[derive(Clone, Copy, Debug)]
struct Slice {
    first: usize,
    width: usize,
}

/// Some columns of a matrix: `[n, d]` gives `[n, columns.len()]`.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let x = tape.constant(device.real(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3])?);
/// let y = limbeck_kernels::slice(&tape, &x, 1..3)?;
/// assert_eq!(y.tensor().read()?, [2.0, 3.0, 5.0, 6.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the matrix does not have these columns, or the device failed.
pub fn slice(tape: &Tape, x: &Var, columns: Range<usize>) -> Result<Var> {
    let Some(width) = columns.end.checked_sub(columns.start) else {
        return Err(Error::Shape {
            operator: "slice",
            message: format!("the columns {columns:?} end before they start"),
        });
    };
    let first = columns.start;
    tape.apply_one(Slice { first, width }, &[x])
}

impl Operator for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let [x] = check::inputs("slice", inputs)?;
        let (rows, columns) = check::matrix("slice", "x", x)?;
        let end = self.first + self.width;
        if end > columns {
            return Err(Error::Shape {
                operator: "slice",
                message: format!(
                    "expected columns within 0..{columns} of x {}, found {}..{end}",
                    x.shape, self.first
                ),
            });
        }
        Ok(Plan::new(inputs, Meta::real([rows, self.width])))
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

impl Differentiable for Slice {
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
        name: "slice",
        formula: "y_rc = x_r(c + first); dx_r(c + first) = dy_rc, 0 elsewhere",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: vec![&crate::shared::columns::COPY_COLUMNS],
    }
}

fn cases() -> Vec<Case> {
    let case = |shape: [usize; 2], first: usize, width: usize| {
        let name = format!("columns {first}..{} of {shape:?}", first + width);
        Case::new(name, Slice { first, width }).real(Draw::new("x"), shape)
    };
    vec![
        case([1, 1], 0, 1),
        case([3, 7], 2, 4),
        case([70, 67], 0, 33),
        case([70, 67], 33, 34),
        case([0, 5], 1, 2),
        case([4, 5], 5, 0),
    ]
}
