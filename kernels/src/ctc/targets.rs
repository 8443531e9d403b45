//! The targets of a batch, checked and laid out on the host.

use std::collections::HashMap;
use std::sync::Arc;

use limbeck_engine::{Device, Error, Result, Tensor};

/// The blank of every alphabet.
pub(super) const BLANK: u32 = 0;
/// Where a state names no token: every frame may be in it. Behind the last state of a class.
pub(super) const NONE: u32 = u32::MAX;
/// Numbers of a sequence in the layout: first row, frames, first state, states, first cell.
pub(super) const LAYOUT: usize = 5;
/// Numbers of a state: class, token, flags, next state of its class within the sequence.
pub(super) const STATE: usize = 4;
/// Flag: may follow the state before the last one.
pub(super) const SKIPS: u32 = 1;
/// Flag: the first state of its class.
pub(super) const FIRST: u32 = 2;

/// A symbol of a copy-restricted target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CopySymbol {
    /// The token with this id, copied from a frame that holds it.
    Token(u32),
    /// What stands between two copied phrases.
    Separator,
}

impl CopySymbol {
    /// Class of the logits: blank, copy, separator.
    pub(super) const CLASSES: usize = 3;
    pub(super) const COPY: u32 = 1;
    pub(super) const SEPARATOR: u32 = 2;

    /// (class, token).
    fn coded(self) -> (u32, u32) {
        match self {
            CopySymbol::Token(id) => (CopySymbol::COPY, id),
            CopySymbol::Separator => (CopySymbol::SEPARATOR, NONE),
        }
    }
}

/// The fewest frames that can emit a target: its symbols, and a blank between equal neighbours.
///
/// ```
/// use limbeck_kernels::frames_needed;
/// assert_eq!(frames_needed(&[3, 3, 5]), 4);
/// assert_eq!(frames_needed(&[]), 0);
/// ```
pub fn frames_needed(target: &[u32]) -> usize {
    needed(target)
}

fn needed<T: PartialEq>(target: &[T]) -> usize {
    target.len() + target.windows(2).filter(|pair| pair[0] == pair[1]).count()
}

/// What the sequences of a batch should emit, on a device. Every target is known to have a path
/// through its frames.
///
/// ```
/// use limbeck_engine::Device;
/// use limbeck_kernels::CtcTargets;
/// let device = Device::cpu();
/// assert_eq!(CtcTargets::new(&device, &[4, 1], &[vec![1, 1], vec![]], 3)?.len(), 2);
/// let error = CtcTargets::new(&device, &[4, 2], &[vec![1, 2], vec![1, 1]], 3).unwrap_err();
/// assert!(error.to_string().contains("target 1 needs 3 frames"));
/// # Ok::<(), limbeck_engine::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CtcTargets {
    pub(super) shape: LatticeShape,
    pub(super) layout: Tensor,
    pub(super) states: Tensor,
    pub(super) sequences: Tensor,
    pub(super) frames: Option<Tensor>,
}

impl CtcTargets {
    /// The symbols, 1 to `classes` - 1, that sequences of `lengths` frames should emit; 0 is the
    /// blank. A target may be empty.
    ///
    /// # Errors
    /// If there are not as many targets as lengths, a symbol is no such class, a target needs more
    /// frames than it has ([`frames_needed`]; both numbers are named), or the device cannot hold
    /// them.
    pub fn new(
        device: &Device,
        lengths: &[usize],
        targets: &[impl AsRef<[u32]>],
        classes: usize,
    ) -> Result<Self> {
        Lattice::new(lengths, targets, classes)?.upload(device)
    }

