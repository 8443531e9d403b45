//! Buffers and dispatch sizes: a workgroup a row.

use limbeck_engine::{Binding, GpuBackward, GpuForward, GpuSlice, Kernel, Result};

use super::{LN_Z, NOISE, Nce, TARGET};
use crate::shared::gpu::{elementwise, flag};
use crate::shared::wgsl;

const TERMS: &str = include_str!("terms.wgsl");

static FORWARD: Kernel = Kernel {
    name: "nce::forward",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        wgsl::REDUCE,
        TERMS,
        include_str!("forward.wgsl"),
    ],
    entry: "forward",
};
static GRAD_SCORES: Kernel = Kernel {
    name: "nce::grad_scores",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        wgsl::REDUCE,
        TERMS,
        include_str!("grad_scores.wgsl"),
    ],
    entry: "grad_scores",
};
static GRAD_TARGET: Kernel = Kernel {
    name: "nce::grad_target",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        TERMS,
        include_str!("grad_target.wgsl"),
    ],
    entry: "grad_target",
};
static GRAD_LN_Z: Kernel = Kernel {
    name: "nce::grad_ln_z",
    source: &[wgsl::REDUCE, include_str!("grad_ln_z.wgsl")],
    entry: "grad_ln_z",
};

pub(super) static KERNELS: [&Kernel; 4] = [&FORWARD, &GRAD_SCORES, &GRAD_TARGET, &GRAD_LN_Z];

/// In the place of the flag that adds to a gradient: there is none.
const ABSENT: u32 = 2;

pub(super) fn forward(
    operator: &Nce,
    (rows, noise): (usize, usize),
    io: &GpuForward<'_>,
) -> Result<()> {
    let mut bindings = [TARGET, NOISE, super::OFFSETS, super::WORDS, LN_Z]
        .map(|input| Binding::Read(io.input(input)))
        .to_vec();
    bindings.push(Binding::Write(io.output(0)));
    let parameters = [rows as u32, noise as u32, flag(operator.mask), 0];
    io.dispatch(&FORWARD, &bindings, &parameters, rows)
}

pub(super) fn backward(
    operator: &Nce,
    (rows, noise): (usize, usize),
    io: &mut GpuBackward<'_>,
) -> Result<()> {
    let sums = io.scratch(0).clone();
    let [d_target, d_noise, d_ln_z] = [TARGET, NOISE, LN_Z].map(|input| io.gradient_slot(input));
    let read = |io: &GpuBackward<'_>| -> Vec<GpuSlice> {
        let mut inputs: Vec<_> = [TARGET, NOISE, super::OFFSETS, super::WORDS, LN_Z]
            .map(|input| io.input(input).clone())
            .to_vec();
        inputs.push(io.upstream().clone());
        inputs
    };
    let inputs = read(io);
    let parameters = |accumulate: u32| [rows as u32, noise as u32, flag(operator.mask), accumulate];
    if let Some((into, accumulate)) = &d_target {
        let mut bindings: Vec<_> = inputs.iter().map(Binding::Read).collect();
        bindings.push(Binding::Write(into));
        let parameters = parameters(flag(*accumulate));
        io.dispatch(&GRAD_TARGET, &bindings, &parameters, elementwise(rows))?;
    }
    if d_noise.is_some() || d_ln_z.is_some() {
        // Without a gradient of the scores only the sums are wanted; a buffer that can be written is
        // bound all the same.
        let (into, accumulate) = match &d_noise {
            Some((into, accumulate)) => (into.clone(), flag(*accumulate)),
            None => (io.scratch(1).clone(), ABSENT),
        };
        let mut bindings: Vec<_> = inputs.iter().map(Binding::Read).collect();
        bindings.extend([Binding::Write(&into), Binding::Write(&sums)]);
        io.dispatch(&GRAD_SCORES, &bindings, &parameters(accumulate), rows)?;
    }
    let Some((into, accumulate)) = &d_ln_z else {
        return Ok(());
    };
    let bindings = [Binding::Read(&sums), Binding::Write(into)];
    io.dispatch(&GRAD_LN_Z, &bindings, &[rows as u32, flag(*accumulate)], 1)
}
