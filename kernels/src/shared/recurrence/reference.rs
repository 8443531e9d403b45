//! The definition, in f64: every product as three loops, every step after the one before.

use limbeck_engine::{Backward, Forward};

use super::{
    BIAS, BackwardRow, Beside, Cell, EXTRA, ForwardRow, INITIAL, INPUT_WEIGHT, PREVIOUS,
    RECURRENT_WEIGHT, Sizes, X,
};

/// `into[j] += Σ_i row[i] matrix[i, j]`.
fn add_product(into: &mut [f64], row: &[f64], matrix: &[f64]) {
    let columns = into.len();
    for (i, x) in row.iter().enumerate() {
        for (j, into) in into.iter_mut().enumerate() {
            *into += x * matrix[i * columns + j];
        }
    }
}

/// `into[i] += Σ_j row[j] matrix[i, j]`.
fn add_transposed(into: &mut [f64], row: &[f64], matrix: &[f64]) {
    for (i, into) in into.iter_mut().enumerate() {
        for (j, y) in row.iter().enumerate() {
            *into += y * matrix[i * row.len() + j];
        }
    }
}

/// `into[i, j] += a[i] b[j]`.
fn add_outer(into: &mut [f64], a: &[f64], b: &[f64]) {
    for (i, a) in a.iter().enumerate() {
        for (j, b_j) in b.iter().enumerate() {
            into[i * b.len() + j] += a * b_j;
        }
    }
}

/// Row `r` of a matrix of this width.
fn row(matrix: &[f64], r: usize, width: usize) -> &[f64] {
    &matrix[r * width..(r + 1) * width]
}

/// The row before row `r` among `rows`, or the initial one of its sequence.
fn before<'a>(rows: &'a [f64], initial: &'a [f64], previous: u32, width: usize) -> &'a [f64] {
    let count = rows.len() / width;
    match (previous as usize).checked_sub(count) {
        None => row(rows, previous as usize, width),
        Some(sequence) => row(initial, sequence, width),
    }
}

/// The last row of every sequence: the first step that has no row for it comes after.
fn copy_last(batch_sizes: &[usize], from: &[f64], into: &mut [f64], width: usize) {
    let mut first = 0;
    for &size in batch_sizes {
        into[..size * width].copy_from_slice(&from[first * width..(first + size) * width]);
        first += size;
    }
}

pub(super) fn forward<C: Cell>(batch_sizes: &[usize], sizes: Sizes, io: &mut Forward<'_, f64>) {
    let Sizes {
        rows,
        inputs,
        hidden,
        ..
    } = sizes;
    let (x, w_ih, w_hh) = (io.real(X), io.real(INPUT_WEIGHT), io.real(RECURRENT_WEIGHT));
    let (bias, initial, previous) = (io.real(BIAS), io.real(INITIAL), io.ids(PREVIOUS));
    let extra: &[f64] = match C::BESIDE {
        Beside::Nothing => &[],
        _ => io.real(EXTRA),
    };
    let (y, gates, beside) = (io.output(0), io.save(0), io.save(1));
    let columns = C::GATES * hidden;
    for r in 0..rows {
        let mut a = bias.to_vec();
        add_product(&mut a, row(x, r, inputs), w_ih);
        let h_before = before(y, initial, previous[r], hidden).to_vec();
        let mut recurrent = vec![0.0; columns];
        add_product(&mut recurrent, &h_before, w_hh);
        let c_before = match C::BESIDE {
            Beside::State => before(beside, extra, previous[r], hidden).to_vec(),
            _ => extra.to_vec(),
        };
        let kept = match C::BESIDE {
            Beside::Nothing => 0..0,
            _ => r * hidden..(r + 1) * hidden,
        };
        C::forward_reference(ForwardRow {
            gates: &mut a,
            recurrent: &recurrent,
            h_before: &h_before,
            extra: &c_before,
            beside: &mut beside[kept],
            h: &mut y[r * hidden..(r + 1) * hidden],
        });
        if C::BESIDE != Beside::Nothing {
            gates[r * columns..(r + 1) * columns].copy_from_slice(&a);
        }
    }
    copy_last(batch_sizes, y, io.output(1), hidden);
    if C::BESIDE == Beside::State {
        copy_last(batch_sizes, beside, io.output(2), hidden);
    }
}