    /// Targets of tokens and separators: each frame holds a token, and may emit nothing else than
    /// a blank, that token, or a separator. The logits have three classes: blank (0), copy (1) and
    /// separator (2).
    ///
    /// ```
    /// use limbeck_engine::Device;
    /// use limbeck_kernels::{CopySymbol::{Separator, Token}, CtcTargets};
    /// let device = Device::cpu();
    /// let tokens = [[7, 8, 9]];
    /// assert!(CtcTargets::copying(&device, &tokens, &[[Token(7), Separator, Token(9)]]).is_ok());
    /// assert!(CtcTargets::copying(&device, &tokens, &[[Token(9), Separator, Token(7)]]).is_err());
    /// # Ok::<(), limbeck_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are not as many targets as sequences, a token of a target is `u32::MAX` (reserved),
    /// no path through the frames emits a target, or the device cannot hold them.
    pub fn copying(
        device: &Device,
        tokens: &[impl AsRef<[u32]>],
        targets: &[impl AsRef<[CopySymbol]>],
    ) -> Result<Self> {
        Lattice::copying(tokens, targets)?.upload(device)
    }

    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.shape.lengths.len()
    }

    /// Whether there is no sequence at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Classes of the logits, the blank among them.
    pub fn classes(&self) -> usize {
        self.shape.classes
    }
}

/// What is known of a lattice on the host.
#[derive(Clone, Debug)]
pub(super) struct LatticeShape {
    /// Frames of each sequence.
    pub(super) lengths: Arc<[usize]>,
    pub(super) classes: usize,
    /// States of all sequences.
    pub(super) states: usize,
    /// Σ frames times states.
    pub(super) cells: usize,
    /// Whether frames hold tokens.
    pub(super) restricted: bool,
}

impl LatticeShape {
    pub(super) fn rows(&self) -> usize {
        self.lengths.iter().sum()
    }
}

/// The states of all sequences, blanks between the symbols: what [`CtcTargets`] holds, on the host.
#[derive(Clone, Debug)]
pub(super) struct Lattice {
    pub(super) shape: LatticeShape,
    /// `[sequences, LAYOUT]`.
    pub(super) layout: Vec<u32>,
    /// `[states, STATE]`.
    pub(super) states: Vec<u32>,
    /// The sequence of each row.
    pub(super) sequences: Vec<u32>,
    /// The token of each row; empty where there are none.
    pub(super) frames: Vec<u32>,
}

fn refused(message: String) -> Error {
    let operator = "ctc";
    Error::Shape { operator, message }
}

fn as_many(targets: usize, sequences: usize) -> Result<()> {
    if targets == sequences {
        return Ok(());
    }
    Err(refused(format!(
        "expected a target for each of {sequences} sequences, found {targets}"
    )))
}

impl Lattice {
    pub(super) fn new(
        lengths: &[usize],
        targets: &[impl AsRef<[u32]>],
        classes: usize,
    ) -> Result<Self> {
        as_many(targets.len(), lengths.len())?;
        let mut coded = Vec::new();
        for (i, (target, &frames)) in targets.iter().zip(lengths).enumerate() {
            let target = target.as_ref();
            let stranger = |&symbol: &u32| symbol == BLANK || symbol as usize >= classes;
            if let Some(at) = target.iter().position(stranger) {
                return Err(refused(format!(
                    "symbol {at} of target {i} is {}, but {classes} classes have the symbols from 1 \
                     to {} (0 is the blank)",
                    target[at],
                    classes.saturating_sub(1)
                )));
            }
            let (needed, symbols) = (frames_needed(target), target.len());
            if needed > frames {
                return Err(refused(format!(
                    "target {i} needs {needed} frames ({symbols} symbols, and {} blanks between \
                     equal neighbours), but its sequence has {frames}: leave it out or give it more \
                     frames",
                    needed - symbols
                )));
            }
            coded.push(target.iter().map(|&symbol| (symbol, NONE)).collect());
        }
        Lattice::laid_out(lengths, coded, classes, Vec::new())
    }

    pub(super) fn copying(
        tokens: &[impl AsRef<[u32]>],
        targets: &[impl AsRef<[CopySymbol]>],
    ) -> Result<Self> {
        as_many(targets.len(), tokens.len())?;
        let mut coded = Vec::new();
        for (i, (target, tokens)) in targets.iter().zip(tokens).enumerate() {
            let (target, tokens) = (target.as_ref(), tokens.as_ref());
            let reserved = CopySymbol::Token(NONE);
            if let Some(at) = target.iter().position(|&symbol| symbol == reserved) {
                return Err(refused(format!(
                    "symbol {at} of target {i} is token {NONE}, which is reserved"
                )));
            }
            let symbols: Vec<(u32, u32)> = target.iter().map(|symbol| symbol.coded()).collect();
            let emitted = longest_prefix(&symbols, tokens);
            if emitted < symbols.len() {
                return Err(refused(format!(
                    "no path emits target {i}: its {} frames (at least {} are needed) can copy the \
                     first {emitted} of its {} symbols, but not symbol {emitted}, {:?}: leave it out",
                    tokens.len(),
                    needed(target),
                    symbols.len(),
                    target[emitted],
                )));
            }
            coded.push(symbols);
        }
        let lengths: Vec<usize> = tokens.iter().map(|tokens| tokens.as_ref().len()).collect();
        let frames = tokens.iter().flat_map(|tokens| tokens.as_ref()).copied();
        let mut lattice =
            Lattice::laid_out(&lengths, coded, CopySymbol::CLASSES, frames.collect())?;
        lattice.shape.restricted = true;
        Ok(lattice)
    }

