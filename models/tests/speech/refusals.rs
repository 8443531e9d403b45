//! What is no network over speech, and what one does not read.

use limbeck_engine::{Device, Fingerprint, Result, Tape, TokenIds};
use limbeck_models::{
    Classifier, Encoded, FrameInput, SpeechNet, SpeechNetConfig, SpeechOutput, SpeechTrunk,
};

use crate::common::refused;
use crate::small::{CLASSES, KINDS, Kind, clip, clips};

fn changed(kind: Kind, change: impl FnOnce(&mut SpeechNetConfig)) -> Result<SpeechNet> {
    on(&Device::cpu(), kind, change)
}

fn on(device: &Device, kind: Kind, change: impl FnOnce(&mut SpeechNetConfig)) -> Result<SpeechNet> {
    let mut config = kind.config(SpeechOutput::Frames);
    change(&mut config);
    SpeechNet::new(config, 3, device)
}

#[test]
fn sizes_of_zero_are_named() {
    let zero = "must be at least 1";
    for kind in KINDS {
        refused(changed(kind, |c| c.bins = 0), &["bins", zero]);
        refused(changed(kind, |c| c.classes = 0), &["classes", zero]);
    }
    let convolution = |channels, kernel_sizes: &[usize], name| {
        let kernel_sizes = kernel_sizes.to_vec();
        let trunk = SpeechTrunk::Convolution {
            channels,
            kernel_sizes,
        };
        refused(changed(Kind::Wide, |c| c.trunk = trunk), &[name, zero]);
    };
    convolution(0, &[3], "channels");
    convolution(4, &[], "kernel_sizes");
    convolution(4, &[3, 0], "kernel size");
    let recurrent = |hidden_size, layers, name| {
        let trunk = SpeechTrunk::Recurrent {
            hidden_size,
            layers,
            bidirectional: true,
        };
        refused(changed(Kind::BothWays, |c| c.trunk = trunk), &[name, zero]);
    };
    recurrent(0, 1, "hidden_size");
    recurrent(3, 0, "layers");
}

#[test]
fn clips_that_it_does_not_read_are_refused() -> Result<()> {
    for kind in KINDS {
        let model = kind.build(SpeechOutput::Segments, &Device::cpu())?;
        let refuse = |text: Encoded, parts: &[&str]| refused(model.predict(&[&text]), parts);
        let with = |change: fn(&mut FrameInput)| {
            let mut input = clip(&[2, 3], 0);
            change(&mut input);
            Encoded::Frames(input)
        };
        let tokens = Encoded::Tokens(TokenIds::new(vec![1], Fingerprint(6)));
        refuse(tokens, &["reads frames of speech", "encoded as tokens"]);
        refuse(with(|c| c.bins = 5), &["frames of 3 bins", "a clip has 5"]);
        refuse(with(|c| c.bins = 0), &["frames of 3 bins", "a clip has 0"]);
        let parts = ["14 numbers", "a multiple of its 3 bins"];
        refuse(with(|c| c.values.truncate(14)), &parts);
        refuse(
            with(|c| c.values.clear()),
            &["0 numbers", "at least one frame"],
        );
        let parts = ["2 segments", "6 frames in all", "the clip has 5"];
        refuse(with(|c| c.segments[1] = 4), &parts);
        refuse(
            with(|c| c.segments.clear()),
            &["0 segments", "the clip has 5"],
        );
        refuse(
            with(|c| c.segments = vec![5, 0]),
            &["segment 1", "no frame"],
        );
        refused(model.predict(&[]), &["at least one sequence"]);
        assert_eq!(model.predict(&[&with(|_| {})])?[0].len(), 2 * CLASSES);
    }
    assert_eq!(Encoded::Frames(clip(&[2, 3], 0)).len(), 5);
    Ok(())
}

#[test]
fn a_batch_of_another_model_is_refused() -> Result<()> {
    let device = Device::cpu();
    let tape = Tape::inference(&device);
    let texts = clips();
    let texts: Vec<&Encoded> = texts.iter().collect();
    let batch = Kind::Wide
        .build(SpeechOutput::Frames, &device)?
        .batch(&texts, 0)?;
    for kind in KINDS {
        let wider = on(&device, kind, |c| c.bins = 4)?;
        refused(
            wider.forward(&tape, &batch),
            &["frames of 4 bins", "frames of 3"],
        );
        // Whatever reads as many bins reads it, recurrent or not.
        let model = kind.build(SpeechOutput::Segments, &device)?;
        assert_eq!(
            model.forward(&tape, &batch)?.logits.shape().dims(),
            [7, CLASSES]
        );
        assert_ne!(model.vocabulary(), wider.vocabulary());
    }
    refused(
        batch.words(),
        &["reads words", "the batch holds frames of speech"],
    );
    refused(
        batch.pictures(),
        &["reads pictures", "the batch holds frames"],
    );
    Ok(())
}
