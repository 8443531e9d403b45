//! Files that are right, and files that lie.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

/// A model that PyTorch wrote.
fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/pretrained");
    std::fs::read(folder.join(name)).expect("a file of this repository")
}

fn open(bytes: &[u8]) -> (tempfile::TempDir, Result<ModelFile>) {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("model");
    std::fs::write(&path, bytes).unwrap();
    let file = ModelFile::open(&path);
    (folder, file)
}

fn refused(bytes: &[u8]) -> String {
    let (_folder, file) = open(bytes);
    let error = file.expect_err("a file that must be refused");
    assert_eq!(error.exit_code(), 3, "{error}");
    error.to_string()
}

fn safetensors(header: &str, values: &[u8]) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length, header.as_bytes(), values].concat()
}

/// A stored archive, as small as the format allows.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut table) = (Vec::new(), Vec::new());
    for (name, data) in files {
        let sizes = [(data.len() as u32).to_le_bytes(); 2].concat();
        let lengths = [(name.len() as u16).to_le_bytes(), [0; 2]].concat();
        let at = (bytes.len() as u32).to_le_bytes();
        let common = [&[0; 12][..], &sizes, &lengths].concat();
        table.extend([b"PK\x01\x02\0\0\0\0", &common[..], &[0; 10], &at].concat());
        table.extend(name.as_bytes());
        bytes.extend([b"PK\x03\x04\0\0", &common[..], name.as_bytes(), data].concat());
    }
    let (size, at) = (table.len() as u32, bytes.len() as u32);
    let count = (files.len() as u16).to_le_bytes();
    bytes.extend(table);
    bytes.extend([&b"PK\x05\x06\0\0\0\0"[..], &count, &count].concat());
    bytes.extend([size.to_le_bytes(), at.to_le_bytes()].concat());
    bytes.extend([0; 2]);
    bytes
}

/// An archive with this pickle and four values of type F32.
fn pickled(pickle: &[u8]) -> Vec<u8> {
    let values: Vec<u8> = [1f32, 2.0, 3.0, 4.0]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    archive(&[("m/data.pkl", pickle), ("m/data/0", &values)])
}

/// The pickle of {"w": a tensor over the four values}.
fn tensor(first: u8, shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let tuple = |items: &[u8]| {
        let items: Vec<u8> = items.iter().flat_map(|&i| [b'K', i]).collect();
        [b"(", &items[..], b"t"].concat()
    };
    [
        b"\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n(",
        &b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ"[..],
        &[b'K', first],
        &tuple(shape),
        &tuple(strides),
        b"\x89ccollections\nOrderedDict\n)RtRs.",
    ]
    .concat()
}

#[test]
fn what_pytorch_wrote_is_read() {
    let (_folder, file) = open(&fixture("bert/model.safetensors"));
    let mut file = file.unwrap();
    let name = "bert.encoder.layer.1.intermediate.dense.weight";
    assert_eq!(file.shape(name), Some(&[12, 8][..]));
    assert_eq!(file.read(name).unwrap().len(), 96);
    let other = "bert.embeddings.position_ids";
    assert_eq!(file.dtype(other), Some(&Dtype::Other("I64".into(), 64)));
    let message = file.read(other).unwrap_err().to_string();
    assert!(message.contains("type I64"), "{message}");
    let message = file.read("no such").unwrap_err().to_string();
    assert!(message.contains("no tensor \"no such\""), "{message}");
}

