//! Text for language models: what the ids are, and which files are refused.

use std::io::Write;
use std::path::{Path, PathBuf};

use limbeck_data::language::{
    LanguageOptions, LanguageVocabulary, Sentences, TokenSource, TokenStream, count, encode, load,
};
use limbeck_data::{DataError, Unit};
use tempfile::TempDir;

fn write(folder: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn characters() -> LanguageOptions {
    LanguageOptions {
        unit: Unit::Character,
        ..LanguageOptions::default()
    }
}

fn counted(text: &str, options: &LanguageOptions) -> LanguageVocabulary {
    let folder = TempDir::new().unwrap();
    count(&[write(&folder, "train.txt", text)], options).unwrap()
}

fn ids(path: &Path, vocabulary: &LanguageVocabulary) -> Vec<u32> {
    load(path, vocabulary).unwrap().0.as_slice().to_vec()
}

#[test]
fn characters_keep_blanks_and_line_ends() {
    let folder = TempDir::new().unwrap();
    let text = "ab b\n\n\tb <unk><eos>\n";
    let path = write(&folder, "train.txt", text);
    let vocabulary = count(std::slice::from_ref(&path), &characters()).unwrap();
    assert_eq!(
        (vocabulary.token(0), vocabulary.unknown()),
        (Some("\n"), None)
    );
    let (tokens, report) = load(&path, &vocabulary).unwrap();
    assert_eq!(vocabulary.detokenise(tokens.as_slice()), text);
    assert_eq!(report.tokens, text.len() as u64);
    assert_eq!((report.lines, report.empty, report.longest), (3, 1, 14));
    assert_eq!(vocabulary.counts().iter().sum::<u64>(), report.tokens);
}

#[test]
fn the_same_text_has_the_same_ids_however_it_is_stored() {
    let folder = TempDir::new().unwrap();
    let vocabulary = counted("a b\nc\n", &LanguageOptions::default());
    let expected = [1, 2, 0, 3, 0];
    let (first, second) = (gzip(b"a b\n"), gzip(b"c\n"));
    for (name, bytes) in [
        ("plain.txt", b"a b\nc\n".to_vec()),
        ("no_last_end.txt", b"a b\nc".to_vec()),
        ("dos.txt", b"\xEF\xBB\xBFa b\r\n\r\nc\r\n".to_vec()),
        ("blanks.txt", b" a\tb \n  \nc \n\n".to_vec()),
        ("packed.gz", gzip(b"\xEF\xBB\xBFa b\r\nc\n")),
        ("members.gz", [first, second].concat()),
    ] {
        let path = write(&folder, name, &bytes);
        let (tokens, report) = load(&path, &vocabulary).unwrap();
        assert_eq!(tokens.as_slice(), expected, "{name}");
        assert_eq!((report.lines, report.longest, report.one_token), (2, 3, 1));
        let file = &report.files[0];
        assert_eq!((file.rows, file.bytes), (2, bytes.len() as u64), "{name}");
        assert_eq!(file.sha256, limbeck_data::read::file_sha256(&path).unwrap());
    }
}

#[test]
fn several_texts_are_one() {
    let folder = TempDir::new().unwrap();
    let paths = [
        write(&folder, "1.txt", "a b"),
        write(&folder, "2.txt", "b c\n"),
    ];
    let vocabulary = count(&paths, &LanguageOptions::default()).unwrap();
    let options = LanguageOptions::default();
    assert_eq!(vocabulary, counted("a b\nb c\n", &options));
    let none = count(&[], &options).unwrap_err().to_string();
    assert!(none.starts_with("texts"), "{none}");
}

#[test]
fn wrong_files_are_refused_with_file_and_line() {
    let folder = TempDir::new().unwrap();
    let known = counted("a b", &LanguageOptions::default());
    let cut = gzip(&b"a b\n".repeat(1000));
    for (name, bytes, message) in [
        (
            "utf8.txt",
            b"\xEF\xBB\xBFa\nb \xE9\n".to_vec(),
            ":2: byte 3 of the line (0xE9)",
        ),
        (
            "nul.txt",
            b"a\n\nab\0\n".to_vec(),
            ":3: expected text, found a NUL byte at byte 3",
        ),
        (
            "eos.txt",
            b"a\nb <eos>\n".to_vec(),
            ":2: expected words, found \"<eos>\"",
        ),
        ("empty.txt", b"".to_vec(), "the file is empty"),
        ("mark.txt", b"\xEF\xBB\xBF".to_vec(), "the file is empty"),
        ("blank.txt", b" \n\r\n".to_vec(), "the file is empty"),
        ("cut.gz", cut[..cut.len() - 12].to_vec(), "cut.gz: "),
    ] {
        let path = write(&folder, name, bytes);
        let counting = count(std::slice::from_ref(&path), &LanguageOptions::default()).unwrap_err();
        let encoding = load(&path, &known).unwrap_err();
        for error in [counting, encoding] {
            assert!(error.to_string().contains(message), "{name}: {error}");
            assert_eq!(error.path(), Some(path.as_path()));
        }
    }
    let mark = write(&folder, "mark.txt", b"\xEF\xBB\xBF");
    let error = count(&[mark], &characters()).unwrap_err();
    assert!(matches!(error, DataError::Empty { .. }), "{error}");
    let missing = load(&folder.path().join("none.txt"), &known).unwrap_err();
    assert!(matches!(missing, DataError::Missing { .. }), "{missing}");
    assert!(load(folder.path(), &known).is_err(), "a folder is no text");
    let eos = write(&folder, "upper.txt", "a <EOS>");
    let lowercase = LanguageOptions {
        lowercase: true,
        ..LanguageOptions::default()
    };
    assert_eq!(count(&[eos], &lowercase).unwrap_err().line(), Some(1));
}

#[test]
fn a_token_outside_the_table_is_refused_or_counted() {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, "valid.txt", "a b\nc <unk> a\n");
    let strict = counted("a b", &LanguageOptions::default());
    let error = load(&path, &strict).unwrap_err().to_string();
    assert!(
        error.contains("valid.txt:2: ") && error.contains("found \"c\""),
        "{error}"
    );
    assert!(error.contains("unknown = true"), "{error}");
    let options = LanguageOptions {
        unknown: true,
        ..LanguageOptions::default()
    };
    let (tokens, report) = load(&path, &counted("a b", &options)).unwrap();
    assert_eq!(tokens.as_slice(), [1, 2, 0, 3, 3, 1, 0]);
    assert_eq!((report.unknown, report.tokens), (2, 7));
}

