//! One encoder layer: self-attention, then a feed-forward network, each with a residual.

use limbeck_engine::{Packed, ParameterStore, Result, StoreBuilder, Tape, Var};
use limbeck_kernels::{Activation, add_layer_norm, attention, dropout, dropout_add, layer_norm};

use super::config::{NORM_EPSILON, NormPosition, TransformerConfig};
use crate::init::{Affine, Norm};

pub(super) struct Layer {
    index: usize,
    query_key_value: Affine,
    attention_output: Affine,
    attention_norm: Norm,
    feed_forward_in: Affine,
    feed_forward_out: Affine,
    feed_forward_norm: Norm,
}

impl Layer {
    pub(super) fn new(store: &mut StoreBuilder, index: usize, config: &TransformerConfig) -> Self {
        let (d, inner) = (config.hidden_size, config.feed_forward_size);
        let name = |part: &str| format!("layers.{index}.{part}");
        Layer {
            index,
            query_key_value: Affine::new(store, &name("attention.query_key_value"), d, 3 * d),
            attention_output: Affine::new(store, &name("attention.output"), d, d),
            attention_norm: Norm::new(store, &name("attention.norm"), d),
            feed_forward_in: Affine::new(store, &name("feed_forward.in"), d, inner),
            feed_forward_out: Affine::new(store, &name("feed_forward.out"), inner, d),
            feed_forward_norm: Norm::new(store, &name("feed_forward.norm"), d),
        }
    }

    pub(super) fn forward(
        &self,
        tape: &Tape,
        store: &ParameterStore,
        config: &TransformerConfig,
        h: &Var,
        packed: &Packed,
    ) -> Result<Var> {
        match config.norm {
            NormPosition::Pre => self.pre_norm(tape, store, config, h, packed),
            NormPosition::Post => self.post_norm(tape, store, config, h, packed),
        }
    }

    fn pre_norm(
        &self,
        tape: &Tape,
        store: &ParameterStore,
        config: &TransformerConfig,
        h: &Var,
        packed: &Packed,
    ) -> Result<Var> {
        let (gain, bias) = norm(tape, store, self.attention_norm);
        let normalised = layer_norm(tape, h, Some(&gain), Some(&bias), NORM_EPSILON)?;
        let attended = self.attend(tape, store, config, &normalised, packed)?;
        let attended = dropout(
            tape,
            &attended,
            packed.coordinates(),
            config.dropout,
            &self.stream("attention.output"),
        )?;
        let (gain, bias) = norm(tape, store, self.feed_forward_norm);
        let (normalised, sum) =
            add_layer_norm(tape, &attended, h, Some(&gain), Some(&bias), NORM_EPSILON)?;
        let fed = self.feed(tape, store, &normalised)?;
        let name = self.stream("feed_forward.output");
        dropout_add(
            tape,
            &fed,
            &sum,
            packed.coordinates(),
            config.dropout,
            &name,
        )
    }

    fn post_norm(
        &self,
        tape: &Tape,
        store: &ParameterStore,
        config: &TransformerConfig,
        h: &Var,
        packed: &Packed,
    ) -> Result<Var> {
        let rate = config.dropout;
        let coordinates = packed.coordinates();
        let attended = self.attend(tape, store, config, h, packed)?;
        let attended = dropout(
            tape,
            &attended,
            coordinates,
            rate,
            &self.stream("attention.output"),
        )?;
        let (gain, bias) = norm(tape, store, self.attention_norm);
        let (a, _) = add_layer_norm(tape, &attended, h, Some(&gain), Some(&bias), NORM_EPSILON)?;
        let fed = self.feed(tape, store, &a)?;
        let fed = dropout(
            tape,
            &fed,
            coordinates,
            rate,
            &self.stream("feed_forward.output"),
        )?;
        let (gain, bias) = norm(tape, store, self.feed_forward_norm);
        Ok(add_layer_norm(tape, &fed, &a, Some(&gain), Some(&bias), NORM_EPSILON)?.0)
    }

    fn attend(
        &self,
        tape: &Tape,
        store: &ParameterStore,
        config: &TransformerConfig,
        x: &Var,
        packed: &Packed,
    ) -> Result<Var> {
        let qkv = self.query_key_value.apply(tape, store, x, None)?;
        let name = self.stream("attention");
        let mixed = attention(
            tape,
            &qkv,
            packed,
            config.heads,
            config.attention_dropout as f32,
            &name,
        )?;
        self.attention_output.apply(tape, store, &mixed, None)
    }

    fn feed(&self, tape: &Tape, store: &ParameterStore, x: &Var) -> Result<Var> {
        let inner = self
            .feed_forward_in
            .apply(tape, store, x, Some(Activation::Gelu))?;
        self.feed_forward_out.apply(tape, store, &inner, None)
    }

    /// The name of a stream of random numbers of this layer.
    fn stream(&self, part: &str) -> String {
        format!("transformer.layers.{}.{part}", self.index)
    }
}

fn norm(tape: &Tape, store: &ParameterStore, norm: Norm) -> (Var, Var) {
    (
        tape.parameter(store, norm.gain),
        tape.parameter(store, norm.bias),
    )
}
