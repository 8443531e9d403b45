//! A recurrent language model: words in, scores of the next word out.
//!
//! ```text
//! x_t = dropout(E[w_{t-1}])
//! h^k_t = unit(dropout(h^{k-1}_t), h^k_{t-1})         k = 1 .. layers, h^0 = x
//! s(w, h_t) = v_w · dropout(h^layers_t) + b_w
//! ```
//!
//! (Mikolov et al. 2010; dropout as in Zaremba et al. 2014.) Where to stop with s is for the caller:
//! scores of all words ([`LanguageModel::logits`]), of a few ([`LanguageModel::scores`]), or the
//! logarithm of the normaliser alone ([`LanguageModel::log_partition`]).

mod config;
mod state;
mod tables;

use limbeck_engine::{
    Device, ParameterId, ParameterStore, Result, StoreBuilder, Tape, TimeMajor, Var,
};
use limbeck_kernels::{
    GruWeights, candidate_scores, dropout, gru, linear_transposed, log_partition, lstm, rnn,
};

pub use config::{LanguageModelConfig, LnZ, Unit};
pub use state::{State, StateVars};
use tables::Table;

/// The model.
pub struct LanguageModel {
    config: LanguageModelConfig,
    store: ParameterStore,
    embedding: ParameterId,
    layers: Vec<Layer>,
    output: ParameterId,
    output_bias: ParameterId,
    ln_z: Option<ParameterId>,
}

/// Parameters of a layer.
struct Layer {
    input_weight: ParameterId,
    recurrent_weight: ParameterId,
    bias: ParameterId,
    /// Of a gated recurrent unit.
    hidden_bias: Option<ParameterId>,
}

impl Layer {
    fn new(store: &mut StoreBuilder, config: &LanguageModelConfig, number: usize) -> Self {
        let (range, hidden) = (config.initial_range, config.hidden_size);
        let inputs = match number {
            0 => config.embedding_size,
            _ => hidden,
        };
        let columns = config.unit.gates() * hidden;
        let name = |part: &str| format!("layers.{number}.{part}");
        let weight = |store: &mut StoreBuilder, part: &str, shape: [usize; 2]| {
            store.uniform(&name(part), shape, range)
        };
        let input_weight = weight(store, "input.weight", [inputs, columns]);
        let recurrent_weight = weight(store, "recurrent.weight", [hidden, columns]);
        let mut bias = |part: &str, size: usize| {
            let bias = store.uniform(&name(part), [size], range);
            store.no_decay(bias);
            bias
        };
        Layer {
            input_weight,
            recurrent_weight,
            bias: bias("bias", columns),
            hidden_bias: (config.unit == Unit::Gru).then(|| bias("hidden.bias", hidden)),
        }
    }
}

/// The tables of one update on its tape.
#[derive(Clone, Debug)]
pub struct Tables {
    embedding: Table,
    output: Table,
    output_bias: Table,
}

impl LanguageModel {
    /// A model whose weights begin uniform, and whose output biases begin with these values (one per
    /// word): with the logarithm of a word's share of the text, and ln Z = 0, the scores are
    /// normalised from the first step on.
    ///
    /// # Errors
    /// If a size is 0, there is not one bias per word, or the device cannot hold the model.
    pub fn new(
        config: LanguageModelConfig,
        output_bias: Vec<f64>,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        config.check()?;
        let words = config.vocabulary_size;
        if output_bias.len() != words {
            return Err(limbeck_engine::Error::Mismatch(format!(
                "{words} words have {} output biases",
                output_bias.len()
            )));
        }
        let mut store = StoreBuilder::new(seed);
        let range = config.initial_range;
        let embedding = store.uniform("embedding.weight", [words, config.embedding_size], range);
        let layers = (0..config.layers).map(|number| Layer::new(&mut store, &config, number));
        let layers = layers.collect();
        let output = match config.tied {
            true => embedding,
            false => store.uniform("output.weight", [words, config.hidden_size], range),
        };
        let output_bias = store.values("output.bias", [words, 1], output_bias, false);
        let ln_z = match config.ln_z {
            LnZ::Learned(value) => Some(store.constant("ln_z", [1], value)),
            LnZ::Constant(_) => None,
        };
        let mut store = store.build(device)?;
        for table in [embedding, output, output_bias] {
            store.records_mut()[table.index()].row_sparse = config.row_sparse;
        }
        Ok(LanguageModel {
            config,
            store,
            embedding,
            layers,
            output,
            output_bias,
            ln_z,
        })
    }

    /// Its sizes and options.
    pub fn config(&self) -> &LanguageModelConfig {
        &self.config
    }

    /// Its parameters.
    pub fn parameters(&self) -> &ParameterStore {
        &self.store
    }

    /// Its parameters, to update.
    pub fn parameters_mut(&mut self) -> &mut ParameterStore {
        &mut self.store
    }

    /// The state at the beginning of this many sequences.
    ///
    /// # Errors
    /// If the device cannot hold it.
    pub fn initial_state(&self, sequences: usize) -> Result<State> {
        State::zeros(&self.config, sequences, self.store.device())
    }

    /// ln Z on a tape, `[1]`.
    ///
    /// # Errors
    /// If the device failed.
    pub fn ln_z(&self, tape: &Tape) -> Result<Var> {
        match self.ln_z {
            Some(id) => Ok(tape.parameter(&self.store, id)),
            None => {
                let value = self.config.ln_z.initial() as f32;
                Ok(tape.constant(tape.device().real(&[value], [1])?))
            }
        }
    }

