//! Small U-Nets, and pictures for them.

use limbeck_engine::{Device, Result, Stream};
use limbeck_kernels::Interpolation;
use limbeck_models::{Encoded, PictureInput, UNet, UNetConfig};

use crate::common::shake;

pub(crate) const CHANNELS: usize = 2;
pub(crate) const CLASSES: usize = 3;

/// Dropout is on.
pub(crate) fn config(interpolation: Interpolation) -> UNetConfig {
    UNetConfig {
        channels: CHANNELS,
        classes: CLASSES,
        width: 4,
        levels: 2,
        groups: 2,
        interpolation,
        dropout: 0.3,
    }
}

pub(crate) fn build(interpolation: Interpolation, device: &Device) -> Result<UNet> {
    let mut model = UNet::new(config(interpolation), 3, device)?;
    shake(&mut model)?;
    Ok(model)
}

/// A picture of random numbers.
pub(crate) fn picture(height: usize, width: usize, number: u32) -> PictureInput {
    let random = Stream::new(4, "picture", 0);
    let values = (0..(height * width * CHANNELS) as u32).map(|i| random.normal(i, number) as f32);
    PictureInput {
        height,
        width,
        channels: CHANNELS,
        values: values.collect(),
    }
}

/// Three pictures of a size.
pub(crate) fn pictures(height: usize, width: usize) -> Vec<Encoded> {
    let encoded = |number| Encoded::Picture(picture(height, width, number));
    (0..3).map(encoded).collect()
}
