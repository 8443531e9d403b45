//! The project's checks, behind one command: `cargo xtask check`.
#![forbid(unsafe_code)]

mod book;
mod command;
mod deps;
mod mutants;
mod targets;

use std::process::ExitCode;
use std::time::Instant;

use command::cargo;

/// A check: its name on the command line, what it is for, and how it runs.
struct Check {
    name: &'static str,
    purpose: &'static str,
    run: fn() -> Result<(), String>,
}

/// In the order of `check`: what fails fast comes first.
const CHECKS: &[Check] = &[
    Check {
        name: "fmt",
        purpose: "the sources are formatted",
        run: fmt,
    },
    Check {
        name: "clippy",
        purpose: "no lint fires, with every feature and in the library for the CPU alone",
        run: clippy,
    },
    Check {
        name: "test",
        purpose: "every test passes (LIMBECK_REQUIRE_GPU=1 refuses to skip those of the GPU)",
        run: test,
    },
    Check {
        name: "docs",
        purpose: "the documentation builds without a warning",
        run: docs,
    },
    Check {
        name: "book --check",
        purpose: "every operator has its chapter and derivation, formulas can be set, links lead somewhere",
        run: book::check,
    },
    Check {
        name: "deps",
        purpose: "no dependency compiles or links C on any system, and there are few of them",
        run: deps::check,
    },
    Check {
        name: "shaders",
        purpose: "every shader translates for Metal, DX12 and Vulkan",
        run: shaders,
    },
    Check {
        name: "subgroups",
        purpose: "the shaders agree with the reference at every subgroup size of llvmpipe",
        run: subgroups,
    },
    Check {
        name: "targets",
        purpose: "the libraries compile for the other systems whose standard library is installed",
        run: targets::check,
    },
];

/// Not part of `check`: it builds with optimisation and trains for minutes.
const DEMO: Check = Check {
    name: "demo",
    purpose: "the program's demonstration, as a newcomer starts it",
    run: demo,
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((name, rest)) if name == "mutants" => return ended(mutants::run(rest)),
        Some((name, rest)) if name == "book" => return ended(book::run(rest)),
        _ => {}
    }
    let [name] = arguments.as_slice() else {
        return usage();
    };
    let outcome = if name == "check" {
        CHECKS.iter().try_for_each(perform)
    } else if let Some(one) = CHECKS.iter().chain([&DEMO]).find(|c| c.name == name) {
        perform(one)
    } else {
        eprintln!("unknown check \"{name}\"\n");
        return usage();
    };
    ended(outcome)
}

fn ended(outcome: Result<(), String>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("\n{message}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("cargo xtask check         runs these, and stops at the first that fails:");
    for check in CHECKS {
        eprintln!("cargo xtask {:<13} {}", check.name, check.purpose);
    }
    eprintln!("\ncargo xtask {:<13} {}", DEMO.name, DEMO.purpose);
    eprintln!(
        "cargo xtask {:<13} makes mistakes in kernels on purpose: do the case tables notice?",
        "mutants"
    );
    eprintln!(
        "cargo xtask {:<13} makes the chapters of the operators, and pages of the whole book",
        "book"
    );
    ExitCode::from(2)
}

fn perform(check: &Check) -> Result<(), String> {
    let started = Instant::now();
    println!("== {}: {}", check.name, check.purpose);
    (check.run)().map_err(|error| format!("xtask {}: {error}", check.name))?;
    println!("== {}: ok, {:.0?}", check.name, started.elapsed());
    Ok(())
}

fn fmt() -> Result<(), String> {
    cargo(&["fmt", "--all", "--check"]).run()
}

fn clippy() -> Result<(), String> {
    let deny = ["--", "-D", "warnings"];
    cargo(&["clippy", "--workspace", "--all-targets"])
        .and(&deny)
        .run()?;
    cargo(&["clippy", "--no-default-features", "--all-targets"])
        .packages(&["limbeck"])
        .packages(targets::LIBRARIES)
        .and(&deny)
        .run()
}

fn test() -> Result<(), String> {
    cargo(&["test", "--workspace"]).run()
}

fn docs() -> Result<(), String> {
    cargo(&["doc", "--workspace", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()
}

fn shaders() -> Result<(), String> {
    // The whole workspace, so that what `test` has built is used again.
    cargo(&["test", "--workspace", "--test", "shader_translation"]).run()
}

/// Invocations that llvmpipe runs in step: the width of its vectors, divided by 32 bits.
const SUBGROUPS: [(&str, &str); 3] = [("4", "128"), ("8", "256"), ("16", "512")];

/// The case tables on llvmpipe at each size. Which one a machine takes by itself depends on its processor.
fn subgroups() -> Result<(), String> {
    let tests = ["test", "--package", "limbeck-kernels", "--features", "gpu"];
    SUBGROUPS.iter().try_for_each(|(size, width)| {
        cargo(&tests)
            .and(&["--test", "case_tables", "gpu::"])
            .env("LP_NATIVE_VECTOR_WIDTH", width)
            .env("LIMBECK_TEST_ADAPTER", "llvmpipe")
            .env("LIMBECK_SUBGROUP", size)
            .run()
    })
}

fn demo() -> Result<(), String> {
    cargo(&["run", "--release"]).run()
}
