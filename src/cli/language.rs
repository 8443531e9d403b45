//! `limbeck generate`, `limbeck prepare`, and `limbeck eval` of language models.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use limbeck_data::Unit;
use limbeck_data::language::{LanguageOptions, LanguageVocabulary, Sentences, load, prepare};
use limbeck_recipes::nce_lm::{Generator, Sampling, TextGenerator, sentence_scores};
use serde_json::json;

use super::output;
use super::serve::io_error;
use crate::run::{DeviceChoice, Error, Result, evaluate_text, load_generator};

#[derive(Debug, Args)]
pub(super) struct GenerateArgs {
    /// The run folder of a language model, or the model's folder.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// What the text begins with; without it, a new sentence.
    #[arg(long, value_name = "TEXT", default_value = "")]
    prompt: String,
    /// Words (or characters) to write.
    #[arg(long, value_name = "N", default_value_t = 200)]
    tokens: u64,
    /// Below 1 likely words become likelier still; 0 takes the likeliest.
    #[arg(long, value_name = "T", default_value_t = 1.0)]
    temperature: f64,
    /// Choose among so many of the likeliest words; 0 for all.
    #[arg(long, value_name = "K", default_value_t = 0)]
    top_k: usize,
    /// Choose among the likeliest words that together have this probability.
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    top_p: f64,
    /// Seed of the draws.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// cpu, gpu, gpu:NAME (a part of the adapter's name) or reference.
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: DeviceChoice,
}

impl GenerateArgs {
    fn sampling(&self) -> Result<Sampling> {
        let warm = self.temperature >= 0.0 && self.temperature.is_finite();
        if !(warm && self.top_p > 0.0 && self.top_p <= 1.0) {
            return Err(Error::Usage(format!(
                "expected --temperature of at least 0 and --top-p above 0 and up to 1, found {} \
                 and {}",
                self.temperature, self.top_p
            )));
        }
        Ok(Sampling {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            seed: self.seed,
        })
    }
}

pub(super) fn generate(args: &GenerateArgs) -> Result<()> {
    let (sampling, device) = (args.sampling()?, args.device.open()?);
    let generator = load_generator(&args.run, &device)?.ok_or_else(|| {
        let run = args.run.display();
        Error::Usage(format!("{run} holds no finished language model"))
    })?;
    let mut text = Generator::new(&generator, &args.prompt, sampling)?;
    let vocabulary = generator.vocabulary();
    let words = vocabulary.unit() == Unit::Word;
    let mut stdout = io::stdout().lock();
    let mut write = |text: &str| {
        let written = stdout.write_all(text.as_bytes());
        written.and_then(|()| stdout.flush())
    };
    let mut written = write(&args.prompt);
    let mut line_begins = args.prompt.is_empty();
    for _ in 0..args.tokens {
        if let Err(cause) = written {
            return gone_or_failed(cause);
        }
        let word = text.next_word()?;
        let line_ends = word == vocabulary.end();
        let space = if words && !line_begins && !line_ends {
            " "
        } else {
            ""
        };
        line_begins = line_ends;
        written = write(&format!("{space}{}", vocabulary.detokenise(&[word])));
    }
    match written.and_then(|()| write("\n")) {
        Ok(()) => Ok(()),
        Err(cause) => gone_or_failed(cause),
    }
}

/// A reader that has gone away is no error.
fn gone_or_failed(cause: io::Error) -> Result<()> {
    match cause.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(io_error("write to", Path::new("stdout"), cause)),
    }
}

