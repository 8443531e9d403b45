//! The search along a line, by slopes alone.
//!
//! Along `p + a d` a convex function has the slope `s(a) = gᵀd`, which is negative at 0 and rises.
//! Its root is bracketed and found by secants; a length whose slope is within 3/10 of the first
//! one's size is good enough, since the next direction corrects for the rest.

/// Largest slope, relative to the one at 0, at which the search ends. With 1/10 the directions are
/// better, but each costs more gradients than it saves.
const ENOUGH: f64 = 0.3;
/// Most gradients on one line: rounding may leave a slope that no length makes small.
const MOST: f64 = 20.0;
/// Most that a length grows by at once while the root is not bracketed.
const GROWTH: f64 = 10.0;
/// Share of a bracket that a secant's root is away from both its ends, or else is not believed.
const MARGIN: f64 = 0.2;

/// Numbers of [`Line::scalars`].
pub(super) const SCALARS: usize = 8;

/// Where a search stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    /// Gradients seen on this line; 0 before the first direction.
    tries: f64,
    /// Length of the last move, from the line's beginning.
    at: f64,
    /// Slope at length 0.
    first: f64,
    /// Length and slope: the largest length known to be too short.
    low: (f64, f64),
    /// The smallest length known to be too long; infinite if none is.
    high: (f64, f64),
    /// Whether there is a direction.
    directed: bool,
}

/// What to do at the end of a move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Choose the next direction.
    Turn,
    /// Move on along this one, or back if negative.
    Move(f64),
}

impl Default for Line {
    fn default() -> Self {
        Line {
            tries: 0.0,
            // The first guess of a length, and what the second is scaled from.
            at: 1.0,
            first: 0.0,
            low: (0.0, 0.0),
            high: (f64::INFINITY, 0.0),
            directed: false,
        }
    }
}

impl Line {
    /// Forgets the direction, but not how long the last move was.
    pub(super) fn restart(&mut self) {
        self.directed = false;
    }

    /// Takes the slope at the end of the last move.
    pub(super) fn judge(&mut self, slope: f64) -> Verdict {
        self.tries += 1.0;
        let enough = slope.abs() <= ENOUGH * self.first.abs();
        if !self.directed || enough || self.tries >= MOST {
            return Verdict::Turn;
        }
        let next = if slope < 0.0 {
            let shorter = std::mem::replace(&mut self.low, (self.at, slope));
            self.bracketed()
                .unwrap_or_else(|| beyond(shorter, self.low))
        } else {
            self.high = (self.at, slope);
            self.bracketed().unwrap_or(self.at)
        };
        let by = next - self.at;
        self.at = next;
        Verdict::Move(by)
    }

    /// The root of the secant between a length too short and one too long; the middle where the
    /// root is so near an end that secants of a kink would creep.
    fn bracketed(&self) -> Option<f64> {
        let ((low, below), (high, above)) = (self.low, self.high);
        let share = below / (below - above);
        let share = if (MARGIN..=1.0 - MARGIN).contains(&share) {
            share
        } else {
            0.5
        };
        high.is_finite().then_some(low + share * (high - low))
    }

    /// Chooses the next direction from gᵀg, gᵀd and gᵀg_before: the share of the last direction in
    /// it, and the first move along it.
    pub(super) fn turn(&mut self, square: f64, slope: f64, before: f64) -> (f64, f64) {
        let curvature = slope - self.first;
        let wanted = (square - before).min(square).max(0.0) / curvature;
        let kept = if self.directed && curvature > 0.0 && wanted.is_finite() {
            wanted
        } else {
            0.0
        };
        let (mix, first) = match kept * slope - square {
            downhill if downhill < 0.0 => (kept, downhill),
            _ => (0.0, -square),
        };
        // The first guess falls by as much per length as the last line promised.
        let guess = self.at * self.first / first;
        let at = match self.first < 0.0 && guess.is_finite() && guess > 0.0 {
            true => guess,
            false => self.at,
        };
        *self = Line {
            tries: 0.0,
            at,
            first,
            low: (0.0, first),
            high: (f64::INFINITY, 0.0),
            directed: true,
        };
        (mix, at)
    }

    pub(super) fn scalars(&self) -> [f64; SCALARS] {
        let directed = f64::from(u8::from(self.directed));
        let ((low, below), (high, above)) = (self.low, self.high);
        [
            self.tries, self.at, self.first, low, below, high, above, directed,
        ]
    }

    pub(super) fn of_scalars(scalars: &[f64]) -> Self {
        let &[tries, at, first, low, below, high, above, directed] = scalars else {
            unreachable!("the caller has counted them");
        };
        Line {
            tries,
            at,
            first,
            low: (low, below),
            high: (high, above),
            directed: directed != 0.0,
        }
    }
}

/// A length beyond two that are too short, by the secant through their slopes.
fn beyond(shorter: (f64, f64), longer: (f64, f64)) -> f64 {
    let ((a, below), (b, above)) = (shorter, longer);
    let root = b - above * (b - a) / (above - below);
    let farthest = GROWTH * b;
    if above > below {
        root.clamp((1.0 + MARGIN) * b, farthest)
    } else {
        farthest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths until the search ends on a function with this derivative along the line.
    fn lengths(guess: f64, slope: impl Fn(f64) -> f64) -> Vec<f64> {
        let mut line = Line {
            at: guess,
            ..Line::default()
        };
        let (_, mut at) = line.turn(-slope(0.0), 0.0, 0.0);
        let mut all = vec![at];
        while let Verdict::Move(by) = line.judge(slope(at)) {
            at += by;
            all.push(at);
        }
        all
    }

    #[test]
    fn on_a_quadratic_the_first_secant_is_the_root() {
        // Too short a guess, and too long a one.
        assert_eq!(lengths(0.25, |a| a - 1.0), [0.25, 1.0]);
        assert_eq!(lengths(4.0, |a| a - 1.0), [4.0, 1.0]);
        assert_eq!(lengths(1.2, |a| a - 1.0), [1.2]);
    }

    #[test]
    fn growth_is_bounded_and_a_kink_is_bracketed() {
        // The slope is flat to 500, then rises steeply.
        let found = lengths(1.0, |a| {
            if a < 500.0 {
                -1.0
            } else {
                10.0 * (a - 500.0) - 1.0
            }
        });
        assert_eq!(found[..4], [1.0, 10.0, 100.0, 1000.0]);
        let last = found[found.len() - 1];
        assert!((10.0 * (last - 500.0) - 1.0).abs() <= ENOUGH, "{found:?}");
    }

    #[test]
    fn a_slope_that_never_gets_small_ends_the_search() {
        let found = lengths(1.0, |a| if a < 2.0 { -1.0 } else { 1.0 });
        assert_eq!(found.len(), MOST as usize);
    }

    #[test]
    fn a_direction_that_would_climb_is_replaced_by_steepest_descent() {
        let mut line = Line::default();
        assert_eq!(line.turn(4.0, 0.0, 0.0), (0.0, 1.0));
        // gᵀy = gᵀg and dᵀy = 10 make β 4/10, with which the slope would be 6 · 4/10 - 4 < 0.
        let (mix, _) = line.clone().turn(4.0, 6.0, 0.0);
        assert_eq!(mix, 0.4);
        let (mix, _) = line.turn(4.0, -5.0, 0.0);
        assert_eq!(mix, 0.0);
    }

    #[test]
    fn the_state_survives_a_round_trip() {
        let mut line = Line::default();
        line.turn(2.0, 0.0, 0.0);
        line.judge(-1.5);
        assert_eq!(Line::of_scalars(&line.scalars()), line);
    }
}
