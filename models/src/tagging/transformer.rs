//! Trunks of attention: an encoder alone, and an encoder with a decoder that writes the tags.

use limbeck_engine::{
    Device, Packed, ParameterId, ParameterStore, Result, StoreBuilder, Tape, Var,
};
use limbeck_kernels::{add, conv1d, dropout, gather_rows, scale_rows};

use super::batch::WordBatch;
use crate::init::Affine;
use crate::transformer::{Decoder, EncoderStack, StackConfig};

/// Sizes of an encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct TransformerTrunk {
    /// Its layers.
    pub stack: StackConfig,
    /// Number of learned positions: the longest sentence, in words.
    pub max_positions: usize,
    /// A word's input is made of this many neighbouring words: a convolution of this width, with a
    /// kernel width of 1 a linear map of the word alone. Attention by itself learns who stands next to
    /// whom from much text only.
    pub window: usize,
}

/// Sizes of an encoder and a decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct Seq2SeqTrunk {
    /// The encoder.
    pub encoder: TransformerTrunk,
    /// Number of layers of the decoder, which are as wide.
    pub decoder_layers: usize,
    /// Share of the labels before that the decoder does not get to read in training (Bowman et al.
    /// 2016): true labels say so much about the next that it would not look at the words, and when it
    /// predicts it has its own to go by.
    pub symbol_dropout: f64,
}

pub(super) struct Encoder {
    /// From the vectors of words to the width of the layers.
    input: Affine,
    window: usize,
    stack: EncoderStack,
}

impl Encoder {
    pub(super) fn new(
        store: &mut StoreBuilder,
        config: &TransformerTrunk,
        inputs: usize,
    ) -> Result<Self> {
        let (window, width) = (config.window, config.stack.hidden_size);
        Ok(Encoder {
            input: Affine::new(store, "input", window * inputs, width),
            window,
            stack: EncoderStack::new(store, config.stack, config.max_positions)?,
        })
    }

    /// The states of the last layer, `[rows, hidden_size]`.
    pub(super) fn forward(
        &self,
        tape: &Tape,
        store: &ParameterStore,
        words: &Var,
        packed: &Packed,
    ) -> Result<Var> {
        let weight = tape.parameter(store, self.input.weight);
        let bias = tape.parameter(store, self.input.bias);
        let x = conv1d(tape, words, &weight, Some(&bias), None, packed, self.window)?;
        let mut states = self.stack.forward(tape, store, &x, packed)?;
        // There is one for the input, whatever the number of layers.
        Ok(states.pop().unwrap_or(x))
    }
}

/// An encoder, and a decoder whose row at a word is the sum of two vectors: that of the label before it,
/// and the encoder's state of the word itself, so that it knows which word it labels.
pub(super) struct EncoderDecoder {
    encoder: Encoder,
    /// A vector for every tag, and one for the beginning.
    symbols: ParameterId,
    symbol_dropout: f64,
    decoder: Decoder,
}

impl EncoderDecoder {
    pub(super) fn new(
        store: &mut StoreBuilder,
        config: &Seq2SeqTrunk,
        inputs: usize,
        tags: usize,
    ) -> Result<Self> {
        let encoder = Encoder::new(store, &config.encoder, inputs)?;
        let d = config.encoder.stack.hidden_size;
        let symbols = store.normal("symbols.weight", [tags + 1, d], 1.0 / (d as f64).sqrt());
        let layers = StackConfig {
            layers: config.decoder_layers,
            ..config.encoder.stack
        };
        Ok(EncoderDecoder {
            encoder,
            symbols,
            symbol_dropout: config.symbol_dropout,
            decoder: Decoder::new(store, "decoder", layers)?,
        })
    }

    /// The decoder's states of all words, `[rows, hidden_size]`, each behind the true tags before it;
    /// there is one for every word.
    pub(super) fn forced(
        &self,
        tape: &Tape,
        store: &ParameterStore,
        words: &Var,
        batch: &WordBatch,
        labels: &[u32],
    ) -> Result<Var> {
        let packed = &batch.packed;
        let memory = self.encoder.forward(tape, store, words, packed)?;
        let symbols = tape.parameter(store, self.symbols);
        let begin = symbols.shape().rows() as u32 - 1;
        let mut before = Vec::with_capacity(labels.len());
        let mut rest = labels;
        for &length in packed.lengths().iter() {
            let (own, others) = rest.split_at(length);
            before.push(begin);
            before.extend_from_slice(&own[..length - 1]);
            rest = others;
        }
        let said = gather_rows(tape, &symbols, &before)?;
        let said = self.forget(tape, &said, packed)?;
        let x = add(tape, &said, &memory)?;
        self.decoder
            .forward(tape, store, (&x, packed), (&memory, packed))
    }

