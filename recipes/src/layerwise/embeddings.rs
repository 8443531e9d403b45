//! The student's first word vectors, made of the table of a pretrained teacher.

use limbeck_data::tokenize::{Tokenizer, Vocabulary};

use super::principal::{Moments, Principal};
use crate::error::Result;
use crate::text::{Encoder, TextClassifier};
use crate::word_vectors::{TABLE, fill};

/// Gives each word of the student's vocabulary the mean of the teacher's embeddings of its pieces,
/// in the student's width and on the scale of its random vectors. Words that the teacher has no
/// pieces for keep their random vectors; how many have others now is logged. A shape device has no
/// numbers to give.
///
/// # Errors
/// If the device failed.
pub(super) fn of_teacher(teacher: &TextClassifier, student: &mut TextClassifier) -> Result<()> {
    let store = teacher.model().parameters();
    let (Encoder::Pretrained(splitter), Encoder::Tokens(tokenizer), Some(table)) =
        (teacher.encoder(), student.encoder(), store.find(TABLE))
    else {
        return Ok(());
    };
    if teacher.model().device().is_shapes() {
        return Ok(());
    }
    let width = store.value(table).shape().columns();
    let table = store.value(table).read()?;
    let word = |(id, word): (u32, &String)| {
        let special = [Vocabulary::UNKNOWN_ID, Vocabulary::FIRST_ID].contains(&id);
        let pieces = if special {
            Vec::new()
        } else {
            splitter.pieces(word)
        };
        mean_of(&table, width, &pieces)
    };
    let words = tokenizer.vocabulary().tokens();
    let vectors: Vec<Option<Vec<f32>>> = (0..).zip(words).map(word).collect();
    let (found, all) = (vectors.iter().flatten().count(), vectors.len());
    fill(student, |drawn| place(&vectors, width, drawn))?;
    tracing::info!(
        "student: {found} of the {all} words of its vocabulary start from the teacher's embeddings, \
         the others at random"
    );
    Ok(())
}

/// The mean of some rows of a table; of none, nothing.
fn mean_of(table: &[f32], width: usize, rows: &[u32]) -> Option<Vec<f32>> {
    let mut sum = vec![0.0_f64; width];
    for &row in rows {
        let row = &table[row as usize * width..][..width];
        sum.iter_mut()
            .zip(row)
            .for_each(|(s, &x)| *s += f64::from(x));
    }
    let count = rows.len() as f64;
    (count > 0.0).then(|| sum.iter().map(|s| (s / count) as f32).collect())
}

/// Writes the vectors over the rows of `drawn` whose words have one. Their mean is taken off; where
/// the rows are narrower they are projected onto the principal components of all vectors. Then all
/// numbers get the standard deviation that those of `drawn` have.
fn place(vectors: &[Option<Vec<f32>>], width: usize, drawn: &mut [f32]) {
    let columns = drawn.len() / vectors.len().max(1);
    let mut moments = Moments::new(width);
    vectors
        .iter()
        .flatten()
        .for_each(|vector| moments.add(vector));
    let fitted: Vec<f32> = match columns < width {
        true => {
            let principal = Principal::of(&moments, columns);
            let project = |vector: &Vec<f32>| principal.project(vector);
            vectors.iter().flatten().flat_map(project).collect()
        }
        false => {
            let mean = moments.mean();
            let centre = |vector: &Vec<f32>| -> Vec<f32> {
                let pairs = vector.iter().zip(&mean);
                pairs.map(|(&x, &m)| x - m as f32).collect()
            };
            vectors.iter().flatten().flat_map(centre).collect()
        }
    };
    let scale = deviation(drawn) / deviation(&fitted);
    if !scale.is_finite() {
        // A single word, or none: nothing tells them apart.
        return;
    }
    let rows = drawn.chunks_mut(columns).zip(vectors);
    let rows = rows.filter_map(|(row, vector)| vector.as_ref().map(|_| row));
    for (row, vector) in rows.zip(fitted.chunks(columns)) {
        row.iter_mut()
            .zip(vector)
            .for_each(|(into, x)| *into = scale * x);
    }
}

/// The standard deviation of numbers around zero, which random and centred vectors lie about.
fn deviation(numbers: &[f32]) -> f32 {
    let squares: f64 = numbers.iter().map(|&x| f64::from(x).powi(2)).sum();
    (squares / numbers.len().max(1) as f64).sqrt() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_pieces_are_averaged() {
        let table = [1.0, 2.0, 3.0, 4.0, -5.0, 6.0];
        assert_eq!(mean_of(&table, 2, &[0, 2]), Some(vec![-2.0, 4.0]));
        assert_eq!(mean_of(&table, 2, &[1]), Some(vec![3.0, 4.0]));
        assert_eq!(mean_of(&table, 2, &[]), None);
    }

    /// Distances between words are the teacher's, but for one factor: vectors on a plane lose nothing
    /// in two columns.
    #[test]
    fn vectors_keep_their_distances_and_the_scale_of_the_drawn_ones() {
        let on_plane = |a: f32, b: f32| vec![1.0 + a, 2.0 + b, 3.0 - a, 4.0 - b];
        let points = [[3.0, 0.5], [-1.0, 2.0], [0.5, -1.0], [2.0, 2.0]];
        let mut vectors: Vec<Option<Vec<f32>>> = vec![None];
        vectors.extend(points.map(|[a, b]| Some(on_plane(a, b))));
        for columns in [2, 4] {
            let mut drawn: Vec<f32> = (0..5 * columns).map(|i| (i as f32).cos()).collect();
            let (first, scale) = (drawn[..columns].to_vec(), deviation(&drawn));
            place(&vectors, 4, &mut drawn);
            assert_eq!(drawn[..columns], first, "a word without pieces");
            let rows: Vec<&[f32]> = drawn.chunks(columns).skip(1).collect();
            // A few roundings of numbers about one.
            assert!((deviation(&drawn[columns..]) - scale).abs() < 1e-5);
            let distance = |a: &[f32], b: &[f32]| {
                let squares = a.iter().zip(b).map(|(a, b)| (a - b).powi(2));
                squares.sum::<f32>().sqrt()
            };
            let factor = distance(rows[0], rows[1]) / distance(&points[0], &points[1]);
            for (a, row) in points.iter().zip(&rows) {
                for (b, other) in points.iter().zip(&rows) {
                    let (found, expected) = (distance(row, other), factor * distance(a, b));
                    assert!((found - expected).abs() < 1e-5, "{found} {expected}");
                }
            }
        }
    }

    #[test]
    fn a_single_word_stays_as_it_was_drawn() {
        let mut drawn = [0.1, -0.2, 0.3, 0.4];
        place(&[None, Some(vec![5.0, 6.0, 7.0])], 3, &mut drawn);
        assert_eq!(drawn, [0.1, -0.2, 0.3, 0.4]);
    }
}
