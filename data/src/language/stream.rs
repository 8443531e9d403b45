//! Running text in columns, a window at a time.
//!
//! The text is cut into columns of equal length, which are read side by side; a model keeps one
//! state per column from window to window.

use std::ops::Range;

use super::source::TokenSource;
use super::vocabulary::END;
use crate::error::{DataError, Result};

/// The tokens of one window, in buffers that the next window can use again.
#[derive(Clone, Debug, Default)]
pub struct WindowTokens {
    /// The tokens to predict: all columns of the first position, then of the second, and so on.
    pub targets: Vec<u32>,
    /// The token before each target.
    pub inputs: Vec<u32>,
    /// The number of the window.
    pub window: usize,
    /// Positions.
    pub length: usize,
    /// Columns, which is tokens per position.
    pub columns: usize,
    /// One column, as it lies in the text.
    column: Vec<u32>,
}

/// How a text of so many tokens is cut into columns and windows.
///
/// With `n` tokens a column is `L = n / columns` long, and column `b` covers the tokens from `b L`
/// on; what remains at the end is [`dropped`](Self::dropped). Window `w` covers the positions of
/// every column from `w * window` on; the last may be shorter. Before the very first token stands
/// an end of sentence.
///
/// ```
/// use limbeck_data::language::{MemoryTokens, StreamWindows, WindowTokens};
/// let windows = StreamWindows::new(7, 2, 2)?; // columns of 3: one token is dropped
/// assert_eq!((windows.windows(), windows.length(1), windows.dropped()), (2, 1, 1));
/// let tokens = MemoryTokens::new(vec![1, 2, 3, 4, 5, 6, 7]);
/// let mut buffer = WindowTokens::default();
/// windows.read(&tokens, 0, &mut buffer)?;
/// assert_eq!(buffer.targets, [1, 4, 2, 5]);
/// assert_eq!(buffer.inputs, [0, 3, 1, 4]);
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamWindows {
    tokens: u64,
    columns: usize,
    window: usize,
    windows: usize,
}

impl StreamWindows {
    /// Windows of `window` positions over `columns` columns of a text of `tokens` tokens.
    ///
    /// # Errors
    /// Either is 0, or there are fewer tokens than columns.
    pub fn new(tokens: u64, columns: usize, window: usize) -> Result<Self> {
        if window == 0 {
            return Err(DataError::option("window", "at least 1", window));
        }
        if columns == 0 {
            return Err(DataError::option("columns", "at least 1", columns));
        }
        let column = tokens / columns as u64;
        if column == 0 {
            let expected = format!("at most {tokens}, the number of tokens");
            return Err(DataError::option("columns", expected, columns));
        }
        let count = column.div_ceil(window as u64);
        let windows = usize::try_from(count)
            .map_err(|_| DataError::option("window", "windows this machine can count", count))?;
        Ok(Self {
            tokens,
            columns,
            window,
            windows,
        })
    }

    /// Columns that are read side by side.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Positions of every window but the last.
    pub fn window(&self) -> usize {
        self.window
    }

    /// Tokens of a column.
    pub fn column_length(&self) -> u64 {
        self.tokens / self.columns as u64
    }

    /// Windows until the columns end.
    pub fn windows(&self) -> usize {
        self.windows
    }

    /// The positions that a window covers in every column; none beyond the last window.
    pub fn positions(&self, window: usize) -> Range<u64> {
        let (column, length) = (self.column_length(), self.window as u64);
        let start = (window as u64).saturating_mul(length).min(column);
        start..start.saturating_add(length).min(column)
    }

    /// Positions of a window; 0 beyond the last.
    pub fn length(&self, window: usize) -> usize {
        let positions = self.positions(window);
        // At most the window's own length, so it fits.
        (positions.end - positions.start) as usize
    }

    /// Tokens at the end of the text that belong to no column.
    pub fn dropped(&self) -> u64 {
        self.tokens % self.columns as u64
    }

