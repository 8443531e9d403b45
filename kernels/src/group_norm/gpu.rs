//! Buffers and dispatch sizes: statistics and sums by chunk, then by picture, then an invocation an
//! element.

use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel, Result};

use super::{CHUNK, CHUNK_SUMS, GroupNorm, MEANS, PICTURE_SUMS, STATISTICS, Sizes};
use crate::shared::gpu::{COLUMN_SUMS, column_sums, elementwise, flag};
use crate::shared::wgsl;

const LAYOUT: &str = include_str!("layout.wgsl");

macro_rules! kernel {
    ($kernel:ident, $name:literal, [$($fragment:expr),*]) => {
        static $kernel: Kernel = Kernel {
            name: concat!("group_norm::", $name),
            source: &[wgsl::COMMON, $($fragment,)* LAYOUT, include_str!(concat!($name, ".wgsl"))],
            entry: $name,
        };
    };
}

kernel!(MEASURE, "measure", [wgsl::REDUCE]);
kernel!(JOIN, "join", []);
kernel!(NORMALISE, "normalise", []);
kernel!(SUMS_OF_CHUNKS, "chunk_sums", []);
kernel!(SUMS_OF_PICTURES, "picture_sums", []);
kernel!(MEANS_OF_GROUPS, "means", []);
kernel!(GRAD_INPUT, "grad_input", []);

pub(super) static KERNELS: [&Kernel; 8] = [
    &MEASURE,
    &JOIN,
    &NORMALISE,
    &SUMS_OF_CHUNKS,
    &SUMS_OF_PICTURES,
    &MEANS_OF_GROUPS,
    &GRAD_INPUT,
    &COLUMN_SUMS,
];

/// The words of the uniform block.
fn parameters(sizes: Sizes, epsilon: f32, accumulate: bool) -> [u32; 8] {
    [
        sizes.pictures.count as u32,
        sizes.pictures.pixels() as u32,
        sizes.channels as u32,
        sizes.groups as u32,
        sizes.chunks() as u32,
        CHUNK as u32,
        epsilon.to_bits(),
        flag(accumulate),
    ]
}

pub(super) fn forward(operator: &GroupNorm, sizes: Sizes, io: &GpuForward<'_>) -> Result<()> {
    let words = parameters(sizes, operator.epsilon, false);
    let [x, gain, bias] = [0, 1, 2].map(|i| Binding::Read(io.input(i)));
    let (saved, statistics) = (io.save(0), io.scratch(STATISTICS));
    let bindings = [x, Binding::Write(statistics)];
    io.dispatch(
        &MEASURE,
        &bindings,
        &words,
        sizes.all_chunks() * sizes.groups,
    )?;
    let bindings = [Binding::Read(statistics), Binding::Write(saved)];
    let groups = elementwise(sizes.pictures.count * sizes.groups);
    io.dispatch(&JOIN, &bindings, &words, groups)?;
    let [x, saved, y] = [
        Binding::Read(io.input(0)),
        Binding::Read(saved),
        Binding::Write(io.output(0)),
    ];
    let groups = elementwise(sizes.pictures.rows() * sizes.channels);
    io.dispatch(&NORMALISE, &[x, gain, bias, saved, y], &words, groups)
}

pub(super) fn backward(sizes: Sizes, io: &mut GpuBackward<'_>) -> Result<()> {
    sums(sizes, io)?;
    if let Some((dx, accumulate)) = io.gradient_slot(0) {
        let words = parameters(sizes, 0.0, accumulate);
        let bindings = [
            Binding::Read(io.input(0)),
            Binding::Read(io.input(1)),
            Binding::Read(io.saved(0)),
            Binding::Read(io.upstream()),
            Binding::Read(io.scratch(MEANS)),
            Binding::Write(&dx),
        ];
        let groups = elementwise(sizes.pictures.rows() * sizes.channels);
        io.dispatch(&GRAD_INPUT, &bindings, &words, groups)?;
    }
    let [dy_sums, dyn_sums] = PICTURE_SUMS;
    for (input, sums) in [(1, dyn_sums), (2, dy_sums)] {
        if let Some((into, accumulate)) = io.gradient_slot(input) {
            let shape = (sizes.pictures.count, sizes.channels);
            column_sums(io.gpu(), io.scratch(sums), shape, &into, accumulate)?;
        }
    }
    Ok(())
}

/// The sums of chunks and pictures, and the means of groups.
fn sums(sizes: Sizes, io: &GpuBackward<'_>) -> Result<()> {
    let words = parameters(sizes, 0.0, false);
    let chunks = CHUNK_SUMS.map(|i| io.scratch(i));
    let pictures = PICTURE_SUMS.map(|i| io.scratch(i));
    let bindings = [
        Binding::Read(io.input(0)),
        Binding::Read(io.saved(0)),
        Binding::Read(io.upstream()),
        Binding::Write(chunks[0]),
        Binding::Write(chunks[1]),
    ];
    let groups = elementwise(sizes.all_chunks() * sizes.channels);
    io.dispatch(&SUMS_OF_CHUNKS, &bindings, &words, groups)?;
    let bindings = [
        Binding::Read(chunks[0]),
        Binding::Read(chunks[1]),
        Binding::Write(pictures[0]),
        Binding::Write(pictures[1]),
    ];
    let groups = elementwise(sizes.pictures.count * sizes.channels);
    io.dispatch(&SUMS_OF_PICTURES, &bindings, &words, groups)?;
    let bindings = [
        Binding::Read(pictures[0]),
        Binding::Read(pictures[1]),
        Binding::Read(io.input(1)),
        Binding::Write(io.scratch(MEANS)),
    ];
    let groups = elementwise(sizes.pictures.count * sizes.groups);
    io.dispatch(&MEANS_OF_GROUPS, &bindings, &words, groups)
}
