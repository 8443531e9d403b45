//! What only the relay asks for.

use super::Checks;
use crate::config::{
    BagOfNgramsConfig, Column, DataConfig, Format, Model, RelayRun, TextCnnConfig, WordsConfig,
};
use crate::relay::{LabelForm, Loss, Policy, RelayOptions, Score};

impl Checks {
    pub(super) fn relay(&mut self, run: &RelayRun) {
        for (section, model) in [("teacher_a", &run.teacher_a), ("teacher_b", &run.teacher_b)] {
            self.model(section, model, &run.data);
            self.reads_any_text(section, model);
            self.tags_words(section, model, run.words.is_some());
            self.all_paths_count(section, model, run);
            self.bag_has_the_loss_of_all(section, model);
        }
        if run.words.is_some() {
            self.student_of_words(&run.student);
        }
        self.text_cnn("student", &run.student);
        self.starts_at_random("student", &run.student);
        let training = &run.training;
        for (section, stage) in [
            ("training.teacher_a", &training.teacher_a),
            ("training.teacher_b", &training.teacher_b),
            ("training.student", &training.student),
            ("training.relay", &training.relay),
            ("training.last", &training.last),
        ] {
            self.stage(section, stage);
            self.reads_at_once(section, stage);
            self.solver(section, stage, None);
        }
        self.relay_options(&run.distillation);
        if let Some(words) = &run.words {
            self.word_sizes(words);
            self.transitions(words, &run.distillation);
        }
        self.columns_of_keywords(&run.data);
        self.spells_keywords(run);
    }

    /// CTC compares what is written, which has no rows of its own.
    fn spells_keywords(&mut self, run: &RelayRun) {
        let options = &run.distillation;
        if options.loss != Loss::Ctc {
            return;
        }
        let key = || "distillation.loss".to_string();
        self.require(run.data.format.is_keywords(), key(), || {
            "\"ctc\" is for keywords, which are copied from the text: a tag for every word, and a \
             class of the text, have nothing to align"
                .into()
        });
        self.require(!wants_distributions(options), key(), || {
            "\"ctc\" needs decisions: expected `distillation.label_form` \"hard\" and no policy \
             \"soft_a\""
                .into()
        });
        let by_labels = matches!(options.score, Score::F1 | Score::TokenF1);
        self.require(by_labels, "distillation.score".into(), || {
            "expected \"f1\" or \"token_f1\" with the loss \"ctc\"".into()
        });
    }

    fn tags_words(&mut self, section: &str, model: &Model, tagged: bool) {
        let can = matches!(
            model,
            Model::TextCnn(_) | Model::Transformer(_) | Model::Seq2seq(_)
        );
        self.require(!tagged || can, format!("{section}.kind"), || {
            "expected \"seq2seq\", \"transformer\" or \"text_cnn\": the other kinds have no vector \
             for a word"
                .into()
        });
    }

    /// Where the scores of a label hang on the labels before, those of another path are not there.
    fn all_paths_count(&mut self, section: &str, model: &Model, run: &RelayRun) {
        let crf = run.words.is_some_and(|words| words.crf);
        let paths = crf || run.distillation.loss == Loss::Ctc;
        let one_path = matches!(model, Model::Seq2seq(_));
        self.require(!(paths && one_path), format!("{section}.kind"), || {
            "expected \"transformer\" or \"text_cnn\": `words.crf` and the loss \"ctc\" sum over all \
             sequences of labels, and a \"seq2seq\" has scores of one"
                .into()
        });
    }

    /// What a bag of n-grams is trained by elsewhere must not be set here, where it changes nothing.
    fn bag_has_the_loss_of_all(&mut self, section: &str, model: &Model) {
        let Model::BagOfNgrams(config) = model else {
            return;
        };
        let usual = BagOfNgramsConfig::default();
        let unused = [
            ("loss", config.loss == usual.loss),
            ("c", config.c == usual.c),
            ("tolerance", config.tolerance == usual.tolerance),
            ("vocabulary", config.vocabulary == usual.vocabulary),
        ];
        for (name, unchanged) in unused {
            self.require(unchanged, format!("{section}.{name}"), || {
                "has no effect here: all models have `distillation.loss`, and learn from the labelled \
                 texts in batches"
                    .into()
            });
        }
    }

