//! The tape: what was computed, in order, so that gradients can be computed in reverse.

mod backward;
mod checkpoint;
mod observe;
mod rows;
mod run;
mod var;

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use backward::Unreached;
pub use observe::Line;
pub use var::Var;

use checkpoint::Segment;

use crate::device::Device;
use crate::error::{Error, Result};
use crate::gradcheck::Suspicion;
use crate::operator::{Differentiable, NonDifferentiable, Operator, Plan};
use crate::parameters::{ParameterId, ParameterStore};
use crate::philox::Stream;
use crate::profile::{Pass, Profile, timed};
use crate::shape::Meta;
use crate::tensor::Tensor;

/// Where a gradient goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// An intermediate value: kept only while the backward pass needs it.
    Value,
    /// A parameter of a store.
    Parameter { store: u64, id: ParameterId },
    /// Rows of a row-sparse parameter: which, [`Tape::taken`] knows.
    Rows {
        store: u64,
        id: ParameterId,
        taken: usize,
    },
    /// A tensor whose gradient the caller asked for.
    Watched,
}

struct SlotInfo {
    meta: Meta,
    target: Target,
}

/// What a tape keeps of the operators that it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recording {
    /// Nothing: no value has a gradient.
    Nothing,
    /// Which values depend on something trainable, and no more.
    Dependencies,
    /// All that the way back needs.
    Steps,
}

/// What is walked from the end on the way back.
enum Step {
    Operator(Node),
    /// A part of the forward pass that is run again before its own way back.
    Checkpoint(Segment),
}

/// One operator application.
struct Node {
    operator: Arc<dyn Differentiable>,
    scope: String,
    plan: Plan,
    inputs: Vec<Option<usize>>,
    input_metas: Vec<Meta>,
    kept_inputs: Vec<Option<Tensor>>,
    outputs: Vec<usize>,
    kept_outputs: Vec<Option<Tensor>>,
    saved: Vec<Tensor>,
}

/// Records operators and runs them on one device.
///
/// ```
/// use limbeck_engine::{Device, Tape};
/// let tape = Tape::training(&Device::cpu(), 1, 0);
/// let x = tape.constant(Device::cpu().real(&[1.0], [1])?);
/// assert!(!x.requires_grad());
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
pub struct Tape {
    id: u64,
    device: Device,
    recording: Recording,
    randomness: Option<(u64, u32)>,
    traced: Cell<bool>,
    summarised: Cell<bool>,
    scopes: RefCell<Vec<String>>,
    slots: RefCell<Vec<SlotInfo>>,
    steps: RefCell<Vec<Step>>,
    lines: RefCell<Vec<Line>>,
    /// Number of the tape whose summary the lines belong to.
    summary_of: u64,
    profile: RefCell<Option<Arc<Profile>>>,
    suspicion: RefCell<Option<Suspicion>>,
    /// Numbers of the rows that [`Tape::parameter_rows`] took.
    taken: RefCell<Vec<Tensor>>,
}

impl Tape {
    fn new(device: &Device, recording: Recording, randomness: Option<(u64, u32)>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Tape {
            id,
            device: device.clone(),
            recording,
            randomness,
            traced: Cell::new(false),
            summarised: Cell::new(false),
            scopes: RefCell::default(),
            slots: RefCell::default(),
            steps: RefCell::default(),
            lines: RefCell::default(),
            summary_of: id,
            profile: RefCell::default(),
            suspicion: RefCell::default(),
            taken: RefCell::default(),
        }
    }

    /// A tape that records gradients; dropout is drawn for update number `step` of the run with
    /// this seed.
    pub fn training(device: &Device, seed: u64, step: u32) -> Self {
        Tape::new(device, Recording::Steps, Some((seed, step)))
    }

    /// A tape that records gradients with dropout off.
    pub fn deterministic(device: &Device) -> Self {
        Tape::new(device, Recording::Steps, None)
    }

    /// A tape that records nothing: values are released as soon as no one holds them.
    pub fn inference(device: &Device) -> Self {
        Tape::new(device, Recording::Nothing, None)
    }

    /// The device it runs on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The stream of random numbers of this name, or `None` where dropout is off.
    pub fn stream(&self, name: &str) -> Option<Stream> {
        self.randomness
            .map(|(seed, step)| Stream::new(seed, name, step))
    }

    /// Whether gradients are recorded.
    pub fn is_recording(&self) -> bool {
        self.recording != Recording::Nothing
    }

    /// The forward pass of an operator: its outputs, and what it saved.
    fn run<O: Operator + ?Sized>(
        &self,
        operator: &O,
        plan: &Plan,
        inputs: &[&Tensor],
    ) -> Result<(Vec<Tensor>, Vec<Tensor>)> {
        let profile = self.profile.borrow();
        let pass = (operator.name(), Pass::Forward);
        timed(profile.as_deref(), pass, (plan.flops, plan.bytes), || {
            run::forward(&self.device, operator, plan, inputs, self.is_recording())
        })
    }

    /// Runs `body` with `name` added to the path that errors and summaries show.
    ///
    /// # Errors
    /// Those of `body`.
    pub fn scope<R>(&self, name: &str, body: impl FnOnce() -> Result<R>) -> Result<R> {
        self.scopes.borrow_mut().push(name.to_string());
        let result = body();
        self.scopes.borrow_mut().pop();
        result
    }

    /// The current path of scopes, joined by `/`.
    pub fn path(&self) -> String {
        self.scopes.borrow().join("/")
    }

    /// A value that needs no gradient.
    pub fn constant(&self, tensor: Tensor) -> Var {
        Var {
            tensor,
            slot: None,
            origin: None,
        }
    }

