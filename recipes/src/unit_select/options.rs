//! Every option of the method, with the values of its two presets.

use serde::{Deserialize, Serialize};

use crate::config::OffOr;
use crate::layerwise::Preset;

/// The options of `unit_select`: section `[distillation]` of a run file.
///
/// ```
/// use limbeck_recipes::layerwise::Preset;
/// use limbeck_recipes::unit_select::{GtUnits, SenderOutputs, UnitSelectOptions};
/// let literal = UnitSelectOptions::preset(Preset::Literal);
/// assert_eq!((literal.gt_units, literal.temperature), (GtUnits::Selected, 1.0));
/// let tuned = UnitSelectOptions::preset(Preset::Tuned);
/// assert_eq!((tuned.gt_units, tuned.sender_outputs), (GtUnits::All, SenderOutputs::CrossFit));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitSelectOptions {
    /// In which units the student follows the teacher.
    pub selection: Selection,
    /// Other selections, each with a student of its own, for comparison.
    pub compare: Vec<Selection>,
    /// How far an answer is from the truth: ℓ, of the comparison and of the loss against the truth.
    pub difference: Difference,
    /// The teacher must be closer by more than this: δ. Infinite ones are baselines.
    #[serde(with = "bounds")]
    pub margin: f64,
    /// Where the teacher's answers come from.
    pub sender_outputs: SenderOutputs,
    /// Number of folds of `cross_fit`.
    pub folds: usize,
    /// When teacher and student are compared.
    pub timing: Timing,
    /// How the student answers for the comparison.
    pub compare_mode: CompareMode,
    /// The student that is compared is the average of its weights over updates, with this share of the
    /// old average.
    pub ema: OffOr<f64>,
    /// At least this share of the units is selected: those where the teacher is closest.
    pub min_share: f64,
    /// How selected units enter the loss.
    pub form: Form,
    /// With `target_mix`, the share of the truth in the target of a selected unit: α.
    pub alpha: f64,
    /// The units that are compared with the truth.
    pub gt_units: GtUnits,
    /// Weight of the loss against the truth: w_gt.
    pub gt_weight: f64,
    /// How an answer is handed on: KD.
    pub transfer: Transfer,
    /// Temperature τ of the distributions (the factor τ² is always on).
    pub temperature: f64,
    /// What the sum of that loss is divided by.
    pub kd_norm: KdNorm,
    /// Its weight: w_kd.
    pub kd_weight: f64,
    /// Follow the teacher in units without truth.
    pub unlabelled_kd: bool,
    /// The pictures of the masks.
    pub masks: MaskOptions,
}

/// The pictures of the masks: section `[distillation.masks]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskOptions {
    /// Written for this many training samples, the first ones; after the last epoch for all.
    pub samples: usize,
    /// Written after every so many epochs; 0 after the last one alone.
    pub every: u64,
    /// The value where the teacher was closer.
    pub teacher: u8,
    /// The value where the student was at least as close.
    pub student: u8,
    /// The value of units without truth.
    pub ignored: u8,
}

impl UnitSelectOptions {
    /// The values of a preset.
    pub fn preset(preset: Preset) -> Self {
        let base = Self {
            selection: Selection::TeacherBetter,
            compare: vec![Selection::None, Selection::All],
            difference: Difference::CrossEntropy,
            margin: 0.0,
            sender_outputs: SenderOutputs::InSample,
            folds: 3,
            timing: Timing::Dynamic,
            compare_mode: CompareMode::Eval,
            ema: OffOr::Off,
            min_share: 0.0,
            form: Form::TwoTerms,
            alpha: 0.5,
            gt_units: GtUnits::Selected,
            gt_weight: 1.0,
            transfer: Transfer::Kl,
            temperature: 1.0,
            kd_norm: KdNorm::Selected,
            kd_weight: 1.0,
            unlabelled_kd: false,
            masks: MaskOptions {
                samples: 4,
                every: 10,
                teacher: 255,
                student: 0,
                ignored: 128,
            },
        };
        match preset {
            Preset::Literal => base,
            Preset::Tuned => Self {
                sender_outputs: SenderOutputs::CrossFit,
                gt_units: GtUnits::All,
                temperature: 2.0,
                ..base
            },
        }
    }

    /// The selections a student is trained for, the delivered one's first.
    pub(super) fn selections(&self) -> Vec<Selection> {
        let mut selections = vec![self.selection];
        for &selection in &self.compare {
            if !selections.contains(&selection) {
                selections.push(selection);
            }
        }
        selections
    }
}

/// A number that may be infinite, which JSON cannot write.
mod bounds {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        match value.is_finite() {
            true => serializer.serialize_f64(*value),
            false => serializer.collect_str(value),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(f64),
            Text(String),
        }
        let wanted = "expected a number, inf or -inf";
        match Written::deserialize(deserializer).map_err(|_| D::Error::custom(wanted))? {
            Written::Number(number) => Ok(number),
            Written::Text(text) => text.parse().map_err(|_| D::Error::custom(wanted)),
        }
    }
}

/// In which units the student follows the teacher: Ω.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// Where the teacher is closer to the truth than the student: the method.
    TeacherBetter,
    /// In none: the student alone.
    None,
    /// In all: plain distillation.
    All,
    /// Where the teacher's decision is right; the others have the truth alone (Meng et al. 2019).
    TeacherCorrect,
    /// In as many units as `teacher_better` would select, drawn at random.
    Random,
}

