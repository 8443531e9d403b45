//! The fast version: one vectorised pass, in blocks that fit the first-level cache.

use limbeck_engine::chunked;

use super::Activation;
use crate::shared::{math, vectorised};

const BLOCK: usize = 4096;

pub(super) fn forward(function: Activation, x: &[f32], y: &mut [f32]) {
    chunked(y, BLOCK, x.len(), |i, y| {
        y.copy_from_slice(&x[i * BLOCK..i * BLOCK + y.len()]);
        apply_in_place(function, y);
    });
}

pub(super) fn backward(
    function: Activation,
    x: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    accumulate: bool,
) {
    chunked(dx, BLOCK, x.len(), |i, dx| {
        let range = i * BLOCK..i * BLOCK + dx.len();
        if accumulate {
            let mut product = [0.0; BLOCK];
            let product = &mut product[..dx.len()];
            product.copy_from_slice(&dy[range.clone()]);
            multiply_by_derivative(function, product, &x[range]);
            dx.iter_mut().zip(&*product).for_each(|(a, b)| *a += b);
        } else {
            dx.copy_from_slice(&dy[range.clone()]);
            multiply_by_derivative(function, dx, &x[range]);
        }
    });
}

/// `y = f(y)`, on one thread.
pub(crate) fn apply_in_place(function: Activation, y: &mut [f32]) {
    match function {
        Activation::Relu => relu(y),
        Activation::Gelu => gelu(y),
        Activation::GeluTanh => gelu_tanh(y),
        Activation::Tanh => tanh(y),
        Activation::Sigmoid => sigmoid(y),
    }
}

/// `dy *= f'(x)`, on one thread.
pub(crate) fn multiply_by_derivative(function: Activation, dy: &mut [f32], x: &[f32]) {
    match function {
        Activation::Relu => relu_derivative(dy, x),
        Activation::Gelu => gelu_derivative(dy, x),
        Activation::GeluTanh => gelu_tanh_derivative(dy, x),
        Activation::Tanh => tanh_derivative(dy, x),
        Activation::Sigmoid => sigmoid_derivative(dy, x),
    }
}

/// `y = f(z)` and then `z = f'(z)`, on one thread: the backward pass is left a product.
pub(crate) fn apply_and_derive(function: Activation, z: &mut [f32], y: &mut [f32]) {
    match function {
        Activation::Relu => relu_both(z, y),
        Activation::Gelu => gelu_both(z, y),
        Activation::GeluTanh => gelu_tanh_both(z, y),
        Activation::Tanh => tanh_both(z, y),
        Activation::Sigmoid => sigmoid_both(z, y),
    }
}

/// 2 √(2/π), and the same times 0.044715: 2u and 2u' are polynomials with them.
const LINEAR: f32 = 1.595_769;
const CUBIC: f32 = 0.071_354_814;

/// gelu_tanh and its derivative.
#[inline(always)]
fn gelu_tanh_of(x: f32) -> (f32, f32) {
    let square = x * x;
    let share = math::sigmoid(x * (LINEAR + CUBIC * square));
    let rest = math::sigmoid(-x * (LINEAR + CUBIC * square));
    let slope = LINEAR + 3.0 * CUBIC * square;
    (x * share, share + x * slope * (share * rest))
}

vectorised! {
    fn relu_both(z: &mut [f32], y: &mut [f32]) {
        for (z, y) in z.iter_mut().zip(y) {
            *y = if *z <= 0.0 { 0.0 } else { *z };
            *z = if *z > 0.0 { 1.0 } else { 0.0 };
        }
    }
}

vectorised! {
    fn gelu_both(z: &mut [f32], y: &mut [f32]) {
        for (z, y) in z.iter_mut().zip(y) {
            let (cdf, density) = math::normal(*z);
            *y = *z * cdf;
            *z = cdf + *z * density;
        }
    }
}

vectorised! {
    fn gelu_tanh_both(z: &mut [f32], y: &mut [f32]) {
        for (z, y) in z.iter_mut().zip(y) {
            (*y, *z) = gelu_tanh_of(*z);
        }
    }
}

vectorised! {
    fn tanh_both(z: &mut [f32], y: &mut [f32]) {
        for (z, y) in z.iter_mut().zip(y) {
            *y = math::tanh(*z);
            *z = 1.0 - *y * *y;
        }
    }
}

vectorised! {
    fn sigmoid_both(z: &mut [f32], y: &mut [f32]) {
        for (z, y) in z.iter_mut().zip(y) {
            *y = math::sigmoid(*z);
            *z = *y * (1.0 - *y);
        }
    }
}

vectorised! {
    fn relu(y: &mut [f32]) {
        for y in y {
            // NaN must stay NaN.
            *y = if *y <= 0.0 { 0.0 } else { *y };
        }
    }
}

vectorised! {
    fn gelu(y: &mut [f32]) {
        for y in y {
            *y *= math::normal(*y).0;
        }
    }
}

vectorised! {
    fn gelu_tanh(y: &mut [f32]) {
        for y in y {
            *y = gelu_tanh_of(*y).0;
        }
    }
}

vectorised! {
    fn tanh(y: &mut [f32]) {
        for y in y {
            *y = math::tanh(*y);
        }
    }
}

vectorised! {
    fn sigmoid(y: &mut [f32]) {
        for y in y {
            *y = math::sigmoid(*y);
        }
    }
}

vectorised! {
    fn relu_derivative(dy: &mut [f32], x: &[f32]) {
        for (dy, &x) in dy.iter_mut().zip(x) {
            *dy = if x > 0.0 { *dy } else { 0.0 };
        }
    }
}

vectorised! {
    fn gelu_derivative(dy: &mut [f32], x: &[f32]) {
        for (dy, &x) in dy.iter_mut().zip(x) {
            let (cdf, density) = math::normal(x);
            *dy *= cdf + x * density;
        }
    }
}

vectorised! {
    fn gelu_tanh_derivative(dy: &mut [f32], x: &[f32]) {
        for (dy, &x) in dy.iter_mut().zip(x) {
            *dy *= gelu_tanh_of(x).1;
        }
    }
}

vectorised! {
    fn tanh_derivative(dy: &mut [f32], x: &[f32]) {
        for (dy, &x) in dy.iter_mut().zip(x) {
            let y = math::tanh(x);
            *dy *= 1.0 - y * y;
        }
    }
}

vectorised! {
    fn sigmoid_derivative(dy: &mut [f32], x: &[f32]) {
        for (dy, &x) in dy.iter_mut().zip(x) {
            let y = math::sigmoid(x);
            *dy *= y * (1.0 - y);
        }
    }
}
