//! Segments of frames that each write one word: connectionist temporal classification (Graves et al. 2006)
//! between known boundaries. Class 0 is the blank.
//!
//! ```text
//! ln P(c)   = ln y_1(0) + ln Σ over the paths of the frames 2 .. T that spell "c"      a blank, then c
//! p(c)      = P(c)^{1/τ} / Σ_k P(k)^{1/τ},   c, k over the words                   what is handed on
//! ```
//!
//! Two models may write a word in different frames and yet agree on it. A distance frame by frame would
//! pull the student's words to the frames of the teacher's, and, as most frames are blank, pull it
//! towards writing nothing (on this trouble with CTC see Takashima et al. 2018); the words themselves
//! have no place.

use limbeck_engine::{Packed, Result, Tape, Var};
use limbeck_kernels::{
    CTC_BEAM_WIDTH, CtcTargets, Labels, add, cross_entropy, ctc, ctc_beam_search, gather_rows,
    reshape, scale,
};

/// The frames of every segment behind its first.
struct Tails {
    rows: Vec<u32>,
    lengths: Vec<usize>,
}

impl Tails {
    /// Every segment this many times in a row.
    fn new(segments: &Packed, times: usize) -> Self {
        let (mut rows, mut lengths, mut start) = (Vec::new(), Vec::new(), 0);
        for &length in segments.lengths().iter() {
            for _ in 0..times {
                rows.extend(start + 1..start + length as u32);
                lengths.push(length - 1);
            }
            start += length as u32;
        }
        Tails { rows, lengths }
    }

    /// -ln of the probability of all paths of each that spell its word.
    fn spelling(&self, tape: &Tape, scores: &Var, words: &[[u32; 1]]) -> Result<Var> {
        let (device, classes) = (tape.device(), scores.shape().columns());
        let targets = CtcTargets::new(device, &self.lengths, words, classes)?;
        let packed = Packed::new(device, &self.lengths, 0)?;
        let frames = gather_rows(tape, scores, &self.rows)?;
        ctc(tape, &frames, &packed, &targets)
    }
}

/// -ln of the probability of all paths of each segment that are blank in its first frame, and write its
/// label in the others: `[segments]`.
pub(super) fn paths(tape: &Tape, scores: &Var, segments: &Packed, labels: &[u32]) -> Result<Var> {
    let classes = scores.shape().columns();
    let words: Vec<[u32; 1]> = labels.iter().map(|&label| [label]).collect();
    let label = Tails::new(segments, 1).spelling(tape, scores, &words)?;
    let lengths = segments.lengths();
    let starts = lengths.iter().scan(0, |next, &length| {
        let start = *next;
        *next += length as u32;
        Some(start)
    });
    let first = gather_rows(tape, scores, &starts.collect::<Vec<u32>>())?;
    let blanks = Labels::new(tape.device(), &vec![0; lengths.len()], classes)?;
    add(tape, &cross_entropy(tape, &first, &blanks, None)?, &label)
}

/// ln P of every word in each segment, but for the blank in its first frame, which they have in common:
/// `[segments, words]`.
pub(super) fn words(tape: &Tape, scores: &Var, segments: &Packed) -> Result<Var> {
    let count = scores.shape().columns() - 1;
    let segments_count = segments.lengths().len();
    let each: Vec<[u32; 1]> = (1..=count as u32).map(|word| [word]).collect();
    let spelled =
        Tails::new(segments, count).spelling(tape, scores, &each.repeat(segments_count))?;
    reshape(tape, &scale(tape, &spelled, -1.0)?, [segments_count, count])
}

/// 1 where a segment is read as something else than its label: `[segments]`.
pub(super) fn misread(tape: &Tape, scores: &Var, segments: &Packed, labels: &[u32]) -> Result<Var> {
    let classes = scores.shape().columns();
    let mut wrong = vec![0.0; labels.len()];
    if !tape.device().is_shapes() {
        let scores = scores.tensor().read()?;
        let mut rest = &scores[..];
        let each = wrong.iter_mut().zip(labels);
        for ((wrong, label), &length) in each.zip(segments.lengths().iter()) {
            let (own, others) = rest.split_at(length * classes);
            *wrong = f32::from(ctc_beam_search(own, classes, CTC_BEAM_WIDTH)? != [*label]);
            rest = others;
        }
    }
    Ok(tape.constant(tape.device().real(&wrong, [wrong.len()])?))
}