    /// The tables of an update that reads these words, and scores those. On a tape that records
    /// nothing, or if the tables are not row-sparse, any word may be read and scored.
    ///
    /// # Errors
    /// If a word is not in the vocabulary, or the device failed.
    pub fn tables(&self, tape: &Tape, inputs: &[u32], scored: &[u32]) -> Result<Tables> {
        let table = |id, reads: &[&[u32]]| Table::new(tape, &self.store, id, reads);
        let (embedding, output) = if self.config.tied {
            let both = table(self.embedding, &[inputs, scored])?;
            (both.clone(), both)
        } else {
            (
                table(self.embedding, &[inputs])?,
                table(self.output, &[scored])?,
            )
        };
        Ok(Tables {
            embedding,
            output,
            output_bias: table(self.output_bias, &[scored])?,
        })
    }

    /// Reads words in the order of `steps`: the outputs of the last layer, `[rows, hidden]`, and the
    /// state after the last word of each sequence.
    ///
    /// # Errors
    /// If the words are not as many as rows or not in the vocabulary, or the device failed.
    pub fn read(
        &self,
        tape: &Tape,
        tables: &Tables,
        words: &[u32],
        steps: &TimeMajor,
        state: &StateVars,
    ) -> Result<(Var, StateVars)> {
        let mut x = tape.scope("embedding", || tables.embedding.look_up(tape, words))?;
        let mut after = StateVars {
            h: Vec::new(),
            c: Vec::new(),
        };
        for (number, layer) in self.layers.iter().enumerate() {
            x = tape.scope(&format!("layers.{number}"), || {
                let x = self.drop(tape, &x, steps, &format!("layers.{number}"))?;
                self.walk(tape, (number, layer), &x, steps, state, &mut after)
            })?;
        }
        Ok((self.drop(tape, &x, steps, "output")?, after))
    }

    /// Dropout in front of a layer or of the output.
    fn drop(&self, tape: &Tape, x: &Var, steps: &TimeMajor, name: &str) -> Result<Var> {
        let coordinates = match self.config.variational {
            true => steps.samples(),
            false => steps.coordinates(),
        };
        let name = format!("{name}.dropout");
        dropout(tape, x, coordinates, self.config.dropout, &name)
    }

    /// One layer over all steps.
    fn walk(
        &self,
        tape: &Tape,
        (number, layer): (usize, &Layer),
        x: &Var,
        steps: &TimeMajor,
        state: &StateVars,
        after: &mut StateVars,
    ) -> Result<Var> {
        let parameter = |id| tape.parameter(&self.store, id);
        let (input_weight, bias) = (parameter(layer.input_weight), parameter(layer.bias));
        let recurrent_weight =
            self.drop_weight(tape, number, &parameter(layer.recurrent_weight))?;
        let weights = (&input_weight, &recurrent_weight, &bias);
        let h = &state.h[number];
        let (y, h) = match (self.config.unit, layer.hidden_bias) {
            (Unit::Lstm, _) => {
                let output = lstm(tape, x, weights, (h, &state.c[number]), steps)?;
                after.c.push(output.c);
                (output.y, output.h)
            }
            (_, Some(hidden_bias)) => {
                let weights = GruWeights {
                    input_weight: &input_weight,
                    recurrent_weight: &recurrent_weight,
                    bias: &bias,
                    hidden_bias: &parameter(hidden_bias),
                };
                gru(tape, x, weights, h, steps)?
            }
            (_, None) => rnn(tape, x, weights, h, steps)?,
        };
        after.h.push(h);
        Ok(y)
    }

    /// Dropout on the recurrent weights.
    fn drop_weight(&self, tape: &Tape, number: usize, weight: &Var) -> Result<Var> {
        if self.config.weight_drop == 0.0 {
            return Ok(weight.clone());
        }
        let rows = weight.shape().rows() as u32;
        let coordinates: Vec<u32> = (0..rows).flat_map(|row| [row, 0]).collect();
        let coordinates = tape.device().ids(&coordinates, [rows as usize, 2])?;
        let name = format!("layers.{number}.weight_drop");
        dropout(tape, weight, &coordinates, self.config.weight_drop, &name)
    }

    /// Scores of each row's own word, `[rows]`, and of words that all rows share, `[rows, shared]`:
    /// `words` are the rows' own, then the shared ones.
    ///
    /// # Errors
    /// If there are fewer words than rows, a word was not announced to [`LanguageModel::tables`], or
    /// the device failed.
    pub fn scores(
        &self,
        tape: &Tape,
        tables: &Tables,
        hidden: &Var,
        words: &[u32],
    ) -> Result<(Var, Var)> {
        let vectors = tables.output.look_up(tape, words)?;
        let bias = tables.output_bias.look_up(tape, words)?;
        candidate_scores(tape, hidden, &vectors, &bias)
    }

    /// Scores of all words, `[rows, words]`.
    ///
    /// # Errors
    /// If the tables are row-sparse and the tape records, or the device failed.
    pub fn logits(&self, tape: &Tape, tables: &Tables, hidden: &Var) -> Result<Var> {
        let (weight, bias) = (tables.output.whole()?, tables.output_bias.whole()?);
        linear_transposed(tape, hidden, weight, Some(bias))
    }

    /// `ln Σ_w exp s(w, h)` of each row, over the whole vocabulary, `[rows]`; a constant.
    ///
    /// # Errors
    /// If the device failed.
    pub fn log_partition(&self, tape: &Tape, hidden: &Var) -> Result<Var> {
        let parameter = |id| tape.constant(self.store.value(id).clone());
        let (weight, bias) = (parameter(self.output), parameter(self.output_bias));
        log_partition(tape, hidden, &weight, &bias)
    }
}