    /// A value whose gradient [`Tape::gradients`] returns.
    pub fn watched(&self, tensor: Tensor) -> Var {
        self.with_slot(tensor, Target::Watched)
    }

    /// A parameter; a constant if it is frozen.
    pub fn parameter(&self, store: &ParameterStore, id: ParameterId) -> Var {
        let tensor = store.value(id).as_parameter();
        if store.records()[id.index()].frozen {
            return self.constant(tensor);
        }
        self.with_slot(
            tensor,
            Target::Parameter {
                store: store.id(),
                id,
            },
        )
    }

    fn with_slot(&self, tensor: Tensor, target: Target) -> Var {
        if !self.is_recording() {
            return self.constant(tensor);
        }
        let mut slots = self.slots.borrow_mut();
        slots.push(SlotInfo {
            meta: tensor.meta(),
            target,
        });
        Var {
            tensor,
            slot: Some((self.id, slots.len() - 1)),
            origin: None,
        }
    }

    /// Applies an operator.
    ///
    /// # Errors
    /// If the inputs do not fit the operator, live on another device or tape, or the device fails.
    pub fn apply(
        &self,
        operator: impl Differentiable + 'static,
        inputs: &[&Var],
    ) -> Result<Vec<Var>> {
        self.apply_shared(Arc::new(operator), inputs)
    }

    /// [`Tape::apply`] for an operator with one output.
    ///
    /// # Errors
    /// As [`Tape::apply`].
    pub fn apply_one(
        &self,
        operator: impl Differentiable + 'static,
        inputs: &[&Var],
    ) -> Result<Var> {
        let mut outputs = self.apply(operator, inputs)?;
        debug_assert_eq!(
            outputs.len(),
            1,
            "apply_one is for operators with one output"
        );
        Ok(outputs.swap_remove(0))
    }

    /// [`Tape::apply`] for an operator that several tapes use.
    ///
    /// # Errors
    /// As [`Tape::apply`].
    pub fn apply_shared(
        &self,
        operator: Arc<dyn Differentiable>,
        inputs: &[&Var],
    ) -> Result<Vec<Var>> {
        let (tensors, metas) = self.check_inputs(operator.name(), inputs)?;
        let plan = operator.infer(&metas)?;
        let (outputs, saved) = self.run(&*operator, &plan, &tensors)?;
        let origin = self.observe(operator.name(), inputs, &plan, &outputs)?;
        let differentiable = self.is_recording() && inputs.iter().any(|v| v.requires_grad());
        if !differentiable {
            return Ok(self.constants(outputs, origin));
        }
        if let Some(suspicion) = &mut *self.suspicion.borrow_mut() {
            suspicion.examine(&operator, self.path(), inputs)?;
        }
        let outputs: Vec<Var> = outputs
            .into_iter()
            .map(|tensor| Var {
                origin,
                ..self.with_slot(tensor, Target::Value)
            })
            .collect();
        if self.recording == Recording::Dependencies {
            return Ok(outputs);
        }
        let keep = |tensors: &[&Tensor], kept: &[usize]| -> Vec<Option<Tensor>> {
            (0..tensors.len())
                .map(|i| kept.contains(&i).then(|| tensors[i].clone()))
                .collect()
        };
        let output_tensors: Vec<&Tensor> = outputs.iter().map(Var::tensor).collect();
        self.steps.borrow_mut().push(Step::Operator(Node {
            scope: self.path(),
            inputs: inputs
                .iter()
                .map(|v| v.slot.map(|(_, slot)| slot))
                .collect(),
            kept_inputs: keep(&tensors, &plan.keep_inputs),
            outputs: outputs
                .iter()
                .filter_map(|v| v.slot.map(|(_, slot)| slot))
                .collect(),
            kept_outputs: keep(&output_tensors, &plan.keep_outputs),
            input_metas: metas,
            saved,
            plan,
            operator,
        }));
        Ok(outputs)
    }

    /// Applies an operator whose results are constants.
    ///
    /// # Errors
    /// As [`Tape::apply`].
    pub fn apply_constant(
        &self,
        operator: &dyn NonDifferentiable,
        inputs: &[&Var],
    ) -> Result<Vec<Var>> {
        let (tensors, metas) = self.check_inputs(operator.name(), inputs)?;
        let plan = operator.infer(&metas)?;
        let (outputs, _) = self.run(operator, &plan, &tensors)?;
        let origin = self.observe(operator.name(), inputs, &plan, &outputs)?;
        Ok(self.constants(outputs, origin))
    }

    /// Results that need no gradient, of a line of the summary.
    fn constants(&self, tensors: Vec<Tensor>, origin: Option<(u64, usize)>) -> Vec<Var> {
        let constant = |tensor| Var {
            origin,
            ..self.constant(tensor)
        };
        tensors.into_iter().map(constant).collect()
    }

    fn check_inputs<'v>(
        &self,
        operator: &str,
        inputs: &[&'v Var],
    ) -> Result<(Vec<&'v Tensor>, Vec<Meta>)> {
        for (index, var) in inputs.iter().enumerate() {
            if !var.tensor.device().is(&self.device) {
                return Err(Error::Mismatch(format!(
                    "{operator}: input {index} lives on device {}, the tape runs on {}",
                    var.tensor.device().name(),
                    self.device.name()
                )));
            }
            if var.slot.is_some_and(|(tape, _)| tape != self.id) {
                return Err(Error::Mismatch(format!(
                    "{operator}: input {index} was computed on another tape; detach() it to use \
                     its value here"
                )));
            }
        }
        let tensors: Vec<&Tensor> = inputs.iter().map(|v| &v.tensor).collect();
        let metas = tensors.iter().map(|t| t.meta()).collect();
        Ok((tensors, metas))
    }
}
