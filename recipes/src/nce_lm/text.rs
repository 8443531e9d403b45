//! Which stretch of text an update reads: long sentences, divided in time order.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use limbeck_data::DataError;
use limbeck_data::language::{
    Prefetch, SentenceBatch, SentencePlan, Sentences, StreamWindows, TokenSource, WindowTokens,
    divide, divide_by_length,
};

use super::options::{Carry, NceLmOptions, Sentence};
use crate::config::OffOr;
use crate::error::Result;

/// Positions of the longest part: what the way back needs grows with them.
const LONGEST_PART: usize = 16_384;

/// What one update reads: one part of some long sentences side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Number of the sentences, or of their batch, counted over the whole run.
    pub sentence: u64,
    /// Number of the part, from 0.
    pub part: usize,
    /// Parts of the sentences.
    pub parts: usize,
    /// Words that are read, a list for each sentence, the longest first: those of the part, behind
    /// `overlap` of the part before.
    pub inputs: Vec<Vec<u32>>,
    /// Words that are predicted, a list for each sentence: as many as the part has.
    pub targets: Vec<Vec<u32>>,
    /// Positions of the part before that are read again, so that gradients reach them.
    pub overlap: usize,
    /// Last positions of this part that the next one will read again.
    pub ahead: usize,
    /// Whether the state is zeros: the beginning of a text or a sentence, or wherever the options
    /// say so.
    pub from_zeros: bool,
}

impl Piece {
    /// Positions that are predicted.
    pub fn positions(&self) -> usize {
        self.targets.iter().map(Vec::len).sum()
    }
}

/// Training text, by number of the update.
pub struct TrainingText {
    options: NceLmOptions,
    kind: Kind,
}

enum Kind {
    Stream(Stream),
    Lines(Lines),
}

/// Columns of running text, a window of which is a long sentence.
struct Stream {
    windows: StreamWindows,
    reader: Mutex<Reader>,
}

/// The window read last, with its number over all epochs, and what reads the next.
struct Reader {
    current: Option<(u64, Arc<WindowTokens>)>,
    prefetch: Prefetch,
}

/// Sentences, a batch of like length at a time.
struct Lines {
    sentences: Sentences,
    plan: SentencePlan,
    /// The epoch asked for last.
    epoch: Mutex<Option<Epoch>>,
}

/// The batches of an epoch, and the first step of each.
struct Epoch {
    number: u64,
    batches: Vec<SentenceBatch>,
    starts: Vec<u64>,
}

impl TrainingText {
    /// The text in `columns` columns, or batches of as many sentences.
    ///
    /// # Errors
    /// If there is less text than columns, a line is too long for its parts, or it cannot be read.
    pub fn new(
        source: Arc<dyn TokenSource>,
        options: &NceLmOptions,
        columns: usize,
        seed: u64,
    ) -> Result<Self> {
        let kind = match options.sentence {
            Sentence::Stream => {
                let windows = StreamWindows::new(source.len(), columns, options.window)?;
                let count = windows.windows() as u64;
                let order = move |sequence: u64| (sequence % count) as usize;
                let prefetch = Prefetch::new(source, windows, order, 0);
                let current = None;
                Kind::Stream(Stream {
                    windows,
                    reader: Mutex::new(Reader { current, prefetch }),
                })
            }
            Sentence::Line => {
                let sentences = Sentences::index(source)?;
                let shortest = options.shortest_divided();
                let lengths = sentences.lengths();
                let longest = lengths.iter().copied().max().unwrap_or(0);
                if longest.div_ceil(options.parts) > LONGEST_PART {
                    return Err(DataError::option(
                        "method.parts",
                        format!(
                            "at least {}, since the longest line has {longest} tokens and gradients \
                             go back through at most {LONGEST_PART} positions of a part; or \
                             `method.sentence = \"stream\"`, which divides the text into windows",
                            longest.div_ceil(LONGEST_PART)
                        ),
                        options.parts,
                    )
                    .into());
                }
                let plan = SentencePlan::new(lengths, columns, shortest, seed, "sentences")?;
                Kind::Lines(Lines {
                    sentences,
                    plan,
                    epoch: Mutex::new(None),
                })
            }
        };
        Ok(TrainingText {
            options: options.clone(),
            kind,
        })
    }

