//! Small taggers, sentences for them, and the devices to test on.

use limbeck_engine::{Device, Fingerprint, Result, Stream, Tape, Var};
use limbeck_kernels::{Labels, Normaliser, crf, cross_entropy, weighted_mean};
use limbeck_models::tagging::{
    Seq2SeqTrunk, Tagger, TaggerConfig, TextCnnTrunk, TransformerTrunk, TrunkConfig,
    WordInputConfig, WordText,
};
use limbeck_models::{
    Batch, Classifier, Encoded, LayerFunctions, NormPosition, StackConfig, Topology,
};

pub(crate) const TABLES: Fingerprint = Fingerprint(6);
pub(crate) const TAGS: usize = 4;
pub(crate) const POSITIONS: usize = 7;

/// The words of four sentences; word 7 is in none.
const WORDS: [&[u32]; 4] = [&[1, 4, 4, 0], &[2], &[6, 3, 1, 5, 2, 6], &[0, 3]];

/// A tag for each of the thirteen words.
pub(crate) const LABELS: [u32; 13] = [0, 1, 3, 2, 1, 2, 2, 0, 3, 1, 1, 3, 0];

/// Which tagger.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Parallel,
    Stacked,
    Encoder,
    Decoder,
}

pub(crate) const KINDS: [Kind; 4] = [Kind::Parallel, Kind::Stacked, Kind::Encoder, Kind::Decoder];

impl Kind {
    /// Every kind of dropout is on.
    pub(crate) fn config(self, crf: bool) -> TaggerConfig {
        TaggerConfig {
            input: WordInputConfig {
                vocabulary: TABLES,
                words: 8,
                letters: 6,
                shapes: 3,
                word_size: 3,
                letter_size: 2,
                letter_channels: 3,
                letter_kernel_size: 2,
                shape_size: 2,
                dropout: 0.1,
            },
            trunk: self.trunk(),
            tags: TAGS,
            dropout: 0.2,
            crf,
        }
    }

    fn trunk(self) -> TrunkConfig {
        let convolutions = |topology| {
            TrunkConfig::TextCnn(TextCnnTrunk {
                channels: 3,
                kernel_sizes: vec![2, 3],
                topology,
            })
        };
        match self {
            Kind::Parallel => convolutions(Topology::Parallel),
            Kind::Stacked => convolutions(Topology::Stacked),
            Kind::Encoder => TrunkConfig::Transformer(encoder(NormPosition::Pre, 1)),
            Kind::Decoder => TrunkConfig::Seq2Seq(Seq2SeqTrunk {
                encoder: encoder(NormPosition::Post, 3),
                decoder_layers: 2,
                symbol_dropout: 0.4,
            }),
        }
    }

    /// A tagger with random numbers for parameters that begin as zeros or ones, too.
    pub(crate) fn build(self, crf: bool, device: &Device) -> Result<Tagger> {
        built(self.config(crf), device)
    }
}

/// As [`Kind::build`], of this configuration.
pub(crate) fn built(config: TaggerConfig, device: &Device) -> Result<Tagger> {
    let mut tagger = Tagger::new(config, 3, device)?;
    let store = tagger.parameters_mut();
    let random = Stream::new(9, "moved", 0);
    let mut values = store.values().read()?;
    for (slice, numbers) in (0..).zip(&mut values) {
        for (index, number) in (0..).zip(numbers) {
            *number += 0.3 * random.normal(slice, index) as f32;
        }
    }
    store.values_mut()?.restore(&values)?;
    Ok(tagger)
}

/// The same configuration without any dropout.
pub(crate) fn undropped(mut config: TaggerConfig) -> TaggerConfig {
    (config.dropout, config.input.dropout) = (0.0, 0.0);
    let encoder = match &mut config.trunk {
        TrunkConfig::TextCnn(_) => return config,
        TrunkConfig::Transformer(encoder) => encoder,
        TrunkConfig::Seq2Seq(trunk) => {
            trunk.symbol_dropout = 0.0;
            &mut trunk.encoder
        }
    };
    (encoder.stack.dropout, encoder.stack.attention_dropout) = (0.0, 0.0);
    config
}

fn encoder(norm: NormPosition, window: usize) -> TransformerTrunk {
    TransformerTrunk {
        stack: StackConfig {
            hidden_size: 4,
            layers: 1,
            heads: 2,
            feed_forward_size: 5,
            dropout: 0.1,
            attention_dropout: 0.1,
            norm,
            functions: LayerFunctions::default(),
            gradient_checkpointing: false,
        },
        max_positions: POSITIONS,
        window,
    }
}

/// A sentence of these words. Some words are spelt alike, and their form depends on where they stand.
pub(crate) fn sentence(words: &[u32]) -> WordText {
    let letters = |&word: &u32| (0..1 + word % 4).map(move |at| (2 + 5 * at + word / 4) % 6);
    WordText {
        ids: words.to_vec(),
        spellings: words.iter().map(|word| letters(word).collect()).collect(),
        shapes: (0..).zip(words).map(|(at, word)| (at + word) % 3).collect(),
        vocabulary: TABLES,
    }
}

pub(crate) fn sentences() -> Vec<Encoded> {
    let encoded = |words: &&[u32]| Encoded::Words(sentence(words));
    WORDS.iter().map(encoded).collect()
}

/// The labels of each sentence.
pub(crate) fn labels() -> Vec<Vec<u32>> {
    let mut rest = &LABELS[..];
    let take = |words: &&[u32]| {
        let (own, others) = rest.split_at(words.len());
        rest = others;
        own.to_vec()
    };
    WORDS.iter().map(take).collect()
}

pub(crate) fn batch(model: &Tagger, texts: &[Encoded], first: u32) -> Result<Batch> {
    model.batch(&texts.iter().collect::<Vec<_>>(), first)
}

/// The mean loss over the words: that of the random field, where the tagger has one.
pub(crate) fn loss(model: &Tagger, tape: &Tape, batch: &Batch, scores: &Var) -> Result<Var> {
    let labels = Labels::new(tape.device(), &LABELS, TAGS)?;
    let rows = match model.transitions() {
        Some(transitions) => {
            let transitions = tape.parameter(model.parameters(), transitions);
            crf(tape, scores, &transitions, &batch.words()?.packed, &labels)?
        }
        None => cross_entropy(tape, scores, &labels, None)?,
    };
    let count = Normaliser::Count(LABELS.len() as f32);
    weighted_mean(tape, &rows, None, count)
}

/// The devices, and how far their numbers may be from the reference's: a hundred operations of f32
/// on numbers around 1, each rounded by 6e-8.
pub(crate) fn devices() -> Vec<(Device, f64)> {
    let mut devices = vec![(Device::reference(), 1e-12), (Device::cpu(), 1e-5)];
    devices.extend(gpu().map(|gpu| (gpu, 1e-5)));
    devices
}

#[cfg(feature = "gpu")]
fn gpu() -> Option<Device> {
    let name = std::env::var("LIMBECK_TEST_ADAPTER").unwrap_or_else(|_| "llvmpipe".into());
    match Device::gpu_named(&name) {
        Ok(gpu) => Some(gpu),
        Err(error) => {
            let required = std::env::var("LIMBECK_REQUIRE_GPU").is_ok_and(|v| v == "1");
            assert!(!required, "LIMBECK_REQUIRE_GPU=1, but: {error}");
            None
        }
    }
}

#[cfg(not(feature = "gpu"))]
fn gpu() -> Option<Device> {
    None
}

/// The largest difference.
pub(crate) fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    // NaN is farther than anything.
    differences.fold(0.0, |worst, d| if d <= worst { worst } else { d })
}
