//! Buffers and dispatch sizes: forward a workgroup a row, backward an invocation an element, once
//! for each side that learns.

use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel, Result};

use super::JensenShannon;
use crate::shared::gpu::{elementwise, flag};
use crate::shared::wgsl;

const RATIO: &str = include_str!("ratio.wgsl");

pub(super) static FORWARD: Kernel = Kernel {
    name: "jensen_shannon::forward",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        wgsl::REDUCE,
        RATIO,
        include_str!("forward.wgsl"),
    ],
    entry: "forward",
};

pub(super) static BACKWARD: Kernel = Kernel {
    name: "jensen_shannon::backward",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        RATIO,
        include_str!("backward.wgsl"),
    ],
    entry: "backward",
};

pub(super) fn forward(
    operator: &JensenShannon,
    (rows, classes): (usize, usize),
    io: &GpuForward<'_>,
) -> Result<()> {
    let t = operator.temperatures;
    let bindings = [
        Binding::Read(io.input(0)),
        Binding::Read(io.input(1)),
        Binding::Write(io.save(0)),
        Binding::Write(io.output(0)),
    ];
    let parameters = [
        rows as u32,
        classes as u32,
        (1.0 / t.p).to_bits(),
        (1.0 / t.q).to_bits(),
        t.factor.to_bits(),
    ];
    io.dispatch(&FORWARD, &bindings, &parameters, rows)
}

pub(super) fn backward(
    operator: &JensenShannon,
    (rows, classes): (usize, usize),
    io: &mut GpuBackward<'_>,
) -> Result<()> {
    let t = operator.temperatures;
    let inverse = [1.0 / t.p, 1.0 / t.q];
    let count = rows * classes;
    for side in [0, 1] {
        let Some((into, accumulate)) = io.gradient_slot(side) else {
            continue;
        };
        let bindings = [
            Binding::Read(io.input(0)),
            Binding::Read(io.input(1)),
            Binding::Read(io.saved(0)),
            Binding::Read(io.upstream()),
            Binding::Write(&into),
        ];
        let parameters = [
            count as u32,
            classes as u32,
            inverse[0].to_bits(),
            inverse[1].to_bits(),
            (t.factor * inverse[side]).to_bits(),
            side as u32,
            flag(accumulate),
        ];
        io.dispatch(&BACKWARD, &bindings, &parameters, elementwise(count))?;
    }
    Ok(())
}
