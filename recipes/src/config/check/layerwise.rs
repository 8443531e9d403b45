//! What only the layer-by-layer distillation asks for.

use limbeck_data::tokenize::TokenizerKind;

use super::Checks;
use crate::config::{Format, LayerwiseRun, Model, OffOr, PairSource, PairsConfig};
use crate::layerwise::{
    Consistency, Feature, FeatureNorm, JointNorm, LayerwiseOptions, Matching, Projection,
    Sharpening, StudentEmbeddings, Weight,
};

impl Checks {
    pub(super) fn layerwise(&mut self, run: &LayerwiseRun) {
        self.pairs(&run.pairs, run.data.format);
        match run.teacher {
            Model::File(_) => self.scored_teacher(run),
            _ => self.model("teacher", &run.teacher, &run.data),
        }
        self.reads_any_text("teacher", &run.teacher);
        self.stage("training.teacher", &run.training.teacher);
        self.solver("training.teacher", &run.training.teacher, None);
        self.text_cnn("student", &run.student);
        self.kernel_widths_grow(&run.student.kernel_sizes);
        self.stage("training.student", &run.training.student);
        self.solver("training.student", &run.training.student, None);
        self.at_least_one(
            "training.unlabelled_batch_size".into(),
            run.training.unlabelled_batch_size,
        );
        if let Some((beside, stage)) = run
            .beside_teacher
            .as_ref()
            .zip(run.training.beside_teacher.as_ref())
        {
            self.share_above_zero("beside_teacher.weight".into(), beside.weight);
            self.model("beside_teacher", &beside.model, &run.data);
            self.reads_any_text("beside_teacher", &beside.model);
            self.stage("training.beside_teacher", stage);
            self.solver("training.beside_teacher", stage, Some(&beside.model));
        }
        self.options(&run.distillation);
        self.layers_fit(run);
        self.student_embeddings_fit(run);
    }

    /// What must hold for the student's words to have vectors in the teacher's table.
    fn student_embeddings_fit(&mut self, run: &LayerwiseRun) {
        if run.distillation.student_embeddings == StudentEmbeddings::Random {
            return;
        }
        let key = || "distillation.student_embeddings".to_owned();
        let Model::Pretrained(teacher) = &run.teacher else {
            let message =
                "expected \"random\", since \"teacher\" needs `teacher.kind = \"pretrained\"`";
            return self.found.push((key(), message.into()));
        };
        let student = &run.student;
        self.require(student.embeddings.as_os_str().is_empty(), key(), || {
            "expected \"random\", since `student.embeddings` names a file of word vectors".into()
        });
        let kind = student.tokenizer.kind;
        let words = matches!(kind, TokenizerKind::Word | TokenizerKind::Character);
        self.require(words, key(), || {
            "expected \"random\" unless `student.tokenizer.kind` is \"word\" or \"character\": parts \
             of words have no pieces of their own in the teacher's tokeniser"
                .into()
        });
        let (width, most) = (student.embedding_size, teacher.encoder.hidden_size);
        self.require(width <= most, "student.embedding_size".into(), || {
            format!(
                "expected at most the {most} numbers of the teacher's embeddings, since \
                 `distillation.student_embeddings` is \"teacher\"; found {width}"
            )
        });
    }

    fn pairs(&mut self, pairs: &PairsConfig, format: Format) {
        let strengths = [
            ("delete", pairs.delete),
            ("swap", pairs.swap),
            ("replace", pairs.replace),
        ];
        for (name, strength) in strengths {
            self.rate(format!("pairs.{name}"), strength);
        }
        let made_anew = pairs.source == PairSource::Augment;
        let fits = pairs.wordings == 1 || (made_anew && pairs.wordings > 0);
        self.require(fits, "pairs.wordings".into(), || {
            let expected = if made_anew {
                "at least 1"
            } else {
                "1 unless `pairs.source` is \"augment\""
            };
            format!("expected {expected}, found {}", pairs.wordings)
        });
        match pairs.source {
            PairSource::Augment => {
                let changes = strengths.iter().any(|(_, strength)| *strength > 0.0);
                self.require(changes, "pairs.source".into(), || {
                    "expected at least one of `pairs.delete`, `pairs.swap` and `pairs.replace` \
                     above 0, since \"augment\" would change nothing"
                        .into()
                });
            }
            PairSource::File => self.require(
                !pairs.pair_files.is_empty(),
                "pairs.pair_files".into(),
                || "expected at least one file, since `pairs.source` is \"file\"".into(),
            ),
            PairSource::Command => self.require(
                pairs.translator.first().is_some_and(|p| !p.is_empty()),
                "pairs.translator".into(),
                || {
                    "expected a program and its arguments, such as [\"python3\", \
                     \"translate.py\"], since `pairs.source` is \"command\""
                        .into()
                },
            ),
            PairSource::Dropout => {}
            PairSource::Corpus => {
                self.require(format == Format::Corpus, "pairs.source".into(), || {
                    "expected \"augment\", \"file\", \"command\" or \"dropout\": only the built-in corpus \
                     (`data.format = \"corpus\"`) brings its own second wordings"
                        .into()
                })
            }
        }
        let [text, wording] = pairs.pair_columns;
        self.require(text != wording, "pairs.pair_columns".into(), || {
            format!("expected two different columns, found {text} twice")
        });
    }

