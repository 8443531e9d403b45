//! The layers of an encoder, with what stands before and behind them.

use limbeck_engine::{Packed, ParameterId, ParameterStore, Result, StoreBuilder, Tape, Var};
use limbeck_kernels::{TokenRows, dropout, embedding};

use super::config::{NormPosition, StackConfig, at_least_one};
use super::layer::Layer;
use super::residual::Pass;
use crate::init::Norm;

/// Positions, layers and norms of a Transformer encoder, without the table of its inputs: they may
/// be rows made by another part of a model.
///
/// Its parameters are `positions.weight`, `norm` and `layers.0`, `layers.1` ...; its random numbers
/// come from the streams `transformer.embedding` and `transformer.layers.0` ...
///
/// ```
/// use limbeck_engine::{Device, Packed, StoreBuilder, Tape};
/// use limbeck_models::{EncoderStack, LayerFunctions, NormPosition, StackConfig};
/// let config = StackConfig {
///     hidden_size: 4,
///     layers: 2,
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
/// let encoder = EncoderStack::new(&mut store, config, 16)?;
/// let store = store.build(&device)?;
/// let tape = Tape::inference(&device);
/// // Two sequences, of three rows and of one.
/// let packed = Packed::new(&device, &[3, 1], 0)?;
/// let x = tape.constant(device.real(&[0.5; 16], [4, 4])?);
/// let states = encoder.forward(&tape, &store, &x, &packed)?;
/// assert_eq!(states.len(), 3);
/// assert_eq!(states[2].shape().dims(), [4, 4]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
pub struct EncoderStack {
    config: StackConfig,
    positions: ParameterId,
    /// Before the layers (post-norm) or behind them (pre-norm).
    norm: Norm,
    layers: Vec<Layer>,
}

impl EncoderStack {
    /// Adds the parameters to a store. Sequences have at most `max_positions` rows.
    ///
    /// # Errors
    /// If the sizes contradict each other.
    pub fn new(
        store: &mut StoreBuilder,
        config: StackConfig,
        max_positions: usize,
    ) -> Result<Self> {
        config.check()?;
        at_least_one(&[("max_positions", max_positions)])?;
        let d = config.hidden_size;
        Ok(EncoderStack {
            config,
            positions: store.normal("positions.weight", [max_positions, d], 0.02),
            norm: Norm::new(store, "norm", d),
            layers: (0..config.layers)
                .map(|index| Layer::new(store, index, &config))
                .collect(),
        })
    }

    /// The states `[rows, hidden_size]` of the input and of each layer, for rows
    /// `[rows, hidden_size]` of these sequences. The first is x with positions added, normalised with
    /// post-norm, and dropped; with pre-norm, the last is the one behind the final norm.
    ///
    /// # Errors
    /// If the rows are not of these sequences, a sequence has more rows than there are positions, or
    /// the device failed.
    pub fn forward(
        &self,
        tape: &Tape,
        store: &ParameterStore,
        x: &Var,
        packed: &Packed,
    ) -> Result<Vec<Var>> {
        // Every row once, in order: what is left of the lookup are the positions.
        let rows: Vec<u32> = (0..packed.rows() as u32).collect();
        let rows = TokenRows::new(tape.device(), &rows, rows.len())?;
        self.look_up(tape, store, x, &rows, packed)
    }

    /// [`EncoderStack::forward`] of rows of a table by token id.
    pub(crate) fn look_up(
        &self,
        tape: &Tape,
        store: &ParameterStore,
        table: &Var,
        rows: &TokenRows,
        packed: &Packed,
    ) -> Result<Vec<Var>> {
        let config = &self.config;
        let pass = Pass {
            tape,
            store,
            config,
        };
        let mut states = vec![tape.scope("embedding", || {
            let positions = tape.parameter(store, self.positions);
            let h = embedding(tape, table, rows, Some((&positions, packed)))?;
            let h = match config.norm {
                NormPosition::Pre => h,
                NormPosition::Post => pass.normalise(&h, self.norm)?,
            };
            let (at, rate) = (packed.coordinates(), config.dropout);
            dropout(tape, &h, at, rate, "transformer.embedding")
        })?];
        for (l, layer) in self.layers.iter().enumerate() {
            let below = &states[l];
            let above = tape.scope(&format!("layer {}", l + 1), || {
                layer.forward(pass, below, packed)
            })?;
            states.push(above);
        }
        if config.norm == NormPosition::Pre
            && let Some(last) = states.pop()
        {
            states.push(tape.scope("final norm", || pass.normalise(&last, self.norm))?);
        }
        Ok(states)
    }
}