    /// Updates that read the text once.
    pub fn steps_per_epoch(&self) -> u64 {
        match &self.kind {
            Kind::Stream(stream) => {
                let last = stream.windows.windows() - 1;
                let parts = |window| self.divide(stream.windows.length(window)).len() as u64;
                last as u64 * parts(0) + parts(last)
            }
            Kind::Lines(lines) => {
                let divided = lines.plan.long_batches() as u64 * self.options.parts as u64;
                divided + lines.plan.short_batches() as u64
            }
        }
    }

    /// Tokens at the end of the text that no column holds.
    pub fn dropped(&self) -> u64 {
        match &self.kind {
            Kind::Stream(stream) => stream.windows.dropped(),
            Kind::Lines(lines) => lines.sentences.left_over(),
        }
    }

    /// The parts of a sentence.
    fn divide(&self, length: usize) -> Vec<Range<usize>> {
        let options = &self.options;
        if !options.boundaries.is_empty() {
            let inside = options.boundaries.iter().copied().filter(|&at| at < length);
            let mut edges: Vec<usize> = std::iter::once(0).chain(inside).collect();
            edges.push(length);
            return edges.windows(2).map(|edge| edge[0]..edge[1]).collect();
        }
        if let OffOr::On(part_length) = options.part_length {
            return divide_by_length(length, part_length);
        }
        match length < options.shortest_divided() {
            true => divide(length, 1),
            false => divide(length, options.parts),
        }
    }

    /// What update number `step` reads.
    ///
    /// # Errors
    /// If the text cannot be read any more.
    pub fn piece(&self, step: u64) -> Result<Piece> {
        match &self.kind {
            Kind::Stream(stream) => self.of_stream(stream, step),
            Kind::Lines(lines) => self.of_lines(lines, step),
        }
    }

    /// Number of the sentences that update number `step` reads, or of their batch, and how many
    /// positions it predicts; nothing is read for it.
    pub fn extent(&self, step: u64) -> (u64, u64) {
        match &self.kind {
            Kind::Stream(stream) => {
                let (sentence, window, part) = self.place(stream, step);
                let length = self.divide(stream.windows.length(window))[part].len();
                (sentence, (length * stream.windows.columns()) as u64)
            }
            Kind::Lines(lines) => {
                let (sentence, batch, part) = self.batch(lines, step);
                let parts = self.parts_of(&batch);
                let length = |&sentence: &usize| {
                    let length = lines.sentences.length(sentence);
                    divide(length, parts)[part].len() as u64
                };
                (sentence, batch.sentences.iter().map(length).sum())
            }
        }
    }

    /// Where an update is: the sentence counted over all epochs, its window, and the part.
    fn place(&self, stream: &Stream, step: u64) -> (u64, usize, usize) {
        let (epoch, within) = (step / self.steps_per_epoch(), step % self.steps_per_epoch());
        let count = stream.windows.windows() as u64;
        let parts_of_most = self.divide(stream.windows.length(0)).len() as u64;
        let window = (within / parts_of_most).min(count - 1);
        let part = (within - window * parts_of_most) as usize;
        (epoch * count + window, window as usize, part)
    }

    fn of_stream(&self, stream: &Stream, step: u64) -> Result<Piece> {
        let (sentence, window, part) = self.place(stream, step);
        let tokens = stream.window(sentence)?;
        let column = |words: &[u32], column: usize| -> Vec<u32> {
            words
                .iter()
                .skip(column)
                .step_by(tokens.columns)
                .copied()
                .collect()
        };
        let columns = 0..tokens.columns;
        let inputs: Vec<_> = columns.clone().map(|c| column(&tokens.inputs, c)).collect();
        let targets: Vec<_> = columns.map(|c| column(&tokens.targets, c)).collect();
        let parts = vec![self.divide(tokens.length); tokens.columns];
        let begins = window == 0;
        Ok(self.cut((sentence, part), (&inputs, &targets), &parts, begins))
    }

    /// The batch of an update, its number over all epochs, and the part.
    fn batch(&self, lines: &Lines, step: u64) -> (u64, SentenceBatch, usize) {
        let per_epoch = self.steps_per_epoch();
        let (epoch, within) = (step / per_epoch, step % per_epoch);
        let (number, batch, first) = lines.batch(epoch, within, self.options.parts);
        let sentence = epoch * lines.plan.batches_per_epoch() as u64 + number;
        (sentence, batch, (within - first) as usize)
    }

