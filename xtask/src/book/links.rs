//! Whether a book holds together: every link leads somewhere, every chapter is listed and there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::markdown::{anchors, included, links};
use super::read;

/// A book whose chapters lie in one folder, as if they lay in `book/src` of the repository.
pub(super) struct Book {
    root: PathBuf,
    /// Every chapter, by its path in `book/src`, with what it includes.
    chapters: BTreeMap<PathBuf, String>,
}

impl Book {
    /// Reads the chapters in `folder`.
    pub(super) fn read(root: &Path, folder: &Path) -> Result<Self, String> {
        let mut chapters = BTreeMap::new();
        let mut complaints = Vec::new();
        for path in super::tree(folder)? {
            let name = path.strip_prefix(folder).unwrap_or(&path).to_path_buf();
            if name.extension().is_some_and(|extension| extension == "md") {
                match with_included(root, &name, &read(&path)?) {
                    Ok(text) => drop(chapters.insert(name, text)),
                    Err(complaint) => complaints.push(complaint),
                }
            }
        }
        let root = root.to_path_buf();
        accept(&complaints).map(|()| Book { root, chapters })
    }

    /// How many chapters there are, the summary left out.
    pub(super) fn len(&self) -> usize {
        self.chapters.len() - 1
    }

    /// Every problem of the book at once.
    pub(super) fn verify(&self, operators: &[&str]) -> Result<(), String> {
        let mut complaints = self.wrong_links();
        let summary = Path::new("SUMMARY.md");
        let listed = self.chapters.get(summary).map(|text| links(text));
        let listed: BTreeSet<PathBuf> = listed
            .unwrap_or_default()
            .into_iter()
            .map(|link| PathBuf::from(link.target))
            .collect();
        for chapter in self.chapters.keys().filter(|name| *name != summary) {
            if !listed.contains(chapter) {
                complaints.push(format!(
                    "book/src/{}: SUMMARY.md does not list it: add it to book/outline.md",
                    chapter.display()
                ));
            }
        }
        for operator in operators {
            let chapter = PathBuf::from(format!("operators/{operator}.md"));
            if !(self.chapters.contains_key(&chapter) && listed.contains(&chapter)) {
                complaints.push(format!("the operator {operator} has no chapter"));
            }
        }
        accept(&complaints)
    }

    fn wrong_links(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (name, text) in &self.chapters {
            for link in links(text) {
                let away = ["http://", "https://", "mailto:"];
                let problem = if away.iter().any(|start| link.target.starts_with(start)) {
                    link.picture
                        .then(|| "a picture must lie in the book: nothing is fetched".to_string())
                } else {
                    self.problem(name, &link.target)
                };
                if let Some(problem) = problem {
                    let name = name.display();
                    let (line, target) = (link.line, &link.target);
                    complaints.push(format!("book/src/{name}:{line}: ({target}): {problem}"));
                }
            }
        }
        complaints
    }

    /// What is wrong with a link from this chapter, if anything.
    fn problem(&self, from: &Path, target: &str) -> Option<String> {
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        let chapter = match file {
            "" => from.to_path_buf(),
            file => beside(from, file),
        };
        let Some(whole) = normalised(&Path::new("book/src").join(chapter)) else {
            return Some("leads out of the repository".into());
        };
        match whole.strip_prefix("book/src") {
            Ok(inside) => self.inner_problem(inside, anchor),
            // mdBook turns links to Markdown into links to pages, and makes none of these.
            Err(_) if file.ends_with(".md") => {
                Some("a page outside the book: include it as a chapter".into())
            }
            Err(_) => {
                let there = self.root.join(&whole).is_file();
                (!there).then(|| format!("there is no file {}", whole.display()))
            }
        }
    }

    fn inner_problem(&self, chapter: &Path, anchor: &str) -> Option<String> {
        let Some(text) = self.chapters.get(chapter) else {
            return Some(format!("there is no chapter {}", chapter.display()));
        };
        let found = anchor.is_empty() || anchors(text).iter().any(|known| known == anchor);
        (!found).then(|| format!("{} has no heading #{anchor}", chapter.display()))
    }
}

/// The chapter's text with the files that it includes in their places.
fn with_included(root: &Path, name: &Path, text: &str) -> Result<String, String> {
    let mut whole = String::new();
    for (number, line) in (1..).zip(text.lines()) {
        match included(line) {
            None => whole.push_str(line),
            Some(file) => {
                let path = root.join("book/src").join(beside(name, file));
                whole.push_str(
                    &read(&path)
                        .map_err(|e| format!("book/src/{}:{number}: {e}", name.display()))?,
                );
            }
        }
        whole.push('\n');
    }
    Ok(whole)
}

/// A path that is written in a chapter, from `book/src`.
fn beside(chapter: &Path, target: &str) -> PathBuf {
    chapter.parent().unwrap_or(Path::new("")).join(target)
}

/// All complaints as one error.
pub(super) fn accept(complaints: &[String]) -> Result<(), String> {
    match complaints {
        [] => Ok(()),
        _ => Err(complaints.join("\n")),
    }
}

/// The path without `..`, by its letters, for chapters need not lie where they seem to; `None` if it
/// leads above its beginning.
fn normalised(path: &Path) -> Option<PathBuf> {
    let mut whole = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir if !whole.pop() => return None,
            Component::ParentDir | Component::CurDir => {}
            part => whole.push(part),
        }
    }
    Some(whole)
}
