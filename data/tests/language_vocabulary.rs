//! The table of a language model: which tokens it holds and in which order, and that changed files
//! are noticed.

use limbeck_data::language::{LanguageOptions, LanguageVocabulary, count};
use limbeck_data::{DataError, Unit};
use tempfile::TempDir;

fn characters() -> LanguageOptions {
    LanguageOptions {
        unit: Unit::Character,
        ..LanguageOptions::default()
    }
}

fn counted(text: &str, options: &LanguageOptions) -> LanguageVocabulary {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("train.txt");
    std::fs::write(&path, text).unwrap();
    count(&[path], options).unwrap()
}

#[test]
fn words_stand_by_falling_count_and_then_by_bytes() {
    let vocabulary = counted("b a c b\n\n z a  b\td", &LanguageOptions::default());
    assert_eq!(vocabulary.tokens(), ["<eos>", "b", "a", "c", "d", "z"]);
    assert_eq!(vocabulary.counts(), [2, 3, 2, 1, 1, 1]);
    assert_eq!((vocabulary.end(), vocabulary.unknown()), (0, None));
    assert_eq!((vocabulary.id("z"), vocabulary.id("Z")), (Some(5), None));
    assert_eq!(vocabulary.token(6), None);
    let lowercase = LanguageOptions {
        lowercase: true,
        ..LanguageOptions::default()
    };
    assert_eq!(counted("A a\nB", &lowercase).tokens(), ["<eos>", "a", "b"]);
}

#[test]
fn unknown_takes_its_place_by_what_it_stands_for() {
    let with = |min_count, max_size, unknown| LanguageOptions {
        min_count,
        max_size,
        unknown,
        ..LanguageOptions::default()
    };
    let all = usize::from(u16::MAX);
    for (text, options, tokens, counts) in [
        // A word of the text.
        (
            "a <unk> a",
            with(1, all, false),
            "<eos> a <unk>",
            vec![1, 2, 1],
        ),
        // Its own occurrences and three words that are too rare.
        (
            "a a a <unk> b c d",
            with(2, all, false),
            "<eos> <unk> a",
            vec![1, 4, 3],
        ),
        // As often as another word: the byte order decides.
        (
            "a a <unk> <unk> % %",
            with(1, all, false),
            "<eos> % <unk> a",
            vec![1, 2, 2, 2],
        ),
        // What does not fit, <unk> included.
        (
            "a a a b b c",
            with(1, 3, false),
            "<eos> <unk> a",
            vec![1, 3, 3],
        ),
        (
            "a a a b b c",
            with(1, 4, false),
            "<eos> a b c",
            vec![1, 3, 2, 1],
        ),
        ("a a b", with(1, 2, false), "<eos> <unk>", vec![1, 3]),
        ("a a", with(1, 2, false), "<eos> a", vec![1, 2]),
        // Asked for.
        (
            "a b",
            with(1, all, true),
            "<eos> a b <unk>",
            vec![1, 1, 1, 0],
        ),
        ("a b", with(1, 3, true), "<eos> <unk> a", vec![1, 1, 1]),
    ] {
        let vocabulary = counted(text, &options);
        assert_eq!(vocabulary.tokens().join(" "), tokens, "{text}");
        assert_eq!(vocabulary.counts(), counts, "{text}");
        let unknown = vocabulary
            .tokens()
            .iter()
            .position(|token| token == "<unk>");
        assert_eq!(vocabulary.unknown().map(|id| id as usize), unknown);
    }
}

#[test]
fn words_are_written_out_with_single_spaces() {
    let vocabulary = counted("the cat sat\nit ran", &LanguageOptions::default());
    let prompt = vocabulary.encode_prompt("\nthe  cat\r\n\n it").unwrap();
    assert_eq!(vocabulary.detokenise(&prompt), "the cat\nit");
    assert_eq!(vocabulary.detokenise(&[0, 0, 99]), "\n\n\u{fffd}");
    for refused in ["the <eos>", "the dog"] {
        let error = vocabulary.encode_prompt(refused).unwrap_err().to_string();
        assert!(error.starts_with("prompt"), "{error}");
    }
    let vocabulary = counted("ab\n", &characters());
    assert_eq!(vocabulary.encode_prompt("\n\nb").unwrap(), [0, 0, 2]);
}

#[test]
fn a_saved_vocabulary_is_the_same_and_a_changed_one_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("vocabulary.json");
    let vocabulary = counted("ä b ä <unk> \"c\"", &LanguageOptions::default());
    vocabulary.save(&path).unwrap();
    assert_eq!(LanguageVocabulary::load(&path).unwrap(), vocabulary);
    let saved = std::fs::read_to_string(&path).unwrap();
    for (from, to, message) in [
        ("\"ä\"", "\"z\"", "fingerprint"),
        ("\"b\"", "\"ä\"", "repeated"),
        ("[\"<eos>\",\"ä\"", "[\"ä\",\"<eos>\"", "first token"),
        ("[1,2,1,1,1]", "[1,2,1,1]", "a count per token"),
        ("[1,2,1,1,1]", "[1,1,1,1,2]", "falling count"),
        ("\"max_size\":1000000", "\"max_size\":1", "max_size"),
        ("\"unit\":\"word\"", "\"unit\":\"character\"", "first token"),
        ("\"format_version\":1", "\"format_version\":2", "version"),
        ("limbeck language vocabulary", "limbeck tokenizer", "format"),
        ("}", "", "broken JSON"),
    ] {
        assert!(saved.contains(from), "{from} in {saved}");
        std::fs::write(&path, saved.replace(from, to)).unwrap();
        let error = LanguageVocabulary::load(&path).unwrap_err().to_string();
        assert!(error.contains(message), "{message}: {error}");
    }
    std::fs::remove_file(&path).unwrap();
    let missing = LanguageVocabulary::load(&path).unwrap_err();
    assert!(matches!(missing, DataError::Missing { .. }), "{missing}");
    for max_size in [0, 1] {
        let options = LanguageOptions {
            max_size,
            ..LanguageOptions::default()
        };
        let error = count(std::slice::from_ref(&path), &options)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("max_size"), "{error}");
    }
}