#[test]
fn archives_are_read_in_half_precision_and_with_strides() {
    let (_folder, file) = open(&fixture("roberta/pytorch_model.bin"));
    let mut file = file.unwrap();
    assert_eq!(file.dtype("lm_head.dense.weight"), Some(&Dtype::F16));
    assert_eq!(file.read("lm_head.dense.weight").unwrap().len(), 64);
    let (_folder, file) = open(&pickled(&tensor(0, &[2, 2], &[2, 1])));
    assert_eq!(file.unwrap().read("w").unwrap(), [1.0, 2.0, 3.0, 4.0]);
    let (_folder, file) = open(&pickled(&tensor(0, &[2, 2], &[1, 2])));
    assert_eq!(file.unwrap().read("w").unwrap(), [1.0, 3.0, 2.0, 4.0]);
    let (_folder, file) = open(&pickled(&tensor(1, &[1, 3], &[9, 1])));
    assert_eq!(file.unwrap().read("w").unwrap(), [2.0, 3.0, 4.0]);
    let (_folder, file) = open(&pickled(&tensor(0, &[0, 3], &[3, 1])));
    assert!(file.unwrap().read("w").unwrap().is_empty());
    let header = r#"{"w":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}"#;
    let (_folder, file) = open(&safetensors(header, &[0xC0, 0x3F, 0x00, 0xC0]));
    assert_eq!(file.unwrap().read("w").unwrap(), [1.5, -2.0]);
}

