//! The operators of Limbeck, a folder each.
//!
//! A folder holds all there is to know about its operator: the formula and its derivation
//! (`mod.rs`, and step by step `derivation.md`), the definition in f64 (`reference.rs`), the fast versions (`cpu.rs`, `gpu.rs` and
//! the WGSL files), and the table of cases that holds them together ([`harness`]).
#![deny(unsafe_code)]

mod activation;
mod adamw;
mod argmax;
mod attention;
mod binary_cross_entropy;
mod candidate_scores;
pub mod check;
mod clip_norm;
mod closer_rows;
mod concat;
mod confident_rows;
mod conjugate_gradient;
mod conv1d;
mod conv1d_max;
mod conv2d;
mod crf;
mod cross_attention;
mod cross_entropy;
mod ctc;
mod dropout;
mod edge_max;
mod edge_softmax;
mod embedding;
mod embedding_bag;
mod first_over_time;
mod focal;
mod folded_conv1d;
mod gather_rows;
mod group_norm;
mod gru;
mod half_squared_norm;
pub mod harness;
mod jensen_shannon;
mod kl;
mod l1;
mod l2_normalise;
mod layer_norm;
mod linear;
mod log_partition;
mod lstm;
mod max_over_time;
mod max_pool2d;
mod mean_over_time;
mod mse;
mod multiply;
mod nce;
mod reshape;
mod rnn;
mod sampled_softmax;
mod scale_rows;
mod sgd;
pub mod shared;
mod slice;
mod softmax;
mod spmm;
mod squared_hinge;
mod transpose;
mod upsample2d;
mod weighted_mean;
mod weighted_sum;

pub use activation::{Activation, ActivationOperator, activation};
pub use adamw::{AdamW, AdamWConfig};
pub use argmax::argmax;
pub use attention::{Attention, attention, causal_attention};
pub use binary_cross_entropy::binary_cross_entropy;
pub use candidate_scores::candidate_scores;
pub use clip_norm::ClipNorm;
pub use closer_rows::closer_rows;
pub use concat::concat;
pub use confident_rows::confident_rows;
pub use conjugate_gradient::ConjugateGradient;
pub use conv1d::{Conv1d, conv1d};
pub use conv1d_max::conv1d_max;
pub use conv2d::{Conv2d, Conv2dOptions, conv2d};
pub use crf::{crf, marginals, viterbi};
pub use cross_attention::{CrossAttention, cross_attention};
pub use cross_entropy::{ClassWeights, Labels, cross_entropy};
pub use ctc::{
    CTC_BEAM_WIDTH, CopySymbol, CtcTargets, ctc, ctc_beam_search, ctc_best_copies, ctc_best_path,
    frames_needed,
};
pub use dropout::{dropout, dropout_add};
pub use edge_max::edge_max;
pub use edge_softmax::edge_softmax;
pub use embedding::{TokenRows, embedding};
pub use embedding_bag::{Bags, embedding_bag};
pub use first_over_time::first_over_time;
pub use focal::{focal, soft_focal};
pub use folded_conv1d::folded_conv1d;
pub use gather_rows::gather_rows;
pub use group_norm::{GroupNorm, group_norm};
pub use gru::{GruWeights, gru};
pub use half_squared_norm::half_squared_norm;
pub use jensen_shannon::jensen_shannon;
pub use kl::{kl, soft_cross_entropy};
pub use l1::l1;
pub use l2_normalise::l2_normalise;
pub use layer_norm::{LayerNorm, add_layer_norm, layer_norm};
pub use linear::{Linear, linear, linear_transposed};
pub use log_partition::log_partition;
pub use lstm::{LstmOutput, lstm};
pub use max_over_time::max_over_time;
pub use max_pool2d::max_pool2d;
pub use mean_over_time::{mean_over_time, sum_over_time};
pub use mse::mse;
pub use multiply::multiply;
pub use nce::{Candidates, nce};
pub use reshape::reshape;
pub use rnn::rnn;
pub use sampled_softmax::sampled_softmax;
pub use scale_rows::scale_rows;
pub use sgd::{Sgd, SgdConfig};
pub use shared::divergence::Temperatures;
pub use shared::edges::Edges;
pub use shared::pictures::{Pictures, Window};
pub use slice::slice;
pub use softmax::{log_softmax, softmax};
pub use spmm::{SparseMatrix, spmm};
pub use squared_hinge::squared_hinge;
pub use transpose::transpose;
pub use upsample2d::{Interpolation, upsample2d};
pub use weighted_mean::{Normaliser, weighted_mean};
pub use weighted_sum::{add, scale, weighted_sum};

/// Every operator with its formula, cases and shaders. Registering one is one line here.
pub fn registry() -> Vec<harness::Entry> {
    vec![
        activation::entry(),
        adamw::entry(),
        argmax::entry(),
        attention::entry(),
        binary_cross_entropy::entry(),
        candidate_scores::entry(),
        clip_norm::entry(),
        closer_rows::entry(),
        concat::entry(),
        confident_rows::entry(),
        conjugate_gradient::entry(),
        conv1d::entry(),
        conv1d_max::entry(),
        conv2d::entry(),
        crf::entry(),
        cross_attention::entry(),
        cross_entropy::entry(),
        ctc::entry(),
        dropout::entry(),
        edge_max::entry(),
        edge_softmax::entry(),
        embedding::entry(),
        embedding_bag::entry(),
        first_over_time::entry(),
        focal::entry(),
        folded_conv1d::entry(),
        gather_rows::entry(),
        group_norm::entry(),
        gru::entry(),
        half_squared_norm::entry(),
        jensen_shannon::entry(),
        kl::entry(),
        l1::entry(),
        l2_normalise::entry(),
        layer_norm::entry(),
        linear::entry(),
        log_partition::entry(),
        lstm::entry(),
        max_over_time::entry(),
        max_pool2d::entry(),
        mean_over_time::entry(),
        mse::entry(),
        multiply::entry(),
        nce::entry(),
        reshape::entry(),
        rnn::entry(),
        sampled_softmax::entry(),
        scale_rows::entry(),
        sgd::entry(),
        slice::entry(),
        softmax::entry(),
        spmm::entry(),
        squared_hinge::entry(),
        transpose::entry(),
        upsample2d::entry(),
        weighted_mean::entry(),
        weighted_sum::entry(),
    ]
}
