//! Tokens on disk: that they are those of the text, and that damaged files are noticed; windows
//! and sentences read from them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use limbeck_data::language::{
    LanguageOptions, LanguageVocabulary, MemoryTokens, Prefetch, Sentences, StreamWindows,
    TokenFile, TokenFileWriter, TokenSource, WindowTokens, count, load, prepare, vocabulary_path,
};
use limbeck_data::{DataError, Result, Unit, rng::Rng};
use limbeck_engine::Fingerprint;
use tempfile::TempDir;

const FINGERPRINT: Fingerprint = Fingerprint(0x0123_4567_89AB_CDEF);

fn written(path: &Path, ids: &[u32]) {
    let mut writer = TokenFileWriter::create(path, FINGERPRINT).unwrap();
    for piece in ids.chunks(1000) {
        writer.push(piece).unwrap();
    }
    assert_eq!(writer.finish().unwrap(), ids.len() as u64);
}

fn random(tokens: usize) -> Vec<u32> {
    let mut rng = Rng::new(3, "tokens", &[]);
    (0..tokens).map(|_| rng.below(50) as u32).collect()
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_token_file_is_read_from_any_place() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("train.tokens");
    // More than one piece of a read.
    let ids = random(200_000);
    written(&path, &ids);
    let file = TokenFile::open(&path, Some(FINGERPRINT), 50).unwrap();
    assert_eq!((file.len(), file.fingerprint()), (200_000, FINGERPRINT));
    assert!(!file.in_memory());
    for (start, length) in [(0, 200_000), (199_999, 1), (200_000, 0), (70_001, 99_999)] {
        let mut read = vec![0; length];
        file.read(start as u64, &mut read).unwrap();
        assert_eq!(read, ids[start..start + length]);
    }
    for (start, length) in [(200_000, 1), (199_999, 2), (u64::MAX, 2)] {
        let error = file.read(start, &mut vec![0; length]).unwrap_err();
        assert!(error.to_string().contains("200000 tokens"), "{error}");
    }
    written(&path, &[]);
    assert!(TokenFile::open(&path, None, 50).unwrap().is_empty());
}

#[test]
fn the_layout_is_what_the_documentation_says() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.tokens");
    written(&path, &[1, 0x0102_0304]);
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(
        bytes[8..24],
        [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]
    );
    let fingerprint = [0xEF, 0xCD, 0xAB, 0x89, 0x67, 0x45, 0x23, 0x01];
    assert_eq!(bytes[24..32], fingerprint);
    assert_eq!(bytes[32..], [1, 0, 0, 0, 4, 3, 2, 1]);
}

#[test]
fn damaged_token_files_are_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("train.tokens");
    written(&path, &[1, 2, 3, 0]);
    let whole = std::fs::read(&path).unwrap();
    let changed = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        bytes
    };
    for (bytes, message) in [
        (b"1\ta text\n".to_vec(), "something else"),
        (vec![], "something else"),
        (whole[..20].to_vec(), "a header of 32 bytes, found 20"),
        (whole[..whole.len() - 1].to_vec(), "expected 4 tokens"),
        (
            changed(16, 3),
            "expected 3 tokens of 4 bytes after the header, found 16",
        ),
        // A number of tokens that no file can have.
        (changed(23, 0xFF), "the file was cut or changed"),
        (
            changed(8, 2),
            "expected version 1 of a limbeck token file, found 2",
        ),
        (
            changed(24, 0),
            "expected tokens of the vocabulary with the fingerprint 0123456789abcdef",
        ),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let error = TokenFile::open(&path, Some(FINGERPRINT), 5).unwrap_err();
        assert!(error.to_string().contains(message), "{message}: {error}");
        assert_eq!(error.path(), Some(path.as_path()));
    }
    std::fs::write(&path, changed(40, 5)).unwrap();
    let file = TokenFile::open(&path, Some(FINGERPRINT), 5).unwrap();
    file.read(0, &mut [0; 2]).unwrap();
    let error = file.read(1, &mut [0; 2]).unwrap_err().to_string();
    assert!(error.contains("ids below 5, found 5 as token 2"), "{error}");
    let missing = TokenFile::open(&folder.path().join("none"), None, 5).unwrap_err();
    assert!(matches!(missing, DataError::Missing { .. }), "{missing}");
}

