//! The TextCNN that answers for every position.
//!
//! ```text
//! h_k = relu(conv_k(u)) or relu(conv_k(h_{k-1})) + h_{k-1}     "same" padding, no pooling
//! g   = max over time of [h_1 ... h_K]                          the whole sentence, once
//! f_t = [u_t ; h_1t ... h_Kt ; g]                               what the scores of word t are made of
//! ```
//!
//! Pooling to one vector cannot say which word is meant; so positions keep their own vectors, and
//! the pooled one is added to each as context.

use limbeck_engine::{ParameterStore, Result, StoreBuilder, Tape, Var};
use limbeck_kernels::{Activation, add, concat, conv1d, gather_rows, max_over_time};

use super::batch::WordBatch;
use crate::init::Affine;
use crate::text_cnn::Topology;

/// Sizes of the convolutions.
#[derive(Clone, Debug, PartialEq)]
pub struct TextCnnTrunk {
    /// Output channels of every block.
    pub channels: usize,
    /// Kernel width of every block, in order of depth.
    pub kernel_sizes: Vec<usize>,
    /// How the blocks are connected.
    pub topology: Topology,
}

pub(super) struct Convolutions {
    blocks: Vec<Affine>,
}

impl Convolutions {
    pub(super) fn new(store: &mut StoreBuilder, config: &TextCnnTrunk, inputs: usize) -> Self {
        let blocks = config.kernel_sizes.iter().enumerate().map(|(k, &width)| {
            let reads_words = k == 0 || config.topology == Topology::Parallel;
            let below = if reads_words { inputs } else { config.channels };
            let name = format!("blocks.{k}.convolution");
            Affine::new(store, &name, width * below, config.channels)
        });
        Convolutions {
            blocks: blocks.collect(),
        }
    }

    /// Width of what [`Convolutions::forward`] gives.
    pub(super) fn width(config: &TextCnnTrunk, inputs: usize) -> usize {
        inputs + 2 * config.channels * config.kernel_sizes.len()
    }

    /// The vectors of all positions, `[rows, width]`.
    pub(super) fn forward(
        &self,
        tape: &Tape,
        store: &ParameterStore,
        config: &TextCnnTrunk,
        words: &Var,
        batch: &WordBatch,
    ) -> Result<Var> {
        let mut states: Vec<Var> = Vec::with_capacity(self.blocks.len());
        for (k, (block, &width)) in self.blocks.iter().zip(&config.kernel_sizes).enumerate() {
            let below = match (config.topology, states.last()) {
                (Topology::Stacked, Some(below)) => below.clone(),
                _ => words.clone(),
            };
            let state = tape.scope(&format!("block {k}"), || {
                let weight = tape.parameter(store, block.weight);
                let bias = tape.parameter(store, block.bias);
                let relu = Some(Activation::Relu);
                let packed = &batch.packed;
                let state = conv1d(tape, &below, &weight, Some(&bias), relu, packed, width)?;
                match config.topology == Topology::Stacked && k > 0 {
                    true => add(tape, &state, &below),
                    false => Ok(state),
                }
            })?;
            states.push(state);
        }
        let local = concat(tape, &states.iter().collect::<Vec<_>>())?;
        let pooled = max_over_time(tape, &local, &batch.packed)?;
        let context = gather_rows(tape, &pooled, &batch.sentence_of)?;
        concat(tape, &[words, &local, &context])
    }
}
