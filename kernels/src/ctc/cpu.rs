//! The fast version: sequences in parallel, the states of a frame at once.

use limbeck_engine::{Backward, Forward, chunked};

use super::targets::{NONE, SKIPS, STATE};
use super::{Ctc, FRAMES, LOGITS, PLACES, Place, STATES};
use crate::cross_entropy::cpu::{add_probabilities, shift_of, shifts_of_rows};
use crate::shared::reduce::{max, rows_per_task};
use crate::shared::{math, vectorised};

/// The logarithm of no probability at all; a sum of many stays finite.
const NEVER: f32 = -1e30;

/// What all sequences read.
struct Shared<'a> {
    classes: usize,
    z: &'a [f32],
    shifts: &'a [f32],
    states: &'a [u32],
    tokens: Option<&'a [u32]>,
}

/// Sequences of one task, by the size of the mean one.
fn per_task(operator: &Ctc) -> usize {
    rows_per_task(work(operator) / operator.lattice.lengths.len().max(1))
}

/// Elements touched.
fn work(operator: &Ctc) -> usize {
    let lattice = &operator.lattice;
    lattice.rows() * lattice.classes + 8 * lattice.cells
}

/// The part of `values` of each place, to write.
fn split<'a>(
    mut values: &'a mut [f32],
    places: &[Place],
    size: impl Fn(&Place) -> usize,
) -> Vec<&'a mut [f32]> {
    let mut take = |place: &Place| {
        let (part, rest) = std::mem::take(&mut values).split_at_mut(size(place));
        values = rest;
        part
    };
    places.iter().map(&mut take).collect()
}

pub(super) fn forward(operator: &Ctc, io: &mut Forward<'_, f32>) {
    let (z, shifts, alpha) = (io.real(LOGITS), io.save(0), io.save(1));
    let classes = operator.lattice.classes;
    shifts_of_rows(classes, z, shifts);
    let shared = Shared {
        classes,
        z,
        shifts,
        states: io.ids(STATES),
        tokens: operator.lattice.restricted.then(|| io.ids(FRAMES)),
    };
    let (places, per_task) = (Place::all(io.ids(PLACES)), per_task(operator));
    let alpha = split(alpha, &places, |place| place.cells().len());
    let mut sequences: Vec<_> = alpha.into_iter().zip(io.output(0)).collect();
    chunked(&mut sequences, per_task, work(operator), |task, block| {
        for (place, (alpha, loss)) in places[task * per_task..].iter().zip(block) {
            **loss = walk(&shared, *place, alpha);
        }
    });
}

/// For each state whether it may follow the one before the last: 0, or never.
fn skips(states: &[u32]) -> Vec<f32> {
    let of = |state: &[u32]| if state[2] & SKIPS != 0 { 0.0 } else { NEVER };
    states.chunks_exact(STATE).map(of).collect()
}

/// Fills in α of a sequence, less the largest of each frame; the loss.
fn walk(shared: &Shared<'_>, place: Place, alpha: &mut [f32]) -> f32 {
    let states = place.of(shared.states);
    let skips = skips(states);
    // In front of the first state two where no path has ever been; every path begins as if it had
    // been in the first state before.
    let mut before = vec![NEVER; place.states + 2];
    before[2] = 0.0;
    let mut emissions = vec![0.0; place.states];
    let mut ln_p = 0.0;
    for (t, alpha) in alpha.chunks_exact_mut(place.states).enumerate() {
        emit(shared, place.first_row + t, states, &mut emissions);
        arrive(alpha, &before, &skips, &emissions);
        let largest = max(alpha);
        alpha.iter_mut().for_each(|alpha| *alpha -= largest);
        ln_p += largest;
        before[2..].copy_from_slice(alpha);
    }
    let [first, second] = last(&before);
    -(ln_p + pair_ln_sum(first, second))
}

/// α of the last two states of a frame; `before` has two more in front.
fn last(before: &[f32]) -> [f32; 2] {
    // With one state the first of the two is one of those in front.
    [before[before.len() - 2], before[before.len() - 1]]
}

fn pair_ln_sum(a: f32, b: f32) -> f32 {
    let largest = if a > b { a } else { b };
    largest + math::ln(math::exp(a - largest) + math::exp(b - largest))
}

/// ln y of every state at a row, or never.
fn emit(shared: &Shared<'_>, row: usize, states: &[u32], emissions: &mut [f32]) {
    let z = &shared.z[row * shared.classes..][..shared.classes];
    let shift = shift_of(shared.shifts, row);
    let token = shared.tokens.map_or(NONE, |tokens| tokens[row]);
    for (emission, state) in emissions.iter_mut().zip(states.chunks_exact(STATE)) {
        let permitted = state[1] == NONE || state[1] == token;
        let ln_y = shift.ln_p(z[state[0] as usize], 1.0);
        // A logit of minus infinity is never, too; the comparison lets a NaN through.
        let never = !permitted || ln_y < NEVER;
        *emission = if never { NEVER } else { ln_y };
    }
}

