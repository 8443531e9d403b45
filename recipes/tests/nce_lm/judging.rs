//! C7: perplexity.

use limbeck_data::language::{END, MemoryTokens, Sentences};
use limbeck_engine::{Device, Tape, TimeMajor};
use limbeck_models::language::{LanguageModel, Unit};
use limbeck_recipes::nce_lm::{perplexity, sentence_scores};

use crate::small::{counted, data, model};

/// All weights and biases zero: every word has the same score.
fn uniform(words: usize) -> LanguageModel {
    let mut model = model(words, Unit::Lstm, &Device::cpu());
    let zeros = model.parameters().records().iter();
    let zeros = zeros.map(|r| (r.name.clone(), vec![0.0; r.shape.elements()]));
    let zeros = zeros.collect();
    model
        .parameters_mut()
        .load(&zeros)
        .expect("as many as before");
    model
}

#[test]
fn a_uniform_model_has_the_vocabulary_as_perplexity() {
    for words in [2, 20, 5000] {
        let tokens = MemoryTokens::new(vec![1; 3000]);
        let judged = perplexity(&uniform(words), &tokens).expect("words");
        assert_eq!(judged.tokens, 3000);
        let relative = judged.perplexity() / words as f64 - 1.0;
        assert!(relative.abs() < 1e-6, "{words}: {}", judged.perplexity());
        assert!((judged.mean_log_z() - (words as f64).ln()).abs() < 1e-6);
        // Three thousand squares of one number, and the square of their mean.
        assert!(judged.sd_log_z() < 1e-6 * (words as f64).ln().max(1.0) * 1e3);
        assert_eq!(judged.unnormalised_perplexity(), 1.0);
    }
}

#[test]
fn every_token_is_predicted_once_from_all_before_it() {
    // Longer than what is read at once, so that the state goes on between.
    let tokens = counted(1500);
    let model = model(1501, Unit::Gru, &Device::reference());
    let judged = perplexity(&model, &*tokens).expect("words");
    let device = model.parameters().device();
    let tape = Tape::inference(device);
    let targets: Vec<u32> = (1..=1500).collect();
    let inputs: Vec<u32> = (0..1500).collect();
    assert_eq!(inputs[0], END);
    let steps = TimeMajor::new(device, &[1500], 0, 0).expect("one sequence");
    let state = model.initial_state(1).expect("memory").constants(&tape);
    let tables = model.tables(&tape, &inputs, &[]).expect("words");
    let (hidden, _) = model
        .read(&tape, &tables, &inputs, &steps, &state)
        .expect("words");
    let logits = model.logits(&tape, &tables, &hidden).expect("fits");
    let logits = logits.tensor().read_f64().expect("numbers");
    let ln_p = |(row, &target): (&[f64], &u32)| {
        let sum: f64 = row.iter().map(|z| z.exp()).sum();
        row[target as usize] - sum.ln()
    };
    let loss: f64 = logits.chunks(1501).zip(&targets).map(ln_p).sum();
    assert!((judged.mean_loss() + loss / 1500.0).abs() < 1e-9);
}

#[test]
fn sentences_on_their_own_begin_anew() {
    let data = data(12, 9);
    let model = model(data.vocabulary.len(), Unit::Lstm, &Device::cpu());
    let sentences = Sentences::index(data.train.clone()).expect("sentences");
    let mut scores = Vec::new();
    sentence_scores(&model, &sentences, |score| {
        scores.push(score);
        Ok(())
    })
    .expect("words");
    assert_eq!(scores.len(), 9);
    let tokens: usize = scores.iter().map(|score| score.tokens).sum();
    assert_eq!(tokens as u64, data.train.len());
    let mut alone = Vec::new();
    sentences.read(4, &mut alone).expect("a sentence");
    let judged = perplexity(&model, &MemoryTokens::new(alone)).expect("words");
    let ln_p = -judged.mean_loss() * judged.tokens as f64;
    assert!((scores[4].ln_p - ln_p).abs() < 1e-5);
}

/// With `LIMBECK_PTB_DIR` naming the folder of the Penn Treebank: its published numbers of tokens.
#[test]
fn the_penn_treebank_has_its_tokens() {
    let Ok(dir) = std::env::var("LIMBECK_PTB_DIR") else {
        println!("LIMBECK_PTB_DIR is not set: nothing was read");
        return;
    };
    let mut run = crate::small::run("");
    run.data.dir = dir.into();
    for (field, name) in [
        (&mut run.data.train, "ptb.train.txt"),
        (&mut run.data.dev, "ptb.valid.txt"),
        (&mut run.data.test, "ptb.test.txt"),
    ] {
        *field = name.into();
    }
    let data = limbeck_recipes::nce_lm::LanguageData::read(&run.data, true).expect("the files");
    let test = data.test.expect("was asked for");
    assert_eq!(data.vocabulary.len(), 10_000);
    assert_eq!(
        (data.train.len(), data.dev.len(), test.len()),
        (929_589, 73_760, 82_430)
    );
}
