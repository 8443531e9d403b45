//! Buffers and dispatch sizes. The tiled kernels are compiled for heads of up to 32, 64 and 128
//! columns, since the numbers an invocation keeps in registers must be known to the compiler.

use limbeck_engine::{Binding, GpuBackward, GpuForward, Kernel, Result};

use super::{Attention, Sizes};
use crate::shared::gpu::{elementwise, flag};
use crate::shared::wgsl;

/// Rows of a block: TILE in `tile.wgsl`.
const TILE: usize = 32;

macro_rules! tiled {
    ($entry:literal, $chunks:literal, $($source:expr),*) => {
        Kernel {
            name: concat!("attention::", $entry, "_", $chunks),
            source: &[
                concat!("const CHUNKS = ", $chunks, "u;"),
                wgsl::COMMON,
                wgsl::MATH,
                wgsl::PHILOX,
                include_str!("tile.wgsl"),
                $($source),*
            ],
            entry: $entry,
        }
    };
}

macro_rules! for_every_head_size {
    ($entry:literal, $($source:expr),*) => {
        [
            tiled!($entry, 1, $($source),*),
            tiled!($entry, 2, $($source),*),
            tiled!($entry, 4, $($source),*),
        ]
    };
}

static FORWARD: [Kernel; 3] = for_every_head_size!("forward", include_str!("forward.wgsl"));
static GRAD_QUERY: [Kernel; 3] = for_every_head_size!(
    "grad_query",
    include_str!("gradient.wgsl"),
    include_str!("grad_query.wgsl")
);
static GRAD_KEY_VALUE: [Kernel; 3] = for_every_head_size!(
    "grad_key_value",
    include_str!("gradient.wgsl"),
    include_str!("grad_key_value.wgsl")
);
static ROW_PRODUCTS: Kernel = Kernel {
    name: "attention::row_products",
    source: &[wgsl::COMMON, include_str!("row_products.wgsl")],
    entry: "row_products",
};

pub(super) fn kernels() -> Vec<&'static Kernel> {
    let tiled = [&FORWARD, &GRAD_QUERY, &GRAD_KEY_VALUE];
    tiled.into_iter().flatten().chain([&ROW_PRODUCTS]).collect()
}

/// The kernel for heads of this size.
fn choose(kernels: &'static [Kernel; 3], sizes: Sizes) -> &'static Kernel {
    match sizes.head_size {
        ..=32 => &kernels[0],
        33..=64 => &kernels[1],
        _ => &kernels[2],
    }
}

/// Workgroups of a tiled kernel: at most one block per sequence more than its rows fill.
fn workgroups(operator: &Attention, sizes: Sizes) -> usize {
    (sizes.rows / TILE + operator.lengths.len()) * sizes.heads
}

/// The words of the uniform block.
fn parameters(operator: &Attention, sizes: Sizes, accumulate: bool) -> [u32; 11] {
    let mask = operator.mask();
    let [key_0, key_1] = mask.map_or([0; 2], |m| m.stream.key);
    [
        operator.lengths.len() as u32,
        sizes.heads as u32,
        sizes.head_size as u32,
        sizes.width as u32,
        (sizes.scale() as f32).to_bits(),
        mask.map_or(0, |m| m.threshold),
        mask.map_or(1.0, |m| m.keep_scale).to_bits(),
        key_0,
        key_1,
        mask.map_or(0, |m| m.stream.step),
        flag(accumulate),
    ]
}

pub(super) fn forward(operator: &Attention, sizes: Sizes, io: &GpuForward<'_>) -> Result<()> {
    let bindings = [
        Binding::Read(io.input(0)),
        Binding::Read(io.input(1)),
        Binding::Read(io.input(2)),
        Binding::Write(io.output(0)),
        Binding::Write(io.save(0)),
    ];
    let parameters = parameters(operator, sizes, false);
    let kernel = choose(&FORWARD, sizes);
    io.dispatch(kernel, &bindings, &parameters, workgroups(operator, sizes))
}

pub(super) fn backward(operator: &Attention, sizes: Sizes, io: &mut GpuBackward<'_>) -> Result<()> {
    let Some((grad, accumulate)) = io.gradient_slot(0) else {
        return Ok(());
    };
    let (dy, d) = (io.upstream(), io.scratch(0));
    let count = sizes.rows * sizes.heads;
    io.dispatch(
        &ROW_PRODUCTS,
        &[
            Binding::Read(dy),
            Binding::Read(io.output(0)),
            Binding::Write(d),
        ],
        &[count as u32, sizes.head_size as u32],
        elementwise(count),
    )?;
    let bindings = [
        Binding::Read(io.input(0)),
        Binding::Read(io.input(1)),
        Binding::Read(io.input(2)),
        Binding::Read(dy),
        Binding::Read(io.saved(0)),
        Binding::Read(d),
        Binding::Write(&grad),
    ];
    let parameters = parameters(operator, sizes, accumulate);
    for kernels in [&GRAD_QUERY, &GRAD_KEY_VALUE] {
        let kernel = choose(kernels, sizes);
        io.dispatch(kernel, &bindings, &parameters, workgroups(operator, sizes))?;
    }
    Ok(())
}
