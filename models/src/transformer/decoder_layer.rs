//! One decoder layer: causal self-attention, attention to the memory, then a feed-forward network,
//! each with a residual.

use limbeck_engine::{Packed, Result, StoreBuilder, Var};
use limbeck_kernels::{causal_attention, cross_attention, slice};

use super::cache::{Alive, LayerCache};
use super::config::StackConfig;
use super::residual::{FeedForward, Pass, SubLayer};
use crate::init::{Affine, Norm};

#[derive(Clone)]
pub(super) struct DecoderLayer {
    /// Before the names of its parameters.
    name: String,
    query_key_value: Affine,
    self_output: Affine,
    self_norm: Norm,
    query: Affine,
    key_value: Affine,
    cross_output: Affine,
    cross_norm: Norm,
    feed_forward: FeedForward,
}

/// Keys and values of the memory, and its sequences.
type Memory<'a> = (&'a Var, &'a Packed);

impl DecoderLayer {
    pub(super) fn new(store: &mut StoreBuilder, name: String, config: &StackConfig) -> Self {
        let d = config.hidden_size;
        let own = |part: &str| format!("{name}.self_attention.{part}");
        let cross = |part: &str| format!("{name}.cross_attention.{part}");
        DecoderLayer {
            query_key_value: Affine::new(store, &own("query_key_value"), d, 3 * d),
            self_output: Affine::new(store, &own("output"), d, d),
            self_norm: Norm::new(store, &own("norm"), d),
            query: Affine::new(store, &cross("query"), d, d),
            key_value: Affine::new(store, &cross("key_value"), d, 2 * d),
            cross_output: Affine::new(store, &cross("output"), d, d),
            cross_norm: Norm::new(store, &cross("norm"), d),
            feed_forward: FeedForward::new(store, &name, config),
            name,
        }
    }

    /// The states of all target rows; `memory` are rows as the encoder gave them. With gradient
    /// checkpointing, both are all that is kept for the way back.
    pub(super) fn forward(
        &self,
        pass: Pass<'_>,
        (h, target): (&Var, &Packed),
        (memory, source): (&Var, &Packed),
    ) -> Result<Var> {
        if !pass.config.gradient_checkpointing {
            return self.compute(pass, (h, target), (memory, source));
        }
        let (layer, config) = (self.clone(), *pass.config);
        let (target, source) = (target.clone(), source.clone());
        let inputs = [h, memory];
        let [above] =
            (pass.tape).checkpoint(pass.store, inputs, move |tape, store, [h, memory]| {
                let config = &config;
                let pass = Pass {
                    tape,
                    store,
                    config,
                };
                Ok([layer.compute(pass, (h, &target), (memory, &source))?])
            })?;
        Ok(above)
    }

    fn compute(
        &self,
        pass: Pass<'_>,
        (h, target): (&Var, &Packed),
        (memory, source): (&Var, &Packed),
    ) -> Result<Var> {
        let memory = (&self.key_value(pass, memory)?, source);
        let mut attend = |x: &Var| self.attend_to_earlier(pass, x, target);
        self.sub_layers(pass, (h, target), memory, &mut attend)
    }

    /// The states of the next row of each target sequence; its keys and values are added to the
    /// cache.
    pub(super) fn step(
        &self,
        pass: Pass<'_>,
        h: &Var,
        cache: &mut LayerCache,
        alive: &Alive,
    ) -> Result<Var> {
        let memory = cache.memory.clone();
        let mut attend = |x: &Var| self.attend_to_cached(pass, x, cache, alive);
        let queries = (h, &alive.queries);
        self.sub_layers(pass, queries, (&memory, &alive.source), &mut attend)
    }

    fn sub_layers(
        &self,
        pass: Pass<'_>,
        (h, target): (&Var, &Packed),
        memory: Memory<'_>,
        attend: &mut dyn FnMut(&Var) -> Result<Var>,
    ) -> Result<Var> {
        let mut parts = [
            SubLayer {
                norm: self.self_norm,
                stream: self.stream("self_attention.output"),
                apply: attend,
            },
            SubLayer {
                norm: self.cross_norm,
                stream: self.stream("cross_attention.output"),
                apply: &mut |x| self.attend_to_memory(pass, (x, target), memory),
            },
            SubLayer {
                norm: self.feed_forward.norm(),
                stream: self.stream("feed_forward.output"),
                apply: &mut |x| self.feed_forward.apply(pass, x),
            },
        ];
        pass.residual(h, target, &mut parts)
    }

    /// Keys and values of memory rows, side by side.
    pub(super) fn key_value(&self, pass: Pass<'_>, memory: &Var) -> Result<Var> {
        pass.affine(&self.key_value, memory)
    }

    fn attend_to_earlier(&self, pass: Pass<'_>, x: &Var, target: &Packed) -> Result<Var> {
        let qkv = pass.affine(&self.query_key_value, x)?;
        let mixed = causal_attention(
            pass.tape,
            &qkv,
            target,
            pass.config.heads,
            pass.config.attention_dropout as f32,
            &self.stream("self_attention"),
        )?;
        pass.affine(&self.self_output, &mixed)
    }

    /// The last row of a causal attention: it sees all rows so far, its own among them.
    fn attend_to_cached(
        &self,
        pass: Pass<'_>,
        x: &Var,
        cache: &mut LayerCache,
        alive: &Alive,
    ) -> Result<Var> {
        let d = pass.config.hidden_size;
        let qkv = pass.affine(&self.query_key_value, x)?;
        let query = slice(pass.tape, &qkv, 0..d)?;
        let rows = cache.append(pass.tape, &slice(pass.tape, &qkv, d..3 * d)?)?;
        let mixed = cross_attention(
            pass.tape,
            (&query, &alive.queries),
            (&rows, &alive.target),
            pass.config.heads,
            pass.config.attention_dropout as f32,
            &self.stream("self_attention"),
        )?;
        pass.affine(&self.self_output, &mixed)
    }

    fn attend_to_memory(
        &self,
        pass: Pass<'_>,
        (x, target): (&Var, &Packed),
        memory: Memory<'_>,
    ) -> Result<Var> {
        let query = pass.affine(&self.query, x)?;
        let mixed = cross_attention(
            pass.tape,
            (&query, target),
            memory,
            pass.config.heads,
            pass.config.attention_dropout as f32,
            &self.stream("cross_attention"),
        )?;
        pass.affine(&self.cross_output, &mixed)
    }

    /// The name of a stream of random numbers of this layer.
    fn stream(&self, part: &str) -> String {
        format!("transformer.{}.{part}", self.name)
    }
}
