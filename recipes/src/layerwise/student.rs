//! Stage 2: the student, from labels, the frozen teacher's outputs, and agreement of pairs.
//!
//! ```text
//! L_student = w3 L3 + w4 L4 + w5 L5 + w6 L6 + w7 L7 + w8 L8
//! L3 = (1/M)      Σ_i CE(y_i, z_S(x_i))
//! L4 = (1/M)      Σ_i H_τ(T(x_i), S(x_i))
//! L5 = (1/(M K))  Σ_i Σ_k MSE(sg g_k(x_i), f_k(x_i))
//! L6 = (1/N)      Σ_u H_τ(T(u), S(u))              u over all N texts, both sides of each pair
//! L7 = (1/(N K))  Σ_u Σ_k MSE(sg g_k(u), f_k(u))
//! L8 = (2/N)      Σ_j KL(p_S(u_j) || p_S(u'_j))
//! ```
//!
//! With the embedding level, k runs from 0 and the mean is over K + 1 levels; f_0 is the mean over
//! the student's word vectors, which no block has pooled.
//!
//! The texts are fixed and the teacher is frozen, so its outputs were computed once, before. Only
//! where tokens are matched does it read the texts of each step; then the MSE of a text is the mean
//! over its positions.

use limbeck_engine::{ParameterStore, Tape, Var};
use limbeck_kernels::{gather_rows, mean_over_time};
use limbeck_losses::layerwise::{layer_matching, token_matching};
use limbeck_losses::{Term, consistency, hard_cross_entropy, soft_cross_entropy};
use limbeck_models::{Batch, Encoded, Output};
use limbeck_training::stage::{DevScore, MicroBatch, Objective};
use serde_json::{Value, json};

use super::levels::LevelProjection;
use super::pairs::{EncodedPairs, both_sides};
use super::student_loss::StudentLoss;
use super::targets::Targets;
use super::token_levels::TokenLevels;
use super::weights::LayerWeight;
use crate::error::Result;
use crate::steps::Steps;
use crate::supervised::{Labelled, dev_score};
use crate::text::TextClassifier;

/// What the student learns from.
pub struct Lessons<'a> {
    /// Labelled texts, encoded for the student.
    pub labelled: &'a Labelled,
    /// Unlabelled pairs, encoded for the student.
    pub pairs: &'a EncodedPairs,
    /// Development set.
    pub dev: &'a Labelled,
    /// The teacher's outputs on the labelled texts.
    pub labelled_targets: &'a Targets,
    /// The teacher's outputs on the original sides, then on the other sides.
    pub pair_targets: &'a Targets,
    /// The teacher itself, where every position is matched in place of the pooled levels of the
    /// targets.
    pub token_levels: Option<TokenLevels<'a>>,
}

/// A batch of texts, what the student makes of it, and what the teacher said of it.
struct Side<'s> {
    texts: Vec<&'s Encoded>,
    batch: Batch,
    student: Output,
    targets: &'s Targets,
    /// The rows of the targets.
    rows: Vec<usize>,
}

/// The objective of stage 2.
pub struct StudentObjective<'a> {
    classifier: &'a mut TextClassifier,
    projection: &'a mut LevelProjection,
    lessons: Lessons<'a>,
    labelled_steps: Steps,
    pair_steps: Option<Steps>,
    loss: StudentLoss,
}

impl<'a> StudentObjective<'a> {
    /// The objective for one seed. Terms whose data are absent or whose weight is 0 are left out.
    ///
    /// # Errors
    /// If there is no labelled text or a batch size is 0.
    pub fn new(
        classifier: &'a mut TextClassifier,
        projection: &'a mut LevelProjection,
        lessons: Lessons<'a>,
        (labelled_batch, pair_batch): (usize, usize),
        seed: u64,
        loss: StudentLoss,
    ) -> Result<Self> {
        let lengths = lessons.labelled.lengths();
        let labelled_steps = Steps::new(lengths, labelled_batch, seed, "labelled")?;
        let used = loss.w6 > 0.0 || loss.w7.now() > 0.0 || loss.consistency.weight > 0.0;
        let pair_steps = (used && !lessons.pairs.is_empty())
            .then(|| Steps::new(lessons.pairs.lengths(), pair_batch, seed, "pairs"))
            .transpose()?;
        Ok(StudentObjective {
            classifier,
            projection,
            lessons,
            labelled_steps,
            pair_steps,
            loss,
        })
    }

