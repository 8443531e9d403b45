//! C1 and C2: parts and groups.

use limbeck_recipes::config::OffOr;
use limbeck_recipes::layerwise::Preset;
use limbeck_recipes::nce_lm::{
    Assignment, Groups, NceLmOptions, NoiseLaw, Piece, Sentence, TrainingText, group_of,
};

use crate::small::{counted, data};

fn options() -> NceLmOptions {
    NceLmOptions {
        window: 14,
        noise_size: 8,
        ..NceLmOptions::preset(Preset::Tuned)
    }
}

fn pieces(text: &TrainingText, steps: std::ops::Range<u64>) -> Vec<Piece> {
    let read = |step| {
        let piece = text.piece(step).expect("text");
        let extent = (piece.sentence, piece.positions() as u64);
        assert_eq!(text.extent(step), extent, "step {step}");
        piece
    };
    steps.map(read).collect()
}

#[test]
fn concatenated_parts_are_the_columns_in_order() {
    let text = TrainingText::new(counted(201), &options(), 4, 1).expect("enough text");
    // Columns of 50 tokens: three windows of 14 in four parts, one of 8 in four.
    assert_eq!((text.steps_per_epoch(), text.dropped()), (16, 1));
    let pieces = pieces(&text, 0..32);
    for column in 0..4 {
        let read: Vec<u32> = pieces[..16]
            .iter()
            .flat_map(|piece| &piece.targets[column])
            .copied()
            .collect();
        let first = column as u32 * 50 + 1;
        assert_eq!(read, (first..first + 50).collect::<Vec<u32>>());
    }
    for (step, piece) in pieces.iter().enumerate() {
        let lengths: Vec<usize> = piece.targets.iter().map(Vec::len).collect();
        assert_eq!(piece.parts, 4);
        assert_eq!(piece.part, step % 4);
        assert_eq!(piece.sentence, step as u64 / 4);
        assert_eq!(piece.from_zeros, step % 16 == 0, "step {step}");
        let expected = if step % 16 >= 12 {
            2
        } else {
            [4, 4, 3, 3][step % 4]
        };
        assert_eq!(lengths, [expected; 4]);
        // Each word is predicted from the one before it, across all borders.
        for (inputs, targets) in piece.inputs.iter().zip(&piece.targets) {
            assert!(inputs.iter().zip(targets).all(|(i, t)| i + 1 == *t));
        }
    }
    assert_eq!(pieces[0].targets, pieces[16].targets, "the second epoch");
}

#[test]
fn lines_are_divided_each_into_as_many_parts() {
    let data = data(30, 60);
    let options = NceLmOptions {
        sentence: Sentence::Line,
        parts: 3,
        ..options()
    };
    let text = TrainingText::new(data.train.clone(), &options, 4, 1).expect("text");
    let pieces = pieces(&text, 0..text.steps_per_epoch());
    let mut tokens = 0;
    for sentence in pieces.chunk_by(|a, b| a.sentence == b.sentence) {
        let numbers: Vec<usize> = sentence.iter().map(|piece| piece.part).collect();
        assert_eq!(numbers, (0..sentence[0].parts).collect::<Vec<_>>());
        for s in 0..sentence[0].targets.len() {
            let lengths: Vec<usize> = sentence.iter().map(|p| p.targets[s].len()).collect();
            let whole: usize = lengths.iter().sum();
            tokens += whole;
            // Short sentences, of less than six tokens, are one part.
            assert_eq!(lengths.len(), if whole < 6 { 1 } else { 3 });
            assert!(lengths[0] - lengths[lengths.len() - 1] <= 1, "{lengths:?}");
            let last = sentence[sentence.len() - 1].targets[s].last();
            assert_eq!(last, Some(&data.vocabulary.end()));
        }
        assert!(sentence[0].from_zeros);
        assert!(sentence[1..].iter().all(|piece| !piece.from_zeros));
    }
    assert_eq!(tokens as u64, data.train.len());
}

#[test]
fn parts_of_a_length_and_explicit_boundaries() {
    let of_length = NceLmOptions {
        part_length: OffOr::On(5),
        ..options()
    };
    let cut = NceLmOptions {
        boundaries: vec![1, 12],
        ..options()
    };
    for (options, expected) in [(of_length, [5, 5, 4]), (cut, [1, 11, 2])] {
        let text = TrainingText::new(counted(28), &options, 2, 1).expect("text");
        let lengths: Vec<usize> = pieces(&text, 0..text.steps_per_epoch())
            .iter()
            .map(|piece| piece.targets[1].len())
            .collect();
        assert_eq!(lengths, expected);
    }
}

/// Distinct groups that the parts of one sentence use.
fn groups(options: &NceLmOptions) -> usize {
    let law = NoiseLaw::new(&[1.0; 50]);
    let text = TrainingText::new(counted(56), options, 4, 1).expect("text");
    let mut groups: Vec<Vec<u32>> = pieces(&text, 0..4)
        .iter()
        .map(|piece| {
            let groups = match options.groups {
                Groups::Fresh => piece.parts,
                Groups::Grouped => options.group_count,
                Groups::Shared => 1,
            };
            let group = group_of(piece.part, piece.parts, groups, options.assignment);
            law.draw(1, piece.sentence, group as u32, options.noise_size)
        })
        .collect();
    groups.sort();
    groups.dedup();
    groups.len()
}

#[test]
fn a_sentence_has_as_many_groups_as_asked_for() {
    for (kind, expected) in [
        (Groups::Fresh, 4),
        (Groups::Grouped, 3),
        (Groups::Shared, 1),
    ] {
        for assignment in [Assignment::Blocks, Assignment::RoundRobin] {
            let options = NceLmOptions {
                groups: kind,
                group_count: 3,
                assignment,
                ..options()
            };
            assert_eq!(groups(&options), expected, "{kind:?}, {assignment:?}");
        }
    }
}
