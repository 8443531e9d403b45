//! What is no tagger, and what a tagger does not read.

use limbeck_engine::{Device, Error, Fingerprint, Result, Tape, TokenIds};
use limbeck_models::tagging::{Tagger, TaggerConfig, TrunkConfig, WordText};
use limbeck_models::{Classifier, Encoded, TextCnn, TextCnnConfig, TimePooling, Topology};

use crate::small::{KINDS, Kind, LABELS, POSITIONS, TAGS, batch, sentence, sentences};

fn refused<T>(found: Result<T>, parts: &[&str]) {
    let message = found.err().expect("refused").to_string();
    for part in parts {
        assert!(message.contains(part), "{part:?} is missing in {message}");
    }
}

fn changed(kind: Kind, change: impl FnOnce(&mut TaggerConfig)) -> Result<Tagger> {
    let mut config = kind.config(false);
    change(&mut config);
    Tagger::new(config, 3, &Device::cpu())
}

#[test]
fn sizes_of_zero_are_named() {
    for kind in KINDS {
        let refused = |change: fn(&mut TaggerConfig), name: &str| {
            refused(changed(kind, change), &[name, "must be at least 1"]);
        };
        refused(|c| c.tags = 0, "tags");
        refused(|c| c.input.words = 0, "words");
        refused(|c| c.input.letters = 0, "letters");
        refused(|c| c.input.shapes = 0, "shapes");
        refused(|c| c.input.word_size = 0, "word_size");
        refused(|c| c.input.letter_size = 0, "letter_size");
        refused(|c| c.input.letter_kernel_size = 0, "letter_kernel_size");
    }
    for kind in [Kind::Parallel, Kind::Stacked] {
        let refused = |change: fn(&mut limbeck_models::tagging::TextCnnTrunk), name: &str| {
            let found = changed(kind, |config| match &mut config.trunk {
                TrunkConfig::TextCnn(trunk) => change(trunk),
                _ => unreachable!("convolutions"),
            });
            refused(found, &[name, "must be at least 1"]);
        };
        refused(|trunk| trunk.channels = 0, "channels");
        refused(|trunk| trunk.kernel_sizes.clear(), "kernel_sizes");
        refused(|trunk| trunk.kernel_sizes[1] = 0, "kernel size");
    }
    for kind in [Kind::Encoder, Kind::Decoder] {
        let refused = |change: fn(&mut limbeck_models::tagging::TransformerTrunk), part: &str| {
            let found = changed(kind, |config| match &mut config.trunk {
                TrunkConfig::Transformer(trunk) => change(trunk),
                TrunkConfig::Seq2Seq(trunk) => change(&mut trunk.encoder),
                TrunkConfig::TextCnn(_) => unreachable!("attention"),
            });
            refused(found, &[part]);
        };
        refused(|trunk| trunk.window = 0, "window must be at least 1");
        refused(
            |trunk| trunk.max_positions = 0,
            "max_positions must be at least 1",
        );
        refused(
            |trunk| trunk.stack.hidden_size = 0,
            "hidden_size must be at least 1",
        );
        refused(|trunk| trunk.stack.layers = 0, "layers must be at least 1");
        refused(|trunk| trunk.stack.heads = 3, "found 3 heads for 4");
    }
    let found = changed(Kind::Decoder, |config| match &mut config.trunk {
        TrunkConfig::Seq2Seq(trunk) => trunk.decoder_layers = 0,
        _ => unreachable!("a decoder"),
    });
    refused(found, &["decoder_layers must be at least 1"]);
}

/// Letters and forms may be left out, and then have no parameters.
#[test]
fn letters_and_forms_may_be_left_out() -> Result<()> {
    for kind in KINDS {
        let model = changed(kind, |config| {
            config.input.letter_channels = 0;
            config.input.shape_size = 0;
        })?;
        for name in [
            "letters.weight",
            "letters.convolution.weight",
            "shapes.weight",
        ] {
            assert!(model.parameters().find(name).is_none(), "{kind:?}: {name}");
        }
        let mut texts = sentences();
        let before = model.predict(&[&texts[0]])?;
        assert_eq!(before[0].len(), 4 * TAGS);
        let Encoded::Words(text) = &mut texts[0] else {
            unreachable!("the sentences are of words")
        };
        (text.spellings[0], text.shapes[0]) = (vec![5], (text.shapes[0] + 1) % 3);
        assert_eq!(model.predict(&[&texts[0]])?, before, "{kind:?}");
    }
    Ok(())
}