#[test]
fn an_unfinished_writer_leaves_what_was_there() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("train.tokens");
    written(&path, &[1, 2]);
    let mut writer = TokenFileWriter::create(&path, Fingerprint(1)).unwrap();
    writer.push(&[3, 4, 5]).unwrap();
    assert_eq!(names(&folder), ["train.tokens", "train.tokens.tmp"]);
    drop(writer);
    assert_eq!(names(&folder), ["train.tokens"]);
    let file = TokenFile::open(&path, Some(FINGERPRINT), 3).unwrap();
    assert_eq!(file.len(), 2);
    let nowhere = folder.path().join("no/such/folder");
    assert!(TokenFileWriter::create(&nowhere, FINGERPRINT).is_err());
}

#[test]
fn prepared_text_is_the_text() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let texts = [
        write("1.txt", &"the cat sat\n\nit\n".repeat(9000)),
        write("2.txt", &"a dog\n".repeat(20_000)),
    ];
    let out = folder.path().join("train.tokens");
    let options = LanguageOptions::default();
    let (mut calls, mut last) = (0, (0, 0));
    let mut progress = |done, total| {
        assert!(
            done >= last.0 && done <= total,
            "{done} of {total} after {last:?}"
        );
        (calls, last) = (calls + 1, (done, total));
    };
    let (vocabulary, report) = prepare(&texts, &options, None, &out, &mut progress).unwrap();
    let bytes: u64 = report.files.iter().map(|file| file.bytes).sum();
    assert_eq!(last, (2 * bytes, 2 * bytes));
    assert!(calls > 4, "{calls} calls");
    assert_eq!(
        (report.lines, report.empty, report.tokens),
        (38_000, 9000, 114_000)
    );
    assert_eq!(
        (report.one_token, report.longest, report.files.len()),
        (9000, 4, 2)
    );
    assert_eq!(vocabulary, count(&texts, &options).unwrap());
    assert_eq!(
        LanguageVocabulary::load(&vocabulary_path(&out)).unwrap(),
        vocabulary
    );

    let mut expected = Vec::new();
    for text in &texts {
        expected.extend_from_slice(load(text, &vocabulary).unwrap().0.as_slice());
    }
    let file = TokenFile::open(&out, Some(vocabulary.fingerprint()), vocabulary.len()).unwrap();
    let mut read = vec![0; file.len() as usize];
    file.read(0, &mut read).unwrap();
    assert_eq!(read, expected);

    // With a vocabulary, the text is read once.
    let (again, mut total) = (folder.path().join("again.tokens"), 0);
    let tell = &mut |_, all| total = all;
    prepare(&texts, &options, Some(vocabulary.clone()), &again, tell).unwrap();
    assert_eq!(total, bytes);
    assert_eq!(std::fs::read(&again).unwrap(), std::fs::read(&out).unwrap());
    refused_preparations(&folder, &texts, vocabulary);
}

fn refused_preparations(folder: &TempDir, texts: &[PathBuf], vocabulary: LanguageVocabulary) {
    let (quiet, options) = (&mut |_, _| {}, LanguageOptions::default());
    let before = names(folder);
    let over = prepare(texts, &options, None, &texts[1], quiet).unwrap_err();
    assert!(over.to_string().starts_with("out"), "{over}");
    let out = folder.path().join("other.tokens");
    let none = prepare(&[], &options, None, &out, quiet).unwrap_err();
    assert!(none.to_string().starts_with("texts"), "{none}");
    let characters = LanguageOptions {
        unit: Unit::Character,
        ..options.clone()
    };
    let known = Some(vocabulary.clone());
    let other = prepare(texts, &characters, known, &out, quiet).unwrap_err();
    assert!(other.to_string().starts_with("options"), "{other}");
    let missing = [texts[0].clone(), folder.path().join("3.txt")];
    for vocabulary in [None, Some(vocabulary)] {
        let error = prepare(&missing, &options, vocabulary, &out, quiet).unwrap_err();
        assert!(matches!(error, DataError::Missing { .. }), "{error}");
    }
    assert_eq!(names(folder), before);
}

fn tokens_of(ahead: &mut Prefetch, recycle: bool) -> (usize, Vec<u32>, Vec<u32>) {
    let tokens = ahead.next_window().unwrap();
    let copy = (tokens.window, tokens.inputs.clone(), tokens.targets.clone());
    if recycle {
        ahead.recycle(tokens);
    }
    copy
}

