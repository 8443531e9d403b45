//! The encoder's layers without the table of words.

use limbeck_engine::{Device, Fingerprint, Packed, Result, StoreBuilder, Tape, TokenIds};
use limbeck_models::{
    Classifier, Encoded, EncoderStack, Head, NormPosition, TextPooling, Transformer,
    TransformerConfig,
};

use crate::{NORMS, WIDTH, devices, stack};

const VOCABULARY: Fingerprint = Fingerprint(4);
const TEXTS: [&[u32]; 3] = [&[1, 5, 5, 0], &[2], &[6, 3]];
const POSITIONS: usize = 5;

fn transformer(norm: NormPosition, device: &Device) -> Result<Transformer> {
    let stack = stack(norm, 0.3);
    let config = TransformerConfig {
        vocabulary_size: 7,
        vocabulary: VOCABULARY,
        classes: 2,
        hidden_size: WIDTH,
        layers: stack.layers,
        heads: stack.heads,
        feed_forward_size: stack.feed_forward_size,
        dropout: stack.dropout,
        attention_dropout: stack.attention_dropout,
        norm,
        functions: stack.functions,
        gradient_checkpointing: stack.gradient_checkpointing,
        pooling: TextPooling::Mean,
        max_positions: POSITIONS,
        head: Head::Pooled,
    };
    Transformer::new(config, 8, device)
}

#[test]
fn rows_of_word_vectors_give_the_states_of_their_words() -> Result<()> {
    for (device, _) in devices() {
        for norm in NORMS {
            let model = transformer(norm, &device)?;
            // Initial values are drawn by name: these layers are the model's.
            let mut store = StoreBuilder::new(8);
            let encoder = EncoderStack::new(&mut store, stack(norm, 0.3), POSITIONS)?;
            let store = store.build(&device)?;
            let parameters = model.parameters();
            let table = parameters.find("embedding.weight").expect("a table");
            let table = parameters.value(table).read()?;
            let vector = |&id: &u32| &table[id as usize * WIDTH..][..WIDTH];
            let x = TEXTS.concat().iter().map(vector).collect::<Vec<_>>();

            let text = |ids: &&[u32]| Encoded::Tokens(TokenIds::new(ids.to_vec(), VOCABULARY));
            let texts: Vec<Encoded> = TEXTS.iter().map(text).collect();
            let batch = model.batch(&texts.iter().collect::<Vec<_>>(), 3)?;
            let tape = Tape::training(&device, 1, 2);
            let expected = model.forward(&tape, &batch)?.states;
            let packed = Packed::new(&device, &TEXTS.map(<[u32]>::len), 3)?;
            let x = tape.constant(device.real(&x.concat(), packed.shape(WIDTH))?);
            let states = encoder.forward(&tape, &store, &x, &packed)?;
            assert_eq!(states.len(), 3);
            for (state, expected) in states.iter().zip(&expected) {
                let (state, expected) = (state.tensor().read_f64()?, expected.tensor().read_f64()?);
                assert_eq!(state, expected, "{norm:?}, {}", device.name());
            }
        }
    }
    Ok(())
}

#[test]
fn the_rows_it_is_given_get_a_gradient() -> Result<()> {
    let device = Device::reference();
    let mut store = StoreBuilder::new(8);
    let encoder = EncoderStack::new(&mut store, stack(NormPosition::Pre, 0.0), POSITIONS)?;
    let store = store.build(&device)?;
    let packed = Packed::new(&device, &[2, 1], 0)?;
    let values: Vec<f64> = (0..3 * WIDTH).map(|i| (i as f64 * 0.7).sin()).collect();
    let seed: Vec<f64> = (0..3 * WIDTH).map(|i| (i as f64 * 0.3).cos()).collect();
    let value = |values: &[f64]| -> Result<f64> {
        let tape = Tape::inference(&device);
        let x = tape.constant(device.real_f64(values, packed.shape(WIDTH))?);
        let states = encoder.forward(&tape, &store, &x, &packed)?;
        let last = states[2].tensor().read_f64()?;
        Ok(last.iter().zip(&seed).map(|(y, c)| y * c).sum())
    };
    let tape = Tape::deterministic(&device);
    let x = tape.watched(device.real_f64(&values, packed.shape(WIDTH))?);
    let states = encoder.forward(&tape, &store, &x, &packed)?;
    let seeds = device.real_f64(&seed, packed.shape(WIDTH))?;
    let gradients = tape.gradients(vec![(&states[2], seeds)])?;
    for (i, gradient) in gradients[0].read_f64()?.into_iter().enumerate() {
        let mut moved = values.clone();
        moved[i] += 1e-5;
        let above = value(&moved)?;
        moved[i] -= 2e-5;
        let difference = (above - value(&moved)?) / 2e-5;
        // Of the central difference: 1e-10 times the third derivative, and 1e-16 / 1e-5 of rounding.
        assert!(
            (difference - gradient).abs() < 1e-7,
            "{i}: {difference} and {gradient}"
        );
    }
    Ok(())
}

#[test]
fn a_sequence_of_more_rows_than_positions_is_refused() -> Result<()> {
    let device = Device::cpu();
    let mut store = StoreBuilder::new(8);
    let encoder = EncoderStack::new(&mut store, stack(NormPosition::Pre, 0.0), POSITIONS)?;
    let store = store.build(&device)?;
    let packed = Packed::new(&device, &[6], 0)?;
    let tape = Tape::inference(&device);
    let x = tape.constant(device.zeros(packed.shape(WIDTH))?);
    let error = encoder.forward(&tape, &store, &x, &packed);
    let found = error.expect_err("six rows, five positions").to_string();
    assert!(
        found.contains("6 tokens") && found.contains("only 5 rows"),
        "{found}"
    );
    let without = EncoderStack::new(&mut StoreBuilder::new(8), stack(NormPosition::Pre, 0.0), 0);
    let found = without.err().expect("no positions").to_string();
    assert!(
        found.contains("max_positions must be at least 1"),
        "{found}"
    );
    Ok(())
}
