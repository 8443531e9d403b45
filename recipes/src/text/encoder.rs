//! From a text to what a model reads.

use std::path::Path;

use limbeck_data::DataError;
use limbeck_data::ngrams::{NgramFeatures, NgramOptions};
use limbeck_data::tokenize::{PretrainedTokenizer, TextTokenizer, Tokenizer, TokenizerOptions};
use limbeck_data::words::WordTable;
use limbeck_engine::Fingerprint;
use limbeck_models::{Encoded, SparseText};
use rayon::prelude::*;

use super::graph::{CorpusEncoder, GraphEncoder};
use super::media::{PictureEncoder, SpeechEncoder, no_text};
use super::tagger;
use crate::config::{DataConfig, Model, TokenizerConfig};
use crate::pretrained;

/// A tokeniser, a table of n-grams, or what makes graphs.
#[derive(Clone, Debug)]
pub enum Encoder {
    /// For models that read tokens.
    Tokens(Box<TextTokenizer>),
    /// For models that came with a tokeniser.
    Pretrained(Box<PretrainedTokenizer>),
    /// For models that read n-grams.
    Ngrams(NgramFeatures),
    /// For models that read the graph of a text.
    Graphs(Box<GraphEncoder>),
    /// For models that know the documents of one corpus.
    Corpus(Box<CorpusEncoder>),
    /// For models that label every word.
    Words(Box<WordTable>),
    /// For models that label every pixel of a picture.
    Pictures(PictureEncoder),
    /// For models that read speech.
    Speech(Box<SpeechEncoder>),
}

impl Encoder {
    /// Learns the vocabulary of a model from training texts (and no others). `first_token` puts
    /// `<cls>` before every text. A pretrained model has a tokeniser that is read and not learnt, with
    /// a first token of its own; how many of the texts it cuts is logged.
    ///
    /// # Errors
    /// An option without sense.
    pub fn train(
        model: &Model,
        data: &DataConfig,
        first_token: bool,
        texts: &[String],
    ) -> limbeck_data::Result<Self> {
        let tokenizer = |options: TokenizerOptions| TextTokenizer::train(texts, &options);
        let tokens = |options: TokenizerOptions| tokenizer(options).map(Encoder::tokens);
        let positions = |tokenizer: &TokenizerConfig, positions: usize| {
            let options = tokenizer.options(data, first_token);
            let max_length = options.max_length.min(positions);
            tokens(TokenizerOptions {
                max_length,
                ..options
            })
        };
        match model {
            Model::Transformer(config) => positions(&config.tokenizer, config.max_positions),
            Model::Seq2seq(config) => positions(&config.tokenizer, config.max_positions),
            Model::Pretrained(config) => {
                let tokenizer = pretrained::tokenizer(config, data.max_length)?;
                report_cuts(&tokenizer, texts);
                Ok(Encoder::Pretrained(Box::new(tokenizer)))
            }
            Model::Tagger(config) => {
                let table = WordTable::train(texts, &config.words.options(config.max_length));
                Ok(Encoder::Words(Box::new(table)))
            }
            Model::TextCnn(config) => tokens(config.tokenizer.options(data, first_token)),
            Model::Unet(_) | Model::Speech(_) => Err(DataError::option(
                "model",
                "a model that reads texts",
                "one of pictures or speech",
            )),
            Model::TextGraph(config) => {
                let tokenizer = tokenizer(config.tokenizer.options(data, false))?;
                Ok(Encoder::graphs(GraphEncoder::weighted(tokenizer, config)))
            }
            Model::TextLevel(config) => {
                let tokenizer = tokenizer(config.tokenizer.options(data, false))?;
                let pairs = (config.reach, config.min_pair_count);
                GraphEncoder::numbered(tokenizer, texts, pairs).map(Encoder::graphs)
            }
            Model::Corpus(config) => {
                let tokenizer = tokenizer(config.tokenizer.options(data, false))?;
                CorpusEncoder::new(tokenizer, texts, config.into()).map(Encoder::corpus)
            }
            Model::Sgc(config) => {
                let tokenizer = tokenizer(config.tokenizer.options(data, false))?;
                CorpusEncoder::new(tokenizer, texts, config.into()).map(Encoder::corpus)
            }
            Model::BagOfNgrams(config) => {
                let options = NgramOptions {
                    unit: config.unit,
                    shortest: config.ngrams[0],
                    longest: config.ngrams[1],
                    lowercase: data.lower_case,
                    min_texts: config.min_count as u32,
                    hash_bits: config.hash_bits.get(),
                    sublinear: config.sublinear,
                };
                NgramFeatures::fit(texts, &options).map(Encoder::Ngrams)
            }
            Model::File(_) => Err(no_model()),
        }
    }

    fn tokens(tokenizer: TextTokenizer) -> Self {
        Encoder::Tokens(Box::new(tokenizer))
    }

    fn graphs(encoder: GraphEncoder) -> Self {
        Encoder::Graphs(Box::new(encoder))
    }

    fn corpus(encoder: CorpusEncoder) -> Self {
        Encoder::Corpus(Box::new(encoder))
    }

