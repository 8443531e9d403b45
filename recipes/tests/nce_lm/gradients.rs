//! C3 to C5: what is carried from part to part, and how far gradients reach. And what the losses with
//! samples come to when there are many.

use std::sync::Arc;

use limbeck_data::language::MemoryTokens;
use limbeck_engine::{Device, StoreBuilder, Tape, TimeMajor};
use limbeck_kernels::{
    Candidates, Labels, Normaliser, candidate_scores, cross_entropy, linear_transposed, nce,
    weighted_mean,
};
use limbeck_models::language::{LanguageModel, Unit};
use limbeck_recipes::layerwise::Preset;
use limbeck_recipes::nce_lm::{
    Carry, Criterion, NceLm, NceLmOptions, NoiseLaw, Piece, TargetInGroup, TrainingText,
};
use limbeck_training::stage::Objective;

use crate::small::{counted, model};

fn options(carry: Carry) -> NceLmOptions {
    NceLmOptions {
        window: 20,
        carry,
        overlap: 2,
        noise_size: 6,
        criterion: Criterion::Softmax,
        ..NceLmOptions::preset(Preset::Tuned)
    }
}

/// Outputs of the last layer for one column of twenty words, read as these pieces say.
fn outputs(model: &LanguageModel, pieces: &[Piece]) -> Vec<f64> {
    let device = model.parameters().device();
    let mut state = model.initial_state(1).expect("memory");
    let mut outputs = Vec::new();
    for piece in pieces {
        if piece.from_zeros {
            state = model.initial_state(1).expect("memory");
        }
        let tape = Tape::inference(device);
        let inputs = &piece.inputs[0];
        let steps = TimeMajor::new(device, &[inputs.len()], 0, 0).expect("one sequence");
        let tables = model.tables(&tape, inputs, &[]).expect("words");
        let before = state.constants(&tape);
        let (hidden, after) = model
            .read(&tape, &tables, inputs, &steps, &before)
            .expect("words");
        outputs.extend(hidden.tensor().read_f64().expect("numbers"));
        state = after.value();
    }
    outputs
}

#[test]
fn parts_that_carry_the_state_see_what_one_pass_sees() {
    for unit in [Unit::Lstm, Unit::Gru, Unit::Rnn] {
        let model = model(21, unit, &Device::cpu());
        let read = |carry, parts| {
            let options = NceLmOptions {
                parts,
                ..options(carry)
            };
            let text = TrainingText::new(counted(20), &options, 1, 1).expect("text");
            let pieces: Vec<_> = (0..text.steps_per_epoch()).map(|s| text.piece(s)).collect();
            let pieces = pieces
                .into_iter()
                .collect::<Result<Vec<_>, _>>()
                .expect("text");
            outputs(&model, &pieces)
        };
        let whole = read(Carry::Detach, 1);
        let carried = read(Carry::Detach, 4);
        assert!(
            whole
                .iter()
                .zip(&carried)
                .all(|(a, b)| (a - b).abs() < 1e-6)
        );
        let reset = read(Carry::Reset, 4);
        let same = |range: std::ops::Range<usize>| {
            let pairs = whole[range.clone()].iter().zip(&reset[range]);
            pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-6)
        };
        // Five positions of six numbers.
        assert!(same(0..30), "{unit:?}: the first part");
        assert!(!same(30..36), "{unit:?}: the second part begins anew");
    }
}

/// For each part, which of the words 0 to 20 had a gradient at the input. Every word occurs once, so
/// that a word is a position.
fn reached(carry: Carry) -> Vec<Vec<u32>> {
    let device = Device::reference();
    let mut model = model(21, Unit::Lstm, &device);
    let options = options(carry);
    let law = NoiseLaw::new(&[1.0; 21]);
    let text = TrainingText::new(counted(20), &options, 1, 1).expect("text");
    let dev = MemoryTokens::new(vec![1, 2, 3]);
    let objective = NceLm::new(&mut model, text, &law, &options, &dev, 1);
    let mut reached = Vec::new();
    for step in 0..4 {
        let tape = Tape::training(&device, 1, step as u32);
        let terms = objective.terms(&tape, step).expect("a loss");
        let store = objective.stores()[0];
        let mut gradients = store.zeros().expect("memory");
        let unreached = tape.backward(&terms[0].value, &mut [&mut gradients]);
        unreached
            .expect("a loss")
            .refuse(&[store])
            .expect("all reached");
        let table = store.find("embedding.weight").expect("a table");
        let rows = gradients
            .get(table)
            .expect("dense")
            .read_f64()
            .expect("numbers");
        let words = (0..21u32).zip(rows.chunks(5));
        let moved = words.filter(|(_, row)| row.iter().any(|g| *g != 0.0));
        reached.push(moved.map(|(word, _)| word).collect());
    }
    reached
}

