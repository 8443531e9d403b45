//! Documents with keywords: files, tokens, spans and phrases.

use std::path::Path;

use limbeck_data::DataError;
use limbeck_data::keywords::{
    Gold, KeywordDocument, KeywordFolderOptions, KeywordReadOptions, keyword_spans, keyword_tags,
    load_keyword_folder, phrase_form, phrases_at, phrases_of, read_keywords, to_tagged, tokens,
};
use limbeck_data::tagging::{Scheme, Span, spans};
use proptest::prelude::*;

fn read_with(name: &str, content: &str, gold: Gold) -> Result<Vec<KeywordDocument>, DataError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("a file in the folder");
    let options = KeywordReadOptions {
        gold,
        ..KeywordReadOptions::default()
    };
    read_keywords(&path, &options).map(|(documents, _)| documents)
}

fn document(text: &str, keywords: &[&str]) -> KeywordDocument {
    KeywordDocument::new("1", text, keywords.iter().map(|k| k.to_string()).collect())
}

fn places(spans: &[Span]) -> Vec<(usize, usize)> {
    spans.iter().map(|span| (span.start, span.end)).collect()
}

fn words(text: &str) -> Vec<String> {
    tokens(text).into_iter().map(|token| token.text).collect()
}

#[test]
fn tokens_are_words_signs_and_ideographs() {
    assert_eq!(
        words("It's 3.5-fold"),
        ["It", "'", "s", "3", ".", "5", "-", "fold"]
    );
    assert_eq!(
        words("a_1\u{a0}\u{e9} e\u{301}t\u{e9}"),
        ["a_1", "\u{e9}", "e\u{301}t\u{e9}"]
    );
    assert_eq!(
        words("水性漆BERT模型2カナ"),
        ["水", "性", "漆", "BERT", "模", "型", "2", "カ", "ナ"]
    );
    assert!(words(" \n\t").is_empty());
}

#[test]
fn the_layout_of_inspec() {
    let raw = "7\t On  graphs\tWe study graphs.\tGraphs|graph theory|GRAPHS||\tTrees\n\
        8\tTitle\tBody\t\tTrees|body\n";
    let documents = read_with("x.tsv", raw, Gold::default()).expect("good lines");
    assert_eq!(documents[0].id, "7");
    assert_eq!(documents[0].text, "On  graphs We study graphs.");
    assert_eq!(documents[0].keywords, ["Graphs", "graph theory"]);
    assert!(documents[1].keywords.is_empty());
    let controlled = read_with("x.tsv", raw, Gold::Controlled).expect("good lines");
    assert_eq!(controlled[1].keywords, ["Trees", "body"]);
    let both = read_with("x.tsv", raw, Gold::Both).expect("good lines");
    assert_eq!(both[0].keywords, ["Graphs", "graph theory", "Trees"]);
    let four = read_with("x.tsv", "1\ta\tb\tc\r\n", Gold::default()).expect("a good line");
    assert_eq!(
        (four[0].text.as_str(), four[0].keywords.as_slice()),
        ("a b", ["c".into()].as_slice())
    );
}

#[test]
fn jsonl_with_text_or_title_and_abstract() {
    let raw = "{\"id\": 3, \"text\": \"A\\nb\", \"keywords\": [\"b\", \"B\"]}\n\n\
        {\"id\": \"x\", \"title\": \"A\", \"abstract\": \"b c\", \"keywords\": []}\n";
    let documents = read_with("x.jsonl", raw, Gold::default()).expect("good lines");
    assert_eq!(
        (documents[0].id.as_str(), documents[0].text.as_str()),
        ("3", "A\nb")
    );
    assert_eq!(documents[0].keywords, ["b"]);
    assert_eq!(
        (documents[1].text.as_str(), documents[1].keywords.len()),
        ("A b c", 0)
    );
}

