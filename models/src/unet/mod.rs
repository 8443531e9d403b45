//! U-Net (Ronneberger, Fischer and Brox 2015): scores for every pixel of a picture, from
//! convolutions at several sizes of it.
//!
//! ```text
//! block(x) = twice: relu(group_norm(conv_3x3(x)))              padded, so that sizes stay
//! e_0 = block(picture),  e_l = block(max_pool_2x2(e_{l-1}))    width 2^l channels at level l
//! d_L = e_L,  d_l = block([e_l ; up(d_{l+1})])                 L = levels
//! logits = dropout(d_0) W + b                                  [pixels, classes]
//! ```
//!
//! up doubles height and width and halves the channels by a convolution of 1 x 1. Both are linear, one
//! over pixels and one over channels, and the weights of an enlargement add up to 1: their order
//! changes nothing but rounding. The convolution comes first, over a quarter of the pixels.
//!
//! Where the paper leaves off borders, pictures are padded here ([`PictureBatch`]), so that every pixel
//! gets its scores. Group norm (Wu and He 2018) stands between convolution and relu and looks at one
//! picture alone: nothing depends on what else is in a batch, and training and inference compute the
//! same.

mod batch;
mod block;

use limbeck_engine::{Device, Error, Fingerprint, ParameterStore, Result, StoreBuilder, Tape, Var};
use limbeck_kernels::{
    Interpolation, Pictures, Window, concat, dropout, gather_rows, max_pool2d, upsample2d,
};

pub use batch::{PictureBatch, PictureInput};

use crate::batch::{Batch, Encoded};
use crate::classifier::{Classifier, Output};
use crate::init::Affine;
use block::Block;

/// Most halvings: beyond this the channels of the lowest level, and the padding, are a mistake.
const MOST_LEVELS: usize = 10;

/// Sizes of a U-Net.
#[derive(Clone, Debug, PartialEq)]
pub struct UNetConfig {
    /// Numbers of a pixel.
    pub channels: usize,
    /// Number of classes.
    pub classes: usize,
    /// Channels of the first level; every halving doubles them.
    pub width: usize,
    /// Number of halvings: 3 or 4 is usual. Pictures are padded to multiples of 2 to this power.
    pub levels: usize,
    /// Groups of channels that are normalised together; a divisor of `width`.
    pub groups: usize,
    /// How pictures are enlarged.
    pub interpolation: Interpolation,
    /// Dropout before the classifier.
    pub dropout: f64,
}

impl UNetConfig {
    /// Pixels that a picture is padded to multiples of.
    fn multiple(&self) -> usize {
        1 << self.levels
    }
}

/// A step up: fewer channels, then a larger picture, then a block over it and what was kept.
struct Rise {
    narrow: Affine,
    block: Block,
}

/// The model. It answers for every pixel: a text of [`Classifier`] is a picture, its positions are
/// pixels.
///
/// ```
/// use limbeck_engine::Device;
/// use limbeck_kernels::Interpolation;
/// use limbeck_models::{Classifier, Encoded, PictureInput, UNet, UNetConfig};
/// let config = UNetConfig {
///     channels: 1,
///     classes: 2,
///     width: 4,
///     levels: 2,
///     groups: 2,
///     interpolation: Interpolation::Bilinear,
///     dropout: 0.0,
/// };
/// let model = UNet::new(config, 1, &Device::cpu())?;
/// // Padded to 8 x 4 pixels inside; the scores are those of the 15 pixels that were given.
/// let picture = PictureInput { height: 5, width: 3, channels: 1, values: vec![0.5; 15] };
/// let scores = model.predict(&[&Encoded::Picture(picture)])?;
/// assert_eq!(scores[0].len(), 5 * 3 * 2);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
pub struct UNet {
    config: UNetConfig,
    store: ParameterStore,
    /// From the whole picture down.
    falls: Vec<Block>,
    bottom: Block,
    /// From the bottom up.
    rises: Vec<Rise>,
    classifier: Affine,
}

impl UNet {
    /// A model with random weights drawn from the seed.
    ///
    /// # Errors
    /// If a size is zero, `groups` does not divide `width`, there are more than 10 levels, or the
    /// device cannot hold it.
    pub fn new(config: UNetConfig, seed: u64, device: &Device) -> Result<Self> {
        check(&config)?;
        let mut store = StoreBuilder::new(seed);
        let (groups, levels) = (config.groups, config.levels);
        let width = |level: usize| config.width << level;
        let mut inputs = config.channels;
        let mut falls = Vec::with_capacity(levels);
        for level in 0..levels {
            let name = format!("encoder.{level}");
            falls.push(Block::new(
                &mut store,
                &name,
                (inputs, width(level)),
                groups,
            ));
            inputs = width(level);
        }
        let bottom = Block::new(&mut store, "bottom", (inputs, width(levels)), groups);
        let mut rises = Vec::with_capacity(levels);
        for level in (0..levels).rev() {
            let name = format!("decoder.{level}");
            let (below, own) = (width(level + 1), width(level));
            let narrow = Affine::new(&mut store, &format!("{name}.up"), below, own);
            let block = Block::new(&mut store, &name, (2 * own, own), groups);
            rises.push(Rise { narrow, block });
        }
        let classifier = Affine::new(&mut store, "classifier", config.width, config.classes);
        Ok(UNet {
            store: store.build(device)?,
            config,
            falls,
            bottom,
            rises,
            classifier,
        })
    }

