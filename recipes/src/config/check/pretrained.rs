//! What only a pretrained encoder asks for.

use super::Checks;
use crate::config::{Model, PretrainedConfig};

impl Checks {
    pub(super) fn pretrained(&mut self, section: &str, config: &PretrainedConfig) {
        let key = |name: &str| format!("{section}.{name}");
        self.require(!config.dir.as_os_str().is_empty(), key("dir"), || {
            format!(
                "expected the folder of a pretrained model, such as -s {section}.dir=DIR; found none"
            )
        });
        self.rate(key("dropout"), config.dropout);
        self.rate(key("attention_dropout"), config.attention_dropout);
        self.share_above_zero(key("layer_decay"), config.layer_decay);
        let layers = config.encoder.layers;
        self.require(config.frozen_layers <= layers, key("frozen_layers"), || {
            format!(
                "expected at most the {layers} layers of the model, found {}",
                config.frozen_layers
            )
        });
    }

    /// Methods that start their models from random weights have no use for one that is trained.
    pub(super) fn is_not_pretrained(&mut self, section: &str, model: &Model) {
        if let Model::TextCnn(config) = model {
            self.starts_at_random(section, config);
        }
        let pretrained = matches!(model, Model::Pretrained(_));
        self.require(!pretrained, format!("{section}.kind"), || {
            "expected another kind: \"pretrained\" is for `task = \"train\"` and for the teachers of \
             \"layerwise\", \"relay\" and \"unit_select\""
                .into()
        });
    }
}
