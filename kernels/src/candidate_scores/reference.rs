//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::{BIAS, CANDIDATES, H, Sizes};

/// Which candidates a row is scored with, and where the score stands: its own target, then the noise
/// words.
fn scored(row: usize, sizes: Sizes) -> impl Iterator<Item = (usize, Option<usize>)> {
    let noise = (0..sizes.noise).map(move |j| (sizes.rows + j, Some(row * sizes.noise + j)));
    std::iter::once((row, None)).chain(noise)
}

pub(super) fn forward(sizes: Sizes, io: &mut Forward<'_, f64>) {
    let d = sizes.columns;
    let (h, e, b) = (io.real(H), io.real(CANDIDATES), io.real(BIAS));
    let (target, noise) = (io.output(0), io.output(1));
    for r in 0..sizes.rows {
        for (candidate, place) in scored(r, sizes) {
            let mut score = b[candidate];
            for c in 0..d {
                score += h[r * d + c] * e[candidate * d + c];
            }
            match place {
                None => target[r] = score,
                Some(place) => noise[place] = score,
            }
        }
    }
}

pub(super) fn backward(sizes: Sizes, io: &mut Backward<'_, f64>) {
    let d = sizes.columns;
    let (h, e) = (io.real(H), io.real(CANDIDATES));
    let (target, noise) = (io.upstream_of(0), io.upstream_of(1));
    let gradient = |r: usize, place: Option<usize>| match place {
        None => target.map_or(0.0, |ds| ds[r]),
        Some(place) => noise.map_or(0.0, |ds| ds[place]),
    };
    let [dh, de, db] = [H, CANDIDATES, BIAS].map(|input| io.gradient(input));
    let (mut dh, mut de, mut db) = (dh, de, db);
    for r in 0..sizes.rows {
        for (candidate, place) in scored(r, sizes) {
            let ds = gradient(r, place);
            for c in 0..d {
                if let Some(dh) = &mut dh {
                    dh[r * d + c] += ds * e[candidate * d + c];
                }
                if let Some(de) = &mut de {
                    de[candidate * d + c] += ds * h[r * d + c];
                }
            }
            if let Some(db) = &mut db {
                db[candidate] += ds;
            }
        }
    }
}
