//! Buffers and dispatch sizes: forward a workgroup a row, backward an invocation an element.

use limbeck_engine::{Binding, GpuBackward, GpuForward, GpuSlice, Kernel, Result};

use super::SampledSoftmax;
use crate::nce::{NOISE, OFFSETS, TARGET, WORDS};
use crate::shared::gpu::{elementwise, flag};
use crate::shared::wgsl;

const TERMS: &str = include_str!("terms.wgsl");

static FORWARD: Kernel = Kernel {
    name: "sampled_softmax::forward",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        wgsl::REDUCE,
        TERMS,
        include_str!("forward.wgsl"),
    ],
    entry: "forward",
};
static BACKWARD: Kernel = Kernel {
    name: "sampled_softmax::backward",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        TERMS,
        include_str!("backward.wgsl"),
    ],
    entry: "backward",
};
static GRAD_TARGET: Kernel = Kernel {
    name: "sampled_softmax::grad_target",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        TERMS,
        include_str!("grad_target.wgsl"),
    ],
    entry: "grad_target",
};

pub(super) static KERNELS: [&Kernel; 3] = [&FORWARD, &BACKWARD, &GRAD_TARGET];

pub(super) fn forward(
    operator: &SampledSoftmax,
    (rows, samples): (usize, usize),
    io: &GpuForward<'_>,
) -> Result<()> {
    let mut bindings = [TARGET, NOISE, OFFSETS, WORDS]
        .map(|input| Binding::Read(io.input(input)))
        .to_vec();
    bindings.extend([Binding::Write(io.save(0)), Binding::Write(io.output(0))]);
    let parameters = [rows as u32, samples as u32, flag(operator.mask), 0];
    io.dispatch(&FORWARD, &bindings, &parameters, rows)
}

pub(super) fn backward(
    operator: &SampledSoftmax,
    (rows, samples): (usize, usize),
    io: &mut GpuBackward<'_>,
) -> Result<()> {
    let slots = [TARGET, NOISE].map(|input| io.gradient_slot(input));
    let kernels = [(&GRAD_TARGET, rows), (&BACKWARD, rows * samples)];
    for ((kernel, count), slot) in kernels.into_iter().zip(slots) {
        let Some((into, accumulate)) = slot else {
            continue;
        };
        let (mask, accumulate) = (flag(operator.mask), flag(accumulate));
        let parameters = [rows as u32, samples as u32, mask, accumulate];
        dispatch(io, (kernel, count), &into, parameters)?;
    }
    Ok(())
}

fn dispatch(
    io: &GpuBackward<'_>,
    (kernel, count): (&Kernel, usize),
    into: &GpuSlice,
    parameters: [u32; 4],
) -> Result<()> {
    let mut bindings = [TARGET, NOISE, OFFSETS, WORDS]
        .map(|input| Binding::Read(io.input(input)))
        .to_vec();
    bindings.extend([
        Binding::Read(io.saved(0)),
        Binding::Read(io.upstream()),
        Binding::Write(into),
    ]);
    io.dispatch(kernel, &bindings, &parameters, elementwise(count))
}
