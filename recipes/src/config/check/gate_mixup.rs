//! What only the turns of a graph network and a Transformer ask for.

use super::Checks;
use crate::config::{GateMixupRun, Model, OffOr};
use crate::gate_mixup::{
    Alternate, Direction, GateMixupOptions, Granularity, OnClosed, SenderOutputs,
};

impl Checks {
    pub(super) fn gate_mixup(&mut self, run: &GateMixupRun) {
        for (section, model) in [("teacher", &run.teacher), ("student", &run.student)] {
            self.model(section, model, &run.data);
            self.is_not_pretrained(section, model);
            let has_vector = !matches!(model, Model::BagOfNgrams(_));
            self.require(has_vector, format!("{section}.kind"), || {
                "expected a model with a vector that stands for a text; a \"bag_of_ngrams\" has none"
                    .into()
            });
        }
        // It is delivered, and must read what comes.
        self.reads_any_text("student", &run.student);
        let training = &run.training;
        for (section, stage) in [
            ("training.teacher", &training.teacher),
            ("training.student", &training.student),
            ("training.mutual", &training.mutual),
        ] {
            self.stage(section, stage);
            self.solver(section, stage, None);
        }
        self.reads_at_once("training.mutual", &training.mutual);
        self.messages(&run.distillation);
        self.widths_fit(run);
    }

    fn messages(&mut self, options: &GateMixupOptions) {
        let key = |name: &str| format!("distillation.{name}");
        let fits = options.metric.granularity() == options.gate;
        self.require(fits, key("metric"), || {
            let expected = match options.gate {
                Granularity::Batch => "\"macro_f1\", \"micro_f1\" or \"accuracy\"",
                Granularity::Sample => "\"probability\", \"correct\" or \"certainty\"",
            };
            format!("expected {expected}, which score what `distillation.gate` looks at")
        });
        let finite = options.threshold.is_finite();
        self.require(finite, key("threshold"), || {
            "expected a finite number".into()
        });
        if let OffOr::On(share) = options.closed_share {
            self.rate(key("closed_share"), share);
        }
        let folds = options.folds >= 2 || options.sender_outputs == SenderOutputs::InSample;
        self.require(folds, key("folds"), || {
            format!("expected at least 2, found {}", options.folds)
        });
        self.not_negative(key("closed_weight"), options.closed_weight);
        for (name, share) in [
            ("label_share", options.label_share),
            ("alpha", options.alpha),
        ] {
            self.require((0.0..=1.0).contains(&share), key(name), || {
                format!("expected a number from 0 to 1, found {share}")
            });
        }
        self.rate(key("dropout"), options.dropout);
        if let OffOr::On(lambda) = options.lambda {
            self.require((0.0..=1.0).contains(&lambda), key("lambda"), || {
                format!("expected \"off\" or a number from 0 to 1, found {lambda}")
            });
        }
        // Far above, next to every pair of draws is refused; far below, all of them are 0.
        let drawn = (0.01..=4.0).contains(&options.mixup_alpha);
        self.require(drawn, key("mixup_alpha"), || {
            format!(
                "expected a number from 0.01 to 4, found {}",
                options.mixup_alpha
            )
        });
        let mixes = options.on_closed == OnClosed::LabelMix;
        self.require(!mixes || options.weights.class_kl > 0.0, key("on_closed"), || {
            "\"label_mix\" changes the class target: expected `distillation.weights.class_kl` above 0"
                .into()
        });
        let turns = options.direction == Direction::Mutual || options.alternate == Alternate::Epoch;
        self.require(turns, key("alternate"), || {
            "expected \"epoch\", since with \"one_way\" nobody takes turns".into()
        });
        self.positive(key("temperature"), options.temperature);
        let weights = options.weights;
        let all = [
            ("rep_kl", weights.rep_kl),
            ("rep_mse", weights.rep_mse),
            ("class_kl", weights.class_kl),
        ];
        for (name, weight) in all {
            self.not_negative(key(&format!("weights.{name}")), weight);
        }
        let any = options.alpha == 0.0 || all.iter().any(|(_, weight)| *weight > 0.0);
        self.require(any, key("weights"), || {
            "expected at least one of `rep_kl`, `rep_mse` and `class_kl` above 0".into()
        });
    }

    /// Vectors that are compared component by component must be equally wide.
    fn widths_fit(&mut self, run: &GateMixupRun) {
        if run.distillation.weights.rep_kl == 0.0 {
            return;
        }
        let [teacher, student] = [&run.teacher, &run.student].map(width);
        if let (Some(teacher), Some(student)) = (teacher, student) {
            let key = "distillation.weights.rep_kl".into();
            self.require(teacher == student, key, || {
                format!(
                    "compares vectors component by component: expected equal widths, found \
                     {teacher} of the teacher and {student} of the student; or use `rep_mse`"
                )
            });
        }
    }
}

/// The width of the vector that stands for a text, where the run file says it.
fn width(model: &Model) -> Option<usize> {
    match model {
        Model::Transformer(config) => Some(config.hidden_size),
        Model::TextCnn(config) => Some(config.channels * config.kernel_sizes.len()),
        Model::TextGraph(config) => Some(config.hidden_size),
        Model::TextLevel(config) => Some(config.hidden_size),
        Model::Corpus(config) => Some(config.hidden_size),
        // Its vector are its scores, one for each class.
        Model::Sgc(_) | Model::BagOfNgrams(_) | Model::Tagger(_) => None,
        Model::Unet(_) | Model::Speech(_) | Model::File(_) => None,
        Model::Seq2seq(config) => Some(config.hidden_size),
        Model::Pretrained(config) => Some(config.encoder.hidden_size),
    }
}
