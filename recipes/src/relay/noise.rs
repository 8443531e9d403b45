//! Labels made wrong on purpose, to see what a method does with labels that are.

use limbeck_data::read::LabelledSet;
use limbeck_data::rng::Rng;
use limbeck_data::tagging::Span;

use super::samples::Samples;
use crate::error::Result;
use crate::text::LabelSpace;

/// Gives a share of the texts, drawn by seed and name, another class than theirs.
///
/// ```
/// use limbeck_data::read::LabelledSet;
/// use limbeck_recipes::relay::flip_classes;
/// let classes = ["a", "b", "c"].map(String::from).to_vec();
/// let texts = vec![String::new(); 1000];
/// let mut set = LabelledSet { texts, labels: vec![1; 1000], classes };
/// flip_classes(&mut set, 0.3, 1, "train");
/// let wrong = set.labels.iter().filter(|label| **label != 1).count();
/// assert!((250..350).contains(&wrong));
/// ```
pub fn flip_classes(set: &mut LabelledSet, share: f64, seed: u64, name: &str) {
    let classes = set.classes.len();
    for (row, label) in set.labels.iter_mut().enumerate() {
        let mut rng = Rng::new(seed, "label noise", &[stream(name), row as u64]);
        if classes > 1 && rng.chance(share) {
            *label = another(&mut rng, *label, classes);
        }
    }
}

/// Makes a share of the labels of samples wrong: a class or a plain tag becomes another one; a span is
/// dropped, gets another type, or ends elsewhere.
///
/// # Errors
/// If the labels have a scheme without spans after all.
pub fn disturb(
    samples: &mut Samples,
    space: &LabelSpace,
    share: f64,
    seed: u64,
    name: &str,
) -> Result<()> {
    if share == 0.0 {
        return Ok(());
    }
    for (row, labels) in samples.labels.iter_mut().enumerate() {
        let mut rng = Rng::new(seed, "label noise", &[stream(name), row as u64]);
        if !space.has_spans() {
            for label in labels {
                if space.names.len() > 1 && rng.chance(share) {
                    *label = another(&mut rng, *label, space.names.len());
                }
            }
            continue;
        }
        let (spans, kinds) = (space.spans(labels), space.kinds());
        let disturbed = disturbed(&mut rng, &spans, &kinds, share, labels.len());
        *labels = space.labels_of(&disturbed, labels.len())?;
    }
    Ok(())
}

fn disturbed(rng: &mut Rng, spans: &[Span], kinds: &[&str], share: f64, end: usize) -> Vec<Span> {
    let mut kept: Vec<Span> = Vec::new();
    for (place, span) in spans.iter().enumerate() {
        let mut span = span.clone();
        if rng.chance(share) {
            let next = spans.get(place + 1).map_or(end, |next| next.start);
            match rng.below(3) {
                0 => continue,
                1 if kinds.len() > 1 => {
                    let own = kinds.iter().position(|kind| *kind == span.kind);
                    let own = own.unwrap_or(0) as u32;
                    span.kind = kinds[another(rng, own, kinds.len()) as usize].into();
                }
                _ if span.end < next => span.end += 1,
                _ if span.end - span.start > 1 => span.end -= 1,
                _ => continue,
            }
        }
        kept.push(span);
    }
    kept
}

/// One of the other numbers below `count`, each equally often.
fn another(rng: &mut Rng, own: u32, count: usize) -> u32 {
    let drawn = rng.below(count - 1) as u32;
    drawn + u32::from(drawn >= own)
}

fn stream(name: &str) -> u64 {
    name.bytes()
        .fold(0, |sum, byte| sum * 257 + u64::from(byte))
}

#[cfg(test)]
mod tests {
    use limbeck_data::tagging::{Scheme, tags_of};

    use super::*;
    use crate::text::Form;

    fn space() -> LabelSpace {
        let names = Scheme::Bioes.tag_names(&["LOC", "PER"]);
        LabelSpace::new(names, Form::Tag(Scheme::Bioes))
    }

    fn sentences(space: &LabelSpace, count: usize) -> Samples {
        let tags = ["B-PER", "E-PER", "O", "S-LOC", "O"];
        let labels: Vec<u32> = tags.iter().map(|tag| space.number(tag)).collect();
        Samples {
            texts: vec!["a b c d e".into(); count],
            labels: vec![labels; count],
        }
    }

    #[test]
    fn a_share_of_the_spans_is_wrong_and_every_sentence_stays_well_formed() {
        let space = space();
        let clean = sentences(&space, 2000);
        let mut noisy = clean.clone();
        disturb(&mut noisy, &space, 0.15, 3, "train").expect("spans");
        let mut changed = 0;
        for (labels, before) in noisy.labels.iter().zip(&clean.labels) {
            let spans = space.spans(labels);
            let back = tags_of(&spans, labels.len(), Scheme::Bioes).expect("a scheme with spans");
            assert_eq!(space.tags(labels), back);
            let truth = space.spans(before);
            changed += truth.iter().filter(|span| !spans.contains(span)).count();
        }
        let share = changed as f64 / 4000.0;
        // Three standard deviations of 4,000 draws.
        assert!((share - 0.15).abs() < 0.017, "{share}");
    }

    #[test]
    fn noise_depends_on_the_seed_and_on_the_part_alone() {
        let space = space();
        let noisy = |seed, name| {
            let mut samples = sentences(&space, 50);
            disturb(&mut samples, &space, 0.5, seed, name).expect("spans");
            samples
        };
        assert_eq!(noisy(1, "train"), noisy(1, "train"));
        assert_ne!(noisy(1, "train"), noisy(2, "train"));
        assert_ne!(noisy(1, "train"), noisy(1, "dev"));
    }
}
