//! Stopping on request: the first Ctrl-C asks, the second one does not.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Result, TrainingError};

/// The exit code of a program that was interrupted.
const INTERRUPTED: i32 = 130;

/// A wish to stop, which the training loop looks at after every step. Clones share it.
///
/// ```
/// use limbeck_training::interrupt::Interrupt;
/// let interrupt = Interrupt::new();
/// let for_another_thread = interrupt.clone();
/// assert!(!interrupt.is_requested());
/// for_another_thread.request();
/// assert!(interrupt.is_requested());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// One that only [`request`](Self::request) sets: for programs that handle signals themselves.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that Ctrl-C sets. A second Ctrl-C ends the process at once with exit code 130. Every
    /// call in a process returns the same one.
    ///
    /// # Errors
    /// If the program has a Ctrl-C handler of its own, or the system refuses.
    pub fn on_ctrl_c() -> Result<Self> {
        static INSTALLED: Mutex<Option<Interrupt>> = Mutex::new(None);
        let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(interrupt) = installed.as_ref() {
            return Ok(interrupt.clone());
        }
        let interrupt = Self::new();
        let handled = interrupt.clone();
        ctrlc::set_handler(move || handled.pressed())
            .map_err(|error| TrainingError::CtrlC(error.to_string()))?;
        Ok(installed.insert(interrupt).clone())
    }

    /// Asks the loop to stop after the current step. Tells whether somebody had asked before.
    pub fn request(&self) -> bool {
        self.0.swap(true, Ordering::SeqCst)
    }

    /// Whether somebody has asked.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Runs in a thread of its own, not in the signal's context: printing is allowed here.
    fn pressed(&self) {
        if self.request() {
            std::process::exit(INTERRUPTED);
        }
        // A closed stderr is no reason to die before the checkpoint.
        let _ = writeln!(
            std::io::stderr(),
            "\nstopping after this step, with a checkpoint; press Ctrl-C again to stop at once"
        );
    }
}
