//! Log-mel energies against a plain transform, and their scale.

use std::f64::consts::PI;

use limbeck_data::rng::Rng;
use limbeck_data::speech::{FrameScale, LogMel, LogMelFrames, LogMelOptions};

fn features(options: &LogMelOptions, samples: &[f32]) -> LogMelFrames {
    LogMel::new(options)
        .expect("good options")
        .features(samples)
}

fn noise(samples: usize) -> Vec<f32> {
    let mut rng = Rng::new(3, "noise", &[]);
    (0..samples).map(|_| (rng.unit() - 0.5) as f32).collect()
}

/// The formula as it stands: a discrete Fourier transform of `size` terms, and triangles over mel.
fn reference(options: &LogMelOptions, samples: &[f32], window: usize, hop: usize) -> Vec<f64> {
    let rate = f64::from(options.sample_rate);
    let size = window.next_power_of_two();
    let mel = |hertz: f64| 2595.0 * (1.0 + hertz / 700.0).log10();
    let high = options.high_hz.unwrap_or(rate / 2.0);
    let point = |n: usize| {
        let share = n as f64 / (options.bins + 1) as f64;
        mel(options.low_hz) * (1.0 - share) + mel(high) * share
    };
    let frames = 1 + samples.len().saturating_sub(window) / hop;
    let mut values = Vec::new();
    for frame in 0..frames {
        let power = |k: usize| {
            let (mut real, mut imaginary) = (0.0, 0.0);
            for n in 0..window {
                let hann = 0.5 - 0.5 * (2.0 * PI * n as f64 / window as f64).cos();
                let sample = samples.get(frame * hop + n).copied().unwrap_or(0.0);
                let angle = -2.0 * PI * (k * n % size) as f64 / size as f64;
                real += hann * f64::from(sample) * angle.cos();
                imaginary += hann * f64::from(sample) * angle.sin();
            }
            real * real + imaginary * imaginary
        };
        let powers: Vec<f64> = (0..=size / 2).map(power).collect();
        for bin in 0..options.bins {
            let (left, top, right) = (point(bin), point(bin + 1), point(bin + 2));
            let weight = |k: usize| {
                let at = mel(k as f64 * rate / size as f64);
                if left < at && at <= top {
                    (at - left) / (top - left)
                } else if top < at && at < right {
                    (right - at) / (right - top)
                } else {
                    0.0
                }
            };
            let energy: f64 = powers.iter().enumerate().map(|(k, p)| weight(k) * p).sum();
            values.push(energy.max(options.floor).ln());
        }
    }
    values
}

#[test]
fn features_are_those_of_a_plain_transform() {
    let defaults = LogMelOptions::default();
    let other = LogMelOptions {
        sample_rate: 16_000,
        window_ms: 20.0,
        hop_ms: 12.5,
        bins: 23,
        low_hz: 100.0,
        high_hz: Some(7_000.0),
        floor: 10.0,
    };
    // 37 samples are fewer than a window, and are followed by silence.
    for (options, window, hop) in [(&defaults, 200, 80), (&other, 320, 200)] {
        for samples in [37, window, window + hop - 1, window + hop, 1000] {
            let sound = noise(samples);
            let found = features(options, &sound);
            let expected = reference(options, &sound, window, hop);
            assert_eq!(found.bins, options.bins);
            assert_eq!(found.frames, 1 + samples.saturating_sub(window) / hop);
            assert_eq!(found.values.len(), expected.len());
            for (found, expected) in found.values.iter().zip(&expected) {
                // Both sum in f64; logarithms of up to 20 are then rounded to f32 (1e-6).
                assert!(
                    (f64::from(*found) - expected).abs() < 2e-6,
                    "{found} {expected}"
                );
            }
        }
    }
    // With a floor of 10, some of the energies are above it and some are not.
    let found = features(&other, &noise(37));
    let at_floor = found
        .values
        .iter()
        .filter(|&&v| v == 10f64.ln() as f32)
        .count();
    assert!(at_floor > 0, "{found:?}");
}

#[test]
fn a_tone_is_loudest_in_the_bin_around_it() {
    let options = LogMelOptions::default();
    let tone = |hertz: f64| -> Vec<f32> {
        let at = |n: usize| (2.0 * PI * hertz * n as f64 / 8000.0).sin() as f32;
        (0..800).map(at).collect()
    };
    // The top of bin b is at mel 31.75 + 51.57 (b + 1): about 1,000 Hz for b = 18 (1,011.5 mel).
    let found = features(&options, &tone(1011.0));
    for frame in found.values.chunks(40) {
        let loudest = (0..40).max_by(|&a, &b| frame[a].total_cmp(&frame[b]));
        assert_eq!(loudest, Some(18));
    }
}

