//! A sentence has the scores that it has alone, in whatever batch and order.

use limbeck_engine::{Device, Result, Tape};
use limbeck_models::tagging::TaggerConfig;
use limbeck_models::{Classifier, Encoded};

use crate::small::{
    KINDS, LABELS, TAGS, batch, built, devices, distance, labels, sentences, undropped,
};

#[test]
fn a_batch_gives_what_each_sentence_gives_alone() -> Result<()> {
    for (device, tolerance) in devices() {
        for kind in KINDS {
            let model = kind.build(false, &device)?;
            // With dropout: a sample draws the same masks wherever it stands.
            let tape = Tape::training(&device, 1, 2);
            let scores = |texts: &[Encoded], first, labels: &[u32]| -> Result<Vec<f64>> {
                let batch = batch(&model, texts, first)?;
                let scores = model.forward_labelled(&tape, &batch, labels)?;
                scores.tensor().read_f64()
            };
            let mut alone = Vec::new();
            for ((first, text), labels) in (0..).zip(sentences()).zip(labels()) {
                alone.extend(scores(&[text], first, &labels)?);
            }
            let together = scores(&sentences(), 0, &LABELS)?;
            let error = distance(&together, &alone);
            let device = device.name();
            assert!(error <= tolerance, "{error:.1e}, {kind:?}, {device}");
            // A batch that is processed in two parts.
            let (sentences, begin) = (sentences(), LABELS.len() - 8);
            let mut parts = scores(&sentences[..2], 0, &LABELS[..begin])?;
            parts.extend(scores(&sentences[2..], 2, &LABELS[begin..])?);
            let error = distance(&parts, &alone);
            assert!(error <= tolerance, "{error:.1e}, {kind:?}, {device}");
        }
    }
    Ok(())
}

#[test]
fn predictions_of_a_batch_are_those_of_each_sentence_in_any_order() -> Result<()> {
    for (device, tolerance) in devices() {
        for kind in KINDS {
            let model = kind.build(false, &device)?;
            let texts = sentences();
            let alone = texts.iter().map(|text| model.predict(&[text]));
            let alone: Vec<Vec<f32>> = alone.collect::<Result<Vec<_>>>()?.concat();
            for (text, scores) in texts.iter().zip(&alone) {
                assert_eq!(scores.len(), text.len() * TAGS);
            }
            for order in [[0, 1, 2, 3], [2, 1, 0, 3], [1, 3, 2, 0]] {
                let chosen: Vec<&Encoded> = order.iter().map(|&text| &texts[text]).collect();
                for (scores, text) in model.predict(&chosen)?.iter().zip(order) {
                    let both = [scores, &alone[text]]
                        .map(|scores| scores.iter().copied().map(f64::from).collect::<Vec<f64>>());
                    let error = distance(&both[0], &both[1]);
                    let device = device.name();
                    assert!(
                        error <= tolerance,
                        "{error:.1e}, {kind:?}, {text} in {order:?}, {device}"
                    );
                }
            }
        }
    }
    Ok(())
}

/// Only a word's own sentence counts, and with pooling or attention all of it.
#[test]
fn a_word_changes_the_scores_of_its_sentence_and_of_no_other() -> Result<()> {
    for (device, _) in devices() {
        for kind in KINDS {
            let model = kind.build(false, &device)?;
            let tape = Tape::inference(&device);
            let scores = |texts: &[Encoded]| -> Result<Vec<f64>> {
                let scores = model.forward_labelled(&tape, &batch(&model, texts, 0)?, &LABELS)?;
                scores.tensor().read_f64()
            };
            let before = scores(&sentences())?;
            for field in 0..3 {
                let mut texts = sentences();
                let Encoded::Words(first) = &mut texts[0] else {
                    unreachable!("the sentences are of words")
                };
                match field {
                    0 => first.ids[1] = 7,
                    1 => first.spellings[1] = vec![3, 3, 0],
                    _ => first.shapes[1] = (first.shapes[1] + 1) % 3,
                }
                let after = scores(&texts)?;
                let (own, others) = (4 * TAGS, before.len());
                let device = device.name();
                assert_eq!(before[own..], after[own..others], "{kind:?}, {device}");
                let changed = before[TAGS..2 * TAGS] != after[TAGS..2 * TAGS];
                assert!(changed, "{kind:?}, {device}: field {field} of a word");
            }
        }
    }
    Ok(())
}

/// Vectors of words and what the scores read are dropped in training, and at no other time.
#[test]
fn dropout_is_drawn_in_training_alone() -> Result<()> {
    let device = Device::reference();
    let one: [fn(&mut TaggerConfig); 2] = [|c| c.input.dropout = 0.5, |c| c.dropout = 0.5];
    for kind in KINDS {
        let without = undropped(kind.config(false));
        let scores = |config: &TaggerConfig, tape: &Tape| -> Result<Vec<f64>> {
            let model = built(config.clone(), &device)?;
            let batch = batch(&model, &sentences(), 0)?;
            let scores = model.forward_labelled(tape, &batch, &LABELS)?;
            scores.tensor().read_f64()
        };
        let plain = scores(&without, &Tape::training(&device, 1, 2))?;
        for change in one {
            let mut config = without.clone();
            change(&mut config);
            let trained = scores(&config, &Tape::training(&device, 1, 2))?;
            assert!(distance(&trained, &plain) > 0.01, "{kind:?}");
            assert_ne!(scores(&config, &Tape::training(&device, 1, 3))?, trained);
            for tape in [Tape::deterministic(&device), Tape::inference(&device)] {
                assert_eq!(scores(&config, &tape)?, plain, "{kind:?}");
            }
        }
    }
    Ok(())
}