#[test]
fn gradients_end_where_a_part_begins_or_reach_as_far_as_asked() {
    let detached = reached(Carry::Detach);
    for (part, words) in (0..).zip(&detached) {
        assert_eq!(*words, (5 * part..5 * part + 5).collect::<Vec<u32>>());
    }
    let overlapping = reached(Carry::Overlap);
    for (part, words) in (0..).zip(&overlapping) {
        let first = if part == 0 { 0 } else { 5 * part - 2 };
        assert_eq!(*words, (first..5 * part + 5).collect::<Vec<u32>>());
    }
}

#[test]
fn overlapping_parts_have_the_losses_of_detached_ones() {
    // Nothing is updated in between, so that reading two positions again changes no state.
    let losses = |carry| -> Vec<f64> {
        let device = Device::reference();
        let mut model = model(21, Unit::Gru, &device);
        let options = options(carry);
        let law = NoiseLaw::new(&[1.0; 21]);
        let text = TrainingText::new(counted(40), &options, 1, 1).expect("text");
        let dev = MemoryTokens::new(vec![1]);
        let objective = NceLm::new(&mut model, text, &law, &options, &dev, 1);
        let loss = |step: u64| {
            let tape = Tape::deterministic(&device);
            let terms = objective.terms(&tape, step).expect("a loss");
            terms[0].value.tensor().item().expect("a number")
        };
        (0..4).map(loss).collect()
    };
    let pairs = losses(Carry::Detach)
        .into_iter()
        .zip(losses(Carry::Overlap));
    for (detached, overlapping) in pairs {
        assert!((detached - overlapping).abs() < 1e-12);
    }
}

#[test]
fn with_many_noise_words_nce_pulls_where_maximum_likelihood_pulls() {
    const WORDS: usize = 20;
    const COLUMNS: usize = 4;
    const NOISE: usize = 20_000;
    let device = Device::reference();
    let mut builder = StoreBuilder::new(9);
    let h = builder.normal("h", [1, COLUMNS], 1.0);
    let weight = builder.normal("weight", [WORDS, COLUMNS], 1.0);
    let bias = builder.constant("bias", [WORDS, 1], 0.0);
    let store = builder.build(&device).expect("memory");
    let gradient = |tape: Tape, loss: limbeck_engine::Var| -> Vec<f64> {
        let mut gradients = store.zeros().expect("memory");
        let unreached = tape.backward(&loss, &mut [&mut gradients]).expect("a loss");
        unreached.refuse(&[&store]).expect("all reached");
        let slices = gradients.slices().iter().flatten();
        slices
            .flat_map(|s| s.read_f64().expect("numbers"))
            .collect()
    };
    let parameters = |tape: &Tape| [h, weight, bias].map(|id| tape.parameter(&store, id));
    let mean = |tape: &Tape, rows| weighted_mean(tape, rows, None, Normaliser::Weights);

    let tape = Tape::deterministic(&device);
    let [x, w, b] = parameters(&tape);
    let logits = linear_transposed(&tape, &x, &w, Some(&b)).expect("fits");
    let values = logits.tensor().read_f64().expect("numbers");
    let ln_z = values.iter().map(|z| z.exp()).sum::<f64>().ln();
    let labels = Labels::new(&device, &[7], WORDS).expect("a word");
    let rows = cross_entropy(&tape, &logits, &labels, None).expect("fits");
    let loss = mean(&tape, &rows).expect("fits");
    let likelihood = gradient(tape, loss);

    // With ln Z the true one the model is normalised.
    let law = NoiseLaw::new(&[1.0; WORDS]);
    let mut words = vec![7];
    words.extend(law.draw(1, 0, 0, NOISE));
    let offsets: Vec<f32> = words
        .iter()
        .map(|&w| (NOISE as f32).ln() + law.ln_q(w))
        .collect();
    let candidates = Candidates::new(&device, &words, &offsets, false).expect("finite");
    let tape = Tape::deterministic(&device);
    let [x, w, b] = parameters(&tape);
    let of_words = limbeck_kernels::gather_rows(&tape, &w, &words).expect("words");
    let of_bias = limbeck_kernels::gather_rows(&tape, &b, &words).expect("words");
    let (target, noise) = candidate_scores(&tape, &x, &of_words, &of_bias).expect("fits");
    let ln_z = tape.constant(device.real_f64(&[ln_z], [1]).expect("a number"));
    let rows = nce(&tape, (&target, &noise), &candidates, &ln_z).expect("fits");
    let loss = mean(&tape, &rows).expect("fits");
    let contrastive = gradient(tape, loss);

    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let norms = dot(&likelihood, &likelihood).sqrt() * dot(&contrastive, &contrastive).sqrt();
    let cosine = dot(&likelihood, &contrastive) / norms;
    assert!(cosine > 0.99, "{cosine}");
}