    /// Its sizes.
    pub fn config(&self) -> &UNetConfig {
        &self.config
    }

    /// d_0 of every pixel of the padded pictures, `[padded.rows(), width]`.
    fn features(&self, tape: &Tape, batch: &PictureBatch) -> Result<Var> {
        let halves = Window::square(2).stride(2);
        let (mut x, mut pictures) = (tape.constant(batch.x.clone()), batch.padded);
        let mut kept = Vec::with_capacity(self.falls.len());
        for (level, block) in self.falls.iter().enumerate() {
            let (e, (pooled, smaller)) = tape.scope(&format!("encoder {level}"), || {
                let e = block.apply(tape, &self.store, &x, pictures)?;
                let pooled = max_pool2d(tape, &e, pictures, halves)?;
                Ok((e, pooled))
            })?;
            kept.push((e, level));
            (x, pictures) = (pooled, smaller);
        }
        x = tape.scope("bottom", || {
            self.bottom.apply(tape, &self.store, &x, pictures)
        })?;
        for rise in &self.rises {
            let (e, level) = kept.pop().expect("as many steps up as down");
            (x, pictures) = tape.scope(&format!("decoder {level}"), || {
                self.rise(tape, rise, &e, (&x, pictures))
            })?;
        }
        Ok(x)
    }

    /// A step up to the size of `e`.
    fn rise(
        &self,
        tape: &Tape,
        rise: &Rise,
        e: &Var,
        (x, pictures): (&Var, Pictures),
    ) -> Result<(Var, Pictures)> {
        let narrow = rise.narrow.apply(tape, &self.store, x, None)?;
        let (up, larger) = upsample2d(tape, &narrow, pictures, 2, self.config.interpolation)?;
        let both = concat(tape, &[e, &up])?;
        Ok((rise.block.apply(tape, &self.store, &both, larger)?, larger))
    }

    /// The scores of the pixels that are no padding.
    fn score(&self, tape: &Tape, features: &Var, batch: &PictureBatch) -> Result<Var> {
        let own = match &batch.inside {
            Some(rows) => gather_rows(tape, features, rows)?,
            None => features.clone(),
        };
        let (coordinates, rate) = (batch.packed.coordinates(), self.config.dropout);
        let own = dropout(tape, &own, coordinates, rate, "unet.classifier")?;
        self.classifier.apply(tape, &self.store, &own, None)
    }

    /// Refuses what another U-Net has padded.
    fn expect(&self, batch: &PictureBatch) -> Result<()> {
        let (multiple, channels) = (self.config.multiple(), self.config.channels);
        let (found, padded) = (batch.x.shape().columns(), batch.padded);
        let sides = [padded.height, padded.width];
        if found == channels && sides.iter().all(|side| side.is_multiple_of(multiple)) {
            return Ok(());
        }
        Err(Error::Mismatch(format!(
            "the model reads pictures of {channels} channels, padded to multiples of {multiple} \
             pixels, but the batch holds {} x {} pixels of {found} channels: let this model make \
             its batches",
            padded.height, padded.width
        )))
    }
}

impl Classifier for UNet {
    fn parameters(&self) -> &ParameterStore {
        &self.store
    }

    fn parameters_mut(&mut self) -> &mut ParameterStore {
        &mut self.store
    }

    fn classes(&self) -> usize {
        self.config.classes
    }

    /// Pictures have no vocabulary: the number of channels stands for one, so that models that read
    /// the same pictures agree.
    fn vocabulary(&self) -> Fingerprint {
        Fingerprint(u64::from_be_bytes(*b"pictures") ^ self.config.channels as u64)
    }

    fn forward(&self, tape: &Tape, batch: &Batch) -> Result<Output> {
        let batch = batch.pictures()?;
        self.expect(batch)?;
        let features = self.features(tape, batch)?;
        let logits = tape.scope("classifier", || self.score(tape, &features, batch))?;
        Ok(Output {
            logits,
            levels: Vec::new(),
            states: Vec::new(),
        })
    }

    fn per_position(&self) -> bool {
        true
    }

    /// It has none.
    fn is_embedding(&self, _name: &str) -> bool {
        false
    }

    fn batch(&self, texts: &[&Encoded], first_sample: u32) -> Result<Batch> {
        let sizes = (self.config.channels, self.config.multiple());
        let batch = PictureBatch::new(self.store.device(), texts, sizes, first_sample)?;
        Ok(Batch::Pictures(batch))
    }
}

fn check(config: &UNetConfig) -> Result<()> {
    let refuse = |message| {
        Err(Error::Shape {
            operator: "unet",
            message,
        })
    };
    let sizes = [
        ("channels", config.channels),
        ("classes", config.classes),
        ("width", config.width),
        ("levels", config.levels),
        ("groups", config.groups),
    ];
    if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
        return refuse(format!("{name} must be at least 1"));
    }
    if config.levels > MOST_LEVELS {
        return refuse(format!(
            "levels must be at most {MOST_LEVELS}, found {}",
            config.levels
        ));
    }
    if !config.width.is_multiple_of(config.groups) {
        return refuse(format!(
            "groups must divide the width {}, found {}",
            config.width, config.groups
        ));
    }
    Ok(())
}