#[test]
fn lines_that_cannot_be_read() {
    let refused: &[(&str, &str, Gold, usize, &str)] = &[
        (
            "x.tsv",
            "1\ta\tb\tc\n2\ta\tb\n",
            Gold::Uncontrolled,
            2,
            "3 columns",
        ),
        (
            "x.tsv",
            "1\ta\tb\tc\td\te\n",
            Gold::Uncontrolled,
            1,
            "6 columns",
        ),
        ("x.tsv", "1\ta\tb\tc\n", Gold::Controlled, 1, "4 columns"),
        ("x.tsv", "1\ta\tb\tc\n", Gold::Both, 1, "controlled keyword"),
        (
            "x.tsv",
            " \ta\tb\tc\n",
            Gold::Uncontrolled,
            1,
            "an empty id",
        ),
        (
            "x.tsv",
            "\n1\t\t \tc\n",
            Gold::Uncontrolled,
            2,
            "\"1\" without a text",
        ),
        (
            "x.jsonl",
            "{\"id\": 1, \"text\": \" \", \"keywords\": []}\n",
            Gold::Uncontrolled,
            1,
            "without a text",
        ),
        ("x.jsonl", "{}\n", Gold::Uncontrolled, 1, "no \"id\""),
        (
            "x.jsonl",
            "{\"id\": [1]}\n",
            Gold::Uncontrolled,
            1,
            "no \"id\"",
        ),
        (
            "x.jsonl",
            "{\"id\": 1, \"title\": \"a\"}\n",
            Gold::Uncontrolled,
            1,
            "\"abstract\"",
        ),
        (
            "x.jsonl",
            "{\"id\": 1, \"text\": 2}\n",
            Gold::Uncontrolled,
            1,
            "no string \"text\"",
        ),
        (
            "x.jsonl",
            "{\"id\": 1, \"text\": \"a\"}\n",
            Gold::Uncontrolled,
            1,
            "\"keywords\"",
        ),
        (
            "x.jsonl",
            "{\"id\": 1, \"text\": \"a\", \"keywords\": [1]}\n",
            Gold::Uncontrolled,
            1,
            "no array of strings \"keywords\"",
        ),
        (
            "x.jsonl",
            "{nothing\n",
            Gold::Uncontrolled,
            1,
            "JSON object",
        ),
    ];
    for (name, content, gold, line, words) in refused {
        let error = read_with(name, content, *gold).expect_err("a line that cannot be read");
        let message = error.to_string();
        assert!(
            message.contains(words),
            "{words:?} is missing in: {message}"
        );
        assert!(message.contains(&format!("{name}:{line}:")), "{message}");
        assert_eq!(error.line(), Some(*line));
    }
    let error = read_with("x.tsv", " \n", Gold::default()).expect_err("no document");
    assert!(error.to_string().contains("the file is empty"), "{error}");
}

#[test]
fn the_longest_keyword_wins_then_the_leftmost() {
    let text = "Deep neural networks: neural networks, networks";
    let (found, counts) = keyword_spans(&document(text, &["networks", "neural networks"]));
    assert_eq!(places(&found), [(1, 3), (4, 6), (7, 8)]);
    assert_eq!(
        (counts.present, counts.hidden, counts.hidden_places),
        (2, 0, 2)
    );
    let (found, counts) = keyword_spans(&document("a b c d", &["b c", "a b", "c d", "b"]));
    assert_eq!(places(&found), [(0, 2), (2, 4)]);
    assert_eq!(
        (counts.present, counts.hidden, counts.hidden_places),
        (4, 2, 2)
    );
    // More tokens win, whatever stands on the left.
    let (found, _) = keyword_spans(&document("a b c d", &["a b", "b c d"]));
    assert_eq!(places(&found), [(1, 4)]);
}

#[test]
fn a_keyword_is_found_by_its_form_at_the_borders_of_tokens() {
    let text = "Image-based rendering of\n  IMAGES; C++";
    let keywords = [
        "image",
        "rendering  OF images",
        "age",
        "c++",
        "vision",
        "Image based",
    ];
    let (found, counts) = keyword_spans(&document(text, &keywords));
    assert_eq!(places(&found), [(0, 1), (3, 6), (7, 10)]);
    assert!(found.iter().all(|span| span.kind == "KEY"));
    // "age" stands in the text, but inside a word.
    assert_eq!((counts.keywords, counts.literal, counts.present), (6, 4, 3));
    assert_eq!((counts.absent, counts.hidden, counts.spans), (3, 0, 3));
}

#[test]
fn documents_become_tagged_sentences() {
    let documents = [
        document("Fast graphs.", &["fast graphs"]),
        document("None", &[]),
    ];
    let (set, counts) = to_tagged(&documents, Scheme::Auto).expect("a scheme with spans");
    assert_eq!(set.tag_names, ["O", "B-KEY", "I-KEY", "E-KEY", "S-KEY"]);
    assert_eq!(set.sentences, [vec!["Fast", "graphs", "."], vec!["None"]]);
    assert_eq!(set.tags, [vec![1, 3, 0], vec![0]]);
    assert_eq!((counts.keywords, counts.spans), (1, 1));
    let (tags, _) = keyword_tags(&documents[0], Scheme::Iob2).expect("a scheme with spans");
    assert_eq!(tags, [1, 2, 0]);
    assert!(to_tagged(&documents, Scheme::None).is_err());
}

