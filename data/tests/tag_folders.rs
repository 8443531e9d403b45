//! Folders of tagged files: one list of tags in one scheme, and what is said of the data.

use std::path::Path;

use limbeck_data::DataError;
use limbeck_data::read::Part;
use limbeck_data::tagging::{
    Scheme, TagReadOptions, TaggedData, TaggedOptions, load_tagged, load_tagged_folder, spans,
};

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).expect("a file in the folder");
    }
    folder
}

fn load(files: &[(&str, &str)], options: &TaggedOptions) -> Result<TaggedData, DataError> {
    load_tagged_folder(folder(files).path(), options)
}

fn assert_message(error: &DataError, file: &str, line: Option<usize>, words: &[&str]) {
    let message = error.to_string();
    assert_eq!(error.line(), line, "{message}");
    let place = line.map_or(file.to_string(), |line| format!("{file}:{line}:"));
    for word in words.iter().copied().chain([place.as_str()]) {
        assert!(message.contains(word), "{word:?} is missing in: {message}");
    }
}

const TRAIN: &str = "-DOCSTART- O\n\nAda I-PER\nLovelace I-PER\nParis B-LOC\nRome I-LOC\n\n\
    ada I-PER\nLOVELACE I-PER\nParis I-LOC\nRome B-LOC\n\nIn O\nUtrecht I-LOC\nLyon B-LOC\n";
const DEV: &str = "In O\nutrecht B-LOC\nlyon I-LOC\n\nNo O\n";

#[test]
fn parts_share_one_list_of_tags_in_one_scheme() {
    let data = load(
        &[("train.conll", TRAIN), ("dev.conll", DEV)],
        &TaggedOptions::default(),
    );
    let data = data.expect("a good folder");
    // Two of train's tags break IOB2 and one breaks IOB1.
    assert_eq!(
        (data.report.found, data.scheme),
        (Scheme::Iob1, Scheme::Bioes)
    );
    let names = [
        "O", "B-LOC", "I-LOC", "E-LOC", "S-LOC", "B-PER", "I-PER", "E-PER", "S-PER",
    ];
    assert_eq!(data.train.tag_names, names);
    let dev = data.dev.expect("the dev file");
    assert_eq!(dev.tag_names, names);
    assert_eq!(
        data.train.tags_of_row(0),
        ["B-PER", "E-PER", "B-LOC", "E-LOC"]
    );
    assert_eq!(data.train.tags_of_row(2), ["O", "S-LOC", "S-LOC"]);
    assert_eq!(dev.tags, [vec![0, 1, 3], vec![0]]);
    assert_eq!(
        (data.train.len(), data.train.tokens(), data.train.longest()),
        (3, 11, 4)
    );
    assert_eq!(data.train.texts()[2], "In Utrecht Lyon");
    let chosen = data.train.select(&[2, 0]);
    assert_eq!(chosen.sentences[1], data.train.sentences[0]);
    assert_eq!(
        (chosen.tags[0].as_slice(), chosen.tag_names.len()),
        ([0, 4, 4].as_slice(), 9)
    );
    assert!(data.test.is_none() && data.files.len() == 2 && data.files[0].rows == 3);
}

#[test]
fn the_report_says_what_is_odd() {
    let files = [("train.conll", TRAIN), ("dev.conll", DEV)];
    let report = load(&files, &TaggedOptions::default())
        .expect("a good folder")
        .report;
    let [train, dev] = &report.parts[..] else {
        panic!("two parts: {report:?}");
    };
    assert_eq!(
        train.per_kind,
        [("LOC".to_string(), 5), ("PER".to_string(), 2)]
    );
    assert_eq!((train.sentences, train.tokens, train.longest), (3, 11, 4));
    assert_eq!(
        (train.repeated, train.in_train, train.counts.documents),
        (1, 0, 1)
    );
    // Line 5 of train is a B of IOB1 that touches no other LOC; line 2 of dev likewise.
    assert_eq!((train.broken, train.first_broken), (1, Some(5)));
    assert_eq!((dev.broken, dev.first_broken), (1, Some(2)));
    assert_eq!((dev.in_train, dev.repeated), (1, 0));
    let printed = report.to_string();
    for words in [
        "tags of iob1, kept as bioes",
        "train 3 sentences, 11 tokens, longest 4, LOC 5, PER 2, 1 repeated, 1 document marks, \
         1 break the scheme, first in line 5",
        "1 also in train",
    ] {
        assert!(
            printed.contains(words),
            "{words:?} is missing in:\n{printed}"
        );
    }
}