    /// Kernel widths are positively correlated with depth (acceptance A5).
    fn kernel_widths_grow(&mut self, sizes: &[usize]) {
        let never_falls = sizes.windows(2).all(|pair| pair[0] <= pair[1]);
        let rises = sizes.first() < sizes.last();
        self.require(never_falls && rises, "student.kernel_sizes".into(), || {
            format!(
                "kernel widths must grow with depth: expected a list that never falls and is not \
                 all equal, such as [2, 3, 4, 5], found {sizes:?}"
            )
        });
    }

    fn options(&mut self, options: &LayerwiseOptions) {
        let key = |name: &str| format!("distillation.{name}");
        self.positive(key("temperature"), options.temperature);
        self.require(options.folds >= 2, key("folds"), || {
            format!("expected at least 2, found {}", options.folds)
        });
        self.share_above_zero(key("balanced_share"), options.balanced_share);
        let weights = &options.weights;
        for (name, weight) in [
            ("w2", Weight::Fixed(weights.w2)),
            ("w3", Weight::Fixed(weights.w3)),
            ("w4", Weight::Fixed(weights.w4)),
            ("w5", weights.w5),
            ("w6", Weight::Fixed(weights.w6)),
            ("w7", weights.w7),
            ("w8", Weight::Fixed(weights.w8)),
        ] {
            if let Weight::Fixed(weight) = weight {
                self.not_negative(key(&format!("weights.{name}")), weight);
            }
        }
        self.consistency("teacher_consistency", &options.teacher_consistency);
        self.consistency("student_consistency", &options.student_consistency);
        let guarded =
            options.feature_norm != FeatureNorm::None || options.joint_norm != JointNorm::None;
        let collapses = options.projection == Projection::Joint && !guarded;
        self.require(!collapses, key("projection"), || {
            "\"joint\" without a norm shrinks both features to zero, where their error is least: set \
             `distillation.joint_norm` to \"rows\", or `distillation.feature_norm` to \"l2\" or \
             \"layer\""
                .into()
        });
    }

    fn consistency(&mut self, name: &str, consistency: &Consistency) {
        let key = |option: &str| format!("distillation.{name}.{option}");
        if let Sharpening::Temperature(temperature) = consistency.sharpening {
            self.share_above_zero(key("sharpening"), temperature);
        }
        if let OffOr::On(threshold) = consistency.confidence {
            self.share_above_zero(key("confidence"), threshold);
        }
    }

    /// The correspondence of blocks and layers, and of their widths.
    fn layers_fit(&mut self, run: &LayerwiseRun) {
        let options = &run.distillation;
        let Some(teacher) = run.teacher.encoder_layers() else {
            for (name, weight) in [("w5", options.weights.w5), ("w7", options.weights.w7)] {
                let key = format!("distillation.weights.{name}");
                self.require(weight.is_zero(), key, || {
                    "expected 0, since the layer terms need `teacher.kind = \"transformer\"` or \
                     \"pretrained\"`"
                        .into()
                });
            }
            return;
        };
        let student = &run.student;
        let blocks = student.kernel_sizes.len();
        if let Err(message) = options.layer_map.layers(blocks, teacher.layers) {
            let culprit = match blocks > teacher.layers {
                true => "student.kernel_sizes",
                false => "distillation.layer_map",
            };
            self.found.push((culprit.into(), message));
        }
        if options.projection != Projection::StudentUp {
            self.width_fits("student.channels", student.channels, teacher.hidden_size);
            if options.embedding_level {
                self.width_fits(
                    "student.embedding_size",
                    student.embedding_size,
                    teacher.hidden_size,
                );
            }
        }
        self.embedding_level_fits(run);
        if options.matching == Matching::Tokens {
            self.tokens_fit(run);
        }
    }

    fn embedding_level_fits(&mut self, run: &LayerwiseRun) {
        let options = &run.distillation;
        let first = match options.projection {
            Projection::InHead => run.teacher.reads_first_token(),
            _ => options.feature == Feature::First,
        };
        let key = "distillation.embedding_level".into();
        self.require(!(options.embedding_level && first), key, || {
            "expected false, or \"mean\" for `teacher.pooling` and `distillation.feature`: the \
             embedding of the first token is the same for every text"
                .into()
        });
    }

    /// What must hold for the positions of the two models to be those of the same tokens.
    fn tokens_fit(&mut self, run: &LayerwiseRun) {
        let key = || "distillation.matching".to_owned();
        let alike = matches!(&run.teacher,
            Model::Transformer(teacher) if teacher.tokenizer == run.student.tokenizer);
        self.require(alike, key(), || {
            "\"tokens\" compares position by position: expected the same settings in \
             [teacher.tokenizer] and [student.tokenizer]; a pretrained teacher has its own"
                .into()
        });
        self.require(!run.teacher_needs_first_token(), key(), || {
            "\"tokens\" compares position by position: expected \"mean\" for `teacher.pooling` and \
             `distillation.feature`, since \"first\" puts a token before the teacher's texts that \
             the student's do not have"
                .into()
        });
    }

    fn width_fits(&mut self, key: &str, width: usize, most: usize) {
        self.require(width <= most, key.into(), || {
            format!(
                "expected at most `teacher.hidden_size` ({most}), found {width}; or set \
                 `distillation.projection = \"student_up\"`"
            )
        });
    }
}
