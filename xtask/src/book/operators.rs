//! A chapter per operator, made of its folder and its case table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use limbeck_engine::{DType, Meta, Plan};
use limbeck_kernels::harness::{Case, Entry, Input, Subject};

use super::errors::Errors;
use super::figures;
use super::links::accept;
use super::source::{self, Item};
use super::{files, formulas, markdown, read};

/// From a chapter to the root of the repository, in the sources of the book and where it is rendered.
const TO_ROOT: &str = "../../..";

/// The file of an operator's folder that derives its gradients.
const DERIVATION: &str = "derivation.md";

/// What chapters are made of.
pub(super) struct Operators {
    kernels: PathBuf,
    library: String,
    entries: Vec<Entry>,
    errors: Errors,
    /// Of each exported item the chapter it stands in.
    chapters: BTreeMap<String, String>,
}

impl Operators {
    /// All operators of the registry, with their sources in this repository.
    pub(super) fn of(root: &Path, entries: Vec<Entry>, errors: Errors) -> Result<Self, String> {
        let kernels = root.join("kernels/src");
        let library = read(&kernels.join("lib.rs"))?;
        let mut chapters = BTreeMap::new();
        for entry in &entries {
            for item in source::exports(&library, entry.name) {
                chapters.insert(item, file_name(entry));
            }
        }
        Ok(Operators {
            kernels,
            library,
            entries,
            errors,
            chapters,
        })
    }

    /// Names in the order of the registry.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.entries.iter().map(|entry| entry.name)
    }

    /// The chapters, by the name of their file, and the table of all.
    pub(super) fn chapters(&self) -> Result<Vec<(String, String)>, String> {
        let mut chapters = vec![("index.md".to_string(), self.index())];
        let mut complaints = Vec::new();
        for entry in &self.entries {
            match self.chapter(entry) {
                Ok(chapter) => chapters.push((file_name(entry), chapter)),
                Err(complaint) => complaints.push(complaint),
            }
        }
        accept(&complaints).map(|()| chapters)
    }

    fn index(&self) -> String {
        let cases: usize = self.entries.iter().map(|entry| entry.cases.len()).sum();
        let mut text = format!(
            "# Operators\n\n{} operators, {cases} cases. Each chapter is made of the operator's folder: \
             its formula and derivation, what it offers, its three implementations, and its cases. \
             Tolerances are the largest error relative to the norm of the reference's result, over all \
             cases, on the CPU and on a GPU.\n\n\
             | operator | formula | gradient | cases | CPU | GPU |\n|---|---|---|---|---|---|\n",
            self.entries.len()
        );
        for entry in &self.entries {
            let worst = |of: fn(&Case) -> f64| entry.cases.iter().map(of).fold(0.0, f64::max);
            text.push_str(&format!(
                "| [`{0}`]({0}.md) | {1} | {2} | {3} | {4:.0e} | {5:.0e} |\n",
                entry.name,
                cell(entry.formula),
                gradient(entry),
                entry.cases.len(),
                worst(|case| case.tolerance.cpu),
                worst(|case| case.tolerance.gpu),
            ));
        }
        text
    }

    fn chapter(&self, entry: &Entry) -> Result<String, String> {
        let folder = self.kernels.join(entry.name);
        let docs = source::module_docs(&read(&folder.join("mod.rs"))?);
        if docs.is_empty() {
            return Err(format!(
                "{}: expected the formula and its derivation as `//!` text, found none",
                folder.join("mod.rs").display()
            ));
        }
        let mut text = format!("# `{}`\n\n```text\n{}\n```\n\n", entry.name, entry.formula);
        text.push_str(&markdown::from_docs(&docs, 1, &self.chapters));
        text.push_str(&derivation(&self.kernels, entry.name)?);
        for name in source::exports(&self.library, entry.name) {
            let item = source::find_item(&folder, &name)?;
            text.push_str(&self.item(&item));
        }
        text.push_str(&implementations(&folder, entry.name, &self.chapters)?);
        text.push_str(&figures::cost(entry)?);
        text.push_str(&figures::limits(entry));
        text.push_str(&figures::errors(entry, &self.errors));
        text.push_str(&case_table(entry)?);
        Ok(text)
    }

    fn item(&self, item: &Item) -> String {
        let docs = markdown::from_docs(&item.docs, 2, &self.chapters);
        format!(
            "\n## `{}`\n\n```rust\n{}\n```\n\n{docs}",
            item.name, item.declaration
        )
    }
}

/// What an operator's `derivation.md` says, with its formulas rendered.
pub(super) fn derivation(kernels: &Path, operator: &str) -> Result<String, String> {
    let file = format!("kernels/src/{operator}/{DERIVATION}");
    let text = read(&kernels.join(operator).join(DERIVATION))
        .map_err(|_| format!("{file}: expected each gradient, step by step; found no file"))?;
    let too_high = |line: &str| line.starts_with("# ") || line.starts_with("## ");
    if let Some((line, heading)) = markdown::prose(&text).find(|(_, line)| too_high(line)) {
        return Err(format!(
            "{file}:{line}: `{heading}`: headings begin at level 3, below the chapter's own"
        ));
    }
    let rendered = formulas::rendered(&file, &text)?;
    Ok(format!("\n## Derivation\n\n{rendered}"))
}

