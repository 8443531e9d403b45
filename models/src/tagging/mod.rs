//! Sequence taggers: a label for every word of a sentence.
//!
//! ```text
//! u_t     = word, letters and form of word t (see `WordInputConfig`)
//! text_cnn      f = convolutions over u, each position with the pooled sentence as context
//! transformer   f = encoder(u W + b)
//! seq2seq       f = decoder(labels before t, which it has written itself; encoder(u W + b))
//! scores  = dropout(f) W + b                                     [rows, tags]
//! ```
//!
//! With a CRF the best sequence of tags counts, by scores of one tag after another; without one
//! every word has its own.

mod batch;
mod input;
mod text_cnn;
mod transformer;

use limbeck_engine::{
    Device, Error, Fingerprint, ParameterId, ParameterStore, Result, StoreBuilder, Tape, Var,
};
use limbeck_kernels::dropout;

pub use batch::{WordBatch, WordText};
pub use input::WordInputConfig;
pub use text_cnn::TextCnnTrunk;
pub use transformer::{Seq2SeqTrunk, TransformerTrunk};

use crate::batch::{Batch, Encoded};
use crate::classifier::{Classifier, Output};
use crate::init::Affine;
use input::WordInput;
use text_cnn::Convolutions;
use transformer::{Encoder, EncoderDecoder};

/// Sizes of a tagger.
#[derive(Clone, Debug, PartialEq)]
pub struct TaggerConfig {
    /// What it reads.
    pub input: WordInputConfig,
    /// What makes a vector for every position.
    pub trunk: TrunkConfig,
    /// Number of tags.
    pub tags: usize,
    /// Dropout before the scores.
    pub dropout: f64,
    /// Whether it learns scores of one tag after another.
    pub crf: bool,
}

/// What makes a vector for every position.
#[derive(Clone, Debug, PartialEq)]
pub enum TrunkConfig {
    /// Convolutions.
    TextCnn(TextCnnTrunk),
    /// A Transformer encoder.
    Transformer(TransformerTrunk),
    /// A Transformer encoder, and a decoder that writes the tags.
    Seq2Seq(Seq2SeqTrunk),
}

enum Trunk {
    TextCnn(Convolutions),
    Transformer(Encoder),
    Seq2Seq(EncoderDecoder),
}

/// The model.
pub struct Tagger {
    config: TaggerConfig,
    store: ParameterStore,
    input: WordInput,
    trunk: Trunk,
    scores: Affine,
    transitions: Option<ParameterId>,
}

impl Tagger {
    /// A model with random weights drawn from the seed.
    ///
    /// # Errors
    /// If a size is zero or they contradict each other, or the device cannot hold it.
    pub fn new(config: TaggerConfig, seed: u64, device: &Device) -> Result<Self> {
        check(&config)?;
        let mut store = StoreBuilder::new(seed);
        let input = WordInput::new(&mut store, &config.input);
        let width = config.input.width();
        let (trunk, width) = match &config.trunk {
            TrunkConfig::TextCnn(sizes) => {
                let trunk = Convolutions::new(&mut store, sizes, width);
                (Trunk::TextCnn(trunk), Convolutions::width(sizes, width))
            }
            TrunkConfig::Transformer(sizes) => {
                let trunk = Encoder::new(&mut store, sizes, width)?;
                (Trunk::Transformer(trunk), sizes.stack.hidden_size)
            }
            TrunkConfig::Seq2Seq(sizes) => {
                let trunk = EncoderDecoder::new(&mut store, sizes, width, config.tags)?;
                (Trunk::Seq2Seq(trunk), sizes.encoder.stack.hidden_size)
            }
        };
        let scores = Affine::new(&mut store, "scores", width, config.tags);
        let steps = [config.tags + 2, config.tags];
        let transitions = config
            .crf
            .then(|| store.constant("transitions", steps, 0.0));
        Ok(Tagger {
            store: store.build(device)?,
            config,
            input,
            trunk,
            scores,
            transitions,
        })
    }

    /// Its sizes.
    pub fn config(&self) -> &TaggerConfig {
        &self.config
    }

    fn words(&self, tape: &Tape, batch: &WordBatch) -> Result<Var> {
        tape.scope("words", || {
            self.input
                .forward(tape, &self.store, &self.config.input, batch)
        })
    }

    /// Refuses what is not one tag for every word.
    fn expect_tags(&self, batch: &WordBatch, labels: &[u32]) -> Result<()> {
        let (words, tags) = (batch.packed.rows(), self.config.tags);
        if labels.len() != words {
            return Err(Error::Mismatch(format!(
                "a batch of {words} words was given {} tags: expected as many",
                labels.len()
            )));
        }
        match labels.iter().find(|&&label| label as usize >= tags) {
            None => Ok(()),
            Some(label) => Err(Error::Mismatch(format!(
                "a word was given tag {label}: expected a number below {tags}"
            ))),
        }
    }

