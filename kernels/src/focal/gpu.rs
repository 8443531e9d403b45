//! Buffers and dispatch sizes: forward a workgroup a row, backward an invocation an element.

use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel, Result};

use super::{Focal, Kind, LOGITS, TRUTH, WEIGHTS};
use crate::shared::gpu::{elementwise, flag};
use crate::shared::wgsl;

const FOCUS: &str = include_str!("focus.wgsl");

pub(super) static FORWARD: Kernel = Kernel {
    name: "focal::forward",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        wgsl::REDUCE,
        FOCUS,
        include_str!("forward.wgsl"),
    ],
    entry: "forward",
};

pub(super) static BACKWARD: Kernel = Kernel {
    name: "focal::backward",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        FOCUS,
        include_str!("backward.wgsl"),
    ],
    entry: "backward",
};

impl Kind {
    /// The inputs bound as labels and as targets or weights. What is absent is bound to the
    /// logits, which the kind keeps from being read.
    fn operands(self) -> [usize; 2] {
        match self {
            Kind::Hard => [TRUTH, LOGITS],
            Kind::Weighted => [TRUTH, WEIGHTS],
            Kind::Soft => [LOGITS, TRUTH],
        }
    }

    /// As the shaders number it.
    fn number(self) -> u32 {
        match self {
            Kind::Hard => 0,
            Kind::Weighted => 1,
            Kind::Soft => 2,
        }
    }
}

pub(super) fn forward(
    operator: &Focal,
    (rows, classes): (usize, usize),
    io: &GpuForward<'_>,
) -> Result<()> {
    let [labels, q] = operator.kind.operands().map(|input| io.input(input));
    let bindings = [
        Binding::Read(io.input(LOGITS)),
        Binding::Read(labels),
        Binding::Read(q),
        Binding::Write(io.save(0)),
        Binding::Write(io.save(1)),
        Binding::Write(io.output(0)),
    ];
    let kind = operator.kind.number();
    let parameters = [rows as u32, classes as u32, kind, operator.gamma.to_bits()];
    io.dispatch(&FORWARD, &bindings, &parameters, rows)
}

pub(super) fn backward(
    operator: &Focal,
    (rows, classes): (usize, usize),
    io: &mut GpuBackward<'_>,
) -> Result<()> {
    let Some((dz, accumulate)) = io.gradient_slot(LOGITS) else {
        return Ok(());
    };
    let [labels, q] = operator.kind.operands().map(|input| io.input(input));
    let bindings = [
        Binding::Read(io.input(LOGITS)),
        Binding::Read(labels),
        Binding::Read(q),
        Binding::Read(io.saved(0)),
        Binding::Read(io.saved(1)),
        Binding::Read(io.upstream()),
        Binding::Write(&dz),
    ];
    let count = rows * classes;
    let parameters = [
        count as u32,
        classes as u32,
        flag(operator.kind == Kind::Soft),
        operator.gamma.to_bits(),
        flag(accumulate),
    ];
    io.dispatch(&BACKWARD, &bindings, &parameters, elementwise(count))
}
