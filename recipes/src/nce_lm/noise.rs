//! The law of the noise words, and draws from it.

use std::path::Path;

use limbeck_data::language::LanguageVocabulary;
use limbeck_data::{DataError, language};
use limbeck_engine::Stream;

use super::options::{NceLmOptions, Noise};
use crate::error::Result;

/// A law over words, to draw from in constant time (Walker 1977, tables as by Vose 1991): a draw
/// chooses a word evenly, and keeps it or takes its alias. Everything a draw needs is u32, so that
/// draws are the same everywhere.
///
/// ```
/// use limbeck_recipes::nce_lm::NoiseLaw;
/// let law = NoiseLaw::new(&[3.0, 1.0]);
/// assert_eq!(law.ln_q(0), 0.75f32.ln());
/// let group = law.draw(1, 0, 0, 1000);
/// let first = group.iter().filter(|&&word| word == 0).count();
/// assert!((700..800).contains(&first));
/// ```
#[derive(Clone, Debug)]
pub struct NoiseLaw {
    /// ln q of every word.
    ln_q: Vec<f32>,
    /// Below this a word chosen evenly is kept.
    thresholds: Vec<u32>,
    aliases: Vec<u32>,
}

/// A word's probability is at least this share of the even one: NCE asks for q > 0.
const FLOOR: f64 = 1e-6;

impl NoiseLaw {
    /// The law with these weights, one per word. None may be negative or not finite, and one at least
    /// must be above 0.
    pub fn new(weights: &[f64]) -> Self {
        let even = weights.iter().sum::<f64>() / weights.len() as f64;
        let floored: Vec<f64> = weights.iter().map(|w| w.max(FLOOR * even)).collect();
        let total: f64 = floored.iter().sum();
        let q: Vec<f64> = floored.iter().map(|w| w / total).collect();
        let (thresholds, aliases) = alias_tables(&q);
        NoiseLaw {
            ln_q: q.iter().map(|q| q.ln() as f32).collect(),
            thresholds,
            aliases,
        }
    }

    /// The law that the options ask for, over the words of the training text.
    ///
    /// # Errors
    /// If a library cannot be read, or names a word that is not in the vocabulary.
    pub fn of(
        options: &NceLmOptions,
        vocabulary: &LanguageVocabulary,
        counts: &[u64],
    ) -> Result<Self> {
        let words = vocabulary.len();
        let weights: Vec<f64> = match options.noise {
            Noise::Uniform => vec![1.0; words],
            Noise::Unigram => counts
                .iter()
                .map(|&count| (count as f64).powf(options.noise_power))
                .collect(),
            // Ids are ranks, but that the end of sentences stands first.
            Noise::LogUniform => (0..words)
                .map(|rank| ((rank as f64 + 2.0) / (rank as f64 + 1.0)).ln())
                .collect(),
            Noise::Library => library(&options.library, vocabulary)?,
        };
        Ok(NoiseLaw::new(&weights))
    }

    /// ln q of a word.
    pub fn ln_q(&self, word: u32) -> f32 {
        self.ln_q[word as usize]
    }

    /// ln q of every word.
    pub fn all_ln_q(&self) -> &[f32] {
        &self.ln_q
    }

    /// Group number `group` of sentence number `sentence` in the run with this seed: `size` words,
    /// with replacement.
    pub fn draw(&self, seed: u64, sentence: u64, group: u32, size: usize) -> Vec<u32> {
        let stream = Stream::new(seed, "noise", sentence as u32);
        let above = (sentence >> 32) as u32;
        let draw = |i: u32| {
            let [choice, keep, ..] = stream.block(group, i, above);
            let word = ((u64::from(choice) * self.thresholds.len() as u64) >> 32) as usize;
            match keep < self.thresholds[word] {
                true => word as u32,
                false => self.aliases[word],
            }
        };
        (0..size as u32).map(draw).collect()
    }
}

