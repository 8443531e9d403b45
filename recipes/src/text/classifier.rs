//! An encoder, a model and the names of the classes.

use limbeck_engine::Device;
use limbeck_models::{
    self as models, BagOfNgrams, Classifier, Head, LayerFunctions, NormPosition, Seq2Seq, TextCnn,
    TextPooling, TimePooling, Transformer,
};

use super::Encoder;
use super::media::network_over;
use super::networks::network_of;
use super::tagger::tagger_of;
use crate::config::{
    BagOfNgramsConfig, Model, Norm, PretrainedConfig, Seq2seqConfig, TextCnnConfig, TextCnnPooling,
    Topology, TransformerConfig, TransformerPooling,
};
use crate::error::Result;
use crate::pretrained::Start;

/// A text classifier: everything between a string and a label.
///
/// `predict(&self)` may be called by several threads at once.
pub struct TextClassifier {
    pub(super) config: Model,
    pub(super) head: Head,
    pub(super) encoder: Encoder,
    pub(super) model: Box<dyn Classifier>,
    pub(super) labels: Vec<String>,
    pub(super) c: Option<f64>,
}

impl TextClassifier {
    /// A model with random weights for an encoder that is trained already.
    ///
    /// # Errors
    /// If the sizes contradict each other, or the device cannot hold them.
    pub fn new(
        config: &Model,
        head: Head,
        encoder: Encoder,
        labels: &[String],
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        let model = classifier_of(config, &head, &encoder, labels.len(), seed, device)?;
        Ok(TextClassifier {
            config: config.clone(),
            head,
            encoder,
            model,
            labels: labels.to_vec(),
            c: None,
        })
    }

    /// As [`TextClassifier::new`], and a pretrained model has the weights of its folder, with the
    /// learning rates and the frozen parts that its configuration asks for.
    ///
    /// # Errors
    /// As [`TextClassifier::new`], and if the folder has no weights that fit.
    pub fn initial(
        config: &Model,
        head: Head,
        encoder: Encoder,
        labels: &[String],
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        // Shapes are checked before there is a model.
        let start = match config {
            Model::Pretrained(config) => Some(Start::open(config, encoder.size())?),
            _ => None,
        };
        let mut classifier = Self::new(config, head, encoder, labels, seed, device)?;
        if let Some(start) = start {
            start.apply(classifier.model_mut())?;
        }
        Ok(classifier)
    }

    /// The same model a second time.
    ///
    /// # Errors
    /// If the device failed or cannot hold it.
    pub fn copy(&self) -> Result<Self> {
        let (head, encoder) = (self.head.clone(), self.encoder.clone());
        let device = self.model.device();
        let mut copy = Self::new(&self.config, head, encoder, &self.labels, 0, device)?;
        if !device.is_shapes() {
            let values = self.model.parameters().values().read()?;
            let store = copy.model.parameters_mut();
            store.values_mut()?.restore(&values)?;
        }
        copy.c = self.c;
        Ok(copy)
    }

    /// The names of the classes.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Its architecture.
    pub fn config(&self) -> &Model {
        &self.config
    }

    /// What its classifier reads, where it is a Transformer.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The model.
    pub fn model(&self) -> &dyn Classifier {
        &*self.model
    }

    /// The model, to train.
    pub fn model_mut(&mut self) -> &mut dyn Classifier {
        &mut *self.model
    }

    /// The value of C that was chosen, for a penalised linear model.
    pub fn c(&self) -> Option<f64> {
        self.c
    }

    pub(crate) fn set_c(&mut self, c: f64) {
        self.c = Some(c);
    }

    /// The encoder.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Computes once what inference can: the products of word vectors and kernels of a TextCNN.
    /// Returns the bytes they take, or `None` if the model has nothing to fold.
    ///
    /// # Errors
    /// If the device cannot hold them.
    pub fn fold(&mut self) -> Result<Option<usize>> {
        Ok(self.model.fold()?)
    }
}

/// The model that a configuration describes, with random weights.
///
/// # Errors
/// If the sizes contradict each other, or the device cannot hold them.
pub fn classifier_of(
    config: &Model,
    head: &Head,
    encoder: &Encoder,
    classes: usize,
    seed: u64,
    device: &Device,
) -> limbeck_engine::Result<Box<dyn Classifier>> {
    Ok(match config {
        Model::Transformer(config) => Box::new(Transformer::new(
            transformer(config, head, encoder, classes),
            seed,
            device,
        )?),
        Model::Pretrained(config) => Box::new(Transformer::new(
            pretrained(config, head, encoder, classes),
            seed,
            device,
        )?),
        Model::TextCnn(config) => Box::new(TextCnn::new(
            text_cnn(config, encoder, classes),
            seed,
            device,
        )?),
        Model::BagOfNgrams(config) => Box::new(BagOfNgrams::new(
            bag_of_ngrams(config, encoder, classes),
            seed,
            device,
        )?),
        Model::TextGraph(_) | Model::TextLevel(_) | Model::Corpus(_) | Model::Sgc(_) => {
            network_of(config, encoder, classes, seed, device)?
        }
        Model::Seq2seq(config) => Box::new(Seq2Seq::new(
            seq2seq(config, encoder, classes),
            seed,
            device,
        )?),
        Model::Tagger(config) => Box::new(tagger_of(config, encoder, classes, seed, device)?),
        _ => network_over(config, encoder, classes, seed, device)?,
    })
}

