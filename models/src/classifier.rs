//! What every text classifier offers.

use limbeck_engine::{Device, Error, Fingerprint, ParameterId, ParameterStore, Result, Tape, Var};

use crate::batch::{Batch, Encoded};

/// What a forward pass gives.
#[derive(Clone, Debug)]
pub struct Output {
    /// Unnormalised class scores, `[texts, classes]`; of a model that answers for every position, or
    /// for segments, `[rows, classes]`.
    pub logits: Var,
    /// One vector per text and level of depth, `[texts, width]` each; empty for models without
    /// levels.
    pub levels: Vec<Var>,
    /// One vector per token and level of depth, `[rows, width]` each: the embedding first, then
    /// every layer or block. Empty for models that read no tokens, and where only
    /// [`Classifier::forward_with_states`] makes them.
    pub states: Vec<Var>,
}

/// A model that reads encoded texts and gives class scores.
pub trait Classifier: Send + Sync {
    /// Its parameters.
    fn parameters(&self) -> &ParameterStore;

    /// Its parameters, to update.
    fn parameters_mut(&mut self) -> &mut ParameterStore;

    /// Number of classes.
    fn classes(&self) -> usize;

    /// The vocabulary whose ids it reads.
    fn vocabulary(&self) -> Fingerprint;

    /// Writes the forward pass on the tape: that of its two halves, for a model that has no levels.
    ///
    /// # Errors
    /// If the batch is of another vocabulary or kind, or the device failed.
    fn forward(&self, tape: &Tape, batch: &Batch) -> Result<Output> {
        let representation = self.represent(tape, batch)?;
        Ok(Output {
            logits: self.classify(tape, batch, &representation)?,
            levels: Vec::new(),
            states: Vec::new(),
        })
    }

    /// The same with all states, which a model may otherwise save itself the making of.
    ///
    /// # Errors
    /// As [`Classifier::forward`].
    fn forward_with_states(&self, tape: &Tape, batch: &Batch) -> Result<Output> {
        self.forward(tape, batch)
    }

    /// The vector that stands for each text, `[texts, width]`: what the last layer reads, before any
    /// dropout there.
    ///
    /// # Errors
    /// As [`Classifier::forward`], and for models that have no such vector.
    fn represent(&self, tape: &Tape, batch: &Batch) -> Result<Var> {
        let _ = (tape, batch);
        Err(no_vector())
    }

    /// The last layer alone: class scores from what [`Classifier::represent`] gave for the texts of
    /// the batch, or from vectors made of it.
    ///
    /// # Errors
    /// As [`Classifier::represent`].
    fn classify(&self, tape: &Tape, batch: &Batch, representation: &Var) -> Result<Var> {
        let _ = (tape, batch, representation);
        Err(no_vector())
    }

    /// The states of the levels that the head reads, projected row by row as the head projects
    /// their pooled vectors: `[rows, width]` each. `states` are those of [`Output`]. None for heads
    /// without levels.
    ///
    /// # Errors
    /// If the states are not this model's, or the device failed.
    fn project_states(&self, tape: &Tape, states: &[Var]) -> Result<Vec<Var>> {
        let _ = (tape, states);
        Ok(Vec::new())
    }

    /// Whether it answers for every position of a text in place of the text. Its scores then have a
    /// row per position, one text after the other.
    fn per_position(&self) -> bool {
        false
    }

    /// How many rows of scores it gives for a text: one, or one for every position; a model that
    /// answers for something else (segments of speech) says how many.
    fn rows(&self, text: &Encoded) -> usize {
        if self.per_position() { text.len() } else { 1 }
    }

    /// Class scores as training needs them: a model that writes its labels one after the other reads
    /// the true ones before each (teacher forcing). `labels` has an entry per row of scores.
    ///
    /// # Errors
    /// As [`Classifier::forward`], and if there is another number of labels.
    fn forward_labelled(&self, tape: &Tape, batch: &Batch, labels: &[u32]) -> Result<Var> {
        let _ = labels;
        Ok(self.forward(tape, batch)?.logits)
    }

    /// The scores of one label after another, `[classes + 2, classes]`, where the best sequence of
    /// labels is wanted and not the best label of every position.
    fn transitions(&self) -> Option<ParameterId> {
        None
    }

    /// Prepares the model for inference by products of its parameters that are computed once, and
    /// returns the bytes they take; `None` for models that have nothing to fold. Results differ by
    /// rounding alone. A change of the parameters undoes it.
    ///
    /// # Errors
    /// If the device cannot hold them.
    fn fold(&mut self) -> Result<Option<usize>> {
        Ok(None)
    }

    /// Names of parameters whose number does not count as model size in comparisons: embeddings.
    fn is_embedding(&self, name: &str) -> bool;

    /// Number of single parameters (weights and biases).
    fn parameter_count(&self) -> usize {
        self.parameters().parameters()
    }

    /// Number of single parameters outside embeddings.
    fn parameter_count_without_embeddings(&self) -> usize {
        let records = self.parameters().records().iter();
        records
            .filter(|r| !self.is_embedding(&r.name))
            .map(|r| r.shape.elements())
            .sum()
    }

    /// Places a batch of texts on the model's device.
    ///
    /// # Errors
    /// If a text is of another vocabulary or kind than the model reads.
    fn batch(&self, texts: &[&Encoded], first_sample: u32) -> Result<Batch>;

    /// Class scores of a few texts: `classes` numbers for each of its [`Classifier::rows`]. Several
    /// threads may call it at once.
    ///
    /// # Errors
    /// As [`Classifier::forward`].
    fn predict(&self, texts: &[&Encoded]) -> Result<Vec<Vec<f32>>> {
        let tape = Tape::inference(self.device());
        let output = self.forward(&tape, &self.batch(texts, 0)?)?;
        let logits = output.logits.tensor();
        // A shape device has no numbers; its users want to know what a run takes, not what it says.
        let flat = match self.device().is_shapes() {
            true => vec![0.0; logits.shape().elements()],
            false => logits.read()?,
        };
        Ok(by_text(self, texts, &flat))
    }

    /// The device of the parameters.
    fn device(&self) -> &Device {
        self.parameters().device()
    }
}

/// Scores of a batch, divided among its texts.
pub(crate) fn by_text<C: Classifier + ?Sized>(
    model: &C,
    texts: &[&Encoded],
    flat: &[f32],
) -> Vec<Vec<f32>> {
    let mut rest = flat;
    let take = |text: &&Encoded| {
        let (own, others) = rest.split_at(model.rows(text) * model.classes());
        rest = others;
        own.to_vec()
    };
    texts.iter().map(take).collect()
}

fn no_vector() -> Error {
    Error::Mismatch("this kind of model has no vector that stands for a text".into())
}
