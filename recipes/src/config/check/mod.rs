//! What types cannot say: ranges, and values that must fit each other.

mod gate_mixup;
mod graph;
mod layerwise;
mod nce_lm;
mod pretrained;
mod relay;
mod scores;
mod unit_select;

use super::{
    Averaging, BagOfNgramsConfig, DataConfig, Extent, Format, Model, OffOr, Optimizer, Run,
    StageConfig, TextCnnConfig, TokenizerConfig, TransformerConfig,
};

/// All that is wrong: dotted key and message.
pub(super) fn problems_of(run: &Run) -> Vec<(String, String)> {
    let mut checks = Checks { found: Vec::new() };
    if let Some(data) = run.data() {
        checks.data(data);
        checks.format_suits(run, data.format);
    }
    match run {
        Run::Train(run) => {
            checks.model("model", &run.model, &run.data);
            checks.stage("training", &run.training);
            checks.solver("training", &run.training, Some(&run.model));
        }
        Run::Layerwise(run) => checks.layerwise(run),
        Run::NceLm(run) => checks.nce_lm(run),
        Run::GateMixup(run) => checks.gate_mixup(run),
        Run::Relay(run) => checks.relay(run),
        Run::UnitSelect(run) => checks.unit_select(run),
    }
    checks.found
}

struct Checks {
    found: Vec<(String, String)>,
}

impl Checks {
    fn require(&mut self, holds: bool, key: String, message: impl FnOnce() -> String) {
        if !holds {
            self.found.push((key, message()));
        }
    }

    /// A number of at least one.
    fn at_least_one(&mut self, key: String, value: usize) {
        self.require(value >= 1, key, || {
            format!("expected at least 1, found {value}")
        });
    }

    /// A dropout rate or another share that must leave something over.
    fn rate(&mut self, key: String, value: f64) {
        self.require((0.0..1.0).contains(&value), key, || {
            format!("expected a number from 0 to below 1, found {value}")
        });
    }

    fn share_above_zero(&mut self, key: String, value: f64) {
        self.require(value > 0.0 && value <= 1.0, key, || {
            format!("expected a number above 0 and up to 1, found {value}")
        });
    }

    fn positive(&mut self, key: String, value: f64) {
        self.require(value > 0.0 && value.is_finite(), key, || {
            format!("expected a number above 0, found {value}")
        });
    }

    fn not_negative(&mut self, key: String, value: f64) {
        self.require(value >= 0.0 && value.is_finite(), key, || {
            format!("expected a number that is not negative, found {value}")
        });
    }

    fn data(&mut self, data: &DataConfig) {
        for (key, column) in [("label", &data.label_column), ("text", &data.text_column)] {
            let fits = Self::column_fits(data.format, column);
            self.require(fits, format!("data.{key}_column"), || match data.format {
                Format::Jsonl | Format::TaggedJsonl | Format::KeywordsJsonl => {
                    "expected the name of a key, since JSON objects have no column \
                                  numbers"
                        .into()
                }
                _ => "expected a column number counted from 0, since the file has no header".into(),
            });
        }
        let distinct = data.label_column != data.text_column;
        self.require(distinct, "data.text_column".into(), || {
            "expected another column than `data.label_column`".into()
        });
        if data.format != Format::Corpus {
            for (key, file) in [("train", &data.train), ("test", &data.test)] {
                self.require(!file.is_empty(), format!("data.{key}"), || {
                    "expected a file name, found an empty text".into()
                });
            }
        }
        self.require(
            data.dev_fraction > 0.0 && data.dev_fraction < 1.0,
            "data.dev_fraction".into(),
            || {
                format!(
                    "expected a number between 0 and 1, found {}",
                    data.dev_fraction
                )
            },
        );
        self.share_above_zero("data.labelled_fraction".into(), data.labelled_fraction);
        self.at_least_one("data.max_length".into(), data.max_length);
        self.rate("data.label_noise".into(), data.label_noise);
        if let Some(corpus) = &data.corpus {
            self.at_least_one("data.corpus.train_size".into(), corpus.train_size);
            self.at_least_one("data.corpus.test_size".into(), corpus.test_size);
        }
    }

