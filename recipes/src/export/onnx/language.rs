//! Recurrent language models: scores of the next word, with a state that is carried on.

use super::graph::{Arranged, GraphBuilder};
use super::message::Attribute;
use crate::config::{RecurrentConfig, RecurrentKind};
use crate::error::Result;

/// A recurrent unit of ONNX.
struct Unit {
    operator: &'static str,
    /// The gates in ONNX's order, by their numbers in ours.
    gates: &'static [usize],
    /// Whether it has a second state.
    second: bool,
}

fn unit(kind: RecurrentKind) -> Result<Unit> {
    match kind {
        // Ours: input, forget, candidate, output; theirs: input, output, forget, candidate.
        RecurrentKind::Lstm => Ok(Unit {
            operator: "LSTM",
            gates: &[0, 3, 1, 2],
            second: true,
        }),
        // Ours: reset, update, candidate; theirs: update, reset, candidate.
        RecurrentKind::Gru => Ok(Unit {
            operator: "GRU",
            gates: &[1, 0, 2],
            second: false,
        }),
        RecurrentKind::Rnn => Err(super::not_offered(
            "a plain recurrent network (kind = \"rnn\")",
        )),
    }
}

/// Writes inputs (`input_ids`, the state `h` and with LSTM `c`, `[layers, batch, hidden]`) and outputs
/// (`logits` `[batch, sequence, words]`, `h_out`, `c_out`). All texts of a batch have one length.
pub(super) fn predict_words(graph: &mut GraphBuilder<'_>, config: &RecurrentConfig) -> Result<()> {
    let unit = unit(config.kind)?;
    let ids = graph.ids("input_ids", &["batch", "sequence"]);
    let (layers, hidden) = (config.layers.to_string(), config.hidden_size.to_string());
    let dims = [layers.as_str(), "batch", hidden.as_str()];
    let names: &[&str] = if unit.second { &["h", "c"] } else { &["h"] };
    let states: Vec<String> = names.iter().map(|name| graph.reals(name, &dims)).collect();
    let steps = graph.transpose(&ids, &[1, 0]);
    let mut x = graph.look_up("embedding.weight", &steps)?;
    let mut after = vec![Vec::new(); names.len()];
    for layer in 0..config.layers {
        let mut outputs = walk(graph, &unit, (layer, config), &x, &states)?;
        let y = outputs.remove(0);
        for (kept, output) in after.iter_mut().zip(outputs) {
            kept.push(output);
        }
        let direction = graph.whole(&[1]);
        x = graph.apply("Squeeze", &[&y, &direction], Vec::new());
    }
    let x = graph.transpose(&x, &[1, 0, 2]);
    let scores = score(graph, config, &x)?;
    let words = graph.shape("embedding.weight")?[0].to_string();
    graph.output(&scores, "logits", &["batch", "sequence", &words]);
    for (name, kept) in names.iter().zip(after) {
        let state = graph.concat(&kept, 0);
        graph.output(&state, &format!("{name}_out"), &dims);
    }
    Ok(())
}

/// One layer over all steps: what comes out, and the states after the last step.
fn walk(
    graph: &mut GraphBuilder<'_>,
    unit: &Unit,
    (layer, config): (usize, &RecurrentConfig),
    x: &str,
    states: &[String],
) -> Result<Vec<String>> {
    let name = format!("layers.{layer}");
    let w = weight(graph, unit, &format!("{name}.input.weight"))?;
    let r = weight(graph, unit, &format!("{name}.recurrent.weight"))?;
    let b = biases(graph, unit, &name, config.hidden_size)?;
    let [from, to, axis] = [layer as i64, layer as i64 + 1, 0].map(|n| graph.whole(&[n]));
    let own = |state: &String| graph.apply("Slice", &[state, &from, &to, &axis], Vec::new());
    let own: Vec<String> = states.iter().map(own).collect();
    let mut inputs = vec![x, &w, &r, &b, ""];
    inputs.extend(own.iter().map(String::as_str));
    let mut options = vec![Attribute::of_int("hidden_size", config.hidden_size as i64)];
    if unit.operator == "GRU" {
        // The reset gate is applied behind the product with the recurrent weights, as ours is.
        options.push(Attribute::of_int("linear_before_reset", 1));
    }
    Ok(graph.apply_many(unit.operator, &inputs, options, 1 + states.len()))
}

/// Weights `[in, gates * hidden]` as `[1, gates * hidden, in]`, the gates in ONNX's order.
fn weight(graph: &mut GraphBuilder<'_>, unit: &Unit, name: &str) -> Result<String> {
    let &[inputs, columns] = graph.shape(name)? else {
        return Err(super::not_offered("a recurrent layer without a matrix"));
    };
    let hidden = columns / unit.gates.len();
    let mut places = Vec::with_capacity(inputs * columns);
    for &gate in unit.gates {
        for unit in 0..hidden {
            places.extend((0..inputs).map(|input| input * columns + gate * hidden + unit));
        }
    }
    let arranged = Arranged {
        dims: vec![1, columns, inputs],
        channel_axis: 1,
        places,
    };
    graph.arranged(&format!("{name}.onnx"), name, &arranged)
}

/// ONNX has a bias for each of the two products; ours is the first one's, and that of a GRU's
/// candidate, which the reset gate weighs, the second one's.
fn biases(graph: &mut GraphBuilder<'_>, unit: &Unit, layer: &str, hidden: usize) -> Result<String> {
    let columns = unit.gates.len() * hidden;
    let gates = unit.gates.iter();
    let places = gates.flat_map(|gate| gate * hidden..(gate + 1) * hidden);
    let arranged = Arranged {
        dims: vec![1, columns],
        channel_axis: 1,
        places: places.collect(),
    };
    let name = format!("{layer}.bias");
    let first = graph.arranged(&format!("{name}.onnx"), &name, &arranged)?;
    let candidate = format!("{layer}.hidden.bias");
    let zeros = graph.zeros(&[1, columns - if unit.second { 0 } else { hidden }]);
    let mut parts = vec![first, zeros];
    if !unit.second {
        let arranged = Arranged {
            dims: vec![1, hidden],
            channel_axis: 1,
            places: (0..hidden).collect(),
        };
        parts.push(graph.arranged(&format!("{candidate}.onnx"), &candidate, &arranged)?);
    }
    Ok(graph.concat(&parts, 1))
}

/// Scores of all words, `[batch, sequence, words]`.
fn score(graph: &mut GraphBuilder<'_>, config: &RecurrentConfig, x: &str) -> Result<String> {
    let table = match config.tied {
        true => "embedding.weight",
        false => "output.weight",
    };
    let table = graph.parameter(table)?;
    let columns = graph.transpose(&table, &[1, 0]);
    let words = graph.shape("output.bias")?[0];
    let arranged = Arranged {
        dims: vec![words],
        channel_axis: 0,
        places: (0..words).collect(),
    };
    let bias = graph.arranged("output.bias.onnx", "output.bias", &arranged)?;
    let products = graph.apply("MatMul", &[x, &columns], Vec::new());
    Ok(graph.apply("Add", &[&products, &bias], Vec::new()))
}
