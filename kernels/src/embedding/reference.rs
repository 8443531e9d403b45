//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::{COORDINATES, Embedding, IDS, POSITIONS, TABLE};

pub(super) fn forward(operator: &Embedding, columns: usize, io: &mut Forward<'_, f64>) {
    let (table, ids, y) = (io.real(TABLE), io.ids(IDS), io.output(0));
    for (r, &id) in ids.iter().enumerate() {
        for c in 0..columns {
            y[r * columns + c] = table[id as usize * columns + c];
        }
    }
    if operator.longest.is_some() {
        let (positions, coordinates) = (io.real(POSITIONS), io.ids(COORDINATES));
        for r in 0..ids.len() {
            let position = coordinates[2 * r + 1] as usize;
            for c in 0..columns {
                y[r * columns + c] += positions[position * columns + c];
            }
        }
    }
}

pub(super) fn backward(columns: usize, io: &mut Backward<'_, f64>) {
    let (ids, dy) = (io.ids(IDS), io.upstream());
    if let Some(dtable) = io.gradient(TABLE) {
        for (r, &id) in ids.iter().enumerate() {
            for c in 0..columns {
                dtable[id as usize * columns + c] += dy[r * columns + c];
            }
        }
    }
    if let Some(dpositions) = io.gradient(POSITIONS) {
        let coordinates = io.ids(COORDINATES);
        for r in 0..ids.len() {
            let position = coordinates[2 * r + 1] as usize;
            for c in 0..columns {
                dpositions[position * columns + c] += dy[r * columns + c];
            }
        }
    }
}
