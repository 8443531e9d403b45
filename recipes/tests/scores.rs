//! Files of scores: what is written comes back bit for bit, and what is wrong is refused by its place.

use std::path::{Path, PathBuf};

use limbeck_recipes::scores::{ScoreFile, ScoreHead, ScoreTable, Shard, merge, text_key};
use proptest::prelude::*;

const HEADER: &str = r#"{"labels": ["b", "a"]}"#;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().expect("a folder"))
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    fn refused(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.write(name, bytes);
        let error = ScoreTable::read(&path, &classes()).expect_err("a file that must be refused");
        assert_eq!(error.exit_code(), 3, "{error}");
        error.to_string()
    }
}

fn classes() -> Vec<String> {
    vec!["a".into(), "b".into()]
}

fn scores(texts: &[&str], logits: Vec<f32>) -> ScoreFile {
    ScoreFile {
        head: ScoreHead {
            labels: vec!["b".into(), "a".into()],
            ..ScoreHead::default()
        },
        keys: texts.iter().map(|text| text_key(text)).collect(),
        logits,
        lines: None,
    }
}

/// A safetensors file with this header and so many zero bytes.
fn tensors(header: &str, bytes: usize) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header.as_bytes(), &vec![0; bytes]].concat()
}

proptest! {
    #[test]
    fn logits_come_back_bit_for_bit(bits in prop::collection::vec(any::<u32>(), 2..9)) {
        let finite = bits.into_iter().map(f32::from_bits).filter(|x| x.is_finite());
        let mut logits: Vec<f32> = finite.collect();
        logits.truncate(logits.len() / 2 * 2);
        let texts: Vec<String> = (0..logits.len() / 2).map(|n| format!("text {n}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let file = scores(&texts, logits);
        let folder = Folder::new();
        for name in ["a.jsonl", "a.safetensors"] {
            let path = folder.write(name, "");
            file.write(&path).expect("a file");
            let read = ScoreFile::read(&path).expect("what was written");
            prop_assert_eq!(&read.keys, &file.keys);
            prop_assert_eq!(&read.head, &file.head);
            let bits = |file: &ScoreFile| file.logits.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&read), bits(&file));
        }
    }
}

#[test]
fn another_order_of_labels_is_brought_into_that_of_the_data() {
    let folder = Folder::new();
    let lines = format!(
        "{HEADER}\n\n{{\"text\": \"x\", \"logits\": [1.5, -2], \"id\": 7}}\n\
         {{\"sha256\": \"{}\", \"probabilities\": [0.25, 0.75]}}\n",
        text_key("y")
            .iter()
            .map(|b| format!("{b:02X}"))
            .collect::<String>()
    );
    let path = folder.write("s.jsonl", lines);
    let table = ScoreTable::read(&path, &classes()).expect("scores");
    assert_eq!(table.get("x"), Some(&[-2.0, 1.5][..]));
    let y = table.get("y").expect("by its checksum");
    // One rounding of a logarithm.
    assert!(
        (y[0] - 0.75f32.ln()).abs() < 1e-6 && (y[1] - 0.25f32.ln()).abs() < 1e-6,
        "{y:?}"
    );
    assert_eq!(table.get("X"), None);
}

#[test]
fn what_is_wrong_is_refused_by_its_line() {
    let folder = Folder::new();
    let after = |line: &str| format!("{HEADER}\n{{\"text\": \"x\", \"logits\": [1, 2]}}\n{line}\n");
    let hex = "ab".repeat(32);
    for (line, part) in [
        (
            "{\"text\": \"y\", \"logits\": [1, 2, 3]}",
            "3 numbers for 2 labels",
        ),
        (
            "{\"text\": \"y\", \"logits\": [1]}",
            "1 numbers for 2 labels",
        ),
        ("{\"text\": \"y\", \"logits\": [1, NaN]}", "[1, NaN"),
        ("{\"text\": \"y\", \"logits\": [1, null]}", "null"),
        (
            "{\"text\": \"y\", \"logits\": [1, 1e300]}",
            "not a finite number",
        ),
        (
            "{\"text\": \"y\", \"probabilities\": [0.7, 0.7]}",
            "add up to 1.4000",
        ),
        (
            "{\"text\": \"y\", \"probabilities\": [-0.2, 1.2]}",
            "a probability of -0.2",
        ),
        ("{\"text\": \"y\"}", "neither logits nor probabilities"),
        ("{\"logits\": [1, 2]}", "neither a text nor its checksum"),
        (
            "{\"text\": \"y\", \"logits\": [1, 2], \"probabilities\": [0, 1]}",
            "both",
        ),
        ("{\"sha256\": \"abc\", \"logits\": [1, 2]}", "not a SHA-256"),
        (
            &format!(
                "{{\"sha256\": \"{}\", \"logits\": [1, 2]}}",
                "zz".repeat(32)
            ),
            "not a SHA-256",
        ),
        (
            &format!("{{\"text\": \"y\", \"sha256\": \"{hex}\", \"logits\": [1, 2]}}"),
            "the checksum of another",
        ),
        ("y\t1\t2", "found"),
    ] {
        let message = folder.refused("s.jsonl", after(line));
        assert!(
            message.contains("s.jsonl:3:") && message.contains(part),
            "{part}: {message}"
        );
    }
    for (header, part) in [
        ("", "empty"),
        ("{\"text\": \"x\", \"logits\": [1, 2]}", "labels"),
        ("{\"labels\": []}", "no labels"),
        ("{\"labels\": [\"a\", \"a\"]}", "\"a\" twice"),
    ] {
        let message = folder.refused("s.jsonl", header);
        assert!(
            message.contains("s.jsonl:1:") && message.contains(part),
            "{part}: {message}"
        );
    }
    let twice = after("{\"text\": \"x\", \"logits\": [1, 3]}");
    assert!(
        folder
            .refused("s.jsonl", twice)
            .contains("line 2 and line 3 have different")
    );
    let same = folder.write("s.jsonl", after("{\"text\": \"x\", \"logits\": [1, 2]}"));
    assert!(
        ScoreTable::read(&same, &classes()).is_ok(),
        "a text may stand twice"
    );
    for (labels, part) in [
        ("[\"a\", \"c\"]", "the label \"c\""),
        ("[\"a\"]", "the class \"b\""),
    ] {
        let message = folder.refused("s.jsonl", format!("{{\"labels\": {labels}}}\n"));
        assert!(message.contains(part), "{message}");
    }
    assert!(
        folder
            .refused("s.txt", "")
            .contains("ends with .jsonl or .safetensors")
    );
    let missing = ScoreFile::read(Path::new("nowhere.jsonl")).expect_err("no file");
    assert!(missing.to_string().contains("nowhere.jsonl"), "{missing}");
}

