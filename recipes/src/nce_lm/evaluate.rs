//! Judging a language model: exactly normalised probabilities, and beside them what its scores claim.

use limbeck_data::language::{END, Sentences, StreamWindows, TokenSource, WindowTokens};
use limbeck_engine::{Tape, TimeMajor};
use limbeck_models::language::{LanguageModel, StateVars};

use crate::error::Result;

/// Positions whose outputs are in memory at once.
const CHUNK: usize = 1024;

/// Sums over predicted tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Perplexity {
    /// Predicted tokens, ends of sentences included.
    pub tokens: u64,
    /// Sum of -ln p, exactly normalised.
    loss: f64,
    /// Sum of -(s - ln Z) with the ln Z that the model takes its scores to have.
    unnormalised: f64,
    /// Sums of ln Σ_w exp(s_w) - ln Z and of its square.
    ln_z: [f64; 2],
}

impl Perplexity {
    /// Takes in a token's score and the logarithm of the sum over all words, both less ln Z.
    fn add(&mut self, score: f64, ln_sum: f64) {
        self.tokens += 1;
        self.loss += ln_sum - score;
        self.unnormalised -= score;
        self.ln_z[0] += ln_sum;
        self.ln_z[1] += ln_sum * ln_sum;
    }

    fn mean(&self, sum: f64) -> f64 {
        sum / self.tokens as f64
    }

    /// Mean of -ln p, in nats.
    pub fn mean_loss(&self) -> f64 {
        self.mean(self.loss)
    }

    /// exp of the mean of -ln p.
    pub fn perplexity(&self) -> f64 {
        self.mean_loss().exp()
    }

    /// Mean of -log₂ p.
    pub fn bits_per_token(&self) -> f64 {
        self.mean_loss() / std::f64::consts::LN_2
    }

    /// The same with scores as they are: a perplexity only as far as the model has learned to
    /// normalise them.
    pub fn unnormalised_perplexity(&self) -> f64 {
        self.mean(self.unnormalised).exp()
    }

    /// Mean of ln Σ_w exp(s_w) - ln Z over positions.
    pub fn mean_log_z(&self) -> f64 {
        self.mean(self.ln_z[0])
    }

    /// Its standard deviation.
    pub fn sd_log_z(&self) -> f64 {
        let mean = self.mean_log_z();
        (self.mean(self.ln_z[1]) - mean * mean).max(0.0).sqrt()
    }
}

/// Reads sequences from a state on: for every position the score of its target and the logarithm of
/// the sum over all words, both less ln Z, in the order of `steps`; and the state behind.
fn judge(
    model: &LanguageModel,
    (inputs, targets): (&[u32], &[u32]),
    steps: &TimeMajor,
    state: &StateVars,
) -> Result<(Vec<(f64, f64)>, StateVars)> {
    let device = model.parameters().device();
    let tape = Tape::inference(device);
    let tables = model.tables(&tape, inputs, targets)?;
    let (hidden, after) = model.read(&tape, &tables, inputs, steps, state)?;
    let (scores, _) = model.scores(&tape, &tables, &hidden, targets)?;
    let ln_sums = model.log_partition(&tape, &hidden)?;
    if device.is_shapes() {
        return Ok((Vec::new(), after));
    }
    let ln_z = model.ln_z(&tape)?;
    let ln_z = ln_z.tensor().item()?;
    let [scores, ln_sums] = [&scores, &ln_sums].map(|read| read.tensor().read_f64());
    let less = |x: f64| x - ln_z;
    let both = scores?.into_iter().map(less);
    let both = both.zip(ln_sums?.into_iter().map(less));
    Ok((both.collect(), after))
}

/// Reads a text as one stream, its state carried through: every token is predicted, the first from
/// the end of a sentence.
///
/// # Errors
/// If the text cannot be read, or the device failed.
pub fn perplexity(model: &LanguageModel, text: &dyn TokenSource) -> Result<Perplexity> {
    let device = model.parameters().device();
    let windows = StreamWindows::new(text.len(), 1, CHUNK)?;
    let tape = Tape::inference(device);
    let mut state = model.initial_state(1)?.constants(&tape);
    let mut tokens = WindowTokens::default();
    let mut sums = Perplexity::default();
    let count = match device.is_shapes() {
        // One window shows all shapes.
        true => 1,
        false => windows.windows(),
    };
    for window in 0..count {
        windows.read(text, window, &mut tokens)?;
        let steps = TimeMajor::new(device, &[tokens.length], 0, 0)?;
        let (judged, after) = judge(model, (&tokens.inputs, &tokens.targets), &steps, &state)?;
        state = after;
        for (score, ln_sum) in judged {
            sums.add(score, ln_sum);
        }
    }
    Ok(sums)
}

/// What a model makes of one sentence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SentenceScore {
    /// Tokens, the end of the sentence included.
    pub tokens: usize,
    /// ln p of the sentence, exactly normalised.
    pub ln_p: f64,
    /// The sum of its scores less ln Z.
    pub unnormalised_ln_p: f64,
}

/// ln p of every sentence on its own, from a state of zeros: for ranking alternatives.
///
/// # Errors
/// If the text cannot be read, or the device failed.
pub fn sentence_scores(
    model: &LanguageModel,
    sentences: &Sentences,
    mut each: impl FnMut(SentenceScore) -> Result<()>,
) -> Result<()> {
    let device = model.parameters().device();
    let mut targets = Vec::new();
    for number in 0..sentences.len() {
        sentences.read(number, &mut targets)?;
        let tape = Tape::inference(device);
        let mut state = model.initial_state(1)?.constants(&tape);
        let mut score = SentenceScore {
            tokens: targets.len(),
            ln_p: 0.0,
            unnormalised_ln_p: 0.0,
        };
        let mut before = END;
        for targets in targets.chunks(CHUNK) {
            let inputs: Vec<u32> = std::iter::once(before)
                .chain(targets.iter().copied())
                .take(targets.len())
                .collect();
            before = targets[targets.len() - 1];
            let steps = TimeMajor::new(device, &[targets.len()], 0, 0)?;
            let (judged, after) = judge(model, (&inputs, targets), &steps, &state)?;
            state = after;
            for (own, ln_sum) in judged {
                score.ln_p += own - ln_sum;
                score.unnormalised_ln_p += own;
            }
        }
        each(score)?;
    }
    Ok(())
}
