//! A run in words.

use std::fmt::Write;

use limbeck_recipes::config::{
    GateMixupRun, LayerwiseRun, Model, NceLmRun, RelayRun, Run, SpeechTrunk, TrainRun,
    UnitSelectRun,
};
use serde_json::Value;

/// What the run file asks for, a line per model.
pub(super) fn summary(run: &Run) -> String {
    match run {
        Run::Train(run) => train_summary(run),
        Run::Layerwise(run) => layerwise_summary(run),
        Run::NceLm(run) => language_summary(run),
        Run::GateMixup(run) => mutual_summary(run),
        Run::Relay(run) => relay_summary(run),
        Run::UnitSelect(run) => unit_select_summary(run),
    }
}

fn language_summary(run: &NceLmRun) -> String {
    let (model, method) = (&run.model, &run.method);
    let tied = if model.tied { ", tied" } else { "" };
    let touched = match run.is_row_sparse() {
        true => "only the rows of the tables that it reads",
        false => "all of the tables",
    };
    format!(
        "preset: {}\nmodel: {}, {} layers of {}, word vectors of {}{tied}\ncriterion: {}, {} words \
         of {} noise\ntraining: {}; an update touches {touched}",
        name_of(&run.preset),
        name_of(&model.kind),
        model.layers,
        model.hidden_size,
        model.embedding_size,
        name_of(&method.criterion),
        method.noise_size,
        name_of(&method.noise),
        run.training.length,
    )
}

fn train_summary(run: &TrainRun) -> String {
    format!(
        "model: {}\ntraining: {}",
        model_line(&run.model),
        run.training.length
    )
}

fn mutual_summary(run: &GateMixupRun) -> String {
    let options = &run.distillation;
    format!(
        "preset: {}\nteacher: {}\nstudent: {}\nturns: {}, of an {} each; a gate for every {} by {}, \
         scores {}",
        name_of(&run.preset),
        model_line(&run.teacher),
        model_line(&run.student),
        name_of(&options.direction),
        name_of(&options.alternate),
        name_of(&options.gate),
        name_of(&options.metric),
        name_of(&options.sender_outputs),
    )
}

fn relay_summary(run: &RelayRun) -> String {
    let options = &run.distillation;
    let student = Model::TextCnn(run.student.clone());
    let mut text = format!(
        "preset: {}\nteacher A: {}\nteacher B: {}\nstudent: {}\n",
        name_of(&run.preset),
        model_line(&run.teacher_a),
        model_line(&run.teacher_b),
        model_line(&student),
    );
    if let Some(words) = &run.words {
        let _ = writeln!(
            text,
            "words: vectors of {}, {} channels over letters, forms of {}{}",
            words.size,
            words.letter_channels,
            words.form_size,
            if words.crf { ", CRF" } else { "" },
        );
    }
    let _ = writeln!(
        text,
        "relay: score {} of at least {}, predictions {}, policy {}, {} labels, loss {}",
        name_of(&options.score),
        options.threshold,
        name_of(&options.predict_mode),
        name_of(&options.policy),
        name_of(&options.label_form),
        name_of(&options.loss),
    );
    text
}

fn unit_select_summary(run: &UnitSelectRun) -> String {
    let options = &run.distillation;
    let others: Vec<String> = options.compare.iter().map(name_of).collect();
    format!(
        "preset: {}\nteacher: {}\nstudent: {}\nunits: selected by {} ({} difference, margin {}), \
         teacher's answers {}, truth of {} units, {} at temperature {}\nbeside it: {}\n",
        name_of(&run.preset),
        model_line(&run.teacher),
        model_line(&run.student),
        name_of(&options.selection),
        name_of(&options.difference),
        options.margin,
        name_of(&options.sender_outputs),
        name_of(&options.gt_units),
        name_of(&options.transfer),
        options.temperature,
        others.join(", "),
    )
}