fn file_name(entry: &Entry) -> String {
    format!("{}.md", entry.name)
}

/// Whether it has a backward pass; if not, why.
fn gradient(entry: &Entry) -> &'static str {
    match entry.cases.first().map(|case| &case.subject) {
        Some(Subject::Differentiable(_)) => "yes",
        Some(Subject::Constant(operator)) => operator.reason(),
        Some(Subject::InPlace(_)) => "an update in place, off the tape",
        None => "no case",
    }
}

/// What the files of an operator's folder are.
const VERSIONS: [&str; 4] = ["the definition, in f64", "CPU", "GPU", "beside them"];

fn version(file: &str) -> &'static str {
    let at = match file {
        "reference.rs" => 0,
        "cpu.rs" => 1,
        "gpu.rs" => 2,
        shader if shader.ends_with(".wgsl") => 2,
        _ => 3,
    };
    VERSIONS[at]
}

/// Links to the files of the folder, each version of which must have one, and what they say of themselves.
fn implementations(
    folder: &Path,
    name: &str,
    chapters: &BTreeMap<String, String>,
) -> Result<String, String> {
    let mut text = String::from("\n## The three implementations\n\n");
    let mut files = files(folder)?;
    // It is part of the chapter.
    files.retain(|file| file != DERIVATION);
    for wanted in VERSIONS {
        let of = files.iter().filter(|file| version(file) == wanted);
        let links: Vec<String> = of
            .map(|file| format!("[`{file}`]({TO_ROOT}/kernels/src/{name}/{file})"))
            .collect();
        if links.is_empty() {
            return Err(format!(
                "{}: found no file of the version \"{wanted}\"",
                folder.display()
            ));
        }
        text.push_str(&format!("- {wanted}: {}\n", links.join(", ")));
        let sources = ["reference.rs", "cpu.rs", "gpu.rs"].into_iter();
        let sources =
            sources.filter(|file| version(file) == wanted && files.iter().any(|f| f == file));
        for source in sources {
            let notes = source::module_docs(&read(&folder.join(source))?);
            text.push('\n');
            for line in markdown::from_docs(&notes, 1, chapters).lines() {
                text.push_str(&format!("  {line}\n"));
            }
        }
    }
    Ok(text)
}

fn case_table(entry: &Entry) -> Result<String, String> {
    let mut text = format!(
        "\n## Its {} cases\n\nOperations are those of the forward pass, and moved are the bytes that it \
         reads and writes; kept are the bytes that the tape holds for the way back. Tolerances are relative \
         to the norm of the reference's result.\n\n\
         | case | inputs | results | operations | moved | kept | CPU | GPU | finite differences |\n\
         |---|---|---|---|---|---|---|---|---|\n",
        entry.cases.len()
    );
    for case in &entry.cases {
        let plan = case
            .plan()
            .map_err(|error| format!("{} [{}]: {error}", entry.name, case.name))?;
        text.push_str(&format!(
            "| {} | {} | {} | {:.0e} | {:.0e} | {} |\n",
            cell(&case.name),
            listed(case.inputs.iter().map(meta)),
            planned(case, plan.as_ref()),
            case.tolerance.cpu,
            case.tolerance.gpu,
            differences(case),
        ));
    }
    text.push_str(&format!(
        "\nIts errors on a machine of yours:\n\n```sh\nlimbeck audit --full --operator {}\n```\n",
        entry.name
    ));
    Ok(text)
}

pub(super) fn meta(input: &Input) -> Meta {
    match input {
        Input::Real { shape, .. } => Meta::real(*shape),
        Input::Ids { shape, .. } => Meta::ids(*shape),
    }
}

/// Shapes, and which of them hold ids.
fn listed(metas: impl Iterator<Item = Meta>) -> String {
    let shown = metas.map(|meta| match meta.dtype {
        DType::Real => format!("`{}`", meta.shape),
        DType::Ids => format!("`{}` ids", meta.shape),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// The cells of results, operations, bytes moved and bytes kept.
fn planned(case: &Case, plan: Option<&Plan>) -> String {
    let Some(plan) = plan else {
        return "in place | | |".into();
    };
    let results = listed(plan.outputs.iter().copied());
    let kept = figures::kept(case, plan);
    format!("{results} | {} | {} | {kept}", plan.flops, plan.bytes)
}

/// Whether the reference's gradients are held to central differences; if not, why.
fn differences(case: &Case) -> &'static str {
    match (&case.subject, case.without_finite_differences) {
        (Subject::Differentiable(_), None) => "yes",
        (Subject::Differentiable(_), Some(reason)) => reason,
        _ => "no gradient",
    }
}

/// A formula or name as a cell of a table: as code, whose bars do not end the cell.
pub(super) fn cell(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|").replace('\n', " "))
}