    /// A student that answers for every word has its own pooling, and the words' vectors.
    pub(super) fn student_of_words(&mut self, student: &TextCnnConfig) {
        let usual = TextCnnConfig::default();
        let (pooling, size) = ("student.pooling".into(), "student.embedding_size".into());
        self.require(student.pooling == usual.pooling, pooling, || {
            "expected \"max\" with tags or keywords: the pooled vector is context for every word"
                .into()
        });
        self.require(student.embedding_size == usual.embedding_size, size, || {
            "has no effect with tags or keywords: set `words.size`".into()
        });
    }

    fn relay_options(&mut self, options: &RelayOptions) {
        let key = |name: &str| format!("distillation.{name}");
        self.require(
            (0.0..=1.0).contains(&options.threshold),
            key("threshold"),
            || format!("expected a number from 0 to 1, found {}", options.threshold),
        );
        self.require(options.folds >= 2, key("folds"), || {
            format!("expected at least 2, found {}", options.folds)
        });
        self.require(
            (0.0..=1.0).contains(&options.b_extra),
            key("b_extra"),
            || format!("expected a number from 0 to 1, found {}", options.b_extra),
        );
        self.positive(key("temperature"), options.temperature);
        self.not_negative(key("gamma"), options.gamma);
        let rule = &options.convergence;
        let key = |name: &str| format!("distillation.convergence.{name}");
        self.require(rule.patience_evals >= 1, key("patience_evals"), || {
            "expected at least 1, found 0".into()
        });
        self.not_negative(key("min_delta"), rule.min_delta);
        self.rate(key("smoothing"), rule.smoothing);
    }

    pub(super) fn word_sizes(&mut self, words: &WordsConfig) {
        let key = |name: &str| format!("words.{name}");
        self.require(words.min_count >= 1, key("min_count"), || {
            "expected at least 1, found 0".into()
        });
        let sizes = [
            ("vocabulary_size", words.vocabulary_size),
            ("size", words.size),
            ("max_letters", words.max_letters),
            ("letter_size", words.letter_size),
            ("letter_kernel_size", words.letter_kernel_size),
            ("window", words.window),
        ];
        for (name, size) in sizes {
            self.at_least_one(key(name), size);
        }
        self.rate(key("dropout"), words.dropout);
        self.rate(key("symbol_dropout"), words.symbol_dropout);
    }

    fn transitions(&mut self, words: &WordsConfig, options: &RelayOptions) {
        let key = |name: &str| format!("words.{name}");
        self.require(!(words.crf && wants_distributions(options)), key("crf"), || {
            "has a loss of its own against decisions: expected `distillation.label_form` \"hard\" and \
             no policy \"soft_a\""
                .into()
        });
        let own_loss = !words.crf || options.loss == Loss::CrossEntropy;
        self.require(own_loss, key("crf"), || {
            "takes the place of the loss: expected `distillation.loss` \"cross_entropy\"".into()
        });
    }

    /// A column that would not be read must not be set.
    fn columns_of_keywords(&mut self, data: &DataConfig) {
        if !data.format.is_keywords() {
            return;
        }
        let usual = DataConfig::of_format(data.format);
        let columns = [
            ("label_column", &data.label_column, usual.label_column),
            ("text_column", &data.text_column, usual.text_column),
        ];
        for (name, found, usual) in columns {
            self.require(*found == usual, format!("data.{name}"), || {
                "cannot be chosen: the layout of keywords is fixed".into()
            });
        }
    }

    pub(super) fn column_fits(format: Format, column: &Column) -> bool {
        match column {
            Column::Index(_) => !matches!(
                format,
                Format::Jsonl | Format::TaggedJsonl | Format::KeywordsJsonl
            ),
            Column::Name(_) => !matches!(
                format,
                Format::Tsv | Format::Conll | Format::Keywords | Format::Speech
            ),
        }
    }
}

fn wants_distributions(options: &RelayOptions) -> bool {
    options.label_form == LabelForm::Soft
        || options.policy == Policy::SoftA
        || options.compare.contains(&Policy::SoftA)
}
