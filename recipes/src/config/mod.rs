//! Run files: what is to be trained, on which data, and how.
//!
//! A run file is TOML and names only what differs from the defaults. Reading it gives a [`Run`]
//! in which every value is settled; [`Run::to_toml`] writes that complete form back, and reading
//! it again gives the same run.
//!
//! ```
//! use limbeck_recipes::config::{self, Run};
//!
//! let text = "task = \"layerwise\"\npreset = \"literal\"\n[student]\nchannels = 64\n";
//! let overrides = ["data.labelled_fraction=0.1".parse().unwrap()];
//! let Run::Layerwise(run) = config::parse("trec.toml", text, &overrides)? else { unreachable!() };
//! assert_eq!(run.student.channels, 64);
//! assert_eq!(run.data.labelled_fraction, 0.1);
//! assert_eq!(run.distillation.temperature, 1.0);
//!
//! let error = config::parse("trec.toml", "task = \"train\"\nsede = 1\n", &[]).unwrap_err();
//! assert_eq!(error.to_string(), "trec.toml:2: unknown key `sede`; did you mean `seed`?");
//! # Ok::<(), config::ConfigError>(())
//! ```

mod check;
mod convert;
mod data;
mod graph;
mod language;
mod model;
mod mutual;
mod pretrained;
mod problem;
mod relay;
mod resolve;
mod scores;
mod source;
mod stage;
mod suggest;
mod text_cnn;
mod units;
mod values;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use data::{
    CorpusConfig, CorpusLanguage, DataConfig, Format, PairSource, PairsConfig, TaggingConfig,
};
pub use graph::{CorpusGraphConfig, GraphAggregation, SgcConfig, TextGraphConfig, TextLevelConfig};
pub use language::{LanguageDataConfig, NceLmRun, RecurrentConfig, RecurrentKind};
pub use limbeck_data::Unit;
pub use limbeck_data::graph::EdgeWeighting;
pub use limbeck_data::read::Column;
pub use limbeck_data::tagging::Scheme;
pub use limbeck_data::tokenize::TokenizerKind;
pub use limbeck_training::schedule::Decay;
pub use model::{
    BagLoss, BagOfNgramsConfig, EncoderLayers, Model, ModelKind, NgramVocabulary, Norm,
    TokenizerConfig, TransformerConfig, TransformerPooling,
};
pub use mutual::{GateMixupRun, GateMixupTraining};
pub use pretrained::{PretrainedActivation, PretrainedConfig, PretrainedSizes};
pub use problem::{ConfigError, Problem};
pub use relay::{RelayRun, RelayTraining, Seq2seqConfig, TaggerConfig, WordsConfig};
pub use scores::{MissingScores, ScoresConfig};
pub use source::Override;
pub use stage::{Averaging, Optimizer, StageConfig};
pub use text_cnn::{TextCnnConfig, TextCnnPooling, Topology};
pub use units::{
    PicturesConfig, SpeechConfig, SpeechDataConfig, SpeechTrunk, UnetConfig, UnitSelectRun,
    UnitSelectTraining,
};
pub use values::{Extent, OffOr};

use crate::layerwise::{LayerwiseOptions, Preset, TeacherTargets};

/// What a run file asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One model, trained on labelled texts.
    Train,
    /// The method [`crate::layerwise`].
    Layerwise,
    /// The method [`crate::nce_lm`].
    NceLm,
    /// The method [`crate::gate_mixup`].
    GateMixup,
    /// The method [`crate::relay`].
    Relay,
    /// The method [`crate::unit_select`].
    UnitSelect,
}

impl Task {
    /// A complete, commented run file of this task. It parses to the defaults.
    pub fn template(self) -> &'static str {
        match self {
            Self::Train => include_str!("templates/train.toml"),
            Self::Layerwise => include_str!("templates/layerwise.toml"),
            Self::NceLm => include_str!("templates/nce_lm.toml"),
            Self::GateMixup => include_str!("templates/gate_mixup.toml"),
            Self::Relay => include_str!("templates/relay.toml"),
            Self::UnitSelect => include_str!("templates/unit_select.toml"),
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Train => "train",
            Self::Layerwise => "layerwise",
            Self::NceLm => "nce_lm",
            Self::GateMixup => "gate_mixup",
            Self::Relay => "relay",
            Self::UnitSelect => "unit_select",
        })
    }
}

/// A settled run: every value is there, every check has passed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Run {
    /// One model, trained on labelled texts.
    Train(Box<TrainRun>),
    /// Teacher and student of [`crate::layerwise`].
    Layerwise(Box<LayerwiseRun>),
    /// A language model trained in parts, [`crate::nce_lm`].
    NceLm(Box<NceLmRun>),
    /// A teacher and a student that teach each other, [`crate::gate_mixup`].
    GateMixup(Box<GateMixupRun>),
    /// Two teachers in turn and a student, [`crate::relay`].
    Relay(Box<RelayRun>),
    /// A student that follows its teacher where that is better, [`crate::unit_select`].
    UnitSelect(Box<UnitSelectRun>),
}

/// One model, trained on labelled texts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainRun {
    /// Seed of everything random but the data split.
    pub seed: u64,
    /// The texts.
    pub data: DataConfig,
    /// The model.
    pub model: Model,
    /// How it is trained.
    pub training: StageConfig,
}

