//! The tape as a graph: a row per operator, in order, so that it stays readable however long it is.
//!
//! What the next row reads flows straight down. What is read further below runs down a line of its
//! own on the right, with a branch into every reader; lines that do not overlap share a place.

use maud::{Markup, html};

use super::stage::{Row, Stage, percent, shapes, twice};

/// Pixels.
const ROW: usize = 30;
const BOX: usize = 22;
const LEFT: usize = 260;
const WIDTH: usize = 380;
const LANE: usize = 9;
const HEADING: usize = 40;
/// A letter of the small type, at most.
const LETTER: usize = 7;

/// A picture by itself.
pub(super) fn picture(stages: &[Stage]) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n",
        svg(stages).into_string()
    )
}

/// The graphs of stages, one below the other.
pub(super) fn svg(stages: &[Stage]) -> Markup {
    let wires: Vec<Vec<Wire>> = stages.iter().map(|stage| wires(&stage.rows)).collect();
    let lanes = wires.iter().flatten().map(|wire| wire.lane + 1).max();
    let width = LEFT + WIDTH + (lanes.unwrap_or(0) + 2) * LANE;
    let heights = stages.iter().map(|stage| HEADING + stage.rows.len() * ROW);
    let tops: Vec<usize> = heights
        .clone()
        .scan(0, |top, height| {
            *top += height;
            Some(*top - height)
        })
        .collect();
    let height: usize = heights.sum();
    html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(width) height=(height)
            viewBox=(format!("0 0 {width} {height}")) font-family="system-ui, sans-serif" font-size="12"
        {
            defs {
                marker id="arrow" viewBox="0 0 6 6" refX="6" refY="3" markerWidth="6"
                    markerHeight="6" orient="auto"
                {
                    path d="M0 0 L6 3 L0 6 z" fill="#6a7079" {}
                }
            }
            rect width=(width) height=(height) fill="#fdfdfb" {}
            @for ((stage, wires), top) in stages.iter().zip(&wires).zip(&tops) {
                (graph(stage, wires, *top))
            }
        }
    }
}

fn graph(stage: &Stage, wires: &[Wire], top: usize) -> Markup {
    let first = top + HEADING;
    html! {
        text x="8" y=(top + 24) font-size="15" font-weight="600" fill="#1c1f23" { (stage.name) }
        g fill="none" stroke="#6a7079" {
            @for (number, row) in stage.rows.iter().enumerate() {
                @if number > 0 && row.sources.contains(&Some(number - 1)) {
                    path d=(straight(first, number)) marker-end="url(#arrow)" {}
                }
            }
            @for wire in wires { (drawn(wire, first)) }
        }
        @for (number, row) in stage.rows.iter().enumerate() {
            (operator(stage, number, first + number * ROW))
            @let above = number.checked_sub(1).map(|above| &stage.rows[above].scope);
            @if above != Some(&row.scope) {
                text x=(LEFT - 10) y=(first + number * ROW + 15) text-anchor="end" fill="#6a7079" {
                    (shortened(&row.scope, (LEFT - 18) / LETTER))
                }
            }
        }
    }
}

/// The box of an operator; its shade shows its share of the operations.
fn operator(stage: &Stage, number: usize, y: usize) -> Markup {
    let row = &stage.rows[number];
    let share = stage.share(row.flops);
    let filled = (share * WIDTH as f64).round() as usize;
    let letters = WIDTH / LETTER - row.operator.len() - 2;
    html! {
        g {
            title {
                (number) " " (row.scope) " " (row.operator) ": " (shapes(&row.inputs)) " -> "
                (shapes(&row.outputs)) ", " (percent(share)) (twice(row)) "; " (row.formula)
            }
            rect x=(LEFT) y=(y) width=(WIDTH) height=(BOX) rx="4" fill="#ffffff" stroke="#9aa0a8" {}
            rect x=(LEFT) y=(y) width=(filled) height=(BOX) rx="4" fill="#1f77b4" opacity="0.25" {}
            text x=(LEFT + 8) y=(y + 15) fill="#1c1f23" font-weight="600" { (row.operator) }
            text x=(LEFT + WIDTH - 8) y=(y + 15) text-anchor="end" fill="#1c1f23" {
                (shortened(&shapes(&row.outputs), letters))
            }
        }
    }
}

