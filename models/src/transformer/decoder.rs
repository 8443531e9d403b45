//! The layers of a decoder.

use limbeck_engine::{Error, Packed, ParameterStore, Result, StoreBuilder, Tape, Var};

use super::cache::DecoderCache;
use super::config::{NormPosition, StackConfig};
use super::decoder_layer::DecoderLayer;
use super::residual::Pass;
use crate::init::Norm;

/// The layers of a Transformer decoder (Vaswani et al. 2017), without what makes its input rows of
/// symbols and symbols of its states.
///
/// ```text
/// pre-norm    a = h + dropout(self(norm(h)))
///             b = a + dropout(cross(norm(a), memory))
///             h' = b + dropout(ffn(norm(b)))
/// post-norm   a = norm(h + dropout(self(h)))
///             b = norm(a + dropout(cross(a, memory)))
///             h' = norm(b + dropout(ffn(b)))
/// ```
///
/// self is causal: the row at a position sees the rows of its sequence up to there. cross sees all
/// rows of the memory that belongs to the sequence. With pre-norm, the states go through a final
/// norm.
///
/// Its parameters begin with its name: `{name}.layers.0.self_attention`, `.cross_attention`,
/// `.feed_forward`, and with pre-norm `{name}.norm`. So do the streams of its random numbers, behind
/// `transformer.`.
///
/// ```
/// use limbeck_engine::{Device, Packed, StoreBuilder, Tape};
/// use limbeck_models::{Decoder, LayerFunctions, NormPosition, StackConfig};
/// let config = StackConfig {
///     hidden_size: 4,
///     layers: 1,
///     heads: 2,
///     feed_forward_size: 8,
///     dropout: 0.1,
///     attention_dropout: 0.1,
///     norm: NormPosition::Pre,
///     functions: LayerFunctions::default(),
///     gradient_checkpointing: false,
/// };
/// let device = Device::cpu();
/// let mut store = StoreBuilder::new(1);
/// let decoder = Decoder::new(&mut store, "decoder", config)?;
/// let store = store.build(&device)?;
/// let tape = Tape::inference(&device);
/// // A memory of three rows, and a target of two.
/// let (source, target) = (Packed::new(&device, &[3], 0)?, Packed::new(&device, &[2], 0)?);
/// let memory = tape.constant(device.real(&[0.5; 12], [3, 4])?);
/// let x = device.real(&[0.1, 0.2, 0.3, 0.4, 0.8, 0.7, 0.6, 0.5], [2, 4])?;
/// let all = decoder.forward(&tape, &store, (&tape.constant(x), &target), (&memory, &source))?;
/// // The same, row by row.
/// let mut cache = decoder.start(&tape, &store, &memory, &source)?;
/// let row = tape.constant(device.real(&[0.1, 0.2, 0.3, 0.4], [1, 4])?);
/// decoder.step(&tape, &store, &mut cache, &row)?;
/// let row = tape.constant(device.real(&[0.8, 0.7, 0.6, 0.5], [1, 4])?);
/// let last = decoder.step(&tape, &store, &mut cache, &row)?;
/// for (a, b) in all.tensor().read()?[4..].iter().zip(last.tensor().read()?) {
///     assert!((a - b).abs() < 1e-5);
/// }
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
pub struct Decoder {
    config: StackConfig,
    layers: Vec<DecoderLayer>,
    /// Behind the last layer (pre-norm).
    norm: Option<Norm>,
}

impl Decoder {
    /// Adds the parameters to a store, under this name.
    ///
    /// # Errors
    /// If the sizes contradict each other.
    pub fn new(store: &mut StoreBuilder, name: &str, config: StackConfig) -> Result<Self> {
        config.check()?;
        let layer = |l: usize| format!("{name}.layers.{l}");
        let layers = (0..config.layers).map(|l| DecoderLayer::new(store, layer(l), &config));
        let layers = layers.collect();
        let norm = format!("{name}.norm");
        let norm = match config.norm {
            NormPosition::Pre => Some(Norm::new(store, &norm, config.hidden_size)),
            NormPosition::Post => None,
        };
        Ok(Decoder {
            config,
            layers,
            norm,
        })
    }

