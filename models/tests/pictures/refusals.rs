//! What is no U-Net, and what a U-Net does not read.

use limbeck_engine::{Device, Fingerprint, Result, Tape, TokenIds};
use limbeck_kernels::Interpolation;
use limbeck_models::{Classifier, Encoded, PictureInput, UNet, UNetConfig};

use crate::common::refused;
use crate::small::{build, config, picture, pictures};

fn changed(device: &Device, change: fn(&mut UNetConfig)) -> Result<UNet> {
    let mut config = config(Interpolation::Nearest);
    change(&mut config);
    UNet::new(config, 3, device)
}

#[test]
fn sizes_that_do_not_fit_are_named() {
    let zero = "must be at least 1";
    let changed = |change: fn(&mut UNetConfig)| changed(&Device::cpu(), change);
    refused(changed(|c| c.channels = 0), &["channels", zero]);
    refused(changed(|c| c.classes = 0), &["classes", zero]);
    refused(changed(|c| c.width = 0), &["width", zero]);
    refused(changed(|c| c.levels = 0), &["levels", zero]);
    refused(changed(|c| c.groups = 0), &["groups", zero]);
    refused(
        changed(|c| c.groups = 3),
        &["groups must divide the width 4, found 3"],
    );
    refused(
        changed(|c| c.levels = 11),
        &["levels must be at most 10, found 11"],
    );
}

#[test]
fn pictures_that_it_does_not_read_are_refused() -> Result<()> {
    let model = build(Interpolation::Bilinear, &Device::cpu())?;
    let refuse = |texts: &[Encoded], parts: &[&str]| {
        refused(model.predict(&texts.iter().collect::<Vec<_>>()), parts);
    };
    let with = |change: fn(&mut PictureInput)| {
        let mut input = picture(3, 4, 0);
        change(&mut input);
        [Encoded::Picture(input)]
    };
    let tokens = Encoded::Tokens(TokenIds::new(vec![1], Fingerprint(6)));
    refuse(&[tokens], &["reads pictures", "encoded as tokens"]);
    refuse(
        &with(|p| p.channels = 3),
        &["pictures of 2 channels", "one has 3"],
    );
    let parts = ["3 x 4 pixels and 2 channels", "needs 24 numbers, found 23"];
    refuse(&with(|p| p.values.truncate(23)), &parts);
    refuse(&with(|p| p.height = usize::MAX), &["found 24"]);
    refuse(&with(|p| p.height = 0), &["0 x 4 pixels", "at least one"]);
    refuse(&with(|p| p.width = 0), &["3 x 0 pixels", "at least one"]);
    refuse(&[], &["no picture"]);
    // Lines and columns exchanged: as many pixels, another size.
    let two = [picture(3, 4, 0), picture(4, 3, 0)].map(Encoded::Picture);
    refuse(&two, &["3 x 4 and of 4 x 3", "pictures of one size"]);
    assert!(pictures(3, 4).iter().all(|picture| picture.len() == 12));
    Ok(())
}

#[test]
fn a_batch_of_another_model_is_refused() -> Result<()> {
    let device = Device::cpu();
    let model = build(Interpolation::Bilinear, &device)?;
    let changed = |change: fn(&mut UNetConfig)| changed(&device, change);
    let deeper = changed(|c| c.levels = 3)?;
    let texts = pictures(3, 4);
    let batch = model.batch(&texts.iter().collect::<Vec<_>>(), 0)?;
    let tape = Tape::inference(&device);
    let parts = ["multiples of 8", "4 x 4 pixels of 2 channels"];
    refused(deeper.forward(&tape, &batch), &parts);
    let wider = changed(|c| c.channels = 3)?;
    refused(
        wider.forward(&tape, &batch),
        &["3 channels", "of 2 channels"],
    );
    refused(
        batch.tokens(),
        &["reads tokens", "the batch holds pictures"],
    );
    refused(
        batch.frames(),
        &["reads frames of speech", "holds pictures"],
    );
    // The other way about the padding fits: 8 is a multiple of 4.
    let batch = deeper.batch(&texts.iter().collect::<Vec<_>>(), 0)?;
    assert_eq!(model.forward(&tape, &batch)?.logits.shape().dims(), [36, 3]);
    // What reads the same pictures has the same vocabulary.
    assert_eq!(model.vocabulary(), deeper.vocabulary());
    assert_ne!(model.vocabulary(), wider.vocabulary());
    Ok(())
}
