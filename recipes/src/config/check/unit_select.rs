//! What only the selection of units asks for, and data and models that are no text.

use super::Checks;
use crate::config::{
    Format, Model, OffOr, PicturesConfig, Run, SpeechConfig, SpeechDataConfig, SpeechTrunk,
    UnetConfig, UnitSelectRun,
};
use crate::unit_select::{Difference, Form, Selection, Transfer, UnitSelectOptions};

impl Checks {
    /// Which methods know what to do with a format.
    pub(super) fn format_suits(&mut self, run: &Run, format: Format) {
        let (suits, message) = match run {
            Run::UnitSelect(_) => (
                !format.is_keywords(),
                "expected texts with a class (\"tsv\", \"csv\", \"jsonl\", \"corpus\"), tagged words \
                 (\"conll\", \"conllu\", \"tagged_jsonl\"), \"pictures\" or \"speech\": keywords are for \
                 `task = \"relay\"`",
            ),
            Run::Relay(_) => (
                !format.is_media(),
                "expected texts: \"pictures\" and \"speech\" are for `task = \"unit_select\"`",
            ),
            _ => (
                format.is_classified(),
                "expected \"tsv\", \"csv\", \"jsonl\" or \"corpus\": tagged words are for `task = \
                 \"relay\"` and `task = \"unit_select\"`, keywords for the former, \"pictures\" and \
                 \"speech\" for the latter",
            ),
        };
        self.require(suits, "data.format".into(), || message.into());
    }

    pub(super) fn unit_select(&mut self, run: &UnitSelectRun) {
        for (section, model) in [("teacher", &run.teacher), ("student", &run.student)] {
            self.model(section, model, &run.data);
            self.reads_any_text(section, model);
            self.reads_the_format(section, model, run.data.format);
        }
        self.is_not_pretrained("student", &run.student);
        for (section, stage) in [
            ("training.teacher", &run.training.teacher),
            ("training.student", &run.training.student),
        ] {
            self.stage(section, stage);
            self.reads_at_once(section, stage);
            self.solver(section, stage, None);
        }
        self.unit_options(&run.distillation);
        if let Some(words) = &run.words {
            self.word_sizes(words);
            if let Model::TextCnn(student) = &run.student {
                self.student_of_words(student);
            }
            self.require(!words.crf, "words.crf".into(), || {
                "expected false: what a teacher hands on are the scores of units, and a sequence \
                 has none of its own"
                    .into()
            });
        }
        if let Some(pictures) = &run.data.pictures {
            self.pictures(pictures);
        }
        if let Some(speech) = &run.data.speech {
            self.speech_data(speech, &run.distillation);
        }
        let whole = !run.data.format.is_media() || run.data.label_noise == 0.0;
        self.require(whole, "data.label_noise".into(), || {
            "expected 0: labels of pictures and speech are taken as they are".into()
        });
    }

    fn reads_the_format(&mut self, section: &str, model: &Model, format: Format) {
        let (fits, expected) = match format {
            Format::Pictures => (matches!(model, Model::Unet(_)), "\"unet\" for pictures"),
            Format::Speech => (
                matches!(model, Model::Speech(_)),
                "\"speech\" for recordings",
            ),
            format if format.is_tagged() => (
                matches!(
                    model,
                    Model::TextCnn(_) | Model::Transformer(_) | Model::Seq2seq(_)
                ),
                "\"transformer\", \"text_cnn\" or \"seq2seq\" for tagged words",
            ),
            _ => (true, ""),
        };
        self.require(fits, format!("{section}.kind"), || {
            format!("expected {expected}")
        });
    }

