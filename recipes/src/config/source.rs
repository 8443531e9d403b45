//! The settings a user made, in the run file and on the command line, and where each was made.

use std::collections::BTreeMap;
use std::str::FromStr;

use toml::Value;
use toml::de::{DeTable, DeValue};

use super::problem::ConfigError;

/// A dotted key in its parts.
pub(super) type Key = Vec<String>;

/// A `key=value` of the command line. The value is read as TOML where it is TOML, and as a plain
/// word where it is not: `data.dir=texts/trec` needs no quotes.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    key: Key,
    value: Value,
    text: String,
}

impl Override {
    /// An override from its dotted key and its value.
    pub fn new(key: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), String::from);
        Self {
            key: key.split('.').map(String::from).collect(),
            value,
            text,
        }
    }
}

impl FromStr for Override {
    type Err = String;

    fn from_str(argument: &str) -> Result<Self, String> {
        let Some((key, text)) = argument.split_once('=') else {
            return Err(format!(
                "expected key=value, such as data.dir=DIR, found `{argument}`"
            ));
        };
        let (key, text) = (key.trim(), text.trim());
        if key.split('.').any(|part| part.trim().is_empty()) {
            return Err(format!(
                "expected a dotted key before the `=`, found `{key}`"
            ));
        }
        // A line break could smuggle in a second key.
        let parsed = (!text.contains('\n'))
            .then(|| toml::from_str::<toml::Table>(&format!("value = {text}")).ok())
            .flatten()
            .and_then(|mut table| table.remove("value"));
        Ok(Self {
            key: key.split('.').map(|part| part.trim().to_owned()).collect(),
            value: parsed.unwrap_or_else(|| Value::String(text.into())),
            text: text.into(),
        })
    }
}

/// One value that the user set.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) key: Key,
    pub(super) value: Value,
    /// The characters of an override, for keys that want text: `-s data.dir=2024`.
    pub(super) text: Option<String>,
}

/// Where a key was set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Line(usize),
    Override(String),
}

/// All that the user set, and the places where.
#[derive(Clone)]
pub(super) struct Source {
    name: String,
    settings: Vec<Setting>,
    places: BTreeMap<Key, Place>,
}

impl Source {
    /// Reads the text of a run file called `name`, then lets the overrides win over it.
    pub(super) fn read(
        name: &str,
        text: &str,
        overrides: &[Override],
    ) -> Result<Self, ConfigError> {
        let syntax_error = |error: toml::de::Error| {
            let offset = error.span().map_or(0, |span| span.start);
            ConfigError::new(format!("{name}:{}", line_of(text, offset)), error.message())
        };
        let table: toml::Table = toml::from_str(text).map_err(syntax_error)?;
        let spanned = DeTable::parse(text).map_err(syntax_error)?;
        let mut source = Self {
            name: name.into(),
            settings: Vec::new(),
            places: BTreeMap::new(),
        };
        source.note_lines(text, spanned.get_ref(), &mut Vec::new());
        source.add_leaves(Vec::new(), Value::Table(table), None);
        // Maps are sorted by key, people read from top to bottom.
        source
            .settings
            .sort_by_key(|setting| source.places.get(&setting.key));
        for one in overrides {
            source.add_override(one);
        }
        Ok(source)
    }

    /// The settings in the order of the file; an override stands after what it replaced.
    pub(super) fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// The value set for a key.
    pub(super) fn get(&self, key: &[&str]) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.key == key)
    }

    /// Whether anything is set in a section.
    pub(super) fn sets_within(&self, section: &str) -> bool {
        self.settings
            .iter()
            .any(|setting| setting.key[0] == section)
    }

    /// Takes back everything set under a key.
    pub(super) fn forget(&mut self, key: &[&str]) {
        let key: Key = key.iter().map(|part| part.to_string()).collect();
        self.settings
            .retain(|setting| !setting.key.starts_with(&key));
    }

    /// Takes out the section of a preset: its settings as they would stand outside of it.
    pub(super) fn take_section(&mut self, section: &str) -> Self {
        let inner = |key: &Key| (key.len() > 1 && key[0] == section).then(|| key[1..].to_vec());
        let mut taken = Self {
            name: self.name.clone(),
            settings: Vec::new(),
            places: BTreeMap::new(),
        };
        for (key, place) in &self.places {
            taken
                .places
                .extend(inner(key).map(|key| (key, place.clone())));
        }
        for setting in &self.settings {
            let setting = setting.clone();
            let key = inner(&setting.key);
            taken
                .settings
                .extend(key.map(|key| Setting { key, ..setting }));
        }
        self.forget(&[section]);
        taken
    }

    /// The places of all settings.
    pub(super) fn setting_places(&self) -> Vec<String> {
        let keys = self.settings.iter().map(|setting| &setting.key);
        keys.map(|key| self.place(key)).collect()
    }

    /// Sets what a section said: it wins over the rest of the file, but not over the command line.
    pub(super) fn adopt(&mut self, section: Self) {
        for setting in section.settings {
            let place = section.places.get(&setting.key);
            let from_file = matches!(place, Some(Place::Line(_)));
            let overridden = |(key, place): (&Key, &Place)| {
                setting.key.starts_with(key) && matches!(place, Place::Override(_))
            };
            if from_file && self.places.iter().any(overridden) {
                continue;
            }
            self.settings.retain(|known| known.key != setting.key);
            self.places
                .extend(place.map(|place| (setting.key.clone(), place.clone())));
            self.settings.push(setting);
        }
    }

    /// Where a key, or the nearest section around it, was set.
    pub(super) fn place(&self, key: &[String]) -> String {
        match (1..=key.len())
            .rev()
            .find_map(|length| self.places.get(&key[..length]))
        {
            Some(Place::Line(line)) => format!("{}:{line}", self.name),
            Some(Place::Override(argument)) => format!("-s {argument}"),
            None => self.name.clone(),
        }
    }

    fn add_override(&mut self, one: &Override) {
        self.settings
            .retain(|setting| !setting.key.starts_with(&one.key));
        self.places.retain(|key, _| !key.starts_with(&one.key));
        let argument = format!("{}={}", one.key.join("."), one.text);
        self.places
            .insert(one.key.clone(), Place::Override(argument));
        self.add_leaves(one.key.clone(), one.value.clone(), Some(&one.text));
    }

    /// An empty section counts as a leaf, so that its name is checked too.
    fn add_leaves(&mut self, key: Key, value: Value, text: Option<&String>) {
        match value {
            Value::Table(table) if !table.is_empty() => {
                for (name, value) in table {
                    let mut inner = key.clone();
                    inner.push(name);
                    self.add_leaves(inner, value, None);
                }
            }
            value if key.is_empty() => debug_assert!(value.is_table(), "a file is a table"),
            value => self.settings.push(Setting {
                key,
                value,
                text: text.cloned(),
            }),
        }
    }

    fn note_lines(&mut self, text: &str, table: &DeTable<'_>, key: &mut Key) {
        for (name, value) in table {
            key.push(name.get_ref().to_string());
            self.places
                .insert(key.clone(), Place::Line(line_of(text, name.span().start)));
            if let DeValue::Table(inner) = value.get_ref() {
                self.note_lines(text, inner, key);
            }
            key.pop();
        }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}
