//! Convolutions over positions, and the TextCNN classifier.

use super::graph::{Arranged, GraphBuilder, Mask};
use super::message::Attribute;
use crate::config::{TextCnnConfig, TextCnnPooling, Topology};
use crate::error::Result;

/// How inputs lie in memory: `[batch, sequence, width]`, or letters of words,
/// `[batch, sequence, letters, width]`.
#[derive(Clone, Copy)]
pub(super) enum Over {
    Positions,
    Letters,
}

impl GraphBuilder<'_> {
    /// A convolution with its bias over positions that are 0 outside of their text, "same" padding: the
    /// weights `{name}.weight` are `[width * in, out]`, the matrices of the taps one below the other.
    pub(super) fn convolution(
        &mut self,
        name: &str,
        x: &str,
        width: usize,
        over: Over,
    ) -> Result<String> {
        let from = format!("{name}.weight");
        let shape = self.shape(&from)?;
        let (inputs, outputs) = (shape[0] / width, shape[1]);
        let left = (width - 1) / 2;
        let pads = [left as i64, (width - 1 - left) as i64];
        let (to_front, back, dims, pads) = match over {
            Over::Positions => (
                vec![0, 2, 1],
                vec![0, 2, 1],
                vec![outputs, inputs, width],
                pads.to_vec(),
            ),
            Over::Letters => (
                vec![0, 3, 1, 2],
                vec![0, 2, 3, 1],
                vec![outputs, inputs, 1, width],
                vec![0, pads[0], 0, pads[1]],
            ),
        };
        let mut places = Vec::with_capacity(outputs * inputs * width);
        for output in 0..outputs {
            for input in 0..inputs {
                places.extend((0..width).map(|tap| (tap * inputs + input) * outputs + output));
            }
        }
        let arranged = Arranged {
            dims,
            channel_axis: 0,
            places,
        };
        let kernel = self.arranged(&format!("{name}.kernel"), &from, &arranged)?;
        let bias = self.parameter(&format!("{name}.bias"))?;
        let x = self.transpose(x, &to_front);
        // The defaults of the other two; there are readers that want them written.
        let ones = vec![1; pads.len() / 2];
        let options = vec![
            Attribute::of_ints("pads", &pads),
            Attribute::of_ints("strides", &ones),
            Attribute::of_ints("dilations", &ones),
        ];
        let y = self.apply("Conv", &[&x, &kernel, &bias], options);
        Ok(self.transpose(&y, &back))
    }
}

/// Class scores `[batch, classes]` from the vectors of words.
pub(super) fn classify(
    graph: &mut GraphBuilder<'_>,
    config: &TextCnnConfig,
    ids: &str,
    mask: &Mask,
) -> Result<String> {
    let embedded = graph.look_up("embedding.weight", ids)?;
    let embedded = graph.masked(&embedded, mask);
    let mut below = embedded.clone();
    let mut levels = Vec::new();
    for (k, &width) in config.kernel_sizes.iter().enumerate() {
        let read = match config.topology {
            Topology::Parallel => &embedded,
            Topology::Stacked => &below,
        };
        let name = format!("blocks.{k}");
        let y = graph.convolution(&format!("{name}.convolution"), read, width, Over::Positions)?;
        let mut y = graph.apply("Relu", &[&y], Vec::new());
        let as_wide = k > 0 || config.embedding_size == config.channels;
        if config.topology == Topology::Stacked && as_wide {
            y = graph.apply("Add", &[&y, read], Vec::new());
        }
        levels.push(pool(graph, config.pooling, &name, &y, mask)?);
        if config.topology == Topology::Stacked {
            below = graph.masked(&y, mask);
        }
    }
    let joined = graph.concat(&levels, 1);
    graph.affine("classifier", &joined)
}

fn pool(
    graph: &mut GraphBuilder<'_>,
    pooling: TextCnnPooling,
    block: &str,
    states: &str,
    mask: &Mask,
) -> Result<String> {
    Ok(match pooling {
        TextCnnPooling::Max => graph.max_over_time(states, mask),
        TextCnnPooling::Mean => graph.mean_over_time(states, mask),
        TextCnnPooling::MaxMean => {
            let largest = graph.max_over_time(states, mask);
            let mean = graph.mean_over_time(states, mask);
            let both = graph.concat(&[largest, mean], 1);
            graph.affine(&format!("{block}.pooling"), &both)?
        }
    })
}
