//! Reading tags out of the scores of one sequence, on the host.

use limbeck_engine::{Error, Result};

use super::reference::Chain;

/// The scores of one sequence in f64, checked.
fn scores(emissions: &[f32], transitions: &[f32], tags: usize) -> Result<[Vec<f64>; 2]> {
    let message = if tags == 0 {
        "expected at least one tag, found 0".into()
    } else if !emissions.len().is_multiple_of(tags) {
        format!(
            "the emissions must be rows of {tags} tags, found {} numbers",
            emissions.len()
        )
    } else if transitions.len() != (tags + 2) * tags {
        format!(
            "the transitions of {tags} tags must be [{}, {tags}], found {} numbers",
            tags + 2,
            transitions.len()
        )
    } else {
        let double = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect();
        return Ok([double(emissions), double(transitions)]);
    };
    let operator = "crf";
    Err(Error::Shape { operator, message })
}

/// The path with the highest score: emissions `[length, tags]` of one sequence, row-major, and
/// transitions `[tags + 2, tags]` as for [`crf`](crate::crf) give a tag for every row. Of equal
/// scores the smallest tag is taken, from the last place to the first. No rows give no tags.
///
/// ```
/// use limbeck_kernels::viterbi;
/// // Tag 1 is a little better in the middle, but costs two changes of tag.
/// let transitions = [0.0, -1.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
/// let path = viterbi(&[1.0, 0.0, 0.0, 0.5, 1.0, 0.0], &transitions, 2)?;
/// assert_eq!(path, [0, 0, 0]);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// If the emissions are no rows of `tags` numbers, or the transitions are not of so many tags.
pub fn viterbi(emissions: &[f32], transitions: &[f32], tags: usize) -> Result<Vec<u32>> {
    let [emissions, transitions] = scores(emissions, transitions, tags)?;
    let chain = Chain {
        emissions: &emissions,
        transitions: &transitions,
        tags,
    };
    let length = emissions.len() / tags;
    if length == 0 {
        return Ok(Vec::new());
    }
    let mut best: Vec<f64> = (0..tags)
        .map(|b| chain.begin(b) + chain.emission(0, b))
        .collect();
    let mut before = Vec::new();
    for t in 1..length {
        let steps = (0..tags).map(|b| largest(tags, |a| best[a] + chain.step(a, b)));
        let steps: Vec<(usize, f64)> = steps.collect();
        best = (0..tags)
            .map(|b| steps[b].1 + chain.emission(t, b))
            .collect();
        before.push(steps);
    }
    let mut path = vec![largest(tags, |a| best[a] + chain.end(a)).0];
    for steps in before.iter().rev() {
        path.push(steps[path[path.len() - 1]].0);
    }
    Ok(path.into_iter().rev().map(|tag| tag as u32).collect())
}

/// The first tag with the largest value, and the value.
fn largest(tags: usize, value: impl Fn(usize) -> f64) -> (usize, f64) {
    let all = (1..tags).map(|tag| (tag, value(tag)));
    all.fold(
        (0, value(0)),
        |best, next| if next.1 > best.1 { next } else { best },
    )
}

/// The probability of each tag in each place of one sequence, `[length, tags]`, row-major; every
/// row sums to one. Arguments as for [`viterbi`].
///
/// ```
/// use limbeck_kernels::marginals;
/// // Two places that had better be alike: 3 of the 4 parts of the weight.
/// let step = 3f32.ln();
/// let transitions = [step, 0.0, 0.0, step, 0.0, 0.0, 0.0, 0.0];
/// let p = marginals(&[1e4, 0.0, 0.0, 0.0], &transitions, 2)?;
/// assert!((p[2] - 0.75).abs() < 1e-6 && p[0] == 1.0);
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
///
/// # Errors
/// As [`viterbi`].
pub fn marginals(emissions: &[f32], transitions: &[f32], tags: usize) -> Result<Vec<f64>> {
    let [emissions, transitions] = scores(emissions, transitions, tags)?;
    let chain = Chain {
        emissions: &emissions,
        transitions: &transitions,
        tags,
    };
    Ok(chain.marginals())
}
