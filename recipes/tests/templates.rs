//! The templates and the run files that ship: complete, and true to the defaults.

use std::path::Path;

use limbeck_recipes::config::{
    self, Format, GateMixupRun, LayerwiseRun, ModelKind, NceLmRun, Override, PicturesConfig,
    RelayRun, Run, SpeechDataConfig, Task, TrainRun, UnitSelectRun,
};
use limbeck_recipes::layerwise::Preset;

fn parse(text: &str) -> Run {
    config::parse("test.toml", text, &[]).unwrap_or_else(|error| panic!("{error}"))
}

fn layerwise(preset: Preset, beside: Option<ModelKind>, format: Format) -> Run {
    let run = LayerwiseRun::defaults(preset, ModelKind::Transformer, beside, format);
    Run::Layerwise(Box::new(run))
}

fn train(kind: ModelKind, format: Format) -> Run {
    Run::Train(Box::new(TrainRun::defaults(kind, format)))
}

fn nce_lm(preset: Preset) -> Run {
    Run::NceLm(Box::new(NceLmRun::defaults(preset)))
}

fn gate_mixup(preset: Preset, teacher: ModelKind, format: Format) -> Run {
    let run = GateMixupRun::defaults(preset, teacher, ModelKind::Transformer, format);
    Run::GateMixup(Box::new(run))
}

fn relay(preset: Preset, teachers: [ModelKind; 2], format: Format) -> Run {
    Run::Relay(Box::new(RelayRun::defaults(preset, teachers, format)))
}

fn unit_select(preset: Preset, format: Format) -> Run {
    let kinds = UnitSelectRun::kinds(format);
    Run::UnitSelect(Box::new(UnitSelectRun::defaults(preset, kinds, format)))
}

const TEACHERS: [ModelKind; 2] = [ModelKind::Seq2seq, ModelKind::Transformer];

