//! Buffers and dispatch sizes: one workgroup reduces, one invocation per row goes back.

use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel, Result};

use super::WeightedMean;
use crate::shared::gpu::{elementwise, flag};
use crate::shared::wgsl;

static FORWARD: Kernel = Kernel {
    name: "weighted_mean::forward",
    source: &[wgsl::REDUCE, include_str!("forward.wgsl")],
    entry: "forward",
};
static BACKWARD: Kernel = Kernel {
    name: "weighted_mean::backward",
    source: &[wgsl::COMMON, include_str!("backward.wgsl")],
    entry: "backward",
};

pub(super) static KERNELS: [&Kernel; 2] = [&FORWARD, &BACKWARD];

pub(super) fn forward(operator: &WeightedMean, io: &GpuForward<'_>) -> Result<()> {
    let values = io.input(0);
    let count = operator.count(values.len());
    let bindings = [
        Binding::Read(values),
        // Absent weights are bound to the values, which the flag keeps from being read.
        Binding::Read(io.input(usize::from(operator.weighted))),
        Binding::Write(io.output(0)),
        Binding::Write(io.save(0)),
    ];
    let parameters = [
        values.len() as u32,
        flag(operator.weighted),
        flag(count.is_some()),
        count.unwrap_or(0.0).to_bits(),
    ];
    io.dispatch(&FORWARD, &bindings, &parameters, 1)
}

pub(super) fn backward(operator: &WeightedMean, io: &mut GpuBackward<'_>) -> Result<()> {
    let Some((dv, accumulate)) = io.gradient_slot(0) else {
        return Ok(());
    };
    let dy = io.upstream();
    let bindings = [
        Binding::Read(if operator.weighted { io.input(1) } else { dy }),
        Binding::Read(dy),
        Binding::Read(io.saved(0)),
        Binding::Write(&dv),
    ];
    let parameters = [dv.len() as u32, flag(operator.weighted), flag(accumulate)];
    io.dispatch(&BACKWARD, &bindings, &parameters, elementwise(dv.len()))
}
