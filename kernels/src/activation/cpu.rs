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
        Activation::Tanh => tanh(y),
    }
}

/// `dy *= f'(x)`, on one thread.
pub(crate) fn multiply_by_derivative(function: Activation, dy: &mut [f32], x: &[f32]) {
    match function {
        Activation::Relu => relu_derivative(dy, x),
        Activation::Gelu => gelu_derivative(dy, x),
        Activation::Tanh => tanh_derivative(dy, x),
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
            *y *= math::normal_cdf(*y);
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
    fn relu_derivative(dy: &mut [f32], x: &[f32]) {
        for (dy, &x) in dy.iter_mut().zip(x) {
            *dy = if x > 0.0 { *dy } else { 0.0 };
        }
    }
}

vectorised! {
    fn gelu_derivative(dy: &mut [f32], x: &[f32]) {
        for (dy, &x) in dy.iter_mut().zip(x) {
            *dy *= math::normal_cdf(x) + x * math::normal_density(x);
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
