//! Run files that contradict themselves, and awkward data.

use crate::tiny::{
    CLASSES, KEYWORDS, TAGS, data, distilled, parse, write_documents, write_sentences,
};
use limbeck_recipes::relay::RelayData;

fn refused(data: &str, overrides: &[&str], words: &[&str]) {
    let error = parse(data, overrides)
        .expect_err("contradictory")
        .to_string();
    for word in words {
        assert!(error.contains(word), "{overrides:?}: {error}");
    }
}

#[test]
fn options_that_make_no_sense_are_refused() {
    refused(
        CLASSES,
        &["distillation.threshold=1.5"],
        &["threshold", "from 0 to 1"],
    );
    refused(CLASSES, &["distillation.folds=1"], &["folds", "at least 2"]);
    refused(CLASSES, &["distillation.b_extra=-0.1"], &["b_extra"]);
    refused(
        CLASSES,
        &["distillation.temperature=0"],
        &["temperature", "above 0"],
    );
    refused(CLASSES, &["distillation.gamma=-1"], &["gamma"]);
    refused(
        CLASSES,
        &["distillation.policy=\"keep\""],
        &["policy", "soft_a"],
    );
    refused(
        CLASSES,
        &["distillation.convergence.smoothing=1"],
        &["smoothing"],
    );
    refused(
        CLASSES,
        &["distillation.convergence.patience_evals=0"],
        &["patience_evals"],
    );
    refused(CLASSES, &["data.label_noise=1"], &["label_noise"]);
    refused(CLASSES, &["words.size=3"], &["words"]);
    refused(TAGS, &["words.size=0"], &["words.size", "at least 1"]);
    refused(KEYWORDS, &["data.text_column=2"], &["text_column", "fixed"]);
    let ctc = "distillation.loss=\"ctc\"";
    refused(CLASSES, &[ctc], &["loss", "for keywords"]);
    refused(KEYWORDS, &[ctc], &["loss", "label_form"]);
    refused(KEYWORDS, &[ctc], &["teacher_a.kind", "text_cnn"]);
    refused(TAGS, &["words.crf=true"], &["teacher_a.kind", "seq2seq"]);
    refused(
        TAGS,
        &["student.pooling=\"mean\""],
        &["student.pooling", "max"],
    );
    refused(TAGS, &["student.embedding_size=3"], &["words.size"]);
    refused(KEYWORDS, &["data.tagging.strict=true"], &["tagging"]);
    let hard = [
        "distillation.label_form=\"hard\"",
        "distillation.policy=\"drop\"",
        ctc,
    ];
    let cosine = [&hard[..], &["distillation.score=\"cosine\""]].concat();
    refused(KEYWORDS, &cosine, &["score", "f1"]);
    refused(CLASSES, &["teacher_b.kind=\"corpus\""], &["teacher_b"]);
}

#[test]
fn tagged_words_are_for_the_relay_alone() {
    let text = "task = \"train\"\n[data]\nformat = \"conll\"\n";
    let error = limbeck_recipes::config::parse("x.toml", text, &[]).expect_err("refused");
    assert!(error.to_string().contains("relay"), "{error}");
}

/// Awkward sentences and documents are read, trained on and judged.
#[test]
fn awkward_texts_do_no_harm() {
    let folder = tempfile::tempdir().expect("a folder");
    write_sentences(folder.path());
    let train = folder.path().join("train.conll");
    let mut text = std::fs::read_to_string(&train).expect("sentences");
    let endless = "x".repeat(5000);
    text += &format!("{endless}\tB-PER\n\nX\tI-LOC\nY\tI-PER\n\n.\tO\n\n");
    std::fs::write(&train, text).expect("written");
    let dir = format!("data.dir={:?}", folder.path());
    let run = parse(TAGS, &[&dir, "student_alone=false"]).expect("a run file");
    let done = distilled(&run);
    assert!(done.measured.test.is_some());
    // The reader's account says that tags break the scheme.
    let report = RelayData::read(&run, true).expect("readable").report;
    assert!(report.contains("scheme"), "{report}");
    let strict = parse(TAGS, &[&dir, "data.tagging.strict=true"]).expect("a run file");
    let error = RelayData::read(&strict, true)
        .map(|_| ())
        .expect_err("broken tags");
    assert!(error.to_string().contains("train.conll:"), "{error}");
}

#[test]
fn documents_without_keywords_in_their_text_do_no_harm() {
    let folder = tempfile::tempdir().expect("a folder");
    write_documents(folder.path());
    let test = folder.path().join("test.tsv");
    let mut text = std::fs::read_to_string(&test).expect("documents");
    text += "x\tA title\tA text of words.\tsomething else|nothing here\t\n";
    std::fs::write(&test, text).expect("written");
    let dir = format!("data.dir={:?}", folder.path());
    let run = parse(KEYWORDS, &[&dir, "student_alone=false"]).expect("a run file");
    assert_eq!(data(&run).test.expect("a test set").documents.len(), 21);
    let done = distilled(&run);
    assert!(done.measured.test.is_some());
}
