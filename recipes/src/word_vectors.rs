//! Word vectors as the first embeddings of a TextCNN.

use std::collections::HashMap;
use std::path::Path;

use limbeck_data::tokenize::Tokenizer;
use limbeck_data::vectors::WordVectors;
use limbeck_models::Encoded;
use limbeck_training::model_file::ModelFile;

use crate::config::TextCnnConfig;
use crate::error::{Error, Result};
use crate::text::{Encoder, TextClassifier};

/// The parameter that is the table of word vectors.
pub(crate) const TABLE: &str = "embedding.weight";

/// Puts the vectors of the file that a TextCNN names, if it names one, into its table: those of the
/// words it knows; the others keep their first values. How many of the words, and of the tokens of
/// these texts, were found is logged. A shape device has no numbers to put.
///
/// # Errors
/// If the file is wrong, its vectors are of another width than the table, or the device failed.
pub(crate) fn apply(
    config: &TextCnnConfig,
    classifier: &mut TextClassifier,
    texts: &[&Encoded],
) -> Result<()> {
    let path = config.embeddings.as_path();
    let Encoder::Tokens(tokenizer) = classifier.encoder() else {
        return Ok(());
    };
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    let words = tokenizer.vocabulary().tokens();
    let vectors = read(path, words)?;
    if vectors.width != config.embedding_size {
        return Err(Error::model(
            path,
            format!(
                "has vectors of {} numbers, but `embedding_size` is {}: set it to {0}",
                vectors.width, config.embedding_size
            ),
        ));
    }
    let shapes = classifier.model().device().is_shapes();
    if !shapes {
        tracing::info!("{}: {}", path.display(), coverage(&vectors, texts));
    }
    let store = classifier.model_mut().parameters_mut();
    let table = store.records_mut().iter_mut().find(|r| r.name == TABLE);
    if let Some(record) = table {
        record.frozen = config.freeze_embeddings;
    }
    if shapes {
        return Ok(());
    }
    fill(classifier, |drawn| {
        let rows = drawn.chunks_mut(config.embedding_size).zip(&vectors.rows);
        for (row, vector) in rows.filter_map(|(row, vector)| Some((row, vector.as_ref()?))) {
            row.copy_from_slice(vector);
        }
    })
}

/// Lets `change` write into the table of word vectors, row after row, as it was drawn.
///
/// # Errors
/// If the device failed.
pub(crate) fn fill(classifier: &mut TextClassifier, change: impl FnOnce(&mut [f32])) -> Result<()> {
    let store = classifier.model_mut().parameters_mut();
    let read = store.read()?.into_iter();
    let mut values: HashMap<String, Vec<f32>> = read.map(|(name, _, v)| (name, v)).collect();
    if let Some(table) = values.get_mut(TABLE) {
        change(table);
    }
    Ok(store.load(&values)?)
}

/// How many words and tokens have a vector, in words.
fn coverage(vectors: &WordVectors, texts: &[&Encoded]) -> String {
    let percent = |part: usize, of: usize| 100.0 * part as f64 / of.max(1) as f64;
    let tokens = texts.iter().filter_map(|text| match text {
        Encoded::Tokens(tokens) => Some(tokens.ids()),
        _ => None,
    });
    let (mut known, mut all) = (0, 0);
    for &id in tokens.flatten() {
        all += 1;
        let row = vectors.rows.get(id as usize);
        known += usize::from(row.is_some_and(Option::is_some));
    }
    let (found, words) = (vectors.rows.iter().flatten().count(), vectors.rows.len());
    let again = match vectors.repeated {
        0 => String::new(),
        more => format!("; {more} stand there again, and the first counts"),
    };
    format!(
        "vectors of {found} of the {words} words of the vocabulary ({:.1} %) and of {:.1} % of the \
         tokens, out of {} words{again}",
        percent(found, words),
        percent(known, all),
        vectors.words,
    )
}

/// The vectors of a file in any of the forms.
fn read(path: &Path, words: &[String]) -> Result<WordVectors> {
    match path
        .extension()
        .is_some_and(|ending| ending == "safetensors")
    {
        true => table(path, words),
        false => Ok(WordVectors::read(path, words)?),
    }
}

/// A safetensors file with one matrix `[words, width]` and in its metadata `words`, a JSON list.
fn table(path: &Path, wanted: &[String]) -> Result<WordVectors> {
    let mut file = ModelFile::open(path)?;
    let wrong = |message: String| Error::model(path, message);
    let expected = "expected `words` in its metadata, a JSON list of the words of the rows";
    let words = file.metadata().get("words");
    let words = words.ok_or_else(|| wrong(format!("{expected}; found none")))?;
    let words: Vec<String> =
        serde_json::from_str(words).map_err(|error| wrong(format!("{expected}; found {error}")))?;
    let names: Vec<String> = file.names().map(String::from).collect();
    let shape = match names.as_slice() {
        [name] => file.shape(name).map(<[usize]>::to_vec),
        _ => None,
    };
    let (Some(&[rows, width]), Some(name)) = (shape.as_deref(), names.first()) else {
        return Err(wrong(format!(
            "expected one tensor of the shape [words, numbers]; found {names:?}{}",
            shape.map_or(String::new(), |shape| format!(" of {shape:?}"))
        )));
    };
    if rows != words.len() || width == 0 {
        return Err(wrong(format!(
            "expected a row of numbers for each of the {} words; found the shape [{rows}, {width}]",
            words.len()
        )));
    }
    let values = file.read(name)?;
    if let Some(at) = values.iter().position(|value| !value.is_finite()) {
        let word = &words[at / width];
        return Err(wrong(format!(
            "found {} in the vector of {word:?}",
            values[at]
        )));
    }
    let mut found = WordVectors {
        width,
        rows: vec![None; wanted.len()],
        words: rows,
        repeated: 0,
    };
    let mut places = HashMap::new();
    for (place, word) in wanted.iter().enumerate() {
        places.entry(word.as_str()).or_insert(place);
    }
    for (word, vector) in words.iter().zip(values.chunks(width)) {
        match places
            .get(word.as_str())
            .map(|&place| &mut found.rows[place])
        {
            Some(row @ None) => *row = Some(vector.to_vec()),
            Some(Some(_)) => found.repeated += 1,
            None => {}
        }
    }
    Ok(found)
}
