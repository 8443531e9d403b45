//! How well the cells of a picture are kept apart, where a pixel more or less at their borders does not
//! matter.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::error::{Result, TrainingError};

/// The foreground-restricted Rand scores of a picture: Arganda-Carreras et al., "Crowdsourcing the
/// creation of image segmentation algorithms for connectomics", Frontiers in Neuroanatomy 9 (2015).
///
/// A pixel drawn at random among those that are cell in the truth lies in the cell `j` of the truth and
/// in the segment `i` of the prediction with probability `p[i][j]`. With `s[i] = Σ_j p[i][j]` and
/// `t[j] = Σ_i p[i][j]`,
///
/// ```text
/// split = Σ p[i][j]² / Σ_j t[j]²     two pixels of one true cell are in one predicted segment
/// merge = Σ p[i][j]² / Σ_i s[i]²     two pixels of one predicted segment are in one true cell
/// f     = Σ p[i][j]² / (½ Σ_i s[i]² + ½ Σ_j t[j]²)         their harmonic mean, V^Rand at α = ½
/// ```
///
/// Pixels that are no cell in the truth, or have no truth, are left out. A pixel that is cell in the
/// truth but not in the prediction belongs to no predicted cell: it is a segment of its own, as the
/// public programs for this score count it. So it is joined with nothing and costs `split` alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RandScores {
    /// V^Rand, from 0 to 1; 1 if the cells are the same.
    pub f: f64,
    /// Falls when true cells are cut.
    pub split: f64,
    /// Falls when true cells are joined.
    pub merge: f64,
}

/// The Rand scores of one picture, `None` if the truth has no cell. In both pictures a cell is a connected
/// component of the pixels of class `cell`, where pixels are neighbours that share a side.
///
/// `truth` and `predicted` are `[height * width]`, row-major. Scores of several pictures are averaged.
///
/// # Errors
/// A picture has not as many pixels as height and width say.
///
/// ```
/// use limbeck_training::metrics::rand_scores;
/// // A gap in the membrane (0) is one pixel, and joins two cells (1).
/// let truth = [1, 1, 0, 1, 1, 1, 1, 0, 1, 1];
/// let joined = [1, 1, 0, 1, 1, 1, 1, 1, 1, 1];
/// assert_eq!(rand_scores(&truth, &truth, 2, 5, 1)?.unwrap().f, 1.0);
/// let scores = rand_scores(&truth, &joined, 2, 5, 1)?.unwrap();
/// assert_eq!((scores.split, scores.merge), (1.0, 0.5));
/// # Ok::<(), limbeck_training::TrainingError>(())
/// ```
pub fn rand_scores(
    truth: &[u32],
    predicted: &[u32],
    height: usize,
    width: usize,
    cell: u32,
) -> Result<Option<RandScores>> {
    for (role, picture) in [("true", truth), ("predicted", predicted)] {
        if Some(picture.len()) != height.checked_mul(width) {
            return Err(TrainingError::Data(format!(
                "the {role} picture has {} pixels, expected {height} x {width}",
                picture.len()
            )));
        }
    }
    let of_cell = |picture: &[u32]| components(picture, width, |class| class == cell);
    let (truth, predicted) = (of_cell(truth), of_cell(predicted));
    let mut pairs: HashMap<(usize, usize), u64> = HashMap::new();
    let mut in_truth: HashMap<usize, u64> = HashMap::new();
    let mut in_prediction: HashMap<usize, u64> = HashMap::new();
    // Pixels that are a segment of their own.
    let mut alone = 0;
    for (truth, predicted) in truth.into_iter().zip(predicted) {
        let Some(truth) = truth else { continue };
        *in_truth.entry(truth).or_default() += 1;
        match predicted {
            Some(predicted) => {
                *pairs.entry((truth, predicted)).or_default() += 1;
                *in_prediction.entry(predicted).or_default() += 1;
            }
            None => alone += 1,
        }
    }
    if in_truth.is_empty() {
        return Ok(None);
    }
    // Whole numbers, so that the order of a table of hashes does not matter. The number of pixels
    // squared, by which the probabilities would be divided, is in every term.
    let both = squares(&pairs) + alone;
    let (in_truth, in_prediction) = (squares(&in_truth), squares(&in_prediction) + alone);
    Ok(Some(RandScores {
        f: 2.0 * both as f64 / (in_truth + in_prediction) as f64,
        split: both as f64 / in_truth as f64,
        merge: both as f64 / in_prediction as f64,
    }))
}

