//! Buffers and dispatch sizes: the tiled product, whose operands are read through the windows (an
//! implicit matrix); depthwise an invocation per element. Sums over all rows are cut into parts, so
//! that they keep a whole GPU busy, and joined by the shared column sums.

use limbeck_engine::{Binding, GpuBackward, GpuForward, GpuSlice, Kernel, Result};

use super::layout::{BIAS_PARTS, Class, Cut, GRADIENT, PARTS};
use super::{Conv2d, Sizes};
use crate::activation;
use crate::shared::gpu::{COLUMN_SUMS, column_sums, elementwise, flag, gemm_tiles};
use crate::shared::wgsl;

const WINDOW: &str = include_str!("window.wgsl");

macro_rules! kernel {
    ($kernel:ident, $name:literal, [$($fragment:expr),*]) => {
        static $kernel: Kernel = Kernel {
            name: concat!("conv2d::", $name),
            source: &[wgsl::COMMON, $($fragment,)* WINDOW, include_str!(concat!($name, ".wgsl"))],
            entry: $name,
        };
    };
}

kernel!(FORWARD, "forward", [wgsl::GEMM]);
kernel!(GRAD_INPUT, "grad_input", [wgsl::GEMM]);
kernel!(GRAD_WEIGHT, "grad_weight", [wgsl::GEMM]);
kernel!(DEPTHWISE_FORWARD, "depthwise_forward", []);
kernel!(DEPTHWISE_GRAD_INPUT, "depthwise_grad_input", []);
kernel!(DEPTHWISE_GRAD_WEIGHT, "depthwise_grad_weight", []);
kernel!(BIAS_PARTS_KERNEL, "bias_parts", []);

pub(super) static KERNELS: [&Kernel; 8] = [
    &FORWARD,
    &GRAD_INPUT,
    &GRAD_WEIGHT,
    &DEPTHWISE_FORWARD,
    &DEPTHWISE_GRAD_INPUT,
    &DEPTHWISE_GRAD_WEIGHT,
    &BIAS_PARTS_KERNEL,
    &COLUMN_SUMS,
];

/// The words of the uniform block but those of a class.
fn parameters(operator: &Conv2d, sizes: Sizes, depth: usize, on: u32) -> Vec<u32> {
    let (pictures, window) = (operator.pictures, operator.options.window);
    let mut words: Vec<u32> = [
        sizes.results.rows(),
        depth,
        sizes.inputs,
        sizes.outputs,
        pictures.height,
        pictures.width,
        sizes.results.height,
        sizes.results.width,
        window.size[0],
        window.size[1],
        window.stride[0],
        window.stride[1],
        window.padding[0],
        window.padding[1],
    ]
    .map(|word| word as u32)
    .to_vec();
    words.push(on);
    words
}

/// The words of a class that has this many members.
fn class_words(class: Class, members: usize) -> [u32; 9] {
    [
        members,
        class.y.taps,
        class.x.taps,
        class.y.pixels,
        class.x.pixels,
        class.y.tap,
        class.x.tap,
        class.y.pixel,
        class.x.pixel,
    ]
    .map(|word| word as u32)
}

/// The words where there is no class, but `members` pixels in all.
fn without_class(mut words: Vec<u32>, members: usize) -> Vec<u32> {
    words.push(members as u32);
    words.extend([0; 8]);
    words
}

pub(super) fn forward(operator: &Conv2d, sizes: Sizes, io: &GpuForward<'_>) -> Result<()> {
    let (x, w, y) = (io.input(0), io.input(1), io.output(0));
    // An absent bias is bound to the weight, which the flag keeps from being read.
    let bias = if operator.bias { io.input(2) } else { w };
    let activation = operator.options.activation;
    let z = if activation.is_some() { io.save(0) } else { y };
    let words = without_class(parameters(operator, sizes, 0, flag(operator.bias)), 0);
    let [x, w, b] = [x, w, bias].map(Binding::Read);
    let bindings = [x, w, b, Binding::Write(z)];
    let rows = sizes.results.rows();
    if operator.options.groups > 1 {
        let groups = elementwise(rows * sizes.outputs);
        io.dispatch(&DEPTHWISE_FORWARD, &bindings, &words, groups)?;
    } else {
        let groups = gemm_tiles(rows, sizes.outputs);
        io.dispatch(&FORWARD, &bindings, &words, groups)?;
    }
    match activation {
        None => Ok(()),
        Some(function) => activation::gpu::apply(io.gpu(), function, z, y),
    }
}