    /// Fills the buffer with the tokens of a window.
    ///
    /// # Errors
    /// The source has another number of tokens; there is no such window; the source fails.
    pub fn read(
        &self,
        source: &dyn TokenSource,
        window: usize,
        buffer: &mut WindowTokens,
    ) -> Result<()> {
        if source.len() != self.tokens {
            let expected = format!("a source of {} tokens", self.tokens);
            return Err(DataError::option("tokens", expected, source.len()));
        }
        if window >= self.windows {
            let expected = format!("a number below {}, the number of windows", self.windows);
            return Err(DataError::option("window", expected, window));
        }
        let (first, length) = (self.positions(window).start, self.length(window));
        buffer.window = window;
        buffer.length = length;
        buffer.columns = self.columns;
        buffer.column.resize(length + 1, 0);
        buffer.inputs.resize(length * self.columns, 0);
        buffer.targets.resize(length * self.columns, 0);
        for column in 0..self.columns {
            let start = column as u64 * self.column_length() + first;
            read_with_one_before(source, start, &mut buffer.column)?;
            for (position, pair) in buffer.column.windows(2).enumerate() {
                let at = position * self.columns + column;
                buffer.inputs[at] = pair[0];
                buffer.targets[at] = pair[1];
            }
        }
        Ok(())
    }
}

fn read_with_one_before(source: &dyn TokenSource, start: u64, into: &mut [u32]) -> Result<()> {
    match start.checked_sub(1) {
        Some(before) => source.read(before, into),
        None => {
            into[0] = END;
            source.read(start, &mut into[1..])
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::source::MemoryTokens;
    use super::*;

    proptest! {
        #[test]
        fn windows_follow_one_another_in_every_column(
            tokens in 1..200u32, columns in 1..8usize, window in 1..30usize
        ) {
            prop_assume!(columns as u32 <= tokens);
            let ids: Vec<u32> = (1..=tokens).collect();
            let source = MemoryTokens::new(ids.clone());
            let windows = StreamWindows::new(u64::from(tokens), columns, window).unwrap();
            let (mut buffer, mut seen) = (WindowTokens::default(), vec![Vec::new(); columns]);
            for w in 0..windows.windows() {
                windows.read(&source, w, &mut buffer).unwrap();
                prop_assert_eq!(buffer.targets.len(), columns * windows.length(w));
                prop_assert!(buffer.length > 0 && buffer.length == windows.length(w));
                prop_assert!(buffer.length == window || w + 1 == windows.windows());
                for (at, (&input, &target)) in
                    buffer.inputs.iter().zip(&buffer.targets).enumerate()
                {
                    // Ids count from 1, so that the token before each is one less; before the
                    // first it is the end of a sentence.
                    prop_assert_eq!(input + 1, target);
                    seen[at % columns].push(target);
                }
            }
            prop_assert_eq!(windows.length(windows.windows()), 0);
            let kept = ids.len() - windows.dropped() as usize;
            prop_assert!(ids.len() - kept < columns);
            prop_assert_eq!(seen.concat(), &ids[..kept]);
        }
    }

    #[test]
    fn senseless_windows_are_refused() {
        for (columns, window, name) in [(0, 1, "columns"), (1, 0, "window"), (6, 1, "columns")] {
            let error = StreamWindows::new(5, columns, window).expect_err("no such windows");
            assert!(error.to_string().starts_with(name), "{error}");
        }
        let windows = StreamWindows::new(5, 1, 2).unwrap();
        let mut buffer = WindowTokens::default();
        let source = MemoryTokens::new(vec![0; 5]);
        assert!(windows.read(&source, 3, &mut buffer).is_err());
        assert!(windows.read(&source, usize::MAX, &mut buffer).is_err());
        let shorter = source.slice(0..4).unwrap();
        let error = windows.read(&shorter, 0, &mut buffer).unwrap_err();
        assert!(error.to_string().contains("5 tokens, found 4"), "{error}");
        // As long as numbers go, without overflow.
        let huge = StreamWindows::new(u64::MAX, 1, usize::MAX).unwrap();
        assert_eq!((huge.windows(), huge.dropped()), (1, 0));
    }
}