    /// The student's forward pass over some texts; `first` numbers the first of them in the step.
    fn side<'s>(
        &self,
        tape: &Tape,
        (texts, first): (Vec<&'s Encoded>, u32),
        (targets, rows): (&'s Targets, Vec<usize>),
    ) -> limbeck_engine::Result<Side<'s>> {
        let model = self.classifier.model();
        let batch = model.batch(&texts, first)?;
        let matched = self.loss.w5.now() > 0.0 || self.loss.w7.now() > 0.0;
        let states = self.loss.embedding_level || self.lessons.token_levels.is_some();
        let student = if matched && states {
            model.forward_with_states(tape, &batch)?
        } else {
            model.forward(tape, &batch)?
        };
        Ok(Side {
            student,
            texts,
            batch,
            targets,
            rows,
        })
    }

    /// L3, L4 and L5 on labelled texts.
    fn labelled_terms(
        &self,
        tape: &Tape,
        (rows, first): (&[usize], u32),
        terms: &mut Vec<Term>,
    ) -> limbeck_engine::Result<()> {
        let (texts, labels) = self.lessons.labelled.rows(rows);
        let targets = self.lessons.labelled_targets;
        let side = self.side(tape, (texts, first), (targets, rows.to_vec()))?;
        let (loss, logits) = (&self.loss, &side.student.logits);
        if loss.w3 > 0.0 {
            let value = tape.scope("L3", || hard_cross_entropy(tape, logits, &labels))?;
            terms.push(Term::new("L3", value, loss.w3));
        }
        if loss.w4 > 0.0 {
            let value = tape.scope("L4", || self.soft_labels(tape, &side))?;
            terms.extend(
                value.map(|(value, share)| Term::new("L4", value, loss.w4).of_share(share)),
            );
        }
        if self.matches(&loss.w5, &side) {
            let value = tape.scope("L5", || self.layers(tape, &side))?;
            terms.push(Term::new("L5", value, loss.w5.now() as f32));
        }
        Ok(())
    }

    /// L6, L7 and L8 on both sides of pairs.
    fn pair_terms(
        &self,
        tape: &Tape,
        (step, rows, first): (u64, &[usize], u32),
        terms: &mut Vec<Term>,
    ) -> limbeck_engine::Result<()> {
        let pairs = self.lessons.pairs;
        // Rows of the targets: the original sides come first, then the other sides.
        let all = pairs.original.len();
        let other = rows.iter().map(|row| row + all);
        let both = rows.iter().copied().chain(other).collect();
        let targets = self.lessons.pair_targets;
        let side = self.side(tape, (pairs.both_sides(rows), first), (targets, both))?;
        let loss = &self.loss;
        if loss.w6 > 0.0 {
            let value = tape.scope("L6", || self.soft_labels(tape, &side))?;
            terms.extend(
                value.map(|(value, share)| Term::new("L6", value, loss.w6).of_share(share)),
            );
        }
        if self.matches(&loss.w7, &side) {
            let value = tape.scope("L7", || self.layers(tape, &side))?;
            terms.push(Term::new("L7", value, loss.w7.now() as f32));
        }
        if loss.consistency.weight > 0.0 {
            let value = tape.scope("L8", || {
                let (original, augmented) = both_sides(tape, &side.student.logits, rows.len())?;
                consistency(tape, &original, &augmented, loss.consistency.options)
            })?;
            terms.push(Term::new("L8", value, loss.consistency.weight_at(step)));
        }
        Ok(())
    }

    /// The mean of H_τ over the texts that the teacher knows, and their share of all; none if it
    /// knows none of them.
    fn soft_labels(
        &self,
        tape: &Tape,
        side: &Side<'_>,
    ) -> limbeck_engine::Result<Option<(Var, f32)>> {
        let (temperature, logits) = (self.loss.temperature, &side.student.logits);
        let Some(known) = side.targets.covered(&side.rows) else {
            let teacher = side.targets.logits(tape, &side.rows)?;
            let value = soft_cross_entropy(tape, logits, &teacher, temperature)?;
            return Ok(Some((value, 1.0)));
        };
        if known.is_empty() {
            return Ok(None);
        }
        let rows: Vec<usize> = known.iter().map(|&at| side.rows[at]).collect();
        let places: Vec<u32> = known.iter().map(|&at| at as u32).collect();
        let teacher = side.targets.logits(tape, &rows)?;
        let student = gather_rows(tape, logits, &places)?;
        let value = soft_cross_entropy(tape, &student, &teacher, temperature)?;
        let share = known.len() as f32 / side.rows.len() as f32;
        Ok(Some((value, share)))
    }

