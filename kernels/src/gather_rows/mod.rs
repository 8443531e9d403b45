//! Chosen rows of a matrix: the first token of each sequence, the masked positions, a part of a
//! batch.
//!
//! ```text
//! y_j = x_(id_j)                     x [n, d], ids [m], y [m, d]
//! dx_r = Σ_(j: id_j = r) dy_j        (a row taken twice receives both gradients)
//! ```
//!
//! The host knows the ids and sorts them, so that the backward pass also gathers: each row of dx
//! adds its own rows of dy in ascending order, and nothing is scattered.

mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;
mod reference;

use limbeck_engine::{
    Backward, Differentiable, Error, Forward, Meta, Operator, Plan, Result, Tape, Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{GpuBackward, GpuForward};

use crate::check;
use crate::harness::{Case, Draw, Entry};

/// The operator; inputs are x, the ids, and their inverse: order and starts (see [`inverse`]).
#[derive(Clone, Copy, Debug)]
struct GatherRows;

/// The rows of x with these numbers, in this order: `[n, d]` gives `[ids.len(), d]`. A row may
/// be taken several times.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// let device = Device::cpu();
/// let tape = Tape::inference(&device);
/// let x = tape.constant(device.real(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [3, 2])?);
/// let y = limbeck_kernels::gather_rows(&tape, &x, &[2, 0, 2])?;
/// assert_eq!(y.tensor().read()?, [5.0, 6.0, 1.0, 2.0, 5.0, 6.0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If x is no matrix, an id is not the number of one of its rows, or the device failed.
pub fn gather_rows(tape: &Tape, x: &Var, ids: &[u32]) -> Result<Var> {
    let (rows, _) = check::matrix("gather_rows", "x", x.tensor().meta())?;
    if let Some((place, id)) = (0..).zip(ids).find(|&(_, &id)| id as usize >= rows) {
        return Err(Error::Shape {
            operator: "gather_rows",
            message: format!(
                "id {place} is {id}, but x {} has {rows} rows, numbered from 0",
                x.shape()
            ),
        });
    }
    let (order, starts) = inverse(ids, rows);
    let upload = |ids: &[u32]| Ok(tape.constant(tape.device().ids(ids, [ids.len()])?));
    let (ids, order, starts) = (upload(ids)?, upload(&order)?, upload(&starts)?);
    tape.apply_one(GatherRows, &[x, &ids, &order, &starts])
}

/// Where each row goes: row r was taken to the places `order[starts[r]..starts[r + 1]]`, which
/// ascend.
fn inverse(ids: &[u32], rows: usize) -> (Vec<u32>, Vec<u32>) {
    let mut order: Vec<u32> = (0..ids.len() as u32).collect();
    order.sort_by_key(|&place| ids[place as usize]);
    let mut starts = vec![0; rows + 1];
    for &id in ids {
        starts[id as usize + 1] += 1;
    }
    for row in 0..rows {
        starts[row + 1] += starts[row];
    }
    (order, starts)
}

impl Operator for GatherRows {
    fn name(&self) -> &'static str {
        "gather_rows"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        let [x, ids, order, starts] = check::inputs("gather_rows", inputs)?;
        let (rows, columns) = check::matrix("gather_rows", "x", x)?;
        let taken = ids.shape.elements();
        check::exactly("gather_rows", "the ids", ids, Meta::ids([taken]))?;
        check::exactly("gather_rows", "the order", order, Meta::ids([taken]))?;
        check::exactly("gather_rows", "the starts", starts, Meta::ids([rows + 1]))?;
        Ok(Plan::new(inputs, Meta::real([taken, columns])).keep_inputs([2, 3]))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        reference::forward(io);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        cpu::forward(io);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, io: &mut GpuForward<'_>) -> Result<()> {
        gpu::forward(io)
    }
}

impl Differentiable for GatherRows {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        reference::backward(io);
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        cpu::backward(io);
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, io: &mut GpuBackward<'_>) -> Result<()> {
        gpu::backward(io)
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: "gather_rows",
        formula: "y_j = x_(id_j); dx_r = Σ_(j: id_j = r) dy_j",
        cases: cases(),
        #[cfg(feature = "gpu")]
        kernels: gpu::KERNELS.to_vec(),
    }
}

fn cases() -> Vec<Case> {
    let case = |name: &str, shape: [usize; 2], ids: &[u32]| {
        let (order, starts) = inverse(ids, shape[0]);
        Case::new(name, GatherRows)
            .real(Draw::new("x"), shape)
            .ids(ids, [ids.len()])
            .ids(&order, [order.len()])
            .ids(&starts, [starts.len()])
    };
    let many: Vec<u32> = (0..150).map(|i| i * i % 70).collect();
    vec![
        case("one of one", [1, 1], &[0]),
        case("some rows, out of order", [5, 7], &[4, 0, 2]),
        case("one row three times", [4, 3], &[1, 3, 1, 1]),
        case("none", [4, 3], &[]),
        case("none of none", [0, 3], &[]),
        case("no columns", [3, 0], &[1, 1]),
        case("many with repetitions", [70, 67], &many),
    ]
}

#[cfg(test)]
mod tests {
    use limbeck_engine::Device;

    use super::*;

    #[test]
    fn rows_that_do_not_exist_are_refused() -> Result<()> {
        let device = Device::cpu();
        let tape = Tape::inference(&device);
        let x = tape.constant(device.zeros([3, 2])?);
        let error = gather_rows(&tape, &x, &[0, 3]).expect_err("row 3 of 3");
        assert_eq!(
            error.to_string(),
            "gather_rows: id 1 is 3, but x [3, 2] has 3 rows, numbered from 0"
        );
        Ok(())
    }
}