pub(super) fn backward(operator: &Ctc, io: &mut Backward<'_, f32>) {
    let Some((dz, accumulate)) = io.gradient_slot(LOGITS) else {
        return;
    };
    let (places, alpha, g) = (Place::all(io.ids(PLACES)), io.saved(1), io.upstream());
    let shared = Shared {
        classes: operator.lattice.classes,
        z: io.real(LOGITS),
        shifts: io.saved(0),
        states: io.ids(STATES),
        tokens: None,
    };
    let per_task = per_task(operator);
    let mut sequences = split(dz, &places, |place| place.frames * shared.classes);
    chunked(&mut sequences, per_task, work(operator), |task, block| {
        for (s, dz) in (task * per_task..).zip(block) {
            if !accumulate {
                dz.fill(0.0);
            }
            walk_back(&shared, places[s], &alpha[places[s].cells()], g[s], dz);
        }
    });
}

/// `dz += g (y - γ)` from the last frame of a sequence to its first.
fn walk_back(shared: &Shared<'_>, place: Place, alpha: &[f32], g: f32, dz: &mut [f32]) {
    let (n, k) = (place.states, shared.classes);
    let states = place.of(shared.states);
    let skips = skips(states);
    let mut before = vec![NEVER; n + 2];
    before[2..].copy_from_slice(&alpha[(place.frames - 1) * n..]);
    let [first, second] = last(&before);
    let ln_sum = pair_ln_sum(first, second);
    let mut occupied = vec![0.0; n];
    occupied[n - 1] = math::exp(second - ln_sum);
    if n > 1 {
        occupied[n - 2] = math::exp(first - ln_sum);
    }
    let mut shares = vec![0.0; 3 * (n + 2)];
    for t in (0..place.frames).rev() {
        let row = place.first_row + t;
        let (z, shift) = (
            &shared.z[row * k..(row + 1) * k],
            shift_of(shared.shifts, row),
        );
        let dz = &mut dz[t * k..(t + 1) * k];
        add_probabilities(dz, z, shift.largest, shift.ln_sum, g);
        for (state, occupied) in states.chunks_exact(STATE).zip(&occupied) {
            dz[state[0] as usize] -= g * occupied;
        }
        if t > 0 {
            before[2..].copy_from_slice(&alpha[(t - 1) * n..t * n]);
            retreat(&mut occupied, &before, &skips, &mut shares);
        }
    }
}

vectorised! {
    /// α of a frame from that of the frame before, which has two states in front.
    fn arrive(alpha: &mut [f32], before: &[f32], skips: &[f32], emissions: &[f32]) {
        let n = alpha.len();
        let (skipping, going, staying) = (&before[..n], &before[1..][..n], &before[2..][..n]);
        let (skips, emissions) = (&skips[..n], &emissions[..n]);
        for s in 0..n {
            let [a, b, c] = [staying[s], going[s], skipping[s] + skips[s]];
            let largest = if a > b { a } else { b };
            let largest = if c > largest { c } else { largest };
            let sum = math::exp(a - largest) + math::exp(b - largest) + math::exp(c - largest);
            alpha[s] = emissions[s] + (largest + math::ln(sum));
        }
    }
}

vectorised! {
    /// γ of the frame before, whose α has two states in front.
    fn retreat(occupied: &mut [f32], before: &[f32], skips: &[f32], shares: &mut [f32]) {
        let n = occupied.len();
        let (skipping, going, staying) = (&before[..n], &before[1..][..n], &before[2..][..n]);
        let skips = &skips[..n];
        // What each state gives to itself and to the two before it; two states behind the last
        // give nothing.
        let (stayed, rest) = shares.split_at_mut(n + 2);
        let (went, skipped) = rest.split_at_mut(n + 2);
        for s in 0..n {
            let [a, b, c] = [staying[s], going[s], skipping[s] + skips[s]];
            let largest = if a > b { a } else { b };
            let largest = if c > largest { c } else { largest };
            let [a, b, c] = [math::exp(a - largest), math::exp(b - largest), math::exp(c - largest)];
            let share = occupied[s] / (a + b + c);
            stayed[s] = a * share;
            went[s] = b * share;
            skipped[s] = c * share;
        }
        let (went, skipped) = (&went[1..][..n], &skipped[2..][..n]);
        for s in 0..n {
            occupied[s] = stayed[s] + went[s] + skipped[s];
        }
    }
}