    /// Whether a layer term has a weight and a teacher.
    fn matches(&self, weight: &LayerWeight, side: &Side<'_>) -> bool {
        let teacher = side.targets.has_levels() || self.lessons.token_levels.is_some();
        weight.now() > 0.0 && teacher
    }

    fn layers(&self, tape: &Tape, side: &Side<'_>) -> limbeck_engine::Result<Var> {
        let (embedded, texts) = (self.loss.embedding_level, &side.batch.tokens()?.packed);
        let (norm, joint) = (
            self.loss.feature_norm,
            self.projection.learns_from_teacher(),
        );
        let states = &side.student.states;
        if let Some(token_levels) = &self.lessons.token_levels {
            let teacher = token_levels.levels(tape, &side.texts)?;
            let student = &states[usize::from(!embedded)..];
            let (teacher, student) = self.projection.apply(tape, teacher, student)?;
            return token_matching(tape, &teacher, &student, texts, norm, joint);
        }
        let teacher = side.targets.levels(tape, &side.rows)?;
        let mut student = Vec::new();
        if embedded {
            student.push(mean_over_time(tape, &states[0], texts)?);
        }
        student.extend_from_slice(&side.student.levels);
        let (teacher, student) = self.projection.apply(tape, teacher, &student)?;
        layer_matching(tape, &teacher, &student, norm, joint)
    }
}

/// Terms over so large a share of the samples that they would be over otherwise.
fn share(terms: &mut [Term], share: f32) {
    terms.iter_mut().for_each(|term| term.share *= share);
}

impl Objective for StudentObjective<'_> {
    fn stores(&self) -> Vec<&ParameterStore> {
        let mut stores = vec![self.classifier.model().parameters()];
        stores.extend(self.projection.trained());
        stores
    }

    fn stores_mut(&mut self) -> Vec<&mut ParameterStore> {
        let mut stores = vec![self.classifier.model_mut().parameters_mut()];
        stores.extend(self.projection.trained_mut());
        stores
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
        let mut terms = Vec::new();
        let all = self.labelled_steps.rows(step);
        let range = part.range(all.len());
        if !range.is_empty() {
            let rows = (&all[range.clone()], range.start as u32);
            self.labelled_terms(tape, rows, &mut terms)?;
            share(&mut terms, part.share(all.len()));
        }
        if let Some(steps) = &self.pair_steps {
            let rows = steps.rows(step);
            let range = part.range(rows.len());
            if range.is_empty() {
                return Ok(terms);
            }
            // Both sides of the pairs before have had their numbers.
            let first = (all.len() + 2 * range.start) as u32;
            let mut of_pairs = Vec::new();
            self.pair_terms(tape, (step, &rows[range], first), &mut of_pairs)?;
            share(&mut of_pairs, part.share(rows.len()));
            terms.extend(of_pairs);
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
            .map(|&row| self.lessons.labelled.texts[row].len())
            .sum();
        let pairs = self
            .pair_steps
            .as_ref()
            .map_or(0, |s| self.lessons.pairs.tokens(&s.rows(step)));
        (labelled + pairs) as u64
    }

    fn steps_per_epoch(&self) -> u64 {
        self.labelled_steps.per_epoch()
    }

    fn read_largest_batches(&mut self) {
        self.labelled_steps
            .pin_longest(&self.lessons.labelled.lengths());
        if let Some(steps) = &mut self.pair_steps {
            steps.pin_longest(&self.lessons.pairs.lengths_of_both());
        }
    }

    fn evaluate(&self) -> limbeck_training::Result<Option<DevScore>> {
        dev_score(self.classifier.model(), self.lessons.dev)
    }

    fn epoch_ended(
        &mut self,
        _epoch: u64,
        mean: &dyn Fn(&str) -> Option<f64>,
    ) -> limbeck_training::Result<()> {
        let weighted = |name| mean(&format!("{name}_weighted")).unwrap_or(0.0);
        let reference = weighted("L3") + weighted("L4");
        self.loss
            .w5
            .settle(self.loss.balanced_share, reference, mean("L5"));
        self.loss
            .w7
            .settle(self.loss.balanced_share, reference, mean("L7"));
        Ok(())
    }

    fn state(&self) -> Value {
        json!({ "w5": self.loss.w5.state(), "w7": self.loss.w7.state() })
    }

    fn restore(&mut self, state: &Value) -> limbeck_training::Result<()> {
        self.loss.w5.restore(&state["w5"])?;
        self.loss.w7.restore(&state["w7"])
    }
}