    /// Takes whole rows away.
    fn forget(&self, tape: &Tape, said: &Var, packed: &Packed) -> Result<Var> {
        if self.symbol_dropout == 0.0 {
            return Ok(said.clone());
        }
        let rows = packed.rows();
        let ones = tape.constant(tape.device().real(&vec![1.0; rows], [rows, 1])?);
        let (at, rate) = (packed.coordinates(), self.symbol_dropout);
        let kept = dropout(tape, &ones, at, rate, "tagger.symbols")?;
        scale_rows(tape, said, &kept)
    }

    /// Writes the tags of all sentences, word by word: the scores that `score` makes of the states,
    /// `tags` numbers a row, in the order of the rows. Each word's tag is the best one, and is what the
    /// next word reads.
    pub(super) fn written(
        &self,
        tape: &Tape,
        store: &ParameterStore,
        words: &Var,
        batch: &WordBatch,
        score: impl Fn(&Var) -> Result<Var>,
    ) -> Result<Vec<f64>> {
        let memory = self.encoder.forward(tape, store, words, &batch.packed)?;
        let order = Order::longest_first(batch.packed.lengths());
        let memory = gather_rows(tape, &memory, &order.rows())?;
        let sorted = Packed::new(tape.device(), &order.lengths, 0)?;
        let symbols = tape.parameter(store, self.symbols);
        let tags = symbols.shape().rows() - 1;
        let mut said = vec![tags as u32; order.lengths.len()];
        let mut cache = self.decoder.start(tape, store, &memory, &sorted)?;
        let mut scores = vec![0.0; batch.packed.rows() * tags];
        for position in 0..order.lengths[0] {
            let alive = order.alive(position);
            let at: Vec<u32> = (0..alive)
                .map(|s| (order.starts[s] + position) as u32)
                .collect();
            let own = gather_rows(tape, &memory, &at)?;
            let before = gather_rows(tape, &symbols, &said[..alive])?;
            let x = add(tape, &before, &own)?;
            let state = self.decoder.step(tape, store, &mut cache, &x)?;
            let step = read(tape.device(), &score(&state)?)?;
            for (sequence, row) in step.chunks(tags).enumerate() {
                said[sequence] = best(row);
                let place = (order.original_start[sequence] + position) * tags;
                scores[place..place + tags].copy_from_slice(row);
            }
        }
        Ok(scores)
    }
}

/// A shape device has no numbers, and its users do not ask what they are.
fn read(device: &Device, scores: &Var) -> Result<Vec<f64>> {
    match device.is_shapes() {
        true => Ok(vec![0.0; scores.shape().elements()]),
        false => scores.tensor().read_f64(),
    }
}

/// The first of the largest.
fn best(row: &[f64]) -> u32 {
    let better = |best: usize, i: usize| if row[i] > row[best] { i } else { best };
    (0..row.len()).fold(0, better) as u32
}

/// Sentences by length, the longest first, so that those that are not over come first.
struct Order {
    lengths: Vec<usize>,
    /// Where each begins in this order, and in the batch.
    starts: Vec<usize>,
    original_start: Vec<usize>,
}

impl Order {
    fn longest_first(lengths: &[usize]) -> Self {
        let mut numbers: Vec<usize> = (0..lengths.len()).collect();
        numbers.sort_by_key(|&sequence| std::cmp::Reverse(lengths[sequence]));
        let original = starts(lengths);
        let lengths: Vec<usize> = numbers.iter().map(|&n| lengths[n]).collect();
        Order {
            starts: starts(&lengths),
            original_start: numbers.iter().map(|&n| original[n]).collect(),
            lengths,
        }
    }

    /// The rows of the batch in this order.
    fn rows(&self) -> Vec<u32> {
        let of = |(&start, &length): (&usize, &usize)| (start as u32)..(start + length) as u32;
        self.original_start
            .iter()
            .zip(&self.lengths)
            .flat_map(of)
            .collect()
    }

    /// Sentences with a word at this position.
    fn alive(&self, position: usize) -> usize {
        self.lengths.partition_point(|&length| length > position)
    }
}

/// Where sequences of these lengths begin.
fn starts(lengths: &[usize]) -> Vec<usize> {
    let mut next = 0;
    let start = |&length: &usize| {
        let start = next;
        next += length;
        start
    };
    lengths.iter().map(start).collect()
}
