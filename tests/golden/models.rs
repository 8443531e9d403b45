//! Models: logits, loss, gradients, and training.

use limbeck::engine::{Device, ParameterVector, Result, Tape, TokenIds};
use limbeck::losses::hard_cross_entropy;
use limbeck::models::{
    Classifier, Encoded, GatedGraph, Seq2Seq, SpeechNet, TextCnn, TextLevelGraph, Transformer, UNet,
};
use limbeck::training::optimizer::Optimizer;

use crate::compare::{Tolerance, each, relative};
use crate::files::{self, ModelFile, Training};
use crate::graphs;
use crate::networks;
use crate::parameters;
use crate::sizes::{Model, VOCABULARY};

const FILES: [&str; 18] = [
    "text_cnn_stacked.json",
    "text_cnn_parallel.json",
    "text_cnn_max_mean.json",
    "transformer_pre_norm.json",
    "transformer_post_norm.json",
    "seq2seq_pre_norm.json",
    "seq2seq_post_norm.json",
    "text_graph_weighted.json",
    "text_graph_attention.json",
    "text_graph_level.json",
    "text_graph_corpus.json",
    "text_graph_simple.json",
    "unet_bilinear.json",
    "unet_nearest.json",
    "speech_convolution_frames.json",
    "speech_convolution_segments.json",
    "speech_recurrent_frames.json",
    "speech_recurrent_segments.json",
];

/// Compares every model on `device`.
pub(crate) fn check(device: &Device, tolerance: &Tolerance) {
    let mut complaints = Vec::new();
    for name in FILES {
        let file: ModelFile = files::read(name);
        match complaints_of(&file, device, tolerance) {
            Ok(found) => complaints.extend(found.iter().map(|text| format!("{name}: {text}"))),
            Err(error) => complaints.push(format!("{name}: {error}")),
        }
    }
    assert!(
        complaints.is_empty(),
        "on {}\n{}",
        device.name(),
        complaints.join("\n")
    );
}

fn complaints_of(
    file: &ModelFile,
    device: &Device,
    tolerance: &Tolerance,
) -> limbeck::training::Result<Vec<String>> {
    let model = build(file, device)?;
    let mut complaints = parameters::records(&file.parameters, model.parameters());
    let mut gradients = model.parameters().zeros()?;
    let (logits, loss) = step(file, &*model, &mut gradients)?;
    complaints.extend(relative("logits", &logits, &file.logits, tolerance.values));
    complaints.extend(each("loss", &[loss], &[file.loss], tolerance.losses));
    let wrong = parameters::gradients(&file.parameters, &gradients, tolerance)?;
    complaints.extend(wrong);
    for training in &file.training {
        let mut model = build(file, device)?;
        let losses = train(&mut *model, training, |model, gradients| {
            Ok(step(file, model, gradients)?.1)
        })?;
        let what = format!("{:?}, loss after update", training.optimizer.config());
        complaints.extend(each(&what, &losses, &training.losses, tolerance.losses));
    }
    Ok(complaints)
}

/// Logits and loss; gradients are added.
fn step(
    file: &ModelFile,
    model: &dyn Classifier,
    gradients: &mut ParameterVector,
) -> Result<(Vec<f64>, f64)> {
    let texts = encoded(file);
    let tape = Tape::deterministic(model.device());
    let batch = model.batch(&texts.iter().collect::<Vec<_>>(), 0)?;
    let logits = model.forward(&tape, &batch)?.logits;
    let loss = hard_cross_entropy(&tape, &logits, &file.labels)?;
    tape.backward(&loss, &mut [gradients])?
        .refuse(&[model.parameters()])?;
    Ok((logits.tensor().read_f64()?, loss.tensor().item()?))
}

/// What the model scores, as it reads it.
fn encoded(file: &ModelFile) -> Vec<Encoded> {
    let ids = |text: &Vec<u32>| Encoded::Tokens(TokenIds::new(text.clone(), VOCABULARY));
    match &file.model {
        Model::Transformer(_) | Model::Seq2Seq(_) | Model::TextCnn(_) => {
            file.texts.iter().map(ids).collect()
        }
        Model::TextGraph(sizes) => graphs::weighted(&file.texts, sizes),
        Model::TextLevel(sizes) => graphs::numbered(&file.texts, sizes),
        Model::Corpus(sizes) => graphs::documents(&file.texts, sizes),
        Model::UNet(_) => file.pictures.iter().map(networks::picture).collect(),
        Model::Speech(_) => file.clips.iter().map(networks::clip).collect(),
    }
}

/// The losses after 0, 1 ... updates; `step` gives the loss and adds to the gradients.
pub(crate) fn train<M: Classifier + ?Sized>(
    model: &mut M,
    training: &Training,
    step: impl Fn(&M, &mut ParameterVector) -> Result<f64>,
) -> limbeck::training::Result<Vec<f64>> {
    let mut gradients = model.parameters().zeros()?;
    let mut optimizer = Optimizer::new(model.parameters(), &training.optimizer.config(), None)?;
    let schedule = training.schedule.schedule();
    let mut losses = Vec::new();
    for done in 0..training.losses.len() as u64 {
        gradients.fill_zero()?;
        losses.push(step(model, &mut gradients)?);
        let rate = training.optimizer.learning_rate() * schedule.multiplier(done);
        optimizer.update(model.parameters_mut(), &gradients, rate)?;
    }
    Ok(losses)
}

/// The model of a file, with the file's parameters.
fn build(file: &ModelFile, device: &Device) -> Result<Box<dyn Classifier>> {
    let mut model: Box<dyn Classifier> = match &file.model {
        Model::Transformer(sizes) => Box::new(Transformer::new(sizes.config(), 0, device)?),
        Model::Seq2Seq(sizes) => Box::new(Seq2Seq::new(sizes.config(), 0, device)?),
        Model::TextCnn(sizes) => Box::new(TextCnn::new(sizes.config(), 0, device)?),
        Model::TextGraph(sizes) => Box::new(GatedGraph::new(sizes.config(), 0, device)?),
        Model::TextLevel(sizes) => Box::new(TextLevelGraph::new(sizes.config(), 0, device)?),
        Model::Corpus(sizes) => Box::new(graphs::corpus(&file.texts, sizes, device)?),
        Model::UNet(sizes) => Box::new(UNet::new(sizes.config(), 0, device)?),
        Model::Speech(sizes) => Box::new(SpeechNet::new(sizes.config(), 0, device)?),
    };
    parameters::load(&file.parameters, model.parameters_mut())?;
    Ok(model)
}
