//! The definition, in f64: sums over all paths by the forward and the backward recursion.

use limbeck_engine::{Backward, Forward};

use super::targets::{NONE, SKIPS, STATE};
use super::{Ctc, FRAMES, LOGITS, PLACES, Place, STATES};

fn ln_sum_exp(terms: &[f64]) -> f64 {
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest
        + terms
            .iter()
            .map(|term| (term - largest).exp())
            .sum::<f64>()
            .ln()
}

/// One sequence.
struct Paths<'a> {
    /// ln y of every frame and class.
    ln_y: Vec<f64>,
    classes: usize,
    states: &'a [u32],
    /// The token of every frame, if there are any.
    tokens: Option<&'a [u32]>,
}

impl<'a> Paths<'a> {
    fn new(
        place: Place,
        (z, classes): (&[f64], usize),
        states: &'a [u32],
        tokens: Option<&'a [u32]>,
    ) -> Self {
        let rows = place.first_row..place.first_row + place.frames;
        let z = &z[rows.start * classes..rows.end * classes];
        let ln_y = |z: &[f64]| -> Vec<f64> {
            let sum = ln_sum_exp(z);
            z.iter().map(|z| z - sum).collect()
        };
        Paths {
            ln_y: z.chunks(classes).flat_map(ln_y).collect(),
            classes,
            states: place.of(states),
            tokens: tokens.map(|tokens| &tokens[rows]),
        }
    }

    fn frames(&self) -> usize {
        self.ln_y.len() / self.classes
    }

    fn count(&self) -> usize {
        self.states.len() / STATE
    }

    fn class(&self, s: usize) -> usize {
        self.states[s * STATE] as usize
    }

    fn emission(&self, t: usize, s: usize) -> f64 {
        let token = self.states[s * STATE + 1];
        let permitted = token == NONE || self.tokens.is_none_or(|tokens| tokens[t] == token);
        if permitted {
            self.ln_y[t * self.classes + self.class(s)]
        } else {
            f64::NEG_INFINITY
        }
    }

    /// Whether a path may go from one state to another.
    fn leads(&self, from: usize, to: usize) -> bool {
        let skips = self.states[to * STATE + 2] & SKIPS != 0;
        to == from || to == from + 1 || skips && to == from + 2
    }

    fn alpha(&self) -> Vec<f64> {
        let (n, mut alpha) = (self.count(), vec![0.0; self.frames() * self.count()]);
        for t in 0..self.frames() {
            for s in 0..n {
                let arriving: Vec<f64> = if t == 0 {
                    (s < 2).then_some(0.0).into_iter().collect()
                } else {
                    let before = (0..n).filter(|&q| self.leads(q, s));
                    before.map(|q| alpha[(t - 1) * n + q]).collect()
                };
                alpha[t * n + s] = self.emission(t, s) + ln_sum_exp(&arriving);
            }
        }
        alpha
    }

    fn beta(&self) -> Vec<f64> {
        let (n, mut beta) = (self.count(), vec![0.0; self.frames() * self.count()]);
        for t in (0..self.frames()).rev() {
            for q in 0..n {
                let leaving: Vec<f64> = if t + 1 == self.frames() {
                    (q + 2 >= n).then_some(0.0).into_iter().collect()
                } else {
                    let next = (0..n).filter(|&s| self.leads(q, s));
                    let term = |s: usize| beta[(t + 1) * n + s] + self.emission(t + 1, s);
                    next.map(term).collect()
                };
                beta[t * n + q] = ln_sum_exp(&leaving);
            }
        }
        beta
    }

    /// ln p(target).
    fn ln_p(&self, alpha: &[f64]) -> f64 {
        let last = &alpha[alpha.len() - self.count()..];
        ln_sum_exp(&last[last.len().saturating_sub(2)..])
    }
}

pub(super) fn forward(operator: &Ctc, io: &mut Forward<'_, f64>) {
    let logits = (io.real(LOGITS), operator.lattice.classes);
    let tokens = operator.lattice.restricted.then(|| io.ids(FRAMES));
    let loss = io.output(0);
    for (loss, place) in loss.iter_mut().zip(Place::all(io.ids(PLACES))) {
        let paths = Paths::new(place, logits, io.ids(STATES), tokens);
        *loss = -paths.ln_p(&paths.alpha());
    }
}

pub(super) fn backward(operator: &Ctc, io: &mut Backward<'_, f64>) {
    let Some(dz) = io.gradient(LOGITS) else {
        return;
    };
    let classes = operator.lattice.classes;
    let logits = (io.real(LOGITS), classes);
    let tokens = operator.lattice.restricted.then(|| io.ids(FRAMES));
    for (g, place) in io.upstream().iter().zip(Place::all(io.ids(PLACES))) {
        let paths = Paths::new(place, logits, io.ids(STATES), tokens);
        let (alpha, beta) = (paths.alpha(), paths.beta());
        let ln_p = paths.ln_p(&alpha);
        let dz = &mut dz[place.first_row * classes..][..place.frames * classes];
        for (dz, ln_y) in dz.iter_mut().zip(&paths.ln_y) {
            *dz += g * ln_y.exp();
        }
        for (i, (alpha, beta)) in alpha.iter().zip(&beta).enumerate() {
            let (t, s) = (i / paths.count(), i % paths.count());
            dz[t * classes + paths.class(s)] -= g * (alpha + beta - ln_p).exp();
        }
    }
}
