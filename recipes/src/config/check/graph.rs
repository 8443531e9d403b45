//! Graph networks.

use super::Checks;
use crate::config::{
    CorpusGraphConfig, EdgeWeighting, GraphAggregation, Model, SgcConfig, TextGraphConfig,
    TextLevelConfig,
};

impl Checks {
    pub(super) fn text_graph(&mut self, section: &str, config: &TextGraphConfig) {
        let key = |name: &str| format!("{section}.{name}");
        self.at_least_one(key("embedding_size"), config.embedding_size);
        self.at_least_one(key("hidden_size"), config.hidden_size);
        self.at_least_one(key("steps"), config.steps);
        self.require(config.window >= 2, key("window"), || {
            format!(
                "expected at least 2, since fewer tokens have no neighbours, found {}",
                config.window
            )
        });
        let weighed = config.aggregation == GraphAggregation::Weighted;
        self.require(weighed || config.edges == EdgeWeighting::Binary, key("edges"), || {
            format!("expected \"binary\", since with `{section}.aggregation` \"attention\" edges weigh nothing")
        });
        self.rate(key("dropout"), config.dropout);
        self.tokenizer(section, &config.tokenizer);
    }

    pub(super) fn text_level(&mut self, section: &str, config: &TextLevelConfig) {
        let key = |name: &str| format!("{section}.{name}");
        self.at_least_one(key("hidden_size"), config.hidden_size);
        self.at_least_one(key("min_pair_count"), config.min_pair_count as usize);
        self.rate(key("dropout"), config.dropout);
        self.tokenizer(section, &config.tokenizer);
    }

    pub(super) fn corpus(&mut self, section: &str, config: &CorpusGraphConfig) {
        let key = |name: &str| format!("{section}.{name}");
        self.at_least_one(key("hidden_size"), config.hidden_size);
        self.at_least_one(key("window"), config.window);
        self.rate(key("dropout"), config.dropout);
        self.tokenizer(section, &config.tokenizer);
    }

    pub(super) fn sgc(&mut self, section: &str, config: &SgcConfig) {
        let key = |name: &str| format!("{section}.{name}");
        self.at_least_one(key("hops"), config.hops);
        self.at_least_one(key("window"), config.window);
        self.tokenizer(section, &config.tokenizer);
    }

    /// A model that must read texts it has never seen.
    pub(super) fn reads_any_text(&mut self, section: &str, model: &Model) {
        self.require(!model.is_transductive(), format!("{section}.kind"), || {
            "expected a model that reads any text: \"corpus\" and \"sgc\" know the documents of \
             their graph alone"
                .into()
        });
    }
}