    /// The scores of all words; of a decoder behind these tags.
    fn tagged(&self, tape: &Tape, batch: &WordBatch, labels: Option<&[u32]>) -> Result<Var> {
        let words = self.words(tape, batch)?;
        let store = &self.store;
        let states = match (&self.trunk, &self.config.trunk, labels) {
            (Trunk::TextCnn(trunk), TrunkConfig::TextCnn(sizes), _) => {
                trunk.forward(tape, store, sizes, &words, batch)?
            }
            (Trunk::Transformer(trunk), ..) => trunk.forward(tape, store, &words, &batch.packed)?,
            (Trunk::Seq2Seq(trunk), _, Some(labels)) => {
                trunk.forced(tape, store, &words, batch, labels)?
            }
            (Trunk::Seq2Seq(trunk), _, None) => {
                let score = |states: &Var| self.scores.apply(tape, store, states, None);
                let scores = trunk.written(tape, store, &words, batch, score)?;
                let shape = [batch.packed.rows(), self.config.tags];
                return Ok(tape.constant(tape.device().real_f64(&scores, shape)?));
            }
            (Trunk::TextCnn(_), ..) => return Err(of_two_kinds()),
        };
        tape.scope("scores", || {
            let (coordinates, rate) = (batch.packed.coordinates(), self.config.dropout);
            let states = dropout(tape, &states, coordinates, rate, "tagger.scores")?;
            self.scores.apply(tape, store, &states, None)
        })
    }
}

fn of_two_kinds() -> Error {
    Error::Mismatch("the tagger's trunk is not of the kind that its configuration names".into())
}

impl Classifier for Tagger {
    fn parameters(&self) -> &ParameterStore {
        &self.store
    }

    fn parameters_mut(&mut self) -> &mut ParameterStore {
        &mut self.store
    }

    fn classes(&self) -> usize {
        self.config.tags
    }

    fn vocabulary(&self) -> Fingerprint {
        self.config.input.vocabulary
    }

    /// A decoder writes its tags word by word here, which has no gradient.
    fn forward(&self, tape: &Tape, batch: &Batch) -> Result<Output> {
        Ok(Output {
            logits: self.tagged(tape, batch.words()?, None)?,
            levels: Vec::new(),
            states: Vec::new(),
        })
    }

    fn forward_labelled(&self, tape: &Tape, batch: &Batch, labels: &[u32]) -> Result<Var> {
        let batch = batch.words()?;
        self.expect_tags(batch, labels)?;
        self.tagged(tape, batch, Some(labels))
    }

    fn per_position(&self) -> bool {
        true
    }

    fn transitions(&self) -> Option<ParameterId> {
        self.transitions
    }

    fn is_embedding(&self, name: &str) -> bool {
        let tables = ["words", "letters", "shapes", "positions", "symbols"];
        let table = name.strip_suffix(".weight");
        table.is_some_and(|table| tables.contains(&table))
    }

    fn batch(&self, texts: &[&Encoded], first_sample: u32) -> Result<Batch> {
        let (device, input) = (self.store.device(), &self.config.input);
        let words = WordBatch::new(device, texts, input, first_sample)?;
        Ok(Batch::Words(Box::new(words)))
    }
}

fn check(config: &TaggerConfig) -> Result<()> {
    let input = &config.input;
    let mut sizes = vec![
        ("tags", config.tags),
        ("words", input.words),
        ("letters", input.letters),
        ("shapes", input.shapes),
        ("word_size", input.word_size),
    ];
    if input.letter_channels > 0 {
        sizes.extend([
            ("letter_size", input.letter_size),
            ("letter_kernel_size", input.letter_kernel_size),
        ]);
    }
    match &config.trunk {
        TrunkConfig::TextCnn(trunk) => sizes.extend([
            ("channels", trunk.channels),
            ("kernel_sizes", trunk.kernel_sizes.len()),
            (
                "kernel size",
                trunk.kernel_sizes.iter().copied().min().unwrap_or(0),
            ),
        ]),
        // Their layers check themselves.
        TrunkConfig::Transformer(trunk) => sizes.push(("window", trunk.window)),
        TrunkConfig::Seq2Seq(trunk) => sizes.extend([
            ("window", trunk.encoder.window),
            ("decoder_layers", trunk.decoder_layers),
        ]),
    }
    match sizes.iter().find(|(_, size)| *size == 0) {
        None => Ok(()),
        Some((name, _)) => Err(Error::Shape {
            operator: "tagger",
            message: format!("{name} must be at least 1"),
        }),
    }
}
