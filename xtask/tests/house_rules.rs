//! The rules of the house that a compiler does not know: who may import whom, how long a file
//! may be, what a source may not contain, and that every dependency has its reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use toml::Table;

/// The libraries, from the bottom of the house to the top.
const LIBRARIES: [&str; 7] = [
    "limbeck-engine",
    "limbeck-kernels",
    "limbeck-losses",
    "limbeck-models",
    "limbeck-data",
    "limbeck-training",
    "limbeck-recipes",
];

/// The `count` lowest libraries.
const fn lowest(count: usize) -> &'static [&'static str] {
    LIBRARIES.split_at(count).0
}

/// Every package, its folder, and what it may import. ARCHITECTURE.md says why.
const ROOMS: [(&str, &str, &[&str]); 9] = [
    ("limbeck-engine", "engine", &[]),
    ("limbeck-kernels", "kernels", lowest(1)),
    ("limbeck-losses", "losses", lowest(2)),
    // Models know nothing of losses, nor of where text comes from.
    ("limbeck-models", "models", lowest(2)),
    // Of the engine, only token ids.
    ("limbeck-data", "data", lowest(1)),
    ("limbeck-training", "training", lowest(5)),
    ("limbeck-recipes", "recipes", lowest(6)),
    ("limbeck", ".", lowest(7)),
    // The book is made of the case tables.
    ("xtask", "xtask", lowest(2)),
];

/// Lines of a source file; a longer one holds more than one idea.
const LONGEST_FILE: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn manifest(folder: &str) -> Table {
    let path = root().join(folder).join("Cargo.toml");
    let parsed = read(&path).parse::<Table>();
    parsed.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names in every dependency section of a manifest, those of single systems included.
fn dependencies(manifest: &Table) -> BTreeSet<String> {
    const SECTIONS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
    let of = |table: &Table| -> Vec<String> {
        let sections = SECTIONS
            .iter()
            .filter_map(|name| table.get(*name)?.as_table());
        sections
            .flat_map(|section| section.keys().cloned())
            .collect()
    };
    let mut names = of(manifest);
    let targets = manifest.get("target").and_then(|target| target.as_table());
    for (_, target) in targets.into_iter().flatten() {
        names.extend(target.as_table().map(of).unwrap_or_default());
    }
    names.into_iter().collect()
}

/// The Rust and WGSL files of the workspace, by their path in it.
fn sources() -> Vec<(String, String)> {
    let root = root();
    let mut found = Vec::new();
    for (_, folder, _) in ROOMS {
        for part in ["src", "tests", "examples", "benches"] {
            collect(&root.join(folder).join(part), &mut found);
        }
    }
    let inside = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap_or(&path);
        (name.display().to_string().replace('\\', "/"), read(&path))
    };
    found.into_iter().map(inside).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return; // not every crate has tests, examples and benches
    };
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs" || e == "wgsl") {
            found.push(path);
        }
    }
}

fn accept(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn every_member_of_the_workspace_is_a_room() {
    let workspace = manifest(".");
    let members = workspace["workspace"]["members"].as_array();
    let members: BTreeSet<&str> = members
        .expect("a list of members")
        .iter()
        .filter_map(|member| member.as_str())
        .collect();
    let rooms = ROOMS.iter().map(|(_, folder, _)| *folder);
    let rooms: BTreeSet<&str> = rooms.filter(|folder| *folder != ".").collect();
    assert_eq!(members, rooms, "ROOMS must list every crate");
}

#[test]
fn no_arrow_points_back() {
    let ours: BTreeSet<&str> = ROOMS.iter().map(|(name, ..)| *name).collect();
    let mut complaints = Vec::new();
    for (name, folder, allowed) in ROOMS {
        for dependency in dependencies(&manifest(folder)) {
            let dependency = dependency.as_str();
            if ours.contains(dependency) && !allowed.contains(&dependency) {
                complaints.push(format!(
                    "{name} imports {dependency}, but may import only {allowed:?}"
                ));
            }
        }
    }
    accept(&complaints);
}

#[test]
fn no_source_file_is_long() {
    let long = sources().into_iter().filter_map(|(name, text)| {
        let lines = text.lines().count();
        (lines > LONGEST_FILE)
            .then(|| format!("{name} has {lines} lines, at most {LONGEST_FILE} are allowed"))
    });
    accept(&long.collect::<Vec<_>>());
}

#[test]
fn no_source_silences_a_check_or_puts_work_off() {
    // Split, so that this file does not find itself.
    let refused = [
        concat!("#[ign", "ore"),
        concat!("allow(dead", "_code"),
        concat!("allow(un", "used"),
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
    ];
    let mut complaints = Vec::new();
    for (name, text) in sources() {
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(word) = refused.iter().find(|word| line.contains(**word)) {
                complaints.push(format!("{name}:{number}: {word}"));
            }
        }
    }
    accept(&complaints);
}

#[test]
fn unsafe_code_is_forbidden_outside_engine_and_kernels() {
    let mut complaints = Vec::new();
    for (name, text) in sources() {
        let is_root = name.ends_with("src/lib.rs") || name.ends_with("src/main.rs");
        let may = name.starts_with("engine/") || name.starts_with("kernels/");
        if is_root && !may && !text.contains("#![forbid(unsafe_code)]") {
            complaints.push(format!("{name} lacks #![forbid(unsafe_code)]"));
        }
        if is_root && may && !text.contains("#![deny(unsafe_code)]") {
            complaints.push(format!("{name} lacks #![deny(unsafe_code)]"));
        }
    }
    accept(&complaints);
}

#[test]
fn a_definition_knows_nothing_of_the_fast_version() {
    // Otherwise an error in one would be an error in both, and parity would prove nothing.
    let mut complaints = Vec::new();
    for (name, text) in sources() {
        if name.starts_with("kernels/src/") && name.ends_with("/reference.rs") {
            let imports = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            if imports.into_iter().any(|line| line.contains("cpu::")) {
                complaints.push(format!("{name} uses cpu.rs"));
            }
        }
    }
    accept(&complaints);
}

#[test]
fn every_dependency_has_its_reason() {
    let reasons = read(&root().join("CONTRIBUTING.md"));
    let manifests = ROOMS.iter().map(|(_, folder, _)| manifest(folder));
    let names: BTreeSet<String> = manifests.flat_map(|m| dependencies(&m)).collect();
    let missing = names
        .iter()
        .filter(|name| !name.starts_with("limbeck-"))
        .filter(|name| !reasons.contains(&format!("| `{name}` |")))
        .map(|name| format!("{name}: say in CONTRIBUTING.md why it is needed"));
    accept(&missing.collect::<Vec<_>>());
}