fn seq2seq(config: &Seq2seqConfig, encoder: &Encoder, classes: usize) -> models::Seq2SeqConfig {
    models::Seq2SeqConfig {
        vocabulary_size: encoder.size(),
        vocabulary: encoder.fingerprint(),
        classes,
        hidden_size: config.hidden_size,
        encoder_layers: config.layers,
        decoder_layers: config.decoder_layers,
        heads: config.heads,
        feed_forward_size: config.feed_forward_size,
        dropout: config.dropout,
        attention_dropout: config.attention_dropout,
        norm: norm(config.norm),
        gradient_checkpointing: config.gradient_checkpointing,
        max_positions: config.max_positions,
    }
}

fn norm(norm: Norm) -> NormPosition {
    match norm {
        Norm::Pre => NormPosition::Pre,
        Norm::Post => NormPosition::Post,
    }
}

fn transformer(
    config: &TransformerConfig,
    head: &Head,
    encoder: &Encoder,
    classes: usize,
) -> models::TransformerConfig {
    models::TransformerConfig {
        vocabulary_size: encoder.size(),
        vocabulary: encoder.fingerprint(),
        classes,
        hidden_size: config.hidden_size,
        layers: config.layers,
        heads: config.heads,
        feed_forward_size: config.feed_forward_size,
        dropout: config.dropout,
        attention_dropout: config.attention_dropout,
        norm: norm(config.norm),
        functions: LayerFunctions::default(),
        gradient_checkpointing: config.gradient_checkpointing,
        pooling: pooling(config.pooling),
        max_positions: config.max_positions,
        head: head.clone(),
    }
}

fn pooling(pooling: TransformerPooling) -> TextPooling {
    match pooling {
        TransformerPooling::Mean => TextPooling::Mean,
        TransformerPooling::First => TextPooling::First,
    }
}

fn pretrained(
    config: &PretrainedConfig,
    head: &Head,
    encoder: &Encoder,
    classes: usize,
) -> models::TransformerConfig {
    let sizes = &config.encoder;
    models::TransformerConfig {
        vocabulary_size: encoder.size(),
        vocabulary: encoder.fingerprint(),
        classes,
        hidden_size: sizes.hidden_size,
        layers: sizes.layers,
        heads: sizes.heads,
        feed_forward_size: sizes.feed_forward_size,
        dropout: config.dropout,
        attention_dropout: config.attention_dropout,
        norm: NormPosition::Post,
        functions: LayerFunctions {
            norm_epsilon: sizes.norm_epsilon as f32,
            activation: sizes.activation.into(),
        },
        gradient_checkpointing: config.gradient_checkpointing,
        pooling: pooling(config.pooling),
        max_positions: sizes.max_positions,
        head: head.clone(),
    }
}

fn text_cnn(config: &TextCnnConfig, encoder: &Encoder, classes: usize) -> models::TextCnnConfig {
    models::TextCnnConfig {
        vocabulary_size: encoder.size(),
        vocabulary: encoder.fingerprint(),
        classes,
        embedding_size: config.embedding_size,
        channels: config.channels,
        kernel_sizes: config.kernel_sizes.clone(),
        topology: match config.topology {
            Topology::Stacked => models::Topology::Stacked,
            Topology::Parallel => models::Topology::Parallel,
        },
        pooling: match config.pooling {
            TextCnnPooling::Max => TimePooling::Max,
            TextCnnPooling::Mean => TimePooling::Mean,
            TextCnnPooling::MaxMean => TimePooling::MaxMean,
        },
        dropout: config.dropout,
        // The tokeniser has cut the texts already.
        max_length: usize::MAX,
    }
}

fn bag_of_ngrams(
    config: &BagOfNgramsConfig,
    encoder: &Encoder,
    classes: usize,
) -> models::BagOfNgramsConfig {
    models::BagOfNgramsConfig {
        vocabulary_size: encoder.size(),
        vocabulary: encoder.fingerprint(),
        classes,
        hidden_size: config.hidden_size,
        dropout: config.dropout,
    }
}