#[test]
fn strict_refuses_what_breaks_the_scheme() {
    let strict = TaggedOptions {
        strict: true,
        ..TaggedOptions::default()
    };
    let error = load(&[("train.conll", TRAIN)], &strict).expect_err("a broken tag");
    let words = [
        "iob1",
        "\"B-LOC\" behind \"I-PER\" of the sentence",
        "`strict`",
    ];
    assert_message(&error, "train.conll", Some(5), &words);
    let open = "a B-A\nb E-A\n\nc O\nd B-A\n";
    let error = load(&[("train.conll", open)], &strict).expect_err("an open span");
    assert_message(
        &error,
        "train.conll",
        Some(5),
        &["\"B-A\" behind \"O\", at the end"],
    );
    let clean = "a I-A\nb O\n\nc I-B\n";
    let data = load(&[("train.conll", clean)], &strict).expect("nothing is broken");
    assert_eq!(data.report.parts[0].first_broken, None);
}

#[test]
fn unknown_tags_are_named_and_new_prefixes_are_not_unknown() {
    let train = "a B-A\nb O\n\nc B-B\n";
    for part in ["dev.conll", "test.conll"] {
        let files = [("train.conll", train), (part, "a O\n\nb B-A\nc I-C\n")];
        let error = load(&files, &TaggedOptions::default()).expect_err("an unknown type");
        assert_message(&error, part, Some(4), &["\"I-C\"", "A, B"]);
    }
    let files = [
        ("train.conll", train),
        ("dev.conll", "a B-A\nb I-A\nc S-B\n"),
    ];
    let data = load(&files, &TaggedOptions::default()).expect("known types");
    let dev = data.dev.expect("the dev file");
    assert_eq!(dev.tags_of_row(0), ["B-A", "E-A", "S-B"]);
    // IOB2 has no S.
    assert_eq!(data.report.parts[1].first_broken, Some(3));
}

#[test]
fn a_scheme_may_be_named_and_chosen() {
    let files = [("train.conll", "a I-A\nb I-A\nc B-A\nd O\n")];
    let as_scheme = |scheme_out| TaggedOptions {
        scheme_out,
        ..TaggedOptions::default()
    };
    for (scheme, expected) in [
        (Scheme::Iob1, ["I-A", "I-A", "B-A", "O"]),
        (Scheme::Iob2, ["B-A", "I-A", "B-A", "O"]),
        (Scheme::Bioes, ["B-A", "E-A", "S-A", "O"]),
        (Scheme::Io, ["I-A", "I-A", "I-A", "O"]),
    ] {
        let data = load(&files, &as_scheme(scheme)).expect("a scheme with spans");
        assert_eq!(
            (data.scheme, data.train.tags_of_row(0)),
            (scheme, expected.to_vec())
        );
    }
    let error = load(&files, &as_scheme(Scheme::None)).expect_err("spans as plain tags");
    assert!(error.to_string().contains("scheme = \"none\""), "{error}");
    // Named as it is not: read all the same, and counted.
    let named = TaggedOptions {
        scheme: Scheme::Iob2,
        ..TaggedOptions::default()
    };
    let files = [(
        "train.conll",
        "a I-A\nb B-A\n\nc B-A\n\nd O\ne I-A\nf O\ng I-A\n",
    )];
    let data = load(&files, &named).expect("broken tags are counted");
    let train = &data.report.parts[0];
    assert_eq!(data.report.found, Scheme::Iob2);
    assert_eq!((train.broken, train.first_broken), (2, Some(1)));
}

#[test]
fn plain_tags_stay_as_they_are() {
    let files = [
        ("train.conll", "a NN\nb DT\nc O\n\nd NN\n"),
        ("test.conll", "a DT\n"),
    ];
    let data = load(&files, &TaggedOptions::default()).expect("plain tags");
    assert_eq!(
        (data.scheme, data.report.found),
        (Scheme::None, Scheme::None)
    );
    assert_eq!(data.train.tag_names, ["DT", "NN", "O"]);
    assert_eq!(data.train.tags, [vec![1, 0, 2], vec![1]]);
    let counts = [
        ("DT".to_string(), 1),
        ("NN".to_string(), 2),
        ("O".to_string(), 1),
    ];
    assert_eq!(data.report.parts[0].per_kind, counts);
    assert!(data.report.to_string().starts_with("plain tags\n"));
    let unknown = [files[0], ("test.conll", "a DT\nb VB\n")];
    let error = load(&unknown, &TaggedOptions::default()).expect_err("an unknown tag");
    assert_message(&error, "test.conll", Some(2), &["\"VB\"", "DT, NN, O"]);
    let spans = TaggedOptions {
        scheme_out: Scheme::Iob2,
        ..TaggedOptions::default()
    };
    let error = load(&files, &spans).expect_err("plain tags as spans");
    assert!(error.to_string().contains("scheme_out"), "{error}");
    // What looks like spans can be taken as it is.
    let plain = TaggedOptions {
        scheme: Scheme::None,
        ..TaggedOptions::default()
    };
    let data = load(&[("train.conll", "a B-A\nb O\n")], &plain).expect("plain tags");
    assert_eq!(data.train.tag_names, ["B-A", "O"]);
}

