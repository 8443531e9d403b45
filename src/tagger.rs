//! A finished tagger as a program of one's own uses it.

use std::path::Path;

use limbeck_engine::Device;
use limbeck_recipes::text::{Tagged, TextClassifier};

use crate::run::{Error, Result, load_classifier};

/// A model that labels the words of texts, from the folder of a model or of a run: tags and spans, or
/// keywords.
///
/// It is shared by reference: several threads may ask it at once.
///
/// ```
/// # use limbeck::recipes::config::{DataConfig, Format, Model, ModelKind, TaggerConfig, WordsConfig};
/// # use limbeck::recipes::text::{Encoder, TextClassifier};
/// # use limbeck::{data::tagging::Scheme, engine::Device, models::Head};
/// # let folder = tempfile::tempdir()?;
/// # let dir = folder.path().join("model");
/// # let scheme = Scheme::Iob2;
/// # let model = Model::Tagger(TaggerConfig {
/// #     keywords: false,
/// #     scheme,
/// #     read: Default::default(),
/// #     max_length: 64,
/// #     words: WordsConfig { min_count: 1, ..Default::default() },
/// #     trunk: Box::new(Model::of_kind(ModelKind::TextCnn)),
/// # });
/// # let texts = ["Anna Weber met him".to_string()];
/// # let encoder = Encoder::train(&model, &DataConfig::of_format(Format::Tsv), false, &texts)?;
/// # let labels = scheme.tag_names(&["PER"]);
/// # let tagger = TextClassifier::new(&model, Head::Pooled, encoder, &labels, 1, &Device::cpu())?;
/// # tagger.save(&dir)?;
/// let tagger = limbeck::Tagger::load(&dir)?;
/// let answers = tagger.tag(&["Anna Weber met him in Kiel"])?;
/// assert_eq!(answers[0].tokens.len(), answers[0].tags.len());
/// for span in &answers[0].spans {
///     println!("{} {} (words {} to {})", span.kind, span.text, span.start, span.end);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Tagger {
    inner: TextClassifier,
}

impl Tagger {
    /// Loads the tagger of a folder onto the CPU: of a run folder the student.
    ///
    /// # Errors
    /// If there is none, its files are damaged or do not belong together, or it gives one label to a
    /// whole text.
    pub fn load(folder: impl AsRef<Path>) -> Result<Self> {
        Self::load_on(folder, None, &Device::cpu())
    }

    /// Loads one of the models of a run (`teacher_a`, `student_alone` ...) onto a device.
    ///
    /// # Errors
    /// As [`Tagger::load`], and if the device cannot hold it.
    pub fn load_on(folder: impl AsRef<Path>, name: Option<&str>, device: &Device) -> Result<Self> {
        let folder = folder.as_ref();
        let inner = load_classifier(folder, name, device)?;
        match inner.is_tagger() {
            true => Ok(Tagger { inner }),
            false => Err(Error::Usage(format!(
                "{}: the model gives one label to a whole text: load it with limbeck::Classifier",
                folder.display()
            ))),
        }
    }

    /// The names of the tags.
    pub fn labels(&self) -> &[String] {
        self.inner.labels()
    }

    /// Whether what it marks are keywords of the text.
    pub fn finds_keywords(&self) -> bool {
        self.inner.space().finds_keywords()
    }

    /// The words of texts with their tags, the spans that these mark, and keywords, if it finds any.
    /// Of a sentence words are what stands between spaces; of a text with keywords they are found as
    /// in the training data.
    ///
    /// # Errors
    /// If the device failed.
    pub fn tag<T: AsRef<str> + Sync>(&self, texts: &[T]) -> Result<Vec<Tagged>> {
        Ok(self.inner.tag(texts)?)
    }

    /// The keywords of texts, the surest first.
    ///
    /// # Errors
    /// If the model marks something else, or the device failed.
    pub fn keywords<T: AsRef<str> + Sync>(&self, texts: &[T]) -> Result<Vec<Vec<String>>> {
        if !self.finds_keywords() {
            let kinds = self.inner.space().kinds().join(", ");
            let message = format!("the model marks {kinds} and no keywords: ask it to tag");
            return Err(Error::Usage(message));
        }
        let tagged = self.tag(texts)?.into_iter();
        Ok(tagged.map(|tagged| tagged.keywords).collect())
    }

    /// What is below: the encoder, the model, its configuration.
    pub fn inner(&self) -> &TextClassifier {
        &self.inner
    }
}
