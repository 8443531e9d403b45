//! The decoder: what it writes word by word, and what it forgets in training.

use limbeck_engine::{Device, Result, Stream, Tape, drop_threshold};
use limbeck_kernels::{Labels, Normaliser, cross_entropy, weighted_mean};
use limbeck_models::tagging::{Tagger, TrunkConfig};
use limbeck_models::{Batch, Classifier, Encoded};

use crate::small::{
    KINDS, Kind, LABELS, TAGS, batch, built, devices, distance, sentence, sentences, undropped,
};

/// The first of the largest of every row.
fn decisions(scores: &[f64]) -> Vec<u32> {
    let best =
        |row: &[f64]| (1..TAGS).fold(0, |best, tag| if row[tag] > row[best] { tag } else { best });
    scores.chunks(TAGS).map(|row| best(row) as u32).collect()
}

#[test]
fn what_it_writes_is_what_it_says_behind_its_own_tags() -> Result<()> {
    for (device, tolerance) in devices() {
        let model = Kind::Decoder.build(false, &device)?;
        let tape = Tape::inference(&device);
        let batch = batch(&model, &sentences(), 0)?;
        let written = model.forward(&tape, &batch)?.logits.tensor().read_f64()?;
        let forced = |labels: &[u32]| -> Result<Vec<f64>> {
            let scores = model.forward_labelled(&tape, &batch, labels)?;
            scores.tensor().read_f64()
        };
        let tags = decisions(&written);
        let error = distance(&forced(&tags)?, &written);
        assert!(error <= tolerance, "{error:.1e}, {}", device.name());
        // It reads them: behind other tags it says something else.
        let others: Vec<u32> = tags.iter().map(|tag| (tag + 1) % TAGS as u32).collect();
        assert!(distance(&forced(&others)?, &written) > 0.01);
    }
    Ok(())
}

/// Row t reads the tags before t alone, of its own sentence; the last tag is read by none.
#[test]
fn a_tag_reaches_the_words_behind_it() -> Result<()> {
    let device = Device::reference();
    let model = Kind::Decoder.build(false, &device)?;
    let batch = batch(&model, &sentences(), 0)?;
    let scores = |labels: &[u32]| -> Result<Vec<f64>> {
        let tape = Tape::inference(&device);
        let scores = model.forward_labelled(&tape, &batch, labels)?;
        scores.tensor().read_f64()
    };
    let before = scores(&LABELS)?;
    // Sentences begin at rows 0, 4, 5 and 11.
    for (moved, expected) in [
        (1, &[2, 3][..]),
        (3, &[]),
        (4, &[]),
        (6, &[7, 8, 9, 10]),
        (11, &[12]),
    ] {
        let mut labels = LABELS;
        labels[moved] = (labels[moved] + 1) % TAGS as u32;
        let after = scores(&labels)?;
        let rows = before.chunks(TAGS).zip(after.chunks(TAGS)).enumerate();
        let changed = rows.filter(|(_, (before, after))| before != after);
        let changed: Vec<usize> = changed.map(|(row, _)| row).collect();
        assert_eq!(changed, expected, "tag {moved}");
    }
    Ok(())
}

/// Steps have no gradients: a tape that records them refuses, and does not give wrong ones.
#[test]
fn tags_are_not_written_on_a_tape_that_records() -> Result<()> {
    let device = Device::cpu();
    for kind in KINDS {
        let model = kind.build(false, &device)?;
        let output = model.forward(
            &Tape::deterministic(&device),
            &batch(&model, &sentences(), 0)?,
        );
        match kind {
            Kind::Decoder => {
                let found = output.expect_err("a recording tape").to_string();
                assert!(found.contains("the tape records gradients"), "{found}");
            }
            _ => assert_eq!(output?.logits.shape().dims(), [13, TAGS]),
        }
    }
    Ok(())
}

/// Seed and step of the masks.
const SEED: u64 = 4;
const STEP: u32 = 9;

/// A decoder without any other dropout than that of symbols.
fn forgetful(rate: f64, device: &Device) -> Result<Tagger> {
    let mut config = undropped(Kind::Decoder.config(false));
    if let TrunkConfig::Seq2Seq(trunk) = &mut config.trunk {
        trunk.symbol_dropout = rate;
    }
    built(config, device)
}

