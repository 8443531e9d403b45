//! `limbeck predict` and `limbeck eval`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use limbeck_data::DataError;
use limbeck_recipes::text::{Prediction, Tagged, TextClassifier, best_classes};
use serde_json::json;
use tracing::{info, warn};

use super::output;
use crate::run::{
    DeviceChoice, Error, Result, evaluate, in_threads, load_classifier, load_generator,
};

#[derive(Debug, Args)]
pub(super) struct ModelArgs {
    /// A run folder, or the folder of one model.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Which model of the run: teacher, student, student_alone ...
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// cpu, gpu, gpu:NAME (a part of the adapter's name) or reference.
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: DeviceChoice,
    /// Fold the convolutions of a TextCNN over its vocabulary: several times faster, for the memory
    /// that is logged.
    #[arg(long)]
    folded: bool,
}

impl ModelArgs {
    fn load(&self) -> Result<TextClassifier> {
        let device = self.device.open()?;
        let mut classifier = load_classifier(&self.run, self.model.as_deref(), &device)?;
        if self.folded {
            match classifier.fold()? {
                Some(bytes) => info!("folded tables: {:.1} MB", bytes as f64 / 1e6),
                None => warn!("--folded changes nothing: the model has nothing to fold"),
            }
        }
        Ok(classifier)
    }
}

#[derive(Debug, Args)]
pub(super) struct PredictArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Texts, one a line; of a model of pictures or speech the paths of PNG or WAV files. `-` for
    /// standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// One JSON object a line, with the probability of every class, or with words, tags and spans.
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
    /// The K most probable classes of a text, the best first; of keywords, the K surest.
    #[arg(short, long = "best", value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    k: Option<u32>,
    /// Number of CPU threads; without it, all cores.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Of a model of pictures: write the classes of their pixels into this folder, as shades of grey.
    #[arg(long, value_name = "FOLDER")]
    labels_into: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct EvalArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Labelled texts: `label<TAB>text` lines, CSV or JSONL; of a tagger a file like those it was
    /// trained on. Of a language model: a text, a sentence a line.
    #[arg(value_name = "DATA")]
    data: PathBuf,
    /// Of a language model: ln p, tokens and unnormalised ln p of every sentence, a line each.
    #[arg(long)]
    per_sentence: bool,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
}

/// A line that is longer is none: whatever the file, memory stays bounded.
const LONGEST_LINE: u64 = 16 << 20;
/// Lines answered together: enough to fill the machine, few enough to stream.
const TOGETHER: usize = 64;

pub(super) fn predict(args: &PredictArgs) -> Result<()> {
    in_threads(args.threads.map(usize::from), || answer(args))
}

/// Answers line by line: never more than a few of them are in memory.
fn answer(args: &PredictArgs) -> Result<()> {
    let classifier = args.model.load()?;
    let best = args.k.map(|k| k as usize);
    let keywords = classifier.space().finds_keywords();
    let media = classifier.reads_pictures() || classifier.reads_speech();
    if best.is_some() && (media || (classifier.is_tagger() && !keywords)) {
        let message =
            "-k is for models that classify texts or find keywords; this one does neither";
        return Err(Error::Usage(message.into()));
    }
    let mut lines = Lines::open(&args.file)?;
    let mut stdout = io::stdout().lock();
    loop {
        let texts = lines.next(TOGETHER)?;
        if texts.is_empty() {
            return Ok(());
        }
        let answers = if media {
            let form = (args.json, args.labels_into.as_deref());
            super::media::answers(&classifier, &texts, form)?
        } else if classifier.is_tagger() {
            tags(&classifier, &texts, args.json, best)?
        } else {
            classes(&classifier, &texts, args.json, best)?
        };
        for line in answers {
            match writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
                Ok(()) => {}
                Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                Err(cause) => return Err(io_error("write to", Path::new("stdout"), cause)),
            }
        }
    }
}

