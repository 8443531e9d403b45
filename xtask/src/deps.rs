//! What the build may depend on: nothing that runs a C compiler or links a native library, on any
//! of the three systems, and not much of anything.

use std::collections::BTreeSet;

use crate::command::cargo;

/// One target for each system, and what it is called.
const SYSTEMS: [(&str, &str); 3] = [
    ("Linux", "x86_64-unknown-linux-gnu"),
    ("macOS", "aarch64-apple-darwin"),
    ("Windows", "x86_64-pc-windows-msvc"),
];

/// Crates of the whole program, our own included.
const MOST_CRATES: usize = 260;
/// Crates by others that the library for the CPU alone needs.
const MOST_CRATES_FOR_CPU: usize = 20;

/// Build tools that look for a C compiler or a native library.
const REFUSED: [&str; 10] = [
    "autotools",
    "bindgen",
    "cc",
    "cmake",
    "cxx-build",
    "meson",
    "nasm-rs",
    "pkg-config",
    "system-deps",
    "vcpkg",
];

/// `-sys` crates that neither compile nor link anything. Add one only after reading that it has
/// no build script, or that its build script starts nothing and prints no `rustc-link-lib`.
const HARMLESS: [&str; 3] = [
    // Numbers and structs of the Linux kernel's interface, written in Rust; no build script.
    "linux-raw-sys",
    // Declarations of RenderDoc's interface; looked up at run time if a debugger has loaded it.
    "renderdoc-sys",
    // Declarations of functions in DLLs that every Windows has, bound by name (raw-dylib).
    "windows-sys",
];

/// A crate as `cargo tree` shows it: `name version`.
type Crates = BTreeSet<String>;

/// Looks at the tree of every system, and of the library for the CPU alone.
pub(crate) fn check() -> Result<(), String> {
    let mut faults = Vec::new();
    for (system, target) in SYSTEMS {
        let all = tree(&["--all-features", "--target", target])?;
        let cpu = tree(&["--no-default-features", "--target", target])?;
        let (ours, others): (Crates, Crates) = cpu.into_iter().partition(|name| is_ours(name));
        println!(
            "{system:<8} {:>4} crates in all; the library for the CPU alone: {} and {} of ours",
            all.len(),
            others.len(),
            ours.len()
        );
        faults.extend(
            all.iter()
                .filter_map(|entry| refusal(name(entry)))
                .map(|reason| format!("{system}: {reason}")),
        );
        if all.len() > MOST_CRATES {
            faults.push(format!(
                "{system}: {} crates, at most {MOST_CRATES} are wanted",
                all.len()
            ));
        }
        if others.len() > MOST_CRATES_FOR_CPU {
            faults.push(format!(
                "{system}: the library for the CPU alone needs {} crates, at most \
                 {MOST_CRATES_FOR_CPU} are wanted",
                others.len()
            ));
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{}\n`cargo tree --invert CRATE --target TARGET` shows who needs it",
        faults.join("\n")
    ))
}

/// What building the package `limbeck` compiles.
fn tree(options: &[&str]) -> Result<Crates, String> {
    let text = cargo(&["tree", "--locked", "--package", "limbeck"])
        .and(&["--edges", "normal,build", "--prefix", "none"])
        .and(options)
        .output()?;
    Ok(parse(&text))
}

/// One crate per line: name, version, and remarks in brackets.
fn parse(text: &str) -> Crates {
    let crates = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some(format!("{} {}", words.next()?, words.next()?))
    });
    crates.collect()
}

fn name(entry: &str) -> &str {
    entry.split(' ').next().unwrap_or(entry)
}

fn is_ours(entry: &str) -> bool {
    name(entry) == "limbeck" || name(entry).starts_with("limbeck-")
}

/// Why a crate may not be in the tree, if so.
fn refusal(name: &str) -> Option<String> {
    if REFUSED.contains(&name) {
        return Some(format!(
            "{name} runs a C compiler or looks for native libraries"
        ));
    }
    let native = name.ends_with("-sys") || name.ends_with("_sys");
    (native && !HARMLESS.contains(&name)).then(|| {
        format!(
            "{name} binds a native library, and is not on the list of those that compile and \
             link nothing (xtask/src/deps.rs)"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_read_with_repetitions_remarks_and_paths() {
        let text = "limbeck v0.1.0 (/some where/limbeck)\nsyn v3.0.9\nsyn v2.0.1\n\
                    thiserror-impl v2.0.21 (proc-macro)\nsyn v3.0.9 (*)\n\n";
        let crates = parse(text);
        let found: Vec<&str> = crates.iter().map(String::as_str).collect();
        assert_eq!(
            found,
            [
                "limbeck v0.1.0",
                "syn v2.0.1",
                "syn v3.0.9",
                "thiserror-impl v2.0.21"
            ]
        );
        assert!(is_ours(found[0]) && !is_ours(found[1]));
    }

    #[test]
    fn native_crates_are_refused_and_harmless_ones_are_not() {
        for native in [
            "cc",
            "cmake",
            "pkg-config",
            "openssl-sys",
            "onig_sys",
            "zstd-sys",
        ] {
            assert!(refusal(native).is_some(), "{native}");
        }
        for harmless in [
            "linux-raw-sys",
            "windows-sys",
            "ccc",
            "rustix",
            "sys-locale",
        ] {
            assert!(refusal(harmless).is_none(), "{harmless}");
        }
    }
}