    fn parts_of(&self, batch: &SentenceBatch) -> usize {
        match batch.short {
            true => 1,
            false => self.options.parts,
        }
    }

    fn of_lines(&self, lines: &Lines, step: u64) -> Result<Piece> {
        let (sentence, batch, part) = self.batch(lines, step);
        let mut targets = Vec::with_capacity(batch.sentences.len());
        for &sentence in &batch.sentences {
            let mut words = Vec::new();
            lines.sentences.read(sentence, &mut words)?;
            targets.push(words);
        }
        // A sentence is read from the end of the one before.
        let before = |words: &Vec<u32>| -> Vec<u32> {
            let all = std::iter::once(limbeck_data::language::END).chain(words.iter().copied());
            all.take(words.len()).collect()
        };
        let inputs: Vec<_> = targets.iter().map(before).collect();
        let parts = self.parts_of(&batch);
        let parts: Vec<_> = targets.iter().map(|t| divide(t.len(), parts)).collect();
        Ok(self.cut((sentence, part), (&inputs, &targets), &parts, true))
    }

    /// One part of sentences that stand side by side.
    fn cut(
        &self,
        (sentence, part): (u64, usize),
        (inputs, targets): (&[Vec<u32>], &[Vec<u32>]),
        parts: &[Vec<Range<usize>>],
        begins: bool,
    ) -> Piece {
        let count = parts[0].len();
        let wanted = match self.options.carry {
            Carry::Overlap => self.options.overlap,
            Carry::Detach | Carry::Reset => 0,
        };
        // No further back than the part before reaches, in any of the sentences.
        let shortest = |part: usize| parts.iter().map(|p| p[part].len()).min().unwrap_or(0);
        let overlap = part.checked_sub(1).map_or(0, |p| wanted.min(shortest(p)));
        let ahead = match part + 1 < count {
            true => wanted.min(shortest(part)),
            false => 0,
        };
        let cut = |words: &[Vec<u32>], before: usize| -> Vec<Vec<u32>> {
            let both = words.iter().zip(parts);
            both.map(|(words, parts)| words[parts[part].start - before..parts[part].end].to_vec())
                .collect()
        };
        let from_zeros = match self.options.carry {
            Carry::Reset => true,
            Carry::Detach | Carry::Overlap => begins && part == 0,
        };
        Piece {
            sentence,
            part,
            parts: count,
            inputs: cut(inputs, overlap),
            targets: cut(targets, 0),
            overlap,
            ahead,
            from_zeros,
        }
    }
}

impl Stream {
    /// The tokens of window number `sequence`, counted over all epochs.
    fn window(&self, sequence: u64) -> Result<Arc<WindowTokens>> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let Reader { current, prefetch } = &mut *reader;
        if let Some((at, tokens)) = current
            && *at == sequence
        {
            return Ok(Arc::clone(tokens));
        }
        if prefetch.sequence() != sequence {
            prefetch.seek(sequence);
        }
        if let Some((_, done)) = current.take()
            && let Ok(done) = Arc::try_unwrap(done)
        {
            prefetch.recycle(done);
        }
        let tokens = Arc::new(prefetch.next_window()?);
        *current = Some((sequence, Arc::clone(&tokens)));
        Ok(tokens)
    }
}

impl Lines {
    /// The batch that holds step `within` of an epoch: its number, itself, and its first step.
    fn batch(&self, epoch: u64, within: u64, parts: usize) -> (u64, SentenceBatch, u64) {
        let mut cached = self.epoch.lock().unwrap_or_else(PoisonError::into_inner);
        let Epoch {
            batches, starts, ..
        } = match cached.take() {
            Some(same) if same.number == epoch => cached.insert(same),
            _ => cached.insert(self.epoch(epoch, parts)),
        };
        let number = starts.partition_point(|&start| start <= within) - 1;
        (number as u64, batches[number].clone(), starts[number])
    }

    fn epoch(&self, number: u64, parts: usize) -> Epoch {
        let batches = self.plan.epoch(number);
        let mut next = 0;
        let mut starts = Vec::with_capacity(batches.len());
        for batch in &batches {
            starts.push(next);
            next += if batch.short { 1 } else { parts as u64 };
        }
        Epoch {
            number,
            batches,
            starts,
        }
    }
}
