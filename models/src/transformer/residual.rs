//! Sub-layers with their residuals: what layers of encoders and decoders are made of.

use limbeck_engine::{Packed, ParameterStore, Result, StoreBuilder, Tape, Var};
use limbeck_kernels::{add_layer_norm, dropout, dropout_add, layer_norm};

use super::config::{NormPosition, StackConfig};
use crate::init::{Affine, Norm};

/// A sub-layer: what it computes of the states, and the norm that belongs to it.
pub(super) struct SubLayer<'a> {
    pub(super) norm: Norm,
    /// Name of the stream that its output's dropout is drawn from.
    pub(super) stream: String,
    pub(super) apply: &'a mut dyn FnMut(&Var) -> Result<Var>,
}

/// What every sub-layer of a pass needs.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    pub(super) tape: &'a Tape,
    pub(super) store: &'a ParameterStore,
    pub(super) config: &'a StackConfig,
}

impl Pass<'_> {
    /// The states behind the sub-layers f_1, f_2 ...:
    ///
    /// ```text
    /// pre-norm    h_k = h_(k-1) + dropout(f_k(norm_k(h_(k-1))))
    /// post-norm   h_k = norm_k(h_(k-1) + dropout(f_k(h_(k-1))))
    /// ```
    ///
    /// A residual sum and the norm behind it are one operator.
    pub(super) fn residual(
        self,
        h: &Var,
        packed: &Packed,
        parts: &mut [SubLayer<'_>],
    ) -> Result<Var> {
        match self.config.norm {
            NormPosition::Pre => self.pre_norm(h, packed, parts),
            NormPosition::Post => self.post_norm(h, packed, parts),
        }
    }

    fn pre_norm(self, h: &Var, packed: &Packed, parts: &mut [SubLayer<'_>]) -> Result<Var> {
        let (tape, rate) = (self.tape, self.config.dropout);
        let norms: Vec<Norm> = parts.iter().map(|part| part.norm).collect();
        let mut sum = h.clone();
        let mut normalised = self.normalise(&sum, norms[0])?;
        for (part, &norm) in parts.iter_mut().zip(&norms[1..]) {
            let y = (part.apply)(&normalised)?;
            let y = dropout(tape, &y, packed.coordinates(), rate, &part.stream)?;
            (normalised, sum) = self.add_normalise(&y, &sum, norm)?;
        }
        let last = parts.len() - 1;
        let y = (parts[last].apply)(&normalised)?;
        let stream = &parts[last].stream;
        dropout_add(tape, &y, &sum, packed.coordinates(), rate, stream)
    }

    fn post_norm(self, h: &Var, packed: &Packed, parts: &mut [SubLayer<'_>]) -> Result<Var> {
        let mut h = h.clone();
        for part in parts {
            let (y, rate) = ((part.apply)(&h)?, self.config.dropout);
            let y = dropout(self.tape, &y, packed.coordinates(), rate, &part.stream)?;
            h = self.add_normalise(&y, &h, part.norm)?.0;
        }
        Ok(h)
    }

    pub(super) fn normalise(self, h: &Var, norm: Norm) -> Result<Var> {
        let (gain, bias) = self.gain_and_bias(norm);
        layer_norm(self.tape, h, Some(&gain), Some(&bias), self.epsilon())
    }

    /// norm(y + h) and y + h.
    fn add_normalise(self, y: &Var, h: &Var, norm: Norm) -> Result<(Var, Var)> {
        let (gain, bias) = self.gain_and_bias(norm);
        add_layer_norm(self.tape, y, h, Some(&gain), Some(&bias), self.epsilon())
    }

    fn epsilon(self) -> f32 {
        self.config.functions.norm_epsilon
    }

    fn gain_and_bias(self, norm: Norm) -> (Var, Var) {
        (
            self.tape.parameter(self.store, norm.gain),
            self.tape.parameter(self.store, norm.bias),
        )
    }

    pub(super) fn affine(self, affine: &Affine, x: &Var) -> Result<Var> {
        affine.apply(self.tape, self.store, x, None)
    }
}

/// ffn(x) = f(x W1 + b1) W2 + b2, where f is GELU unless the configuration has another
#[derive(Clone)]
pub(super) struct FeedForward {
    inner: Affine,
    outer: Affine,
    norm: Norm,
}

impl FeedForward {
    /// Parameters `{layer}.feed_forward.in`, `.out` and `.norm`.
    pub(super) fn new(store: &mut StoreBuilder, layer: &str, config: &StackConfig) -> Self {
        let (d, inner) = (config.hidden_size, config.feed_forward_size);
        let name = |part: &str| format!("{layer}.feed_forward.{part}");
        FeedForward {
            inner: Affine::new(store, &name("in"), d, inner),
            outer: Affine::new(store, &name("out"), inner, d),
            norm: Norm::new(store, &name("norm"), d),
        }
    }

    pub(super) fn norm(&self) -> Norm {
        self.norm
    }

    pub(super) fn apply(&self, pass: Pass<'_>, x: &Var) -> Result<Var> {
        let activation = Some(pass.config.functions.activation);
        let inner = self.inner.apply(pass.tape, pass.store, x, activation)?;
        pass.affine(&self.outer, &inner)
    }
}
