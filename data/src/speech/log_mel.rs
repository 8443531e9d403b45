//! Log-mel energies: what a network hears in the place of samples.
//!
//! Short windows of the signal, weighted with a Hann window, are turned into power spectra; triangles
//! that are equally wide on the mel scale add the power of neighbouring frequencies; the logarithm
//! follows what an ear makes of loudness. As in "The HTK Book" (Young et al. 2006, section 5.4), but with
//! power in the place of magnitude and no pre-emphasis:
//!
//! ```text
//! mel(f)  = 2595 log10(1 + f / 700)
//! w[n]    = 0.5 - 0.5 cos(2π n / N),  n = 0 .. N-1                    N samples of a window
//! P_t[k]  = |Σ_n w[n] x[t hop + n] exp(-2πi k n / F)|²,  k = 0 .. F/2 F = the next power of 2
//! E_t[b]  = Σ_k triangle_b(mel(k rate / F)) P_t[k]
//! v_t[b]  = ln max(floor, E_t[b])
//! ```
//!
//! `triangle_b` rises in a straight line over mel from 0 at point `b` to 1 at point `b + 1` and falls to 0
//! at point `b + 2`; the `bins + 2` points cut the mel scale between `low_hz` and `high_hz` evenly.
//!
//! The spectrum is calculated in f64 by an FFT that picks its inner loops by processor, so that another
//! processor may give another last bit of a few values.

use std::f64::consts::PI;
use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex};
use serde::{Deserialize, Serialize};

use crate::error::{DataError, Result};

/// The longest window in samples: far beyond what is of use, so that no option asks for gigabytes.
const LONGEST_WINDOW: usize = 1 << 16;

/// How features are calculated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogMelOptions {
    /// Samples a second of the sound; default 8000.
    pub sample_rate: u32,
    /// Length of a window in milliseconds; default 25.
    pub window_ms: f64,
    /// From the beginning of a window to that of the next, in milliseconds; default 10.
    pub hop_ms: f64,
    /// Energies of a frame; default 40.
    pub bins: usize,
    /// The lowest frequency; default 20.
    pub low_hz: f64,
    /// The highest frequency; half the sample rate if it is not given.
    pub high_hz: Option<f64>,
    /// What an energy is at least: the logarithm of 0 is not finite. The default, 1e-8, is below what
    /// the rounding of 16-bit samples leaves in a frequency.
    pub floor: f64,
}

impl Default for LogMelOptions {
    fn default() -> Self {
        Self {
            sample_rate: 8000,
            window_ms: 25.0,
            hop_ms: 10.0,
            bins: 40,
            low_hz: 20.0,
            high_hz: None,
            floor: 1e-8,
        }
    }
}

/// Features of a clip.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogMelFrames {
    /// Windows.
    pub frames: usize,
    /// Energies of each.
    pub bins: usize,
    /// `[frames, bins]`, row-major; natural logarithms, low frequencies first.
    pub values: Vec<f32>,
}

/// What is calculated once for all clips: window, triangles and FFT.
///
/// ```
/// use limbeck_data::speech::{LogMel, LogMelOptions};
/// let mel = LogMel::new(&LogMelOptions { bins: 20, ..LogMelOptions::default() })?;
/// let silence = mel.features(&[0.0; 1000]);
/// assert_eq!((silence.frames, silence.bins), (11, 20));
/// assert!(silence.values.iter().all(|&value| value == 1e-8f64.ln() as f32));
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
#[derive(Clone)]
pub struct LogMel {
    window: Vec<f64>,
    hop: usize,
    triangles: Vec<Triangle>,
    floor: f64,
    fft: Arc<dyn RealToComplex<f64>>,
}

/// Weights of the frequencies from `first` on.
#[derive(Clone)]
struct Triangle {
    first: usize,
    weights: Vec<f64>,
}

impl LogMel {
    /// Prepares the calculation. Window and hop are rounded to whole samples.
    ///
    /// # Errors
    /// A sample rate, window, hop, floor or number of bins that is not positive; a window of more than
    /// 65,536 samples; frequencies that do not rise from 0 to half the sample rate; so many bins that one
    /// has no frequency of the spectrum in it.
    pub fn new(options: &LogMelOptions) -> Result<Self> {
        let window = samples("window_ms", options.window_ms, options.sample_rate)?;
        let hop = samples("hop_ms", options.hop_ms, options.sample_rate)?;
        let floor = options.floor;
        if !(floor > 0.0 && floor.is_finite()) {
            return Err(DataError::option("floor", "an energy above 0", floor));
        }
        let size = window.next_power_of_two();
        let hann = |n: usize| 0.5 - 0.5 * (2.0 * PI * n as f64 / window as f64).cos();
        Ok(Self {
            triangles: triangles(options, size)?,
            window: (0..window).map(hann).collect(),
            hop,
            floor,
            fft: RealFftPlanner::new().plan_fft_forward(size),
        })
    }