#[test]
fn spans_of_one_unnamed_kind() {
    let data = load(
        &[("train.conll", "水 B\n性 I\n漆 O\n")],
        &TaggedOptions::default(),
    );
    let data = data.expect("lone prefixes");
    assert_eq!(data.train.tag_names, ["O", "B", "I", "E", "S"]);
    assert_eq!(data.train.tags, [vec![1, 3, 0]]);
    assert!(data.report.to_string().contains("spans 1"));
}

#[test]
fn tags_that_make_no_sense() {
    let mixed = "a B-A\nb O\n\nc A\n";
    let error = load(&[("train.conll", mixed)], &TaggedOptions::default()).expect_err("mixed tags");
    assert_message(
        &error,
        "train.conll",
        Some(4),
        &["the tag \"A\"", "scheme = \"none\""],
    );
    let files = [
        ("train.conll", "a B-A\nb O\n"),
        ("dev.conll", "a O\nb B-\n"),
    ];
    let error = load(&files, &TaggedOptions::default()).expect_err("no tag of a scheme");
    assert_message(
        &error,
        "dev.conll",
        Some(2),
        &["the tag \"B-\"", "scheme iob2"],
    );
    for one in ["a O\nb O\n", "a NN\nb NN\n"] {
        let error = load(&[("train.conll", one)], &TaggedOptions::default()).expect_err("one tag");
        assert_message(
            &error,
            "train.conll",
            None,
            &["every token has the tag", "two tags"],
        );
    }
}

#[test]
fn parts_by_name() {
    let json = "{\"tokens\": [\"a\", \"b\"], \"tags\": [\"U-A\", \"O\"]}\n";
    let files = [("a.jsonl", json), ("test.conll", "x Z-Z\n")];
    let options = TaggedOptions {
        train: "a.jsonl".into(),
        test: Part::Nothing,
        ..TaggedOptions::default()
    };
    let data = load(&files, &options).expect("a named file");
    assert_eq!(
        (data.train.tags_of_row(0), data.test),
        (vec!["S-A", "O"], None)
    );
    let options = TaggedOptions {
        dev: Part::Named("d.conll".into()),
        ..options
    };
    let error = load(&files, &options).expect_err("a named part must exist");
    assert_message(&error, "d.conll", None, &["no such file"]);
    let error = load_tagged_folder(Path::new("/nowhere"), &TaggedOptions::default());
    assert_message(
        &error.expect_err("no folder"),
        "nowhere",
        None,
        &["folder that holds"],
    );
}

#[test]
fn a_later_file_is_read_against_known_tags() {
    let folder = folder(&[
        ("x.conll", "a I-B\nb I-B\n\nc I-A\n"),
        ("y.conll", "a DT\n"),
        ("z.conll", "a B-A\nb O\n"),
    ]);
    let path = folder.path().join("x.conll");
    let names = Scheme::Iob2.tag_names(&["A", "B"]);
    let options = TaggedOptions::default();
    let (set, file, report) =
        load_tagged(&path, &options, &names, Scheme::Iob2).expect("known types");
    assert_eq!(
        (set.tags, set.tag_names),
        (vec![vec![3, 4], vec![1]], names.clone())
    );
    assert_eq!((file.rows, report.sentences, report.broken), (2, 2, 0));
    let error = load_tagged(&path, &options, &names[..3], Scheme::Iob2).expect_err("no B");
    assert_message(&error, "x.conll", Some(1), &["\"I-B\"", "which are A."]);
    let plain = ["B-A", "DT", "O"].map(String::from);
    let path = folder.path().join("y.conll");
    let (set, ..) = load_tagged(&path, &options, &plain, Scheme::None).expect("a known tag");
    assert_eq!(set.tags, [vec![1]]);
    let error = load_tagged(&path, &options, &names, Scheme::Iob2).expect_err("plain tags");
    assert!(error.to_string().contains("scheme"), "{error}");
    // Whatever its tags look like, a file is read as those of the model are.
    let (set, ..) = load_tagged(
        &folder.path().join("z.conll"),
        &options,
        &plain,
        Scheme::None,
    )
    .expect("known tags");
    assert_eq!(set.tags, [vec![0, 2]]);
}

#[test]
fn options_are_read_from_run_files_by_name() {
    let read: TagReadOptions =
        serde_json::from_str("{\"format\": \"conllu\", \"columns\": {\"tag\": \"xpos\"}}")
            .expect("names of run files");
    assert_eq!(read.columns.tag.expect("a column").to_string(), "\"xpos\"");
    for scheme in ["auto", "iob1", "iob2", "bioes", "io", "none"] {
        let parsed: Scheme = serde_json::from_str(&format!("\"{scheme}\"")).expect("a name");
        assert_eq!(parsed.name(), scheme);
    }
    assert_eq!(spans(&["I-A"], Scheme::default()).len(), 1);
}
