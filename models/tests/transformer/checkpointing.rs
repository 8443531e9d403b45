//! Gradient checkpointing: the same bits, and less memory.

use limbeck_engine::{
    Device, Fingerprint, Layout, Meta, Packed, Result, StoreBuilder, Tape, Tensor, TokenIds,
};
use limbeck_kernels::{Labels, Normaliser, cross_entropy, mse, weighted_mean};
use limbeck_models::{
    Classifier, Encoded, EncoderStack, Head, NormPosition, Seq2Seq, Seq2SeqConfig, StackConfig,
    TextPooling, Transformer, TransformerConfig,
};

use crate::{NORMS, WIDTH, devices, stack};

const VOCABULARY: Fingerprint = Fingerprint(4);
const CLASSES: usize = 3;
const TEXTS: [&[u32]; 4] = [&[1, 5, 5, 0], &[2], &[6, 3], &[4, 4, 2]];
const LABELS: [u32; 4] = [2, 0, 1, 2];

/// Its head reads the states of both layers and of the embedding, behind the layers that read them.
fn transformer(norm: NormPosition, again: bool, device: &Device) -> Result<Box<dyn Classifier>> {
    let stack = stack(norm, 0.3);
    let config = TransformerConfig {
        vocabulary_size: 7,
        vocabulary: VOCABULARY,
        classes: CLASSES,
        hidden_size: WIDTH,
        layers: stack.layers,
        heads: stack.heads,
        feed_forward_size: stack.feed_forward_size,
        dropout: stack.dropout,
        attention_dropout: stack.attention_dropout,
        norm,
        functions: stack.functions,
        gradient_checkpointing: again,
        pooling: TextPooling::Mean,
        max_positions: 5,
        head: Head::Projected {
            layers: vec![1, 2],
            size: 4,
            embedding_size: Some(3),
        },
    };
    Ok(Box::new(Transformer::new(config, 8, device)?))
}

/// Its decoder's layers all read the same memory.
fn seq2seq(norm: NormPosition, again: bool, device: &Device) -> Result<Box<dyn Classifier>> {
    let config = Seq2SeqConfig {
        vocabulary_size: 7,
        vocabulary: VOCABULARY,
        classes: CLASSES,
        hidden_size: WIDTH,
        encoder_layers: 2,
        decoder_layers: 2,
        heads: 2,
        feed_forward_size: 10,
        dropout: 0.2,
        attention_dropout: 0.2,
        norm,
        gradient_checkpointing: again,
        max_positions: 6,
    };
    Ok(Box::new(Seq2Seq::new(config, 8, device)?))
}

/// The losses of an update in so many parts, and all its gradients.
fn update(model: &dyn Classifier, parts: usize) -> Result<(Vec<f64>, Vec<Vec<f64>>)> {
    let device = model.device();
    let mut gradients = model.parameters().zeros()?;
    let mut losses = Vec::new();
    for part in 0..parts {
        let rows = TEXTS.len() * part / parts..TEXTS.len() * (part + 1) / parts;
        let text = |ids: &&[u32]| Encoded::Tokens(TokenIds::new(ids.to_vec(), VOCABULARY));
        let texts: Vec<Encoded> = TEXTS[rows.clone()].iter().map(text).collect();
        let batch = model.batch(&texts.iter().collect::<Vec<_>>(), rows.start as u32)?;
        let tape = Tape::training(device, 1, 2);
        let logits = model.forward(&tape, &batch)?.logits;
        let labels = Labels::new(device, &LABELS[rows], CLASSES)?;
        let rows_of_loss = cross_entropy(&tape, &logits, &labels, None)?;
        let all = Normaliser::Count(TEXTS.len() as f32);
        let loss = weighted_mean(&tape, &rows_of_loss, None, all)?;
        losses.push(loss.tensor().item()?);
        tape.backward(&loss, &mut [&mut gradients])?
            .refuse(&[model.parameters()])?;
    }
    let slices = gradients.slices().iter().flatten();
    Ok((losses, slices.map(Tensor::read_f64).collect::<Result<_>>()?))
}

