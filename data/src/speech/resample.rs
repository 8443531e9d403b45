//! Another sample rate, by a windowed sinc.
//!
//! A signal without frequencies above half its sample rate is the sum of its samples times shifted sincs
//! (Whittaker, Shannon). Read at other times, with the sinc stretched to the lower of the two rates, it
//! has the new rate, and what the lower rate cannot carry is gone. The sinc is cut by a Hann window
//! after 32 zero crossings on each side (J. O. Smith, "Digital Audio Resampling", 1984 to 2020):
//!
//! ```text
//! y[j] = Σ_k x[k] h(j in/out - k)      h(t) = s sinc(s t) (0.5 + 0.5 cos(π s t / 32)),  |s t| < 32
//! s    = min(1, out/in)
//! ```
//!
//! `in/out` as a fraction in lowest terms has `L` as denominator, so that `h` is read at `L` phases
//! only. The weights of a phase are scaled to the sum 1, which keeps a constant what it is. There is
//! silence before the first sample and after the last.

use std::f64::consts::PI;

use super::Waveform;
use crate::error::{DataError, Result};

/// Zero crossings of the sinc on each side.
const CROSSINGS: f64 = 32.0;
/// The largest quotient of two rates: more would be a header that is wrong, and costs memory.
const MOST: u32 = 64;

impl Waveform {
    /// The sound at `rate` samples a second: `⌈samples * rate / sample_rate⌉` of them. Frequencies
    /// within 6 % of the lower of the two Nyquist frequencies are damped.
    ///
    /// # Errors
    /// The rate is 0, or either rate is more than 64 times the other.
    ///
    /// ```
    /// use limbeck_data::speech::Waveform;
    /// let second = Waveform { sample_rate: 16_000, samples: vec![0.5; 16_000] };
    /// assert_eq!(second.resampled(8_000)?.samples.len(), 8_000);
    /// # Ok::<(), limbeck_data::DataError>(())
    /// ```
    pub fn resampled(&self, rate: u32) -> Result<Self> {
        let from = self.sample_rate;
        if from == rate && rate > 0 {
            return Ok(self.clone());
        }
        let (low, high) = (from.min(rate), from.max(rate));
        if low == 0 || high / low > MOST {
            let expected = format!("a rate within {MOST} times that of the sound, {from}");
            return Err(DataError::option("sample_rate", expected, rate));
        }
        let common = common_divisor(u64::from(from), u64::from(rate));
        let (step, phases) = (u64::from(from) / common, u64::from(rate) / common);
        let length = (self.samples.len() as u64 * u64::from(rate)).div_ceil(u64::from(from));
        let mut samples = vec![0.0; length as usize];
        let scale = (f64::from(rate) / f64::from(from)).min(1.0);
        for phase in 0..phases.min(length) {
            let position = phase * step;
            let (first, weights) = weights((position % phases) as f64 / phases as f64, scale);
            for (round, sample) in samples[phase as usize..]
                .iter_mut()
                .step_by(phases as usize)
                .enumerate()
            {
                let at = (position / phases) as i64 + round as i64 * step as i64 + first;
                *sample = weighted(&self.samples, at, &weights) as f32;
            }
        }
        Ok(Self {
            sample_rate: rate,
            samples,
        })
    }
}

/// The weights of the samples around a time that is `fraction` of a step behind one of them, and the
/// place of the first weight relative to that sample.
fn weights(fraction: f64, scale: f64) -> (i64, Vec<f64>) {
    let reach = (CROSSINGS / scale).ceil() as i64;
    let mut weights: Vec<f64> = (-reach..=reach)
        .map(|k| window_sinc(scale * (fraction - k as f64)))
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    (-reach, weights)
}

/// The windowed sinc, `x` in zero crossings.
fn window_sinc(x: f64) -> f64 {
    if x.abs() >= CROSSINGS {
        0.0
    } else if x == 0.0 {
        1.0
    } else {
        (PI * x).sin() / (PI * x) * (0.5 + 0.5 * (PI * x / CROSSINGS).cos())
    }
}

