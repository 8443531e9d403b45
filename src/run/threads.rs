//! A pool of as many threads as were asked for.

use super::{Error, Result};

/// Does work inside a pool of so many threads; without a number, as many as the machine has cores.
///
/// # Errors
/// If they cannot be started, and those of the work.
pub fn in_threads<T: Send>(
    threads: Option<usize>,
    work: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    let threads = threads.unwrap_or(0);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| Error::Usage(format!("cannot start {threads} threads: {error}")))?;
    pool.install(work)
}