pub(super) fn backward(operator: &Conv2d, sizes: Sizes, io: &mut GpuBackward<'_>) -> Result<()> {
    let dz = match operator.options.activation {
        None => io.upstream().clone(),
        Some(function) => {
            let dz = io.scratch(GRADIENT).clone();
            activation::gpu::derive(io.gpu(), function, [io.saved(0), io.upstream()], &dz, false)?;
            dz
        }
    };
    if let Some((dx, accumulate)) = io.gradient_slot(0) {
        if operator.options.groups > 1 {
            let members = operator.pictures.rows();
            let words = parameters(operator, sizes, 0, flag(accumulate));
            let words = without_class(words, members);
            let [dz, w] = [&dz, io.input(1)].map(Binding::Read);
            let groups = elementwise(members * sizes.inputs);
            let bindings = [dz, w, Binding::Write(&dx)];
            io.dispatch(&DEPTHWISE_GRAD_INPUT, &bindings, &words, groups)?;
        } else {
            input_gradient(operator, sizes, io, &dz, (&dx, accumulate))?;
        }
    }
    if let Some((dw, accumulate)) = io.gradient_slot(1) {
        weight_gradient(operator, sizes, io, &dz, (&dw, accumulate))?;
    }
    if operator.bias
        && let Some((db, accumulate)) = io.gradient_slot(2)
    {
        let cut = Cut::of_columns(sizes);
        let words = parameters(operator, sizes, cut.depth, cut.parts as u32);
        let parts = io.scratch(BIAS_PARTS);
        let bindings = [Binding::Read(&dz), Binding::Write(parts)];
        let groups = elementwise(cut.parts * sizes.outputs);
        let words = without_class(words, 0);
        io.dispatch(&BIAS_PARTS_KERNEL, &bindings, &words, groups)?;
        column_sums(io.gpu(), parts, (cut.parts, sizes.outputs), &db, accumulate)?;
    }
    Ok(())
}

/// A product for every class of pixels; together they write every element of dx once.
fn input_gradient(
    operator: &Conv2d,
    sizes: Sizes,
    io: &GpuBackward<'_>,
    dz: &GpuSlice,
    (dx, accumulate): (&GpuSlice, bool),
) -> Result<()> {
    for class in Class::all(operator) {
        let members = operator.pictures.count * class.pixels();
        let mut words = parameters(operator, sizes, 0, flag(accumulate));
        words.extend(class_words(class, members));
        let [dz, w] = [dz, io.input(1)].map(Binding::Read);
        let groups = gemm_tiles(members, sizes.inputs);
        io.dispatch(&GRAD_INPUT, &[dz, w, Binding::Write(dx)], &words, groups)?;
    }
    Ok(())
}

fn weight_gradient(
    operator: &Conv2d,
    sizes: Sizes,
    io: &GpuBackward<'_>,
    dz: &GpuSlice,
    (dw, accumulate): (&GpuSlice, bool),
) -> Result<()> {
    let (cut, weights) = (Cut::on_gpu(operator, sizes), operator.weights(sizes));
    let words = parameters(operator, sizes, cut.depth, cut.parts as u32);
    let words = without_class(words, 0);
    let parts = io.scratch(PARTS);
    let [x, dz] = [io.input(0), dz].map(Binding::Read);
    let bindings = [x, dz, Binding::Write(parts)];
    if operator.options.groups > 1 {
        let groups = elementwise(cut.parts * weights);
        io.dispatch(&DEPTHWISE_GRAD_WEIGHT, &bindings, &words, groups)?;
    } else {
        let rows = operator.options.window.taps() * sizes.inputs;
        let groups = cut.parts * gemm_tiles(rows, sizes.outputs);
        io.dispatch(&GRAD_WEIGHT, &bindings, &words, groups)?;
    }
    column_sums(io.gpu(), parts, (cut.parts, weights), dw, accumulate)
}
