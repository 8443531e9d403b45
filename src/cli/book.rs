//! Whether what the book tells its readers to type is understood.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use limbeck_recipes::config::{self, Task};

use super::{Cli, RunFileArgs};

/// A block of a chapter's code: where it begins, its language and its lines.
struct Block {
    place: String,
    language: String,
    lines: Vec<String>,
}

/// The blocks of all hand-written chapters.
fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src");
    for folder in ["", "methods", "tutorials"] {
        let entries = fs::read_dir(root.join(folder)).expect("the book's chapters");
        let paths = entries.map(|entry| entry.expect("a readable folder").path());
        for path in paths.filter(|path| path.extension().is_some_and(|e| e == "md")) {
            let text = fs::read_to_string(&path).expect("a chapter");
            blocks_of(&path, &text, &mut blocks);
        }
    }
    blocks
}

fn blocks_of(path: &Path, text: &str, blocks: &mut Vec<Block>) {
    let mut open = false;
    for (number, line) in (1..).zip(text.lines()) {
        match (line.strip_prefix("```"), open) {
            (Some(language), false) => blocks.push(Block {
                place: format!("{}:{number}", path.display()),
                language: language.into(),
                lines: Vec::new(),
            }),
            (None, true) => blocks
                .last_mut()
                .expect("a block was opened")
                .lines
                .push(line.into()),
            _ => {}
        }
        open ^= line.starts_with("```");
    }
}

/// The words of a command, as a shell reads them.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in line.chars().chain([' ']) {
        match (c, quote) {
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(q)) if c == q => quote = None,
            (' ', None) if !word.is_empty() => words.push(std::mem::take(&mut word)),
            (' ', None) => {}
            _ => word.push(c),
        }
    }
    words
}

#[derive(Parser)]
struct Described {
    #[command(flatten)]
    run: RunFileArgs,
}

/// The run file that a command names with its overrides, as arguments of their own; none where it takes
/// a pretrained model, which is read with the run file and is the reader's own.
fn described(words: &[String]) -> Option<Vec<String>> {
    let file = words.iter().find(|word| word.ends_with(".toml"))?;
    if words.iter().any(|word| word.starts_with("teacher.dir=")) {
        return None;
    }
    let mut arguments = vec!["limbeck".to_string(), run_file(file)];
    for pair in words.windows(2).filter(|pair| pair[0] == "-s") {
        arguments.extend_from_slice(pair);
    }
    Some(arguments)
}

/// A file of the repository, or what `limbeck init` writes under this name.
fn run_file(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if name.contains('/') {
        return root.join(name).display().to_string();
    }
    let templates = root.join("recipes/src/config/templates");
    templates.join(name).display().to_string()
}

/// What is wrong with a command.
fn complaint(line: &str) -> Option<String> {
    let words = words(line);
    if words[0] == "cargo" {
        let example = words.iter().position(|word| word == "--example");
        let name = &words[example? + 1];
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        let files = [format!("{name}.rs"), format!("{name}/main.rs")];
        let found = files.iter().any(|file| folder.join(file).is_file());
        return (!found).then(|| format!("there is no example {name}"));
    }
    if words[0] != "limbeck" {
        return Some("expected a command of limbeck or cargo".into());
    }
    if let Err(error) = Cli::try_parse_from(&words) {
        return Some(error.to_string());
    }
    let run = Described::try_parse_from(described(&words)?).expect("a run file and overrides");
    let task = match run.run.load() {
        Ok(run) => run.task(),
        Err(error) => return Some(error.to_string()),
    };
    let distils = !matches!(task, Task::Train | Task::NceLm);
    let fits = match words[1].as_str() {
        "train" => !distils,
        "distill" => distils,
        _ => true,
    };
    (!fits).then(|| format!("the task of the run file is {task}"))
}

#[test]
fn every_command_of_the_book_is_understood() {
    let mut commands = 0;
    let mut complaints = Vec::new();
    for block in blocks().iter().filter(|block| block.language == "sh") {
        for line in &block.lines {
            commands += 1;
            let found = complaint(line);
            complaints.extend(found.map(|found| format!("{}: {line}: {found}", block.place)));
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
    assert!(commands > 40, "only {commands} commands were found");
}

#[test]
fn mistakes_in_commands_are_found() {
    assert_eq!(complaint("limbeck audit --device cpu"), None);
    for wrong in [
        "limbeck audit --fast",
        "limbeck check configs/gone.toml",
        "limbeck train layerwise.toml",
        "limbeck check layerwise.toml -s distillation.temprature=1",
        "cargo run --example gone",
        "make",
    ] {
        assert!(complaint(wrong).is_some(), "{wrong}");
    }
}

#[test]
fn every_run_file_of_the_book_can_be_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut tasks = Vec::new();
    for block in blocks().iter().filter(|block| block.language == "toml") {
        let path: PathBuf = folder.path().join("run.toml");
        fs::write(&path, block.lines.join("\n")).expect("a file");
        let run = config::load(&path, &[]);
        tasks.push(
            run.unwrap_or_else(|error| panic!("{}: {error}", block.place))
                .task(),
        );
    }
    assert_eq!(tasks, [Task::UnitSelect]);
}
