//! `limbeck import`: a pretrained encoder, for run files to name.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use limbeck_recipes::config::TransformerPooling;
use limbeck_recipes::pretrained::{ImportOptions, Imported, import};

use super::output;
use crate::run::{Error, Result};

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// A Hugging Face folder: config.json, model.safetensors or pytorch_model.bin, tokenizer.json or
    /// vocab.txt.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The folder to write; without it, DIR's name with -imported, here.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// What stands for a text; without it, what the folder says, or the mean.
    #[arg(long)]
    pooling: Option<Pooling>,
    /// Print what was imported as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Pooling {
    /// The mean over the text's tokens.
    Mean,
    /// The state of the first token.
    First,
}

pub(super) fn run(args: &ImportArgs) -> Result<()> {
    let pooling = args.pooling.map(|pooling| match pooling {
        Pooling::Mean => TransformerPooling::Mean,
        Pooling::First => TransformerPooling::First,
    });
    let imported = import(&args.dir, &out(args)?, &ImportOptions { pooling })?;
    if args.json {
        let value = serde_json::to_value(&imported).expect("names and numbers alone");
        return output::print_json(&value);
    }
    output::print(summary(&imported).trim_end())
}

fn out(args: &ImportArgs) -> Result<PathBuf> {
    if let Some(out) = &args.out {
        return Ok(out.clone());
    }
    let whole = args.dir.canonicalize().map_err(|cause| Error::Io {
        action: "read",
        path: args.dir.clone(),
        cause,
    })?;
    let name = whole
        .file_name()
        .map_or("model".into(), |name| name.to_string_lossy());
    Ok(PathBuf::from(format!("{name}-imported")))
}

fn summary(imported: &Imported) -> String {
    let Imported {
        model,
        mapped,
        skipped,
        ..
    } = imported;
    let sizes = &model.encoder;
    let mut text = format!(
        "encoder     {} layers of {}, {} heads, feed-forward {}, {} positions\n\
         tokens      {}\n\
         parameters  {} in {} tensors, made of {} in the file\n",
        sizes.layers,
        sizes.hidden_size,
        sizes.heads,
        sizes.feed_forward_size,
        sizes.max_positions,
        imported.tokens,
        imported.parameters,
        mapped[0],
        mapped[1],
    );
    if !skipped.is_empty() {
        let _ = writeln!(text, "skipped     {}", skipped.join(", "));
    }
    let folder = imported.folder.display();
    let _ = writeln!(text, "weights     sha256 {}", imported.source_sha256);
    let _ = writeln!(
        text,
        "written to  {folder}; name it with -s teacher.kind=pretrained -s teacher.dir={folder}"
    );
    text
}
