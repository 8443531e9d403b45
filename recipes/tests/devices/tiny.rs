//! Tiny models with dropout, random texts for them, and plain training steps.

use limbeck_engine::{
    Device, Fingerprint, ParameterVector, Result, Stream, Tape, Tensor, TokenIds, Var,
};
use limbeck_kernels::{ClipNorm, Labels, Normaliser, Sgd, SgdConfig, crf, weighted_mean};
use limbeck_losses::hard_cross_entropy;
use limbeck_models::{
    Aggregation, BagOfNgrams, BagOfNgramsConfig, Batch, Classifier, Encoded, Head, LayerFunctions,
    NetworkKind, NormPosition, SparseText, TextCnn, TextCnnConfig, TextPooling, TimePooling,
    Topology, Transformer, TransformerConfig,
};

use crate::graphs;
use crate::taggers::{self, Trunk};

pub(crate) const VOCABULARY: Fingerprint = Fingerprint(9);
pub(crate) const VOCABULARY_SIZE: usize = 40;
pub(crate) const CLASSES: usize = 3;
pub(crate) const LONGEST: usize = 14;
pub(crate) const SEED: u64 = 3;

/// Which model.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Transformer,
    TextCnn,
    BagOfNgrams,
    GatedGraph(Aggregation),
    TextLevel,
    Corpus(NetworkKind),
    Tagger(Trunk),
}

pub(crate) const KINDS: [Kind; 11] = [
    Kind::Transformer,
    Kind::TextCnn,
    Kind::BagOfNgrams,
    Kind::GatedGraph(Aggregation::Weighted),
    Kind::GatedGraph(Aggregation::Attention),
    Kind::TextLevel,
    Kind::Corpus(NetworkKind::Convolution { hidden_size: 12 }),
    Kind::Corpus(NetworkKind::Simple { hops: 2 }),
    Kind::Tagger(Trunk::TextCnn),
    Kind::Tagger(Trunk::Transformer),
    Kind::Tagger(Trunk::Seq2Seq),
];

impl Kind {
    pub(crate) fn build(self, device: &Device) -> Result<Box<dyn Classifier>> {
        Ok(match self {
            Kind::Transformer => Box::new(Transformer::new(transformer(), SEED, device)?),
            Kind::TextCnn => Box::new(TextCnn::new(text_cnn(), SEED, device)?),
            Kind::BagOfNgrams => Box::new(BagOfNgrams::new(bag_of_ngrams(), SEED, device)?),
            Kind::GatedGraph(aggregation) => graphs::gated(aggregation, device)?,
            Kind::TextLevel => graphs::text_level(device)?,
            Kind::Corpus(kind) => graphs::corpus(kind, device)?,
            Kind::Tagger(trunk) => taggers::tagger(trunk, device)?,
        })
    }

    /// The class of text `number`, or the tags of its words.
    fn labels(self, number: u32) -> Vec<u32> {
        match self {
            Kind::Tagger(_) => taggers::tags(number),
            _ => vec![number % CLASSES as u32],
        }
    }

    /// Text `number`, of 1 to 14 tokens.
    fn text(self, number: u32) -> Encoded {
        let mut ids = ids(number);
        match self {
            Kind::Transformer | Kind::TextCnn => {
                return Encoded::Tokens(TokenIds::new(ids, VOCABULARY));
            }
            Kind::GatedGraph(_) => return graphs::graph(number, false),
            Kind::TextLevel => return graphs::graph(number, true),
            Kind::Corpus(_) => return graphs::document(number),
            Kind::Tagger(_) => return taggers::sentence(number),
            Kind::BagOfNgrams => {}
        }
        ids.sort_unstable();
        ids.dedup();
        let random = Stream::new(SEED, "texts", 0);
        let weight = |&id: &u32| random.uniform(number, 100 + id) as f32;
        Encoded::Ngrams(SparseText {
            weights: ids.iter().map(weight).collect(),
            indices: ids,
            vocabulary: VOCABULARY,
        })
    }
}

/// The tokens of text `number`.
pub(crate) fn ids(number: u32) -> Vec<u32> {
    let random = Stream::new(SEED, "texts", 0);
    let length = 1 + random.word(number, 0, 0) % LONGEST as u32;
    let ids = (1..=length).map(|t| random.word(number, t, 0) % VOCABULARY_SIZE as u32);
    ids.collect()
}

