//! A student that follows its teacher only in the units where the teacher is closer to the truth
//! (CN115310277A): pixels, fields of texts, notes of speech.
//!
//! | step of the method | here |
//! |---|---|
//! | 1 both recognise every unit (recognise) | [`UnitSamples::scores`], and the student's forward pass |
//! | 2 differences from the truth by a preset loss | [`limbeck_losses::Units::differences`] |
//! | 3, 4 the mask: the smaller difference wins, a tie is the student's (generate) | [`limbeck_kernels::closer_rows`], [`Selector`], [`compare`] |
//! | 4 the mask as a picture | [`mask_picture`], [`Artefacts`] |
//! | 5 a loss of the training results and their truth trains the student (train) | [`UnitObjective`] |
//!
//! As it is written, step 5 compares the teacher's results with the truth, in which the student has no
//! part. It is read as two terms: the student against the truth, and in the selected units against the
//! teacher ([`GtUnits`], [`KdNorm`]), or as one loss against a mixture of both ([`Form`]).
//!
//! A teacher that has been trained on a unit is nearly always closer to its truth than the student, so
//! that the literal method is plain distillation for long. Teachers that have not seen a unit
//! ([`SenderOutputs::CrossFit`]) are right about it where it can be known.
//!
//! Units whose truth is a real number (densities, opacities) are not built.
//!
//! A teacher reads pictures whole and a student parts of them, turned, so that beside the borders of a part
//! the teacher has seen more.

mod artefacts;
mod average;
mod compare;
mod data;
mod judge;
mod judge_pictures;
mod judge_speech;
mod kept;
mod objective;
mod options;
mod pictures;
mod run;
mod samples;
mod select;
mod side_by_side;
mod speech;
mod views;

pub use artefacts::{Artefacts, MaskLine, UnitLine, mask_of_picture, mask_picture, read_index};
pub use average::Average;
pub use compare::{Choice, Comparison, compare};
pub use data::{UnitData, UnitPart, UnitTask};
pub use judge::{Judge, measure_finished};
pub use judge_pictures::PictureJudge;
pub use judge_speech::SpeechJudge;
pub use kept::KeptMasks;
pub use objective::{Lesson, UnitObjective};
pub use options::{
    CompareMode, Difference, Form, GtUnits, KdNorm, MaskOptions, Selection, SenderOutputs, Timing,
    Transfer, UnitSelectOptions,
};
pub use run::{Selected, distill};
pub use samples::{UnitForm, UnitSamples};
pub use select::Selector;
pub use speech::{SpeechClip, SpeechData};
pub use views::{View, Views};
