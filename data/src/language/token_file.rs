//! Token ids on disk, for text larger than memory.
//!
//! A file is a header of four fields of 8 bytes (the magic, then version, number of tokens and
//! fingerprint of the vocabulary as `u64`), followed by the ids as `u32`. All numbers are
//! little-endian.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use limbeck_engine::Fingerprint;

use super::source::{TokenSource, check_read};
use crate::error::{DataError, Result};
use crate::read::unreadable;

const MAGIC: [u8; 8] = *b"limbecTK";
const VERSION: u64 = 1;
const HEADER: usize = 32;
const ID: usize = size_of::<u32>();
/// Bytes taken from the file at once.
const PIECE: usize = 1 << 18;

fn header(tokens: u64, fingerprint: Fingerprint) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    let fields = [VERSION, tokens, fingerprint.0].map(u64::to_le_bytes);
    for (slot, field) in bytes.chunks_exact_mut(8).zip([MAGIC].iter().chain(&fields)) {
        slot.copy_from_slice(field);
    }
    bytes
}

fn field(header: &[u8; HEADER], number: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&header[8 * number..][..8]);
    u64::from_le_bytes(bytes)
}

fn refuse(path: &Path, message: impl Into<String>) -> DataError {
    DataError::Saved {
        path: path.into(),
        message: message.into(),
    }
}

/// Writes a token file under a temporary name beside it, which [`finish`](Self::finish) replaces by
/// its own. A writer that is dropped before leaves nothing behind.
#[derive(Debug)]
pub struct TokenFileWriter {
    path: PathBuf,
    temporary: PathBuf,
    file: BufWriter<File>,
    fingerprint: Fingerprint,
    tokens: u64,
    finished: bool,
}

impl TokenFileWriter {
    /// Begins a file of ids of the vocabulary with this fingerprint.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn create(path: &Path, fingerprint: Fingerprint) -> Result<Self> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".tmp");
        let temporary = PathBuf::from(temporary);
        let file = File::create(&temporary).map_err(|error| DataError::io(&temporary, error))?;
        let mut writer = Self {
            path: path.into(),
            temporary,
            file: BufWriter::with_capacity(PIECE, file),
            fingerprint,
            tokens: 0,
            finished: false,
        };
        writer.write(&header(0, fingerprint))?;
        Ok(writer)
    }

    /// Appends ids.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn push(&mut self, ids: &[u32]) -> Result<()> {
        for id in ids {
            self.write(&id.to_le_bytes())?;
        }
        self.tokens += ids.len() as u64;
        Ok(())
    }

    /// Completes the file and gives it its name; returns the number of tokens.
    ///
    /// # Errors
    /// The disk refuses; then nothing is left behind, and a file of that name stays what it was.
    pub fn finish(mut self) -> Result<u64> {
        let header = header(self.tokens, self.fingerprint);
        let file = &mut self.file;
        file.seek(SeekFrom::Start(0))
            .and_then(|_| file.write_all(&header))
            .and_then(|()| file.flush())
            .and_then(|()| file.get_ref().sync_all())
            .and_then(|()| std::fs::rename(&self.temporary, &self.path))
            .map_err(|error| DataError::io(&self.path, error))?;
        self.finished = true;
        Ok(self.tokens)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all(bytes)
            .map_err(|error| DataError::io(&self.temporary, error))
    }
}