#[test]
fn phrases_are_unique_forms_in_the_order_of_the_text() {
    let document = document("Graph  Theory, trees and graph theory", &[]);
    let tags = ["I-KEY", "I-KEY", "O", "S-KEY", "O", "B-KEY", "E-KEY"];
    assert_eq!(phrases_of(&document, &tags), ["graph theory", "trees"]);
    assert_eq!(phrases_of(&document, &["O", "B-KEY"]), ["theory"]);
    let beyond = [
        Span::new(3, 4, "KEY"),
        Span::new(6, 9, "KEY"),
        Span::new(2, 2, "KEY"),
    ];
    assert_eq!(phrases_at(&document, &beyond), ["trees"]);
    let many = ["O", "O", "O", "O", "O", "O", "O", "B-KEY"];
    assert!(phrases_of(&document, &many).is_empty());
}

#[test]
fn a_folder_and_its_report() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, content: &str| {
        std::fs::write(folder.path().join(name), content).expect("a file in the folder");
    };
    write(
        "train.tsv",
        "1\tA b\tc d\ta b|b|x\t\n2\ta B\tC d\t\t\n3\te\tf\te f\t\n",
    );
    write("test.tsv", "4\tE\tF\tf\t\n");
    let data = load_keyword_folder(folder.path(), &KeywordFolderOptions::default());
    let data = data.expect("a good folder");
    assert_eq!(
        (data.train.len(), data.files.len(), data.files[0].rows),
        (3, 2, 3)
    );
    assert!(data.dev.is_none());
    assert_eq!(data.test.expect("the test file")[0].keywords, ["f"]);
    let [train, test] = &data.report.parts[..] else {
        panic!("two parts: {:?}", data.report);
    };
    assert_eq!(
        (
            train.counts.keywords,
            train.counts.present,
            train.counts.hidden
        ),
        (4, 3, 1)
    );
    assert_eq!((train.documents, train.tokens, train.longest), (3, 10, 4));
    assert_eq!((train.repeated, train.without, train.in_train), (1, 1, 0));
    assert_eq!((test.name, test.in_train), ("test", 1));
    let printed = data.report.to_string();
    let line = "train 3 documents, 10 tokens, longest 4, 4 keywords, 3 of them in their text, \
        1 hidden by longer ones, 1 documents without a keyword, 1 repeated\n";
    assert!(printed.starts_with(line), "{printed}");
    let error = load_keyword_folder(Path::new("/nowhere"), &KeywordFolderOptions::default());
    assert!(
        error
            .expect_err("no folder")
            .to_string()
            .contains("nowhere")
    );
}

proptest! {
    #[test]
    fn tokens_stand_where_they_say(text in "(\\PC|[a-z \\-.]){0,60}") {
        let tokens = tokens(&text);
        let mut end = 0;
        for token in &tokens {
            prop_assert_eq!(&text[token.start..token.end], &token.text);
            prop_assert!(!token.text.is_empty() && !token.text.contains(char::is_whitespace));
            prop_assert!(text[end..token.start].chars().all(char::is_whitespace));
            end = token.end;
        }
        prop_assert!(text[end..].chars().all(char::is_whitespace));
    }

    #[test]
    fn what_is_tagged_is_what_can_be_read_back(
        text in "[a-cA-C]{1,2}([ \\-]{1,2}[a-cA-C]{1,2}){0,20}",
        keywords in prop::collection::vec("[a-c]{1,2}( [a-c]{1,2}){0,3}", 0..6),
    ) {
        let document = KeywordDocument::new("1", text, keywords);
        let (found, counts) = keyword_spans(&document);
        prop_assert!(found.windows(2).all(|pair| pair[0].end <= pair[1].start), "{:?}", found);
        let forms = document.forms();
        for span in &found {
            let form = phrases_at(&document, std::slice::from_ref(span)).remove(0);
            prop_assert!(forms.contains(&form));
        }
        for scheme in [Scheme::Iob1, Scheme::Iob2, Scheme::Bioes] {
            let (tags, _) = keyword_tags(&document, scheme).expect("a scheme with spans");
            let names = scheme.tag_names(&["KEY"]);
            let tags: Vec<&String> = tags.iter().map(|&tag| &names[tag as usize]).collect();
            prop_assert_eq!(&spans(&tags, scheme), &found);
            let phrases = phrases_of(&document, &tags);
            prop_assert_eq!(phrases.len(), counts.present - counts.hidden);
        }
        prop_assert_eq!(counts.present + counts.absent, counts.keywords);
        prop_assert!(counts.present <= counts.literal);
    }

    #[test]
    fn forms_are_stable(phrase in "\\PC{0,20}") {
        let form = phrase_form(&phrase);
        prop_assert_eq!(phrase_form(&form), form);
    }
}
