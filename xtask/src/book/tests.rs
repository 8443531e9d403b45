use super::*;

/// A folder of one test.
fn temporary(name: &str) -> Temporary {
    let path = std::env::temp_dir().join(format!("limbeck-book-{}-{name}", std::process::id()));
    fs::create_dir_all(&path).expect("a temporary folder");
    Temporary(path)
}

#[test]
fn the_book_holds_together() {
    let folder = temporary("whole");
    check_in(&root(), &folder.0).expect("the check of the book");
    let chapter = read(&folder.0.join("operators/linear.md")).expect("a chapter");
    for part in [
        "z = x W + b",
        "pub fn linear_transposed(",
        "(../../../kernels/src/linear/cpu.rs)",
        "limbeck audit --full --operator linear",
        "## Derivation",
        "<div class=\"formula\"><math display=\"block\">",
        // What the folder says of its versions.
        "  The definition, in f64",
        "## What it costs",
        "## Numerical limits",
        "| reference, against central differences |",
    ] {
        assert!(chapter.contains(part), "{part}:\n{chapter}");
    }
    // A product an element, and both factors are kept, in f32.
    let multiply = read(&folder.0.join("operators/multiply.md")).expect("a chapter");
    let line = "| `[5, 7]` | `[5, 7]`, `[5, 7]` | `[5, 7]` | 35 | 420 | 280 | 2e-6 | 2e-6 | yes |";
    assert!(multiply.contains(line), "{multiply}");
    assert!(
        multiply.contains("All cases have the usual tolerance"),
        "{multiply}"
    );
    // The gradients of conv2d are long sums.
    let conv2d = read(&folder.0.join("operators/conv2d.md")).expect("a chapter");
    assert!(conv2d.contains("have a wider tolerance"), "{conv2d}");
    let cases = limbeck_kernels::registry();
    let linear = cases.iter().find(|entry| entry.name == "linear");
    let count = linear.expect("it is registered").cases.len();
    assert!(chapter.contains(&format!("## Its {count} cases")));
}

#[test]
fn a_derivation_that_is_missing_or_wrong_is_refused() {
    let folder = temporary("derivation");
    let refused = |text: Option<&str>| {
        if let Some(text) = text {
            write(&folder.0.join("kl/derivation.md"), text).expect("a file");
        }
        operators::derivation(&folder.0, "kl").expect_err("it is refused")
    };
    assert_eq!(
        refused(None),
        "kernels/src/kl/derivation.md: expected each gradient, step by step; found no file"
    );
    assert_eq!(
        refused(Some("### The function\n\n## Its gradient\n")),
        "kernels/src/kl/derivation.md:3: `## Its gradient`: headings begin at level 3, below the \
         chapter's own"
    );
    assert_eq!(
        refused(Some("Let $x$ be\n\n```math\n\\frac{a}\n```\n")),
        "kernels/src/kl/derivation.md:3: `\\frac{a}`: parsing error: expected a token"
    );
}

#[test]
fn every_formula_of_the_operators_is_rendered() {
    let kernels = root().join("kernels/src");
    for entry in limbeck_kernels::registry() {
        let chapter = operators::derivation(&kernels, entry.name).expect("a derivation");
        assert!(chapter.contains("<math"), "{}: no formula", entry.name);
        let left = markdown::prose(&chapter).find(|(_, line)| line.contains('$'));
        assert_eq!(left, None, "{}", entry.name);
        assert!(!chapter.contains("```math"), "{}", entry.name);
    }
}

#[test]
fn what_is_wrong_with_a_book_is_said() {
    let folder = temporary("wrong");
    let inside = |name: &str, text: &str| write(&folder.0.join(name), text).expect("a file");
    inside("SUMMARY.md", "- [a](a.md)\n- [gone](gone.md)\n");
    inside(
        "a.md",
        "# A\n[ok](#a) [ok](../../README.md/../Cargo.toml)\n[1](#b) [2](b.md#c)\n\
         ![3](https://example.org/x.png) [4](../../README.md) [5](../../gone.rs) [6](../../../x)",
    );
    inside("b.md", "# B");
    let book = Book::read(&root(), &folder.0).expect("it can be read");
    let error = book.verify(&["linear"]).expect_err("much is wrong");
    let expected = [
        "book/src/SUMMARY.md:2: (gone.md): there is no chapter gone.md",
        "book/src/a.md:3: (#b): a.md has no heading #b",
        "book/src/a.md:3: (b.md#c): b.md has no heading #c",
        "book/src/a.md:4: (https://example.org/x.png): a picture must lie in the book: nothing is fetched",
        "book/src/a.md:4: (../../README.md): a page outside the book: include it as a chapter",
        "book/src/a.md:4: (../../gone.rs): there is no file gone.rs",
        "book/src/a.md:4: (../../../x): leads out of the repository",
        "book/src/b.md: SUMMARY.md does not list it: add it to book/outline.md",
        "the operator linear has no chapter",
    ];
    assert_eq!(error.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_chapter_that_includes_a_missing_file_is_refused() {
    let folder = temporary("include");
    write(&folder.0.join("a.md"), "# A\n{{#include ../../GONE.md}}\n").expect("a file");
    let error = Book::read(&root(), &folder.0).err().expect("no such file");
    assert!(error.starts_with("book/src/a.md:2: cannot read"), "{error}");
}

#[test]
fn an_outline_without_operators_is_refused() {
    let outline = format!("# S\n{OPERATORS}\n- [x](x.md)");
    let found = summary(&outline, &["kl"]).expect("it has the line");
    let expected =
        "# S\n- [Operators](operators/index.md)\n  - [`kl`](operators/kl.md)\n- [x](x.md)";
    assert_eq!(found, expected);
    assert!(summary("# S", &["kl"]).is_err());
}

/// Rust in a chapter is run by the documentation tests of the root package, or is a whole file that a
/// test compiles.
#[test]
fn every_block_of_rust_is_compiled_by_a_test() {
    let source = root().join("book/src");
    let tested = read(&root().join("src/book.rs")).expect("the list of chapters");
    let mut complaints = Vec::new();
    for path in tree(&source).expect("chapters") {
        let name = path
            .strip_prefix(&source)
            .expect("inside")
            .display()
            .to_string();
        let text = read(&path).expect("a chapter");
        let listed = tested.contains(&format!("../book/src/{name}\""));
        let lines: Vec<&str> = text.lines().collect();
        for (at, pair) in lines.windows(2).enumerate() {
            let example = markdown::included(pair[1]).is_some_and(|f| f.contains("/examples/"));
            let rust = pair[0].starts_with("```rust") && !pair[0].contains("ignore");
            if rust && !listed && !example {
                complaints.push(format!("book/src/{name}:{}: add it to src/book.rs", at + 1));
            }
        }
    }
    accept(&complaints).expect("every block is compiled");
}