#[test]
fn texts_that_it_does_not_read_are_refused() -> Result<()> {
    for kind in KINDS {
        let model = kind.build(false, &Device::cpu())?;
        let refuse = |text: Encoded, parts: &[&str]| refused(model.predict(&[&text]), parts);
        let words = |change: fn(&mut WordText)| {
            let mut text = sentence(&[1, 2]);
            change(&mut text);
            Encoded::Words(text)
        };
        let foreign = words(|text| text.vocabulary = Fingerprint(0xabc));
        let error = model.predict(&[&foreign]).expect_err("other tables");
        assert!(matches!(error, Error::Vocabulary { .. }), "{error}");
        refuse(foreign, &["0000000000000abc", "0000000000000006"]);
        let tokens = Encoded::Tokens(TokenIds::new(vec![1], Fingerprint(6)));
        refuse(tokens, &["reads words", "encoded as tokens"]);
        let parts = ["2 words", "1 spellings", "2 forms"];
        refuse(words(|text| text.spellings.truncate(1)), &parts);
        let parts = ["2 words", "2 spellings", "3 forms"];
        refuse(words(|text| text.shapes.push(0)), &parts);
        refuse(words(|text| text.ids[1] = 8), &["8"]);
        refuse(words(|text| text.shapes[0] = 3), &["3"]);
        refuse(words(|text| text.spellings[0] = vec![6]), &["6"]);
        let parts = ["at least one row", "found lengths"];
        refuse(words(|text| text.spellings[0].clear()), &parts);
        refuse(Encoded::Words(sentence(&[])), &parts);
        let long = Encoded::Words(sentence(&[1; POSITIONS + 1]));
        match kind {
            Kind::Parallel | Kind::Stacked => {
                assert_eq!(model.predict(&[&long])?[0].len(), (POSITIONS + 1) * TAGS);
            }
            Kind::Encoder | Kind::Decoder => refuse(long, &["8 tokens", "only 7 rows"]),
        }
    }
    Ok(())
}

#[test]
fn a_batch_of_another_model_is_refused() -> Result<()> {
    let device = Device::cpu();
    let other = TextCnnConfig {
        vocabulary_size: 4,
        vocabulary: Fingerprint(6),
        classes: TAGS,
        embedding_size: 2,
        channels: 2,
        kernel_sizes: vec![2],
        topology: Topology::Parallel,
        pooling: TimePooling::Max,
        dropout: 0.0,
        max_length: 4,
    };
    let other = TextCnn::new(other, 1, &device)?;
    let tokens = Encoded::Tokens(TokenIds::new(vec![1], Fingerprint(6)));
    let tokens = other.batch(&[&tokens], 0)?;
    let tape = Tape::inference(&device);
    for kind in KINDS {
        let model = kind.build(false, &device)?;
        let parts = ["reads words", "the batch holds tokens"];
        refused(model.forward(&tape, &tokens), &parts);
        refused(model.forward_labelled(&tape, &tokens, &[0]), &parts);
        let words = batch(&model, &sentences(), 0)?;
        let parts = ["reads tokens", "the batch holds words"];
        refused(other.forward(&tape, &words), &parts);
    }
    Ok(())
}

#[test]
fn every_word_has_one_of_the_tags() -> Result<()> {
    for kind in KINDS {
        let device = Device::cpu();
        let model = kind.build(false, &device)?;
        let batch = batch(&model, &sentences(), 0)?;
        let tape = Tape::deterministic(&device);
        let given = |labels: &[u32]| model.forward_labelled(&tape, &batch, labels);
        refused(given(&LABELS[1..]), &["13 words", "12 tags"]);
        refused(
            given(&[&LABELS[..], &[0]].concat()),
            &["13 words", "14 tags"],
        );
        refused(given(&[]), &["13 words", "0 tags"]);
        // The number of tags is the symbol of the beginning.
        for wrong in [TAGS as u32, 99] {
            let mut labels = LABELS;
            labels[5] = wrong;
            let tag = format!("tag {wrong}");
            refused(given(&labels), &[&tag, "below 4"]);
        }
        assert_eq!(given(&LABELS)?.shape().dims(), [13, TAGS]);
    }
    Ok(())
}
