//! Buffers and dispatch sizes: an invocation a row.

use limbeck_engine::{Binding, GpuForward, Kernel, Result};

use super::Rule;
use crate::shared::gpu::elementwise;
use crate::shared::wgsl;

pub(super) static FORWARD: Kernel = Kernel {
    name: "closer_rows::forward",
    source: &[wgsl::COMMON, wgsl::ORDER, include_str!("forward.wgsl")],
    entry: "forward",
};

pub(super) fn forward(rule: Rule, io: &GpuForward<'_>) -> Result<()> {
    // Shaders have no infinities: an infinite margin arrives as a flag.
    let (word, margin) = match rule {
        Rule::Closer(margin) => (0, margin),
        Rule::Valid => (1, 0.0),
        Rule::Nothing => (2, 0.0),
    };
    let [teacher, student, valid] = [0, 1, 2].map(|input| Binding::Read(io.input(input)));
    let bindings = [teacher, student, valid, Binding::Write(io.output(0))];
    let rows = io.output(0).len();
    let parameters = [rows as u32, word, margin.to_bits()];
    io.dispatch(&FORWARD, &bindings, &parameters, elementwise(rows))
}
