//! A clip has the scores that it has alone, in whatever batch and order.

use limbeck_engine::{Device, Result, Tape};
use limbeck_models::{Batch, Classifier, Encoded, SpeechNet, SpeechOutput};

use crate::common::{devices, distance, scores, trained};
use crate::small::{BINS, CLASSES, KINDS, Kind, OUTPUTS, clips, rows};

#[test]
fn a_batch_gives_what_each_clip_gives_alone() -> Result<()> {
    for (device, tolerance) in devices() {
        for (kind, output) in KINDS.into_iter().flat_map(|k| OUTPUTS.map(|o| (k, o))) {
            let model = kind.build(output, &device)?;
            let texts = clips();
            let mut alone = Vec::new();
            for (first, text) in (0..).zip(&texts) {
                alone.extend(trained(&model, std::slice::from_ref(text), first)?);
            }
            let what = format!("{kind:?}, {output:?}, {}", device.name());
            assert_eq!(alone.len(), CLASSES * rows(output).iter().sum::<usize>());
            let error = distance(&trained(&model, &texts, 0)?, &alone);
            assert!(error <= tolerance, "{error:.1e}, {what}");
            // A batch that is processed in two parts.
            let mut parts = trained(&model, &texts[..2], 0)?;
            parts.extend(trained(&model, &texts[2..], 2)?);
            let error = distance(&parts, &alone);
            assert!(error <= tolerance, "{error:.1e}, {what}");
        }
    }
    Ok(())
}

#[test]
fn predictions_are_divided_among_the_clips_in_any_order() -> Result<()> {
    for (device, tolerance) in devices() {
        for (kind, output) in KINDS.into_iter().flat_map(|k| OUTPUTS.map(|o| (k, o))) {
            let model = kind.build(output, &device)?;
            let texts = clips();
            assert_eq!(model.per_position(), output == SpeechOutput::Frames);
            for order in [[0, 1, 2, 3], [3, 2, 0, 1]] {
                let chosen: Vec<&Encoded> = order.iter().map(|&text| &texts[text]).collect();
                let predicted = model.predict(&chosen)?;
                for (found, text) in predicted.iter().zip(order) {
                    let found: Vec<f64> = found.iter().map(|&v| f64::from(v)).collect();
                    let alone = scores(&model, &texts[text..=text])?;
                    assert_eq!(alone.len(), rows(output)[text] * CLASSES);
                    assert_eq!(model.rows(&texts[text]), rows(output)[text]);
                    let error = distance(&found, &alone);
                    let device = device.name();
                    // Predictions are f32 on every device.
                    let allowed = tolerance.max(1e-6);
                    assert!(error <= allowed, "{error:.1e}, {kind:?}, {text}, {device}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn a_batch_has_the_rows_of_clips_and_of_segments() -> Result<()> {
    let model = Kind::Wide.build(SpeechOutput::Frames, &Device::cpu())?;
    let Batch::Frames(batch) = model.batch(&clips().iter().collect::<Vec<_>>(), 7)? else {
        unreachable!("they are clips")
    };
    assert_eq!(batch.x.shape().dims(), [17, BINS]);
    assert_eq!(**batch.packed.lengths(), [5, 7, 4, 1]);
    assert_eq!(batch.packed.first_sample(), 7);
    assert_eq!(**batch.segments.lengths(), [2, 3, 1, 4, 2, 4, 1]);
    assert_eq!(batch.segments.rows(), batch.packed.rows());
    let coordinates = [7, 0, 7, 1, 8, 0, 8, 1, 8, 2, 9, 0, 10, 0];
    assert_eq!(batch.segment_coordinates.read_ids()?, coordinates);
    Ok(())
}

#[test]
fn dropout_is_drawn_in_training_alone() -> Result<()> {
    let device = Device::reference();
    for (kind, output) in KINDS.into_iter().flat_map(|k| OUTPUTS.map(|o| (k, o))) {
        let of = |dropout: f64, tape: &Tape| -> Result<Vec<f64>> {
            let mut config = kind.config(output);
            config.dropout = dropout;
            let model = SpeechNet::new(config, 3, &device)?;
            let batch = model.batch(&clips().iter().collect::<Vec<_>>(), 0)?;
            model.forward(tape, &batch)?.logits.tensor().read_f64()
        };
        let plain = of(0.0, &Tape::training(&device, 1, 2))?;
        let dropped = of(0.5, &Tape::training(&device, 1, 2))?;
        assert!(distance(&dropped, &plain) > 0.01, "{kind:?}, {output:?}");
        assert_ne!(of(0.5, &Tape::training(&device, 1, 3))?, dropped);
        assert_eq!(of(0.5, &Tape::inference(&device))?, plain);
    }
    Ok(())
}
