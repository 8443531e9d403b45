//! Sequence taggers: scores, loss and gradients, training, and what a decoder writes by itself.

use limbeck::engine::{Device, ParameterVector, Result, Tape, Var};
use limbeck::kernels::{Labels, Normaliser, crf, weighted_mean};
use limbeck::losses::hard_cross_entropy;
use limbeck::models::tagging::{
    Seq2SeqTrunk, Tagger, TaggerConfig, TextCnnTrunk, TransformerTrunk, TrunkConfig,
    WordInputConfig, WordText,
};
use limbeck::models::{Batch, Classifier, Encoded};
use serde::Deserialize;

use crate::compare::{Tolerance, each, relative};
use crate::files::{self, TaggerFile};
use crate::models::train;
use crate::parameters;
use crate::sizes::{DecoderSizes, VOCABULARY, topology};

const FILES: [&str; 4] = [
    "tagger_text_cnn_parallel.json",
    "tagger_text_cnn_stacked.json",
    "tagger_transformer.json",
    "tagger_seq2seq.json",
];

/// Compares every tagger on `device`.
pub(crate) fn check(device: &Device, tolerance: &Tolerance) {
    for name in FILES {
        let complaints = complaints(&files::read(name), device, tolerance);
        let complaints = complaints.unwrap_or_else(|error| vec![error.to_string()]);
        let device = device.name();
        assert!(
            complaints.is_empty(),
            "{name} on {device}\n{}",
            complaints.join("\n")
        );
    }
}

fn complaints(
    file: &TaggerFile,
    device: &Device,
    tolerance: &Tolerance,
) -> limbeck::training::Result<Vec<String>> {
    let mut model = build(file, device)?;
    let mut complaints = parameters::records(&file.parameters, model.parameters());
    let batch = batch(file, &model)?;
    let written = model.forward(&Tape::inference(device), &batch)?.logits;
    let written = written.tensor().read_f64()?;
    let allowed = tolerance.values;
    complaints.extend(relative("written", &written, &file.written, allowed));

    let mut gradients = model.parameters().zeros()?;
    let (logits, loss) = step(file, &model, &mut gradients)?;
    complaints.extend(relative("logits", &logits, &file.logits, allowed));
    complaints.extend(each("loss", &[loss], &[file.loss], tolerance.losses));
    complaints.extend(parameters::gradients(
        &file.parameters,
        &gradients,
        tolerance,
    )?);
    for training in &file.training {
        parameters::load(&file.parameters, model.parameters_mut())?;
        let losses = train(&mut model, training, |model, gradients| {
            Ok(step(file, model, gradients)?.1)
        })?;
        let what = format!("{:?}, loss after update", training.optimizer.config());
        complaints.extend(each(&what, &losses, &training.losses, tolerance.losses));
    }
    Ok(complaints)
}

/// The tagger of a file, with the file's parameters.
fn build(file: &TaggerFile, device: &Device) -> Result<Tagger> {
    let mut model = Tagger::new(file.tagger.config(), 0, device)?;
    parameters::load(&file.parameters, model.parameters_mut())?;
    Ok(model)
}

fn batch(file: &TaggerFile, model: &Tagger) -> Result<Batch> {
    let texts: Vec<Encoded> = file.sentences.iter().map(encoded).collect();
    model.batch(&texts.iter().collect::<Vec<_>>(), 0)
}

/// Scores behind the true tags, and the loss; gradients are added.
fn step(
    file: &TaggerFile,
    model: &Tagger,
    gradients: &mut ParameterVector,
) -> Result<(Vec<f64>, f64)> {
    let tape = Tape::deterministic(model.device());
    let batch = batch(file, model)?;
    let logits = model.forward_labelled(&tape, &batch, &file.labels)?;
    let loss = loss(model, &tape, &batch, (&logits, &file.labels))?;
    tape.backward(&loss, &mut [gradients])?
        .refuse(&[model.parameters()])?;
    Ok((logits.tensor().read_f64()?, loss.tensor().item()?))
}

fn encoded(sentence: &files::Sentence) -> Encoded {
    Encoded::Words(WordText {
        ids: sentence.words.clone(),
        spellings: sentence.spellings.clone(),
        shapes: sentence.shapes.clone(),
        vocabulary: VOCABULARY,
    })
}

/// The mean over words.
fn loss(
    model: &Tagger,
    tape: &Tape,
    batch: &Batch,
    (logits, labels): (&Var, &[u32]),
) -> Result<Var> {
    let Some(transitions) = model.transitions() else {
        return hard_cross_entropy(tape, logits, labels);
    };
    let transitions = tape.parameter(model.parameters(), transitions);
    let packed = &batch.words()?.packed;
    let count = Normaliser::Count(labels.len() as f32);
    let labels = Labels::new(tape.device(), labels, model.classes())?;
    let rows = crf(tape, logits, &transitions, packed, &labels)?;
    weighted_mean(tape, &rows, None, count)
}

/// A sequence tagger.
#[derive(Deserialize)]
pub(crate) struct TaggerSizes {
    words: usize,
    letters: usize,
    shapes: usize,
    word_size: usize,
    letter_size: usize,
    letter_channels: usize,
    letter_kernel_size: usize,
    shape_size: usize,
    tags: usize,
    crf: bool,
    trunk: TrunkSizes,
}

/// What makes a tagger's vectors.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum TrunkSizes {
    TextCnn {
        channels: usize,
        kernel_sizes: Vec<usize>,
        topology: String,
    },
    Transformer(AttentionSizes),
    Seq2Seq(AttentionSizes),
}

/// A tagger's encoder, and the layers of its decoder.
#[derive(Deserialize)]
struct AttentionSizes {
    window: usize,
    max_positions: usize,
    decoder_layers: usize,
    stack: DecoderSizes,
}

impl TaggerSizes {
    pub(crate) fn config(&self) -> TaggerConfig {
        TaggerConfig {
            input: WordInputConfig {
                vocabulary: VOCABULARY,
                words: self.words,
                letters: self.letters,
                shapes: self.shapes,
                word_size: self.word_size,
                letter_size: self.letter_size,
                letter_channels: self.letter_channels,
                letter_kernel_size: self.letter_kernel_size,
                shape_size: self.shape_size,
                dropout: 0.0,
            },
            trunk: self.trunk.config(),
            tags: self.tags,
            dropout: 0.0,
            crf: self.crf,
        }
    }
}

impl TrunkSizes {
    fn config(&self) -> TrunkConfig {
        match self {
            TrunkSizes::TextCnn {
                channels,
                kernel_sizes,
                topology: name,
            } => TrunkConfig::TextCnn(TextCnnTrunk {
                channels: *channels,
                kernel_sizes: kernel_sizes.clone(),
                topology: topology(name),
            }),
            TrunkSizes::Transformer(sizes) => TrunkConfig::Transformer(sizes.encoder()),
            TrunkSizes::Seq2Seq(sizes) => TrunkConfig::Seq2Seq(Seq2SeqTrunk {
                encoder: sizes.encoder(),
                decoder_layers: sizes.decoder_layers,
                symbol_dropout: 0.0,
            }),
        }
    }
}

impl AttentionSizes {
    fn encoder(&self) -> TransformerTrunk {
        TransformerTrunk {
            stack: self.stack.config(),
            max_positions: self.max_positions,
            window: self.window,
        }
    }
}