#[test]
fn what_the_sink_refuses_ends_the_reading() {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, "train.txt", "a\na\na\n");
    let vocabulary = count(std::slice::from_ref(&path), &LanguageOptions::default()).unwrap();
    let mut calls = 0;
    let refused = encode(&path, &vocabulary, &mut |_| {
        calls += 1;
        Err(DataError::Subword("enough".into()))
    });
    assert!(refused.unwrap_err().to_string().contains("enough"));
    assert_eq!(calls, 1);
}

#[test]
fn a_line_of_ten_million_tokens() {
    const WORDS: usize = 10_000_000;
    let folder = TempDir::new().unwrap();
    let path = write(&folder, "long.gz", gzip(&b"a b ".repeat(WORDS / 2)));
    let vocabulary = count(std::slice::from_ref(&path), &LanguageOptions::default()).unwrap();
    assert_eq!(vocabulary.counts(), [1, 5_000_000, 5_000_000]);
    let report = encode(&path, &vocabulary, &mut |ids| {
        assert_eq!(ids.len(), WORDS + 1);
        Ok(())
    });
    assert_eq!(report.unwrap().longest, WORDS as u64 + 1);
}

/// The counts that are published with the corpus of Mikolov et al. (2010).

#[test]
fn the_penn_treebank_has_its_published_counts() {
    let Some(folder) = std::env::var_os("LIMBECK_PTB_DIR").map(PathBuf::from) else {
        println!("skipped: LIMBECK_PTB_DIR names no folder with ptb.train.txt");
        return;
    };
    let path = |part: &str| folder.join(format!("ptb.{part}.txt"));
    let vocabulary = count(&[path("train")], &LanguageOptions::default()).unwrap();
    assert_eq!(vocabulary.len(), 10_000);
    assert_eq!(vocabulary.counts().iter().sum::<u64>(), 929_589);
    let ends = |ids: &[u32]| ids.iter().filter(|&&id| id == vocabulary.end()).count();
    for (part, tokens) in [("train", 929_589), ("valid", 73_760), ("test", 82_430)] {
        let (stream, report) = load(&path(part), &vocabulary).unwrap();
        assert_eq!((report.tokens, stream.len()), (tokens, tokens), "{part}");
        assert_eq!(ends(stream.as_slice()) as u64, report.lines);
        let sentences = Sentences::index(std::sync::Arc::new(stream)).unwrap();
        assert_eq!(sentences.len() as u64, report.lines);
        let longest = sentences.lengths().into_iter().max();
        assert_eq!(longest, usize::try_from(report.longest).ok());
        println!("{part}: {report:?}");
    }
}

#[test]
fn shares_of_a_text_meet_and_cover_it() {
    use limbeck_data::language::Share;
    let folder = TempDir::new().unwrap();
    let text = "to be\nor not\n".repeat(77);
    let path = write(&folder, "input.txt", &text);
    let vocabulary = count(std::slice::from_ref(&path), &characters()).unwrap();
    let all = ids(&path, &vocabulary);
    let stream = TokenStream::new(std::sync::Arc::new(load(&path, &vocabulary).unwrap().0));
    for cut in [0.9, 0.5, 1.0 / 3.0, 0.29] {
        let mut joined = Vec::new();
        for (from, to) in [(0.0, cut), (cut, 1.0)] {
            let part = stream.share(Share { from, to }).unwrap();
            let mut read = vec![0; part.len() as usize];
            part.read(0, &mut read).unwrap();
            assert!(part.read(1, &mut read).is_err() && part.in_memory());
            joined.extend(read);
        }
        assert_eq!(joined, all);
    }
    let of_part = stream.slice(10..20).unwrap().slice(5..7).unwrap();
    let mut two = [0; 2];
    of_part.read(0, &mut two).unwrap();
    assert_eq!(two, all[15..17]);
    let (late, early) = (5, 4);
    assert!(stream.slice(late..early).is_err() && stream.slice(0..stream.len() + 1).is_err());
    for (from, to) in [
        (0.5, 0.5),
        (-0.1, 1.0),
        (0.0, 1.1),
        (f64::NAN, 1.0),
        (0.0, 1e-9),
    ] {
        let error = stream.share(Share { from, to }).err().expect("no share");
        assert!(error.to_string().starts_with("share"), "{error}");
    }
}
