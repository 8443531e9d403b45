//! One encoder layer: self-attention, then a feed-forward network, each with a residual.

use limbeck_engine::{Packed, Result, StoreBuilder, Var};
use limbeck_kernels::attention;

use super::config::StackConfig;
use super::residual::{FeedForward, Pass, SubLayer};
use crate::init::{Affine, Norm};

#[derive(Clone)]
pub(super) struct Layer {
    index: usize,
    query_key_value: Affine,
    attention_output: Affine,
    attention_norm: Norm,
    feed_forward: FeedForward,
}

impl Layer {
    pub(super) fn new(store: &mut StoreBuilder, index: usize, config: &StackConfig) -> Self {
        let d = config.hidden_size;
        let layer = format!("layers.{index}");
        let name = |part: &str| format!("{layer}.attention.{part}");
        Layer {
            index,
            query_key_value: Affine::new(store, &name("query_key_value"), d, 3 * d),
            attention_output: Affine::new(store, &name("output"), d, d),
            attention_norm: Norm::new(store, &name("norm"), d),
            feed_forward: FeedForward::new(store, &layer, config),
        }
    }

    /// The states behind the layer; with gradient checkpointing, h is all that is kept for the way
    /// back.
    pub(super) fn forward(&self, pass: Pass<'_>, h: &Var, packed: &Packed) -> Result<Var> {
        if !pass.config.gradient_checkpointing {
            return self.compute(pass, h, packed);
        }
        let (layer, config, packed) = (self.clone(), *pass.config, packed.clone());
        let [above] = pass
            .tape
            .checkpoint(pass.store, [h], move |tape, store, [h]| {
                let config = &config;
                let pass = Pass {
                    tape,
                    store,
                    config,
                };
                Ok([layer.compute(pass, h, &packed)?])
            })?;
        Ok(above)
    }

    fn compute(&self, pass: Pass<'_>, h: &Var, packed: &Packed) -> Result<Var> {
        let mut parts = [
            SubLayer {
                norm: self.attention_norm,
                stream: self.stream("attention.output"),
                apply: &mut |x| self.attend(pass, x, packed),
            },
            SubLayer {
                norm: self.feed_forward.norm(),
                stream: self.stream("feed_forward.output"),
                apply: &mut |x| self.feed_forward.apply(pass, x),
            },
        ];
        pass.residual(h, packed, &mut parts)
    }

    fn attend(&self, pass: Pass<'_>, x: &Var, packed: &Packed) -> Result<Var> {
        let qkv = pass.affine(&self.query_key_value, x)?;
        let mixed = attention(
            pass.tape,
            &qkv,
            packed,
            pass.config.heads,
            pass.config.attention_dropout as f32,
            &self.stream("attention"),
        )?;
        pass.affine(&self.attention_output, &mixed)
    }

    /// The name of a stream of random numbers of this layer.
    fn stream(&self, part: &str) -> String {
        format!("transformer.layers.{}.{part}", self.index)
    }
}
