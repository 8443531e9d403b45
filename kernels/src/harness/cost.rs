//! How large a case is, so that a quick run can leave out the few that take most of the time.

use limbeck_engine::differences::directions;
use limbeck_engine::{Meta, Plan, Result, Shape};

use super::case::{Case, Input, Subject};

impl Case {
    /// What the operator would produce and need; `None` for an update in place.
    ///
    /// # Errors
    /// If the operator refuses the inputs.
    pub fn plan(&self) -> Result<Option<Plan>> {
        let metas: Vec<Meta> = self.inputs.iter().map(Input::meta).collect();
        match &self.subject {
            Subject::Differentiable(operator) => operator.infer(&metas).map(Some),
            Subject::Constant(operator) => operator.infer(&metas).map(Some),
            Subject::InPlace(_) => Ok(None),
        }
    }

    /// The input or output with most elements; `None` for an update in place, which brings its own
    /// numbers.
    ///
    /// # Errors
    /// If the operator refuses the inputs.
    pub fn largest_shape(&self) -> Result<Option<Shape>> {
        let Some(plan) = self.plan()? else {
            return Ok(None);
        };
        let inputs = self.inputs.iter().map(|input| input.meta().shape);
        let outputs = plan.outputs.iter().map(|meta| meta.shape);
        Ok(inputs.chain(outputs).max_by_key(Shape::elements))
    }

    /// Roughly the operations of all checks: those of one forward pass, as often as the finite
    /// differences need it. Nothing for an update in place.
    ///
    /// # Errors
    /// If the operator refuses the inputs.
    pub fn cost(&self) -> Result<u64> {
        let Some(plan) = self.plan()? else {
            return Ok(0);
        };
        let elements = self
            .inputs
            .iter()
            .map(|input| input.meta().shape.elements());
        let pass = plan.flops + plan.bytes + elements.sum::<usize>() as u64;
        let checked = self.without_finite_differences.is_none()
            && matches!(self.subject, Subject::Differentiable(_));
        let lengths = self.inputs.iter().filter_map(Input::differentiated);
        let passes = lengths.map(|len| 2 * directions(len).len());
        let passes: usize = if checked { passes.sum() } else { 0 };
        Ok(pass * (1 + passes as u64))
    }
}

impl Input {
    fn meta(&self) -> Meta {
        match self {
            Input::Real { shape, .. } => Meta::real(*shape),
            Input::Ids { shape, .. } => Meta::ids(*shape),
        }
    }

    /// The number of elements, if the gradient is checked.
    fn differentiated(&self) -> Option<usize> {
        match self {
            Input::Real {
                values,
                differentiate: true,
                ..
            } => Some(values.len()),
            _ => None,
        }
    }
}
