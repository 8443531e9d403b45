//! Windows read ahead by a thread of their own, while the model works on the one before.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::source::TokenSource;
use super::stream::{StreamWindows, WindowTokens};
use crate::error::Result;

/// Buffers in use: one with the model, one that is ready, one that is being filled.
const BUFFERS: usize = 3;

type Order = dyn Fn(u64) -> usize + Send + Sync;

/// An endless sequence of windows, read ahead.
///
/// `order` says which window stands at a place of the sequence; a sequence is resumed by number.
/// Sources in memory are read when asked, without a thread, and so is every source where no thread
/// can be had.
///
/// ```
/// use std::sync::Arc;
/// use limbeck_data::language::{MemoryTokens, Prefetch, StreamWindows};
/// let windows = StreamWindows::new(6, 1, 2)?;
/// let source = Arc::new(MemoryTokens::new(vec![1, 2, 3, 4, 5, 6]));
/// let count = windows.windows() as u64;
/// let mut ahead = Prefetch::new(source, windows, move |n| (n % count) as usize, 2);
/// let tokens = ahead.next_window()?;
/// assert_eq!(tokens.targets, [5, 6]);
/// ahead.recycle(tokens);
/// assert_eq!(ahead.next_window()?.targets, [1, 2]);
/// assert_eq!(ahead.sequence(), 4);
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
pub struct Prefetch {
    source: Arc<dyn TokenSource>,
    windows: StreamWindows,
    order: Arc<Order>,
    sequence: u64,
    reader: Option<Reader>,
    spare: Vec<WindowTokens>,
}

impl Prefetch {
    /// Windows of `source` in the order given, from the place `from` of the sequence on.
    pub fn new(
        source: Arc<dyn TokenSource>,
        windows: StreamWindows,
        order: impl Fn(u64) -> usize + Send + Sync + 'static,
        from: u64,
    ) -> Self {
        let mut prefetch = Self {
            source,
            windows,
            order: Arc::new(order),
            sequence: from,
            reader: None,
            spare: Vec::new(),
        };
        prefetch.start();
        prefetch
    }

    /// The place in the sequence of the window that comes next.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The next window. After an error the same window is tried again.
    ///
    /// # Errors
    /// The window could not be read, or the order named one that does not exist.
    pub fn next_window(&mut self) -> Result<WindowTokens> {
        if self.reader.is_none() {
            self.start();
        }
        let tokens = match &mut self.reader {
            Some(reader) => match reader.receive() {
                Some(Ok(tokens)) => {
                    reader.top_up(&mut self.spare);
                    tokens
                }
                Some(Err(error)) => {
                    self.stop();
                    return Err(error);
                }
                None => {
                    // Only a panic of the order ends the thread without a word: it goes on here.
                    self.stop();
                    self.read_here()?
                }
            },
            None => self.read_here()?,
        };
        self.sequence = self.sequence.wrapping_add(1);
        Ok(tokens)
    }

    /// Gives a buffer back, to be filled again.
    pub fn recycle(&mut self, tokens: WindowTokens) {
        match &mut self.reader {
            Some(reader) if reader.asked < BUFFERS => reader.ask(tokens),
            _ if self.spare.len() < BUFFERS => self.spare.push(tokens),
            _ => {}
        }
    }

    /// Goes on at another place of the sequence.
    pub fn seek(&mut self, sequence: u64) {
        self.stop();
        self.sequence = sequence;
        self.start();
    }

    fn read_here(&mut self) -> Result<WindowTokens> {
        let mut tokens = self.spare.pop().unwrap_or_default();
        let window = (self.order)(self.sequence);
        self.windows.read(&*self.source, window, &mut tokens)?;
        Ok(tokens)
    }

    fn start(&mut self) {
        if self.source.in_memory() {
            return;
        }
        let (source, order) = (Arc::clone(&self.source), Arc::clone(&self.order));
        let (windows, from) = (self.windows, self.sequence);
        self.reader = Reader::spawn(move |empty, ready| {
            read_ahead(&*source, windows, &*order, from, empty, &ready);
        });
        if let Some(reader) = &mut self.reader {
            reader.top_up(&mut self.spare);
        }
    }

    /// Ends the thread and waits for it.
    fn stop(&mut self) {
        if let Some(Reader {
            empty,
            ready,
            thread,
            ..
        }) = self.reader.take()
        {
            drop((empty, ready));
            // It ends as soon as it finds the channels closed. If it panicked, `next_window` runs
            // into the same panic.
            let _ = thread.join();
        }
    }
}

impl Drop for Prefetch {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The thread's end of the sequence: empty buffers go there, filled ones come back in order.
struct Reader {
    empty: Sender<WindowTokens>,
    ready: Receiver<Result<WindowTokens>>,
    thread: JoinHandle<()>,
    asked: usize,
}

impl Reader {
    /// `None` where the system gives no thread.
    fn spawn(
        run: impl FnOnce(Receiver<WindowTokens>, Sender<Result<WindowTokens>>) + Send + 'static,
    ) -> Option<Self> {
        let (empty, to_fill) = channel();
        let (filled, ready) = channel();
        let thread = std::thread::Builder::new()
            .name("limbeck-prefetch".into())
            .spawn(move || run(to_fill, filled))
            .ok()?;
        Some(Self {
            empty,
            ready,
            thread,
            asked: 0,
        })
    }

    fn ask(&mut self, buffer: WindowTokens) {
        // A thread that has ended is noticed when its windows are received.
        if self.empty.send(buffer).is_ok() {
            self.asked += 1;
        }
    }

    /// Keeps all buffers but the caller's with the thread, also for callers who give none back.
    fn top_up(&mut self, spare: &mut Vec<WindowTokens>) {
        for _ in self.asked..BUFFERS - 1 {
            self.ask(spare.pop().unwrap_or_default());
        }
    }

    /// The next window; `None` if the thread ended without one.
    fn receive(&mut self) -> Option<Result<WindowTokens>> {
        let received = self.ready.recv().ok();
        self.asked = self.asked.saturating_sub(1);
        received
    }
}

fn read_ahead(
    source: &dyn TokenSource,
    windows: StreamWindows,
    order: &Order,
    from: u64,
    empty: Receiver<WindowTokens>,
    ready: &Sender<Result<WindowTokens>>,
) {
    let mut sequence = from;
    for mut tokens in empty {
        let read = windows.read(source, order(sequence), &mut tokens);
        let failed = read.is_err();
        if ready.send(read.map(|()| tokens)).is_err() || failed {
            return;
        }
        sequence = sequence.wrapping_add(1);
    }
}