    fn laid_out(
        lengths: &[usize],
        targets: Vec<Vec<(u32, u32)>>,
        classes: usize,
        frames: Vec<u32>,
    ) -> Result<Self> {
        let (mut layout, mut states, mut sequences) = (Vec::new(), Vec::new(), Vec::new());
        let mut cells = 0;
        for (s, (&length, target)) in (0..).zip(lengths.iter().zip(&targets)) {
            let count = 2 * target.len() + 1;
            let numbers = [sequences.len(), length, states.len() / STATE, count, cells];
            layout.extend(numbers.map(|number| number as u32));
            states.extend(states_of(target));
            sequences.resize(sequences.len() + length, s);
            cells += length * count;
        }
        if u32::try_from(cells).is_err() {
            return Err(refused(format!(
                "{cells} pairs of frame and state do not fit a 32-bit offset: use smaller batches"
            )));
        }
        let shape = LatticeShape {
            lengths: lengths.into(),
            classes,
            states: states.len() / STATE,
            cells,
            restricted: false,
        };
        Ok(Lattice {
            shape,
            layout,
            states,
            sequences,
            frames,
        })
    }

    fn upload(self, device: &Device) -> Result<CtcTargets> {
        let frames = self.shape.restricted.then_some(&self.frames);
        Ok(CtcTargets {
            layout: device.ids(&self.layout, [self.shape.lengths.len(), LAYOUT])?,
            states: device.ids(&self.states, [self.shape.states, STATE])?,
            sequences: device.ids(&self.sequences, [self.sequences.len()])?,
            frames: frames.map(|ids| device.ids(ids, [ids.len()])).transpose()?,
            shape: self.shape,
        })
    }
}

/// The states of a target of (class, token): symbol s / 2 for odd s, else a blank.
fn states_of(target: &[(u32, u32)]) -> Vec<u32> {
    let count = 2 * target.len() + 1;
    let symbol = |s: usize| {
        if s % 2 == 1 {
            target[s / 2]
        } else {
            (BLANK, NONE)
        }
    };
    let mut states = vec![0; count * STATE];
    let mut following = HashMap::new();
    for s in (0..count).rev() {
        let (class, token) = symbol(s);
        let skips = s % 2 == 1 && s > 1 && symbol(s - 2) != symbol(s);
        let next = following.insert(class, s as u32).unwrap_or(NONE);
        let flags = if skips { SKIPS } else { 0 };
        states[s * STATE..(s + 1) * STATE].copy_from_slice(&[class, token, flags, next]);
    }
    for s in following.into_values() {
        states[s as usize * STATE + 2] |= FIRST;
    }
    states
}

/// How many symbols of a target these tokens can emit, one frame after the other.
fn longest_prefix(target: &[(u32, u32)], tokens: &[u32]) -> usize {
    let states = states_of(target);
    let count = 2 * target.len() + 1;
    // As if a blank stood before the first frame: the states reached so far.
    let mut reached = vec![false; count];
    reached[0] = true;
    let mut longest = 0;
    for token in tokens {
        let before = reached.clone();
        for (s, state) in states.chunks_exact(STATE).enumerate() {
            let skips = state[2] & SKIPS != 0;
            let arrives = before[s] || s > 0 && before[s - 1] || skips && before[s - 2];
            reached[s] = arrives && (state[1] == NONE || state[1] == *token);
            if reached[s] {
                longest = longest.max(s.div_ceil(2));
            }
        }
    }
    longest
}
