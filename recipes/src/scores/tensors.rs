//! Scores as tensors.

use std::collections::BTreeMap;
use std::path::Path;

use limbeck_training::model_file::ModelFile;
use serde_json::json;

use super::{Kind, ScoreFile, ScoreHead, TextKey, check_labels};
use crate::error::{Error, Result};

const KEYS: &str = "sha256";

pub(super) fn read(path: &Path) -> Result<ScoreFile> {
    let mut file = ModelFile::open(path)?;
    let wrong = |message: String| Error::model(path, message);
    let head = head(file.metadata()).map_err(wrong)?;
    let classes = head.labels.len();
    let kinds = Kind::NAMES.into_iter();
    let found: Vec<(&str, Kind)> = kinds
        .filter(|(name, _)| file.shape(name).is_some())
        .collect();
    let &[(name, kind)] = found.as_slice() else {
        let names: Vec<&str> = file.names().collect();
        return Err(wrong(format!(
            "expected one of the tensors \"logits\" and \"probabilities\", found the tensors {names:?}"
        )));
    };
    let texts = match (file.shape(name), file.shape(KEYS)) {
        (Some(&[texts, columns]), Some(&[keys, 32])) if columns == classes && keys == texts => {
            texts
        }
        (scores, keys) => {
            return Err(wrong(format!(
                "expected {name} of the shape [texts, {classes}], as there are {classes} labels, and \
                 \"{KEYS}\" of [texts, 32]; found {scores:?} and {keys:?}"
            )));
        }
    };
    let values = file.read(name)?;
    let keys = file.read_bytes(KEYS)?;
    let mut logits = Vec::with_capacity(values.len());
    for (row, values) in values.chunks(classes).enumerate() {
        let values = values.iter().map(|&value| f64::from(value));
        let added = kind.logits(values, classes, &mut logits);
        added.map_err(|found| wrong(format!("{name}, row {}: found {found}", row + 1)))?;
    }
    let keys: Vec<TextKey> = keys.as_chunks::<32>().0.to_vec();
    debug_assert_eq!(keys.len(), texts);
    Ok(ScoreFile {
        head,
        keys,
        logits,
        lines: None,
    })
}

/// The header in the metadata; what is wrong with it otherwise.
fn head(metadata: &BTreeMap<String, String>) -> std::result::Result<ScoreHead, String> {
    let expected = "expected `labels` in its metadata, a JSON list such as [\"one\", \"two\"]";
    let labels = metadata.get("labels");
    let labels = labels.ok_or_else(|| format!("{expected}; found none"))?;
    let labels: Vec<String> =
        serde_json::from_str(labels).map_err(|error| format!("{expected}; found {error}"))?;
    check_labels(&labels).map_err(|found| format!("{expected}; found {found}"))?;
    let text = |name: &str| metadata.get(name).cloned();
    let texts = text("texts").map(|texts| {
        texts
            .parse()
            .map_err(|_| format!("its metadata give {texts:?} as the number of texts"))
    });
    Ok(ScoreHead {
        labels,
        teacher: text("teacher"),
        tokeniser: text("tokeniser"),
        texts: texts.transpose()?,
        list: text("list"),
        shard: text("shard").map(|shard| shard.parse()).transpose()?,
    })
}

/// The file, its metadata in the order of their names: the same scores are the same bytes.
pub(super) fn to_bytes(file: &ScoreFile) -> Vec<u8> {
    let (texts, classes) = (file.keys.len(), file.head.labels.len());
    let scores = 4 * file.logits.len();
    let labels = serde_json::to_string(&file.head.labels).expect("a list of texts");
    let head = &file.head;
    let metadata = [
        ("labels", Some(labels)),
        ("teacher", head.teacher.clone()),
        ("tokeniser", head.tokeniser.clone()),
        ("texts", head.texts.map(|texts| texts.to_string())),
        ("list", head.list.clone()),
        ("shard", head.shard.map(|shard| shard.to_string())),
    ];
    let metadata: BTreeMap<_, _> = metadata
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let header = json!({
        "__metadata__": metadata,
        "logits": { "dtype": "F32", "shape": [texts, classes], "data_offsets": [0, scores] },
        KEYS: {
            "dtype": "U8", "shape": [texts, 32], "data_offsets": [scores, scores + 32 * texts]
        },
    });
    let mut header = header.to_string().into_bytes();
    // The numbers behind it begin at a multiple of eight bytes, as the format asks for.
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(file.logits.iter().flat_map(|value| value.to_le_bytes()));
    bytes.extend(file.keys.iter().flatten());
    bytes
}
