//! E5: every kind of units goes through the same code, and all of them learn something.

use limbeck_engine::{Device, ParameterStore, Result, StoreBuilder, Tape};
use limbeck_losses::NO_TRUTH;
use limbeck_models::{
    Batch, Classifier, Encoded, FrameInput, Output, PictureInput, SpeechNet, SpeechNetConfig,
    SpeechOutput, SpeechTrunk, UNet, UNetConfig,
};
use limbeck_recipes::layerwise::Preset;
use limbeck_recipes::unit_select::{
    Choice, UnitForm, UnitLine, UnitSamples, UnitSelectOptions, compare,
};
use limbeck_training::predictions::AnswerKind;

use crate::answers::agree_with_the_figures;
use crate::tiny::{PIXELS, SPEECH, TAGS, finished, in_folder};

/// A model that has its answer ready.
struct Ready<'a> {
    store: ParameterStore,
    /// What makes the batches of its kind of samples.
    reads: &'a dyn Classifier,
    scores: Vec<f32>,
}

impl Classifier for Ready<'_> {
    fn parameters(&self) -> &ParameterStore {
        &self.store
    }

    fn parameters_mut(&mut self) -> &mut ParameterStore {
        &mut self.store
    }

    fn classes(&self) -> usize {
        2
    }

    fn vocabulary(&self) -> limbeck_engine::Fingerprint {
        self.reads.vocabulary()
    }

    fn forward(&self, tape: &Tape, _batch: &Batch) -> Result<Output> {
        let rows = self.scores.len() / 2;
        Ok(Output {
            logits: tape.constant(tape.device().real(&self.scores, [rows, 2])?),
            levels: Vec::new(),
            states: Vec::new(),
        })
    }

    fn per_position(&self) -> bool {
        true
    }

    fn rows(&self, text: &Encoded) -> usize {
        self.reads.rows(text)
    }

    fn is_embedding(&self, _name: &str) -> bool {
        false
    }

    fn batch(&self, texts: &[&Encoded], first_sample: u32) -> Result<Batch> {
        self.reads.batch(texts, first_sample)
    }
}

/// A picture of one row, and as many recordings as it has pixels, get the same mask from the same
/// scores.
#[test]
fn a_row_of_pixels_is_a_row_of_fields() {
    let device = Device::cpu();
    let labels = vec![0, 1, 1, NO_TRUTH, 0, 1, 0];
    let units = labels.len();
    let unet = UNet::new(
        UNetConfig {
            channels: 1,
            classes: 2,
            width: 2,
            levels: 1,
            groups: 1,
            interpolation: limbeck_kernels::Interpolation::Nearest,
            dropout: 0.0,
        },
        1,
        &device,
    )
    .expect("a model");
    let speech = SpeechNet::new(
        SpeechNetConfig {
            bins: 3,
            classes: 2,
            trunk: SpeechTrunk::Convolution {
                channels: 4,
                kernel_sizes: vec![3],
            },
            output: SpeechOutput::Segments,
            dropout: 0.0,
        },
        1,
        &device,
    )
    .expect("a model");
    let picture = Encoded::Picture(PictureInput {
        height: 1,
        width: units,
        channels: 1,
        values: vec![0.5; units],
    });
    let clip = Encoded::Frames(FrameInput {
        bins: 3,
        values: vec![0.5; 3 * 2 * units],
        segments: vec![2; units],
    });
    let score = |salt: usize| -> Vec<f32> {
        (0..2 * units)
            .map(|i| ((i * 29 + salt * 17) % 13) as f32 / 4.0)
            .collect()
    };
    let (teacher, student) = (score(1), score(2));
    let options = UnitSelectOptions {
        min_share: 0.5,
        ..UnitSelectOptions::preset(Preset::Tuned)
    };
    let kinds: [(&dyn Classifier, Encoded); 2] = [(&unet, picture), (&speech, clip)];
    let found = kinds.map(|(reads, input)| {
        let store = StoreBuilder::new(1).build(&device).expect("an empty store");
        let ready = Ready {
            store,
            reads,
            scores: student.clone(),
        };
        let samples = UnitSamples {
            inputs: vec![input],
            labels: vec![labels.clone()],
        };
        let form = UnitForm::Rows;
        compare(&ready, &samples, &[&teacher], form, &options).expect("compared")
    });
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0][0].mask[3], Choice::Unknown);
    assert!(found[0][0].share() >= 0.5);
}

#[test]
fn pixels_tags_and_speech_learn() {
    let figure = |data: &str, name: &str, overrides: &[&str]| {
        let selected = finished(data, overrides);
        let kind = match data {
            PIXELS => AnswerKind::Pixels,
            TAGS => AnswerKind::Spans,
            _ => AnswerKind::Speech,
        };
        agree_with_the_figures(&selected.measured, kind);
        let test = selected.measured.test.expect("test was read");
        let row = |model: &str| test.get(model).expect("a row").get(name).expect("a figure");
        (row("teacher"), row("student"))
    };
    let longer = [
        "training.teacher.length=\"30 epochs\"",
        "training.student.length=\"30 epochs\"",
        "training.student.learning_rate=0.01",
    ];
    let (teacher, student) = figure(PIXELS, "pixel_error", &longer);
    // Four of five pixels are inside: that many errors fewer than half of them takes a model.
    assert!(teacher < 0.12 && student < 0.2, "{teacher} {student}");
    let (teacher, student) = figure(TAGS, "span_f1", &longer);
    assert!(teacher > 0.9 && student > 0.9, "{teacher} {student}");
    let strings = [
        "data.dev_fraction=0.25",
        "training.teacher.length=\"120 epochs\"",
        "training.teacher.learning_rate=0.003",
        "training.student.length=\"120 epochs\"",
        "training.student.learning_rate=0.01",
    ];
    for overrides in [
        &strings[..],
        &[&strings[..], &["data.speech.ctc=false"]].concat(),
    ] {
        let (teacher, student) = figure(SPEECH, "word_error_rate", overrides);
        assert!(teacher < 0.2 && student < 0.4, "{teacher} {student}");
    }
}

/// Texts and speech have a line for every unit, and a strip for all of them.
#[test]
fn units_in_a_row_are_written_as_lines_and_as_a_strip() {
    in_folder(
        SPEECH,
        &["distillation.masks.samples=3"],
        |_, data, paths, _| {
            let folder = paths.root().join("units").join("student");
            let text = std::fs::read_to_string(folder.join("final.jsonl")).expect("lines");
            let lines: Vec<UnitLine> = text
                .lines()
                .map(|line| serde_json::from_str(line).expect("a line"))
                .collect();
            let names = data.train.names();
            let of = |name: &str| lines.iter().filter(|line| line.sample == name).count();
            let student = data.encode(
                &limbeck_recipes::text::TextClassifier::load(
                    &paths.model().join("student"),
                    &Device::cpu(),
                )
                .expect("a model")
                .encoder()
                .clone(),
                &data.train,
            );
            for (name, labels) in names.iter().zip(&student.labels) {
                assert_eq!(of(name), labels.len(), "{name}");
            }
            for line in &lines {
                let closer = u8::from(line.d_teacher < line.d_student);
                assert_eq!(line.m, Some(closer));
            }
            let strip =
                limbeck_data::pictures::read_grey(&folder.join("final.png")).expect("a strip");
            let longest = student.labels.iter().map(Vec::len).max();
            assert_eq!((strip.height, Some(strip.width)), (names.len(), longest));
        },
    );
}
