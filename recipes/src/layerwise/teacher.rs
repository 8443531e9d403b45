//! Stage 1: the teacher, on labelled texts and unlabelled pairs together.
//!
//! ```text
//! L_teacher = L1 + w2 L2
//! L1 = (1/M) Σ_i CE(y_i, z_B(x_i))
//! L2 = (2/N) Σ_j KL( p_B(u_j) || p_B(u'_j) )      u_j original, u'_j its other wording
//! ```

use limbeck_engine::{ParameterStore, Tape, Var};
use limbeck_losses::{LearningSide, Term, consistency, hard_cross_entropy};
use limbeck_models::Encoded;
use limbeck_training::stage::{DevScore, MicroBatch, Objective};

use super::pairs::{EncodedPairs, both_sides};
use super::weights::ConsistencyTerm;
use crate::error::Result;
use crate::steps::Steps;
use crate::supervised::{Labelled, dev_score};
use crate::text::TextClassifier;

/// The objective of stage 1.
pub struct TeacherObjective<'a> {
    pub(super) classifier: &'a mut TextClassifier,
    pub(super) labelled: &'a Labelled,
    pub(super) pairs: &'a EncodedPairs,
    pub(super) dev: &'a Labelled,
    labelled_steps: Steps,
    pair_steps: Option<Steps>,
    consistency: ConsistencyTerm,
}

impl<'a> TeacherObjective<'a> {
    /// The objective for one seed. Without pairs, or with weight 0, L2 is left out.
    ///
    /// # Errors
    /// If there is no labelled text or a batch size is 0.
    pub fn new(
        classifier: &'a mut TextClassifier,
        (labelled, pairs, dev): (&'a Labelled, &'a EncodedPairs, &'a Labelled),
        (labelled_batch, pair_batch): (usize, usize),
        seed: u64,
        consistency: ConsistencyTerm,
    ) -> Result<Self> {
        let labelled_steps = Steps::new(labelled.lengths(), labelled_batch, seed, "labelled")?;
        let used = !pairs.is_empty() && consistency.weight > 0.0;
        let pair_steps = used
            .then(|| Steps::new(pairs.lengths(), pair_batch, seed, "pairs"))
            .transpose()?;
        Ok(TeacherObjective {
            classifier,
            labelled,
            pairs,
            dev,
            labelled_steps,
            pair_steps,
            consistency,
        })
    }
}

impl TeacherObjective<'_> {
    /// Logits of both sides of some pairs. Where the original side does not learn, it goes through
    /// the model by itself, so that the backward pass has nothing to do for it; the random numbers,
    /// which count samples from `first`, are the same either way.
    fn pair_logits(
        &self,
        tape: &Tape,
        rows: &[usize],
        first: u32,
    ) -> limbeck_engine::Result<(Var, Var)> {
        let model = self.classifier.model();
        let forward = |texts: &[&Encoded], first: u32| -> limbeck_engine::Result<Var> {
            Ok(model.forward(tape, &model.batch(texts, first)?)?.logits)
        };
        let sides = self.pairs.both_sides(rows);
        if self.consistency.options.learns == LearningSide::Both {
            return both_sides(tape, &forward(&sides, first)?, rows.len());
        }
        let (original, augmented) = sides.split_at(rows.len());
        let original = forward(original, first)?;
        let augmented = forward(augmented, first + rows.len() as u32)?;
        Ok((original, augmented))
    }
}

impl Objective for TeacherObjective<'_> {
    fn stores(&self) -> Vec<&ParameterStore> {
        vec![self.classifier.model().parameters()]
    }

    fn stores_mut(&mut self) -> Vec<&mut ParameterStore> {
        vec![self.classifier.model_mut().parameters_mut()]
    }

    fn terms(&self, tape: &Tape, step: u64) -> limbeck_training::Result<Vec<Term>> {
        self.terms_of(tape, step, MicroBatch::WHOLE)
    }

    fn terms_of(
        &self,
        tape: &Tape,
        step: u64,
        part: MicroBatch,
    ) -> limbeck_training::Result<Vec<Term>> {
        let model = self.classifier.model();
        let all = self.labelled_steps.rows(step);
        let range = part.range(all.len());
        let mut terms = Vec::new();
        if !range.is_empty() {
            let (texts, labels) = self.labelled.rows(&all[range.clone()]);
            let batch = model.batch(&texts, range.start as u32)?;
            let logits = model.forward(tape, &batch)?.logits;
            let value = tape.scope("L1", || hard_cross_entropy(tape, &logits, &labels))?;
            terms.push(Term::new("L1", value, 1.0).of_share(part.share(all.len())));
        }
        if let Some(steps) = &self.pair_steps {
            let rows = steps.rows(step);
            let range = part.range(rows.len());
            if range.is_empty() {
                return Ok(terms);
            }
            // Both sides of the pairs before have had their numbers.
            let first = all.len() + 2 * range.start;
            let (original, augmented) = self.pair_logits(tape, &rows[range], first as u32)?;
            let value = tape.scope("L2", || {
                consistency(tape, &original, &augmented, self.consistency.options)
            })?;
            let term = Term::new("L2", value, self.consistency.weight_at(step));
            terms.push(term.of_share(part.share(rows.len())));
        }
        Ok(terms)
    }

    fn samples(&self, step: u64) -> Vec<u64> {
        self.labelled_steps
            .rows(step)
            .into_iter()
            .map(|row| row as u64)
            .collect()
    }

    fn tokens(&self, step: u64) -> u64 {
        let labelled = self.labelled_steps.rows(step);
        let labelled: usize = labelled
            .iter()
            .map(|&row| self.labelled.texts[row].len())
            .sum();
        let pairs = self
            .pair_steps
            .as_ref()
            .map_or(0, |s| self.pairs.tokens(&s.rows(step)));
        (labelled + pairs) as u64
    }

    fn steps_per_epoch(&self) -> u64 {
        self.labelled_steps.per_epoch()
    }

    fn read_largest_batches(&mut self) {
        self.labelled_steps.pin_longest(&self.labelled.lengths());
        if let Some(steps) = &mut self.pair_steps {
            steps.pin_longest(&self.pairs.lengths_of_both());
        }
    }

    fn evaluate(&self) -> limbeck_training::Result<Option<DevScore>> {
        dev_score(self.classifier.model(), self.dev)
    }
}
