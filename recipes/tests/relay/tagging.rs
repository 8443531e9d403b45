//! Words with tags, and keywords.

use limbeck_recipes::relay::{Form, RelayData};
use limbeck_recipes::text::TextClassifier;
use limbeck_training::predictions::AnswerKind;

use crate::answers::agree_with_the_figures;
use crate::tiny::{
    KEYWORDS, TAGS, data, distilled, parse, parse_without_a, tags, weights, write_documents,
    write_sentences,
};

const LEARNING: [&str; 4] = [
    "training.teacher_a.length=\"15 epochs\"",
    "training.teacher_b.length=\"10 epochs\"",
    "training.student.length=\"15 epochs\"",
    "training.student.learning_rate=0.01",
];

/// A teacher whose scores do not hang on the tags before.
const TEXT_CNN: [&str; 2] = ["teacher_a.kind=\"text_cnn\"", "teacher_a.channels=8"];

fn figure(done: &limbeck_recipes::relay::Relayed, model: &str, name: &str) -> Option<f64> {
    let test = done.measured.test.as_ref()?;
    test.get(model)?.get(name)
}

/// What can be known from words, letters and order is learned by all three kinds of models.
#[test]
fn people_and_places_are_found() {
    for teacher in ["seq2seq", "transformer", "text_cnn"] {
        let kind = format!("teacher_a.kind={teacher}");
        let done = match teacher {
            "seq2seq" => tags(&LEARNING),
            // Their sections have other keys.
            _ => {
                let folder = tempfile::tempdir().expect("a folder");
                write_sentences(folder.path());
                let dir = format!("data.dir={:?}", folder.path());
                let sizes: &[&str] = match teacher {
                    "transformer" => &["teacher_a.hidden_size=16", "teacher_a.layers=1"],
                    _ => &["teacher_a.channels=8"],
                };
                let own = [kind.as_str(), dir.as_str()];
                let overrides = [&LEARNING[..], &own, sizes].concat();
                let run = parse_without_a(TAGS, &overrides).expect("a run file");
                distilled(&run)
            }
        };
        for model in ["teacher_a", "student_alone", "student"] {
            let f1 = figure(&done, model, "span_f1").expect("a figure");
            assert!(f1 > 0.95, "{teacher}: {model} has {f1}");
        }
        for name in [
            "span_f1_PER",
            "span_f1_LOC",
            "token_accuracy",
            "us_per_text",
        ] {
            assert!(figure(&done, "student", name).is_some(), "{name}");
        }
    }
}

#[test]
fn a_crf_learns_too_and_wants_decisions() {
    let overrides = [
        "words.crf=true",
        "distillation.policy=\"replace\"",
        "distillation.label_form=\"hard\"",
    ];
    let folder = tempfile::tempdir().expect("a folder");
    write_sentences(folder.path());
    let dir = format!("data.dir={:?}", folder.path());
    let own = [dir.as_str(), TEXT_CNN[0], TEXT_CNN[1]];
    let all = [&LEARNING[..], &overrides, &own].concat();
    let done = distilled(&parse_without_a(TAGS, &all).expect("a run file"));
    let f1 = figure(&done, "student", "span_f1").expect("a figure");
    assert!(f1 > 0.95, "{f1}");
    let refused = parse(TAGS, &["words.crf=true"]).expect_err("soft labels");
    assert!(refused.to_string().contains("words.crf"), "{refused}");
    let overrides = [&overrides[..], &["distillation.loss=\"focal\""]].concat();
    let refused = parse(TAGS, &overrides).expect_err("another loss");
    assert!(refused.to_string().contains("cross_entropy"), "{refused}");
}

/// A sentence longer than the models read is cut, and has no tags beyond.
#[test]
fn long_sentences_are_cut_and_counted_whole() {
    let done = tags(&["data.max_length=3"]);
    // Places stand at position 5 and are not found, and count as missed.
    assert_eq!(figure(&done, "student", "span_f1_LOC"), Some(0.0));
    agree_with_the_figures(&done.measured, AnswerKind::Spans);
}

#[test]
fn answers_to_plain_tags_agree_with_their_figures() {
    let done = tags(&["data.tagging.scheme=\"none\""]);
    agree_with_the_figures(&done.measured, AnswerKind::Tags);
    let test = &done.measured.predictions[1];
    let said = test.models.get("student").expect("answers")[0]
        .said
        .as_deref();
    let words = test.samples[0].text.as_deref().expect("a text").split(' ');
    assert_eq!(
        said.map(|tags| tags.split(' ').count()),
        Some(words.count())
    );
}

