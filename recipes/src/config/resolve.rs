//! From the user's settings to a complete run: defaults, the settings on top of them one at a
//! time, and the checks.

use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use super::check;
use super::problem::{ConfigError, Problem};
use super::source::{Key, Setting, Source};
use super::suggest;
use super::{
    BagOfNgramsConfig, Format, GateMixupRun, LayerwiseRun, Model, ModelKind, NceLmRun, Optimizer,
    PretrainedConfig, RelayRun, Run, StageConfig, Task, TrainRun, UnitSelectRun,
};
use crate::layerwise::{Preset, Weight};

/// The complete run that the settings describe.
pub(super) fn resolve(mut source: Source) -> Result<Run, ConfigError> {
    if source.get(&["task"]).is_none() {
        return Err(problem_at_file(
            &source,
            "`task` is missing: add `task = \"train\"`, `task = \"layerwise\"`, `task = \"nce_lm\"`, \
             `task = \"gate_mixup\"`, `task = \"relay\"` or `task = \"unit_select\"` as the first line",
        ));
    }
    let (run, mut problems) = match leading(&source, &["task"], Task::Train)? {
        Task::Train => train(&source)?,
        Task::Layerwise => with_preset(&mut source, layerwise_defaults)?,
        Task::NceLm => with_preset(&mut source, |_, preset| {
            Ok(Run::NceLm(Box::new(NceLmRun::defaults(preset))))
        })?,
        Task::GateMixup => with_preset(&mut source, gate_mixup_defaults)?,
        Task::Relay => with_preset(&mut source, relay_defaults)?,
        Task::UnitSelect => with_preset(&mut source, unit_select_defaults)?,
    };
    if problems.is_empty() {
        for (key, message) in check::problems_of(&run) {
            let key: Key = key.split('.').map(String::from).collect();
            problems.push(problem(&source, &key, &message));
        }
    }
    if problems.is_empty() {
        Ok(run)
    } else {
        Err(ConfigError { problems })
    }
}

// The defaults depend on what is being built: the preset, the kinds of models, the format. These
// keys are read first.

fn train(source: &Source) -> Result<(Run, Vec<Problem>), ConfigError> {
    let format = leading(source, &["data", "format"], Format::Tsv)?;
    let kind = leading(source, &["model", "kind"], ModelKind::TextCnn)?;
    let mut defaults = TrainRun::defaults(kind, format);
    let stage = Stage {
        section: &["training"],
        config: &mut defaults.training,
        in_batches: StageConfig::bag_of_ngrams_in_batches(),
    };
    bag_of_ngrams(source, "model", &mut defaults.model, Some(stage));
    pretrained(source, "model", &mut defaults.model)?;
    Ok(apply(&Run::Train(Box::new(defaults)), source))
}

/// With the section of the preset chosen. That of the other is looked at all the same, as it would
/// be read with that preset.
fn with_preset(
    source: &mut Source,
    defaults: impl Fn(&mut Source, Preset) -> Result<Run, ConfigError>,
) -> Result<(Run, Vec<Problem>), ConfigError> {
    let preset = leading(source, &["preset"], Preset::Tuned)?;
    let (name, other, other_name) = match preset {
        Preset::Tuned => ("tuned", Preset::Literal, "literal"),
        Preset::Literal => ("literal", Preset::Tuned, "tuned"),
    };
    let section = source.take_section(name);
    let other_section = source.take_section(other_name);
    let of_other_section = other_section.setting_places();
    let mut with_other = source.clone();
    with_other.adopt(other_section);
    source.adopt(section);
    let (run, mut problems) = apply(&defaults(source, preset)?, source);
    let others = match defaults(&mut with_other, other) {
        Ok(defaults) => apply(&defaults, &with_other).1,
        Err(error) => error.problems,
    };
    // What stands outside of the section may be wrong for that preset and right for this one.
    let of_section = |problem: &Problem| of_other_section.contains(&problem.place);
    problems.extend(others.into_iter().filter(of_section));
    Ok((run, problems))
}

fn layerwise_defaults(source: &mut Source, preset: Preset) -> Result<Run, ConfigError> {
    let format = leading(source, &["data", "format"], Format::Tsv)?;
    let teacher = leading(source, &["teacher", "kind"], ModelKind::Transformer)?;
    let beside = beside_teacher_kind(source)?;
    let mut run = LayerwiseRun::defaults(preset, teacher, beside, format);
    if teacher == ModelKind::File {
        // There are no layers in a file of scores.
        let weights = &mut run.distillation.weights;
        (weights.w5, weights.w7) = (Weight::Fixed(0.0), Weight::Fixed(0.0));
    }
    bag_of_ngrams(source, "teacher", &mut run.teacher, None);
    pretrained(source, "teacher", &mut run.teacher)?;
    let training = run.training.beside_teacher.as_mut();
    if let Some((beside, config)) = run.beside_teacher.as_mut().zip(training) {
        let stage = Stage {
            section: &["training", "beside_teacher"],
            config,
            in_batches: StageConfig::of_layerwise(ModelKind::BagOfNgrams),
        };
        bag_of_ngrams(source, "beside_teacher", &mut beside.model, Some(stage));
        pretrained(source, "beside_teacher", &mut beside.model)?;
    }
    Ok(Run::Layerwise(Box::new(run)))
}

