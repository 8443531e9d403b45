//! Buffers and dispatch sizes: two dispatches for each block of words.

use limbeck_engine::{Binding, GpuForward, Kernel, Result};

use super::{LogPartition, Sizes};
use crate::shared::gpu::{flag, gemm_tiles};
use crate::shared::wgsl;

static SCORES: Kernel = Kernel {
    name: "log_partition::block_scores",
    source: &[wgsl::COMMON, wgsl::GEMM, include_str!("scores.wgsl")],
    entry: "block_scores",
};
static FOLD: Kernel = Kernel {
    name: "log_partition::fold",
    source: &[
        wgsl::COMMON,
        wgsl::MATH,
        wgsl::REDUCE,
        include_str!("fold.wgsl"),
    ],
    entry: "fold",
};

pub(super) static KERNELS: [&Kernel; 2] = [&SCORES, &FOLD];

pub(super) fn forward(operator: &LogPartition, sizes: Sizes, io: &GpuForward<'_>) -> Result<()> {
    let Sizes {
        rows,
        words,
        columns,
    } = sizes;
    let (scores, sums) = (io.scratch(0), io.scratch(1));
    for block in operator.blocks(words) {
        let n = block.len();
        let bindings = [
            Binding::Read(io.input(0)),
            Binding::Read(io.input(1)),
            Binding::Read(io.input(2)),
            Binding::Write(scores),
        ];
        let parameters = [rows, n, columns, block.start].map(|p| p as u32);
        io.dispatch(&SCORES, &bindings, &parameters, gemm_tiles(rows, n))?;
        let bindings = [
            Binding::Read(scores),
            Binding::Write(sums),
            Binding::Write(io.output(0)),
        ];
        let (first, last) = (flag(block.start == 0), flag(block.end == words));
        io.dispatch(
            &FOLD,
            &bindings,
            &[rows as u32, n as u32, first, last],
            rows,
        )?;
    }
    Ok(())
}
