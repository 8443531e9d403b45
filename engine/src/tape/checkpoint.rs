//! Gradient checkpointing: a part of the forward pass keeps its inputs alone, and is run again when
//! the way back comes to it (Griewank and Walther 2000; Chen et al. 2016).
//!
//! The numbers are those of a run without it, bit for bit. The second run draws the same random
//! numbers, since they are looked up by coordinates; and a gradient that an input has already, from
//! readers behind the part, is handed in before the part's own readers add theirs, so that every sum
//! has its terms in the same order.

use super::backward::Flow;
use super::{Recording, Step, Tape, Target, Var};
use crate::error::{Error, Result};
use crate::parameters::ParameterStore;

type Body = dyn Fn(&Tape, &ParameterStore, &[Var]) -> Result<Vec<Var>> + Send;

/// A part of the forward pass that was run once and will be run again.
pub(super) struct Segment {
    body: Box<Body>,
    /// With the values of the first run.
    store: ParameterStore,
    /// As they are outside, and what the gradient of each belongs to inside.
    inputs: Vec<(Var, Target)>,
    /// Which outputs of the body have a gradient of their own, and its slot outside.
    outputs: Vec<(usize, usize)>,
    scopes: Vec<String>,
    randomness: Option<(u64, u32)>,
}

impl Tape {
    /// Runs `body` now and keeps only its inputs; on the way back `body` runs again, on a tape of its
    /// own, and its gradients are those it would have had on this one, bit for bit. What it costs is
    /// a second forward pass of the part, what it saves is the memory of all that the part keeps.
    ///
    /// `body` gets a tape, the parameters of `store`, and the inputs as values of that tape. It must
    /// compute the same each time. Parameters may be frozen; parts may contain parts. On a tape that
    /// records nothing, `body` simply runs.
    ///
    /// ```
    /// use limbeck_engine::{Device, StoreBuilder, Tape};
    ///
    /// let device = Device::cpu();
    /// let mut builder = StoreBuilder::new(1);
    /// let weight = builder.constant("weight", [1], 3.0);
    /// let store = builder.build(&device)?;
    /// let mut gradients = store.zeros()?;
    ///
    /// let tape = Tape::training(&device, 1, 0);
    /// let [loss] = tape.checkpoint(&store, [], move |tape, store, []| {
    ///     Ok([tape.parameter(store, weight)])
    /// })?;
    /// tape.backward(&loss, &mut [&mut gradients])?.refuse(&[&store])?;
    /// let gradient = gradients.get(weight).map(|slice| slice.read());
    /// assert_eq!(gradient.transpose()?, Some(vec![1.0]));
    /// # Ok::<(), limbeck_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `body`; if an input or a value that it returns or reads is of another tape (a value
    /// from outside must be an input, or detached), or if it watches a value, whose gradient nobody
    /// could ask for. On the way back, if it gave other outputs than the first time.
    pub fn checkpoint<const I: usize, const O: usize>(
        &self,
        store: &ParameterStore,
        inputs: [&Var; I],
        body: impl Fn(&Tape, &ParameterStore, [&Var; I]) -> Result<[Var; O]> + Send + 'static,
    ) -> Result<[Var; O]> {
        if self.recording != Recording::Steps {
            return body(self, store, inputs);
        }
        let body = move |tape: &Tape, store: &ParameterStore, inputs: &[Var]| {
            let inputs = std::array::from_fn(|number| &inputs[number]);
            body(tape, store, inputs).map(Vec::from)
        };
        let outputs = self.run_segment(store, &inputs, Box::new(body))?;
        Ok(outputs
            .try_into()
            .expect("there is one outside for each that the body gave"))
    }

    fn run_segment(
        &self,
        store: &ParameterStore,
        inputs: &[&Var],
        body: Box<Body>,
    ) -> Result<Vec<Var>> {
        self.check_inputs("checkpoint", inputs)?;
        let mut segment = Segment {
            body,
            store: store.as_now(),
            inputs: inputs.iter().map(|&var| self.handed_in(var)).collect(),
            outputs: Vec::new(),
            scopes: self.scopes.borrow().clone(),
            randomness: self.randomness,
        };
        let tape = self.lend_notes();
        let inside = segment.enter(&tape);
        let found = (segment.body)(&tape, &segment.store, &inside);
        self.swap_notes(&tape);
        let found = found?;
        tape.refuse_watched()?;
        let mut outside: Vec<Var> = Vec::with_capacity(found.len());
        for (number, var) in found.iter().enumerate() {
            let known = inside.iter().zip(inputs.iter().copied());
            let mut known = known.chain(found.iter().zip(&outside));
            // A value that was handed in, or that is given twice, has one gradient.
            let known = known.find(|(known, _)| known.slot == var.slot);
            let slot = match (tape.own_slot(var)?, known) {
                (None, _) => None,
                (Some(_), Some((_, known))) => known.slot,
                (Some(slot), None) => {
                    let target = tape.slots.borrow()[slot].target.across();
                    let own = self.with_slot(var.tensor.clone(), target).slot;
                    segment.outputs.extend(own.map(|(_, slot)| (number, slot)));
                    own
                }
            };
            outside.push(Var {
                slot,
                ..var.clone()
            });
        }
        if !segment.outputs.is_empty() {
            self.steps.borrow_mut().push(Step::Checkpoint(segment));
        }
        Ok(outside)
    }

