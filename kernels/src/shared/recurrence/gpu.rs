//! Buffers and dispatch sizes: the products over all rows are those of linear, each step is one
//! dispatch.

use limbeck_engine::{Binding, Gpu, GpuBackward, GpuForward, GpuSlice, Kernel, Result};

use super::{
    BIAS, Beside, Cell, EXTRA, INITIAL, INPUT_WEIGHT, LAST, PREVIOUS, RECURRENT_WEIGHT, Sizes, X,
};
use crate::gather_rows;
use crate::linear::gpu as product;
use crate::shared::columns::{Columns, copy_columns_gpu};
use crate::shared::gpu::{column_sums, elementwise, flag};
use crate::shared::wgsl;

pub(crate) static GATHER_PREVIOUS: Kernel = Kernel {
    name: "recurrence::gather_previous",
    source: &[wgsl::COMMON, include_str!("previous.wgsl")],
    entry: "gather_previous",
};

/// Workgroups of a step.
fn groups(sequences: usize, hidden: usize) -> usize {
    sequences.div_ceil(4) * hidden.div_ceil(64)
}

pub(super) fn forward<C: Cell>(
    batch_sizes: &[usize],
    sizes: Sizes,
    io: &GpuForward<'_>,
) -> Result<()> {
    let Sizes {
        rows,
        inputs,
        hidden,
        ..
    } = sizes;
    let columns = C::GATES * hidden;
    let (gpu, y) = (io.gpu(), io.output(0));
    let gates = match C::BESIDE {
        Beside::Nothing => io.scratch(1),
        _ => io.save(0),
    };
    let (operands, bias) = ([io.input(X), io.input(INPUT_WEIGHT)], Some(io.input(BIAS)));
    product::product(gpu, (rows, inputs, columns), operands, bias, gates)?;
    // What a cell does not have is bound to something that it does not read or write.
    let extra = match C::BESIDE {
        Beside::Nothing => io.input(RECURRENT_WEIGHT),
        _ => io.input(EXTRA),
    };
    let beside = match C::BESIDE {
        Beside::Nothing => io.scratch(0),
        _ => io.save(1),
    };
    let (mut first, mut before) = (0, 0);
    for (step, &size) in batch_sizes.iter().enumerate() {
        let bindings = [
            Binding::Read(io.input(RECURRENT_WEIGHT)),
            Binding::Read(io.input(INITIAL)),
            Binding::Read(extra),
            Binding::Write(gates),
            Binding::Write(beside),
            Binding::Write(y),
        ];
        let parameters = [size, hidden, first, before, usize::from(step == 0)];
        io.dispatch(
            C::KERNELS[0],
            &bindings,
            &parameters.map(|p| p as u32),
            groups(size, hidden),
        )?;
        (before, first) = (first, first + size);
    }
    let last = io.input(LAST);
    gather_rows::gpu::take(gpu, (y, hidden), last, io.output(1))?;
    match C::BESIDE {
        Beside::State => gather_rows::gpu::take(gpu, (beside, hidden), last, io.output(2)),
        _ => Ok(()),
    }
}

pub(super) fn backward<C: Cell>(
    batch_sizes: &[usize],
    sizes: Sizes,
    io: &mut GpuBackward<'_>,
) -> Result<()> {
    let Sizes {
        rows,
        sequences,
        hidden,
        ..
    } = sizes;
    let columns = C::GATES * hidden;
    let [d_gates, d_recurrent, previous, dh, dc] =
        [0, 1, 2, 3, 4].map(|scratch| io.scratch(scratch).clone());
    let parameters = [rows * hidden, hidden, rows];
    let bindings = [
        Binding::Read(io.input(PREVIOUS)),
        Binding::Read(io.output(0)),
        Binding::Read(io.input(INITIAL)),
        Binding::Write(&previous),
    ];
    let count = elementwise(rows * hidden);
    io.dispatch(
        &GATHER_PREVIOUS,
        &bindings,
        &parameters.map(|p| p as u32),
        count,
    )?;
    let shape = (sequences, hidden);
    for (into, output) in [(&dh, 1), (&dc, 2)] {
        match io.upstream_of(output) {
            Some(given) => add(io.gpu(), shape, given, into, false)?,
            None => io.zero(into)?,
        }
    }
    let own = match C::BESIDE {
        Beside::State => &dc,
        Beside::Candidate | Beside::Nothing => &d_recurrent,
    };
    through_steps::<C>(
        batch_sizes,
        (rows, hidden),
        io,
        [&d_gates, &dh, own, &previous],
    )?;
    let d_recurrent = match C::BESIDE {
        Beside::Candidate => &d_recurrent,
        _ => &d_gates,
    };
    // What comes through the recurrent product of the first step.
    let operands = [d_recurrent, io.input(RECURRENT_WEIGHT)];
    product::grad_input(io.gpu(), (sequences, hidden, columns), operands, &dh, true)?;
    weight_gradients(sizes, columns, io, [&d_gates, d_recurrent, &previous])?;
    if let Some((into, accumulate)) = io.gradient_slot(INITIAL) {
        add(io.gpu(), shape, &dh, &into, accumulate)?;
    }
    let Some((into, accumulate)) = io.gradient_slot(EXTRA) else {
        return Ok(());
    };
    if C::BESIDE == Beside::State {
        return add(io.gpu(), shape, &dc, &into, accumulate);
    }
    // The bias stands in the last gate. `previous` is no longer read.
    let (all, last) = (
        Columns {
            columns,
            first: columns - hidden,
        },
        Columns::all(hidden),
    );
    let shape = (rows, hidden);
    copy_columns_gpu(
        io.gpu(),
        shape,
        (d_recurrent, all),
        (&previous, last),
        false,
    )?;
    column_sums(io.gpu(), &previous, shape, &into, accumulate)
}

