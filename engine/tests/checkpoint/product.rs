//! An operator whose way back reads what the forward pass read.

use limbeck_engine::{Backward, Differentiable, Forward, Meta, Operator, Plan, Result, Tape, Var};
#[cfg(feature = "gpu")]
use limbeck_engine::{Error, GpuBackward, GpuForward};

/// y = a b, elementwise: the way back reads both.
#[derive(Debug)]
struct Product;

impl Operator for Product {
    fn name(&self) -> &'static str {
        "product"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        Ok(Plan::new(inputs, inputs[0])
            .keep_inputs([0, 1])
            .save(inputs[0]))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        let product: Vec<f64> = io
            .real(0)
            .iter()
            .zip(io.real(1))
            .map(|(a, b)| a * b)
            .collect();
        io.output(0).copy_from_slice(&product);
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        let product: Vec<f32> = io
            .real(0)
            .iter()
            .zip(io.real(1))
            .map(|(a, b)| a * b)
            .collect();
        io.output(0).copy_from_slice(&product);
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, _: &mut GpuForward<'_>) -> Result<()> {
        Err(Error::Device("this test's operator has no shader".into()))
    }
}

impl Differentiable for Product {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        let (dy, inputs) = (io.upstream(), [io.real(1), io.real(0)]);
        for (number, other) in inputs.into_iter().enumerate() {
            let terms = dy.iter().zip(other).map(|(dy, b)| dy * b);
            if let Some(gradient) = io.gradient(number) {
                gradient.iter_mut().zip(terms).for_each(|(g, t)| *g += t);
            }
        }
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        let (dy, inputs) = (io.upstream(), [io.real(1), io.real(0)]);
        for (number, other) in inputs.into_iter().enumerate() {
            let terms = dy.iter().zip(other).map(|(dy, b)| dy * b);
            if let Some(gradient) = io.gradient(number) {
                gradient.iter_mut().zip(terms).for_each(|(g, t)| *g += t);
            }
        }
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, _: &mut GpuBackward<'_>) -> Result<()> {
        Err(Error::Device("this test's operator has no shader".into()))
    }
}

pub(crate) fn product(tape: &Tape, a: &Var, b: &Var) -> Result<Var> {
    tape.apply_one(Product, &[a, b])
}
