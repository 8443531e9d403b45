//! What a run of a language model must fulfil.

use std::path::Path;

use super::Checks;
use crate::config::{LanguageDataConfig, NceLmRun, OffOr, Optimizer, RecurrentConfig};
use crate::nce_lm::{Carry, Criterion, Groups, NceLmOptions, Noise, Sentence};

impl Checks {
    pub(super) fn nce_lm(&mut self, run: &NceLmRun) {
        self.language_data(&run.data);
        self.recurrent(&run.model);
        self.division(&run.method);
        self.noise(&run.method);
        self.stage("training", &run.training);
        self.reads_at_once("training", &run.training);
        let solver = run.training.optimizer != Optimizer::ConjugateGradient;
        self.require(solver, "training.optimizer".into(), || {
            "expected \"sgd\" or \"adamw\": \"conjugate_gradient\" is for convex losses".into()
        });
    }

    fn language_data(&mut self, data: &LanguageDataConfig) {
        let named = !data.train.is_empty();
        self.require(named, "data.train".into(), || {
            "expected a file name, found an empty text".into()
        });
        let both = data.dev.is_empty() == data.test.is_empty();
        self.require(both, "data.dev".into(), || {
            "expected files for both dev and test, or for neither: then both are taken from the end \
             of the training text"
                .into()
        });
        let (dev, test) = (data.dev_fraction, data.test_fraction);
        let leaves = dev > 0.0 && test > 0.0 && dev + test < 1.0;
        self.require(leaves, "data.dev_fraction".into(), || {
            format!(
                "expected shares above 0 that leave something over, found {dev} and \
                 `data.test_fraction` {test}"
            )
        });
        let counted = data.min_count >= 1;
        self.require(counted, "data.min_count".into(), || {
            "expected at least 1, found 0".into()
        });
        let size = data.vocabulary_size;
        self.require(size >= 2, "data.vocabulary_size".into(), || {
            format!("expected at least 2, found {size}")
        });
    }

    fn recurrent(&mut self, model: &RecurrentConfig) {
        let key = |name: &str| format!("model.{name}");
        self.at_least_one(key("layers"), model.layers);
        self.at_least_one(key("embedding_size"), model.embedding_size);
        self.at_least_one(key("hidden_size"), model.hidden_size);
        self.rate(key("dropout"), model.dropout);
        self.rate(key("weight_drop"), model.weight_drop);
        self.positive(key("initial_range"), model.initial_range);
        let fits = !model.tied || model.embedding_size == model.hidden_size;
        self.require(fits, key("tied"), || {
            format!(
                "expected `model.embedding_size` ({}) to be `model.hidden_size` ({}), since the \
                 output reads the same vectors",
                model.embedding_size, model.hidden_size
            )
        });
    }

    fn division(&mut self, method: &NceLmOptions) {
        let key = |name: &str| format!("method.{name}");
        self.at_least_one(key("window"), method.window);
        let divided = method.part_length == OffOr::Off && method.boundaries.is_empty();
        let parts = method.parts;
        let shared = method.groups == Groups::Shared;
        self.require(parts >= 2 || shared || !divided, key("parts"), || {
            format!(
                "expected at least 2, found {parts}: one part is the practice that this method \
                 replaces; for comparison it is there with `method.groups = \"shared\"`"
            )
        });
        self.at_least_one(key("parts"), parts);
        if let OffOr::On(length) = method.part_length {
            self.at_least_one(key("part_length"), length);
        }
        let by_line = method.sentence == Sentence::Line;
        let fits = !by_line || method.part_length == OffOr::Off;
        self.require(fits, key("part_length"), || {
            "expected \"off\" with `method.sentence = \"line\"`, whose sentences stand side by side: \
             give the number of parts"
                .into()
        });
        let rising = method.boundaries.windows(2).all(|pair| pair[0] < pair[1]);
        let inside = method
            .boundaries
            .iter()
            .all(|&at| at > 0 && at < method.window);
        let stream = !by_line || method.boundaries.is_empty();
        self.require(rising && inside && stream, key("boundaries"), || {
            format!(
                "expected rising positions between 0 and `method.window` ({}), with \
                 `method.sentence = \"stream\"`, found {:?}",
                method.window, method.boundaries
            )
        });
        let one_way = method.boundaries.is_empty() || method.part_length == OffOr::Off;
        self.require(one_way, key("boundaries"), || {
            "expected no boundaries together with `method.part_length`".into()
        });
        if method.groups == Groups::Grouped {
            let (groups, fits) = (method.group_count, divided);
            let within = groups >= 2 && (groups <= parts || !fits);
            self.require(within, key("group_count"), || {
                format!(
                    "expected a number of groups from 2 to the number of parts ({parts}), found \
                     {groups}: more groups than parts would leave some unused, and one is \
                     `method.groups = \"shared\"`"
                )
            });
        }
        if method.carry == Carry::Overlap {
            self.at_least_one(key("overlap"), method.overlap);
            let shortest = method.shortest_divided() / parts.max(1);
            let fits = method.overlap <= shortest.max(1);
            self.require(fits, key("overlap"), || {
                format!(
                    "expected at most the length of the shortest part ({shortest}), found {}: \
                     raise `method.min_length`",
                    method.overlap
                )
            });
        }
    }

    fn noise(&mut self, method: &NceLmOptions) {
        let key = |name: &str| format!("method.{name}");
        if method.criterion != Criterion::Softmax {
            self.at_least_one(key("noise_size"), method.noise_size);
        }
        self.not_negative(key("noise_power"), method.noise_power);
        let library = method.noise == Noise::Library;
        let named = method.library != Path::new("");
        self.require(library == named, key("library"), || match library {
            true => "expected the file of words and weights that `method.noise = \"library\"` \
                     draws from"
                .into(),
            false => "expected `method.noise = \"library\"`, since a file is named".into(),
        });
        let finite = method.ln_z_value.is_finite();
        self.require(finite, key("ln_z_value"), || {
            format!("expected a number, found {}", method.ln_z_value)
        });
    }
}
