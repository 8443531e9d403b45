//! Tokenisers that came with a pretrained model: `tokenizer.json`, or `vocab.txt` of a BERT.

use std::path::Path;

use limbeck_engine::{Fingerprint, TokenIds};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokenizers::{Tokenizer, TruncationParams};

use crate::error::{DataError, Result};
use crate::fingerprint;
use crate::saved::Kind;

/// The tokeniser of a pretrained model, applied by the crate `tokenizers`: it puts the tokens
/// around a text that the model was trained with (`[CLS]` and `[SEP]`), and cuts a longer text so
/// that they stay. What its file says of padding and of the longest text is not followed: batches
/// are packed rows, and the model knows its positions.
///
/// A special token that is written out in a text is text like any other: no text can forge one.
///
/// ```
/// use limbeck_data::tokenize::PretrainedTokenizer;
/// # let folder = tempfile::tempdir().unwrap();
/// # let folder = folder.path();
/// std::fs::write(folder.join("vocab.txt"), "[UNK]\n[CLS]\n[SEP]\nwarm\n##er\ncafe\n")?;
/// let tokenizer = PretrainedTokenizer::read(folder, 5)?;
/// assert_eq!(tokenizer.encode("Warmer CAFÉ").ids(), [1, 3, 4, 5, 2]);
/// assert_eq!(tokenizer.encode("[SEP] cafe").ids(), [1, 0, 0, 0, 2]);
/// assert!(tokenizer.cuts("warmer warmer"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PretrainedTokenizer {
    tokenizer: Tokenizer,
    /// The whole tokeniser, as the crate reads it.
    description: String,
    max_length: usize,
    size: usize,
    /// What an empty text becomes.
    around: Vec<u32>,
    /// What an unknown word becomes, in tokenisers that have such a token.
    unknown: Option<u32>,
    fingerprint: Fingerprint,
}

impl PretrainedTokenizer {
    /// Reads `tokenizer.json` in a folder, or, where there is none, `vocab.txt` (a token a line)
    /// with the options in `tokenizer_config.json`. Texts have at most `max_length` ids, those
    /// around them included.
    ///
    /// # Errors
    /// [`DataError`] naming the file: neither is there, one cannot be read, a token that every BERT
    /// has is missing, no tokens are put around a text, or `max_length` leaves no room between them.
    pub fn read(folder: &Path, max_length: usize) -> Result<Self> {
        let path = folder.join("tokenizer.json");
        if path.exists() {
            let mut description: Value = read_json(&path)?;
            for name in ["truncation", "padding"] {
                if let Some(value) = description.get_mut(name) {
                    *value = Value::Null;
                }
            }
            return Self::assemble(&path, description.to_string(), max_length);
        }
        let path = folder.join("vocab.txt");
        if !path.exists() {
            return Err(DataError::Missing {
                path: folder.join("tokenizer.json"),
                advice: "Expected the tokeniser of the model in tokenizer.json or vocab.txt".into(),
            });
        }
        Self::assemble(&path, of_table(folder, &path)?.to_string(), max_length)
    }

    fn assemble(path: &Path, description: String, max_length: usize) -> Result<Self> {
        let refuse = |message: String| FILE.refuse(path, message);
        let broken = |error: tokenizers::Error| refuse(format!("not a tokeniser: {error}"));
        let mut tokenizer = Tokenizer::from_bytes(&description).map_err(broken)?;
        tokenizer.set_encode_special_tokens(true);
        let around = tokenizer.encode_fast("", true).map_err(broken)?;
        let around = around.get_ids().to_vec();
        if around.is_empty() {
            return Err(refuse(
                "puts no tokens around a text; expected a post-processor that does, as encoders \
                 are trained with"
                    .into(),
            ));
        }
        if max_length <= around.len() {
            let expected = format!("more than the {} tokens around a text", around.len());
            return Err(DataError::option("data.max_length", expected, max_length));
        }
        // A character for private use is in no vocabulary: without a token for it, texts would fail.
        tokenizer
            .encode_fast("\u{E000}", true)
            .map_err(|error| refuse(format!("has no token for what it does not know: {error}")))?;
        let cut = TruncationParams {
            max_length,
            ..TruncationParams::default()
        };
        tokenizer.with_truncation(Some(cut)).map_err(broken)?;
        let size = tokenizer
            .get_vocab(true)
            .values()
            .max()
            .map_or(0, |&id| id as usize + 1);
        Ok(Self {
            size,
            max_length,
            around,
            unknown: unknown(&tokenizer, &description),
            fingerprint: fingerprint::of_strings([description.as_bytes()]),
            description,
            tokenizer,
        })
    }

    /// The ids of a text, cut at the longest length.
    pub fn encode(&self, text: &str) -> TokenIds {
        let ids = match self.tokenizer.encode_fast(text, true) {
            Ok(encoding) => encoding.get_ids().to_vec(),
            // Words that are not known have a token; there is nothing else that could fail.
            Err(_) => self.around.clone(),
        };
        TokenIds::new(ids, self.fingerprint)
    }