/// `limbeck eval` of a language model.
pub(super) fn eval(
    generator: &TextGenerator,
    path: &Path,
    per_sentence: bool,
    as_json: bool,
) -> Result<()> {
    if per_sentence {
        return eval_sentences(generator, path, as_json);
    }
    let judged = evaluate_text(generator, path)?;
    let figures = json!({
        "perplexity": judged.perplexity(),
        "unnormalised_perplexity": judged.unnormalised_perplexity(),
        "mean_log_z": judged.mean_log_z(),
        "sd_log_z": judged.sd_log_z(),
        "bits_per_token": judged.bits_per_token(),
        "tokens": judged.tokens,
    });
    if as_json {
        return output::print_json(&figures);
    }
    let lines = figures.as_object().into_iter().flatten();
    let lines: Vec<String> = lines
        .map(|(name, value)| format!("{name}\t{value}"))
        .collect();
    output::print(&lines.join("\n"))
}

fn eval_sentences(generator: &TextGenerator, path: &Path, as_json: bool) -> Result<()> {
    let (tokens, _) = load(path, generator.vocabulary())?;
    let sentences = Sentences::index(Arc::new(tokens))?;
    let mut stdout = io::stdout().lock();
    let mut failed = None;
    sentence_scores(generator.model(), &sentences, |score| {
        let line = match as_json {
            true => json!({
                "ln_p": score.ln_p,
                "tokens": score.tokens,
                "unnormalised_ln_p": score.unnormalised_ln_p,
            })
            .to_string(),
            false => format!(
                "{:.6}\t{}\t{:.6}",
                score.ln_p, score.tokens, score.unnormalised_ln_p
            ),
        };
        if failed.is_none() {
            failed = writeln!(stdout, "{line}").err();
        }
        Ok(())
    })?;
    failed.map_or(Ok(()), gone_or_failed)
}

#[derive(Debug, Args)]
pub(super) struct PrepareArgs {
    /// Texts, a sentence a line, plain or compressed with gzip.
    #[arg(value_name = "TEXT", required = true)]
    texts: Vec<PathBuf>,
    /// The token file to write, NAME.tokens; its vocabulary is written beside it.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Take the vocabulary of a text that was prepared before, as dev and test must take that of
    /// train: NAME.tokens.vocabulary.json.
    #[arg(long, value_name = "FILE")]
    vocabulary: Option<PathBuf>,
    /// Single characters in the place of words.
    #[arg(long)]
    characters: bool,
    /// Turn the text into lower case.
    #[arg(long)]
    lower_case: bool,
    /// Words seen less often become <unk>.
    #[arg(long, value_name = "N", default_value_t = 1)]
    min_count: u64,
    /// Most words; rarer ones become <unk>.
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    vocabulary_size: usize,
    /// Have <unk> even if the text has none.
    #[arg(long)]
    unknown: bool,
}

impl PrepareArgs {
    fn options(&self) -> LanguageOptions {
        LanguageOptions {
            unit: match self.characters {
                true => Unit::Character,
                false => Unit::Word,
            },
            lowercase: self.lower_case,
            min_count: self.min_count,
            max_size: self.vocabulary_size,
            unknown: self.unknown,
        }
    }
}

pub(super) fn make_token_file(args: &PrepareArgs) -> Result<()> {
    let out = &args.out;
    if out
        .extension()
        .is_none_or(|extension| extension != "tokens")
    {
        return Err(Error::Usage(format!(
            "{}: the name of a token file ends with .tokens, so that run files know it",
            out.display()
        )));
    }
    let vocabulary = args.vocabulary.as_deref().map(LanguageVocabulary::load);
    let vocabulary = vocabulary.transpose()?;
    let options = match &vocabulary {
        Some(vocabulary) => vocabulary.options().clone(),
        None => args.options(),
    };
    let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {eta} left");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(0).with_style(style);
    let mut progress = |done: u64, total: u64| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let prepared = prepare(&args.texts, &options, vocabulary, out, &mut progress);
    bar.finish_and_clear();
    let (vocabulary, report) = prepared?;
    output::print(&format!(
        "{}: {} tokens in {} lines, {} of them unknown; a vocabulary of {}",
        out.display(),
        report.tokens,
        report.lines,
        report.unknown,
        vocabulary.len()
    ))
}
