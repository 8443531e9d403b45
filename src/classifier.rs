//! A finished classifier as a program of one's own uses it.

use std::path::Path;
use std::sync::Arc;

use limbeck_engine::Device;
use limbeck_recipes::text::{TextClassifier, best_classes};

use crate::run::{Error, Result, load_classifier};

/// A classifier of texts from the folder of a model or of a run: one folder has all there is to it
/// (`model.safetensors`, `config.json` with the labels, `encoder.json`).
///
/// It is shared by reference: several threads may ask it at once.
///
/// ```
/// # use limbeck::recipes::config::{self, Run};
/// # let folder = tempfile::tempdir()?;
/// # let text = "colour\tred paint\nplace\tin Oslo\ncolour\tblue paint\nplace\tin Kiel\n";
/// # std::fs::write(folder.path().join("train.tsv"), text.repeat(3))?;
/// # let run_file = format!(
/// #     "task = \"train\"\n[data]\ndir = {:?}\ntest = \"train.tsv\"\n[model]\nkind = \"bag_of_ngrams\"\n",
/// #     folder.path()
/// # );
/// # let dir = folder.path().join("run");
/// # let options = limbeck::run::RunOptions { out: Some(dir.clone()), ..Default::default() };
/// # let Run::Train(run) = config::parse("run.toml", &run_file, &[])? else { unreachable!() };
/// # limbeck::run::train(&run, &options)?;
/// let classifier = limbeck::Classifier::load(&dir)?;
/// let answers = classifier.predict(&["green paint", "in Bergen"])?;
/// assert_eq!(answers[0].label, "colour");
/// assert!(answers[0].probability > 0.5);
/// let best: Vec<(&str, f64)> = answers[1].best(2);
/// assert_eq!((best[0].0, best[1].0), ("place", "colour"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Classifier {
    inner: TextClassifier,
    labels: Arc<[String]>,
}

/// What a classifier thinks of one text.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The most probable class.
    pub label: String,
    /// Its probability, from 0 to 1.
    pub probability: f64,
    /// The probability of every class, in the order of [`Classifier::labels`].
    pub probabilities: Vec<f64>,
    labels: Arc<[String]>,
}

impl Prediction {
    /// The `k` most probable classes with their probabilities, the best first; all, if there are
    /// fewer.
    pub fn best(&self, k: usize) -> Vec<(&str, f64)> {
        let named = |class: usize| (self.labels[class].as_str(), self.probabilities[class]);
        best_classes(&self.probabilities, k).map(named).collect()
    }
}

impl Classifier {
    /// Loads the classifier of a folder onto the CPU: of a run folder the student, or the model if it
    /// trained one alone.
    ///
    /// # Errors
    /// If there is none, its files are damaged or do not belong together, or it does not give classes
    /// to texts (it tags words, or reads pictures or speech).
    pub fn load(folder: impl AsRef<Path>) -> Result<Self> {
        Self::load_on(folder, None, &Device::cpu())
    }

    /// Loads one of the models of a run (`teacher`, `student_alone` ...) onto a device.
    ///
    /// # Errors
    /// As [`Classifier::load`], and if the device cannot hold it.
    pub fn load_on(folder: impl AsRef<Path>, name: Option<&str>, device: &Device) -> Result<Self> {
        let folder = folder.as_ref();
        let inner = load_classifier(folder, name, device)?;
        let refuse = |what: &str| Err(Error::Usage(format!("{}: {what}", folder.display())));
        if inner.is_tagger() {
            return refuse("the model labels the words of texts: load it with limbeck::Tagger");
        }
        if inner.reads_pictures() || inner.reads_speech() {
            return refuse(
                "the model reads pictures or speech, expected one of texts: see limbeck::recipes",
            );
        }
        Ok(Classifier {
            labels: inner.labels().into(),
            inner,
        })
    }

    /// The names of the classes.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The classes of texts, in their order, with probabilities.
    ///
    /// # Errors
    /// If the device failed.
    pub fn predict<T: AsRef<str> + Sync>(&self, texts: &[T]) -> Result<Vec<Prediction>> {
        let answers = self.inner.predict(texts)?.into_iter();
        let with_labels = |answer: limbeck_recipes::text::Prediction| Prediction {
            label: answer.label,
            probability: answer.probability,
            probabilities: answer.probabilities,
            labels: self.labels.clone(),
        };
        Ok(answers.map(with_labels).collect())
    }

    /// Computes once what a TextCNN would compute for every text: answers come several times faster
    /// and differ by rounding alone. Returns the bytes this takes, or `None` for other models.
    ///
    /// # Errors
    /// If the device cannot hold it.
    pub fn fold(&mut self) -> Result<Option<usize>> {
        Ok(self.inner.fold()?)
    }

    /// What is below: the encoder, the model, its configuration.
    pub fn inner(&self) -> &TextClassifier {
        &self.inner
    }
}
