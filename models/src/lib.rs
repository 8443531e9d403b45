//! The model families of Limbeck. Each is a configuration, a parameter store and one function
//! that writes the forward pass on a tape.
#![forbid(unsafe_code)]

mod bag_of_ngrams;
mod batch;
mod classifier;
mod init;
pub mod language;
mod pooling;
mod seq2seq;
mod speech;
pub mod tagging;
mod text_cnn;
mod text_graph;
mod transformer;
mod unet;

pub use bag_of_ngrams::{BagOfNgrams, BagOfNgramsConfig};
pub use batch::{Batch, Encoded, NgramBatch, SparseText, TokenBatch};
pub use classifier::{Classifier, Output};
pub use pooling::TextPooling;
pub use seq2seq::{Seq2Seq, Seq2SeqConfig};
pub use speech::{FrameBatch, FrameInput, SpeechNet, SpeechNetConfig, SpeechOutput, SpeechTrunk};
pub use text_cnn::{TextCnn, TextCnnConfig, TimePooling, Topology};
pub use text_graph::{
    Aggregation, CorpusAdjacency, CorpusNetwork, CorpusNetworkConfig, DocumentBatch, EdgeValues,
    GatedGraph, GatedGraphConfig, GraphBatch, GraphDocument, GraphText, Links, NetworkKind,
    TextLevelGraph, TextLevelGraphConfig,
};
pub use transformer::{
    Decoder, DecoderCache, EncoderStack, Head, LayerFunctions, NormPosition, StackConfig,
    Transformer, TransformerConfig,
};
pub use unet::{PictureBatch, PictureInput, UNet, UNetConfig};
