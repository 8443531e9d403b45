//! Buffers and dispatch sizes: tiled products for the noise words, a pass over rows for the targets.

use limbeck_engine::{Binding, GpuBackward, GpuForward, GpuSlice, Kernel, Result};

use super::{BIAS, CANDIDATES, H, Sizes};
use crate::shared::gpu::{elementwise, flag, gemm_tiles};
use crate::shared::wgsl;

static TARGET_SCORES: Kernel = Kernel {
    name: "candidate_scores::target_scores",
    source: &[
        wgsl::COMMON,
        wgsl::REDUCE,
        include_str!("target_scores.wgsl"),
    ],
    entry: "target_scores",
};
static NOISE_SCORES: Kernel = Kernel {
    name: "candidate_scores::noise_scores",
    source: &[wgsl::COMMON, wgsl::GEMM, include_str!("noise_scores.wgsl")],
    entry: "noise_scores",
};
static GRAD_H: Kernel = Kernel {
    name: "candidate_scores::grad_h",
    source: &[wgsl::COMMON, wgsl::GEMM, include_str!("grad_h.wgsl")],
    entry: "grad_h",
};
static GRAD_TARGET: Kernel = Kernel {
    name: "candidate_scores::grad_target",
    source: &[wgsl::COMMON, include_str!("grad_target.wgsl")],
    entry: "grad_target",
};
static GRAD_NOISE: Kernel = Kernel {
    name: "candidate_scores::grad_noise",
    source: &[wgsl::COMMON, wgsl::GEMM, include_str!("grad_noise.wgsl")],
    entry: "grad_noise",
};
static GRAD_BIAS: Kernel = Kernel {
    name: "candidate_scores::grad_bias",
    source: &[wgsl::COMMON, include_str!("grad_bias.wgsl")],
    entry: "grad_bias",
};

pub(super) static KERNELS: [&Kernel; 6] = [
    &TARGET_SCORES,
    &NOISE_SCORES,
    &GRAD_H,
    &GRAD_TARGET,
    &GRAD_NOISE,
    &GRAD_BIAS,
];

pub(super) fn forward(sizes: Sizes, io: &GpuForward<'_>) -> Result<()> {
    let Sizes {
        rows,
        noise,
        columns,
    } = sizes;
    let bindings = |into| {
        let inputs = [H, CANDIDATES, BIAS].map(|input| Binding::Read(io.input(input)));
        let [h, candidates, bias] = inputs;
        [h, candidates, bias, Binding::Write(into)]
    };
    let parameters = [rows as u32, columns as u32];
    io.dispatch(&TARGET_SCORES, &bindings(io.output(0)), &parameters, rows)?;
    let parameters = [rows as u32, noise as u32, columns as u32];
    let tiles = gemm_tiles(rows, noise);
    io.dispatch(&NOISE_SCORES, &bindings(io.output(1)), &parameters, tiles)
}

pub(super) fn backward(sizes: Sizes, io: &mut GpuBackward<'_>) -> Result<()> {
    let Sizes {
        rows,
        noise,
        columns,
    } = sizes;
    let given = [0, 1].map(|output| io.upstream_of(output).cloned());
    let [has_target, has_noise] = [0, 1].map(|output| flag(given[output].is_some()));
    // An absent gradient is bound to h, which the flags keep from being read.
    let [d_target, d_noise] = given.map(|slice| slice.unwrap_or_else(|| io.input(H).clone()));
    if let Some((dh, accumulate)) = io.gradient_slot(H) {
        let bindings = [
            Binding::Read(io.input(CANDIDATES)),
            Binding::Read(&d_target),
            Binding::Read(&d_noise),
            Binding::Write(&dh),
        ];
        // Without a gradient of the noise words the sum over them is empty.
        let summed = noise as u32 * has_noise;
        let parameters = [
            rows as u32,
            summed,
            columns as u32,
            has_target,
            flag(accumulate),
        ];
        io.dispatch(&GRAD_H, &bindings, &parameters, gemm_tiles(rows, columns))?;
    }
    if let Some((de, accumulate)) = io.gradient_slot(CANDIDATES) {
        let shape = (rows, noise, columns);
        let given = [(&d_target, has_target), (&d_noise, has_noise)];
        grad_candidates(io, shape, given, &de, flag(accumulate))?;
    }
    let Some((db, accumulate)) = io.gradient_slot(BIAS) else {
        return Ok(());
    };
    let bindings = [
        Binding::Read(&d_target),
        Binding::Read(&d_noise),
        Binding::Write(&db),
    ];
    let parameters = [
        rows as u32,
        noise as u32,
        has_target,
        has_noise,
        flag(accumulate),
    ];
    io.dispatch(
        &GRAD_BIAS,
        &bindings,
        &parameters,
        elementwise(rows + noise),
    )
}

fn grad_candidates(
    io: &GpuBackward<'_>,
    (rows, noise, columns): (usize, usize, usize),
    [(d_target, has_target), (d_noise, has_noise)]: [(&GpuSlice, u32); 2],
    into: &GpuSlice,
    accumulate: u32,
) -> Result<()> {
    let bindings = |given| {
        [
            Binding::Read(io.input(H)),
            Binding::Read(given),
            Binding::Write(into),
        ]
    };
    let count = rows * columns;
    let parameters = [count as u32, columns as u32, has_target, accumulate];
    let groups = elementwise(count);
    io.dispatch(&GRAD_TARGET, &bindings(d_target), &parameters, groups)?;
    let summed = rows as u32 * has_noise;
    let parameters = [
        rows as u32,
        noise as u32,
        columns as u32,
        accumulate,
        summed,
    ];
    let tiles = gemm_tiles(noise, columns);
    io.dispatch(&GRAD_NOISE, &bindings(d_noise), &parameters, tiles)
}
