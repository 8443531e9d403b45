//! Readers: what they accept, and how they refuse.

use std::io::Write;
use std::path::{Path, PathBuf};

use limbeck_data::DataError;
use limbeck_data::read::{
    Columns, FolderOptions, Format, Part, ReadOptions, load_folder, load_labelled, read_records,
};
use proptest::prelude::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(files: &[(&str, &[u8])]) -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary folder"));
        for (name, bytes) in files {
            std::fs::write(folder.path(name), bytes).expect("a file in the temporary folder");
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn load(&self) -> Result<limbeck_data::read::Dataset, DataError> {
        load_folder(self.0.path(), &FolderOptions::default())
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("compression in memory");
    encoder.finish().expect("compression in memory")
}

fn texts(path: &Path, options: &ReadOptions) -> Vec<(Option<String>, String, Option<String>)> {
    let (records, _) = read_records(path, options).expect("a readable file");
    records
        .into_iter()
        .map(|record| (record.label, record.text, record.pair))
        .collect()
}

/// The message must name the file, the line, and every one of these words.
fn assert_message(error: &DataError, file: &str, line: Option<usize>, words: &[&str]) {
    let message = error.to_string();
    assert_eq!(error.line(), line, "{message}");
    let place = line.map_or(file.to_string(), |line| format!("{file}:{line}:"));
    for word in words.iter().copied().chain([place.as_str()]) {
        assert!(message.contains(word), "{word:?} is missing in: {message}");
    }
}

#[test]
fn tsv_splits_at_the_first_tab_and_newline_only() {
    let raw = "a\t\"quoted\tsecond tab\nb\tline\u{2028}one\u{85}more \n\n";
    let folder = Folder::with(&[("x.tsv", raw.as_bytes())]);
    let rows = texts(&folder.path("x.tsv"), &ReadOptions::default());
    assert_eq!(
        rows,
        [
            (Some("a".into()), "\"quoted\tsecond tab".into(), None),
            (Some("b".into()), "line\u{2028}one\u{85}more ".into(), None),
        ]
    );
}

#[test]
fn byte_order_mark_crlf_and_gzip_change_nothing() {
    let plain = "a\tone\nb\ttwo\n";
    let windows = b"\xEF\xBB\xBFa\tone\r\nb\ttwo\r\n";
    let folder = Folder::with(&[
        ("plain.tsv", plain.as_bytes()),
        ("windows.tsv", windows),
        ("packed.tsv.gz", &gzip(windows)),
        ("no_final_newline.tsv", &plain.as_bytes()[..plain.len() - 1]),
    ]);
    let expected = texts(&folder.path("plain.tsv"), &ReadOptions::default());
    for name in ["windows.tsv", "packed.tsv.gz", "no_final_newline.tsv"] {
        assert_eq!(
            texts(&folder.path(name), &ReadOptions::default()),
            expected,
            "{name}"
        );
    }
}

#[test]
fn csv_and_jsonl_read_by_name() {
    let csv = "id,text,label\n1,\"one, two\nthree\",x\n2,four,y\n";
    let jsonl = "{\"text\": \"one\", \"label\": 1}\n\n{\"label\": true, \"text\": \"two\"}\n";
    let folder = Folder::with(&[("x.csv", csv.as_bytes()), ("x.jsonl", jsonl.as_bytes())]);
    let rows = texts(&folder.path("x.csv"), &ReadOptions::default());
    assert_eq!(rows[0], (Some("x".into()), "one, two\nthree".into(), None));
    let rows = texts(&folder.path("x.jsonl"), &ReadOptions::default());
    assert_eq!(rows[0], (Some("1".into()), "one".into(), None));
    assert_eq!(rows[1], (Some("true".into()), "two".into(), None));
}

#[test]
fn columns_by_place_header_and_label_filter() {
    let six = "0\toriginal\tvia one\tvia two\tthree\tfour\n";
    let paraphrases = "1\tleft\tright\n0\tother\tnothing\n";
    let header = "Id\tSentence\tClass\n7\tgood\tpositive\n";
    let folder = Folder::with(&[
        ("six.tsv", six.as_bytes()),
        ("paraphrases.tsv", paraphrases.as_bytes()),
        ("header.tsv", header.as_bytes()),
    ]);
    let options = ReadOptions::with_columns(Columns::indices(None, 1, Some(3)));
    assert_eq!(
        texts(&folder.path("six.tsv"), &options),
        [(None, "original".into(), Some("via two".into()))]
    );
    let positives = Columns {
        only_label: Some("1".into()),
        ..Columns::indices(Some(0), 1, Some(2))
    };
    assert_eq!(
        texts(
            &folder.path("paraphrases.tsv"),
            &ReadOptions::with_columns(positives)
        ),
        [(Some("1".into()), "left".into(), Some("right".into()))]
    );
    let named = ReadOptions {
        header: Some(true),
        ..ReadOptions::with_columns(Columns::names(Some("Class"), "Sentence", None))
    };
    assert_eq!(
        texts(&folder.path("header.tsv"), &named),
        [(Some("positive".into()), "good".into(), None)]
    );
}

#[test]
fn a_folder_gives_sets_files_and_classes_in_byte_order() {
    let folder = Folder::with(&[
        ("train.tsv", b"b\tone\na\ttwo\nb\tthree\n"),
        ("test.tsv.gz", &gzip(b"a\tfour\n")),
    ]);
    let data = folder.load().expect("a good folder");
    assert_eq!(data.train.classes, ["a", "b"]);
    assert_eq!(data.train.labels, [1, 0, 1]);
    assert_eq!(data.train.class_counts(), [1, 2]);
    assert!(data.dev.is_none());
    assert_eq!(data.test.expect("the test file").texts, ["four"]);
    assert_eq!(data.files.len(), 2);
    assert_eq!((data.files[0].rows, data.files[0].bytes), (3, 20));
    // sha256sum of the 20 bytes above.
    assert_eq!(data.files[0].sha256, TRAIN_SHA256);
    let none = FolderOptions {
        test: Part::Nothing,
        ..FolderOptions::default()
    };
    assert!(
        load_folder(folder.0.path(), &none)
            .expect("a good folder")
            .test
            .is_none()
    );
}

const TRAIN_SHA256: &str = "3851979875b77f583b99ee7469f13dde20b0844cbd4e2cd50b06f090bf276396";

#[test]
fn duplicates_with_two_labels_are_reported_not_refused() {
    let folder = Folder::with(&[
        (
            "train.tsv",
            b"a\tSame  text\nb\tsame text\nb\tother\nb\tother\na\t \n",
        ),
        ("test.tsv", b"a\tOTHER\nb\tnew\n"),
    ]);
    let report = folder.load().expect("duplicates are no error").report;
    assert_eq!(report.conflicts.len(), 1);
    assert_eq!(
        report.conflicts[0].occurrences,
        [(1, "a".to_string()), (2, "b".to_string())]
    );
    assert_eq!((report.parts[0].repeated, report.parts[0].empty), (2, 1));
    assert_eq!(
        (report.parts[1].name, report.parts[1].in_train),
        ("test", 1)
    );
    let printed = report.to_string();
    for words in [
        "1 training texts occur with two labels",
        "a (line 1), b (line 2)",
        "1 empty",
    ] {
        assert!(
            printed.contains(words),
            "{words:?} is missing in:\n{printed}"
        );
    }
}

#[test]
fn missing_and_empty_files() {
    let folder = Folder::with(&[("other.tsv", b"a\tb\n")]);
    let error = folder.load().expect_err("no train.tsv");
    assert_message(
        &error,
        "train.tsv",
        None,
        &["no such file", "Check the folder"],
    );
    let absent = folder.path("absent");
    let error = load_folder(&absent, &FolderOptions::default()).expect_err("no folder");
    assert_message(
        &error,
        "absent",
        None,
        &["no such file", "folder that holds the data"],
    );
    let named = FolderOptions {
        train: "other.tsv".into(),
        dev: Part::Named("d.tsv".into()),
        ..FolderOptions::default()
    };
    let folder = Folder::with(&[("other.tsv", b"a\tone\nb\ttwo\n")]);
    let error = load_folder(folder.0.path(), &named).expect_err("a named part must exist");
    assert_message(&error, "d.tsv", None, &["no such file"]);
    for empty in [&b""[..], b"\n\n", b"\xEF\xBB\xBF"] {
        let folder = Folder::with(&[("train.tsv", empty)]);
        let error = folder.load().expect_err("an empty file");
        assert_message(&error, "train.tsv", None, &["empty", "label<TAB>text"]);
    }
}

#[test]
fn lines_that_cannot_be_read() {
    let refused: &[(&str, &[u8], usize, &[&str])] = &[
        (
            "train.tsv",
            b"a\tone\nno tab here\n",
            2,
            &["label<TAB>text", "\"no tab here\"", "no tab"],
        ),
        (
            "train.tsv",
            b"a\tone\n \tempty label\n",
            2,
            &["an empty label"],
        ),
        (
            "train.tsv",
            b"a\tone\nb\ttwo\0\n",
            2,
            &["NUL byte at byte 6"],
        ),
        (
            "train.tsv",
            b"a\tone\nb\tt\xFFwo\n",
            2,
            &["byte 4", "0xFF", "not UTF-8"],
        ),
        (
            "train.tsv",
            b"a\tone\nb\ttwo\xE6\xB0",
            2,
            &["byte 6", "0xE6"],
        ),
        (
            "train.csv",
            b"label,text\na,one\n\nb\n",
            4,
            &["\"text\"", "\"b\""],
        ),
        (
            "train.csv",
            b"class,text\na,one\n",
            1,
            &["\"label\"", "class, text"],
        ),
        (
            "train.jsonl",
            b"{\"label\": \"a\", \"text\": \"one\"}\n{\"label\": \"a\"}\n",
            2,
            &["keys"],
        ),
        (
            "train.jsonl",
            b"{\"label\": \"a\", \"text\": [1]}\n",
            1,
            &["keys \"label\", \"text\""],
        ),
        ("train.jsonl", b"{not json}\n", 1, &["JSON object"]),
    ];
    for (name, bytes, line, words) in refused {
        let folder = Folder::with(&[(name, bytes)]);
        let error = read_records(&folder.path(name), &ReadOptions::default())
            .expect_err("a line that cannot be read");
        assert_message(&error, name, Some(*line), words);
    }
}

#[test]
fn labels_that_make_no_sense() {
    let folder = Folder::with(&[("train.tsv", b"a\tone\na\ttwo\n")]);
    let error = folder.load().expect_err("one class only");
    assert_message(
        &error,
        "train.tsv",
        None,
        &["\"a\"", "at least two classes"],
    );
    for part in ["dev.tsv", "test.tsv"] {
        let folder = Folder::with(&[
            ("train.tsv", b"a\tone\nb\ttwo\n"),
            (part, b"a\tone\n\nc\ttwo\n"),
        ]);
        let error = folder.load().expect_err("an unknown label");
        assert_message(&error, part, Some(3), &["\"c\"", "a, b"]);
    }
    let many: String = (10..50)
        .map(|class| format!("c{class}\ttext {class}\n"))
        .collect();
    let folder = Folder::with(&[("train.tsv", many.as_bytes()), ("dev.tsv", b"x\ty\n")]);
    let error = folder.load().expect_err("an unknown label");
    assert_message(&error, "dev.tsv", Some(1), &["c10", "and 28 more"]);
}

#[test]
fn broken_gzip_names_the_file() {
    let whole = gzip(b"a\tone\nb\ttwo\n");
    let folder = Folder::with(&[("train.tsv.gz", &whole[..whole.len() - 6])]);
    let error = folder.load().expect_err("a truncated archive");
    assert_message(&error, "train.tsv.gz", None, &[]);
}

#[test]
fn options_that_contradict_each_other() {
    let folder = Folder::with(&[("x.tsv", b"a\tb\n"), ("x.jsonl", b"{}\n")]);
    let by_name = ReadOptions::with_columns(Columns::names(Some("label"), "text", None));
    let error = read_records(&folder.path("x.tsv"), &by_name).expect_err("no header");
    assert!(error.to_string().contains("header = true"), "{error}");
    let by_place = ReadOptions::with_columns(Columns::indices(None, 0, None));
    let error = read_records(&folder.path("x.jsonl"), &by_place).expect_err("no places");
    assert!(error.to_string().contains("names"), "{error}");
    let filter = Columns {
        only_label: Some("9".into()),
        ..Columns::label_text(Format::Tsv)
    };
    let error = read_records(&folder.path("x.tsv"), &ReadOptions::with_columns(filter))
        .expect_err("no such label");
    assert!(error.to_string().contains("\"9\""), "{error}");
}

#[test]
fn a_later_file_is_read_against_known_classes() {
    let folder = Folder::with(&[("x.tsv", b"b\tone\n")]);
    let classes = ["a".to_string(), "b".to_string()];
    let (set, file) = load_labelled(&folder.path("x.tsv"), &ReadOptions::default(), &classes)
        .expect("known classes");
    assert_eq!((set.labels, file.rows), (vec![1], 1));
}

proptest! {
    #[test]
    fn whatever_is_written_as_tsv_is_read_back(
        rows in prop::collection::vec(("[a-z]{1,4}", "[^\n\r\0]{1,30}"), 1..20)
    ) {
        let raw: String = rows.iter().map(|(label, text)| format!("{label}\t{text}\n")).collect();
        let folder = Folder::with(&[("x.tsv", raw.as_bytes()), ("y.tsv.gz", &gzip(raw.as_bytes()))]);
        for name in ["x.tsv", "y.tsv.gz"] {
            let read = texts(&folder.path(name), &ReadOptions::default());
            let read: Vec<_> = read.into_iter().map(|(label, text, _)| (label.unwrap_or_default(), text)).collect();
            prop_assert_eq!(&read, &rows);
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        name in prop::sample::select(vec!["x.tsv", "x.csv", "x.jsonl", "x.tsv.gz"]),
    ) {
        let folder = Folder::with(&[(name, &bytes)]);
        let _ = read_records(&folder.path(name), &ReadOptions::default());
    }
}