    fn handed_in(&self, var: &Var) -> (Var, Target) {
        let slots = self.slots.borrow();
        let target = var.slot.map(|(_, slot)| slots[slot].target.across());
        (var.clone(), target.unwrap_or(Target::Value))
    }

    /// A tape for the first run of a part. What this tape notes down of its operators, that one does
    /// in its place until [`Tape::swap_notes`].
    fn lend_notes(&self) -> Tape {
        let mut tape = Tape::new(&self.device, Recording::Dependencies, self.randomness);
        tape.summary_of = self.summary_of;
        tape.traced.set(self.traced.get());
        tape.summarised.set(self.summarised.get());
        tape.profile.replace(self.profile.borrow().clone());
        tape.scopes.replace(self.scopes.borrow().clone());
        self.swap_notes(&tape);
        tape
    }

    fn swap_notes(&self, other: &Tape) {
        self.lines.swap(&other.lines);
        self.suspicion.swap(&other.suspicion);
    }

    fn refuse_watched(&self) -> Result<()> {
        let slots = self.slots.borrow();
        if slots.iter().all(|slot| slot.target != Target::Watched) {
            return Ok(());
        }
        Err(Error::Mismatch(format!(
            "checkpoint at \"{}\": a value is watched inside, where nobody can ask for its gradient: \
             watch it outside and hand it in",
            self.path()
        )))
    }

    /// The slot of a value that a body gave.
    fn own_slot(&self, var: &Var) -> Result<Option<usize>> {
        match var.slot {
            Some((tape, _)) if tape != self.id => Err(Error::Mismatch(format!(
                "checkpoint at \"{}\": it gives a value that was computed on another tape",
                self.path()
            ))),
            slot => Ok(slot.map(|(_, slot)| slot)),
        }
    }
}

impl Target {
    /// What the gradient belongs to on the other side of a part's border: a parameter's goes to the
    /// parameter from either side.
    fn across(self) -> Target {
        match self {
            Target::Parameter { .. } => self,
            _ => Target::Value,
        }
    }
}

impl Segment {
    /// The inputs as values of a tape inside.
    fn enter(&self, tape: &Tape) -> Vec<Var> {
        let mut inside: Vec<Var> = Vec::with_capacity(self.inputs.len());
        for (var, target) in &self.inputs {
            let earlier = self.inputs.iter().zip(&inside);
            let same = earlier.into_iter().find(|((v, _), _)| v.slot == var.slot);
            let slot = match (var.slot, same) {
                (None, _) => None,
                (Some(_), Some((_, same))) => same.slot,
                (Some(_), None) => tape.with_slot(var.tensor.clone(), *target).slot,
            };
            inside.push(Var {
                slot,
                ..var.clone()
            });
        }
        inside
    }

    /// Slots of the inputs, inside and outside, each once.
    fn borders(&self, inside: &[Var]) -> Vec<(usize, usize)> {
        let mut borders = Vec::new();
        for (within, (outside, _)) in inside.iter().zip(&self.inputs) {
            if let (Some((_, within)), Some((_, outside))) = (within.slot, outside.slot)
                && !borders.contains(&(within, outside))
            {
                borders.push((within, outside));
            }
        }
        borders
    }
}

impl Flow<'_, '_> {
    /// Runs a part again and goes back through it.
    pub(super) fn replay(&mut self, segment: Segment) -> Result<()> {
        let mut upstream = Vec::new();
        for &(number, slot) in &segment.outputs {
            let gradient = self.values[slot].take();
            upstream.extend(gradient.map(|gradient| (number, gradient)));
        }
        if upstream.is_empty() {
            return Ok(());
        }
        let tape = Tape::new(&self.device, Recording::Steps, segment.randomness);
        tape.traced.set(self.traced);
        tape.profile.replace(self.profile.clone());
        tape.scopes.replace(segment.scopes.clone());
        let inside = segment.enter(&tape);
        let found = (segment.body)(&tape, &segment.store, &inside)?;
        let mut seeds = Vec::with_capacity(upstream.len());
        for (number, gradient) in upstream {
            let again = found.get(number).filter(|v| v.shape() == gradient.shape());
            let slot = again.map(|var| tape.own_slot(var)).transpose()?.flatten();
            let slot = slot.ok_or_else(|| changed(&tape))?;
            seeds.push((slot, gradient));
        }
        let borders = segment.borders(&inside);
        // What only the first run needed is given back before memory is wanted for gradients.
        drop((segment, inside, found));
        let (mut flow, steps) = Flow::of(tape, &mut *self.into, &mut *self.reached);
        for &(within, outside) in &borders {
            flow.values[within] = self.values[outside].take();
        }
        for (slot, gradient) in seeds {
            flow.give(slot, gradient)?;
        }
        flow.walk(steps)?;
        let mut values = flow.values;
        for (within, outside) in borders {
            self.values[outside] = values[within].take();
        }
        Ok(())
    }
}

fn changed(tape: &Tape) -> Error {
    Error::Mismatch(format!(
        "checkpoint at \"{}\": run again, it gave other outputs than the first time",
        tape.path()
    ))
}