    fn model(&mut self, section: &str, model: &Model, data: &DataConfig) {
        match model {
            Model::Transformer(config) => self.transformer(section, config, data),
            Model::TextCnn(config) => self.text_cnn(section, config),
            Model::BagOfNgrams(config) => self.bag_of_ngrams(section, config),
            Model::TextGraph(config) => self.text_graph(section, config),
            Model::TextLevel(config) => self.text_level(section, config),
            Model::Corpus(config) => self.corpus(section, config),
            Model::Sgc(config) => self.sgc(section, config),
            Model::Seq2seq(config) => {
                self.transformer(section, &config.encoder(), data);
                let layers = config.decoder_layers;
                self.at_least_one(format!("{section}.decoder_layers"), layers);
            }
            Model::Unet(config) => self.unet(section, config, data.format),
            Model::Speech(config) => self.speech_net(section, config, data.format),
            Model::Pretrained(config) => self.pretrained(section, config),
            Model::File(_) => self.is_no_model(section),
            // Made of sections that are checked by themselves.
            Model::Tagger(_) => {}
        }
    }

    fn transformer(&mut self, section: &str, config: &TransformerConfig, data: &DataConfig) {
        let key = |name: &str| format!("{section}.{name}");
        self.at_least_one(key("hidden_size"), config.hidden_size);
        self.at_least_one(key("layers"), config.layers);
        self.at_least_one(key("feed_forward_size"), config.feed_forward_size);
        self.rate(key("dropout"), config.dropout);
        self.rate(key("attention_dropout"), config.attention_dropout);
        let divides = config.heads >= 1 && config.hidden_size.is_multiple_of(config.heads);
        self.require(divides, key("heads"), || {
            format!(
                "expected a divisor of `{section}.hidden_size` ({}), found {}",
                config.hidden_size, config.heads
            )
        });
        self.require(
            config.max_positions >= data.max_length,
            key("max_positions"),
            || {
                format!(
                    "expected at least `data.max_length` ({}), found {}",
                    data.max_length, config.max_positions
                )
            },
        );
        self.tokenizer(section, &config.tokenizer);
    }

    fn text_cnn(&mut self, section: &str, config: &TextCnnConfig) {
        let key = |name: &str| format!("{section}.{name}");
        self.at_least_one(key("embedding_size"), config.embedding_size);
        let random = config.embeddings.as_os_str().is_empty();
        let learns = !(random && config.freeze_embeddings);
        self.require(learns, key("freeze_embeddings"), || {
            format!(
                "expected false unless `{section}.embeddings` names a file: random word vectors \
                     must be learnt"
            )
        });
        self.at_least_one(key("channels"), config.channels);
        self.rate(key("dropout"), config.dropout);
        let sizes = &config.kernel_sizes;
        self.require(
            !sizes.is_empty() && !sizes.contains(&0),
            key("kernel_sizes"),
            || format!("expected one or more kernel widths of at least 1, found {sizes:?}"),
        );
        self.tokenizer(section, &config.tokenizer);
    }

    /// Methods whose models all start from random word vectors.
    fn starts_at_random(&mut self, section: &str, config: &TextCnnConfig) {
        let random = config.embeddings.as_os_str().is_empty();
        self.require(random, format!("{section}.embeddings"), || {
            "expected an empty text: word vectors are for `task = \"train\"` and `task = \
             \"layerwise\"`"
                .into()
        });
    }

    fn bag_of_ngrams(&mut self, section: &str, config: &BagOfNgramsConfig) {
        let key = |name: &str| format!("{section}.{name}");
        let [shortest, longest] = config.ngrams;
        self.require(shortest >= 1 && shortest <= longest, key("ngrams"), || {
            format!(
                "expected the shortest and the longest length, such as [1, 2], found [{shortest}, \
                 {longest}]"
            )
        });
        self.at_least_one(key("min_count"), config.min_count);
        self.rate(key("dropout"), config.dropout);
        let positive = config.c.iter().all(|c| *c > 0.0 && c.is_finite());
        let rising = config.c.windows(2).all(|pair| pair[0] < pair[1]);
        self.require(positive && rising && !config.c.is_empty(), key("c"), || {
            format!(
                "expected one or more numbers above 0, rising, such as [0.1, 1.0, 10.0], found \
                     {:?}",
                config.c
            )
        });
        self.require(
            config.tolerance > 0.0 && config.tolerance < 1.0,
            key("tolerance"),
            || {
                format!(
                    "expected a number between 0 and 1, found {}",
                    config.tolerance
                )
            },
        );
        if let OffOr::On(bits) = config.hash_bits {
            self.require((8..=24).contains(&bits), key("hash_bits"), || {
                format!("expected \"off\" or a number of bits from 8 to 24, found {bits}")
            });
        }
    }