/// `into = (into +) from`.
fn add(
    gpu: &Gpu,
    (rows, columns): (usize, usize),
    from: &GpuSlice,
    into: &GpuSlice,
    accumulate: bool,
) -> Result<()> {
    let all = Columns::all(columns);
    copy_columns_gpu(gpu, (rows, columns), (from, all), (into, all), accumulate)
}

fn through_steps<C: Cell>(
    batch_sizes: &[usize],
    (rows, hidden): (usize, usize),
    io: &GpuBackward<'_>,
    [d_gates, dh, own, previous]: [&GpuSlice; 4],
) -> Result<()> {
    let weight = io.input(RECURRENT_WEIGHT);
    // A cell that keeps neither reads its outputs in their place.
    let [gates, beside] = match C::BESIDE {
        Beside::Nothing => [io.output(0); 2],
        _ => [io.saved(0), io.saved(1)],
    };
    let earlier = match C::BESIDE {
        Beside::State => io.input(EXTRA),
        _ => previous,
    };
    let dy = io.upstream_of(0);
    let (mut first, mut after, mut later) = (rows, rows, 0);
    for (step, &size) in batch_sizes.iter().enumerate().rev() {
        first -= size;
        let before = first - step.checked_sub(1).map_or(0, |before| batch_sizes[before]);
        let bindings = [
            Binding::Read(weight),
            Binding::Read(gates),
            Binding::Read(beside),
            Binding::Read(earlier),
            Binding::Read(dy.unwrap_or(weight)),
            Binding::Write(d_gates),
            Binding::Write(dh),
            Binding::Write(own),
        ];
        let initial = usize::from(step == 0);
        let parameters = [size, hidden, first, before, initial, after, later];
        let mut parameters = parameters.map(|p| p as u32).to_vec();
        parameters.push(flag(dy.is_some()));
        io.dispatch(C::KERNELS[1], &bindings, &parameters, groups(size, hidden))?;
        (after, later) = (first, size);
    }
    Ok(())
}

fn weight_gradients(
    sizes: Sizes,
    columns: usize,
    io: &mut GpuBackward<'_>,
    [d_gates, d_recurrent, previous]: [&GpuSlice; 3],
) -> Result<()> {
    let Sizes {
        rows,
        inputs,
        hidden,
        ..
    } = sizes;
    if let Some((dx, accumulate)) = io.gradient_slot(X) {
        let operands = [d_gates, io.input(INPUT_WEIGHT)];
        let shape = (rows, inputs, columns);
        product::grad_input(io.gpu(), shape, operands, &dx, accumulate)?;
    }
    if let Some((dw, accumulate)) = io.gradient_slot(INPUT_WEIGHT) {
        let operands = [io.input(X), d_gates];
        let shape = (rows, inputs, columns);
        product::grad_weight(io.gpu(), shape, operands, &dw, accumulate)?;
    }
    if let Some((dw, accumulate)) = io.gradient_slot(RECURRENT_WEIGHT) {
        let shape = (rows, hidden, columns);
        product::grad_weight(io.gpu(), shape, [previous, d_recurrent], &dw, accumulate)?;
    }
    match io.gradient_slot(BIAS) {
        Some((db, accumulate)) => column_sums(io.gpu(), d_gates, (rows, columns), &db, accumulate),
        None => Ok(()),
    }
}