/// One sentence of four words with four different tags: the last tag is read by no word.
fn one_sentence(model: &Tagger) -> Result<Batch> {
    let text = Encoded::Words(sentence(&[5, 2, 6, 1]));
    model.batch(&[&text], 0)
}

const ONE: [u32; 4] = [2, 0, 1, 3];

/// Whether the masks keep what words 0 to 3 read: the beginning and the first three tags.
fn kept(rate: f64) -> [bool; 4] {
    let stream = Stream::new(SEED, "tagger.symbols", STEP);
    [0, 1, 2, 3].map(|position| stream.word(0, position, 0) >= drop_threshold(rate))
}

/// A dropped symbol counts as a row of zeros, a kept one as 1 / (1 - rate) of itself.
#[test]
fn symbols_are_dropped_as_whole_rows_in_training() -> Result<()> {
    let rate = 0.5;
    assert!(kept(rate).contains(&true) && kept(rate).contains(&false));
    for (device, tolerance) in devices() {
        let model = forgetful(rate, &device)?;
        let scores = |model: &Tagger, tape: &Tape| -> Result<Vec<f64>> {
            let scores = model.forward_labelled(tape, &one_sentence(model)?, &ONE)?;
            scores.tensor().read_f64()
        };
        let found = scores(&model, &Tape::training(&device, SEED, STEP))?;
        // The same of a table whose rows are so.
        let mut masked = forgetful(rate, &device)?;
        let symbols = masked.parameters().find("symbols.weight").expect("a table");
        let mut values = masked.parameters().values().read()?;
        let width = values[symbols.index()].len() / (TAGS + 1);
        let begin = TAGS as u32;
        for (kept, row) in kept(rate).into_iter().zip([begin, ONE[0], ONE[1], ONE[2]]) {
            let row = &mut values[symbols.index()][row as usize * width..][..width];
            row.iter_mut()
                .for_each(|x| *x *= if kept { 2.0 } else { 0.0 });
        }
        masked.parameters_mut().values_mut()?.restore(&values)?;
        let expected = scores(&masked, &Tape::deterministic(&device))?;
        let error = distance(&found, &expected);
        assert!(error <= tolerance, "{error:.1e}, {}", device.name());
        // Nothing is dropped where nothing is trained, and nothing of a rate of 0.
        let plain = scores(&model, &Tape::inference(&device))?;
        assert_eq!(scores(&model, &Tape::deterministic(&device))?, plain);
        assert!(distance(&found, &plain) > 0.01, "{}", device.name());
        let without = forgetful(0.0, &device)?;
        assert_eq!(
            scores(&without, &Tape::training(&device, SEED, STEP))?,
            plain
        );
    }
    Ok(())
}

/// A tag that no word was given has no gradient, and neither has the last one of a sentence.
#[test]
fn a_dropped_symbol_has_no_gradient() -> Result<()> {
    let device = Device::reference();
    let rate = 0.5;
    let model = forgetful(rate, &device)?;
    let symbols = model.parameters().find("symbols.weight").expect("a table");
    let rows = |tape: Tape| -> Result<Vec<bool>> {
        let batch = one_sentence(&model)?;
        let scores = model.forward_labelled(&tape, &batch, &ONE)?;
        let labels = Labels::new(&device, &ONE, TAGS)?;
        let rows = cross_entropy(&tape, &scores, &labels, None)?;
        let loss = weighted_mean(&tape, &rows, None, Normaliser::Weights)?;
        let mut gradients = model.parameters().zeros()?;
        tape.backward(&loss, &mut [&mut gradients])?
            .refuse(&[model.parameters()])?;
        let gradient = gradients.get(symbols).expect("not frozen").read_f64()?;
        let width = gradient.len() / (TAGS + 1);
        let mut any = Vec::new();
        for row in gradient.chunks(width) {
            assert!(row.iter().all(|&x| x == 0.0) || row.iter().all(|&x| x != 0.0));
            any.push(row[0] != 0.0);
        }
        Ok(any)
    };
    let mut expected = [false; TAGS + 1];
    for (kept, row) in kept(rate).into_iter().zip([TAGS, 2, 0, 1]) {
        expected[row] = kept;
    }
    assert_eq!(rows(Tape::training(&device, SEED, STEP))?, expected);
    let all = [true, true, true, false, true];
    assert_eq!(rows(Tape::deterministic(&device))?, all);
    Ok(())
}