    /// The states `[target rows, hidden_size]` of all target rows at once. `x` are the target rows,
    /// `memory` the source rows, as wide; target sequence t reads source sequence t. What makes rows
    /// of symbols (positions, dropout, with post-norm the first norm) is the caller's.
    ///
    /// # Errors
    /// If the rows are not of these sequences, target and source differ in their number of
    /// sequences, or the device failed.
    pub fn forward(
        &self,
        tape: &Tape,
        store: &ParameterStore,
        (x, target): (&Var, &Packed),
        (memory, source): (&Var, &Packed),
    ) -> Result<Var> {
        let pass = self.pass(tape, store);
        let mut h = x.clone();
        for (l, layer) in self.layers.iter().enumerate() {
            h = tape.scope(&scope(l), || {
                layer.forward(pass, (&h, target), (memory, source))
            })?;
        }
        self.finish(pass, h)
    }

    /// Begins to decode step by step: computes what every step needs of the memory.
    ///
    /// # Errors
    /// If the tape records gradients, which steps do not have; if the memory's rows are not of these
    /// sequences, or the device failed.
    pub fn start(
        &self,
        tape: &Tape,
        store: &ParameterStore,
        memory: &Var,
        source: &Packed,
    ) -> Result<DecoderCache> {
        refuse_recording(tape)?;
        let pass = self.pass(tape, store);
        let layers = self.layers.iter().enumerate();
        let memory = layers
            .map(|(l, layer)| tape.scope(&scope(l), || layer.key_value(pass, memory)))
            .collect::<Result<_>>()?;
        Ok(DecoderCache::new(memory, source))
    }

    /// The states `[sequences, hidden_size]` of the next row of each sequence, from these rows
    /// `[sequences, hidden_size]`: what [`Decoder::forward`] gives for them behind the rows of the
    /// earlier steps, up to rounding. Rows may be given for the first sequences alone; the others are
    /// over then, for good: the caller sorts them by length, the longest first. After an error the
    /// cache is of no more use.
    ///
    /// # Errors
    /// If the tape records gradients, there are more rows than sequences left, or none, or the device
    /// failed.
    pub fn step(
        &self,
        tape: &Tape,
        store: &ParameterStore,
        cache: &mut DecoderCache,
        x: &Var,
    ) -> Result<Var> {
        refuse_recording(tape)?;
        let pass = self.pass(tape, store);
        let alive = cache.begin_step(tape, x.shape().rows())?;
        let mut h = x.clone();
        for (l, (layer, cache)) in self.layers.iter().zip(&mut cache.layers).enumerate() {
            h = tape.scope(&scope(l), || layer.step(pass, &h, cache, &alive))?;
        }
        self.finish(pass, h)
    }

    fn pass<'a>(&'a self, tape: &'a Tape, store: &'a ParameterStore) -> Pass<'a> {
        Pass {
            tape,
            store,
            config: &self.config,
        }
    }

    fn finish(&self, pass: Pass<'_>, h: Var) -> Result<Var> {
        match self.norm {
            Some(norm) => {
                let scope = "decoder final norm";
                pass.tape.scope(scope, || pass.normalise(&h, norm))
            }
            None => Ok(h),
        }
    }
}

fn scope(layer: usize) -> String {
    format!("decoder layer {}", layer + 1)
}

fn refuse_recording(tape: &Tape) -> Result<()> {
    if !tape.is_recording() {
        return Ok(());
    }
    Err(Error::Mismatch(
        "decoder: the tape records gradients, but steps have none; take a tape for inference, or \
         compute all target rows at once with `forward`"
            .into(),
    ))
}
