//! Files of tagged sentences: what their readers accept, and how they refuse.

use std::io::Write;
use std::path::Path;

use limbeck_data::DataError;
use limbeck_data::read::Column;
use limbeck_data::tagging::{
    ReadCounts, SPACE_MARK, TagColumns, TagReadOptions, TaggedFile, read_tagged,
};
use proptest::prelude::*;

fn read_with(name: &str, bytes: &[u8], options: &TagReadOptions) -> Result<TaggedFile, DataError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("a file in the temporary folder");
    read_tagged(&path, options)
}

fn read(name: &str, content: &str) -> TaggedFile {
    read_with(name, content.as_bytes(), &TagReadOptions::default()).expect("a readable file")
}

fn columns(token: Option<Column>, tag: Option<Column>) -> TagReadOptions {
    TagReadOptions {
        columns: TagColumns { token, tag },
        ..TagReadOptions::default()
    }
}

fn name(name: &str) -> Option<Column> {
    Some(Column::Name(name.into()))
}

/// `token/tag` of every sentence.
fn pairs(file: &TaggedFile) -> Vec<String> {
    let pair = |(token, tag): (&String, &String)| format!("{token}/{tag}");
    let sentence = |s: &limbeck_data::tagging::TaggedSentence| {
        s.tokens
            .iter()
            .zip(&s.tags)
            .map(pair)
            .collect::<Vec<_>>()
            .join(" ")
    };
    file.sentences.iter().map(sentence).collect()
}

fn assert_message(error: &DataError, file: &str, line: Option<usize>, words: &[&str]) {
    let message = error.to_string();
    assert_eq!(error.line(), line, "{message}");
    let place = line.map_or(file.to_string(), |line| format!("{file}:{line}:"));
    for word in words.iter().copied().chain([place.as_str()]) {
        assert!(message.contains(word), "{word:?} is missing in: {message}");
    }
}

#[test]
fn columns_by_tabs_or_spaces() {
    let file = read("x.conll", "One\tB-A\nTwo\tO\n\nThree\tO\n");
    assert_eq!(pairs(&file), ["One/B-A Two/O", "Three/O"]);
    assert_eq!((file.sentences[1].lines[0], file.summary.rows), (4, 2));
    let four = "-DOCSTART- -X- O O\n\nOne NN  I-NP I-A\n \t\n\nTwo VB I-VP O\n-DOCSTART- -X- O O\nThree . O O";
    let file = read("x.txt", four);
    assert_eq!(pairs(&file), ["One/I-A", "Two/O", "Three/O"]);
    assert_eq!(
        file.counts,
        ReadCounts {
            documents: 2,
            ..ReadCounts::default()
        }
    );
    let speech = columns(None, Some(Column::Index(1)));
    let file = read_with("x.txt", four.as_bytes(), &speech).expect("a readable file");
    assert_eq!(pairs(&file), ["One/NN", "Two/VB", "Three/."]);
    let swapped = columns(Some(Column::Index(1)), Some(Column::Index(0)));
    let file = read_with("x", b"O One\nB-A Two\n", &swapped).expect("a readable file");
    assert_eq!(pairs(&file), ["One/O Two/B-A"]);
}

#[test]
fn a_mark_of_documents_needs_no_columns() {
    let file = read("x.conll", "-DOCSTART-\n\nOne\tO\n");
    assert_eq!(
        (pairs(&file), file.counts.documents),
        (vec!["One/O".to_string()], 1)
    );
}

#[test]
fn byte_order_mark_crlf_and_gzip_change_nothing() {
    let windows = b"\xEF\xBB\xBFOne\tO\r\nTwo\tB-A\r\n\r\nThree\tO\r\n";
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(windows).expect("compression in memory");
    let packed = encoder.finish().expect("compression in memory");
    for (name, bytes) in [("x.conll", windows.as_slice()), ("x.conll.gz", &packed)] {
        let file = read_with(name, bytes, &TagReadOptions::default()).expect("a readable file");
        assert_eq!(pairs(&file), ["One/O Two/B-A", "Three/O"], "{name}");
    }
}

#[test]
fn white_space_in_a_token_becomes_a_mark() {
    // U+2028 and U+0085 end no line; U+3000 stands alone as a character may.
    let file = read(
        "x.conll",
        "a  b\tO\nc\u{2028}\u{85}d\tO\n\u{3000}\tB-A\n \tO \n",
    );
    assert_eq!(file.sentences[0].tokens, ["a▁b", "c▁d", "▁", "▁"]);
    assert_eq!(file.sentences[0].tags, ["O", "O", "B-A", "O"]);
    assert_eq!(file.counts.marked, 4);
    let file = read(
        "x.jsonl",
        "{\"tokens\": [\"New York\", \"is\"], \"tags\": [\"B-A\", \"O\"]}",
    );
    assert_eq!(pairs(&file), [format!("New{SPACE_MARK}York/B-A is/O")]);
}

