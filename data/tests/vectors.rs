//! Files of word vectors: the three forms, and files that are cut or lie.

use std::path::PathBuf;

use limbeck_data::vectors::WordVectors;

const WORDS: [&str; 3] = ["red", "blue", "of the"];

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

    fn read(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<WordVectors, String> {
        let path = self.write(name, bytes);
        WordVectors::read(&path, &WORDS).map_err(|error| error.to_string())
    }
}

fn expected() -> Vec<Option<Vec<f32>>> {
    vec![Some(vec![1.0, -2.5]), None, Some(vec![0.25, 3e-3])]
}

/// word2vec's binary form; `end` stands behind every vector.
fn binary(words: &[(&str, [f32; 2])], header: &str, end: &[u8]) -> Vec<u8> {
    let mut bytes = header.as_bytes().to_vec();
    for (word, vector) in words {
        bytes.extend(word.as_bytes());
        bytes.push(b' ');
        bytes.extend(vector.iter().flat_map(|x| x.to_le_bytes()));
        bytes.extend(end);
    }
    bytes
}

#[test]
fn all_forms_give_the_same_vectors_and_the_first_of_two_counts() {
    let folder = Folder::new();
    let lines = "green 7 8\nred 1 -2.5\nof the 0.25 3e-3\nred 9 9\n";
    for text in [
        lines.to_string(),
        format!("4 2\n{lines}"),
        // As word2vec writes it, with a space behind the last number, and as Windows ends lines.
        format!("4 2\r\n{}", lines.replace('\n', " \r\n")),
    ] {
        let found = folder.read("v.txt", &text).expect("vectors");
        assert_eq!(found.rows, expected(), "{text:?}");
        assert_eq!((found.width, found.words, found.repeated), (2, 4, 1));
    }
    // Words of the binary form have no spaces.
    let words = [
        ("green", [7.0, 8.0]),
        ("red", [1.0, -2.5]),
        ("red", [9.0, 9.0]),
    ];
    for end in [&b""[..], b"\n"] {
        let found = folder
            .read("v.bin", binary(&words, "3 2\n", end))
            .expect("vectors");
        assert_eq!(found.rows, [Some(vec![1.0, -2.5]), None, None]);
        assert_eq!((found.width, found.words, found.repeated), (2, 3, 1));
    }
    let foreign = [b"\xff\xfe 1 2\n".as_slice(), b"red 1 -2.5\n"].concat();
    let found = folder
        .read("v.txt", foreign)
        .expect("a word that is no UTF-8 hinders nobody");
    assert_eq!(found.rows[0], Some(vec![1.0, -2.5]));
}

#[test]
fn bad_lines_are_refused_by_number() {
    let folder = Folder::new();
    for (text, part) in [
        (
            "red 1 2\nblue 3\n",
            "v.txt:2: expected a word and 2 numbers",
        ),
        ("red 1 2\ngreen 3\n", "v.txt:2:"),
        ("green 1 2\nred 1 x\n", "v.txt:2:"),
        ("green 1 2\nred 1 nan\n", "NaN in the vector of \"red\""),
        ("green 1 2\n\nred inf 1\n", "v.txt:3:"),
        ("red\n", "v.txt:1:"),
        ("red 1 x\n", "\"x\" as a number"),
        ("", "a word and its vector on each line"),
        ("3 2\nred 1 2\n", "3 words, as its first line says"),
        ("1 3\nred 1 2\n", "v.txt:2: expected a word and 3 numbers"),
        ("1 18446744073709551615\nred 1\n", "v.txt:2:"),
        ("1 0\nred\n", "v.txt:2:"),
    ] {
        let message = folder.read("v.txt", text).expect_err(text);
        assert!(message.contains(part), "{text:?}: {message}");
    }
    let missing = WordVectors::read(&folder.0.path().join("none.txt"), &WORDS);
    assert!(
        missing
            .expect_err("no file")
            .to_string()
            .contains("none.txt")
    );
}

#[test]
fn a_binary_file_cut_anywhere_is_refused_and_nothing_is_made_room_for() {
    let folder = Folder::new();
    let words = [("red", [1.0, -2.5]), ("blue", [9.0, 9.0])];
    let whole = binary(&words, "2 2\n", b"");
    assert!(folder.read("v.bin", &whole).is_ok());
    for length in 0..whole.len() {
        assert!(
            folder.read("v.bin", &whole[..length]).is_err(),
            "cut to {length}"
        );
    }
    for place in 0..whole.len() {
        let mut altered = whole.clone();
        altered[place] ^= 1 << (place % 8);
        // A flipped bit of a number is another number: read or refused.
        let _ = folder.read("v.bin", &altered);
    }
    for header in [
        "4611686018427387904 2\n",
        "2 4611686018427387904\n",
        "1 1099511627776\n",
        "0 2\n",
        "2 0\n",
        "red blue\n",
        "2 2",
    ] {
        let message = folder
            .read("v.bin", binary(&words, header, b""))
            .expect_err(header);
        assert!(message.contains("v.bin"), "{header:?}: {message}");
    }
    let more = binary(&words, "1 2\n", b"");
    assert!(
        folder
            .read("v.bin", more)
            .expect_err("more")
            .contains("more bytes")
    );
    let nan = binary(&[("red", [f32::NAN, 0.0])], "1 2\n", b"");
    assert!(folder.read("v.bin", nan).expect_err("NaN").contains("NaN"));
}
