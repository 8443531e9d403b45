//! The definition, in f64.

use super::Activation;
use crate::shared::math::erf_f64;

/// Φ(x).
fn normal_cdf(x: f64) -> f64 {
    0.5 * (1.0 + erf_f64(x / std::f64::consts::SQRT_2))
}

/// φ(x).
fn normal_density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// u in gelu_tanh(x) = x (1 + tanh(u)) / 2.
fn tanh_argument(x: f64) -> f64 {
    (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))
}

/// f(x).
pub(crate) fn value(function: Activation, x: f64) -> f64 {
    match function {
        // A NaN stays: it is not at most 0.
        Activation::Relu => {
            if x <= 0.0 {
                0.0
            } else {
                x
            }
        }
        Activation::Gelu => x * normal_cdf(x),
        Activation::GeluTanh => 0.5 * x * (1.0 + tanh_argument(x).tanh()),
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
    }
}

/// f'(x).
pub(crate) fn derivative(function: Activation, x: f64) -> f64 {
    match function {
        Activation::Relu => {
            if x > 0.0 {
                1.0
            } else {
                0.0
            }
        }
        Activation::Gelu => normal_cdf(x) + x * normal_density(x),
        Activation::GeluTanh => {
            let y = tanh_argument(x).tanh();
            let slope = (2.0 / std::f64::consts::PI).sqrt() * (1.0 + 3.0 * 0.044715 * x * x);
            0.5 * (1.0 + y) + 0.5 * x * (1.0 - y * y) * slope
        }
        Activation::Tanh => 1.0 - x.tanh().powi(2),
        Activation::Sigmoid => value(function, x) * value(function, -x),
    }
}

pub(super) fn forward(function: Activation, x: &[f64], y: &mut [f64]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = value(function, x);
    }
}

pub(super) fn backward(function: Activation, x: &[f64], dy: &[f64], dx: &mut [f64]) {
    for ((dx, &x), &dy) in dx.iter_mut().zip(x).zip(dy) {
        *dx += derivative(function, x) * dy;
    }
}