    /// Conjugate gradients search for the optimum of one convex function.
    fn solver(&mut self, section: &str, stage: &StageConfig, model: Option<&Model>) {
        if stage.optimizer != Optimizer::ConjugateGradient {
            return;
        }
        if matches!(model, Some(Model::BagOfNgrams(config)) if config.is_linear()) {
            self.reads_at_once(section, stage);
            let unclipped = stage.clip_norm == OffOr::Off;
            return self.require(unclipped, format!("{section}.clip_norm"), || {
                "expected \"off\", since \"conjugate_gradient\" needs the gradient as it is".into()
            });
        }
        let message = "expected \"adamw\" or \"sgd\": \"conjugate_gradient\" is for a convex loss of \
                       labelled texts alone, that of a \"bag_of_ngrams\" with `hidden_size = 0`";
        self.found
            .push((format!("{section}.optimizer"), message.into()));
    }

    fn tokenizer(&mut self, section: &str, config: &TokenizerConfig) {
        self.require(
            config.min_count >= 1,
            format!("{section}.tokenizer.min_count"),
            || "expected at least 1, found 0".into(),
        );
        self.at_least_one(
            format!("{section}.tokenizer.vocabulary_size"),
            config.vocabulary_size,
        );
    }

    /// Stages whose samples cannot be read in parts.
    fn reads_at_once(&mut self, section: &str, stage: &StageConfig) {
        self.require(
            stage.accumulate <= 1,
            format!("{section}.accumulate"),
            || {
                format!(
                    "expected 1, since this stage reads the samples of an update at once; found {}",
                    stage.accumulate
                )
            },
        );
    }

    fn stage(&mut self, section: &str, stage: &StageConfig) {
        let key = |name: &str| format!("{section}.{name}");
        let counted = !matches!(stage.length, Extent::Share(_)) && !stage.length.is_zero();
        self.require(counted, key("length"), || {
            format!(
                "expected a number of steps or epochs, found \"{}\"",
                stage.length
            )
        });
        for (name, every) in [
            ("evaluate_every", stage.evaluate_every),
            ("checkpoint_every", stage.checkpoint_every),
        ] {
            self.require(!every.is_zero(), key(name), || {
                format!("expected a stretch longer than nothing, found \"{every}\"")
            });
        }
        self.at_least_one(key("batch_size"), stage.batch_size);
        self.at_least_one(key("accumulate"), stage.accumulate);
        self.positive(key("learning_rate"), stage.learning_rate);
        self.not_negative(key("weight_decay"), stage.weight_decay);
        self.rate(key("momentum"), stage.momentum);
        self.rate(key("betas"), stage.betas[0]);
        self.rate(key("betas"), stage.betas[1]);
        self.positive(key("epsilon"), stage.epsilon);
        if let OffOr::On(factor) = stage.plateau {
            self.require(factor > 0.0 && factor < 1.0, key("plateau"), || {
                format!("expected \"off\" or a number between 0 and 1, found {factor}")
            });
        }
        let plain = stage.optimizer == Optimizer::Sgd && stage.momentum == 0.0;
        let fits = stage.averaging == Averaging::Off || plain;
        self.require(fits, key("averaging"), || {
            format!(
                "expected \"off\" unless `{section}.optimizer` is \"sgd\" and \
                 `{section}.momentum` 0"
            )
        });
        self.at_least_one(key("average_interval"), stage.average_interval);
        if let OffOr::On(norm) = stage.clip_norm {
            self.positive(key("clip_norm"), norm);
        }
        if let OffOr::On(patience) = stage.patience {
            self.require(patience >= 1, key("patience"), || {
                "expected \"off\" or at least 1, found 0".into()
            });
        }
    }
}
