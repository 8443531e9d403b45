//! Buffers and dispatch sizes: a workgroup per row, and for the parameters an invocation per block
//! of rows and column, joined by the shared column sums.

use limbeck_engine::{Binding, GpuBackward, GpuForward, GpuSlice, Kernel, Result};

use super::{BLOCK_ROWS, LayerNorm, Sizes};
use crate::shared::gpu::{COLUMN_SUMS, column_sums, elementwise, flag};
use crate::shared::wgsl;

const NORMALISE: &str = include_str!("normalise.wgsl");
const ROW_GRADIENT: &str = include_str!("row_gradient.wgsl");

static FORWARD: Kernel = Kernel {
    name: "layer_norm::forward",
    source: &[
        wgsl::COMMON,
        wgsl::REDUCE,
        NORMALISE,
        include_str!("forward.wgsl"),
    ],
    entry: "forward",
};
static ADD_FORWARD: Kernel = Kernel {
    name: "layer_norm::add_forward",
    source: &[
        wgsl::COMMON,
        wgsl::REDUCE,
        NORMALISE,
        include_str!("add_forward.wgsl"),
    ],
    entry: "add_forward",
};
static GRAD_INPUT: Kernel = Kernel {
    name: "layer_norm::grad_input",
    source: &[
        wgsl::COMMON,
        wgsl::REDUCE,
        ROW_GRADIENT,
        include_str!("grad_input.wgsl"),
    ],
    entry: "grad_input",
};
static GRAD_BOTH: Kernel = Kernel {
    name: "layer_norm::grad_both",
    source: &[
        wgsl::COMMON,
        wgsl::REDUCE,
        ROW_GRADIENT,
        include_str!("grad_both.wgsl"),
    ],
    entry: "grad_both",
};
static GRAD_PARAMETERS: Kernel = Kernel {
    name: "layer_norm::grad_parameters",
    source: &[wgsl::COMMON, include_str!("grad_parameters.wgsl")],
    entry: "grad_parameters",
};

pub(super) static KERNELS: [&Kernel; 6] = [
    &FORWARD,
    &ADD_FORWARD,
    &GRAD_INPUT,
    &GRAD_BOTH,
    &GRAD_PARAMETERS,
    &COLUMN_SUMS,
];

pub(super) fn forward(operator: &LayerNorm, sizes: Sizes, io: &GpuForward<'_>) -> Result<()> {
    let (x, y, saved) = (io.input(0), io.output(0), io.save(0));
    // Absent parameters are bound to x, which the flags keep from being read.
    let input = |number: Option<usize>| number.map_or(x, |number| io.input(number));
    let gain = Binding::Read(input(operator.gain_input()));
    let bias = Binding::Read(input(operator.bias_input()));
    let parameters = [
        sizes.rows as u32,
        sizes.columns as u32,
        flag(operator.gain),
        flag(operator.bias),
        operator.epsilon.to_bits(),
    ];
    let (x, y, saved) = (Binding::Read(x), Binding::Write(y), Binding::Write(saved));
    if operator.residual {
        let residual = Binding::Read(io.input(LayerNorm::RESIDUAL));
        let sum = Binding::Write(io.output(1));
        let bindings = [x, gain, bias, y, saved, residual, sum];
        io.dispatch(&ADD_FORWARD, &bindings, &parameters, sizes.rows)
    } else {
        let bindings = [x, gain, bias, y, saved];
        io.dispatch(&FORWARD, &bindings, &parameters, sizes.rows)
    }
}

pub(super) fn backward(operator: &LayerNorm, sizes: Sizes, io: &mut GpuBackward<'_>) -> Result<()> {
    let residual = operator.residual.then_some(LayerNorm::RESIDUAL);
    let targets: Vec<_> = [Some(0), residual]
        .into_iter()
        .filter_map(|input| io.gradient_slot(input?))
        .collect();
    rows(operator, sizes, io, &targets)?;
    parameters(operator, sizes, io)
}

/// What was normalised.
fn normalised<'a>(operator: &LayerNorm, io: &'a GpuBackward<'_>) -> &'a GpuSlice {
    if operator.residual {
        io.output(1)
    } else {
        io.input(0)
    }
}

/// The gradient of x and of the residual: one computation, written wherever it is wanted.
fn rows(
    operator: &LayerNorm,
    sizes: Sizes,
    io: &GpuBackward<'_>,
    targets: &[(GpuSlice, bool)],
) -> Result<()> {
    let s = normalised(operator, io);
    let gain = operator.gain_input().map(|input| io.input(input));
    let (dy, ds) = (io.upstream_of(0), io.upstream_of(1));
    // What is absent is bound to s, which the flags keep from being read.
    let read = [
        s,
        io.saved(0),
        gain.unwrap_or(s),
        dy.unwrap_or(s),
        ds.unwrap_or(s),
    ];
    let mut bindings: Vec<_> = read.into_iter().map(Binding::Read).collect();
    bindings.extend(targets.iter().map(|(slice, _)| Binding::Write(slice)));
    let mut parameters = vec![
        sizes.rows as u32,
        sizes.columns as u32,
        flag(gain.is_some()),
        flag(dy.is_some()),
        flag(ds.is_some()),
    ];
    parameters.extend(targets.iter().map(|&(_, accumulate)| flag(accumulate)));
    match targets.len() {
        0 => Ok(()),
        1 => io.dispatch(&GRAD_INPUT, &bindings, &parameters, sizes.rows),
        _ => io.dispatch(&GRAD_BOTH, &bindings, &parameters, sizes.rows),
    }
}

fn parameters(operator: &LayerNorm, sizes: Sizes, io: &mut GpuBackward<'_>) -> Result<()> {
    let Sizes { rows, columns } = sizes;
    let inputs = [operator.gain_input(), operator.bias_input()];
    if !inputs.iter().flatten().any(|&input| io.wants(input)) {
        return Ok(());
    }
    let Some(dy) = io.upstream_of(0).cloned() else {
        for input in inputs.into_iter().flatten() {
            io.gradient(input)?;
        }
        return Ok(());
    };
    let blocks = sizes.blocks();
    let bindings = [
        Binding::Read(normalised(operator, io)),
        Binding::Read(io.saved(0)),
        Binding::Read(&dy),
        Binding::Write(io.scratch(0)),
        Binding::Write(io.scratch(1)),
    ];
    let parameters = [rows as u32, columns as u32, BLOCK_ROWS as u32];
    io.dispatch(
        &GRAD_PARAMETERS,
        &bindings,
        &parameters,
        elementwise(blocks * columns),
    )?;
    for (scratch, input) in inputs.into_iter().enumerate() {
        if let Some((into, accumulate)) = input.and_then(|input| io.gradient_slot(input)) {
            let partial = io.scratch(scratch);
            column_sums(io.gpu(), partial, (blocks, columns), &into, accumulate)?;
        }
    }
    Ok(())
}