fn transformer() -> TransformerConfig {
    TransformerConfig {
        vocabulary_size: VOCABULARY_SIZE,
        vocabulary: VOCABULARY,
        classes: CLASSES,
        hidden_size: 12,
        layers: 2,
        heads: 2,
        feed_forward_size: 20,
        dropout: 0.1,
        attention_dropout: 0.1,
        norm: NormPosition::Pre,
        functions: LayerFunctions::default(),
        gradient_checkpointing: false,
        pooling: TextPooling::Mean,
        max_positions: LONGEST,
        head: Head::Projected {
            layers: vec![1, 2],
            size: 6,
            embedding_size: None,
        },
    }
}

fn text_cnn() -> TextCnnConfig {
    TextCnnConfig {
        vocabulary_size: VOCABULARY_SIZE,
        vocabulary: VOCABULARY,
        classes: CLASSES,
        embedding_size: 10,
        channels: 8,
        kernel_sizes: vec![2, 3, 5],
        topology: Topology::Stacked,
        pooling: TimePooling::MaxMean,
        dropout: 0.3,
        max_length: LONGEST,
    }
}

fn bag_of_ngrams() -> BagOfNgramsConfig {
    BagOfNgramsConfig {
        vocabulary_size: VOCABULARY_SIZE,
        vocabulary: VOCABULARY,
        classes: CLASSES,
        hidden_size: 9,
        dropout: 0.2,
    }
}

/// Texts with their labels.
pub(crate) struct Labelled {
    texts: Vec<Encoded>,
    labels: Vec<u32>,
}

impl Labelled {
    /// The texts of these numbers.
    pub(crate) fn new(kind: Kind, numbers: impl Iterator<Item = u32> + Clone) -> Self {
        Labelled {
            texts: numbers.clone().map(|number| kind.text(number)).collect(),
            labels: numbers.flat_map(|number| kind.labels(number)).collect(),
        }
    }

    #[cfg(feature = "gpu")]
    pub(crate) fn labels(&self) -> &[u32] {
        &self.labels
    }

    pub(crate) fn texts(&self) -> Vec<&Encoded> {
        self.texts.iter().collect()
    }
}

/// A model in training, by gradient descent with momentum: Adam would turn the rounding noise of
/// a gradient that is zero into full steps.
pub(crate) struct Trainer {
    pub(crate) model: Box<dyn Classifier>,
    /// Of the last step.
    pub(crate) gradients: ParameterVector,
    clip: ClipNorm,
    sgd: Sgd,
    updates: u32,
}

impl Trainer {
    pub(crate) fn new(kind: Kind, device: &Device) -> Result<Self> {
        let model = kind.build(device)?;
        let store = model.parameters();
        let config = SgdConfig {
            momentum: 0.9,
            weight_decay: 0.01,
        };
        Ok(Trainer {
            gradients: store.zeros()?,
            clip: ClipNorm::new(store, Some(1.0))?,
            sgd: Sgd::new(store, config)?,
            model,
            updates: 0,
        })
    }

    /// One update, with dropout on; returns the loss, which is still on the device.
    pub(crate) fn step(&mut self, batch: &Labelled) -> Result<Tensor> {
        let tape = Tape::training(self.model.device(), SEED, self.updates);
        let texts = self.model.batch(&batch.texts(), 0)?;
        let logits = self.model.forward_labelled(&tape, &texts, &batch.labels)?;
        let loss = self.loss(&tape, &texts, (&logits, &batch.labels))?;
        self.gradients.fill_zero()?;
        tape.backward(&loss, &mut [&mut self.gradients])?
            .refuse(&[self.model.parameters()])?;
        self.clip.measure(&self.gradients)?;
        let store = self.model.parameters_mut();
        self.sgd.step(store, &self.gradients, &self.clip, 0.1)?;
        self.model.device().flush()?;
        self.updates += 1;
        Ok(loss.tensor().clone())
    }

    /// The mean over all labels.
    fn loss(&self, tape: &Tape, batch: &Batch, (logits, labels): (&Var, &[u32])) -> Result<Var> {
        let Some(transitions) = self.model.transitions() else {
            return hard_cross_entropy(tape, logits, labels);
        };
        let transitions = tape.parameter(self.model.parameters(), transitions);
        let count = Normaliser::Count(labels.len() as f32);
        let labels = Labels::new(tape.device(), labels, CLASSES)?;
        let rows = crf(tape, logits, &transitions, &batch.words()?.packed, &labels)?;
        weighted_mean(tape, &rows, None, count)
    }
}