#[test]
fn conllu_passes_over_ranges_and_empty_nodes() {
    let raw = "# text = Vámonos al mar\n\
        1-2\tVámonos\t_\t_\t_\t_\t_\t_\t_\t_\n\
        1\tVamos\tir\tVERB\tV1\t_\t0\troot\t_\t_\n\
        2\tnos\tnosotros\tPRON\tP1\t_\t1\tobj\t_\tNER=O\n\
        2.1\tnada\t_\tNOUN\t_\t_\t_\t_\t_\t_\n\
        3\t_\t_\tPUNCT\t_\t_\t1\tpunct\t_\t_\n\n\
        # another comment\n\
        1\ta b\t_\tX\tY\t_\t0\troot\t_\t_\n";
    let file = read("x.conllu", raw);
    assert_eq!(pairs(&file), ["Vamos/VERB nos/PRON _/PUNCT", "a▁b/X"]);
    let expected = ReadCounts {
        comments: 2,
        ranges: 1,
        empty_nodes: 1,
        marked: 1,
        documents: 0,
    };
    assert_eq!(file.counts, expected);
    for column in [name("DEPREL"), Some(Column::Index(7))] {
        let relations = columns(name("form"), column);
        let file = read_with("x.conllu", raw.as_bytes(), &relations).expect("a readable file");
        assert_eq!(pairs(&file)[0], "Vamos/root nos/obj _/punct");
    }
    let fine = columns(None, name("xpos"));
    let error = read_with("x.conllu", raw.as_bytes(), &fine).expect_err("an unknown tag");
    assert_message(
        &error,
        "x.conllu",
        Some(6),
        &["column xpos", "\"_\"", "another column"],
    );
}

#[test]
fn jsonl_by_tokens_or_by_character() {
    let raw = "{\"tokens\": [\"One\", \"two\"], \"tags\": [\"B-A\", \"O\"], \"id\": 7}\n\n\
        {\"text\": \"水性 漆\", \"tags\": [\"B-A\", \"I-A\", \"O\", \"S-B\"]}\n";
    let file = read("x.jsonl", raw);
    assert_eq!(pairs(&file), ["One/B-A two/O", "水/B-A 性/I-A ▁/O 漆/S-B"]);
    assert_eq!(file.sentences[1].lines, [3; 4]);
    let keys = columns(name("words"), name("ner"));
    let raw = b"{\"words\": [\"a\"], \"ner\": [\"O\"], \"tags\": 3}";
    let file = read_with("x.ndjson", raw, &keys).expect("a readable file");
    assert_eq!(pairs(&file), ["a/O"]);
}

#[test]
fn lines_that_cannot_be_read() {
    let ten = "1\ta\t_\tX\t_\t_\t0\troot\t_\t_\n";
    let refused: &[(&str, &str, usize, &[&str])] = &[
        (
            "x.conll",
            "One\tO\nTwo\n",
            2,
            &["\"Two\"", "column 0", "the last"],
        ),
        ("x.conll", "One\n", 1, &["tabs or spaces"]),
        (
            "x.conll",
            "One\tO\n\nNew York O\n",
            3,
            &["2 columns, as in line 1", "3 in"],
        ),
        ("x.conll", "One\tO\n\tO\n", 2, &["an empty token"]),
        ("x.conll", "One\tO\nTwo\t\n", 2, &["an empty tag"]),
        ("x.conll", "One\tO\nTwo\t \n", 2, &["an empty tag"]),
        ("x.conll", "One\tO\nTw\0o\tO\n", 2, &["NUL byte at byte 3"]),
        ("x.conll", "\u{3000}\n", 1, &["tabs or spaces"]),
        ("x.conllu", "1\ta\t_\tX\n", 1, &["ten columns", "4 in"]),
        (
            "x.conllu",
            &format!("{ten}x\ta\t_\tX\t_\t_\t0\troot\t_\t_\n"),
            2,
            &["the id \"x\""],
        ),
        (
            "x.conllu",
            "1-\ta\t_\tX\t_\t_\t0\troot\t_\t_\n",
            1,
            &["the id \"1-\""],
        ),
        (
            "x.conllu",
            "1\t\t_\tX\t_\t_\t0\troot\t_\t_\n",
            1,
            &["column form"],
        ),
        (
            "x.conllu",
            "1\ta\t_\t_\t_\t_\t0\troot\t_\t_\n",
            1,
            &["column upos"],
        ),
        (
            "x.jsonl",
            "{\"tokens\": [\"a\"], \"tags\": []}\n",
            1,
            &["1 tokens and 0 tags"],
        ),
        (
            "x.jsonl",
            "\n{\"tokens\": [], \"tags\": []}\n",
            2,
            &["one token at least"],
        ),
        (
            "x.jsonl",
            "{\"text\": \"\", \"tags\": []}\n",
            1,
            &["one token at least"],
        ),
        (
            "x.jsonl",
            "{\"tokens\": [\"\"], \"tags\": [\"O\"]}\n",
            1,
            &["at place 1"],
        ),
        (
            "x.jsonl",
            "{\"tokens\": [\"a\"], \"tags\": [\"\"]}\n",
            1,
            &["at place 1"],
        ),
        (
            "x.jsonl",
            "{\"tokens\": [\"a\"], \"tags\": [1]}\n",
            1,
            &["array of as many strings"],
        ),
        (
            "x.jsonl",
            "{\"tokens\": [1], \"tags\": [\"O\"]}\n",
            1,
            &["array of strings"],
        ),
        (
            "x.jsonl",
            "{\"tags\": [\"O\"]}\n",
            1,
            &["\"tokens\" or \"text\""],
        ),
        ("x.jsonl", "{not json}\n", 1, &["JSON object"]),
    ];
    for (name, content, line, words) in refused {
        let error = read_with(name, content.as_bytes(), &TagReadOptions::default())
            .expect_err("a line that cannot be read");
        assert_message(&error, name, Some(*line), words);
    }
    let error = read_with(
        "x.conll",
        b"One\tO\nTw\xFFo\tO\n",
        &TagReadOptions::default(),
    )
    .expect_err("bytes that are not UTF-8");
    assert_message(&error, "x.conll", Some(2), &["byte 3", "0xFF", "not UTF-8"]);
}

