//! Buffers and dispatch sizes: a workgroup per sequence, and for the transitions one per element.
//! Rows wait for each other within a workgroup, through storage: the number of tags has no limit.

use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel, Result};

use super::{EMISSIONS, OFFSETS, TAGS, TRANSITIONS};
use crate::shared::gpu::flag;
use crate::shared::sequences::Sizes;
use crate::shared::wgsl;

static FORWARD: Kernel = Kernel {
    name: "crf::forward",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        wgsl::REDUCE,
        include_str!("forward.wgsl"),
    ],
    entry: "forward",
};
static MARGINALS: Kernel = Kernel {
    name: "crf::marginals",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        wgsl::REDUCE,
        include_str!("marginals.wgsl"),
    ],
    entry: "marginals",
};
static GRAD_EMISSIONS: Kernel = Kernel {
    name: "crf::grad_emissions",
    source: &[wgsl::COMMON, include_str!("grad_emissions.wgsl")],
    entry: "grad_emissions",
};
static GRAD_TRANSITIONS: Kernel = Kernel {
    name: "crf::grad_transitions",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        wgsl::REDUCE,
        include_str!("grad_transitions.wgsl"),
    ],
    entry: "grad_transitions",
};

pub(super) static KERNELS: [&Kernel; 4] =
    [&FORWARD, &MARGINALS, &GRAD_EMISSIONS, &GRAD_TRANSITIONS];

pub(super) fn forward(sizes: Sizes, io: &GpuForward<'_>) -> Result<()> {
    let [emissions, offsets, transitions, tags] =
        [EMISSIONS, OFFSETS, TRANSITIONS, TAGS].map(|input| Binding::Read(io.input(input)));
    let [reached, filtered] = [0, 1].map(|saved| Binding::Write(io.save(saved)));
    let loss = Binding::Write(io.output(0));
    let bindings = [
        emissions,
        offsets,
        transitions,
        tags,
        reached,
        filtered,
        loss,
    ];
    let parameters = [sizes.sequences as u32, sizes.columns as u32];
    io.dispatch(&FORWARD, &bindings, &parameters, sizes.sequences)
}

pub(super) fn backward(sizes: Sizes, io: &mut GpuBackward<'_>) -> Result<()> {
    let (de, dt) = (io.gradient_slot(EMISSIONS), io.gradient_slot(TRANSITIONS));
    let [offsets, transitions, tags] =
        [OFFSETS, TRANSITIONS, TAGS].map(|input| Binding::Read(io.input(input)));
    let [reached, filtered] = [0, 1].map(|saved| Binding::Read(io.saved(saved)));
    let (marginals, g) = (io.scratch(0), Binding::Read(io.upstream()));
    let parameters = |accumulate| {
        let sequences = sizes.sequences as u32;
        [sequences, sizes.columns as u32, flag(accumulate)]
    };
    let bindings = [
        offsets,
        transitions,
        reached,
        filtered,
        Binding::Write(marginals),
    ];
    io.dispatch(
        &MARGINALS,
        &bindings,
        &parameters(false)[..2],
        sizes.sequences,
    )?;
    let marginals = Binding::Read(marginals);
    if let Some((de, accumulate)) = de {
        let bindings = [offsets, tags, marginals, g, Binding::Write(&de)];
        let parameters = parameters(accumulate);
        io.dispatch(&GRAD_EMISSIONS, &bindings, &parameters, sizes.sequences)?;
    }
    let Some((dt, accumulate)) = dt else {
        return Ok(());
    };
    let into = Binding::Write(&dt);
    let bindings = [
        offsets,
        transitions,
        tags,
        reached,
        filtered,
        marginals,
        g,
        into,
    ];
    let elements = (sizes.columns + 2) * sizes.columns;
    io.dispatch(
        &GRAD_TRANSITIONS,
        &bindings,
        &parameters(accumulate),
        elements,
    )
}