/// A line for each text: its class and how probable that is, or the best of them.
fn classes(
    classifier: &TextClassifier,
    texts: &[String],
    json: bool,
    best: Option<usize>,
) -> Result<Vec<String>> {
    let labels = classifier.labels();
    let line = |prediction: Prediction| {
        let all = &prediction.probabilities;
        if !json {
            let named = best_classes(all, best.unwrap_or(1));
            let named = named.map(|class| format!("{}\t{:.4}", labels[class], all[class]));
            return named.collect::<Vec<_>>().join("\t");
        }
        let classes = labels.iter().zip(all);
        let classes: serde_json::Map<_, _> = classes
            .map(|(label, p)| (label.clone(), json!(p)))
            .collect();
        let (label, p) = (&prediction.label, prediction.probability);
        let mut object = json!({ "label": label, "probability": p, "probabilities": classes });
        if let Some(k) = best {
            let named = best_classes(all, k);
            let named = named.map(|c| json!({ "label": labels[c], "probability": all[c] }));
            object["best"] = named.collect();
        }
        object.to_string()
    };
    let predictions = classifier.predict(texts)?.into_iter();
    Ok(predictions.map(line).collect())
}

/// A line for each text: the tags of its words, or its keywords.
fn tags(
    classifier: &TextClassifier,
    texts: &[String],
    json: bool,
    best: Option<usize>,
) -> Result<Vec<String>> {
    let keywords = classifier.space().finds_keywords();
    let line = |mut found: Tagged| {
        found.keywords.truncate(best.unwrap_or(usize::MAX));
        match (json, keywords) {
            (true, _) => json!(found).to_string(),
            (false, true) => found.keywords.join("\t"),
            (false, false) => found.tags.join(" "),
        }
    };
    Ok(classifier.tag(texts)?.into_iter().map(line).collect())
}

pub(super) fn eval(args: &EvalArgs) -> Result<()> {
    let device = args.model.device.open()?;
    if let Some(generator) = load_generator(&args.model.run, &device)? {
        return super::language::eval(&generator, &args.data, args.per_sentence, args.json);
    }
    if args.per_sentence {
        let run = args.model.run.display();
        let message = format!("--per-sentence is for language models; {run} holds none");
        return Err(Error::Usage(message));
    }
    let classifier = args.model.load()?;
    let metrics = evaluate(&classifier, &args.data)?;
    if args.json {
        let value = serde_json::to_value(&metrics).expect("metrics hold numbers and names alone");
        return output::print_json(&value);
    }
    let lines = metrics.iter().map(|(name, value)| {
        let value = value.map_or_else(|| "-".into(), ToString::to_string);
        format!("{name}\t{value}")
    });
    output::print(&lines.collect::<Vec<_>>().join("\n"))
}

/// The lines of a file or of standard input, a few at a time.
pub(super) struct Lines {
    reader: Box<dyn BufRead>,
    path: PathBuf,
    number: usize,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let reader: Box<dyn BufRead> = if path.as_os_str() == "-" {
            Box::new(io::stdin().lock())
        } else {
            let file = File::open(path).map_err(|cause| match cause.kind() {
                io::ErrorKind::NotFound => Error::Data(DataError::Missing {
                    path: path.into(),
                    advice: "Check the folder and the name".into(),
                }),
                _ => io_error("read", path, cause),
            })?;
            Box::new(BufReader::new(file))
        };
        Ok(Lines {
            reader,
            path: path.into(),
            number: 0,
        })
    }

    /// Up to `count` lines; of a terminal or a slow pipe, those that are there.
    pub(super) fn next(&mut self, count: usize) -> Result<Vec<String>> {
        let mut texts = Vec::new();
        let mut line = Vec::new();
        while texts.len() < count {
            line.clear();
            let mut start = self.reader.by_ref().take(LONGEST_LINE + 1);
            let read = start.read_until(b'\n', &mut line);
            if read.map_err(|cause| io_error("read", &self.path, cause))? == 0 {
                break;
            }
            self.number += 1;
            if line.len() as u64 > LONGEST_LINE {
                return Err(Error::Data(DataError::Line {
                    path: self.path.clone(),
                    line: self.number,
                    expected: format!("a text of at most {LONGEST_LINE} bytes"),
                    found: "a longer line".into(),
                    advice: "Put each text on a line of its own".into(),
                }));
            }
            let text = std::str::from_utf8(&line).map_err(|error| DataError::Encoding {
                path: self.path.clone(),
                line: self.number,
                column: error.valid_up_to() + 1,
                value: line[error.valid_up_to()],
            })?;
            texts.push(text.trim_end_matches(['\n', '\r']).to_string());
            // Answer a person, or a program that waits, at once.
            if !self
                .reader
                .fill_buf()
                .is_ok_and(|rest| rest.contains(&b'\n'))
            {
                break;
            }
        }
        Ok(texts)
    }
}

pub(super) fn io_error(action: &'static str, path: &Path, cause: io::Error) -> Error {
    Error::Io {
        action,
        path: path.into(),
        cause,
    }
}