/// The template with every setting behind `#` switched on. Prose begins with `# `.
fn uncommented(task: Task) -> String {
    let switch_on = |line: &str| match line.strip_prefix('#') {
        Some(setting) if !setting.starts_with(' ') && !setting.is_empty() => setting.to_owned(),
        _ => line.to_owned(),
    };
    task.template()
        .lines()
        .map(switch_on)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Read back from its own file; literal turns compare vectors, whose widths the defaults of other
/// kinds of teachers do not make equal.
fn settled(run: &Run) -> Run {
    let text = run.to_toml();
    match config::parse("test.toml", &text, &[]) {
        Ok(run) => run,
        Err(error) if error.to_string().contains("rep_kl") => run.clone(),
        Err(error) => panic!("{error}"),
    }
}

fn leaves(table: &toml::Table, prefix: &str, found: &mut Vec<String>) {
    for (name, value) in table {
        let key = format!("{prefix}{name}");
        match value {
            toml::Value::Table(inner) => leaves(inner, &format!("{key}."), found),
            _ => found.push(key),
        }
    }
}

fn keys(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    leaves(&toml::from_str(text).expect("valid TOML"), "", &mut found);
    found
}

#[test]
fn templates_parse_to_the_defaults() {
    let expected = train(ModelKind::TextCnn, Format::Tsv);
    assert_eq!(parse(Task::Train.template()), expected);
    let tuned = layerwise(Preset::Tuned, None, Format::Tsv);
    assert_eq!(parse(Task::Layerwise.template()), tuned);
    assert_eq!(parse(Task::NceLm.template()), nce_lm(Preset::Tuned));
    let tuned = gate_mixup(Preset::Tuned, ModelKind::TextGraph, Format::Tsv);
    assert_eq!(parse(Task::GateMixup.template()), tuned);
    let tuned = relay(Preset::Tuned, TEACHERS, Format::Tsv);
    assert_eq!(parse(Task::Relay.template()), tuned);
    let tuned = unit_select(Preset::Tuned, Format::Tsv);
    assert_eq!(parse(Task::UnitSelect.template()), tuned);
}

#[test]
fn a_template_follows_a_change_of_preset() {
    let literal = |task: Task| {
        let tuned = "preset = \"tuned\"";
        parse(&task.template().replace(tuned, "preset = \"literal\""))
    };
    let expected = layerwise(Preset::Literal, None, Format::Tsv);
    assert_eq!(literal(Task::Layerwise), expected);
    assert_eq!(literal(Task::NceLm), nce_lm(Preset::Literal));
    let expected = gate_mixup(Preset::Literal, ModelKind::TextGraph, Format::Tsv);
    assert_eq!(literal(Task::GateMixup), expected);
    let expected = relay(Preset::Literal, TEACHERS, Format::Tsv);
    assert_eq!(literal(Task::Relay), expected);
    let expected = unit_select(Preset::Literal, Format::Tsv);
    assert_eq!(literal(Task::UnitSelect), expected);
}

#[test]
fn templates_show_every_key_and_the_values_behind_the_hash_are_the_defaults() {
    let corpus = |text: String| text.replace("format = \"tsv\"", "format = \"corpus\"");
    let files = "train = \"train.tsv\"";
    let test = "test = \"test.tsv\"";
    let settle = |text: String| {
        corpus(text)
            .replace(files, "train = \"\"")
            .replace(test, "test = \"\"")
    };

    let text = settle(uncommented(Task::Layerwise));
    let expected = layerwise(Preset::Tuned, Some(ModelKind::BagOfNgrams), Format::Corpus);
    assert_eq!(parse(&text), expected);
    assert_eq!(keys(&text), keys(&expected.to_toml()));

    let text = settle(uncommented(Task::Train));
    let expected = train(ModelKind::TextCnn, Format::Corpus);
    assert_eq!(parse(&text), expected);
    assert_eq!(keys(&text), keys(&expected.to_toml()));

    let text = settle(uncommented(Task::GateMixup));
    let expected = gate_mixup(Preset::Tuned, ModelKind::TextGraph, Format::Corpus);
    assert_eq!(parse(&text), expected);
    assert_eq!(keys(&text), keys(&expected.to_toml()));

    let text = of_tags(uncommented(Task::Relay));
    let expected = relay(Preset::Tuned, TEACHERS, Format::Conll);
    assert_eq!(parse(&text), expected);
    assert_eq!(keys(&text), keys(&expected.to_toml()));

    let text = uncommented(Task::NceLm);
    let expected = nce_lm(Preset::Tuned);
    assert_eq!(parse(&text), expected);
    assert_eq!(keys(&text), keys(&expected.to_toml()));
}

/// A template as it is for tagged words.
fn of_tags(template: String) -> String {
    let mut text = template.replace("format = \"tsv\"", "format = \"conll\"");
    for file in ["train", "test"] {
        text = text.replace(&format!("\"{file}.tsv\""), &format!("\"{file}.conll\""));
    }
    text.replace("dev = \"\"", "dev = \"dev.conll\"").replace(
        "label_column = 0\ntext_column = 1",
        "label_column = 1\ntext_column = 0",
    )
}

#[test]
fn the_template_of_units_shows_the_keys_of_every_kind() {
    let text = of_tags(uncommented(Task::UnitSelect));
    let mut table: toml::Table = toml::from_str(&text).expect("valid TOML");
    let data = table["data"].as_table_mut().expect("a section");
    let pictures = data.remove("pictures").expect("a section of pictures");
    let speech = data.remove("speech").expect("a section of speech");
    let default = toml::Value::try_from(PicturesConfig::default()).expect("TOML");
    assert_eq!(pictures, default);
    let default = toml::Value::try_from(SpeechDataConfig::default()).expect("TOML");
    assert_eq!(speech, default);
    let text = toml::to_string(&table).expect("TOML");
    let expected = unit_select(Preset::Tuned, Format::Conll);
    assert_eq!(parse(&text), expected);
    assert_eq!(keys(&text).len(), keys(&expected.to_toml()).len());
}

#[test]
fn a_resolved_run_reads_back_as_itself() {
    let kinds = [
        ModelKind::Transformer,
        ModelKind::TextCnn,
        ModelKind::BagOfNgrams,
        ModelKind::TextGraph,
        ModelKind::TextLevel,
        ModelKind::Corpus,
        ModelKind::Sgc,
        ModelKind::Seq2seq,
    ];
    let tagged = [
        Format::Conll,
        Format::Conllu,
        Format::TaggedJsonl,
        Format::Keywords,
        Format::KeywordsJsonl,
    ];
    for format in tagged {
        let run = relay(Preset::Literal, TEACHERS, format);
        assert_eq!(parse(&run.to_toml()), run);
        if !format.is_keywords() {
            let run = unit_select(Preset::Literal, format);
            assert_eq!(parse(&run.to_toml()), run);
        }
    }
    let formats = [Format::Tsv, Format::Csv, Format::Jsonl, Format::Corpus];
    for format in formats {
        for kind in kinds {
            let run = train(kind, format);
            assert_eq!(parse(&run.to_toml()), run);
            for preset in [Preset::Literal, Preset::Tuned] {
                if !config::Model::of_kind(kind).is_transductive() {
                    let run = layerwise(preset, Some(kind), format);
                    assert_eq!(parse(&run.to_toml()), run);
                    let run = relay(preset, [kind, ModelKind::TextCnn], format);
                    assert_eq!(parse(&run.to_toml()), run);
                }
                if kind != ModelKind::BagOfNgrams {
                    let run = gate_mixup(preset, kind, format);
                    assert_eq!(settled(&run), run);
                }
            }
        }
    }
}

/// Run files whose teacher is a MiniLM get a tiny model in its place, and a student that fits it.
fn pretrained_teacher(name: &str) -> Vec<Override> {
    if !name.contains("minilm") {
        return Vec::new();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("../tests/golden/pretrained/bert");
    let folder = folder.display().to_string();
    let mut overrides = vec![Override::new("teacher.dir", folder)];
    for text in [
        "student.channels=8",
        "student.embedding_size=8",
        "student.kernel_sizes=[2, 3]",
    ] {
        overrides.push(text.parse().expect("an override"));
    }
    overrides
}

#[test]
fn every_shipped_run_file_resolves_under_both_presets() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder configs/") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let given = pretrained_teacher(&name);
        let run = config::load(&path, &given).unwrap_or_else(|error| panic!("{error}"));
        let task = run.task().to_string().replace('_', "-");
        let named = match &run {
            // A model trained alone gives its file the name.
            Run::Train(run) => Some(match run.model {
                config::Model::Corpus(_) => "textgcn",
                _ => "train",
            }),
            _ => Some(task.as_str()),
        };
        let named = named.is_some_and(|prefix| name.starts_with(&format!("{prefix}-")));
        assert!(named, "{name} is a {} run", run.task());
        if !matches!(run.task(), Task::Train | Task::NceLm) {
            for preset in ["literal", "tuned"] {
                let mut overrides = given.clone();
                overrides.extend([
                    format!("preset={preset}").parse().expect("an override"),
                    "data.labelled_fraction=0.1".parse().expect("an override"),
                ]);
                let run = config::load(&path, &overrides).unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(parse(&run.to_toml()), run);
            }
        }
        seen.push(name);
    }
    for data_set in ["r8", "r52", "ohsumed", "mr", "trec", "thucnews"] {
        assert!(
            seen.contains(&format!("layerwise-{data_set}.toml")),
            "{data_set}: {seen:?}"
        );
    }
    for data_set in ["trec", "mr", "r8", "r52", "ohsumed"] {
        let file = format!("layerwise-minilm-{data_set}.toml");
        assert!(seen.contains(&file), "{file}: {seen:?}");
    }
    for data_set in ["r8", "r52", "ohsumed", "mr", "thucnews", "builtin"] {
        let file = format!("gate-mixup-{data_set}.toml");
        assert!(seen.contains(&file), "{file}: {seen:?}");
    }
    for data_set in ["conll2003", "inspec", "trec", "r8", "thucnews"] {
        let file = format!("relay-{data_set}.toml");
        assert!(seen.contains(&file), "{file}: {seen:?}");
    }
    for data_set in ["isbi2012", "conll2003", "fsdd", "trec"] {
        let file = format!("unit-select-{data_set}.toml");
        assert!(seen.contains(&file), "{file}: {seen:?}");
    }
}
