//! Tokenizers: what the ids mean, that training repeats, and that files are checked.

use limbeck_data::tokenize::{
    TextTokenizer, Tokenizer, TokenizerKind, TokenizerOptions, Vocabulary,
};
use limbeck_data::{DataError, rng::Rng};
use proptest::prelude::*;

const KINDS: [TokenizerKind; 4] = [
    TokenizerKind::Word,
    TokenizerKind::Character,
    TokenizerKind::Bpe,
    TokenizerKind::WordPiece,
];

fn options(kind: TokenizerKind) -> TokenizerOptions {
    TokenizerOptions {
        kind,
        ..TokenizerOptions::default()
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| text.to_string()).collect()
}

/// Made-up words of a few syllables, so that sub-words have something to learn.
fn syllable_texts(count: u64) -> Vec<String> {
    const SYLLABLES: [&str; 12] = [
        "sol", "ven", "pig", "ment", "ta", "ni", "ro", "ing", "in", "g", "ly", "mer",
    ];
    (0..count)
        .map(|index| {
            let mut rng = Rng::new(3, "syllables", &[index]);
            let word = |rng: &mut Rng| -> String {
                (0..1 + rng.below(4))
                    .map(|_| SYLLABLES[rng.below(12)])
                    .collect()
            };
            (0..3 + rng.below(6))
                .map(|_| word(&mut rng))
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect()
}

fn decoded(tokenizer: &TextTokenizer, text: &str) -> Vec<String> {
    let ids = tokenizer.encode(text);
    let token = |&id: &u32| tokenizer.vocabulary().token(id).unwrap_or("?").to_string();
    ids.ids().iter().map(token).collect()
}

#[test]
fn word_ids_go_by_frequency_then_byte_order() {
    let texts = strings(&["b a c", "C b b", "a <unk> <cls>"]);
    let tokenizer = TextTokenizer::train(&texts, &options(TokenizerKind::Word)).unwrap();
    assert_eq!(
        tokenizer.vocabulary().tokens(),
        ["<unk>", "<cls>", "b", "a", "c"]
    );
    assert_eq!(tokenizer.encode("c  B\tz").ids(), [4, 2, 0]);
    let frequent = TokenizerOptions {
        min_count: 3,
        ..options(TokenizerKind::Word)
    };
    let tokenizer = TextTokenizer::train(&texts, &frequent).unwrap();
    assert_eq!(tokenizer.vocabulary().tokens(), ["<unk>", "<cls>", "b"]);
    let small = TokenizerOptions {
        max_size: 4,
        ..options(TokenizerKind::Word)
    };
    assert_eq!(
        TextTokenizer::train(&texts, &small)
            .unwrap()
            .vocabulary()
            .len(),
        4
    );
    let cased = TokenizerOptions {
        lowercase: false,
        ..options(TokenizerKind::Word)
    };
    let tokenizer = TextTokenizer::train(&texts, &cased).unwrap();
    assert_ne!(tokenizer.encode("c").ids(), tokenizer.encode("C").ids());
}

#[test]
fn a_text_cannot_forge_the_first_token() {
    let texts = strings(&["a b"]);
    let first = TokenizerOptions {
        first_token: true,
        ..options(TokenizerKind::Word)
    };
    let tokenizer = TextTokenizer::train(&texts, &first).unwrap();
    assert_eq!(tokenizer.encode("<cls> a").ids(), [1, 0, 2]);
    assert_eq!(tokenizer.encode("").ids(), [1, 0]);
}

#[test]
fn characters_leave_white_space_out() {
    let texts = strings(&["水性 漆", "水\u{3000}漆"]);
    let tokenizer = TextTokenizer::train(&texts, &options(TokenizerKind::Character)).unwrap();
    assert_eq!(tokenizer.vocabulary().len(), 5);
    assert_eq!(decoded(&tokenizer, "漆 水"), ["漆", "水"]);
}

#[test]
fn subwords_spell_every_word_of_known_characters() {
    let texts = syllable_texts(200);
    for kind in [TokenizerKind::Bpe, TokenizerKind::WordPiece] {
        let small = TokenizerOptions {
            max_size: 120,
            ..options(kind)
        };
        let tokenizer = TextTokenizer::train(&texts, &small).unwrap();
        assert!(tokenizer.vocabulary().len() <= 120, "{kind:?}");
        for text in &texts[..20] {
            let spelled = decoded(&tokenizer, text)
                .join("")
                .replace("##", "")
                .replace("</w>", "");
            assert_eq!(spelled, text.replace(' ', ""), "{kind:?}");
        }
        let pieces: usize = texts.iter().map(|text| tokenizer.encode(text).len()).sum();
        let characters: usize = texts.iter().map(|text| text.chars().count()).sum();
        assert!(
            pieces * 2 < characters,
            "{kind:?} learned no merges: {pieces} of {characters}"
        );
        // A letter never seen: unknown, alone in byte-pair encoding, with its word in WordPiece.
        assert!(
            tokenizer
                .encode("solxven")
                .ids()
                .contains(&Vocabulary::UNKNOWN_ID)
        );
        // Punctuation is a word of its own.
        assert_eq!(
            tokenizer.encode("sol,ven").ids(),
            tokenizer.encode("sol , ven").ids()
        );
    }
}

#[test]
fn training_twice_gives_the_same_table() {
    let texts = syllable_texts(400);
    for kind in KINDS {
        let options = TokenizerOptions {
            max_size: 500,
            ..options(kind)
        };
        let first = TextTokenizer::train(&texts, &options).unwrap();
        for _ in 0..5 {
            let again = TextTokenizer::train(&texts, &options).unwrap();
            assert_eq!(first.vocabulary(), again.vocabulary(), "{kind:?}");
            for text in &texts[..50] {
                assert_eq!(first.encode(text), again.encode(text), "{kind:?}");
            }
        }
    }
}

#[test]
fn long_and_empty_texts() {
    let texts = strings(&["one two"]);
    let long = "one ".repeat(100_000);
    for kind in KINDS {
        let options = TokenizerOptions {
            max_length: 64,
            ..options(kind)
        };
        let tokenizer = TextTokenizer::train(&texts, &options).unwrap();
        assert_eq!(tokenizer.encode(&long).len(), 64, "{kind:?}");
        assert_eq!(
            tokenizer.encode(" \n").ids(),
            [Vocabulary::UNKNOWN_ID],
            "{kind:?}"
        );
        let encoded = tokenizer.encode_all(&[long.as_str(), "", "one"]);
        assert_eq!((encoded.ids.len(), encoded.truncated), (3, 1), "{kind:?}");
        assert!(encoded.unknown > 0.0 && encoded.unknown < 0.1, "{kind:?}");
    }
}

#[test]
fn a_table_of_nothing_still_encodes() {
    for kind in KINDS {
        let tokenizer = TextTokenizer::train(&[], &options(kind)).unwrap();
        assert_eq!(tokenizer.vocabulary().len(), 2, "{kind:?}");
        assert!(
            tokenizer
                .encode("never seen")
                .ids()
                .iter()
                .all(|&id| id == 0),
            "{kind:?}"
        );
        assert!(!tokenizer.encode("never seen").is_empty(), "{kind:?}");
    }
}

#[test]
fn saved_and_loaded_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let texts = syllable_texts(100);
    for kind in KINDS {
        let path = folder.path().join(format!("{kind:?}.json"));
        let options = TokenizerOptions {
            max_size: 200,
            first_token: true,
            ..options(kind)
        };
        let tokenizer = TextTokenizer::train(&texts, &options).unwrap();
        tokenizer.save(&path).unwrap();
        let loaded = TextTokenizer::load(&path).unwrap();
        assert_eq!(loaded.options(), tokenizer.options());
        for text in texts
            .iter()
            .map(String::as_str)
            .chain(["", "unseen, Text 水"])
        {
            assert_eq!(loaded.encode(text), tokenizer.encode(text), "{kind:?}");
        }
    }
}

#[test]
fn files_that_are_no_tokenizer_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    let texts = strings(&["one two"]);
    TextTokenizer::train(&texts, &options(TokenizerKind::Word))
        .unwrap()
        .save(&path)
        .unwrap();
    let good = std::fs::read_to_string(&path).unwrap();
    let refused = |content: &str| -> DataError {
        std::fs::write(&path, content).unwrap();
        TextTokenizer::load(&path).expect_err("a file that is no tokenizer")
    };
    for (content, words) in [
        (good.replace("\"one\"", "\"eno\""), "fingerprint"),
        (good.replace("\"one\"", "\"two\""), "repeated"),
        (
            good.replace("\"format_version\":1", "\"format_version\":2"),
            "version 1",
        ),
        (
            good.replace("limbeck tokenizer", "something"),
            "\"limbeck tokenizer\"",
        ),
        ("[]".into(), "\"limbeck tokenizer\""),
    ] {
        let error = refused(&content);
        assert!(
            error.to_string().contains(words),
            "{words:?} is missing in: {error}"
        );
        assert_eq!(error.path(), Some(path.as_path()));
    }
    // Cut at any byte.
    for length in 0..good.len() {
        refused(&good[..length]);
    }
    std::fs::remove_file(&path).unwrap();
    let missing = TextTokenizer::load(&path).expect_err("no file");
    assert!(missing.to_string().contains("no such file"), "{missing}");
}

