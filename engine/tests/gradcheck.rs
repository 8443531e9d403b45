//! The check of gradients: what is right passes, what is wrong is named.

use limbeck_engine::{
    Backward, Device, Differentiable, Forward, Meta, Operator, ParameterId, ParameterStore, Plan,
    Result, StoreBuilder, Tape, Var, gradcheck,
};
#[cfg(feature = "gpu")]
use limbeck_engine::{Error, GpuBackward, GpuForward};

/// y = x + x³, whose gradient can be broken.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cube {
    Right,
    /// This element gets no gradient.
    Skips(usize),
    /// The gradient that comes in is taken for one.
    DropsUpstream,
}

impl Operator for Cube {
    fn name(&self) -> &'static str {
        "cube"
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Plan> {
        Ok(Plan::new(inputs, inputs[0]).keep_inputs([0]))
    }

    fn forward_reference(&self, io: &mut Forward<'_, f64>) {
        for (y, x) in io.output(0).iter_mut().zip(io.real(0)) {
            *y = x + x * x * x;
        }
    }

    fn forward_cpu(&self, io: &mut Forward<'_, f32>) {
        for (y, x) in io.output(0).iter_mut().zip(io.real(0)) {
            *y = x + x * x * x;
        }
    }

    #[cfg(feature = "gpu")]
    fn forward_gpu(&self, _: &mut GpuForward<'_>) -> Result<()> {
        Err(Error::Device("this test's operator has no shader".into()))
    }
}

impl Differentiable for Cube {
    fn backward_reference(&self, io: &mut Backward<'_, f64>) {
        let (x, dy) = (io.real(0), io.upstream());
        let Some(dx) = io.gradient(0) else { return };
        for i in (0..dx.len()).filter(|i| *self != Cube::Skips(*i)) {
            let upstream = match self {
                Cube::DropsUpstream => 1.0,
                _ => dy[i],
            };
            dx[i] += (1.0 + 3.0 * x[i] * x[i]) * upstream;
        }
    }

    fn backward_cpu(&self, io: &mut Backward<'_, f32>) {
        let (x, dy) = (io.real(0), io.upstream());
        if let Some(dx) = io.gradient(0) {
            let terms = dx.iter_mut().zip(x).zip(dy);
            terms.for_each(|((dx, x), dy)| *dx += (1.0 + 3.0 * x * x) * dy);
        }
    }

    #[cfg(feature = "gpu")]
    fn backward_gpu(&self, _: &mut GpuBackward<'_>) -> Result<()> {
        Err(Error::Device("this test's operator has no shader".into()))
    }
}

struct Model {
    store: ParameterStore,
    good: ParameterId,
    other: ParameterId,
    operator: Cube,
}

impl Model {
    /// Two parameters: one goes through a cube that is right, one through `operator`.
    fn new(operator: Cube, elements: usize) -> Self {
        let mut builder = StoreBuilder::new(1);
        let good = builder.normal("good", [4], 1.0);
        let other = builder.normal("other", [elements], 1.0);
        Model {
            store: builder.build(&Device::reference()).expect("memory"),
            good,
            other,
            operator,
        }
    }

    fn value(&self, tape: &Tape, id: ParameterId, operator: Cube) -> Result<Var> {
        let x = tape.parameter(&self.store, id);
        tape.apply_one(operator, &[&x])
    }

    fn values(&self, tape: &Tape) -> Result<Var> {
        tape.scope("fine", || self.value(tape, self.good, Cube::Right))?;
        tape.scope("layer 3", || self.value(tape, self.other, self.operator))
    }
}

#[test]
fn right_gradients_pass_and_the_parameters_stay_as_they_were() {
    for elements in [5, 500] {
        let mut model = Model::new(Cube::Right, elements);
        let before = model.store.read().expect("numbers");
        let report = gradcheck(&mut model, |m| &mut m.store, Model::values).expect("a model");
        report.require().expect("x + x³ has the gradient 1 + 3x²");
        let names: Vec<&str> = report.parameters.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["good", "other"]);
        let worst = report.worst().expect("two parameters");
        assert_eq!(worst.name, "other", "nothing depends on the other one");
        // Differences leave a truncation of step², and 1e-16 / step of rounding.
        assert!(worst.error > 0.0 && worst.error < 1e-6, "{report}");
        assert!((worst.tape - worst.difference).abs() < 1e-6 * worst.tape.abs());
        assert_eq!(model.store.read().expect("numbers"), before);
    }
}