impl TrainRun {
    /// The defaults for a kind of model and a format of data.
    pub fn defaults(kind: ModelKind, format: Format) -> Self {
        Self {
            seed: 1,
            data: DataConfig::of_format(format),
            model: Model::of_kind(kind),
            training: StageConfig::of_kind(kind),
        }
    }
}

/// Teacher and student of [`crate::layerwise`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerwiseRun {
    /// Where unset options came from.
    pub preset: Preset,
    /// Seed of everything random but the data split.
    pub seed: u64,
    /// Also train the student without a teacher (L3 alone), for comparison.
    pub student_alone: bool,
    /// Run folder whose finished teacher is used as it is, in place of stage 1; empty trains one.
    pub teacher_run: PathBuf,
    /// The labelled texts.
    pub data: DataConfig,
    /// The unlabelled texts and their second wordings.
    pub pairs: PairsConfig,
    /// The teacher; the layer terms L5 and L7 need a Transformer.
    pub teacher: Model,
    /// A second teacher of logits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside_teacher: Option<BesideTeacher>,
    /// The student.
    pub student: TextCnnConfig,
    /// The options of the method.
    pub distillation: LayerwiseOptions,
    /// How the models are trained.
    pub training: LayerwiseTraining,
}

impl LayerwiseRun {
    /// The defaults of a preset, for kinds of teachers and a format of data.
    pub fn defaults(
        preset: Preset,
        teacher: ModelKind,
        beside_teacher: Option<ModelKind>,
        format: Format,
    ) -> Self {
        Self {
            preset,
            seed: 1,
            student_alone: true,
            teacher_run: PathBuf::new(),
            data: DataConfig::of_format(format),
            pairs: PairsConfig::preset(preset),
            teacher: Model::of_kind(teacher),
            beside_teacher: beside_teacher.map(BesideTeacher::of_kind),
            student: TextCnnConfig::student(),
            distillation: LayerwiseOptions::preset(preset),
            training: LayerwiseTraining {
                unlabelled_batch_size: 32,
                teacher: StageConfig::of_layerwise(teacher),
                student: StageConfig::of_layerwise(ModelKind::TextCnn),
                beside_teacher: beside_teacher.map(StageConfig::of_beside_teacher),
            },
        }
    }
}

/// A second teacher of logits: its distribution is averaged with the first teacher's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BesideTeacher {
    /// Its share of the average; 1 leaves the soft labels to it alone.
    pub weight: f64,
    /// Whether its targets on labelled texts are cross-fitted.
    pub targets: TeacherTargets,
    /// Fit one temperature on dev, so that its scores can be read as probabilities.
    pub calibrate: bool,
    /// The model.
    #[serde(flatten)]
    pub model: Model,
}

impl BesideTeacher {
    fn of_kind(kind: ModelKind) -> Self {
        Self {
            weight: 0.5,
            targets: TeacherTargets::CrossFit,
            calibrate: true,
            model: Model::of_kind(kind),
        }
    }
}

/// How the models of [`crate::layerwise`] are trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerwiseTraining {
    /// Pairs of unlabelled texts per step, in both stages.
    pub unlabelled_batch_size: usize,
    /// Stage 1.
    pub teacher: StageConfig,
    /// Stage 2, and the student alone.
    pub student: StageConfig,
    /// The second teacher, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside_teacher: Option<StageConfig>,
}

impl Run {
    /// The task.
    pub fn task(&self) -> Task {
        match self {
            Self::Train(_) => Task::Train,
            Self::Layerwise(_) => Task::Layerwise,
            Self::NceLm(_) => Task::NceLm,
            Self::GateMixup(_) => Task::GateMixup,
            Self::Relay(_) => Task::Relay,
            Self::UnitSelect(_) => Task::UnitSelect,
        }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        match self {
            Self::Train(run) => run.seed,
            Self::Layerwise(run) => run.seed,
            Self::NceLm(run) => run.seed,
            Self::GateMixup(run) => run.seed,
            Self::Relay(run) => run.seed,
            Self::UnitSelect(run) => run.seed,
        }
    }

    /// The labelled texts; none of a language model.
    pub fn data(&self) -> Option<&DataConfig> {
        match self {
            Self::Train(run) => Some(&run.data),
            Self::Layerwise(run) => Some(&run.data),
            Self::GateMixup(run) => Some(&run.data),
            Self::Relay(run) => Some(&run.data),
            Self::UnitSelect(run) => Some(&run.data),
            Self::NceLm(_) => None,
        }
    }

    /// The complete run as TOML: the `config.toml` of a run folder.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("every value of a run can be written as TOML")
    }

    fn to_table(&self) -> toml::Table {
        toml::Table::try_from(self).expect("every value of a run can be written as TOML")
    }
}

/// Reads the run file at `path`; overrides win over it.
///
/// # Errors
/// All problems found, each with its line (or its override), what was expected and what was found.
pub fn load(path: &Path, overrides: &[Override]) -> Result<Run, ConfigError> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path)
        .map_err(|error| ConfigError::new(&name, format!("cannot read the run file: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..offset]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        ConfigError::new(
            format!("{name}:{line}"),
            "the run file is not valid UTF-8 here",
        )
    })?;
    parse(&name, &text, overrides)
}

/// Reads the text of a run file; `name` stands for it in messages.
///
/// # Errors
/// As [`load`].
pub fn parse(name: &str, text: &str, overrides: &[Override]) -> Result<Run, ConfigError> {
    resolve::resolve(source::Source::read(name, text, overrides)?)
}
