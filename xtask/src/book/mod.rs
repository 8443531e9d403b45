//! The book: hand-written chapters of `book/src`, and one per operator made from the kernels'
//! folders and their derivations. `cargo xtask book` builds it; `--check` makes it in a temporary
//! folder and verifies it.

mod errors;
mod figures;
mod formulas;
mod links;
mod markdown;
mod operators;
mod source;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use errors::Errors;
use links::{Book, accept};
use operators::Operators;

/// The line of the outline below which the operators are listed.
const OPERATORS: &str = "- [Operators](operators/index.md)";

/// `cargo xtask book` with these arguments.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    match arguments {
        [] => build(),
        [only] if only == "--check" => check(),
        [first, audit] if first == "--errors" => Errors::take_over(&root(), Path::new(audit)),
        _ => Err("usage: cargo xtask book [--check | --errors FILE]".into()),
    }
}

/// Makes the chapters in a temporary folder and verifies them.
pub(crate) fn check() -> Result<(), String> {
    let folder = Temporary::new()?;
    check_in(&root(), &folder.0)
}

/// Makes the chapters in `book/made`, and has mdBook render them.
fn build() -> Result<(), String> {
    let root = root();
    let made = root.join("book/made");
    if made.exists() {
        fs::remove_dir_all(&made)
            .map_err(|error| format!("cannot remove {}: {error}", made.display()))?;
    }
    check_in(&root, &made)?;
    println!("the chapters are in book/made");
    let installed = Command::new("mdbook").arg("--version").output().is_ok();
    if !installed {
        println!(
            "mdbook is not installed, so no pages are made of them: `cargo install mdbook`, then \
             `cargo xtask book` again"
        );
        return Ok(());
    }
    let status = Command::new("mdbook")
        .arg("build")
        .arg(root.join("book"))
        .status();
    match status {
        Ok(status) if status.success() => {
            println!("open book/book/index.html");
            Ok(())
        }
        Ok(status) => Err(format!("`mdbook build book` failed ({status})")),
        Err(error) => Err(format!("could not start mdbook: {error}")),
    }
}

/// Makes the book in an empty folder, and verifies the whole.
fn check_in(root: &Path, folder: &Path) -> Result<(), String> {
    copy_hand_written(root, folder)?;
    let errors = Errors::kept(root)?;
    let operators = Operators::of(root, limbeck_kernels::registry(), errors)?;
    let names: Vec<&str> = operators.names().collect();
    for (name, text) in operators.chapters()? {
        write(&folder.join("operators").join(name), &text)?;
    }
    let outline = read(&root.join("book/outline.md"))?;
    write(&folder.join("SUMMARY.md"), &summary(&outline, &names)?)?;
    let book = Book::read(root, folder)?;
    book.verify(&names)?;
    println!(
        "{} chapters, {} of them of operators",
        book.len(),
        names.len()
    );
    Ok(())
}

/// The outline with the operators below their line.
fn summary(outline: &str, operators: &[&str]) -> Result<String, String> {
    if outline.matches(OPERATORS).count() != 1 {
        return Err(format!(
            "book/outline.md: expected the line `{OPERATORS}` once"
        ));
    }
    let below = operators
        .iter()
        .map(|name| format!("\n  - [`{name}`](operators/{name}.md)"));
    let list = OPERATORS.to_string() + &below.collect::<String>();
    Ok(outline.replace(OPERATORS, &list))
}

/// Copies `book/src`, with the formulas of its chapters rendered.
fn copy_hand_written(root: &Path, folder: &Path) -> Result<(), String> {
    let source = root.join("book/src");
    let mut complaints = Vec::new();
    for name in files(&source)? {
        let (from, to) = (source.join(&name), folder.join(&name));
        if !name.ends_with(".md") {
            copy(&from, &to)?;
            continue;
        }
        match formulas::rendered(&format!("book/src/{name}"), &read(&from)?) {
            Ok(chapter) => write(&to, &chapter)?,
            Err(complaint) => complaints.push(complaint),
        }
    }
    accept(&complaints)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(path, text))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let made = to.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::copy(from, to))
        .map(drop)
        .map_err(|error| {
            format!(
                "cannot copy {} to {}: {error}",
                from.display(),
                to.display()
            )
        })
}

/// The names of a folder's files, in order.
fn files(folder: &Path) -> Result<Vec<String>, String> {
    let inside = tree(folder)?;
    let names = inside
        .iter()
        .filter_map(|path| path.strip_prefix(folder).ok());
    Ok(names
        .map(|name| name.display().to_string().replace('\\', "/"))
        .collect())
}

/// The files of a folder and of those in it, in order.
fn tree(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let complain = |error| format!("cannot read {}: {error}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(complain)? {
        let path = entry.map_err(complain)?.path();
        match path.is_dir() {
            true => found.extend(tree(&path)?),
            false => found.push(path),
        }
    }
    found.sort();
    Ok(found)
}

/// A folder of this process, removed in the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Result<Self, String> {
        let name = format!("limbeck-book-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path)
            .map_err(|error| format!("cannot make {}: {error}", path.display()))?;
        Ok(Temporary(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // A folder that stays behind in the system's temporary one harms nobody.
        drop(fs::remove_dir_all(&self.0));
    }
}