    /// The pieces of a word, as it is split in the middle of a text: without the tokens around it and
    /// without what stands for the unknown. None of a word that the tokeniser has no pieces for.
    ///
    /// ```
    /// use limbeck_data::tokenize::PretrainedTokenizer;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let folder = folder.path();
    /// std::fs::write(folder.join("vocab.txt"), "[UNK]\n[CLS]\n[SEP]\nwarm\n##er\n")?;
    /// let tokenizer = PretrainedTokenizer::read(folder, 5)?;
    /// assert_eq!(tokenizer.pieces("warmer"), [3, 4]);
    /// assert!(tokenizer.pieces("cold").is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pieces(&self, word: &str) -> Vec<u32> {
        // Tokenisers that read white space give the words behind it pieces of their own.
        let encoding = self.tokenizer.encode_fast(format!(" {word}"), false);
        let ids = encoding.map(|encoding| encoding.get_ids().to_vec());
        let mut ids = ids.unwrap_or_default();
        ids.retain(|&id| Some(id) != self.unknown);
        ids
    }

    /// Whether the end of a text is cut off.
    pub fn cuts(&self, text: &str) -> bool {
        let encoding = self.tokenizer.encode_fast(text, true);
        encoding.is_ok_and(|encoding| !encoding.get_overflowing().is_empty())
    }

    /// One more than the largest id.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Most ids of one text.
    pub fn max_length(&self) -> usize {
        self.max_length
    }

    /// Of the whole tokeniser.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Writes the tokeniser as JSON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let content = Saved {
            max_length: self.max_length,
            tokenizer: self.description.clone(),
        };
        FILE.save(path, &content)
    }

    /// Reads what [`PretrainedTokenizer::save`] wrote; `max_length` in the place of the saved one.
    ///
    /// # Errors
    /// No such file, or not what was written.
    pub fn load(path: &Path, max_length: Option<usize>) -> Result<Self> {
        let saved: Saved = FILE.load(path)?;
        Self::assemble(
            path,
            saved.tokenizer,
            max_length.unwrap_or(saved.max_length),
        )
    }
}

const FILE: Kind = Kind {
    format: "limbeck pretrained tokenizer",
    version: 1,
};

#[derive(Serialize, Deserialize)]
struct Saved {
    max_length: usize,
    /// In the form of the crate `tokenizers`: it wants text, and its fingerprint is that of the text.
    tokenizer: String,
}

/// The token that a tokeniser's model has for what it does not know.
fn unknown(tokenizer: &Tokenizer, description: &str) -> Option<u32> {
    let description: Value = serde_json::from_str(description).ok()?;
    let model = &description["model"];
    match model["unk_id"].as_u64() {
        Some(id) => u32::try_from(id).ok(),
        None => tokenizer.token_to_id(model["unk_token"].as_str()?),
    }
}

fn read_json(path: &Path) -> Result<Value> {
    let bytes = std::fs::read(path).map_err(|source| DataError::io(path, source))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| FILE.refuse(path, format!("expected JSON: {error}")))
}

