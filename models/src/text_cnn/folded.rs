//! Inference with folded tables: for blocks that read the word vectors, the products of every word
//! vector with every tap of the kernel are computed once.

use limbeck_engine::{Result, Tape, Tensor, Var};
use limbeck_kernels::{Activation, add, embedding, folded_conv1d, linear};

use super::{TextCnn, Topology, joined};
use crate::batch::TokenBatch;
use crate::classifier::Output;

/// The table `[vocabulary_size, kernel_size * channels]` of each block that reads the word vectors.
pub(super) fn tables(model: &TextCnn) -> Result<Vec<Tensor>> {
    let device = model.store.device();
    let tape = Tape::inference(device);
    let words = tape.parameter(&model.store, model.embedding);
    let (inputs, channels) = (model.config.embedding_size, model.config.channels);
    let reading = match model.config.topology {
        Topology::Stacked => 1,
        Topology::Parallel => model.blocks.len(),
    };
    let table = |k: usize| {
        let width = model.config.kernel_sizes[k] * channels;
        if device.is_shapes() {
            return device.zeros([model.config.vocabulary_size, width]);
        }
        let weight = model
            .store
            .value(model.blocks[k].convolution.weight)
            .read()?;
        // Row i holds input i of every tap.
        let mut by_input = vec![0.0; weight.len()];
        for (row, values) in weight.chunks_exact(channels).enumerate() {
            let (tap, input) = (row / inputs, row % inputs);
            by_input[input * width + tap * channels..][..channels].copy_from_slice(values);
        }
        let weight = tape.constant(device.real(&by_input, [inputs, width])?);
        Ok(linear(&tape, &words, &weight, None, None)?.tensor().clone())
    };
    (0..reading).map(table).collect()
}

impl TextCnn {
    /// Logits and levels from the folded tables; no states.
    pub(super) fn run_folded(&self, tape: &Tape, batch: &TokenBatch) -> Result<Output> {
        let (mut levels, mut outputs) = (Vec::new(), Vec::<Var>::new());
        for (k, block) in self.blocks.iter().enumerate() {
            let output = match self.folded.get(k) {
                Some(table) => self.convolve_folded(tape, k, table, batch)?,
                None => self.convolve(tape, k, &outputs[k - 1], batch)?,
            };
            levels.push(self.pool(tape, block, &output, batch)?);
            outputs.push(output);
        }
        let logits = self.score(tape, &joined(tape, &levels)?, batch)?;
        Ok(Output {
            logits,
            levels,
            states: Vec::new(),
        })
    }

    fn convolve_folded(
        &self,
        tape: &Tape,
        k: usize,
        table: &Tensor,
        batch: &TokenBatch,
    ) -> Result<Var> {
        let (_, bias) = self.convolution(tape, k);
        let (table, relu) = (tape.constant(table.clone()), Some(Activation::Relu));
        let (rows, packed) = (&batch.rows, &batch.packed);
        let kernel_size = self.config.kernel_sizes[k];
        let output = folded_conv1d(tape, &table, rows, &bias, relu, packed, kernel_size)?;
        let residual = self.config.topology == Topology::Stacked
            && self.config.embedding_size == self.config.channels;
        if !residual {
            return Ok(output);
        }
        let words = tape.parameter(&self.store, self.embedding);
        add(tape, &output, &embedding(tape, &words, rows, None)?)
    }
}

#[cfg(test)]
mod tests {
    use limbeck_engine::{Device, Fingerprint, TokenIds};

    use super::*;
    use crate::{Classifier, Encoded, TextCnnConfig, TimePooling};

    fn model(topology: Topology, pooling: TimePooling, channels: usize) -> TextCnn {
        let config = TextCnnConfig {
            vocabulary_size: 20,
            vocabulary: Fingerprint(1),
            classes: 3,
            embedding_size: 6,
            channels,
            kernel_sizes: vec![2, 3, 5],
            topology,
            pooling,
            dropout: 0.5,
            max_length: 30,
        };
        TextCnn::new(config, 1, &Device::cpu()).expect("valid sizes")
    }

    #[test]
    fn folding_changes_roundings_alone_and_an_update_undoes_it() {
        let text = |ids: &[u32]| Encoded::Tokens(TokenIds::new(ids.to_vec(), Fingerprint(1)));
        let texts = [text(&[1, 5, 7, 7, 19, 0, 3]), text(&[4])];
        let texts: Vec<&Encoded> = texts.iter().collect();
        for topology in [Topology::Stacked, Topology::Parallel] {
            for (pooling, channels) in [(TimePooling::Max, 6), (TimePooling::MaxMean, 9)] {
                let mut model = model(topology, pooling, channels);
                let plain = model.predict(&texts).expect("logits");
                let bytes = model.fold().expect("fits").expect("tables");
                let taps = if topology == Topology::Stacked { 2 } else { 10 };
                assert_eq!(bytes, 4 * 20 * taps * channels);
                let folded = model.predict(&texts).expect("logits");
                for (folded, plain) in folded.iter().flatten().zip(plain.iter().flatten()) {
                    assert!((folded - plain).abs() <= 1e-6 * plain.abs().max(1.0));
                }
                model.parameters_mut();
                assert_eq!(model.predict(&texts).expect("logits"), plain);
            }
        }
    }
}
