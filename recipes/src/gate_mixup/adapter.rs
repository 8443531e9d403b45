//! A linear map between models of different widths, trained with the one that learns.

use limbeck_engine::{Error, ParameterId, ParameterStore, Result, StoreBuilder, Tape, Var};
use limbeck_kernels::linear;
use limbeck_models::Classifier;

use super::objective::Party;
use super::options::{Direction, GateMixupOptions};

/// `R W + b` from the sender's width to the receiver's.
pub(super) struct Adapter {
    store: ParameterStore,
    weight: ParameterId,
    bias: ParameterId,
}

impl Adapter {
    /// The adapters of the two receivers: none where widths agree or vectors are not compared.
    pub(super) fn both(
        parties: &[Party<'_>; 2],
        options: &GateMixupOptions,
        seed: u64,
    ) -> Result<[Option<Self>; 2]> {
        if !options.compares_vectors() {
            return Ok([None, None]);
        }
        let [student, teacher] = [width(&parties[0])?, width(&parties[1])?];
        if student == teacher {
            return Ok([None, None]);
        }
        if options.weights.rep_kl > 0.0 {
            return Err(Error::Mismatch(format!(
                "`distillation.weights.rep_kl` compares vectors component by component: expected \
                 equal widths, found {student} of the student and {teacher} of the teacher. Make \
                 them equal, or use `rep_mse`, which learns a map between them"
            )));
        }
        let device = parties[0].classifier.model().device();
        let new = |name: &str, from: usize, to: usize| {
            let mut store = StoreBuilder::new(seed);
            let bound = 1.0 / (from as f64).sqrt();
            let weight = store.uniform(&format!("{name}.weight"), [from, to], bound);
            let bias = store.uniform(&format!("{name}.bias"), [to], bound);
            store.no_decay(bias);
            let store = store.build(device)?;
            Ok::<_, Error>(Adapter {
                store,
                weight,
                bias,
            })
        };
        let to_student = new("adapter.student", teacher, student)?;
        let to_teacher = match options.direction {
            Direction::Mutual => Some(new("adapter.teacher", student, teacher)?),
            Direction::OneWay => None,
        };
        Ok([Some(to_student), to_teacher])
    }

    pub(super) fn store(&self) -> &ParameterStore {
        &self.store
    }

    pub(super) fn store_mut(&mut self) -> &mut ParameterStore {
        &mut self.store
    }

    pub(super) fn apply(&self, tape: &Tape, sender: &Var) -> Result<Var> {
        let parameter = |id| tape.parameter(&self.store, id);
        let (weight, bias) = (parameter(self.weight), parameter(self.bias));
        linear(tape, sender, &weight, Some(&bias), None)
    }
}

/// The width of the vector that stands for a text.
fn width(party: &Party<'_>) -> Result<usize> {
    let model: &dyn Classifier = party.classifier.model();
    let tape = Tape::inference(model.device());
    let texts: Vec<_> = party.train.texts.iter().take(1).collect();
    let representation = model.represent(&tape, &model.batch(&texts, 0)?)?;
    Ok(representation.shape().columns())
}
