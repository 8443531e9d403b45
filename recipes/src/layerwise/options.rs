//! Every option of the method's tables, with the values of its two presets.

use serde::{Deserialize, Serialize};

use super::layer_map::{LayerMap, NamedLayerMap};
use crate::config::{Extent, OffOr};

/// Two complete sets of defaults. A value written in the run file always wins over its preset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// What the source document says: every weight 1, no temperature, nothing added.
    Literal,
    /// Recommended values, filled in from the literature where the document is silent.
    Tuned,
}

/// The options of `layerwise`: section `[distillation]` of a run file.
///
/// ```
/// use limbeck_recipes::layerwise::{FeatureNorm, LayerwiseOptions, Preset};
/// let literal = LayerwiseOptions::preset(Preset::Literal);
/// assert_eq!((literal.temperature, literal.feature_norm), (1.0, FeatureNorm::None));
/// let tuned = LayerwiseOptions::preset(Preset::Tuned);
/// assert_eq!((tuned.temperature, tuned.feature_norm), (2.0, FeatureNorm::L2));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerwiseOptions {
    /// Temperature τ of the soft cross-entropies L4 and L6 (their factor τ² is always on).
    pub temperature: f64,
    /// Which Transformer layer each convolution block learns from.
    pub layer_map: LayerMap,
    /// Match the embeddings as well, as level 0: the means over the word vectors of both models.
    pub embedding_level: bool,
    /// What the student's word vectors start from.
    pub student_embeddings: StudentEmbeddings,
    /// How a teacher state is brought to the student's width.
    pub projection: Projection,
    /// Normalisation of the projections of [`Projection::Joint`]. Without it, and without a
    /// [`FeatureNorm`], `joint` is refused under either preset: the document does not ask for it,
    /// and what it learns is to be zero.
    pub joint_norm: JointNorm,
    /// How one vector is made of a teacher layer's states.
    pub feature: Feature,
    /// What L5 and L7 compare.
    pub matching: Matching,
    /// Normalisation of both sides before the MSE of L5 and L7.
    pub feature_norm: FeatureNorm,
    /// Whether the teacher's targets on training texts come from a teacher that saw their labels.
    pub teacher_targets: TeacherTargets,
    /// Number of folds wherever targets are cross-fitted.
    pub folds: usize,
    /// A weight set to `"balanced"` makes its term this share of L3 + L4.
    pub balanced_share: f64,
    /// Weights of the loss terms.
    pub weights: Weights,
    /// L2: consistency of the teacher.
    pub teacher_consistency: Consistency,
    /// L8: consistency of the student.
    pub student_consistency: Consistency,
}

impl LayerwiseOptions {
    /// The values of a preset.
    pub fn preset(preset: Preset) -> Self {
        let literal = preset == Preset::Literal;
        Self {
            temperature: if literal { 1.0 } else { 2.0 },
            layer_map: LayerMap::Named(NamedLayerMap::Uniform),
            embedding_level: false,
            student_embeddings: StudentEmbeddings::Random,
            projection: Projection::InHead,
            joint_norm: JointNorm::None,
            feature: Feature::Mean,
            matching: Matching::Pooled,
            feature_norm: if literal {
                FeatureNorm::None
            } else {
                FeatureNorm::L2
            },
            teacher_targets: TeacherTargets::InSample,
            folds: 5,
            balanced_share: 0.2,
            weights: Weights::preset(preset),
            teacher_consistency: Consistency::preset(preset),
            student_consistency: Consistency::preset(preset),
        }
    }
}

/// Weights of L2 to L8. L1, the teacher's supervised loss, always has weight 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// L2: consistency of the teacher.
    pub w2: f64,
    /// L3: labels.
    pub w3: f64,
    /// L4: the teacher's soft labels on labelled texts.
    pub w4: f64,
    /// L5: the teacher's layers on labelled texts.
    pub w5: Weight,
    /// L6: the teacher's soft labels on unlabelled texts.
    pub w6: f64,
    /// L7: the teacher's layers on unlabelled texts.
    pub w7: Weight,
    /// L8: consistency of the student.
    pub w8: f64,
}

impl Weights {
    fn preset(preset: Preset) -> Self {
        let one = Weight::Fixed(1.0);
        match preset {
            Preset::Literal => Self {
                w2: 1.0,
                w3: 1.0,
                w4: 1.0,
                w5: one,
                w6: 1.0,
                w7: one,
                w8: 1.0,
            },
            Preset::Tuned => Self {
                w2: 1.0,
                w3: 0.5,
                w4: 1.0,
                w5: Weight::Balanced,
                w6: 1.0,
                w7: Weight::Balanced,
                w8: 0.5,
            },
        }
    }
}

/// The weight of a layer term.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "RawWeight", into = "RawWeight")]
pub enum Weight {
    /// This number.
    Fixed(f64),
    /// 1 during the first epoch; at its end the number that makes the weighted term
    /// [`LayerwiseOptions::balanced_share`] of L3 + L4, and fixed from then on.
    Balanced,
}

impl Weight {
    /// Whether it switches its term off.
    pub fn is_zero(self) -> bool {
        self == Self::Fixed(0.0)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number or \"balanced\"")]