pub(super) fn backward<C: Cell>(batch_sizes: &[usize], sizes: Sizes, io: &mut Backward<'_, f64>) {
    let Sizes {
        rows,
        sequences,
        inputs,
        hidden,
    } = sizes;
    let columns = C::GATES * hidden;
    let (x, w_ih, w_hh) = (io.real(X), io.real(INPUT_WEIGHT), io.real(RECURRENT_WEIGHT));
    let (initial, previous) = (io.real(INITIAL), io.ids(PREVIOUS));
    let (y, gates, beside) = (io.output(0), io.saved(0), io.saved(1));
    let extra: &[f64] = match C::BESIDE {
        Beside::Nothing => &[],
        _ => io.real(EXTRA),
    };
    let given = |output: usize| io.upstream_of(output).map(<[f64]>::to_vec);
    let none = || vec![0.0; sequences * hidden];
    let dy = given(0).unwrap_or_else(|| vec![0.0; rows * hidden]);
    let mut dh = given(1).unwrap_or_else(none);
    let mut dc = given(2).unwrap_or_else(none);
    let mut d_gates = vec![0.0; rows * columns];
    let mut d_recurrent = vec![0.0; rows * columns];
    let mut first = rows;
    for &size in batch_sizes.iter().rev() {
        first -= size;
        for s in 0..size {
            let r = first + s;
            let of_sequence = s * hidden..(s + 1) * hidden;
            let (dh, dc) = (&mut dh[of_sequence.clone()], &mut dc[of_sequence]);
            for (dh, dy) in dh.iter_mut().zip(row(&dy, r, hidden)) {
                *dh += dy;
            }
            let (kept, c_before) = match C::BESIDE {
                Beside::Nothing => (0..0, extra),
                Beside::Candidate => (r * hidden..(r + 1) * hidden, extra),
                Beside::State => (
                    r * hidden..(r + 1) * hidden,
                    before(beside, extra, previous[r], hidden),
                ),
            };
            let of_row = r * columns..(r + 1) * columns;
            let kept_gates = match C::BESIDE {
                Beside::Nothing => 0..0,
                _ => of_row.clone(),
            };
            C::backward_reference(BackwardRow {
                gates: &gates[kept_gates],
                beside: &beside[kept],
                h_before: before(y, initial, previous[r], hidden),
                extra: c_before,
                h: row(y, r, hidden),
                dh,
                dc,
                d_gates: &mut d_gates[of_row.clone()],
                d_recurrent: &mut d_recurrent[of_row.clone()],
            });
            if C::BESIDE != Beside::Candidate {
                d_recurrent[of_row.clone()].copy_from_slice(&d_gates[of_row.clone()]);
            }
            add_transposed(dh, &d_recurrent[of_row], w_hh);
        }
    }
    let rows = 0..rows;
    if let Some(dx) = io.gradient(X) {
        for r in rows.clone() {
            let dx = &mut dx[r * inputs..(r + 1) * inputs];
            add_transposed(dx, row(&d_gates, r, columns), w_ih);
        }
    }
    if let Some(dw) = io.gradient(INPUT_WEIGHT) {
        for r in rows.clone() {
            add_outer(dw, row(x, r, inputs), row(&d_gates, r, columns));
        }
    }
    if let Some(dw) = io.gradient(RECURRENT_WEIGHT) {
        for r in rows.clone() {
            let h_before = before(y, initial, previous[r], hidden);
            add_outer(dw, h_before, row(&d_recurrent, r, columns));
        }
    }
    if let Some(db) = io.gradient(BIAS) {
        for r in rows.clone() {
            add_outer(db, &[1.0], row(&d_gates, r, columns));
        }
    }
    if let Some(into) = io.gradient(INITIAL) {
        add_outer(into, &[1.0], &dh);
    }
    let Some(into) = io.gradient(EXTRA) else {
        return;
    };
    match C::BESIDE {
        Beside::State => add_outer(into, &[1.0], &dc),
        // The bias stands in the last gate.
        _ => {
            for r in rows {
                add_outer(
                    into,
                    &[1.0],
                    &row(&d_recurrent, r, columns)[columns - hidden..],
                );
            }
        }
    }
}
