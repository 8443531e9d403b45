//! Every option of the method's table, with the values of its two presets.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::OffOr;
use crate::layerwise::Preset;

/// The options of `nce_lm`: section `[method]` of a run file.
///
/// ```
/// use limbeck_recipes::layerwise::Preset;
/// use limbeck_recipes::nce_lm::{Groups, NceLmOptions};
/// let options = NceLmOptions::preset(Preset::Literal);
/// assert_eq!((options.groups, options.parts), (Groups::Fresh, 4));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NceLmOptions {
    /// What a long sentence is.
    pub sentence: Sentence,
    /// Positions of a column that make one long sentence, with [`Sentence::Stream`].
    pub window: usize,
    /// N: parts of a long sentence, of equal lengths that differ by at most 1.
    pub parts: usize,
    /// Positions of a part, in the place of `parts`.
    pub part_length: OffOr<usize>,
    /// Where parts begin, but the first, in the place of `parts`: for windows of one length.
    pub boundaries: Vec<usize>,
    /// Shorter sentences are one part; 0 stands for twice the number of parts.
    pub min_length: usize,
    /// What a part begins with.
    pub carry: Carry,
    /// r: positions of the part before that gradients reach, with [`Carry::Overlap`].
    pub overlap: usize,
    /// What is minimised.
    pub criterion: Criterion,
    /// How groups of noise words are shared by parts.
    pub groups: Groups,
    /// M: groups of a sentence, with [`Groups::Grouped`].
    pub group_count: usize,
    /// Which parts of a sentence share a group, with [`Groups::Grouped`].
    pub assignment: Assignment,
    /// K: words of a group, drawn with replacement.
    pub noise_size: usize,
    /// The law of the noise words.
    pub noise: Noise,
    /// β: the power of a word's count, with [`Noise::Unigram`].
    pub noise_power: f64,
    /// File of words and weights, with [`Noise::Library`].
    pub library: PathBuf,
    /// Noise words that are the target of a position.
    pub target_in_group: TargetInGroup,
    /// ln Z.
    pub ln_z: Normalisation,
    /// The constant, or what learning begins with.
    pub ln_z_value: f64,
    /// What the output biases begin with.
    pub output_bias: OutputBias,
}

impl NceLmOptions {
    /// The values of a preset. They are the same: the document's recipe is the default of every row
    /// of the table, and the presets differ in regularisation and learning rate.
    pub fn preset(_: Preset) -> Self {
        Self {
            sentence: Sentence::Stream,
            window: 140,
            parts: 4,
            part_length: OffOr::Off,
            boundaries: Vec::new(),
            min_length: 0,
            carry: Carry::Detach,
            overlap: 5,
            criterion: Criterion::Nce,
            groups: Groups::Fresh,
            group_count: 2,
            assignment: Assignment::Blocks,
            noise_size: 256,
            noise: Noise::Unigram,
            noise_power: 1.0,
            library: PathBuf::new(),
            target_in_group: TargetInGroup::Keep,
            ln_z: Normalisation::Constant,
            ln_z_value: 0.0,
            output_bias: OutputBias::Noise,
        }
    }

    /// The shortest sentence that is divided.
    pub fn shortest_divided(&self) -> usize {
        match self.min_length {
            0 => 2 * self.parts,
            length => length,
        }
    }
}

/// What a long sentence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sentence {
    /// A window of a column of running text; the state goes on from window to window.
    Stream,
    /// A line of the text; every sentence begins with a state of zeros.
    Line,
}

/// What a part begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Carry {
    /// The state at the end of the part before; no gradient goes back into it.
    Detach,
    /// The state some positions earlier, so that gradients reach into the part before.
    Overlap,
    /// Zeros.
    Reset,
}

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// Noise-contrastive estimation.
    Nce,
    /// Negative sampling: the same without the law of the noise. Its scores are no probabilities.
    NegativeSampling,
    /// The softmax over target and samples.
    SampledSoftmax,
    /// The softmax over all words.
    Softmax,
}

/// How groups of noise words are shared by the parts of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Groups {
    /// A group for every part.
    Fresh,
    /// `group_count` groups for a sentence.
    Grouped,
    /// One group for a sentence.
    Shared,
}

/// Which parts share a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assignment {
    /// Neighbours.
    Blocks,
    /// Every M-th.
    RoundRobin,
}

/// The law of the noise words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Noise {
    /// A power of a word's count in the training text.
    Unigram,
    /// Every word alike.
    Uniform,
    /// By rank: ln((rank + 2) / (rank + 1)) / ln(V + 1).
    LogUniform,
    /// The weights of a file.
    Library,
}

/// Noise words that are the target of a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetInGroup {
    /// They count, which leaves the estimate of NCE unbiased.
    Keep,
    /// They are left out at that position. With [`Criterion::SampledSoftmax`] nothing is then taken
    /// from the target's own score, so that with many samples it is the full softmax either way.
    Mask,
}

/// ln Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalisation {
    /// A number.
    Constant,
    /// A number that is learned.
    Learned,
}

/// What the output biases begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputBias {
    /// ln q of the noise law, so that scores are normalised from the first step on.
    Noise,
    /// 0.
    Zero,
}

/// Which group part `part` of `parts` uses, of `groups`.
///
/// ```
/// use limbeck_recipes::nce_lm::{Assignment, group_of};
/// let blocks: Vec<usize> = (0..5).map(|part| group_of(part, 5, 2, Assignment::Blocks)).collect();
/// assert_eq!(blocks, [0, 0, 0, 1, 1]);
/// assert_eq!(group_of(3, 5, 2, Assignment::RoundRobin), 1);
/// ```
pub fn group_of(part: usize, parts: usize, groups: usize, assignment: Assignment) -> usize {
    match assignment {
        Assignment::Blocks => part * groups / parts.max(1),
        Assignment::RoundRobin => part % groups.max(1),
    }
}