#[test]
fn windows_read_ahead_are_those_read_directly() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("train.tokens");
    let ids = random(1003);
    written(&path, &ids);
    let file: Arc<dyn TokenSource> = Arc::new(TokenFile::open(&path, None, 50).unwrap());
    let memory: Arc<dyn TokenSource> = Arc::new(MemoryTokens::new(ids));
    let windows = StreamWindows::new(1003, 4, 7).unwrap();
    let count = windows.windows() as u64;
    let order = move |sequence: u64| (sequence * 5 % count) as usize;
    for source in [&file, &memory] {
        for recycle in [true, false] {
            let mut ahead = Prefetch::new(Arc::clone(source), windows, order, 10);
            let mut direct = WindowTokens::default();
            for sequence in (10..90).chain(3..9).chain(80..85) {
                if sequence == 3 || sequence == 80 {
                    ahead.seek(sequence);
                }
                assert_eq!(ahead.sequence(), sequence);
                windows
                    .read(&*memory, order(sequence), &mut direct)
                    .unwrap();
                let expected = (direct.window, direct.inputs.clone(), direct.targets.clone());
                assert_eq!(tokens_of(&mut ahead, recycle), expected);
            }
        }
    }
}

/// Says no to the token at a place until told otherwise.
struct Faulty {
    tokens: MemoryTokens,
    broken: std::sync::atomic::AtomicBool,
}

impl TokenSource for Faulty {
    fn len(&self) -> u64 {
        self.tokens.len()
    }

    fn read(&self, start: u64, into: &mut [u32]) -> Result<()> {
        let broken = self.broken.load(std::sync::atomic::Ordering::SeqCst);
        if broken && start + into.len() as u64 > 6 {
            return Err(DataError::Subword("a bad sector".into()));
        }
        self.tokens.read(start, into)
    }
}

#[test]
fn errors_of_the_thread_are_those_of_the_window() {
    let source = Arc::new(Faulty {
        tokens: MemoryTokens::new((1..=10).collect::<Vec<u32>>()),
        broken: true.into(),
    });
    let windows = StreamWindows::new(10, 1, 2).unwrap();
    let mut ahead = Prefetch::new(Arc::clone(&source) as _, windows, |n| n as usize, 0);
    for expected in [[1, 2], [3, 4], [5, 6]] {
        assert_eq!(ahead.next_window().unwrap().targets, expected);
    }
    for _ in 0..3 {
        let error = ahead.next_window().unwrap_err().to_string();
        assert!(error.contains("a bad sector"), "{error}");
        assert_eq!(ahead.sequence(), 3);
    }
    source
        .broken
        .store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(ahead.next_window().unwrap().targets, [7, 8]);
    assert_eq!(ahead.next_window().unwrap().targets, [9, 10]);
    let beyond = ahead.next_window().unwrap_err().to_string();
    assert!(
        beyond.contains("below 5") && beyond.contains("found 5"),
        "{beyond}"
    );
    drop(ahead);
    // The thread is gone, and with it its share of the source.
    assert_eq!(Arc::strong_count(&source), 1);
}

#[test]
fn sentences_end_at_their_ends() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("train.tokens");
    // More than one piece of the scan, and a rest that is no sentence.
    let mut ids = random(150_000);
    ids.extend([0, 7, 7]);
    written(&path, &ids);
    let file = Arc::new(TokenFile::open(&path, None, 50).unwrap());
    let sentences = Sentences::index(file).unwrap();
    let expected: Vec<&[u32]> = ids[..150_001].split_inclusive(|&id| id == 0).collect();
    assert_eq!(sentences.len(), expected.len());
    assert_eq!((sentences.left_over(), sentences.is_empty()), (2, false));
    let lengths: Vec<usize> = expected.iter().map(|sentence| sentence.len()).collect();
    assert_eq!(sentences.lengths(), lengths);
    let mut read = Vec::new();
    for (number, sentence) in expected.iter().enumerate() {
        sentences.read(number, &mut read).unwrap();
        assert_eq!(&read, sentence);
    }
    assert_eq!(
        (
            sentences.length(expected.len()),
            sentences.length(usize::MAX)
        ),
        (0, 0)
    );
    assert!(sentences.read(expected.len(), &mut read).is_err());
    for none in [vec![], vec![1, 2, 3]] {
        let error = Sentences::index(Arc::new(MemoryTokens::new(none)));
        let error = error.err().expect("no sentence").to_string();
        assert!(error.starts_with("sentences"), "{error}");
    }
}