fn gate_mixup_defaults(source: &mut Source, preset: Preset) -> Result<Run, ConfigError> {
    let format = leading(source, &["data", "format"], Format::Tsv)?;
    let teacher = leading(source, &["teacher", "kind"], ModelKind::TextGraph)?;
    let student = leading(source, &["student", "kind"], ModelKind::Transformer)?;
    let run = GateMixupRun::defaults(preset, teacher, student, format);
    Ok(Run::GateMixup(Box::new(run)))
}

fn relay_defaults(source: &mut Source, preset: Preset) -> Result<Run, ConfigError> {
    let format = leading(source, &["data", "format"], Format::Tsv)?;
    let a = leading(source, &["teacher_a", "kind"], ModelKind::Seq2seq)?;
    let b = leading(source, &["teacher_b", "kind"], ModelKind::Transformer)?;
    let mut run = RelayRun::defaults(preset, [a, b], format);
    pretrained(source, "teacher_a", &mut run.teacher_a)?;
    pretrained(source, "teacher_b", &mut run.teacher_b)?;
    let score = leading(source, &["distillation", "score"], run.distillation.score)?;
    run.distillation.threshold = score.threshold();
    Ok(Run::Relay(Box::new(run)))
}

fn unit_select_defaults(source: &mut Source, preset: Preset) -> Result<Run, ConfigError> {
    let format = leading(source, &["data", "format"], Format::Tsv)?;
    let [teacher, student] = UnitSelectRun::kinds(format);
    let teacher = leading(source, &["teacher", "kind"], teacher)?;
    let student = leading(source, &["student", "kind"], student)?;
    let mut run = UnitSelectRun::defaults(preset, [teacher, student], format);
    pretrained(source, "teacher", &mut run.teacher)?;
    Ok(Run::UnitSelect(Box::new(run)))
}

/// How a bag of n-grams is trained where it may be fitted to all texts at once.
struct Stage<'a> {
    section: &'a [&'a str],
    config: &'a mut StageConfig,
    /// What suits it where it is not.
    in_batches: StageConfig,
}

/// The defaults of a bag of n-grams depend on its loss, and on whether it is trained in batches. A
/// value that is none is left for the settings themselves to complain of.
fn bag_of_ngrams(source: &Source, section: &str, model: &mut Model, stage: Option<Stage<'_>>) {
    let Model::BagOfNgrams(config) = model else {
        return;
    };
    let loss = leading(source, &[section, "loss"], config.loss);
    *config = BagOfNgramsConfig::of_loss(loss.unwrap_or(config.loss));
    let Some(stage) = stage else { return };
    let hidden_size = leading(source, &[section, "hidden_size"], config.hidden_size);
    let linear = hidden_size.is_ok_and(|size| size == 0);
    let key = [stage.section, &["optimizer"]].concat();
    let optimizer = leading(source, &key, Optimizer::ConjugateGradient);
    let at_once = optimizer.is_ok_and(|optimizer| optimizer == Optimizer::ConjugateGradient);
    if !(linear && at_once) {
        *stage.config = stage.in_batches;
    }
}

/// The defaults of a pretrained encoder are what its folder says. A settled run says it itself, and
/// is read without the folder.
fn pretrained(source: &Source, section: &str, model: &mut Model) -> Result<(), ConfigError> {
    let Model::Pretrained(config) = model else {
        return Ok(());
    };
    let settled = source.get(&[section, "encoder", "layers"]).is_some();
    let Some(setting) = source.get(&[section, "dir"]).filter(|_| !settled) else {
        return Ok(());
    };
    // What is no text is complained of with the other settings.
    let dir = setting.value.as_str().or(setting.text.as_deref());
    if let Some(dir) = dir.filter(|dir| !dir.is_empty()) {
        *config = PretrainedConfig::of_folder(Path::new(dir)).map_err(|error| ConfigError {
            problems: vec![problem(source, &setting.key, &error.to_string())],
        })?;
    }
    Ok(())
}

/// The kind of the second teacher. `kind = "none"` takes the whole section back, so that one
/// override can switch it off.
fn beside_teacher_kind(source: &mut Source) -> Result<Option<ModelKind>, ConfigError> {
    match source.get(&["beside_teacher", "kind"]) {
        Some(setting) if setting.value.as_str() == Some("none") => {
            source.forget(&["beside_teacher"]);
            source.forget(&["training", "beside_teacher"]);
            Ok(None)
        }
        Some(_) => leading(source, &["beside_teacher", "kind"], ModelKind::BagOfNgrams).map(Some),
        None if source.sets_within("beside_teacher") => Err(ConfigError::new(
            source.place(&["beside_teacher".into()]),
            "`beside_teacher.kind` is missing: choose \"bag_of_ngrams\", \"text_cnn\" or \
             \"transformer\", or \"none\" to do without a second teacher",
        )),
        None => Ok(None),
    }
}