#[test]
fn a_header_that_lies_is_refused() {
    let huge = [(1u64 << 60).to_le_bytes().to_vec(), b"{}".to_vec()].concat();
    assert!(refused(&huge).contains("a header of 1152921504606846976 bytes"));
    assert!(refused(b"").contains("has 0 bytes"));
    assert!(refused(&safetensors("[1]", &[])).contains("header cannot be read"));
    let nested = "[".repeat(100_000);
    assert!(refused(&safetensors(&format!("{{\"w\":{nested}"), &[])).contains("cannot be read"));
    let f32s = |name: &str, from: u64, to: u64| {
        format!(r#""{name}":{{"dtype":"F32","shape":[1],"data_offsets":[{from},{to}]}}"#)
    };
    let two = |a: (u64, u64), b: (u64, u64)| {
        let header = format!("{{{},{}}}", f32s("a", a.0, a.1), f32s("b", b.0, b.1));
        refused(&safetensors(&header, &[0; 8]))
    };
    assert!(two((0, 4), (0, 4)).contains("\"b\" lies at bytes 0 to 4"));
    assert!(two((0, 4), (8, 12)).contains("bytes 8 to 12 of the 8"));
    assert!(two((0, 4), (4, u64::MAX)).contains("\"b\" lies at bytes 4"));
    assert!(two((0, 4), (4, 0)).contains("\"b\" lies at bytes 4 to 0"));
    let header = format!("{{{}}}", f32s("a", 0, 4));
    assert!(refused(&safetensors(&header, &[0; 8])).contains("end at byte 4 of the 8"));
    let header = format!("{{{},{}}}", f32s("a", 0, 4), f32s("a", 4, 8));
    assert!(refused(&safetensors(&header, &[0; 8])).contains("stands twice"));
    let large = r#"{"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#;
    assert!(refused(&safetensors(large, &[])).contains("fewer than 2^64"));
    let wrong = r#"{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#;
    assert!(refused(&safetensors(wrong, &[0; 8])).contains("has 8 bytes"));
}

#[test]
fn a_pickle_that_calls_something_is_refused_by_name() {
    let call = b"\x80\x02cposix\nsystem\nX\x04\0\0\0true\x85R.";
    assert!(refused(&pickled(call)).contains("asks for `posix.system`"));
    let load = b"\x80\x02ctorch.storage\n_load_from_bytes\n.";
    assert!(refused(&pickled(load)).contains("`torch.storage._load_from_bytes`"));
    assert!(refused(&pickled(b"\x80\x02ctorch\nDoubleStorage\n.")).contains("torch.DoubleStorage"));
    assert!(refused(&pickled(b"\x80\x04.")).contains("protocol 4"));
    assert!(refused(&pickled(b"\x80\x02i")).contains("opcode 0x69"));
    assert!(refused(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.").contains("before version 1.6"));
}

#[test]
fn a_pickle_that_breaks_the_machine_is_refused() {
    for (pickle, message) in [
        (&b"\x80\x02"[..], "is cut off"),
        (b"\x80\x02.", "takes a value where there is none"),
        (b"\x80\x02t.", "closes what was not opened"),
        (b"\x80\x02}q\xFF.", "out of turn"),
        (b"\x80\x02h\0.", "recalls place 0"),
        (b"\x80\x02K\x01K\x02R.", "calls what is no function"),
        (b"\x80\x02K\x01.", "holds no state dict"),
        (
            b"\x80\x02}X\x01\0\0\0wK\x01s.",
            "something else than a tensor under \"w\"",
        ),
        (b"\x80\x02}(K\x01u.", "a key without a value"),
        (b"\x80\x02}}K\x01s.", "keys are no names"),
        (b"\x80\x02K\x01(K\x01K\x01u.", "fills what is no table"),
        (b"\x80\x02X\xFF\xFF\xFF\xFFa.", "is cut off"),
        (b"\x80\x02K\x01Q.", "names values in a form"),
        (b"\x80\x02\x8a\x09", "a number of 9 bytes"),
    ] {
        let found = refused(&pickled(pickle));
        assert!(
            found.contains(message),
            "expected {message:?}, found {found:?}"
        );
    }
    // A table in itself, and nesting deeper than any stack.
    assert!(refused(&pickled(b"\x80\x02}q\0X\x01\0\0\0wh\0s.")).contains("something else"));
    let deep = [&b"\x80\x02)"[..], &b"\x85".repeat(1 << 20), b"."].concat();
    assert!(refused(&pickled(&deep)).contains("more than 1048576 values"));
    let deep = [&b"\x80\x02)"[..], &b"\x85".repeat(1 << 19), b"."].concat();
    assert!(refused(&pickled(&deep)).contains("holds no state dict"));
}

#[test]
fn tensors_outside_of_their_values_are_refused() {
    for (first, shape, strides) in [
        (1, &[2, 2][..], &[2, 1][..]),
        (0, &[5], &[1]),
        (0, &[2, 2], &[3, 1]),
        // More elements than there are values.
        (0, &[200], &[0]),
        // As many strides as dimensions.
        (0, &[2, 2], &[1]),
    ] {
        let message = refused(&pickled(&tensor(first, shape, strides)));
        assert!(
            message.contains("does not fit into the 4 values"),
            "{message}"
        );
    }
    let nine = [1; 9];
    assert!(refused(&pickled(&tensor(0, &nine, &nine))).contains("at most 8 numbers"));
    let pickle = tensor(0, &[1], &[1]);
    let without = archive(&[("m/data.pkl", &pickle)]);
    assert!(refused(&without).contains("data/0, which is not there"));
    let short = archive(&[("m/data.pkl", &pickle), ("m/data/0", &[0; 12])]);
    assert!(refused(&short).contains("data/0 has 12 bytes; expected 4 values"));
    let order = archive(&[("m/data.pkl", &pickle), ("m/byteorder", b"big")]);
    assert!(refused(&order).contains("byte order \"big\""));
    assert!(refused(&archive(&[("m/other", b"")])).contains("without data.pkl"));
    assert!(refused(b"PK\x03\x04").contains("without an end"));
}

#[test]
fn entries_of_an_archive_lie_in_it_one_behind_the_other() {
    let whole = pickled(&tensor(0, &[4], &[1]));
    let listed = |name: &[u8]| {
        let at = |w: &[u8]| {
            whole
                .windows(w.len())
                .rposition(|window| window == w)
                .unwrap()
        };
        at(name) - 46
    };
    let altered = |place: usize, value: [u8; 4]| {
        let mut bytes = whole.clone();
        bytes[place..place + 4].copy_from_slice(&value);
        refused(&bytes)
    };
    let values = listed(b"m/data/0");
    assert!(altered(values + 42, [0; 4]).contains("overlap"));
    assert!(altered(values + 42, [0, 0, 0, 1]).contains("is cut off or damaged"));
    assert!(altered(values + 10, [8, 0, 0, 0]).contains("is compressed"));
    // 2^32 - 1 stands for a number in an extra field, which is not there.
    assert!(altered(values + 24, [0xFF; 4]).contains("table of files is damaged"));
    let end = whole.len() - 22;
    assert!(altered(end + 12, [0xFF, 0xFF, 0xFF, 0x7F]).contains("table of files has 2147483647"));
    assert!(altered(end + 12, [0xFF; 4]).contains("whose end is damaged"));
}

/// Opens a file and reads all there is, if it can be opened.
fn exhaust(bytes: &[u8]) {
    let (_folder, file) = open(bytes);
    let Ok(mut file) = file else { return };
    let names: Vec<String> = file.names().map(String::from).collect();
    let mut values = 0;
    for name in names {
        // Half precision doubles; several tensors may share values.
        let read = file.read(&name).map_or(0, |read| read.len());
        assert!(4 * read <= 2 * bytes.len(), "{name}: {read} values");
        values += read;
    }
    assert!(values < 1 << 24);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn altered_files_never_panic(
        name in prop::sample::select(vec![
            "bert/model.safetensors", "distilbert/pytorch_model.bin", "roberta/pytorch_model.bin",
        ]),
        cut in 0.0..1.0f64,
        cuts in any::<bool>(),
        // Most of what can go wrong is at the start (safetensors, pickle) or the end (zip).
        flips in prop::collection::vec((0..6000usize, any::<bool>(), 0..8u32), 0..6),
    ) {
        let mut bytes = fixture(name);
        for (place, at_end, bit) in flips {
            let place = place % bytes.len();
            let place = if at_end { bytes.len() - 1 - place } else { place };
            bytes[place] ^= 1 << bit;
        }
        if cuts {
            bytes.truncate((bytes.len() as f64 * cut) as usize);
            prop_assert!(open(&bytes).1.is_err());
        }
        exhaust(&bytes);
    }

    #[test]
    fn pickles_of_chance_never_panic(
        opcodes in prop::collection::vec(
            prop::sample::select(b".(NGJKMX\x8acqrhj})]tus\x85\x86\x87aebQR\x88\0\x01\x02\n".to_vec()),
            0..60,
        ),
    ) {
        exhaust(&pickled(&[&b"\x80\x02"[..], &opcodes].concat()));
    }
}

#[test]
fn metadata_and_bytes_are_read() {
    let header = r#"{"__metadata__":{"labels":"[1]","more":7},
        "key":{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]},
        "x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#;
    let (_folder, file) = open(&safetensors(header, &[1, 2, 3, 255, 0, 0, 0, 0]));
    let mut file = file.unwrap();
    let known: Vec<_> = file.metadata().iter().collect();
    assert_eq!(known.len(), 1, "what is no text is passed over: {known:?}");
    assert_eq!(file.metadata()["labels"], "[1]");
    assert_eq!(file.read_bytes("key").unwrap(), [1, 2, 3, 255]);
    for (name, part) in [("x", "type F32; expected U8"), ("y", "no tensor \"y\"")] {
        let message = file.read_bytes(name).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_header_whose_length_looks_like_another_format_is_read() {
    let tensor = r#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
    for length in [0x0180, 0x0580, u16::from_le_bytes(*b"PK")] {
        let header = format!(
            "{tensor}{}}}",
            " ".repeat(usize::from(length) - tensor.len() - 1)
        );
        let bytes = safetensors(&header, &1.5f32.to_le_bytes());
        assert_eq!(bytes[..2], length.to_le_bytes());
        let (_folder, file) = open(&bytes);
        assert_eq!(
            file.unwrap().read("x").unwrap(),
            [1.5],
            "a header of {length} bytes"
        );
    }
}