enum RawWeight {
    Number(f64),
    Word(BalancedWord),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BalancedWord {
    Balanced,
}

impl From<RawWeight> for Weight {
    fn from(raw: RawWeight) -> Self {
        match raw {
            RawWeight::Number(number) => Self::Fixed(number),
            RawWeight::Word(BalancedWord::Balanced) => Self::Balanced,
        }
    }
}

impl From<Weight> for RawWeight {
    fn from(weight: Weight) -> Self {
        match weight {
            Weight::Fixed(number) => Self::Number(number),
            Weight::Balanced => Self::Word(BalancedWord::Balanced),
        }
    }
}

/// How the two sides of a pair are made to agree (L2 and L8). Side one is the original text,
/// side two its other wording.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consistency {
    /// The order of the two distributions in the divergence.
    pub direction: Direction,
    /// Which side learns.
    pub gradient: ConsistencyGradient,
    /// Sharpening of the original side's distribution.
    pub sharpening: Sharpening,
    /// Only pairs whose original side has a largest probability of at least this count.
    pub confidence: OffOr<f64>,
    /// The weight grows linearly from 0 over this stretch of the stage.
    pub ramp_up: Extent,
}

impl Consistency {
    fn preset(preset: Preset) -> Self {
        let direction = Direction::OriginalToAugmented;
        match preset {
            Preset::Literal => Self {
                direction,
                gradient: ConsistencyGradient::Both,
                sharpening: Sharpening::Off,
                confidence: OffOr::Off,
                ramp_up: Extent::Steps(0),
            },
            Preset::Tuned => Self {
                direction,
                gradient: ConsistencyGradient::AugmentedOnly,
                sharpening: Sharpening::Auto,
                confidence: OffOr::On(0.6),
                ramp_up: Extent::Share(0.1),
            },
        }
    }
}

/// Argument order of the consistency divergence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// KL(original ‖ augmented).
    OriginalToAugmented,
    /// KL(augmented ‖ original).
    AugmentedToOriginal,
    /// The mean of both.
    Symmetric,
    /// The Jensen-Shannon divergence.
    JensenShannon,
}

/// Which sides of a pair receive a gradient from the consistency term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsistencyGradient {
    /// Both sides.
    Both,
    /// The augmented side alone: the original prediction is the target (Xie et al. 2020).
    AugmentedOnly,
}

/// Sharpening of the original side of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawSharpening", into = "RawSharpening")]
pub enum Sharpening {
    /// None.
    Off,
    /// Off for two classes, where sharpening only amplifies mistakes; else 0.6.
    Auto,
    /// Logits divided by this temperature, in (0, 1].
    Temperature(f64),
}

impl Sharpening {
    /// The temperature in use for a task with this many classes, or `None` where it is off.
    pub fn temperature(self, classes: usize) -> Option<f64> {
        match self {
            Self::Off => None,
            Self::Auto => (classes > 2).then_some(0.6),
            Self::Temperature(temperature) => Some(temperature),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number, \"auto\" or \"off\"")]
enum RawSharpening {
    Number(f64),
    Word(String),
}

impl TryFrom<RawSharpening> for Sharpening {
    type Error = String;

    fn try_from(raw: RawSharpening) -> Result<Self, String> {
        match raw {
            RawSharpening::Number(number) => Ok(Self::Temperature(number)),
            RawSharpening::Word(word) => match word.as_str() {
                "auto" => Ok(Self::Auto),
                "off" => Ok(Self::Off),
                _ => Err("expected a number, \"auto\" or \"off\"".into()),
            },
        }
    }
}

impl From<Sharpening> for RawSharpening {
    fn from(sharpening: Sharpening) -> Self {
        match sharpening {
            Sharpening::Off => Self::Word("off".into()),
            Sharpening::Auto => Self::Word("auto".into()),
            Sharpening::Temperature(number) => Self::Number(number),
        }
    }
}

/// What the word vectors of the student start from; those of the student alone are random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StudentEmbeddings {
    /// Random numbers, or the file that `student.embeddings` names.
    Random,
    /// The table of a pretrained teacher: for each word the mean over its pieces.
    Teacher,
}

/// How a teacher state of width d_T is brought to the student's width d_S.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Projection {
    /// The teacher's own classifier reads the projected states: stage 1 trains them.
    InHead,
    /// The first d_S principal components of the teacher's states over the training texts.
    Pca,
    /// Trained in stage 2 together with the student; collapses without a norm.
    Joint,
    /// The student is projected up instead (not what the document claims; a baseline).
    StudentUp,
}

/// Normalisation of projections that are trained with the student.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JointNorm {
    /// None.
    None,
    /// Rows of unit length: no component of the teacher's feature can be shrunk away.
    Rows,
}

/// How one vector is made of a teacher layer's states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// The state of the first token.
    First,
    /// The mean over the text's tokens.
    Mean,
}

/// What the layer terms compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matching {
    /// One pooled vector per text and level.
    Pooled,
    /// The vectors of every position: both models must tokenise alike. The teacher reads the texts
    /// of each step anew.
    Tokens,
}

/// Normalisation of both features before their MSE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureNorm {
    /// As they are.
    None,
    /// Unit Euclidean length (Sun et al. 2019).
    L2,
    /// Layer normalisation without parameters.
    Layer,
}

/// Where the teacher's targets on training texts come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TeacherTargets {
    /// The finished teacher, which has seen these labels.
    InSample,
    /// For each labelled text a teacher trained on the other folds.
    CrossFit,
}
