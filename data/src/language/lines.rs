//! Lines of a text file, one at a time, checked on the way.

use std::fs::File;
use std::io::{BufRead, BufReader, Chain, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use crate::error::{DataError, Result};
use crate::read::{FileSummary, hex, nul_byte, unreadable};

const GZIP: [u8; 2] = [0x1F, 0x8B];
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// Bytes asked of the file at once.
const BUFFER: usize = 1 << 16;

/// A plain or compressed file. What is held of it is its longest line.
pub(super) struct Lines {
    path: PathBuf,
    input: Input,
    line: Vec<u8>,
    number: usize,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| unreadable(path, error))?;
        let mut head = Vec::new();
        (&file)
            .take(GZIP.len() as u64)
            .read_to_end(&mut head)
            .map_err(|error| DataError::io(path, error))?;
        let compressed = head == GZIP;
        let tally = Tally {
            bytes: Cursor::new(head).chain(file),
            hash: Sha256::new(),
            count: 0,
        };
        let input = if compressed {
            let decoder = MultiGzDecoder::new(tally);
            Input::Gzip(BufReader::with_capacity(BUFFER, decoder))
        } else {
            Input::Plain(BufReader::with_capacity(BUFFER, tally))
        };
        Ok(Self {
            path: path.into(),
            input,
            line: Vec::new(),
            number: 0,
        })
    }

    /// The next line without its end (`\n` or `\r\n`); a byte order mark is passed over.
    pub(super) fn next_line(&mut self) -> Result<Option<&str>> {
        if !self.fill()? {
            return Ok(None);
        }
        let text = match std::str::from_utf8(&self.line) {
            Ok(text) => text,
            Err(error) => {
                let at = error.valid_up_to();
                return Err(DataError::Encoding {
                    path: self.path.clone(),
                    line: self.number,
                    column: at + 1,
                    value: self.line[at],
                });
            }
        };
        match text.bytes().position(|byte| byte == 0) {
            Some(at) => Err(nul_byte(&self.path, self.number, at + 1)),
            None => Ok(Some(text)),
        }
    }

    /// Reads the bytes of the next line; false at the end of the file.
    fn fill(&mut self) -> Result<bool> {
        self.line.clear();
        let read = match &mut self.input {
            Input::Plain(input) => input.read_until(b'\n', &mut self.line),
            Input::Gzip(input) => input.read_until(b'\n', &mut self.line),
        };
        read.map_err(|error| DataError::io(&self.path, error))?;
        if self.number == 0 && self.line.starts_with(BYTE_ORDER_MARK) {
            self.line.drain(..BYTE_ORDER_MARK.len());
        }
        // Only the end leaves nothing: an empty line still has its line end here.
        if self.line.is_empty() {
            return Ok(false);
        }
        self.number += 1;
        if self.line.ends_with(b"\n") {
            self.line.pop();
            if self.line.ends_with(b"\r") {
                self.line.pop();
            }
        }
        Ok(true)
    }

    /// The number of the line read last, from 1.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Bytes taken from the file on disk so far.
    pub(super) fn bytes_read(&mut self) -> u64 {
        self.input.tally().count
    }

    /// What was read, with `rows` still 0. Reads on to the end of the file, if it is not there yet.
    pub(super) fn finish(mut self) -> Result<FileSummary> {
        let tally = self.input.tally();
        std::io::copy(tally, &mut std::io::sink())
            .map_err(|error| DataError::io(&self.path, error))?;
        Ok(FileSummary {
            bytes: tally.count,
            sha256: hex(&tally.hash.finalize_reset()),
            path: self.path,
            rows: 0,
        })
    }
}

enum Input {
    Plain(BufReader<Tally>),
    Gzip(BufReader<MultiGzDecoder<Tally>>),
}

impl Input {
    fn tally(&mut self) -> &mut Tally {
        match self {
            Self::Plain(input) => input.get_mut(),
            Self::Gzip(input) => input.get_mut().get_mut(),
        }
    }
}

/// Counts and hashes what passes through, so that a file is read once and not a second time for
/// its checksum.
struct Tally {
    bytes: Chain<Cursor<Vec<u8>>, File>,
    hash: Sha256,
    count: u64,
}

impl Read for Tally {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.bytes.read(into)?;
        self.hash.update(&into[..read]);
        self.count += read as u64;
        Ok(read)
    }
}
