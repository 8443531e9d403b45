//! What the trunks are, seen from outside: directions, residuals, pooling.

use limbeck_engine::{Device, Result};
use limbeck_models::{Classifier, Encoded, FrameInput, SpeechNet, SpeechOutput, SpeechTrunk};

use crate::common::{devices, distance, scores, shake};
use crate::small::{BINS, CLASSES, KINDS, Kind, clip};

/// Of a clip of 5 frames behind one of 4: which frames' scores change when `frame` does. Where a relu
/// passes nothing on, a frame goes unseen; of six clips some pass it.
fn reached(model: &SpeechNet, frame: usize) -> Result<Vec<usize>> {
    let mut changed = [false; 5];
    for number in 1..7 {
        let mut texts = [clip(&[4], 0), clip(&[2, 3], number)];
        let of = |texts: &[FrameInput; 2]| scores(model, &texts.clone().map(Encoded::Frames));
        let before = of(&texts)?;
        texts[1].values[frame * BINS] += 1.0;
        let after = of(&texts)?;
        let device = model.device().name();
        assert_eq!(before[..4 * CLASSES], after[..4 * CLASSES], "{device}");
        for (frame, changed) in changed.iter_mut().enumerate() {
            let row = (4 + frame) * CLASSES..(5 + frame) * CLASSES;
            *changed |= before[row.clone()] != after[row];
        }
    }
    Ok((0..5).filter(|&frame| changed[frame]).collect())
}

#[test]
fn a_frame_is_seen_as_far_as_the_trunk_sees() -> Result<()> {
    for (device, _) in devices() {
        for (kind, seen) in [
            // Kernels of 2 (its own frame and the next) and 3: from one frame before to two behind.
            (Kind::Narrow, &[0, 1, 2, 3][..]),
            (Kind::Wide, &[0, 1, 2, 3]),
            (Kind::Forwards, &[2, 3, 4]),
            (Kind::BothWays, &[0, 1, 2, 3, 4]),
        ] {
            let model = kind.build(SpeechOutput::Frames, &device)?;
            assert_eq!(reached(&model, 2)?, seen, "{kind:?}, {}", device.name());
        }
    }
    Ok(())
}

/// Overwrites numbers of the parameters with zeros: those of which `which` says so by name and place.
fn silence(model: &mut SpeechNet, which: impl Fn(&str, usize) -> bool) -> Result<()> {
    let store = model.parameters_mut();
    let mut values = store.values().read()?;
    for (record, values) in store.records().iter().zip(&mut values) {
        for (place, value) in values.iter_mut().enumerate() {
            if which(&record.name, place) {
                *value = 0.0;
            }
        }
    }
    store.values_mut()?.restore(&values)
}

/// The first half of a state knows the frames before it, the second half those behind it.
#[test]
fn each_direction_sees_its_own_side() -> Result<()> {
    let hidden = 3;
    for (device, _) in devices() {
        // Not the frame in the middle, which is as far from the beginning as from the end.
        for (silent, seen) in [(1, &[1, 2, 3, 4][..]), (0, &[0, 1])] {
            let mut config = Kind::BothWays.config(SpeechOutput::Frames);
            config.trunk = SpeechTrunk::Recurrent {
                hidden_size: hidden,
                layers: 1,
                bidirectional: true,
            };
            let mut model = SpeechNet::new(config, 3, &device)?;
            shake(&mut model)?;
            let half = hidden * CLASSES;
            silence(&mut model, |name, place| {
                name == "classifier.weight" && place / half == silent
            })?;
            assert_eq!(reached(&model, 1)?, seen, "{}", device.name());
        }
    }
    Ok(())
}

/// With silent convolutions only residuals carry anything: from the first one on where there are as
/// many channels as bins, and else only from the second, which reads nothing then.
#[test]
fn residuals_stand_where_widths_agree() -> Result<()> {
    for (kind, seen) in [(Kind::Narrow, vec![2]), (Kind::Wide, vec![])] {
        let mut model = kind.build(SpeechOutput::Frames, &Device::reference())?;
        silence(&mut model, |name, _| name.contains("convolution"))?;
        assert_eq!(reached(&model, 2)?, seen, "{kind:?}");
    }
    // The first convolution of the wide one speaks; the second is silent but for its residual.
    let mut model = Kind::Wide.build(SpeechOutput::Frames, &Device::reference())?;
    silence(&mut model, |name, _| {
        name.starts_with("blocks.1.convolution")
    })?;
    assert_eq!(reached(&model, 2)?, [1, 2]);
    Ok(())
}

/// The division decides what is pooled, and nothing else.
#[test]
fn segments_pool_the_frames_of_their_clip() -> Result<()> {
    for kind in KINDS {
        let whole = clip(&[5], 1);
        let divided = FrameInput {
            segments: vec![2, 3],
            ..whole.clone()
        };
        let of = |output, clip: &FrameInput| -> Result<Vec<f64>> {
            let model = kind.build(output, &Device::reference())?;
            scores(&model, &[Encoded::Frames(clip.clone())])
        };
        let frames = of(SpeechOutput::Frames, &whole)?;
        assert_eq!(frames, of(SpeechOutput::Frames, &divided)?, "{kind:?}");
        let (whole, divided) = (
            of(SpeechOutput::Segments, &whole)?,
            of(SpeechOutput::Segments, &divided)?,
        );
        assert_eq!((whole.len(), divided.len()), (CLASSES, 2 * CLASSES));
        let farther = |row: &[f64]| distance(row, &whole) > 1e-3;
        assert!(divided.chunks(CLASSES).all(farther), "{kind:?}");
    }
    Ok(())
}

/// Both halves of what is pooled: of the vectors of frames, which a classifier without a bias that
/// copies one number gives, the first half is the mean and the second the largest.
#[test]
fn the_first_half_is_the_mean_and_the_second_the_largest() -> Result<()> {
    for kind in KINDS {
        let copied = |output, row: usize| -> Result<Vec<f64>> {
            let mut model = kind.build(output, &Device::reference())?;
            silence(&mut model, |name, _| name.starts_with("classifier"))?;
            let store = model.parameters_mut();
            let mut values = store.values().read()?;
            let at = store.find("classifier.weight").expect("it has one").index();
            values[at][row * CLASSES] = 1.0;
            store.values_mut()?.restore(&values)?;
            let scores = scores(&model, &[Encoded::Frames(clip(&[2, 3], 1))])?;
            Ok(scores.into_iter().step_by(CLASSES).collect())
        };
        let width = match kind.trunk() {
            SpeechTrunk::Convolution { channels, .. } => channels,
            SpeechTrunk::Recurrent {
                hidden_size,
                bidirectional,
                ..
            } => hidden_size * if bidirectional { 2 } else { 1 },
        };
        for column in 0..width {
            let frames = copied(SpeechOutput::Frames, column)?;
            let segments = [&frames[..2], &frames[2..]];
            let means = segments.map(|s| s.iter().sum::<f64>() / s.len() as f64);
            let largest = segments.map(|s| s.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            // A handful of additions in f64.
            let found = copied(SpeechOutput::Segments, column)?;
            assert!(distance(&found, &means) < 1e-14, "{kind:?}, {column}");
            assert_eq!(copied(SpeechOutput::Segments, width + column)?, largest);
        }
    }
    Ok(())
}
