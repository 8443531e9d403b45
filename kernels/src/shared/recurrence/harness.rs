//! The cases that every cell is tried on.

use std::sync::Arc;

use limbeck_engine::{Device, TimeMajor};

use super::{Beside, Cell, Recurrence};
use crate::harness::{Case, Draw, Tolerance};

/// One sequence, several, of equal and of different lengths; sizes around a tile; one step and many.
pub(crate) fn cases<C: Cell>() -> Vec<Case> {
    let long = |case: Case| case.tolerance(Tolerance::LONG);
    vec![
        case::<C>(&[1], (1, 1)),
        case::<C>(&[4], (3, 2)),
        case::<C>(&[3, 3, 3], (2, 5)),
        case::<C>(&[5, 3, 3, 1, 1], (4, 3)),
        case::<C>(&[2, 1, 1, 1, 1, 1, 1], (3, 17)),
        long(case::<C>(&[6, 5, 2], (33, 66))),
        // More sequences than a tile of the matrix product has rows, and more than one task.
        long(case::<C>(&[[3; 20].as_slice(), &[2; 3]].concat(), (7, 70))),
        long(case::<C>(&[40, 11], (5, 6))),
    ]
}

fn case<C: Cell>(lengths: &[usize], (inputs, hidden): (usize, usize)) -> Case {
    let steps = TimeMajor::new(&Device::cpu(), lengths, 5, 0).expect("lengths in order");
    let ids = |tensor: &limbeck_engine::Tensor| tensor.read_ids().expect("on the host");
    let (rows, sequences) = (steps.rows(), steps.sequences());
    let columns = C::GATES * hidden;
    let operator = Recurrence::<C>::over(&Arc::clone(steps.batch_sizes()));
    let name = format!("lengths {lengths:?}, {inputs} x {hidden}");
    // Weights of a size at which neither gates nor products of many steps saturate.
    let scale = 0.7 / (hidden as f64).sqrt();
    let case = Case::new(name, operator)
        .real(Draw::new("x"), [rows, inputs])
        .real(Draw::new("input weight").scaled(scale), [inputs, columns])
        .real(
            Draw::new("recurrent weight").scaled(scale),
            [hidden, columns],
        )
        .real(Draw::new("bias").scaled(0.5), [columns])
        .real(Draw::new("initial").scaled(0.5), [sequences, hidden])
        .ids(&ids(steps.previous()), [rows])
        .ids(&ids(steps.last()), [sequences]);
    match C::BESIDE {
        Beside::Nothing => case,
        Beside::State => case.real(Draw::new("state"), [sequences, hidden]),
        Beside::Candidate => case.real(Draw::new("hidden bias").scaled(0.5), [hidden]),
    }
}