#[test]
fn keywords_are_found_and_judged_against_all_gold() {
    let folder = tempfile::tempdir().expect("a folder");
    write_documents(folder.path());
    let dir = format!("data.dir={:?}", folder.path());
    let run = parse(KEYWORDS, &[&LEARNING[..], &[dir.as_str()]].concat()).expect("a run file");
    let read = data(&run);
    assert!(matches!(read.space.form, Form::Keywords(_)));
    let done = distilled(&run);
    for model in ["teacher_a", "student"] {
        let of = |name: &str| figure(&done, model, name).expect("a figure");
        // One of three keywords does not stand in its text.
        let ceiling = of("keyword_recall_ceiling");
        assert!((0.6..0.7).contains(&ceiling), "{ceiling}");
        assert!(of("keyword_recall") <= ceiling);
        assert!(of("keyword_f1") > 0.7, "{model}: {}", of("keyword_f1"));
        assert!(of("present_f1") > 0.9 && of("present_f1_at_5") > 0.0);
    }
    agree_with_the_figures(&done.measured, AnswerKind::Keywords);
    let gold = done.measured.predictions[1].samples[0].gold.as_deref();
    assert!(
        gold.is_some_and(|phrases| phrases.contains("; ")),
        "{gold:?}"
    );
}

/// With CTC, models learn to write the keywords down, copying words.
#[test]
fn keywords_are_copied() {
    let folder = tempfile::tempdir().expect("a folder");
    write_documents(folder.path());
    let dir = format!("data.dir={:?}", folder.path());
    let ctc = [
        dir.as_str(),
        "distillation.loss=\"ctc\"",
        "distillation.label_form=\"hard\"",
        "distillation.policy=\"replace\"",
    ];
    let all = [&LEARNING[..], &ctc, &TEXT_CNN].concat();
    let done = distilled(&parse_without_a(KEYWORDS, &all).expect("a run file"));
    for model in ["teacher_a", "student"] {
        let f1 = figure(&done, model, "keyword_f1").expect("a figure");
        assert!(f1 > 0.7, "{model}: {f1}");
    }
    let text = "On deep coding for all We use deep coding and then search with care.";
    let found = done.student.tag(&[text]).expect("keywords");
    assert!(
        found[0].keywords.contains(&"deep coding".to_string()),
        "{found:?}"
    );
}

/// Documents that copying cannot spell are left out, told, and refused if they are many.
#[test]
fn keywords_that_cannot_be_copied_are_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    write_documents(folder.path());
    let dir = format!("data.dir={:?}", folder.path());
    let ctc = [
        dir.as_str(),
        "distillation.loss=\"ctc\"",
        "distillation.label_form=\"hard\"",
        "distillation.policy=\"replace\"",
    ];
    let ctc = [&ctc[..], &TEXT_CNN].concat();
    let run = parse_without_a(KEYWORDS, &ctc).expect("a run file");
    let append = |line: &str| {
        let train = folder.path().join("train.tsv");
        let text = std::fs::read_to_string(&train).expect("documents");
        std::fs::write(&train, text + line).expect("written");
    };
    append("r\tThe chart\tThe chart chart shows it.\tchart chart\t\n");
    let read = data(&run);
    assert_eq!(read.train.len(), 80);
    assert!(read.report.contains("ctc: 1 of 81"), "{}", read.report);
    append("t\tA title\tWith deep coding search here.\tdeep coding|search\t\n");
    let error = RelayData::read(&run, false)
        .map(|_| ())
        .expect_err("too many");
    let error = error.to_string();
    assert!(
        error.contains("2 of 82") && error.contains("ctc"),
        "{error}"
    );
}

/// A tagger is one folder, like every model, and gives the same tags when it is read again.
#[test]
fn a_tagger_is_saved_and_loaded() {
    let done = tags(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("student");
    done.student.save(&path).expect("saved");
    let device = limbeck_engine::Device::cpu();
    let loaded = TextClassifier::load(&path, &device).expect("a tagger");
    assert_eq!(weights(&loaded), weights(&done.student));
    let said = |model: &TextClassifier| model.tag(&["Anna Weber met him in Oslo ."]);
    assert_eq!(
        said(&loaded).expect("tags"),
        said(&done.student).expect("tags")
    );
}

/// Noise leaves tags that are well formed, in as many sentences.
#[test]
fn noise_disturbs_spans_of_train_and_dev() {
    let folder = tempfile::tempdir().expect("a folder");
    write_sentences(folder.path());
    let dir = format!("data.dir={:?}", folder.path());
    let read = |noise: &str| data(&parse(TAGS, &[&dir, noise]).expect("a run file"));
    let (clean, noisy) = (read("data.label_noise=0"), read("data.label_noise=0.3"));
    let changed = |of: fn(&RelayData) -> &Vec<Vec<u32>>| {
        let pairs = of(&clean).iter().zip(of(&noisy));
        pairs.filter(|(a, b)| a != b).count()
    };
    assert!(changed(|data| &data.train.labels) > 30);
    assert!(changed(|data| &data.dev.samples.labels) > 5);
    assert_eq!(
        changed(|data| &data.test.as_ref().expect("test").samples.labels),
        0
    );
}