    /// A text as the model reads it. Models of pictures and speech read none, and refuse it.
    pub fn encode(&self, text: &str) -> Encoded {
        match self {
            Encoder::Tokens(tokenizer) => Encoded::Tokens(tokenizer.encode(text)),
            Encoder::Pretrained(tokenizer) => Encoded::Tokens(tokenizer.encode(text)),
            Encoder::Graphs(encoder) => encoder.encode(text),
            Encoder::Corpus(encoder) => encoder.encode(text),
            Encoder::Words(table) => tagger::encode(table, text),
            Encoder::Pictures(_) | Encoder::Speech(_) => no_text(),
            Encoder::Ngrams(features) => {
                let (indices, weights) = features.row(text).into_iter().unzip();
                let vocabulary = features.fingerprint();
                Encoded::Ngrams(SparseText {
                    indices,
                    weights,
                    vocabulary,
                })
            }
        }
    }

    /// Many texts, in parallel.
    pub fn encode_all<T: AsRef<str> + Sync>(&self, texts: &[T]) -> Vec<Encoded> {
        texts
            .par_iter()
            .map(|text| self.encode(text.as_ref()))
            .collect()
    }

    /// Whether every text begins with a token that stands for the whole.
    pub fn puts_first_token(&self) -> bool {
        match self {
            Encoder::Tokens(tokenizer) => tokenizer.options().first_token,
            Encoder::Pretrained(_) => true,
            _ => false,
        }
    }

    /// Number of ids; of a corpus, of documents.
    pub fn size(&self) -> usize {
        match self {
            Encoder::Tokens(tokenizer) => tokenizer.vocabulary().len(),
            Encoder::Pretrained(tokenizer) => tokenizer.size(),
            Encoder::Ngrams(features) => features.dimensions(),
            Encoder::Graphs(encoder) => encoder.tokenizer().vocabulary().len(),
            Encoder::Corpus(encoder) => encoder.documents(),
            Encoder::Words(table) => table.words(),
            Encoder::Pictures(_) | Encoder::Speech(_) => 0,
        }
    }

    /// What the ids belong to.
    pub fn fingerprint(&self) -> Fingerprint {
        match self {
            Encoder::Tokens(tokenizer) => tokenizer.fingerprint(),
            Encoder::Pretrained(tokenizer) => tokenizer.fingerprint(),
            Encoder::Ngrams(features) => features.fingerprint(),
            Encoder::Graphs(encoder) => encoder.fingerprint(),
            Encoder::Corpus(encoder) => encoder.fingerprint(),
            Encoder::Words(table) => table.fingerprint(),
            Encoder::Pictures(encoder) => encoder.fingerprint(),
            Encoder::Speech(encoder) => encoder.fingerprint(),
        }
    }

    /// Writes the encoder as JSON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> limbeck_data::Result<()> {
        match self {
            Encoder::Tokens(tokenizer) => tokenizer.save(path),
            Encoder::Pretrained(tokenizer) => tokenizer.save(path),
            Encoder::Ngrams(features) => features.save(path),
            Encoder::Graphs(encoder) => encoder.save(path),
            Encoder::Corpus(encoder) => encoder.save(path),
            Encoder::Words(table) => table.save(path),
            Encoder::Pictures(encoder) => encoder.save(path),
            Encoder::Speech(encoder) => encoder.save(path),
        }
    }

    /// Reads what [`Encoder::save`] wrote for a model of this kind.
    ///
    /// # Errors
    /// No such file, or not what was written.
    pub fn load(model: &Model, path: &Path) -> limbeck_data::Result<Self> {
        match model {
            Model::BagOfNgrams(_) => NgramFeatures::load(path).map(Encoder::Ngrams),
            Model::Unet(_) => PictureEncoder::load(path).map(Encoder::Pictures),
            Model::Speech(_) => SpeechEncoder::load(path).map(|e| Encoder::Speech(Box::new(e))),
            Model::Tagger(_) => WordTable::load(path).map(|t| Encoder::Words(Box::new(t))),
            Model::Transformer(_) | Model::TextCnn(_) | Model::Seq2seq(_) => {
                TextTokenizer::load(path).map(Encoder::tokens)
            }
            Model::Pretrained(_) => PretrainedTokenizer::load(path, None)
                .map(|tokenizer| Encoder::Pretrained(Box::new(tokenizer))),
            Model::TextGraph(config) => {
                let tokenizer = TextTokenizer::load(path)?;
                Ok(Encoder::graphs(GraphEncoder::weighted(tokenizer, config)))
            }
            Model::TextLevel(_) => GraphEncoder::load_numbered(path).map(Encoder::graphs),
            Model::Corpus(config) => CorpusEncoder::load(path, config.into()).map(Encoder::corpus),
            Model::Sgc(config) => CorpusEncoder::load(path, config.into()).map(Encoder::corpus),
            Model::File(_) => Err(no_model()),
        }
    }
}

/// What stands where a model should.
fn no_model() -> DataError {
    DataError::option("kind", "a model that reads texts", "\"file\"")
}

fn report_cuts(tokenizer: &PretrainedTokenizer, texts: &[String]) {
    let cut = texts.par_iter().filter(|text| tokenizer.cuts(text)).count();
    if cut > 0 {
        tracing::info!(
            "{cut} of {} training texts have more than {} tokens and are cut",
            texts.len(),
            tokenizer.max_length()
        );
    }
}
