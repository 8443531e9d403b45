//! Translations that are kept in a file, so that no text is translated twice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Translator;
use super::sources::ask;
use crate::error::Result;
use crate::read::hex;
use crate::saved::Kind;

const KIND: Kind = Kind {
    format: "limbeck-translations",
    version: 1,
};

/// Texts asked about before the file is written again: an interruption costs this many at most.
const TOGETHER: usize = 2000;

/// What the file holds.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    /// Who made them.
    translator: Vec<String>,
    /// The other wording of each text, under the SHA-256 of the text.
    wordings: BTreeMap<String, String>,
}

/// Asks another translator about the texts that its file does not hold yet.
///
/// ```
/// use limbeck_data::pairs::{KeptTranslations, Translator};
/// # struct Shout;
/// # impl Translator for Shout {
/// #     fn name(&self) -> &str { "shout" }
/// #     fn there_and_back(&self, texts: &[String]) -> limbeck_data::Result<Vec<String>> {
/// #         Ok(texts.iter().map(|text| text.to_uppercase()).collect())
/// #     }
/// # }
/// # let folder = tempfile::tempdir().unwrap();
/// # let file = folder.path().join("translations.json");
/// let kept = KeptTranslations::new(&Shout, &["shout".to_owned()], &file);
/// assert_eq!(kept.there_and_back(&["a resin".into()])?, ["A RESIN"]);
/// assert!(file.exists());
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
pub struct KeptTranslations<'a> {
    translator: &'a dyn Translator,
    identity: Vec<String>,
    path: PathBuf,
}

impl<'a> KeptTranslations<'a> {
    /// Keeps what `translator` says in the file at `path`, which need not exist. `identity` tells it
    /// from others, such as the whole command line of a program.
    pub fn new(translator: &'a dyn Translator, identity: &[String], path: &Path) -> Self {
        Self {
            translator,
            identity: identity.to_vec(),
            path: path.into(),
        }
    }

    fn read(&self) -> Result<Kept> {
        if !self.path.exists() {
            let (translator, wordings) = (self.identity.clone(), BTreeMap::new());
            return Ok(Kept {
                translator,
                wordings,
            });
        }
        let kept: Kept = KIND.load(&self.path)?;
        if kept.translator == self.identity {
            return Ok(kept);
        }
        let message = format!(
            "expected translations by {:?}, found some by {:?}. Name another file in \
             `pairs.translations`, or remove this one to translate anew",
            self.identity, kept.translator
        );
        Err(KIND.refuse(&self.path, message))
    }
}

impl Translator for KeptTranslations<'_> {
    fn name(&self) -> &str {
        self.translator.name()
    }

    fn there_and_back(&self, texts: &[String]) -> Result<Vec<String>> {
        let mut kept = self.read()?;
        let mut asked = BTreeSet::new();
        let mut missing: Vec<(String, String)> = Vec::new();
        for text in texts {
            let key = key_of(text);
            if !kept.wordings.contains_key(&key) && asked.insert(key.clone()) {
                missing.push((key, text.clone()));
            }
        }
        for some in missing.chunks(TOGETHER) {
            let questions: Vec<String> = some.iter().map(|(_, text)| text.clone()).collect();
            let answers = ask(self.translator, &questions)?;
            let keys = some.iter().map(|(key, _)| key.clone());
            kept.wordings.extend(keys.zip(answers));
            KIND.save(&self.path, &kept)?;
        }
        let wording = |text: &String| kept.wordings.get(&key_of(text)).cloned();
        Ok(texts.iter().filter_map(wording).collect())
    }
}

fn key_of(text: &str) -> String {
    hex(&Sha256::digest(text))
}
