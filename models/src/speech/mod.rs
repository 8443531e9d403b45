//! Small networks over speech: scores for every frame, or for every segment of a clip.
//!
//! ```text
//! h       = trunk(frames)                       convolutions or recurrent cells: see `SpeechTrunk`
//! frames:   logits = dropout(h) W + b                                        [frames, classes]
//! segments: logits = dropout([mean over segment of h ; max over segment of h]) W + b
//!                                                                            [segments, classes]
//! ```
//!
//! Scores of frames are what connectionist temporal classification reads (Graves et al. 2006), whose
//! loss of a segment takes the rows of that segment ([`FrameBatch::segments`]); class 0 is then the
//! blank. The trunk sees the whole clip around a segment, and nothing of another clip.

mod batch;
mod trunk;

use limbeck_engine::{Device, Error, Fingerprint, ParameterStore, Result, StoreBuilder, Tape, Var};
use limbeck_kernels::{concat, dropout, max_over_time, mean_over_time};

pub use batch::{FrameBatch, FrameInput};

use crate::batch::{Batch, Encoded};
use crate::classifier::{Classifier, Output};
use crate::init::Affine;
use trunk::{Convolutions, Recurrent};

/// Sizes of a network over speech.
#[derive(Clone, Debug, PartialEq)]
pub struct SpeechNetConfig {
    /// Numbers of a frame: log-mel energies, by custom brought to mean 0 and variance 1.
    pub bins: usize,
    /// Number of classes, the blank among them where there is one.
    pub classes: usize,
    /// What makes a vector for every frame.
    pub trunk: SpeechTrunk,
    /// What gets scores.
    pub output: SpeechOutput,
    /// Dropout before the classifier.
    pub dropout: f64,
}

/// What makes a vector for every frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpeechTrunk {
    /// Stacked convolutions over frames with "same" padding, each followed by relu, the sum with its
    /// input where widths agree, and layer norm.
    Convolution {
        /// Output channels of every convolution.
        channels: usize,
        /// Kernel width of every convolution, in order of depth.
        kernel_sizes: Vec<usize>,
    },
    /// Gated recurrent units.
    Recurrent {
        /// Width of a cell's state.
        hidden_size: usize,
        /// Number of layers.
        layers: usize,
        /// Whether every layer has a second cell that reads the clip from its end.
        bidirectional: bool,
    },
}

/// What gets scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpeechOutput {
    /// Every frame.
    Frames,
    /// Every segment. A clip of one segment is classified as a whole.
    Segments,
}

impl SpeechNetConfig {
    /// Width of the vectors of frames.
    fn width(&self) -> usize {
        match self.trunk {
            SpeechTrunk::Convolution { channels, .. } => channels,
            SpeechTrunk::Recurrent {
                hidden_size,
                bidirectional,
                ..
            } => hidden_size * if bidirectional { 2 } else { 1 },
        }
    }
}

enum Trunk {
    Convolution(Convolutions),
    Recurrent(Recurrent),
}

/// The model. A text of [`Classifier`] is a clip, its positions are frames.
///
/// ```
/// use limbeck_engine::Device;
/// use limbeck_models::{
///     Classifier, Encoded, FrameInput, SpeechNet, SpeechNetConfig, SpeechOutput, SpeechTrunk,
/// };
/// let config = SpeechNetConfig {
///     bins: 2,
///     classes: 3,
///     trunk: SpeechTrunk::Convolution { channels: 4, kernel_sizes: vec![3, 5] },
///     output: SpeechOutput::Segments,
///     dropout: 0.0,
/// };
/// let model = SpeechNet::new(config, 1, &Device::cpu())?;
/// // Six frames in two segments, of four and of two.
/// let clip = FrameInput { bins: 2, values: vec![0.5; 12], segments: vec![4, 2] };
/// let scores = model.predict(&[&Encoded::Frames(clip)])?;
/// assert_eq!(scores[0].len(), 2 * 3);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
pub struct SpeechNet {
    config: SpeechNetConfig,
    store: ParameterStore,
    trunk: Trunk,
    classifier: Affine,
}

impl SpeechNet {
    /// A model with random weights drawn from the seed.
    ///
    /// # Errors
    /// If a size is zero, or the device cannot hold it.
    pub fn new(config: SpeechNetConfig, seed: u64, device: &Device) -> Result<Self> {
        check(&config)?;
        let mut store = StoreBuilder::new(seed);
        let trunk = match &config.trunk {
            SpeechTrunk::Convolution {
                channels,
                kernel_sizes,
            } => {
                let trunk = Convolutions::new(&mut store, config.bins, *channels, kernel_sizes);
                Trunk::Convolution(trunk)
            }
            SpeechTrunk::Recurrent {
                hidden_size,
                layers,
                bidirectional,
            } => {
                let sizes = (*hidden_size, *layers);
                let trunk = Recurrent::new(&mut store, config.bins, sizes, *bidirectional);
                Trunk::Recurrent(trunk)
            }
        };
        let read = match config.output {
            SpeechOutput::Frames => config.width(),
            SpeechOutput::Segments => 2 * config.width(),
        };
        let classifier = Affine::new(&mut store, "classifier", read, config.classes);
        Ok(SpeechNet {
            store: store.build(device)?,
            config,
            trunk,
            classifier,
        })
    }