#[test]
fn a_wrong_operator_is_caught_by_parameter_element_and_name() {
    // The last of a few; of many the last, and one that only random directions move.
    for (elements, skipped) in [(5, 4), (500, 499), (500, 251)] {
        let mut model = Model::new(Cube::Skips(skipped), elements);
        let report = gradcheck(&mut model, |m| &mut m.store, Model::values).expect("a model");
        let worst = report.worst().expect("two parameters");
        assert_eq!((worst.name.as_str(), worst.element), ("other", skipped));
        assert_eq!(worst.tape, 0.0);
        assert!(worst.difference != 0.0 && worst.error > 0.9, "{worst}");
        let [suspect] = report.operators.as_slice() else {
            panic!("one operator is wrong: {report}");
        };
        assert_eq!((suspect.operator, suspect.input), ("cube", 0));
        assert_eq!(suspect.scope, "layer 3");
        let message = report.require().expect_err("it is wrong").to_string();
        for part in ["other [", "element", "operator cube at \"layer 3\""] {
            assert!(message.contains(part), "{part:?} is missing in {message}");
        }
        assert!(!message.contains("good"), "{message}");
    }
}

#[test]
fn an_operator_that_drops_its_incoming_gradient_is_caught_at_the_end_of_the_graph() {
    let mut model = Model::new(Cube::DropsUpstream, 1);
    let report = gradcheck(&mut model, |m| &mut m.store, Model::values).expect("a model");
    assert!(!report.is_right());
}

#[test]
fn a_value_that_is_cut_off_is_caught() {
    let mut model = Model::new(Cube::Right, 3);
    let cut = |m: &Model, tape: &Tape| {
        let x = tape.parameter(&m.store, m.other).detach();
        tape.apply_one(Cube::Right, &[&x])
    };
    let report = gradcheck(&mut model, |m| &mut m.store, cut).expect("a model");
    let worst = report.worst().expect("two parameters");
    assert_eq!((worst.name.as_str(), worst.tape), ("other", 0.0));
    assert!(
        report.operators.is_empty(),
        "the operator is right: {report}"
    );
}

#[test]
fn frozen_parameters_are_left_out_and_row_sparse_ones_are_not() {
    let mut model = Model::new(Cube::Right, 3);
    let mut builder = StoreBuilder::new(2);
    let table = builder.normal("table", [6, 2], 1.0);
    builder.normal("frozen", [2], 1.0);
    model.store = builder.build(&Device::reference()).expect("memory");
    model.store.records_mut()[table.index()].row_sparse = true;
    model.store.set_frozen("frozen", true);
    for (operator, right) in [(Cube::Right, true), (Cube::Skips(3), false)] {
        let rows = |m: &Model, tape: &Tape| {
            let rows = tape.parameter_rows(&m.store, table, &[1, 4])?;
            tape.apply_one(operator, &[&rows])
        };
        let report = gradcheck(&mut model, |m| &mut m.store, rows).expect("a model");
        let [check] = report.parameters.as_slice() else {
            panic!("one parameter is trained: {report}");
        };
        assert_eq!((check.name.as_str(), report.is_right()), ("table", right));
        if !right {
            // The last element of row 4.
            assert_eq!(check.element, 9);
        }
    }
}

#[test]
fn parts_that_run_again_on_the_way_back_are_checked_like_the_rest() {
    for (operator, right) in [(Cube::Right, true), (Cube::Skips(3), false)] {
        let mut model = Model::new(Cube::Right, 3);
        let mut builder = StoreBuilder::new(2);
        let table = builder.normal("table", [6, 2], 1.0);
        model.store = builder.build(&Device::reference()).expect("memory");
        model.store.records_mut()[table.index()].row_sparse = true;
        let rows = |m: &Model, tape: &Tape| {
            tape.scope("part", || {
                let [y] = tape.checkpoint(&m.store, [], move |tape, store, []| {
                    let rows = tape.parameter_rows(store, table, &[1, 4])?;
                    Ok([tape.apply_one(operator, &[&rows])?])
                })?;
                Ok(y)
            })
        };
        let report = gradcheck(&mut model, |m| &mut m.store, rows).expect("a model");
        assert_eq!(report.is_right(), right, "{report}");
        let suspects: Vec<&str> = report.operators.iter().map(|o| o.scope.as_str()).collect();
        assert_eq!(suspects, ["part"][usize::from(right)..]);
    }
}

#[test]
fn a_model_on_another_device_is_refused() {
    let mut builder = StoreBuilder::new(1);
    let id = builder.normal("w", [2], 1.0);
    let mut store = builder.build(&Device::cpu()).expect("memory");
    let found = gradcheck(&mut store, |s| s, |s, tape| Ok(tape.parameter(s, id)));
    let message = found.expect_err("f32").to_string();
    assert!(message.contains("Device::reference()"), "{message}");
}