#[test]
fn silence_is_the_floor_and_nothing_at_all_is_one_frame_of_it() {
    let options = LogMelOptions::default();
    for samples in [0, 1, 5_000] {
        let found = features(&options, &vec![0.0; samples]);
        assert!(found.frames >= 1);
        assert!(found.values.iter().all(|&v| v == 1e-8f64.ln() as f32));
    }
}

#[test]
fn impossible_options_are_named() {
    let good = LogMelOptions::default;
    for (options, words) in [
        (
            LogMelOptions {
                sample_rate: 0,
                ..good()
            },
            ["window_ms", "at 0 a second"],
        ),
        (
            LogMelOptions {
                window_ms: 0.01,
                ..good()
            },
            ["window_ms", "0.01"],
        ),
        (
            LogMelOptions {
                window_ms: 1e9,
                ..good()
            },
            ["window_ms", "65536 samples"],
        ),
        (
            LogMelOptions {
                hop_ms: -10.0,
                ..good()
            },
            ["hop_ms", "-10"],
        ),
        (
            LogMelOptions {
                hop_ms: f64::NAN,
                ..good()
            },
            ["hop_ms", "NaN"],
        ),
        (
            LogMelOptions {
                floor: 0.0,
                ..good()
            },
            ["floor", "above 0"],
        ),
        (LogMelOptions { bins: 0, ..good() }, ["bins", "from 1 to"]),
        (
            LogMelOptions {
                bins: usize::MAX,
                ..good()
            },
            ["bins", "129"],
        ),
        (
            LogMelOptions {
                bins: 100,
                ..good()
            },
            ["bins", "fewer bins or a longer window"],
        ),
        (
            LogMelOptions {
                low_hz: 4000.0,
                ..good()
            },
            ["low_hz", "4000 and 4000"],
        ),
        (
            LogMelOptions {
                high_hz: Some(4001.0),
                ..good()
            },
            ["low_hz", "half the sample rate"],
        ),
        (
            LogMelOptions {
                low_hz: f64::NAN,
                ..good()
            },
            ["low_hz", "NaN"],
        ),
    ] {
        let Err(error) = LogMel::new(&options) else {
            panic!("{options:?} was accepted");
        };
        for word in words {
            assert!(error.to_string().contains(word), "{word:?}: {error}");
        }
    }
}

fn clip(bins: usize, values: &[f32]) -> LogMelFrames {
    LogMelFrames {
        frames: values.len() / bins,
        bins,
        values: values.to_vec(),
    }
}

#[test]
fn a_scale_gives_mean_0_and_deviation_1_over_all_clips() {
    // Bin 0 is 1, 2, 3, 6 (mean 3, deviation √3.5), bin 1 is constant; one clip has no frame.
    let clips = [
        clip(2, &[1.0, 7.0]),
        clip(2, &[]),
        clip(2, &[2.0, 7.0, 3.0, 7.0, 6.0, 7.0]),
    ];
    let scale = FrameScale::fit(&clips).expect("clips");
    assert_eq!(scale.mean(), [3.0, 7.0]);
    assert_eq!(scale.deviation(), [3.5f32.sqrt(), 1.0]);
    let mut last = clips[2].clone();
    scale.apply(&mut last).expect("as many bins");
    let root = 3.5f32.sqrt();
    let expected = [-1.0 / root, 0.0, 0.0, 0.0, 3.0 / root, 0.0];
    assert_eq!(last.values, expected);

    let json = serde_json::to_string(&scale).expect("JSON");
    assert_eq!(
        serde_json::from_str::<FrameScale>(&json).expect("a scale"),
        scale
    );
    for wrong in [
        r#"{"mean":[1.0],"deviation":[]}"#,
        r#"{"mean":[1.0],"deviation":[0.0]}"#,
        r#"{"mean":[1.0],"deviation":[-1.0]}"#,
    ] {
        let error = serde_json::from_str::<FrameScale>(wrong).unwrap_err();
        assert!(error.to_string().contains("as many deviations"), "{error}");
    }
}

#[test]
fn clips_that_do_not_fit_a_scale_are_refused() {
    let refused = |clips: &[LogMelFrames], word: &str| {
        let error = FrameScale::fit(clips).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    };
    refused(&[], "none");
    refused(&[clip(2, &[])], "none");
    refused(&[clip(2, &[1.0, 2.0]), clip(1, &[1.0])], "2 bins and 1");
    refused(&[clip(1, &[1.0, f32::INFINITY])], "not finite");
    let scale = FrameScale::fit(&[clip(2, &[1.0, 2.0])]).expect("a clip");
    let error = scale.apply(&mut clip(1, &[1.0])).unwrap_err();
    assert!(error.to_string().contains("bins: expected 2"), "{error}");
}