/// Thresholds and aliases: words with less than an even share are filled up by those with more.
fn alias_tables(q: &[f64]) -> (Vec<u32>, Vec<u32>) {
    let words = q.len();
    let mut shares: Vec<f64> = q.iter().map(|q| q * words as f64).collect();
    let mut thresholds = vec![u32::MAX; words];
    let mut aliases: Vec<u32> = (0..words as u32).collect();
    let (mut small, mut large): (Vec<usize>, Vec<usize>) =
        (0..words).partition(|&word| shares[word] < 1.0);
    while let (Some(under), Some(&over)) = (small.pop(), large.last()) {
        thresholds[under] = (shares[under] * 4_294_967_296.0) as u32;
        aliases[under] = over as u32;
        shares[over] -= 1.0 - shares[under];
        if shares[over] < 1.0 {
            large.pop();
            small.push(over);
        }
    }
    // What is left has a share of 1, but for rounding, and is its own alias.
    (thresholds, aliases)
}

/// The weights of a library: a word and, behind a tab, its weight (1 if there is none) a line.
fn library(path: &Path, vocabulary: &LanguageVocabulary) -> Result<Vec<f64>> {
    let text = std::fs::read_to_string(path).map_err(|source| DataError::Io {
        path: path.into(),
        source,
    })?;
    let mut weights = vec![0.0; vocabulary.len()];
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        let refuse = |expected: &str, found: &str, advice: &str| DataError::Line {
            path: path.into(),
            line: number,
            expected: expected.into(),
            found: format!("{found:?}"),
            advice: advice.into(),
        };
        let (word, weight) = line.split_once('\t').unwrap_or((line, "1"));
        let known = match word.trim() {
            language::END_OF_SENTENCE => Some(vocabulary.end()),
            word => vocabulary
                .tokens()
                .iter()
                .position(|t| t == word)
                .map(|at| at as u32),
        };
        let id = known.ok_or_else(|| {
            let advice = "Take the line out, or train with a text that has the word";
            refuse("a word of the training text", word, advice)
        })?;
        let weight: f64 = weight.trim().parse().unwrap_or(f64::NAN);
        if !(weight.is_finite() && weight > 0.0) {
            let advice = "Write the word, a tab, and its weight";
            return Err(refuse("a weight above 0", line, advice).into());
        }
        weights[id as usize] += weight;
    }
    if weights.iter().all(|weight| *weight == 0.0) {
        return Err(DataError::Empty {
            path: path.into(),
            expected: "a word and its weight, with a tab between them, a line".into(),
        }
        .into());
    }
    Ok(weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_hold_the_law() {
        for weights in [vec![1.0], vec![1.0; 7], vec![5.0, 1.0, 0.0, 2.0, 0.5]] {
            let law = NoiseLaw::new(&weights);
            let n = weights.len();
            let mut mass = vec![0.0; n];
            for word in 0..n {
                let kept = (f64::from(law.thresholds[word]) + 1.0) / 4_294_967_296.0;
                mass[word] += kept / n as f64;
                mass[law.aliases[word] as usize] += (1.0 - kept) / n as f64;
            }
            for (mass, ln_q) in mass.iter().zip(&law.ln_q) {
                assert!((mass - f64::from(*ln_q).exp()).abs() < 1e-7, "{weights:?}");
            }
        }
    }

    #[test]
    fn a_million_draws_follow_the_law_and_seeds_differ() {
        // Chi-square with 9 degrees of freedom: 1 % beyond 21.67.
        let weights: Vec<f64> = (1..=10).map(f64::from).collect();
        let law = NoiseLaw::new(&weights);
        let mut counts = [0u32; 10];
        for sentence in 0..1000 {
            for word in law.draw(3, sentence, 0, 1000) {
                counts[word as usize] += 1;
            }
        }
        let expected = |word: usize| 1e6 * weights[word] / 55.0;
        let chi_square: f64 = (0..10)
            .map(|word| (f64::from(counts[word]) - expected(word)).powi(2) / expected(word))
            .sum();
        assert!(chi_square < 21.67, "{chi_square}");
        assert_eq!(law.draw(3, 5, 1, 50), law.draw(3, 5, 1, 50));
        for (seed, sentence, group) in [(4, 5, 1), (3, 6, 1), (3, 5, 2), (3, 5 + (1 << 32), 1)] {
            assert_ne!(law.draw(3, 5, 1, 50), law.draw(seed, sentence, group, 50));
        }
    }

    #[test]
    fn words_without_weight_have_a_probability_above_zero() {
        let law = NoiseLaw::new(&[1.0, 0.0]);
        assert!(law.ln_q(1).is_finite() && law.ln_q(1) < -13.0);
    }
}