/// The loss of a text of few words, some of which the law favours, and the gradient of every
/// parameter.
fn with_samples(
    criterion: Criterion,
    target_in_group: TargetInGroup,
    noise_size: usize,
) -> (f64, Vec<f64>) {
    let device = Device::reference();
    let mut model = model(SHARES.len(), Unit::Gru, &device);
    let options = NceLmOptions {
        parts: 1,
        criterion,
        target_in_group,
        noise_size,
        ..options(Carry::Detach)
    };
    let law = NoiseLaw::new(&SHARES);
    let tokens = Arc::new(MemoryTokens::new(few_words()));
    let text = TrainingText::new(tokens, &options, 1, 1).expect("text");
    let dev = MemoryTokens::new(vec![1]);
    let objective = NceLm::new(&mut model, text, &law, &options, &dev, 1);
    let tape = Tape::deterministic(&device);
    let terms = objective.terms(&tape, 0).expect("a loss");
    let store = objective.stores()[0];
    let mut gradients = store.zeros().expect("memory");
    let unreached = tape.backward(&terms[0].value, &mut [&mut gradients]);
    let unreached = unreached.expect("a loss");
    unreached.refuse(&[store]).expect("all reached");
    let slices = gradients.slices().iter().flatten();
    let gradients = slices.flat_map(|s| s.read_f64().expect("numbers"));
    let loss = terms[0].value.tensor().item().expect("a number");
    (loss, gradients.collect())
}

/// How often the words are drawn, in proportion.
const SHARES: [f64; 5] = [4.0, 3.0, 2.0, 1.0, 1.0];

/// Twenty words: most of them one that is seldom drawn, so that the gradient is not small beside the
/// errors of single words.
fn few_words() -> Vec<u32> {
    let word = |i: u32| if i.is_multiple_of(3) { i % 5 } else { 4 };
    (0..20).map(word).collect()
}

#[test]
fn with_many_samples_the_sampled_softmax_pulls_where_the_full_one_pulls() {
    let (loss, full) = with_samples(Criterion::Softmax, TargetInGroup::Keep, 1);
    let norm = |gradient: &[f64]| gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
    for target_in_group in [TargetInGroup::Keep, TargetInGroup::Mask] {
        for size in [300, 30_000] {
            let (sampled, gradient) =
                with_samples(Criterion::SampledSoftmax, target_in_group, size);
            let apart: Vec<f64> = gradient.iter().zip(&full).map(|(a, b)| a - b).collect();
            let error = norm(&apart) / norm(&full);
            // A target that counts among the samples is corrected by ln(K q), which stays.
            let total: f64 = SHARES.iter().sum();
            let ln_kq = |word: u32| (size as f64 * SHARES[word as usize] / total).ln();
            let shift = match target_in_group {
                TargetInGroup::Keep => few_words().into_iter().map(ln_kq).sum::<f64>() / 20.0,
                TargetInGroup::Mask => 0.0,
            };
            let gap = (sampled - shift - loss).abs();
            // A mean errs by one over the square root of the draws; a draw weighs up to 11.
            let bound = 10.0 / (size as f64).sqrt();
            assert!(
                error < bound && gap < bound,
                "{target_in_group:?}, {size} samples: gradient {error}, loss {gap}"
            );
        }
    }
}