fn leading<'de, T: Deserialize<'de>>(
    source: &Source,
    key: &[&str],
    default: T,
) -> Result<T, ConfigError> {
    let Some(setting) = source.get(key) else {
        return Ok(default);
    };
    T::deserialize(setting.value.clone()).map_err(|error| {
        let message = explain(&error, &Value::String(String::new()), &setting.value);
        ConfigError {
            problems: vec![problem(source, &setting.key, &message)],
        }
    })
}

/// Sets one value after the other, so that the one at fault is known by name.
fn apply(defaults: &Run, source: &Source) -> (Run, Vec<Problem>) {
    let mut run = defaults.clone();
    let mut table = defaults.to_table();
    let known = table.clone();
    let mut problems: Vec<Problem> = Vec::new();
    for setting in source.settings() {
        let outcome = match lookup(&known, &setting.key) {
            Some(default) => set(&mut table, setting, default),
            None => Err(suggest::unknown_key(&known, &setting.key)),
        };
        match outcome {
            Ok(changed) => run = changed,
            Err(message) => problems.push(Problem {
                place: source.place(&setting.key),
                message,
            }),
        }
    }
    // An unknown section is one problem, however many keys it holds.
    problems.dedup_by(|later, earlier| later.message == earlier.message);
    (run, problems)
}

fn set(table: &mut Table, setting: &Setting, default: &Value) -> Result<Run, String> {
    let name = setting.key.join(".");
    match (default, &setting.value) {
        // An empty section changes nothing.
        (Value::Table(_), Value::Table(_)) => {
            return read(table).map_err(|error| error.to_string());
        }
        (Value::Table(_), found) => {
            return Err(format!(
                "`{name}` is a section: expected keys under [{name}], found {}",
                describe(found)
            ));
        }
        _ => {}
    }
    let mut attempt = |value: Value| {
        let mut changed = table.clone();
        *lookup_mut(&mut changed, &setting.key).expect("the key stands among the defaults") = value;
        let run = read(&changed)?;
        *table = changed;
        Ok(run)
    };
    let error: toml::de::Error = match attempt(setting.value.clone()) {
        Ok(run) => return Ok(run),
        Err(error) => error,
    };
    // A folder called 2024 is read as a number first.
    if let Some(text) = &setting.text
        && let Ok(run) = attempt(Value::String(text.clone()))
    {
        return Ok(run);
    }
    Err(format!(
        "`{name}`: {}",
        explain(&error, default, &setting.value)
    ))
}

/// What was expected and what was found, in words that do not ask for Rust. Types whose own
/// message begins with "expected", and lists of choices, speak for themselves.
fn explain(error: &toml::de::Error, default: &Value, found: &Value) -> String {
    let message = error.message().replace('`', "\"");
    let expected = match message.find("expected ") {
        Some(start) if !message.starts_with("invalid") => message[start..].to_owned(),
        _ => format!("expected {}", expected_like(default)),
    };
    format!("{expected}, found {}", describe(found))
}

fn read(table: &Table) -> Result<Run, toml::de::Error> {
    Run::deserialize(Value::Table(table.clone()))
}

fn lookup<'a>(table: &'a Table, key: &[String]) -> Option<&'a Value> {
    let (first, rest) = key.split_first()?;
    let value = table.get(first)?;
    if rest.is_empty() {
        Some(value)
    } else {
        lookup(value.as_table()?, rest)
    }
}

fn lookup_mut<'a>(table: &'a mut Table, key: &[String]) -> Option<&'a mut Value> {
    let (first, rest) = key.split_first()?;
    let value = table.get_mut(first)?;
    if rest.is_empty() {
        Some(value)
    } else {
        lookup_mut(value.as_table_mut()?, rest)
    }
}

fn expected_like(default: &Value) -> &'static str {
    match default {
        Value::Integer(_) => "a whole number that is not negative",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Array(items) => match items.first() {
            Some(Value::String(_)) | None => "a list of texts, such as [\"one\", \"two\"]",
            Some(Value::Integer(_)) => "a list of whole numbers, such as [1, 2]",
            Some(_) => "a list of numbers, such as [0.9, 0.999]",
        },
        _ => "a text in quotes",
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::String(text) => format!("the text \"{text}\""),
        Value::Integer(number) => format!("the whole number {number}"),
        Value::Float(number) => format!("the number {number}"),
        Value::Boolean(flag) => format!("{flag}"),
        Value::Datetime(date) => format!("the date {date}"),
        Value::Array(_) => format!("the list {value}"),
        Value::Table(_) => "a section".into(),
    }
}

fn problem(source: &Source, key: &[String], message: &str) -> Problem {
    Problem {
        place: source.place(key),
        message: format!("`{}`: {message}", key.join(".")),
    }
}

fn problem_at_file(source: &Source, message: &str) -> ConfigError {
    ConfigError::new(source.place(&[]), message)
}