#[test]
fn files_without_a_sentence() {
    let cases = [
        ("x.conll", "\n \n", "the token in column 0"),
        ("x.conll", "-DOCSTART- -X- O O\n\n", "the token in column 0"),
        ("x.conllu", "# a comment\n\n", "ten columns"),
        ("x.jsonl", "\n\n", "JSON object"),
    ];
    for (name, content, words) in cases {
        let error = read_with(name, content.as_bytes(), &TagReadOptions::default())
            .expect_err("no sentence");
        assert_message(&error, name, None, &["empty", words]);
    }
    let error = read_tagged(Path::new("/nowhere/x.conll"), &TagReadOptions::default())
        .expect_err("no file");
    assert_message(&error, "x.conll", None, &["no such file"]);
}

#[test]
fn columns_that_a_format_does_not_have() {
    let cases = [
        ("x.conll", columns(name("form"), None), "columns.token"),
        (
            "x.conll",
            columns(None, Some(Column::Index(0))),
            "columns.tag",
        ),
        ("x.conllu", columns(None, name("ner")), "columns.tag"),
        (
            "x.conllu",
            columns(None, Some(Column::Index(10))),
            "columns.tag",
        ),
        ("x.conllu", columns(name("upos"), None), "columns.tag"),
        (
            "x.jsonl",
            columns(None, Some(Column::Index(1))),
            "columns.tag",
        ),
        ("x.jsonl", columns(None, name("text")), "columns.tag"),
    ];
    for (file, options, words) in cases {
        let error = read_with(file, b"", &options).expect_err("wrong columns");
        assert!(
            error.to_string().contains(words),
            "{words:?} is missing in: {error}"
        );
    }
}

fn some_sentences() -> impl Strategy<Value = Vec<Vec<(String, String)>>> {
    // A byte order mark at the head of a file is none of its text.
    let token =
        "[^\\s\\x00-\\x1F\u{FEFF}]{1,5}".prop_filter("a mark of documents", |t| t != "-DOCSTART-");
    let sentence = prop::collection::vec((token, "O|[BI]-[A-Z]{1,3}"), 1..6);
    prop::collection::vec(sentence, 1..6)
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_back(sentences in some_sentences()) {
        let written = |separator: &str| -> String {
            let line = |(token, tag): &(String, String)| format!("{token}{separator}{tag}\n");
            let sentence = |s: &Vec<(String, String)>| s.iter().map(line).collect::<String>() + "\n";
            sentences.iter().map(sentence).collect()
        };
        let json: String = sentences.iter().map(|sentence| {
            let (tokens, tags): (Vec<&String>, Vec<&String>) =
                sentence.iter().map(|(token, tag)| (token, tag)).unzip();
            serde_json::json!({"tokens": tokens, "tags": tags}).to_string() + "\n"
        }).collect();
        for (name, content) in
            [("x.conll", written("\t")), ("y.conll", written(" ")), ("x.jsonl", json)]
        {
            let file = read(name, &content);
            let found: Vec<Vec<(String, String)>> = file.sentences.into_iter()
                .map(|s| s.tokens.into_iter().zip(s.tags).collect())
                .collect();
            prop_assert_eq!(&found, &sentences, "{}", name);
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        text in "[a-zO\t \n_#0-9.\\-]{0,200}",
        name in prop::sample::select(vec!["x.conll", "x.conllu", "x.jsonl", "x.conll.gz"]),
    ) {
        for bytes in [bytes.as_slice(), text.as_bytes()] {
            // An error is as good as sentences: all lists are then equally long.
            if let Ok(file) = read_with(name, bytes, &TagReadOptions::default()) {
                for s in &file.sentences {
                    prop_assert_eq!((s.tokens.len(), s.tokens.len()), (s.tags.len(), s.lines.len()));
                    prop_assert!(s.tokens.iter().all(|t| !t.contains(char::is_whitespace)));
                }
            }
        }
    }
}