fn squares<K>(counts: &HashMap<K, u64>) -> u128 {
    counts
        .values()
        .map(|&n| u128::from(n) * u128::from(n))
        .sum()
}

/// The component of each pixel of the foreground, numbered from 0 as they come.
fn components(picture: &[u32], width: usize, inside: impl Fn(u32) -> bool) -> Vec<Option<usize>> {
    let mut component = vec![None; picture.len()];
    let mut count = 0;
    // A list of its own and no recursion: a cell may have as many pixels as the picture.
    let mut open = Vec::new();
    for start in 0..picture.len() {
        if component[start].is_some() || !inside(picture[start]) {
            continue;
        }
        component[start] = Some(count);
        open.push(start);
        while let Some(at) = open.pop() {
            for next in neighbours(at, width, picture.len()).into_iter().flatten() {
                if component[next].is_none() && inside(picture[next]) {
                    component[next] = Some(count);
                    open.push(next);
                }
            }
        }
        count += 1;
    }
    component
}

/// The pixels that share a side with this one.
fn neighbours(at: usize, width: usize, pixels: usize) -> [Option<usize>; 4] {
    let x = at % width;
    [
        at.checked_sub(width),
        (at + width < pixels).then_some(at + width),
        (x > 0).then(|| at - 1),
        (x + 1 < width).then_some(at + 1),
    ]
}

#[cfg(test)]
mod tests {
    use limbeck_data::pictures::IGNORED;
    use proptest::prelude::*;

    use super::*;

    /// A picture drawn with `#` for cells (class 3), `.` for membrane (0) and `?` for no truth.
    fn drawn(lines: &[&str]) -> (Vec<u32>, usize, usize) {
        let class = |pixel| match pixel {
            '#' => 3,
            '?' => IGNORED,
            _ => 0,
        };
        let pixels = lines.iter().flat_map(|line| line.chars()).map(class);
        (pixels.collect(), lines.len(), lines[0].len())
    }

    fn scores(truth: &[&str], predicted: &[&str]) -> Option<RandScores> {
        let ((truth, height, width), predicted) = (drawn(truth), drawn(predicted).0);
        rand_scores(&truth, &predicted, height, width, 3).unwrap()
    }

    #[test]
    fn scores_agree_with_a_calculation_by_hand() {
        // Two cells of 4 and 3 pixels; the prediction lacks one pixel of the first and joins the rest.
        let found = scores(&["##.#", "##.#", "...#"], &["##.#", "#..#", "####"]).unwrap();
        // Truth: 4² + 3² = 25. Prediction: a segment of 6 and one pixel alone, 36 + 1 = 37.
        // Both: 3² + 3² + 1 = 19.
        assert_eq!(found.split, 19.0 / 25.0);
        assert_eq!(found.merge, 19.0 / 37.0);
        assert_eq!(found.f, 2.0 * 19.0 / 62.0);
    }

    #[test]
    fn cells_that_meet_at_a_corner_are_two() {
        let found = scores(&["##", "##"], &["#.", ".#"]).unwrap();
        // Four pixels alone: 4 of 16.
        assert_eq!((found.split, found.merge), (0.25, 1.0));
    }

