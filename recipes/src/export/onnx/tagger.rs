//! Sequence taggers: scores of tags for every word.

use limbeck_models::{LayerFunctions, NormPosition};

use super::graph::{GraphBuilder, Mask};
use super::message::Attribute;
use super::text_cnn::Over;
use super::transformer::Stack;
use crate::config::{Model, Norm, TaggerConfig, TextCnnConfig, Topology, TransformerConfig};
use crate::error::Result;

/// The scores `[batch, sequence, tags]` of the graph's own inputs: `word_ids`, `letter_ids`,
/// `letter_mask`, `shape_ids` and `attention_mask`, those of them that the model reads.
pub(super) fn tag(graph: &mut GraphBuilder<'_>, config: &TaggerConfig) -> Result<String> {
    let positions = ["batch", "sequence"];
    let ids = graph.ids("word_ids", &positions);
    let mask = graph.ids("attention_mask", &positions);
    let mask = graph.mask(&mask);
    let words = words(graph, config, &ids)?;
    let words = graph.masked(&words, &mask);
    let states = match &*config.trunk {
        Model::TextCnn(sizes) => convolutions(graph, sizes, &words, &mask)?,
        Model::Transformer(sizes) => {
            encoder(graph, (sizes, config.words.window), (&words, &ids), &mask)?
        }
        _ => {
            return Err(super::not_offered(
                "a tagger that writes its tags one after the other",
            ));
        }
    };
    graph.affine("scores", &states)
}

/// The vectors of words: the table, the letters, the outward form.
fn words(graph: &mut GraphBuilder<'_>, config: &TaggerConfig, ids: &str) -> Result<String> {
    let sizes = &config.words;
    let mut parts = vec![graph.look_up("words.weight", ids)?];
    if sizes.letter_channels > 0 {
        let dims = ["batch", "sequence", "letters"];
        let letters = graph.ids("letter_ids", &dims);
        let mask = graph.ids("letter_mask", &dims);
        let mask = graph.mask(&mask);
        let letters = graph.look_up("letters.weight", &letters)?;
        let letters = graph.masked(&letters, &mask);
        let width = sizes.letter_kernel_size;
        let y = graph.convolution("letters.convolution", &letters, width, Over::Letters)?;
        let y = graph.apply("Relu", &[&y], Vec::new());
        parts.push(graph.max_over_time(&y, &mask));
    }
    if sizes.form_size > 0 {
        let shapes = graph.ids("shape_ids", &["batch", "sequence"]);
        parts.push(graph.look_up("shapes.weight", &shapes)?);
    }
    Ok(graph.concat(&parts, -1))
}

/// Every position with the pooled sentence as context.
fn convolutions(
    graph: &mut GraphBuilder<'_>,
    config: &TextCnnConfig,
    words: &str,
    mask: &Mask,
) -> Result<String> {
    let mut below = words.to_string();
    let mut states = Vec::new();
    for (k, &width) in config.kernel_sizes.iter().enumerate() {
        let name = format!("blocks.{k}.convolution");
        let y = graph.convolution(&name, &below, width, Over::Positions)?;
        let mut y = graph.apply("Relu", &[&y], Vec::new());
        if config.topology == Topology::Stacked {
            if k > 0 {
                y = graph.apply("Add", &[&y, &below], Vec::new());
            }
            below = graph.masked(&y, mask);
        }
        states.push(y);
    }
    let local = graph.concat(&states, -1);
    let pooled = graph.max_over_time(&local, mask);
    let axis = graph.whole(&[1]);
    let pooled = graph.apply("Unsqueeze", &[&pooled, &axis], Vec::new());
    let shape = graph.apply("Shape", &[&local], Vec::new());
    let context = graph.apply("Expand", &[&pooled, &shape], Vec::new());
    let parts = [words, &local, &context];
    Ok(graph.apply("Concat", &parts, vec![Attribute::of_int("axis", -1)]))
}

fn encoder(
    graph: &mut GraphBuilder<'_>,
    (config, window): (&TransformerConfig, usize),
    (words, ids): (&str, &str),
    mask: &Mask,
) -> Result<String> {
    let x = graph.convolution("input", words, window, Over::Positions)?;
    let stack = Stack {
        layers: config.layers,
        heads: config.heads,
        norm: match config.norm {
            Norm::Pre => NormPosition::Pre,
            Norm::Post => NormPosition::Post,
        },
        functions: LayerFunctions::default(),
    };
    let mut states = stack.states(graph, &x, ids, mask)?;
    // There is one for the input, whatever the number of layers.
    Ok(states.pop().unwrap_or(x))
}
