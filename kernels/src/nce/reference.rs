//! The definition, in f64.

use limbeck_engine::{Backward, Forward};

use super::{LN_Z, NOISE, Nce, OFFSETS, TARGET, WORDS};

/// ln(1 + exp(x)).
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// What a row is made of.
struct Scores<'a> {
    target: &'a [f64],
    noise: &'a [f64],
    offsets: &'a [f64],
    words: &'a [u32],
    ln_z: f64,
    mask: bool,
}

impl Scores<'_> {
    /// Δ of the row's target.
    fn of_target(&self, row: usize) -> f64 {
        self.target[row] - self.ln_z - self.offsets[row]
    }

    /// Δ of a noise word; none if it is left out.
    fn of_noise(&self, row: usize, j: usize) -> Option<f64> {
        let rows = self.target.len();
        let noise = self.words.len() - rows;
        if self.mask && self.words[rows + j] == self.words[row] {
            return None;
        }
        Some(self.noise[row * noise + j] - self.ln_z - self.offsets[rows + j])
    }
}

pub(super) fn forward(operator: &Nce, (_, noise): (usize, usize), io: &mut Forward<'_, f64>) {
    let scores = Scores {
        target: io.real(TARGET),
        noise: io.real(NOISE),
        offsets: io.real(OFFSETS),
        words: io.ids(WORDS),
        ln_z: io.real(LN_Z)[0],
        mask: operator.mask,
    };
    for (r, loss) in io.output(0).iter_mut().enumerate() {
        *loss = softplus(-scores.of_target(r));
        for delta in (0..noise).filter_map(|j| scores.of_noise(r, j)) {
            *loss += softplus(delta);
        }
    }
}

pub(super) fn backward(operator: &Nce, (rows, noise): (usize, usize), io: &mut Backward<'_, f64>) {
    let scores = Scores {
        target: io.real(TARGET),
        noise: io.real(NOISE),
        offsets: io.real(OFFSETS),
        words: io.ids(WORDS),
        ln_z: io.real(LN_Z)[0],
        mask: operator.mask,
    };
    let g = io.upstream();
    let [mut d_target, mut d_noise, mut d_ln_z] =
        [TARGET, NOISE, LN_Z].map(|input| io.gradient(input));
    for r in 0..rows {
        let ds = -g[r] * (1.0 - sigmoid(scores.of_target(r)));
        let mut all = ds;
        if let Some(into) = &mut d_target {
            into[r] += ds;
        }
        for j in 0..noise {
            let Some(delta) = scores.of_noise(r, j) else {
                continue;
            };
            let ds = g[r] * sigmoid(delta);
            all += ds;
            if let Some(into) = &mut d_noise {
                into[r * noise + j] += ds;
            }
        }
        if let Some(into) = &mut d_ln_z {
            into[0] -= all;
        }
    }
}