/// The tokeniser of BERT over a table of tokens.
fn of_table(folder: &Path, path: &Path) -> Result<Value> {
    let text = std::fs::read(path).map_err(|source| DataError::io(path, source))?;
    let text = String::from_utf8(text)
        .map_err(|error| FILE.refuse(path, format!("expected a token a line: {error}")))?;
    let mut ids = serde_json::Map::new();
    for (id, token) in text.lines().enumerate() {
        if let Some(earlier) = ids.insert(token.into(), id.into()) {
            let earlier = earlier.as_u64().map_or(0, |id| id + 1);
            return Err(DataError::Line {
                path: path.into(),
                line: id + 1,
                expected: "another token on every line".into(),
                found: format!("{token:?}, which is on line {earlier} too"),
                advice: "Restore the file of the model".into(),
            });
        }
    }
    let known = |token: &str| match ids.get(token) {
        Some(id) => Ok(id.clone()),
        None => Err(FILE.refuse(
            path,
            format!("has no {token}; expected the table of a BERT"),
        )),
    };
    let (unknown, first, last) = (known("[UNK]")?, known("[CLS]")?, known("[SEP]")?);
    let special = [("[UNK]", &unknown), ("[CLS]", &first), ("[SEP]", &last)];
    let added = special.map(|(token, id)| {
        json!({"id": id, "content": token, "special": true, "single_word": false, "lstrip": false,
               "rstrip": false, "normalized": false})
    });
    let around = |token: &str, id: &Value| json!({"id": token, "ids": [id], "tokens": [token]});
    let options = folder.join("tokenizer_config.json");
    let options = match options.exists() {
        true => read_json(&options)?,
        false => Value::Null,
    };
    let option = |name: &str, default: bool| options[name].as_bool().unwrap_or(default);
    let of_type = |kind: &str, id: &str| json!({kind: {"id": id, "type_id": 0}});
    let single = [
        of_type("SpecialToken", "[CLS]"),
        of_type("Sequence", "A"),
        of_type("SpecialToken", "[SEP]"),
    ];
    let second = [of_type("Sequence", "B"), of_type("SpecialToken", "[SEP]")];
    Ok(json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": true,
            "handle_chinese_chars": option("tokenize_chinese_chars", true),
            // Unset, accents go with the capitals.
            "strip_accents": options["strip_accents"].as_bool(),
            "lowercase": option("do_lower_case", true),
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": single,
            "pair": single.iter().chain(&second).collect::<Vec<_>>(),
            "special_tokens": {"[CLS]": around("[CLS]", &first), "[SEP]": around("[SEP]", &last)},
        },
        "decoder": null,
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": ids,
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    const TABLE: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\nThe\ncafe\n花\n.\n";

    #[test]
    fn texts_are_normalised_as_bert_does() {
        let lower = folder(&[("vocab.txt", TABLE)]);
        let tokenizer = PretrainedTokenizer::read(lower.path(), 8).unwrap();
        assert_eq!(tokenizer.encode("The  CAFÉ.").ids(), [2, 4, 6, 8, 3]);
        assert_eq!(tokenizer.encode("the花\u{0}cafe").ids(), [2, 4, 7, 6, 3]);
        assert_eq!(tokenizer.encode("").ids(), [2, 3]);
        assert_eq!(tokenizer.encode("the theatre").ids(), [2, 4, 1, 3]);
        assert_eq!(tokenizer.size(), 9);
        let cased = r#"{"do_lower_case": false, "tokenize_chinese_chars": false}"#;
        let cased = folder(&[("vocab.txt", TABLE), ("tokenizer_config.json", cased)]);
        let other = PretrainedTokenizer::read(cased.path(), 8).unwrap();
        assert_eq!(other.encode("The the花 CAFÉ").ids(), [2, 5, 1, 1, 3]);
        assert_ne!(other.fingerprint(), tokenizer.fingerprint());
    }

    #[test]
    fn a_long_text_keeps_what_is_around_it() {
        let table = folder(&[("vocab.txt", TABLE)]);
        let tokenizer = PretrainedTokenizer::read(table.path(), 5).unwrap();
        assert_eq!(tokenizer.encode("the cafe . the").ids(), [2, 4, 6, 8, 3]);
        assert!(tokenizer.cuts("the cafe . the"));
        assert!(!tokenizer.cuts("the cafe ."));
        let message = PretrainedTokenizer::read(table.path(), 2)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("more than the 2 tokens around a text, found 2"),
            "{message}"
        );
    }

    #[test]
    fn a_saved_tokenizer_is_the_same() {
        let table = folder(&[("vocab.txt", TABLE)]);
        let tokenizer = PretrainedTokenizer::read(table.path(), 5).unwrap();
        let path = table.path().join("encoder.json");
        tokenizer.save(&path).unwrap();
        let loaded = PretrainedTokenizer::load(&path, None).unwrap();
        assert_eq!(
            loaded.encode("The Café . the"),
            tokenizer.encode("The Café . the")
        );
        assert_eq!(
            PretrainedTokenizer::load(&path, Some(3))
                .unwrap()
                .encode("the .")
                .ids(),
            [2, 4, 3]
        );
        // The form of the file decides, and not what there is besides.
        std::fs::write(&path, "{\"format\": \"limbeck tokenizer\"}").unwrap();
        assert!(PretrainedTokenizer::load(&path, None).is_err());
    }

    #[test]
    fn files_that_are_none_are_refused() {
        let refused = |files: &[(&str, &str)]| {
            let folder = folder(files);
            PretrainedTokenizer::read(folder.path(), 8)
                .unwrap_err()
                .to_string()
        };
        assert!(refused(&[]).contains("tokenizer.json or vocab.txt"));
        assert!(refused(&[("vocab.txt", "a\nb\n")]).contains("has no [UNK]"));
        let twice = refused(&[("vocab.txt", "[UNK]\na\na\n")]);
        assert!(
            twice.contains("vocab.txt:3") && twice.contains("\"a\""),
            "{twice}"
        );
        assert!(refused(&[("tokenizer.json", "{")]).contains("expected JSON"));
        assert!(refused(&[("tokenizer.json", "{}")]).contains("not a tokeniser"));
        let bare = r#"{"version":"1.0","added_tokens":[],"model":{"type":"WordLevel",
            "vocab":{"a":0},"unk_token":"a"}}"#;
        assert!(refused(&[("tokenizer.json", bare)]).contains("puts no tokens around"));
    }
}
