//! A picture has the scores that it has alone, and none for its padding.

use limbeck_engine::{Device, Result, Tape};
use limbeck_kernels::{Interpolation, Pictures};
use limbeck_models::{Batch, Classifier, Encoded, PictureInput, UNet};

use crate::common::{devices, distance, scores, trained};
use crate::small::{CHANNELS, CLASSES, build, config, picture, pictures};

const BOTH: [Interpolation; 2] = [Interpolation::Nearest, Interpolation::Bilinear];

#[test]
fn a_batch_gives_what_each_picture_gives_alone() -> Result<()> {
    for (device, tolerance) in devices() {
        for interpolation in BOTH {
            let model = build(interpolation, &device)?;
            // Sizes that need padding, and one that needs none.
            for (height, width) in [(5, 3), (1, 7), (4, 8)] {
                let texts = pictures(height, width);
                let mut alone = Vec::new();
                for (first, text) in (0..).zip(&texts) {
                    alone.extend(trained(&model, std::slice::from_ref(text), first)?);
                }
                assert_eq!(alone.len(), 3 * height * width * CLASSES);
                let what = format!("{interpolation:?}, {height} x {width}, {}", device.name());
                let error = distance(&trained(&model, &texts, 0)?, &alone);
                assert!(error <= tolerance, "{error:.1e}, {what}");
                // A batch that is processed in two parts.
                let mut parts = trained(&model, &texts[..1], 0)?;
                parts.extend(trained(&model, &texts[1..], 1)?);
                let error = distance(&parts, &alone);
                assert!(error <= tolerance, "{error:.1e}, {what}");
            }
        }
    }
    Ok(())
}

#[test]
fn predictions_are_divided_among_the_pictures() -> Result<()> {
    let model = build(Interpolation::Nearest, &Device::cpu())?;
    let texts = pictures(3, 5);
    let predicted = model.predict(&texts.iter().collect::<Vec<_>>())?;
    let wanted = scores(&model, &texts)?;
    assert!(predicted.iter().all(|own| own.len() == 3 * 5 * CLASSES));
    let joined: Vec<f64> = predicted.concat().iter().map(|&v| f64::from(v)).collect();
    assert_eq!(joined, wanted);
    assert!(model.per_position());
    assert_eq!(model.rows(&texts[0]), 15);
    Ok(())
}

#[test]
fn a_pixel_changes_the_scores_of_its_picture_and_of_no_other() -> Result<()> {
    for (device, _) in devices() {
        let model = build(Interpolation::Bilinear, &device)?;
        let mut texts = pictures(5, 6);
        let before = scores(&model, &texts)?;
        let Encoded::Picture(second) = &mut texts[1] else {
            unreachable!("they are pictures")
        };
        // The last channel of the last pixel.
        *second.values.last_mut().expect("pixels") += 1.0;
        let after = scores(&model, &texts)?;
        let own = 5 * 6 * CLASSES;
        assert_eq!(before[..own], after[..own], "{}", device.name());
        assert_eq!(before[2 * own..], after[2 * own..], "{}", device.name());
        // The lowest level sees all pixels; where the last relu passes nothing on, scores are the bias.
        let pairs = before[own..2 * own].iter().zip(&after[own..2 * own]);
        let changed = pairs.filter(|(a, b)| a != b).count();
        assert!(2 * changed > own, "{changed} of {own}, {}", device.name());
    }
    Ok(())
}

/// The picture with its edges repeated: `added` lines above and below, columns left and right.
fn with_edges(input: &PictureInput, [top, left, bottom, right]: [usize; 4]) -> PictureInput {
    let (height, width) = (input.height + top + bottom, input.width + left + right);
    let mut values = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let y = y.clamp(top, top + input.height - 1) - top;
            let x = x.clamp(left, left + input.width - 1) - left;
            let first = (y * input.width + x) * CHANNELS;
            values.extend_from_slice(&input.values[first..first + CHANNELS]);
        }
    }
    PictureInput {
        height,
        width,
        channels: CHANNELS,
        values,
    }
}

/// Padding is no more than repeated edges, as evenly as it goes, and gets no scores.
#[test]
fn a_padded_picture_has_the_scores_of_one_with_repeated_edges() -> Result<()> {
    for (device, _) in devices() {
        let model = build(Interpolation::Bilinear, &device)?;
        for ((height, width), edges) in [((5, 6), [1, 1, 2, 1]), ((7, 1), [0, 1, 1, 2])] {
            let [top, left, bottom, right] = edges;
            let small = picture(height, width, 1);
            let wide = width + left + right;
            let large = with_edges(&small, edges);
            assert_eq!((height + top + bottom) % 4 + wide % 4, 0);
            let large = scores(&model, &[Encoded::Picture(large)])?;
            let mut wanted = Vec::new();
            for y in top..top + height {
                let first = (y * wide + left) * CLASSES;
                wanted.extend_from_slice(&large[first..first + width * CLASSES]);
            }
            let found = scores(&model, &[Encoded::Picture(small)])?;
            // The same numbers take the same way; the last product alone has fewer rows, and a matrix
            // product may group them otherwise, but sums every element in the same order.
            let error = distance(&found, &wanted);
            assert!(error <= 1e-6, "{error:.1e}, {edges:?}, {}", device.name());
        }
    }
    Ok(())
}

#[test]
fn a_batch_says_what_is_padding() -> Result<()> {
    let model = build(Interpolation::Nearest, &Device::cpu())?;
    let batch = |texts: &[Encoded]| model.batch(&texts.iter().collect::<Vec<_>>(), 7);
    let Batch::Pictures(padded) = batch(&pictures(3, 6))? else {
        unreachable!("they are pictures")
    };
    let sizes = |pictures: Pictures| (pictures.count, pictures.height, pictures.width);
    assert_eq!(sizes(padded.pictures), (3, 3, 6));
    assert_eq!(sizes(padded.padded), (3, 4, 8));
    assert_eq!(padded.x.shape().dims(), [3 * 4 * 8, CHANNELS]);
    // One line is added, below; a column on each side.
    let inside = padded.inside.expect("something was padded");
    let rows = |first: u32| first..first + 6;
    let first: Vec<u32> = rows(1).chain(rows(9)).chain(rows(17)).collect();
    assert_eq!(inside[..18], first);
    assert_eq!((inside.len(), inside[18], inside[53]), (54, 33, 86));
    assert_eq!(**padded.packed.lengths(), [18; 3]);
    assert_eq!(padded.packed.first_sample(), 7);

    let Batch::Pictures(whole) = batch(&pictures(4, 8))? else {
        unreachable!("they are pictures")
    };
    assert!(whole.inside.is_none() && whole.padded == whole.pictures);
    Ok(())
}

#[test]
fn dropout_is_drawn_in_training_alone() -> Result<()> {
    let device = Device::reference();
    let texts = pictures(3, 4);
    let of = |dropout: f64, tape: &Tape| -> Result<Vec<f64>> {
        let mut config = config(Interpolation::Bilinear);
        config.dropout = dropout;
        let model = UNet::new(config, 3, &device)?;
        let batch = model.batch(&texts.iter().collect::<Vec<_>>(), 0)?;
        model.forward(tape, &batch)?.logits.tensor().read_f64()
    };
    let plain = of(0.0, &Tape::training(&device, 1, 2))?;
    let dropped = of(0.5, &Tape::training(&device, 1, 2))?;
    assert!(distance(&dropped, &plain) > 0.01);
    assert_ne!(of(0.5, &Tape::training(&device, 1, 3))?, dropped);
    assert_eq!(of(0.5, &Tape::inference(&device))?, plain);
    Ok(())
}
