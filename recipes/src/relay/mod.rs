//! Two teachers in turn, and one TextCNN (CN115374278A).
//!
//! | step of the method | here |
//! |---|---|
//! | S10 A learns everything | [`distill`]: stage `teacher_a` |
//! | S20 its labels are scored; a score of at least θ makes a target label | [`score`], [`Partition`] |
//! | S30 B learns the samples below θ; its labels take the place of A's there | stage `teacher_b` |
//! | S401 the student learns the original labels | stage `student_initial` |
//! | S402, S403 first loss: its answers against the labels of the relay | [`Evidence::targets`], stage `student_first` |
//! | S404 it is final if that loss has converged | [`limbeck_training::convergence`] |
//! | S4041 to S4043 second loss, until it converges | stage `student` |
//!
//! Texts have a class, or their words have tags, or keywords are to be found in them. Of the last two
//! a sample has a label for every word, and its score is that of its spans.
//!
//! After convergence A is right about nearly all that it has learned, so that the literal method has
//! little to hand on: its labels are the original ones. Where labels are predicted by models that have
//! not seen them ([`PredictMode::CrossFit`]), there is something to learn from A's doubts; with wrong
//! labels in the data, the policies that put the original label back cannot help.

mod data;
mod judge;
mod labels;
mod noise;
mod objective;
mod options;
mod provenance;
mod run;
mod samples;
mod score;
mod students;
mod teachers;

pub use crate::text::{Form, LabelSpace};
pub(crate) use data::read_options;
pub use data::{Part, RelayData};
pub use judge::{Judge, evaluate_tagger, measure_finished};
pub use labels::{Evidence, Source, Target};
pub use noise::{disturb, flip_classes};
pub use objective::{Comparison, RelayObjective, TargetTerm};
pub use options::{
    BTarget, Convergence, FinalTarget, LabelForm, Loss, Policy, PredictMode, RelayOptions, Score,
};
pub use provenance::Provenance;
pub use run::{Relayed, distill};
pub use samples::{Encodings, Samples, predictions};
pub use score::{Partition, Prediction, score};
