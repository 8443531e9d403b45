//! Text from a model, a word at a time.

use limbeck_engine::{Stream, Tape, TimeMajor};
use limbeck_models::language::State;

use super::model::TextGenerator;
use crate::error::Result;

/// How the next word is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Scores are divided by it: below 1 the likelier words become likelier still; 0 takes the
    /// likeliest.
    pub temperature: f64,
    /// Only so many of the likeliest words may come; 0 for all.
    pub top_k: usize,
    /// Only the likeliest words that together have this probability may come; 1 for all.
    pub top_p: f64,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Sampling {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            seed: 1,
        }
    }
}

impl Sampling {
    /// The next word, by the scores of all words; `number` counts the draws.
    fn choose(&self, scores: &[f32], number: u64) -> u32 {
        let mut order: Vec<u32> = (0..scores.len() as u32).collect();
        let score = |word: u32| f64::from(scores[word as usize]);
        // Of equal scores the lower id comes first, so that a choice repeats.
        order.sort_by(|&a, &b| score(b).total_cmp(&score(a)).then(a.cmp(&b)));
        if self.temperature == 0.0 {
            return order[0];
        }
        let kept = match self.top_k {
            0 => order.len(),
            k => k.min(order.len()),
        };
        let power = |&word: &u32| ((score(word) - score(order[0])) / self.temperature).exp();
        let powers: Vec<f64> = order[..kept].iter().map(power).collect();
        let total: f64 = powers.iter().sum();
        // The shortest beginning that has the probability asked for, and one word at least.
        let mut mass = 0.0;
        let mut nucleus = 0;
        while nucleus < kept && (nucleus == 0 || mass < self.top_p * total) {
            mass += powers[nucleus];
            nucleus += 1;
        }
        let stream = Stream::new(self.seed, "generate", (number >> 32) as u32);
        let draw = stream.uniform(number as u32, 0) * mass;
        let mut reached = 0.0;
        for (word, power) in order.iter().zip(&powers[..nucleus]) {
            reached += power;
            if draw < reached {
                return *word;
            }
        }
        order[nucleus - 1]
    }
}

/// A text in the making.
pub struct Generator<'a> {
    model: &'a TextGenerator,
    sampling: Sampling,
    state: State,
    /// Words that were not read yet.
    unread: Vec<u32>,
    drawn: u64,
}

impl<'a> Generator<'a> {
    /// Goes on from a beginning; an empty one is the beginning of a sentence.
    ///
    /// # Errors
    /// If the beginning has a word that the model does not know, or the device failed.
    pub fn new(model: &'a TextGenerator, beginning: &str, sampling: Sampling) -> Result<Self> {
        let mut unread = vec![model.vocabulary().end()];
        unread.extend(model.vocabulary().encode_prompt(beginning)?);
        Ok(Generator {
            state: model.model().initial_state(1)?,
            model,
            sampling,
            unread,
            drawn: 0,
        })
    }

    /// The next word.
    ///
    /// # Errors
    /// If the device failed.
    pub fn next_word(&mut self) -> Result<u32> {
        let model = self.model.model();
        let device = model.parameters().device();
        let tape = Tape::inference(device);
        let steps = TimeMajor::new(device, &[self.unread.len()], 0, 0)?;
        let tables = model.tables(&tape, &self.unread, &[])?;
        let state = self.state.constants(&tape);
        let (hidden, after) = model.read(&tape, &tables, &self.unread, &steps, &state)?;
        let last = limbeck_kernels::gather_rows(&tape, &hidden, &[self.unread.len() as u32 - 1])?;
        let scores = model.logits(&tape, &tables, &last)?.tensor().read()?;
        let word = self.sampling.choose(&scores, self.drawn);
        self.drawn += 1;
        self.state = after.value();
        self.unread = vec![word];
        Ok(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCORES: [f32; 4] = [0.0, 2.0, 1.0, 2.0];

    fn chosen(sampling: Sampling) -> Vec<u32> {
        let mut words: Vec<u32> = (0..500).map(|n| sampling.choose(&SCORES, n)).collect();
        words.sort_unstable();
        words.dedup();
        words
    }

    #[test]
    fn temperature_and_cuts_narrow_the_choice() {
        let plain = Sampling::default();
        assert_eq!(chosen(plain), [0, 1, 2, 3]);
        assert_eq!(
            chosen(Sampling {
                temperature: 0.0,
                ..plain
            }),
            [1]
        );
        assert_eq!(chosen(Sampling { top_k: 2, ..plain }), [1, 3]);
        assert_eq!(chosen(Sampling { top_k: 1, ..plain }), [1]);
        // Two words have 0.39 each.
        assert_eq!(
            chosen(Sampling {
                top_p: 0.5,
                ..plain
            }),
            [1, 3]
        );
        assert_eq!(
            chosen(Sampling {
                top_p: 0.3,
                ..plain
            }),
            [1]
        );
    }

    #[test]
    fn draws_follow_the_probabilities_and_the_seed() {
        let sampling = Sampling::default();
        let words: Vec<u32> = (0..10_000).map(|n| sampling.choose(&SCORES, n)).collect();
        let share = |word| words.iter().filter(|&&w| w == word).count() as f64 / 10_000.0;
        let total = 1.0 + 2.0 * 2f64.exp() + 1f64.exp();
        for (word, score) in (0..).zip(SCORES) {
            // Four standard errors of a share.
            assert!((share(word) - f64::from(score).exp() / total).abs() < 0.02);
        }
        let other = Sampling {
            seed: 2,
            ..sampling
        };
        assert!((0..50).any(|n| other.choose(&SCORES, n) != sampling.choose(&SCORES, n)));
    }
}