type Build = fn(NormPosition, bool, &Device) -> Result<Box<dyn Classifier>>;

#[test]
fn losses_and_gradients_are_those_without_it_bit_for_bit() -> Result<()> {
    let kinds: [(&str, Build); 2] = [("transformer", transformer), ("seq2seq", seq2seq)];
    for (device, _) in devices() {
        for ((name, build), norm) in kinds.iter().flat_map(|kind| NORMS.map(|norm| (kind, norm))) {
            let what = format!("{name}, {norm:?} on {}", device.name());
            let (plain, again) = (build(norm, false, &device)?, build(norm, true, &device)?);
            for parts in [1, 3] {
                let expected = update(&*plain, parts)?;
                assert_eq!(update(&*again, parts)?, expected, "{what}, {parts} parts");
                assert!(expected.0.iter().all(|loss| *loss > 0.0), "{what}");
            }
        }
    }
    Ok(())
}

#[test]
fn frozen_layers_stay_constants() -> Result<()> {
    for (device, _) in devices() {
        let mut expected = None;
        for again in [false, true] {
            let mut model = transformer(NormPosition::Post, again, &device)?;
            for prefix in [
                "embedding",
                "positions",
                "norm",
                "layers.0",
                "layers.1.attention",
            ] {
                assert!(
                    model.parameters_mut().set_frozen(prefix, true) > 0,
                    "{prefix}"
                );
            }
            let found = update(&*model, 1)?;
            assert_eq!(&found, expected.get_or_insert(found.clone()));
        }
    }
    Ok(())
}

/// The most memory of a pass there and back through `layers` layers.
fn peak(layers: usize, again: bool, device: &Device) -> Result<usize> {
    let config = StackConfig {
        layers,
        gradient_checkpointing: again,
        ..stack(NormPosition::Post, 0.1)
    };
    let mut store = StoreBuilder::new(8);
    let encoder = EncoderStack::new(&mut store, config, 64)?;
    let store = store.build(device)?;
    let mut gradients = store.zeros()?;
    let packed = Packed::new(device, &[64; 16], 0)?;
    let tape = Tape::training(device, 1, 2);
    let x = tape.constant(device.zeros(packed.shape(WIDTH))?);
    let before = device.used_bytes();
    let last = encoder.forward(&tape, &store, &x, &packed)?.pop();
    let last = last.expect("a state of every layer");
    let rows = tape.constant(device.zeros(packed.shape(WIDTH))?);
    let rows_of_loss = mse(&tape, &last, &rows)?;
    let loss = weighted_mean(&tape, &rows_of_loss, None, Normaliser::Count(1.0))?;
    drop((last, rows, rows_of_loss));
    tape.backward(&loss, &mut [&mut gradients])?
        .refuse(&[&store])?;
    Ok(device.peak_bytes() - before)
}

/// Without it every layer adds all that it keeps, with it one row of states per row of the input.
#[test]
fn memory_grows_by_the_states_of_a_layer_alone() -> Result<()> {
    let device = |layout: Option<Layout>| layout.map_or_else(Device::cpu, Device::shapes_of);
    for layout in [
        None,
        Some(Layout::Cpu),
        Some(Layout::Gpu),
        Some(Layout::Reference),
    ] {
        let added = |again: bool| -> Result<usize> {
            let [few, many] = [4, 12].map(|layers| peak(layers, again, &device(layout)));
            Ok((many? - few?) / 8)
        };
        let (plain, again) = (added(false)?, added(true)?);
        // 16 texts of 64 tokens, in the size class of the pool.
        let states = Meta::real([16 * 64, WIDTH]);
        let states = layout.unwrap_or_default().buffer_bytes(states);
        assert_eq!(again, states, "{layout:?}");
        assert!(plain > 8 * again, "{layout:?}: {plain} and {again}");
    }
    // A rehearsal counts what the device itself does.
    assert_eq!(
        peak(3, true, &Device::cpu())?,
        peak(3, true, &Device::shapes())?
    );
    Ok(())
}