#[test]
fn a_file_cut_anywhere_is_refused_or_lacks_texts_but_never_panics() {
    let folder = Folder::new();
    let mut file = scores(&["x", "y", "z"], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    file.head.texts = Some(3);
    for name in ["s.jsonl", "s.safetensors"] {
        let path = folder.write(name, "");
        file.write(&path).expect("a file");
        let whole = std::fs::read(&path).expect("its bytes");
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).expect("a shorter file");
            // The last byte of JSONL is the end of its last line.
            let complete = name == "s.jsonl" && length + 1 == whole.len();
            let read = ScoreFile::read(&path);
            assert_eq!(read.is_ok(), complete, "{name} cut to {length}: {read:?}");
        }
        for place in 0..whole.len() {
            let mut altered = whole.clone();
            altered[place] ^= 1 << (place % 8);
            std::fs::write(&path, &altered).expect("an altered file");
            // A flipped digit is another digit: it is read or refused.
            let _ = ScoreTable::read(&path, &classes());
        }
    }
}

#[test]
fn tensors_of_another_form_are_refused() {
    let folder = Folder::new();
    let header = |metadata: &str, scores: &str, keys: &str| {
        format!("{{\"__metadata__\":{metadata},{scores},{keys}}}")
    };
    let labels = r#"{"labels":"[\"a\",\"b\"]"}"#;
    let logits = r#""logits":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}"#;
    let keys = r#""sha256":{"dtype":"U8","shape":[1,32],"data_offsets":[8,40]}"#;
    let sound = folder.write("s.safetensors", tensors(&header(labels, logits, keys), 40));
    let table = ScoreTable::read(&sound, &classes()).expect("zeros");
    assert_eq!(table.get("x"), None);
    let integers = logits.replace("F32", "I32");
    let other = logits.replace("logits", "scores");
    let square = logits.replace("[1,2]", "[2,1]");
    let floats = keys.replace("U8", "F32").replace("[1,32]", "[1,8]");
    for (metadata, scores, keys, part) in [
        ("{}", logits, keys, "`labels` in its metadata"),
        (r#"{"labels":"a, b"}"#, logits, keys, "a JSON list"),
        (labels, integers.as_str(), keys, "I32"),
        (labels, &other, keys, "\"probabilities\""),
        (labels, &square, keys, "[texts, 2]"),
        (labels, logits, &floats, "[texts, 32]"),
    ] {
        let message = folder.refused(
            "s.safetensors",
            tensors(&header(metadata, scores, keys), 40),
        );
        assert!(message.contains(part), "{part}: {message}");
    }
    let mut nan = tensors(&header(labels, logits, keys), 40);
    let at = nan.len() - 40;
    nan[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(
        folder
            .refused("s.safetensors", nan)
            .contains("row 1: found NaN")
    );
    let zeros = header(labels, &logits.replace("logits", "probabilities"), keys);
    assert!(
        folder
            .refused("s.safetensors", tensors(&zeros, 40))
            .contains("add up to 0")
    );
}

#[test]
fn shards_cover_every_text_once_and_are_told_from_those_of_another_job() {
    for (texts, of) in [(10, 3), (2, 5), (0, 2), (7, 1)] {
        let shard = |n: usize| format!("{n}/{of}").parse::<Shard>().expect("a shard");
        let all: Vec<usize> = (1..=of).flat_map(|n| shard(n).range(texts)).collect();
        assert_eq!(all, (0..texts).collect::<Vec<_>>());
    }
    for wrong in ["0/3", "4/3", "1", "a/b", "1/0", "-1/2"] {
        assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
    }
    let folder = Folder::new();
    let lone = folder.write("lone.jsonl", format!("{HEADER}\n"));
    let error = merge(&[lone]).expect_err("no shard");
    assert!(error.to_string().contains("is no shard"), "{error}");
}
