//! An operator that the engine does not know: y = a x.

use limbeck_engine::{
    Backward, Device, Differentiable, Forward, Meta, Operator, Plan, Result, Tape, Var,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{Error, GpuBackward, GpuForward};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Times(pub(crate) f64);

impl Operator for Times {
    fn name(&self) -> &'static str {
        "times"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        Ok(Plan::new(inputs, inputs[0]))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        for (y, x) in io.output(0).iter_mut().zip(io.real(0)) {
            *y = self.0 * x;
        }
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        for (y, x) in io.output(0).iter_mut().zip(io.real(0)) {
            *y = self.0 as f32 * x;
        }
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, _: &mut GpuForward<'_>) -> Result<()> {
        Err(Error::Device("this test's operator has no shader".into()))
    }
}

impl Differentiable for Times {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        let dy = io.upstream();
        if let Some(dx) = io.gradient(0) {
            dx.iter_mut()
                .zip(dy)
                .for_each(|(dx, dy)| *dx += self.0 * dy);
        }
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        let dy = io.upstream();
        if let Some(dx) = io.gradient(0) {
            dx.iter_mut()
                .zip(dy)
                .for_each(|(dx, dy)| *dx += self.0 as f32 * dy);
        }
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, _: &mut GpuBackward<'_>) -> Result<()> {
        Err(Error::Device("this test's operator has no shader".into()))
    }
}

pub(crate) fn times(tape: &Tape, factor: f64, x: &Var) -> Var {
    tape.apply_one(Times(factor), &[x]).expect("any shape fits")
}

pub(crate) fn hosts() -> [Device; 2] {
    [Device::cpu(), Device::reference()]
}
