//! C9, and other run files and texts that are refused.

use limbeck_recipes::config;
use limbeck_recipes::nce_lm::{LanguageData, NoiseLaw, TrainingText};

use crate::small::{run, vocabulary};

fn refusal(text: &str) -> String {
    let text = format!("task = \"nce_lm\"\n{text}");
    match config::parse("run.toml", &text, &[]) {
        Ok(_) => "accepted".into(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn numbers_of_parts_and_groups_must_make_sense() {
    for (text, part) in [
        (
            "[method]\nparts = 1",
            "one part is the practice that this method replaces",
        ),
        ("[method]\nparts = 0\ngroups = \"shared\"", "at least 1"),
        (
            "[method]\ngroups = \"grouped\"\ngroup_count = 5",
            "from 2 to the number of parts (4)",
        ),
        (
            "[method]\ngroups = \"grouped\"\ngroup_count = 1",
            "`method.groups = \"shared\"`",
        ),
        ("[method]\nboundaries = [5, 3]", "rising positions"),
        ("[method]\nboundaries = [200]", "rising positions"),
        (
            "[method]\nsentence = \"line\"\npart_length = 5",
            "part_length",
        ),
        (
            "[method]\ncarry = \"overlap\"\noverlap = 9",
            "the shortest part (2)",
        ),
        ("[method]\nnoise_size = 0", "noise_size"),
        (
            "[method]\nnoise = \"library\"",
            "the file of words and weights",
        ),
        ("[method]\nlibrary = \"words.tsv\"", "since a file is named"),
        (
            "[model]\ntied = true\nembedding_size = 100",
            "the same vectors",
        ),
        ("[model]\nhidden_size = 0", "hidden_size"),
        ("[data]\ndev = \"\"", "for both dev and test"),
        ("[training]\nplateau = 1.5", "between 0 and 1"),
        ("[training]\noptimizer = \"conjugate_gradient\"", "convex"),
    ] {
        let message = refusal(text);
        assert!(message.contains(part), "{text}: {message}");
    }
    for text in [
        "[method]\nparts = 1\ngroups = \"shared\"",
        "[method]\ngroups = \"grouped\"\ngroup_count = 4",
        "preset = \"literal\"",
    ] {
        assert_eq!(refusal(text), "accepted", "{text}");
    }
}

#[test]
fn a_library_is_checked_against_the_vocabulary() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("library.tsv");
    let vocabulary = vocabulary(5);
    let law = |text: &str| {
        std::fs::write(&path, text).expect("a file");
        let mut run = run("");
        run.method.noise = limbeck_recipes::nce_lm::Noise::Library;
        run.method.library.clone_from(&path);
        NoiseLaw::of(&run.method, &vocabulary, vocabulary.counts())
    };
    let law_of_two = law("w1\t3\nw2\n").expect("two words");
    let [w1, w2] = ["w1", "w2"].map(|word| vocabulary.id(word).expect("a word"));
    assert!((law_of_two.ln_q(w1) - 0.75f32.ln()).abs() < 1e-4);
    assert!((law_of_two.ln_q(w2) - 0.25f32.ln()).abs() < 1e-4);
    for (text, part) in [
        ("w1\t3\nw9\t1\n", ":2: expected a word of the training text"),
        ("w1\t-3\n", ":1: expected a weight above 0"),
        ("\n", "the file is empty"),
    ] {
        let message = law(text).map(|_| ()).expect_err("wrong").to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn texts_that_do_not_fit_are_refused_by_file_and_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("a file");
    };
    let read = || {
        let mut run = run("");
        run.data.dir = folder.path().into();
        LanguageData::read(&run.data, true).map(|data| data.report)
    };
    let message = || read().expect_err("wrong").to_string();
    assert!(message().contains("train.txt"));
    write("train.txt", "a b c\n\nd\n");
    write("valid.txt", "a b\n");
    write("test.txt", "a\nb x\n");
    let unknown = message();
    assert!(
        unknown.contains("test.txt:2") && unknown.contains("\"x\""),
        "{unknown}"
    );
    write("test.txt", "a\nb c\n");
    let report = read().expect("all words are known");
    assert!(
        report.contains("1 lines of one token, 1 empty lines"),
        "{report}"
    );
    write("train.txt", "a <eos> b\n");
    assert!(message().contains("train.txt:1"));
}

#[test]
fn a_line_that_is_too_long_for_its_parts_is_refused() {
    let mut run = run("[method]\nsentence = \"line\"");
    let line = |tokens: u32| {
        let mut line = vec![1; tokens as usize];
        line.push(0);
        std::sync::Arc::new(limbeck_data::language::MemoryTokens::new(line))
    };
    let text = |run: &config::NceLmRun, tokens| {
        TrainingText::new(line(tokens), &run.method, 1, 1).map(|_| ())
    };
    let refused = text(&run, 100_000).expect_err("parts of 25,001 positions");
    let message = refused.to_string();
    assert!(
        message.contains("at least 7") && message.contains("stream"),
        "{message}"
    );
    run.method.parts = 7;
    text(&run, 100_000).expect("parts of 14,286 positions");
}
