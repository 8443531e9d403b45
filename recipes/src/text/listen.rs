//! Pictures in, classes of pixels out; speech in, words out.

use limbeck_data::pictures::{LabelPicture, Picture};
use limbeck_data::speech::{LogMel, Waveform};
use limbeck_engine::Error;
use limbeck_kernels::{CTC_BEAM_WIDTH, ctc_beam_search};
use limbeck_models::{Encoded, PictureInput};

use super::predict::argmax;
use super::{Encoder, TextClassifier};
use crate::error::Result;

impl TextClassifier {
    /// Whether it labels the pixels of pictures, and [`TextClassifier::segment`] asks it.
    pub fn reads_pictures(&self) -> bool {
        matches!(self.encoder(), Encoder::Pictures(_))
    }

    /// Whether it reads speech, and [`TextClassifier::transcribe`] asks it.
    pub fn reads_speech(&self) -> bool {
        matches!(self.encoder(), Encoder::Speech(_))
    }

    /// The class of every pixel of a picture.
    ///
    /// # Errors
    /// If the model reads no pictures, or others (of other channels), or the device failed.
    pub fn segment(&self, picture: &Picture) -> Result<LabelPicture> {
        let input = Encoded::Picture(PictureInput {
            height: picture.height,
            width: picture.width,
            channels: picture.channels,
            values: picture.values.clone(),
        });
        let scores = self.model().predict(&[&input])?;
        let rows = scores[0].chunks(self.labels().len());
        Ok(LabelPicture {
            height: picture.height,
            width: picture.width,
            labels: rows.map(|row| argmax(row) as u32).collect(),
        })
    }

    /// The words of a recording: with CTC as many as are in it, else the one that it is.
    ///
    /// # Errors
    /// If the model reads no speech, the sound cannot be brought to its rate, or the device failed.
    pub fn transcribe(&self, sound: &Waveform) -> Result<Vec<String>> {
        let Encoder::Speech(encoder) = self.encoder() else {
            let message = "this model reads no speech";
            return Err(Error::Mismatch(message.into()).into());
        };
        let sound = sound.resampled(encoder.features().sample_rate)?;
        let features = LogMel::new(encoder.features())?.features(&sound.samples);
        let input = encoder.encode(&features, &[features.frames as u32]);
        let scores = self.model().predict(&[&input])?;
        let words = match encoder.reads_frames() {
            true => ctc_beam_search(&scores[0], self.labels().len(), CTC_BEAM_WIDTH)?,
            false => vec![argmax(&scores[0]) as u32],
        };
        let name = |word: u32| self.labels()[word as usize].clone();
        Ok(words.into_iter().map(name).collect())
    }
}