    /// Energies of a frame.
    pub fn bins(&self) -> usize {
        self.triangles.len()
    }

    /// The number of frames of so many samples: `1 + (samples - window) / hop`, rounded down, and 1 for
    /// fewer than a window, which are followed by silence. What does not fill a window at the end of a
    /// longer clip is not heard.
    pub fn frames(&self, samples: usize) -> usize {
        1 + samples.saturating_sub(self.window.len()) / self.hop
    }

    /// The sample in the middle of a frame.
    pub fn centre(&self, frame: usize) -> usize {
        frame * self.hop + self.window.len() / 2
    }

    /// The features of a clip, whose samples have the options' rate. At least one frame, and always finite
    /// numbers if the samples are.
    pub fn features(&self, samples: &[f32]) -> LogMelFrames {
        let frames = self.frames(samples.len());
        let mut signal = self.fft.make_input_vec();
        let mut spectrum = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        let mut values = Vec::with_capacity(frames * self.bins());
        for frame in 0..frames {
            signal.fill(0.0);
            let heard = samples.get(frame * self.hop..).unwrap_or_default();
            for ((value, &weight), &sample) in signal.iter_mut().zip(&self.window).zip(heard) {
                *value = weight * f64::from(sample);
            }
            self.fft
                .process_with_scratch(&mut signal, &mut spectrum, &mut scratch)
                .expect("buffers that the plan itself has made");
            values.extend(self.triangles.iter().map(|triangle| {
                let heard = spectrum[triangle.first..].iter().zip(&triangle.weights);
                let energy: f64 = heard.map(|(k, weight)| k.norm_sqr() * weight).sum();
                energy.max(self.floor).ln() as f32
            }));
        }
        LogMelFrames {
            frames,
            bins: self.bins(),
            values,
        }
    }
}

/// A time in milliseconds as whole samples.
fn samples(name: &str, milliseconds: f64, rate: u32) -> Result<usize> {
    let samples = (milliseconds * f64::from(rate) / 1000.0).round();
    if samples >= 1.0 && samples <= LONGEST_WINDOW as f64 {
        return Ok(samples as usize);
    }
    let expected = format!("a time of 1 to {LONGEST_WINDOW} samples at {rate} a second");
    Err(DataError::option(name, expected, milliseconds))
}

fn mel(hertz: f64) -> f64 {
    2595.0 * (1.0 + hertz / 700.0).log10()
}

/// The triangles over a spectrum of an FFT of `size` samples.
fn triangles(options: &LogMelOptions, size: usize) -> Result<Vec<Triangle>> {
    let rate = f64::from(options.sample_rate);
    let (low, high) = (options.low_hz, options.high_hz.unwrap_or(rate / 2.0));
    if !(0.0 <= low && low < high && high <= rate / 2.0) {
        let expected = format!(
            "0 <= low_hz < high_hz <= half the sample rate, {}",
            rate / 2.0
        );
        return Err(DataError::option(
            "low_hz",
            expected,
            format!("{low} and {high}"),
        ));
    }
    let frequencies: Vec<f64> = (0..=size / 2)
        .map(|k| mel(k as f64 * rate / size as f64))
        .collect();
    let most = frequencies.len();
    if !(1..=most).contains(&options.bins) {
        let expected = format!("from 1 to the number of frequencies, {most}");
        return Err(DataError::option("bins", expected, options.bins));
    }
    let width = (mel(high) - mel(low)) / (options.bins + 1) as f64;
    let triangle = |bin: usize| {
        let top = mel(low) + (bin + 1) as f64 * width;
        let weight = |mel: f64| (1.0 - (mel - top).abs() / width).max(0.0);
        let first = frequencies.iter().position(|&mel| weight(mel) > 0.0)?;
        let weights = frequencies[first..].iter().map(|&mel| weight(mel));
        Some(Triangle {
            first,
            weights: weights.take_while(|&weight| weight > 0.0).collect(),
        })
    };
    let triangles: Option<Vec<_>> = (0..options.bins).map(triangle).collect();
    triangles.ok_or_else(|| {
        let expected = format!(
            "so few that each has one of the {most} frequencies of a window of {} ms between {low} and \
             {high} Hz in it; use fewer bins or a longer window",
            options.window_ms
        );
        DataError::option("bins", expected, options.bins)
    })
}