    fn unit_options(&mut self, options: &UnitSelectOptions) {
        let key = |name: &str| format!("distillation.{name}");
        self.require(options.folds >= 2, key("folds"), || {
            format!("expected at least 2, found {}", options.folds)
        });
        self.require(!options.margin.is_nan(), key("margin"), || {
            "expected a number, or inf or -inf".into()
        });
        self.rate(key("min_share"), options.min_share);
        self.require((0.0..=1.0).contains(&options.alpha), key("alpha"), || {
            format!("expected a number from 0 to 1, found {}", options.alpha)
        });
        self.positive(key("temperature"), options.temperature);
        self.not_negative(key("gt_weight"), options.gt_weight);
        self.not_negative(key("kd_weight"), options.kd_weight);
        if let OffOr::On(decay) = options.ema {
            self.require(decay > 0.0 && decay < 1.0, key("ema"), || {
                format!("expected \"off\" or a number between 0 and 1, found {decay}")
            });
        }
        let of_classes = matches!(
            options.difference,
            Difference::CrossEntropy | Difference::ZeroOne
        ) && options.transfer == Transfer::Kl;
        let mixes = options.form == Form::TargetMix;
        self.require(!mixes || of_classes, key("form"), || {
            "\"target_mix\" is one cross-entropy: expected `distillation.difference` \
             \"cross_entropy\" or \"zero_one\", and `distillation.transfer` \"kl\""
                .into()
        });
        let one_loss = options.temperature == 1.0 && options.gt_weight == options.kd_weight;
        self.require(!mixes || one_loss, key("form"), || {
            "\"target_mix\" is one loss: expected `distillation.temperature` 1, and \
             `distillation.gt_weight` equal to `distillation.kd_weight`"
                .into()
        });
        let masks = &options.masks;
        let values = [masks.teacher, masks.student, masks.ignored];
        let distinct = values[0] != values[1] && values[1] != values[2] && values[0] != values[2];
        self.require(distinct, key("masks"), || {
            format!("expected three different values, found {values:?}")
        });
        let alone = options.selection == Selection::None;
        self.require(!alone, key("selection"), || {
            "expected a selection that selects something: the student alone is in \
             `distillation.compare`"
                .into()
        });
    }

    fn pictures(&mut self, pictures: &PicturesConfig) {
        let key = |name: &str| format!("data.pictures.{name}");
        self.require(!pictures.values.is_empty(), key("values"), || {
            "expected what the values of label pictures mean, such as [\"0 = membrane\", \"255 = \
             cell\"]"
                .into()
        });
    }

    fn speech_data(&mut self, speech: &SpeechDataConfig, options: &UnitSelectOptions) {
        let key = |name: &str| format!("data.speech.{name}");
        self.at_least_one(key("shortest"), speech.shortest);
        let ordered = speech.longest >= speech.shortest;
        self.require(ordered, key("longest"), || {
            format!(
                "expected at least `data.speech.shortest` ({}), found {}",
                speech.shortest, speech.longest
            )
        });
        self.at_least_one(key("bins"), speech.bins);
        self.at_least_one(key("sample_rate"), speech.sample_rate as usize);
        self.positive(key("window_ms"), speech.window_ms);
        self.positive(key("hop_ms"), speech.hop_ms);
        let by_paths = matches!(
            options.difference,
            Difference::CrossEntropy | Difference::ZeroOne
        );
        self.require(
            !speech.ctc || by_paths,
            "distillation.difference".into(),
            || {
                "expected \"cross_entropy\" or \"zero_one\" with `data.speech.ctc`, which sums over \
                 paths"
                    .into()
            },
        );
        let of_words = options.transfer != Transfer::BinaryCrossEntropy;
        self.require(
            !speech.ctc || of_words,
            "distillation.transfer".into(),
            || "expected \"kl\", \"l1\" or \"l2\" with `data.speech.ctc`: a segment writes one word".into(),
        );
    }

    fn is_for(&mut self, section: &str, has_them: bool, what: &str) {
        self.require(has_them, format!("{section}.kind"), || {
            format!("expected a model of texts: this one is for `data.format = \"{what}\"`")
        });
    }

    pub(super) fn unet(&mut self, section: &str, config: &UnetConfig, format: Format) {
        self.is_for(section, format == Format::Pictures, "pictures");
        let key = |name: &str| format!("{section}.{name}");
        self.at_least_one(key("width"), config.width);
        self.at_least_one(key("levels"), config.levels);
        let divides = config.groups >= 1 && config.width.is_multiple_of(config.groups);
        self.require(divides, key("groups"), || {
            format!(
                "expected a divisor of `{section}.width` ({}), found {}",
                config.width, config.groups
            )
        });
        self.rate(key("dropout"), config.dropout);
    }

    pub(super) fn speech_net(&mut self, section: &str, config: &SpeechConfig, format: Format) {
        self.is_for(section, format == Format::Speech, "speech");
        let key = |name: &str| format!("{section}.{name}");
        self.at_least_one(key("channels"), config.channels);
        match config.trunk {
            SpeechTrunk::Recurrent => self.at_least_one(key("layers"), config.layers),
            SpeechTrunk::Convolution => {
                let sizes = &config.kernel_sizes;
                let good = !sizes.is_empty() && !sizes.contains(&0);
                self.require(good, key("kernel_sizes"), || {
                    format!("expected one or more kernel widths of at least 1, found {sizes:?}")
                });
            }
        }
        self.rate(key("dropout"), config.dropout);
    }
}