fn layerwise_summary(run: &LayerwiseRun) -> String {
    let mut text = format!(
        "preset: {}\nteacher: {}\n",
        name_of(&run.preset),
        model_line(&run.teacher)
    );
    if let Some(beside) = &run.beside_teacher {
        let _ = writeln!(
            text,
            "beside it: {}, weight {}",
            model_line(&beside.model),
            beside.weight
        );
    }
    let student = Model::TextCnn(run.student.clone());
    let _ = writeln!(text, "student: {}", model_line(&student));
    text
}

fn model_line(model: &Model) -> String {
    match model {
        Model::Transformer(config) => format!(
            "Transformer, {} layers of {}, {} heads, tokens by {}{}",
            config.layers,
            config.hidden_size,
            config.heads,
            name_of(&config.tokenizer.kind),
            checkpointing(config.gradient_checkpointing)
        ),
        Model::Unet(config) => format!(
            "U-Net, {} levels, {} channels in the first, groups of {}",
            config.levels,
            config.width,
            config.width / config.groups.max(1)
        ),
        Model::Speech(config) => match config.trunk {
            SpeechTrunk::Convolution => format!(
                "convolutions over frames, kernels {:?}, {} channels",
                config.kernel_sizes, config.channels
            ),
            SpeechTrunk::Recurrent => format!(
                "recurrent over frames, {} layers of {} both ways",
                config.layers, config.channels
            ),
        },
        Model::TextCnn(config) => format!(
            "TextCNN, {}, kernels {:?}, {} channels, tokens by {}",
            name_of(&config.topology),
            config.kernel_sizes,
            config.channels,
            name_of(&config.tokenizer.kind)
        ),
        Model::BagOfNgrams(config) => format!(
            "bag of {} n-grams from {} to {}",
            name_of(&config.unit),
            config.ngrams[0],
            config.ngrams[1]
        ),
        Model::TextGraph(config) => format!(
            "gated graph network, {} steps of {}, window {}, tokens by {}",
            config.steps,
            config.hidden_size,
            config.window,
            name_of(&config.tokenizer.kind)
        ),
        Model::TextLevel(config) => format!(
            "text-level graph network of {}, reach {}, tokens by {}",
            config.hidden_size,
            config.reach,
            name_of(&config.tokenizer.kind)
        ),
        Model::Corpus(config) => format!(
            "graph convolution over the corpus (transductive), hidden {}, window {}, tokens by {}",
            config.hidden_size,
            config.window,
            name_of(&config.tokenizer.kind)
        ),
        Model::Sgc(config) => format!(
            "simple graph convolution over the corpus (transductive), {} hops, window {}, tokens by {}",
            config.hops,
            config.window,
            name_of(&config.tokenizer.kind)
        ),
        Model::Seq2seq(config) => format!(
            "Transformer, {} layers of {} that read and {} that write, {} heads, tokens by {}{}",
            config.layers,
            config.hidden_size,
            config.decoder_layers,
            config.heads,
            name_of(&config.tokenizer.kind),
            checkpointing(config.gradient_checkpointing)
        ),
        Model::Pretrained(config) => format!(
            "pretrained encoder of {}, {} layers of {}, {} heads, layer decay {}{}{}",
            config.dir.display(),
            config.encoder.layers,
            config.encoder.hidden_size,
            config.encoder.heads,
            config.layer_decay,
            match (config.frozen_embeddings, config.frozen_layers) {
                (false, 0) => String::new(),
                (true, 0) => ", embeddings frozen".into(),
                (false, layers) => format!(", {layers} layers frozen"),
                (true, layers) => format!(", embeddings and {layers} layers frozen"),
            },
            checkpointing(config.gradient_checkpointing)
        ),
        Model::File(config) => format!("scores of {}", config.file.display()),
        Model::Tagger(config) => format!("tagger of words, {}", model_line(&config.trunk)),
    }
}

fn checkpointing(on: bool) -> &'static str {
    if on { ", gradient checkpointing" } else { "" }
}

/// A choice as it is written in a run file.
fn name_of(choice: &impl serde::Serialize) -> String {
    match serde_json::to_value(choice) {
        Ok(Value::String(name)) => name,
        other => unreachable!("a choice is written as a text, found {other:?}"),
    }
}