/// Σ weights[i] samples[first + i] over the samples that there are.
fn weighted(samples: &[f32], first: i64, weights: &[f64]) -> f64 {
    let absent = usize::try_from(-first).unwrap_or(0).min(weights.len());
    let first = usize::try_from(first).unwrap_or(0).min(samples.len());
    let pairs = samples[first..].iter().zip(&weights[absent..]);
    pairs
        .map(|(&sample, weight)| f64::from(sample) * weight)
        .sum()
}

fn common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(rate: u32, hertz: f64, samples: usize) -> Waveform {
        let at = |n: usize| (2.0 * PI * hertz * n as f64 / f64::from(rate)).sin() as f32;
        Waveform {
            sample_rate: rate,
            samples: (0..samples).map(at).collect(),
        }
    }

    /// The largest difference, more than 10 ms away from the ends, where the sum is whole.
    fn apart(found: &Waveform, expected: &Waveform) -> f32 {
        assert_eq!(found.sample_rate, expected.sample_rate);
        assert_eq!(found.samples.len(), expected.samples.len());
        let edge = found.sample_rate as usize / 100;
        let pairs = found.samples.iter().zip(&expected.samples);
        let inner = pairs.skip(edge).take(found.samples.len() - 2 * edge);
        inner.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_sine_stays_the_sine_at_any_rate() {
        // 200 ms each; the frequencies are well below both Nyquist frequencies.
        for (from, to, hertz) in [
            (16_000, 8_000, 1_000.0),
            (8_000, 16_000, 3_000.0),
            (44_100, 8_000, 440.0),
            (22_050, 16_000, 5_000.0),
            (8_000, 8_001, 2_000.0),
        ] {
            let samples = from as usize / 5;
            let expected = (samples as u64 * u64::from(to)).div_ceil(u64::from(from)) as usize;
            let found = sine(from, hertz, samples).resampled(to).expect("a rate");
            // The images are at least four widths of the window's main lobe beyond the border, where
            // its side lobes let about 2e-4 (-74 dB) through.
            let error = apart(&found, &sine(to, hertz, expected));
            assert!(error < 4e-4, "{from} to {to}: {error}");
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_carry_is_gone() {
        let found = sine(16_000, 6_000.0, 3_200)
            .resampled(8_000)
            .expect("a rate");
        let silence = Waveform {
            sample_rate: 8_000,
            samples: vec![0.0; 1_600],
        };
        // As above, but eight widths beyond: the side lobes fall by 18 dB an octave.
        assert!(apart(&found, &silence) < 1e-4);
    }

    #[test]
    fn a_constant_stays_and_the_same_rate_changes_nothing() {
        let constant = |rate, samples| Waveform {
            sample_rate: rate,
            samples: vec![0.25; samples],
        };
        let found = constant(11_025, 2_000).resampled(16_000).expect("a rate");
        // The weights have the sum 1; one rounding to f32.
        assert!(apart(&found, &constant(16_000, found.samples.len())) < 1e-7);
        let sound = sine(8_000, 440.0, 77);
        assert_eq!(sound.resampled(8_000).expect("a rate"), sound);
    }

    #[test]
    fn short_sounds_and_impossible_rates() {
        for samples in 0..5 {
            let found = sine(8_000, 440.0, samples)
                .resampled(3_000)
                .expect("a rate");
            assert_eq!(found.samples.len(), (samples * 3).div_ceil(8));
        }
        for (from, to) in [
            (8_000, 0),
            (0, 8_000),
            (0, 0),
            (123, 8_000),
            (u32::MAX, 8_000),
        ] {
            let sound = Waveform {
                sample_rate: from,
                samples: vec![0.0; 10],
            };
            let error = sound.resampled(to).unwrap_err().to_string();
            assert!(error.contains("within 64 times"), "{error}");
        }
    }
}