impl Selection {
    /// The name of its student in results, where it is there for comparison.
    pub fn arm(self) -> &'static str {
        match self {
            Self::TeacherBetter => "teacher_better",
            Self::None => "student_alone",
            Self::All => "plain_kd",
            Self::TeacherCorrect => "teacher_correct",
            Self::Random => "random_mask",
        }
    }

    /// Whether teacher and student are compared for it.
    pub(super) fn compares(self) -> bool {
        matches!(self, Self::TeacherBetter | Self::Random)
    }
}

/// How far an answer is from the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// Cross-entropy; of segments that CTC reads, over all paths.
    CrossEntropy,
    /// Binary cross-entropy, summed over classes.
    BinaryCrossEntropy,
    /// Absolute difference of the distributions.
    L1,
    /// Squared difference of the distributions.
    L2,
    /// 0 if the decision is right, else 1; the loss against the truth is cross-entropy then.
    ZeroOne,
}

impl From<Difference> for limbeck_losses::Difference {
    fn from(difference: Difference) -> Self {
        match difference {
            Difference::CrossEntropy => Self::CrossEntropy,
            Difference::BinaryCrossEntropy => Self::BinaryCrossEntropy,
            Difference::L1 => Self::L1,
            Difference::L2 => Self::L2,
            Difference::ZeroOne => Self::ZeroOne,
        }
    }
}

impl Difference {
    /// The loss against the truth: an error of 0 or 1 has no gradient.
    pub(super) fn of_loss(self) -> limbeck_losses::Difference {
        match self {
            Self::ZeroOne => limbeck_losses::Difference::CrossEntropy,
            other => other.into(),
        }
    }
}

/// How an answer is handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transfer {
    /// Relative entropy of the distributions at the temperature.
    Kl,
    /// Binary cross-entropy against the teacher's probability of each class.
    BinaryCrossEntropy,
    /// Absolute difference of the distributions.
    L1,
    /// Squared difference of the distributions.
    L2,
}

impl From<Transfer> for limbeck_losses::Transfer {
    fn from(transfer: Transfer) -> Self {
        match transfer {
            Transfer::Kl => Self::Kl,
            Transfer::BinaryCrossEntropy => Self::BinaryCrossEntropy,
            Transfer::L1 => Self::L1,
            Transfer::L2 => Self::L2,
        }
    }
}

/// Where the teacher's answers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SenderOutputs {
    /// From the teacher itself, which has been trained on these samples.
    InSample,
    /// From teachers of its kind that were trained on the other folds.
    CrossFit,
}

/// When teacher and student are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// For every batch, with the student as it is.
    Dynamic,
    /// At the beginning of every epoch.
    Epoch,
    /// Once, with the student as it begins.
    Once,
}

/// How the student answers for the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompareMode {
    /// Without dropout.
    Eval,
    /// As it answers for the loss.
    Train,
}

/// How selected units enter the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A loss against the truth and one against the teacher.
    TwoTerms,
    /// One loss, whose target in a selected unit is α truth + (1 - α) teacher.
    TargetMix,
}

/// The units that are compared with the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GtUnits {
    /// The selected ones.
    Selected,
    /// All that have truth.
    All,
    /// Those that are not selected.
    Complement,
}

/// What the sum over the selected units is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KdNorm {
    /// Their number.
    Selected,
    /// The number of units with truth: the term fades as the student catches up.
    Valid,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_presets_are_those_of_the_specification() {
        let literal = UnitSelectOptions::preset(Preset::Literal);
        assert_eq!(literal.selection, Selection::TeacherBetter);
        assert_eq!(literal.gt_units, GtUnits::Selected);
        assert_eq!(literal.sender_outputs, SenderOutputs::InSample);
        assert_eq!(literal.timing, Timing::Dynamic);
        assert_eq!(literal.compare_mode, CompareMode::Eval);
        assert_eq!((literal.margin, literal.temperature), (0.0, 1.0));
        assert_eq!((literal.gt_weight, literal.kd_weight), (1.0, 1.0));
        assert_eq!(literal.kd_norm, KdNorm::Selected);
        assert!(!literal.unlabelled_kd && literal.min_share == 0.0);
        let masks = literal.masks;
        assert_eq!((masks.teacher, masks.student, masks.ignored), (255, 0, 128));
        let tuned = UnitSelectOptions::preset(Preset::Tuned);
        assert_eq!(tuned.gt_units, GtUnits::All);
        assert_eq!(tuned.sender_outputs, SenderOutputs::CrossFit);
        assert_eq!(tuned.temperature, 2.0);
    }

    #[test]
    fn infinite_margins_are_written_apart() {
        let written = |margin: f64| {
            let options = UnitSelectOptions {
                margin,
                ..UnitSelectOptions::preset(Preset::Tuned)
            };
            let json = serde_json::to_value(&options).expect("JSON");
            let back: UnitSelectOptions = serde_json::from_value(json.clone()).expect("options");
            assert_eq!(back, options);
            json["margin"].to_string()
        };
        assert_eq!(written(f64::INFINITY), "\"inf\"");
        assert_eq!(written(f64::NEG_INFINITY), "\"-inf\"");
        assert_eq!(written(0.5), "0.5");
    }

    #[test]
    fn the_delivered_selection_is_trained_once_and_first() {
        let options = UnitSelectOptions {
            compare: vec![Selection::All, Selection::TeacherBetter, Selection::All],
            ..UnitSelectOptions::preset(Preset::Tuned)
        };
        assert_eq!(
            options.selections(),
            [Selection::TeacherBetter, Selection::All]
        );
    }
}