    /// Its sizes.
    pub fn config(&self) -> &SpeechNetConfig {
        &self.config
    }

    /// The vectors of all frames, `[rows, width]`.
    fn frames(&self, tape: &Tape, batch: &FrameBatch) -> Result<Var> {
        let x = tape.constant(batch.x.clone());
        match &self.trunk {
            Trunk::Convolution(trunk) => trunk.forward(tape, &self.store, &x, &batch.packed),
            Trunk::Recurrent(trunk) => trunk.forward(tape, &self.store, &x, &batch.packed),
        }
    }

    /// The scores of frames or segments.
    fn score(&self, tape: &Tape, frames: &Var, batch: &FrameBatch) -> Result<Var> {
        let (read, coordinates) = match self.config.output {
            SpeechOutput::Frames => (frames.clone(), batch.packed.coordinates()),
            SpeechOutput::Segments => {
                let mean = mean_over_time(tape, frames, &batch.segments)?;
                let largest = max_over_time(tape, frames, &batch.segments)?;
                let both = concat(tape, &[&mean, &largest])?;
                (both, &batch.segment_coordinates)
            }
        };
        let rate = self.config.dropout;
        let read = dropout(tape, &read, coordinates, rate, "speech.classifier")?;
        self.classifier.apply(tape, &self.store, &read, None)
    }
}

impl Classifier for SpeechNet {
    fn parameters(&self) -> &ParameterStore {
        &self.store
    }

    fn parameters_mut(&mut self) -> &mut ParameterStore {
        &mut self.store
    }

    fn classes(&self) -> usize {
        self.config.classes
    }

    /// Frames have no vocabulary: the number of bins stands for one, so that models that read the same
    /// clips agree.
    fn vocabulary(&self) -> Fingerprint {
        Fingerprint(u64::from_be_bytes(*b"log-mels") ^ self.config.bins as u64)
    }

    fn forward(&self, tape: &Tape, batch: &Batch) -> Result<Output> {
        let batch = batch.frames()?;
        let (bins, found) = (self.config.bins, batch.x.shape().columns());
        if found != bins {
            return Err(Error::Mismatch(format!(
                "the model reads frames of {bins} bins, but the batch holds frames of {found}: let \
                 this model make its batches"
            )));
        }
        let frames = self.frames(tape, batch)?;
        let logits = tape.scope("classifier", || self.score(tape, &frames, batch))?;
        Ok(Output {
            logits,
            levels: Vec::new(),
            states: Vec::new(),
        })
    }

    /// Whether every frame has scores; those of segments are neither one per frame nor one per clip
    /// ([`Classifier::rows`]).
    fn per_position(&self) -> bool {
        self.config.output == SpeechOutput::Frames
    }

    fn rows(&self, text: &Encoded) -> usize {
        match (self.config.output, text) {
            (SpeechOutput::Segments, Encoded::Frames(clip)) => clip.segments.len(),
            _ => text.len(),
        }
    }

    /// It has none.
    fn is_embedding(&self, _name: &str) -> bool {
        false
    }

    fn batch(&self, texts: &[&Encoded], first_sample: u32) -> Result<Batch> {
        let device = self.store.device();
        let batch = FrameBatch::new(device, texts, self.config.bins, first_sample)?;
        Ok(Batch::Frames(Box::new(batch)))
    }
}

fn check(config: &SpeechNetConfig) -> Result<()> {
    let mut sizes = vec![("bins", config.bins), ("classes", config.classes)];
    match &config.trunk {
        SpeechTrunk::Convolution {
            channels,
            kernel_sizes,
        } => sizes.extend([
            ("channels", *channels),
            ("kernel_sizes", kernel_sizes.len()),
            (
                "kernel size",
                kernel_sizes.iter().copied().min().unwrap_or(0),
            ),
        ]),
        SpeechTrunk::Recurrent {
            hidden_size,
            layers,
            ..
        } => sizes.extend([("hidden_size", *hidden_size), ("layers", *layers)]),
    }
    match sizes.iter().find(|(_, size)| *size == 0) {
        None => Ok(()),
        Some((name, _)) => Err(Error::Shape {
            operator: "speech",
            message: format!("{name} must be at least 1"),
        }),
    }
}