    #[test]
    fn cells_may_wind_but_do_not_reach_around_the_edge() {
        let spiral = ["#####", "....#", "###.#", "#...#", "#####"];
        assert_eq!(scores(&spiral, &spiral).unwrap().f, 1.0);
        // The end of a line and the beginning of the next are no neighbours.
        let found = scores(&["..##", "##.."], &["..##", "##.."]).unwrap();
        assert_eq!(found.f, 1.0);
        let found = scores(&["####", "####"], &["..##", "##.."]).unwrap();
        assert_eq!(found.split, (4.0 + 4.0 + 4.0) / 64.0);
    }

    #[test]
    fn pixels_that_are_no_cell_in_the_truth_are_left_out() {
        let truth = ["#.?", "#.?"];
        let perfect = scores(&truth, &["#..", "#.."]).unwrap();
        // What is predicted there may be cell, as long as it joins none.
        assert_eq!(scores(&truth, &["#.#", "#.#"]).unwrap(), perfect);
        assert_eq!((perfect.f, perfect.split, perfect.merge), (1.0, 1.0, 1.0));
        assert_eq!(scores(&["..?"], &["###"]), None);
        assert_eq!(rand_scores(&[], &[], 0, 7, 3).unwrap(), None);
    }

    #[test]
    fn other_sizes_are_named() {
        let error = rand_scores(&[3; 6], &[3; 5], 2, 3, 3).unwrap_err();
        let expected = "the predicted picture has 5 pixels, expected 2 x 3";
        assert_eq!(error.to_string(), expected);
        assert!(rand_scores(&[3; 6], &[3; 6], usize::MAX, 3, 3).is_err());
    }

    /// Components by repeated passes: the smallest number of a neighbour, until nothing changes.
    fn spread(picture: &[u32], width: usize) -> Vec<usize> {
        let mut number: Vec<usize> = (0..picture.len()).collect();
        loop {
            let before = number.clone();
            for a in 0..picture.len() {
                for b in 0..picture.len() {
                    let apart = (a % width).abs_diff(b % width) + (a / width).abs_diff(b / width);
                    if apart == 1 && picture[a] == 3 && picture[b] == 3 {
                        number[a] = number[a].min(number[b]);
                    }
                }
            }
            if number == before {
                return number;
            }
        }
    }

    proptest! {
        #[test]
        fn scores_are_those_of_all_pairs_of_pixels(
            (width, truth, predicted) in (1usize..7, 1usize..7).prop_flat_map(|(height, width)| {
                let class = prop_oneof![4 => Just(3u32), 2 => Just(0), 1 => Just(IGNORED)];
                let picture = prop::collection::vec(class, height * width);
                (Just(width), picture.clone(), picture)
            })
        ) {
            // All ordered pairs of true cell pixels, a pixel with itself among them.
            let (in_truth, in_prediction) = (spread(&truth, width), spread(&predicted, width));
            let (mut both, mut one_truth, mut one_prediction) = (0u32, 0u32, 0u32);
            let cell: Vec<usize> = (0..truth.len()).filter(|&at| truth[at] == 3).collect();
            for &a in &cell {
                for &b in &cell {
                    let same_truth = in_truth[a] == in_truth[b];
                    // Predicted background keeps its own number and is the same as itself alone.
                    let same_prediction = in_prediction[a] == in_prediction[b];
                    both += u32::from(same_truth && same_prediction);
                    one_truth += u32::from(same_truth);
                    one_prediction += u32::from(same_prediction);
                }
            }
            let found = rand_scores(&truth, &predicted, truth.len() / width, width, 3).unwrap();
            match found {
                None => prop_assert!(cell.is_empty()),
                Some(found) => {
                    // Quotients of the same whole numbers: one rounding each.
                    prop_assert_eq!(found.split, f64::from(both) / f64::from(one_truth));
                    prop_assert_eq!(found.merge, f64::from(both) / f64::from(one_prediction));
                    let sum = f64::from(one_truth + one_prediction);
                    prop_assert_eq!(found.f, 2.0 * f64::from(both) / sum);
                }
            }
        }
    }
}