impl Drop for TokenFileWriter {
    fn drop(&mut self) {
        if !self.finished {
            // Nobody is left to tell of an error, and an unfinished file does no harm.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

/// A token file, read by position.
///
/// ```
/// use limbeck_data::language::{TokenFile, TokenFileWriter, TokenSource};
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("train.tokens");
/// # let fingerprint = limbeck_engine::Fingerprint(7);
/// let mut writer = TokenFileWriter::create(&path, fingerprint)?;
/// writer.push(&[4, 2, 0])?;
/// writer.finish()?;
///
/// let tokens = TokenFile::open(&path, Some(fingerprint), 5)?;
/// let mut two = [0; 2];
/// tokens.read(1, &mut two)?;
/// assert_eq!((tokens.len(), two), (3, [2, 0]));
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
    reader: Mutex<Reader>,
    tokens: u64,
    fingerprint: Fingerprint,
    vocabulary_size: usize,
}

/// A file has one position, and the buffer is its.
#[derive(Debug)]
struct Reader {
    file: File,
    bytes: Vec<u8>,
}

impl TokenFile {
    /// Opens a file whose ids should be below `vocabulary_size`, which each read checks, and belong
    /// to the vocabulary with the fingerprint `expected`, if one is given.
    ///
    /// # Errors
    /// No such file; not a token file, or one of another version; a length other than its header
    /// says; another vocabulary.
    pub fn open(
        path: &Path,
        expected: Option<Fingerprint>,
        vocabulary_size: usize,
    ) -> Result<Self> {
        let io = |error| DataError::io(path, error);
        let file = File::open(path).map_err(|error| unreadable(path, error))?;
        let bytes = file.metadata().map_err(io)?.len();
        let mut head = Vec::new();
        (&file)
            .take(HEADER as u64)
            .read_to_end(&mut head)
            .map_err(io)?;
        let (tokens, fingerprint) = read_header(path, &head, bytes)?;
        if let Some(expected) = expected
            && expected != fingerprint
        {
            return Err(refuse(
                path,
                format!(
                    "expected tokens of the vocabulary with the fingerprint {:016x}, found \
                     {:016x}. Prepare the text with this vocabulary",
                    expected.0, fingerprint.0
                ),
            ));
        }
        Ok(Self {
            path: path.into(),
            reader: Mutex::new(Reader {
                file,
                bytes: Vec::new(),
            }),
            tokens,
            fingerprint,
            vocabulary_size,
        })
    }

    /// The fingerprint of the vocabulary its ids belong to.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    fn convert(&self, start: u64, bytes: &[u8], into: &mut [u32]) -> Result<()> {
        for (at, (slot, bytes)) in into.iter_mut().zip(bytes.chunks_exact(ID)).enumerate() {
            let mut id = [0; ID];
            id.copy_from_slice(bytes);
            *slot = u32::from_le_bytes(id);
            if *slot as usize >= self.vocabulary_size {
                return Err(refuse(
                    &self.path,
                    format!(
                        "expected ids below {}, found {slot} as token {}: the file was changed; \
                         prepare the text again",
                        self.vocabulary_size,
                        start + at as u64
                    ),
                ));
            }
        }
        Ok(())
    }
}

/// Number of tokens and fingerprint, if header and length of the file agree.
fn read_header(path: &Path, head: &[u8], bytes: u64) -> Result<(u64, Fingerprint)> {
    let made_again = "Prepare the text again";
    if !head.starts_with(&MAGIC) {
        let message = "expected a limbeck token file, found something else. Text is prepared \
                       before it is read as tokens";
        return Err(refuse(path, message));
    }
    let Ok(head) = <&[u8; HEADER]>::try_from(head) else {
        let message = format!("expected a header of {HEADER} bytes, found {bytes}. {made_again}");
        return Err(refuse(path, message));
    };
    let (version, tokens) = (field(head, 1), field(head, 2));
    if version != VERSION {
        let message = format!(
            "expected version {VERSION} of a limbeck token file, found {version}. Use the release \
             that wrote it, or prepare the text again"
        );
        return Err(refuse(path, message));
    }
    let needed = tokens
        .checked_mul(ID as u64)
        .and_then(|bytes| bytes.checked_add(HEADER as u64));
    if needed != Some(bytes) {
        let found = bytes.saturating_sub(HEADER as u64);
        let message = format!(
            "expected {tokens} tokens of {ID} bytes after the header, found {found} bytes: the \
             file was cut or changed. {made_again}"
        );
        return Err(refuse(path, message));
    }
    Ok((tokens, Fingerprint(field(head, 3))))
}

impl TokenSource for TokenFile {
    fn len(&self) -> u64 {
        self.tokens
    }

    fn read(&self, start: u64, into: &mut [u32]) -> Result<()> {
        check_read(start, into.len(), self.tokens)?;
        // A reader that panicked may have moved the file; every read seeks anew.
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let Reader { file, bytes } = &mut *reader;
        let io = |error| DataError::io(&self.path, error);
        file.seek(SeekFrom::Start(HEADER as u64 + start * ID as u64))
            .map_err(io)?;
        let mut at = start;
        for piece in into.chunks_mut(PIECE / ID) {
            bytes.resize(piece.len() * ID, 0);
            file.read_exact(bytes).map_err(io)?;
            self.convert(at, bytes, piece)?;
            at += piece.len() as u64;
        }
        Ok(())
    }
}
