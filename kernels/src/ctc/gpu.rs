//! Buffers and dispatch sizes: a workgroup per frame where frames know nothing of each other, else
//! one per sequence. Frames wait for each other within a workgroup, through storage: the number of
//! states has no limit.

use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel, Result};

use super::{Ctc, FRAMES, LOGITS, PLACES, STATES};
use crate::shared::gpu::flag;
use crate::shared::wgsl;

/// Number of the input with the sequence of each row: on the host, rows are walked by sequence.
const SEQUENCES: usize = 3;

const LATTICE: &str = include_str!("lattice.wgsl");
const ARRIVE: &str = include_str!("arrive.wgsl");

static SHIFTS: Kernel = Kernel {
    name: "ctc::shifts",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        wgsl::REDUCE,
        include_str!("shifts.wgsl"),
    ],
    entry: "shifts_of_rows",
};
static FORWARD: Kernel = Kernel {
    name: "ctc::forward",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        wgsl::REDUCE,
        LATTICE,
        ARRIVE,
        include_str!("forward.wgsl"),
    ],
    entry: "forward",
};
static OCCUPANCY: Kernel = Kernel {
    name: "ctc::occupancy",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        LATTICE,
        ARRIVE,
        include_str!("occupancy.wgsl"),
    ],
    entry: "occupancy",
};
static GRADIENT: Kernel = Kernel {
    name: "ctc::gradient",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        LATTICE,
        include_str!("gradient.wgsl"),
    ],
    entry: "gradient",
};

pub(super) static KERNELS: [&Kernel; 4] = [&SHIFTS, &FORWARD, &OCCUPANCY, &GRADIENT];

pub(super) fn forward(
    operator: &Ctc,
    (rows, classes): (usize, usize),
    io: &GpuForward<'_>,
) -> Result<()> {
    let restricted = operator.lattice.restricted;
    // Absent tokens are bound to the states, which the flag keeps from being read.
    let tokens = if restricted { FRAMES } else { STATES };
    let [z, places, states, tokens] =
        [LOGITS, PLACES, STATES, tokens].map(|input| Binding::Read(io.input(input)));
    let (shifts, alpha, loss) = (io.save(0), io.save(1), Binding::Write(io.output(0)));
    let parameters = [rows as u32, classes as u32];
    io.dispatch(&SHIFTS, &[z, Binding::Write(shifts)], &parameters, rows)?;
    let (shifts, alpha) = (Binding::Read(shifts), Binding::Write(alpha));
    let bindings = [z, shifts, places, states, tokens, alpha, loss];
    let sequences = operator.lattice.lengths.len();
    let parameters = [sequences as u32, classes as u32, flag(restricted)];
    io.dispatch(&FORWARD, &bindings, &parameters, sequences)
}

pub(super) fn backward(
    operator: &Ctc,
    (rows, classes): (usize, usize),
    io: &mut GpuBackward<'_>,
) -> Result<()> {
    let Some((dz, accumulate)) = io.gradient_slot(LOGITS) else {
        return Ok(());
    };
    let [z, places, states, of_row] =
        [LOGITS, PLACES, STATES, SEQUENCES].map(|input| Binding::Read(io.input(input)));
    let [shifts, alpha] = [0, 1].map(|saved| Binding::Read(io.saved(saved)));
    let (occupied, g) = (io.scratch(0), Binding::Read(io.upstream()));
    let sequences = operator.lattice.lengths.len();
    let bindings = [places, states, alpha, Binding::Write(occupied)];
    io.dispatch(&OCCUPANCY, &bindings, &[sequences as u32], sequences)?;
    let (occupied, dz) = (Binding::Read(occupied), Binding::Write(&dz));
    let bindings = [z, shifts, places, states, of_row, occupied, g, dz];
    let parameters = [rows as u32, classes as u32, flag(accumulate)];
    io.dispatch(&GRADIENT, &bindings, &parameters, rows)
}