/// From the row above into row `number`.
fn straight(first: usize, number: usize) -> String {
    let y = first + number * ROW;
    format!("M{x} {} V{y}", y - (ROW - BOX), x = LEFT + WIDTH / 2)
}

/// A value that is read further below than by the next row.
#[derive(Debug, PartialEq)]
struct Wire {
    source: usize,
    /// Rows that read it, ascending, the next one left out.
    readers: Vec<usize>,
    lane: usize,
}

/// The wires of a tape, each in the first lane that is free all the way.
fn wires(rows: &[Row]) -> Vec<Wire> {
    let mut wires: Vec<Wire> = Vec::new();
    // The row in which each lane is last used.
    let mut lanes: Vec<usize> = Vec::new();
    for source in 0..rows.len() {
        let reads = |reader: &usize| rows[*reader].sources.contains(&Some(source));
        let readers: Vec<usize> = (source + 2..rows.len()).filter(reads).collect();
        let Some(&last) = readers.last() else {
            continue;
        };
        let lane = lanes.iter().position(|end| *end <= source);
        let lane = lane.unwrap_or(lanes.len());
        match lanes.get_mut(lane) {
            Some(end) => *end = last,
            None => lanes.push(last),
        }
        wires.push(Wire {
            source,
            readers,
            lane,
        });
    }
    wires
}

fn drawn(wire: &Wire, first: usize) -> Markup {
    let edge = LEFT + WIDTH;
    let x = edge + (wire.lane + 1) * LANE + 4;
    // Out at the lower half of a box and in at the upper half, so that both can be told apart.
    let out = first + wire.source * ROW + 2 * BOX / 3;
    let into = |reader: usize| first + reader * ROW + BOX / 3;
    let last = wire.readers.last().copied().unwrap_or(wire.source);
    html! {
        path d=(format!("M{edge} {out} H{x} V{}", into(last))) {}
        @for reader in &wire.readers {
            path d=(format!("M{x} {} H{edge}", into(*reader))) marker-end="url(#arrow)" {}
        }
    }
}

/// The end of what is too long matters more than its beginning.
fn shortened(text: &str, letters: usize) -> String {
    let count = text.chars().count();
    if count <= letters {
        return text.to_owned();
    }
    let kept = text.chars().skip(count + 1 - letters);
    std::iter::once('…').chain(kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(sources: &[&[usize]]) -> Vec<Row> {
        let row = |sources: &&[usize]| Row {
            operator: "add",
            scope: String::new(),
            formula: "y = a + b",
            inputs: Vec::new(),
            outputs: Vec::new(),
            sources: sources.iter().map(|s| Some(*s)).collect(),
            flops: 1,
            bytes: 1,
            recomputed: false,
        };
        sources.iter().map(row).collect()
    }

    #[test]
    fn a_value_that_is_read_later_gets_a_wire_and_lanes_are_used_again() {
        let found = wires(&rows(&[&[], &[0], &[0, 1], &[0, 2], &[3], &[3, 4]]));
        let wire = |source, readers: &[usize], lane| Wire {
            source,
            readers: readers.to_vec(),
            lane,
        };
        assert_eq!(found, [wire(0, &[2, 3], 0), wire(3, &[5], 0)]);
        let overlapping = wires(&rows(&[&[], &[], &[0], &[1]]));
        assert_eq!(overlapping, [wire(0, &[2], 0), wire(1, &[3], 1)]);
    }

    #[test]
    fn long_texts_keep_their_end() {
        assert_eq!(shortened("layers/3/attention", 10), "…attention");
        assert_eq!(shortened("attention", 9), "attention");
    }
}