#[test]
fn senseless_options_are_refused_by_name() {
    let word = options(TokenizerKind::Word);
    for (options, name) in [
        (
            TokenizerOptions {
                max_length: 0,
                ..word.clone()
            },
            "tokenizer.max_length",
        ),
        (
            TokenizerOptions {
                max_length: 1,
                first_token: true,
                ..word.clone()
            },
            "max_length",
        ),
        (
            TokenizerOptions {
                max_size: 2,
                ..word.clone()
            },
            "tokenizer.max_size",
        ),
    ] {
        let error = TextTokenizer::train(&[], &options).expect_err("a senseless option");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_tokenizer_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&TextTokenizer::train(&[], &options(TokenizerKind::Bpe)).unwrap());
}

proptest! {
    #[test]
    fn every_text_has_at_least_one_and_at_most_max_length_ids(
        text in "\\PC{0,60}", kind in prop::sample::select(KINDS.to_vec()), max_length in 1..20usize
    ) {
        let options = TokenizerOptions { max_length, ..options(kind) };
        let tokenizer = TextTokenizer::train(std::slice::from_ref(&text), &options).unwrap();
        let ids = tokenizer.encode(&text);
        prop_assert!((1..=max_length).contains(&ids.len()));
        prop_assert!(ids.ids().iter().all(|&id| (id as usize) < tokenizer.vocabulary().len()));
        prop_assert_eq!(ids.vocabulary(), tokenizer.fingerprint());
    }
}
