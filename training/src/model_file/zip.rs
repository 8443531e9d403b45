//! The table of a zip archive whose entries are stored as they are, which is how `torch.save`
//! writes: APPNOTE.TXT of PKWARE, sections 4.3.7 to 4.3.16 and 4.5.3.

use super::Source;
use crate::error::Result;

/// The file behind the table: 22 bytes and a comment.
const LONGEST_END: u64 = 22 + 0xFFFF;
/// Longest table; a state dict of ten thousand tensors has one of 2 MB.
const LONGEST_TABLE: u64 = 1 << 26;

/// A file of the archive.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) name: String,
    /// Its first byte.
    pub(super) start: u64,
    /// Its bytes.
    pub(super) size: u64,
}

/// The files of an archive, in the order in which they lie.
pub(super) fn files(source: &mut Source<'_>) -> Result<Vec<Stored>> {
    let (start, size) = table(source)?;
    if size > LONGEST_TABLE {
        return Err(source.refuse(format!(
            "its table of files has {size} bytes; expected at most {LONGEST_TABLE}"
        )));
    }
    let table = source.bytes(start, size)?;
    let mut files = Vec::new();
    let mut rest = Fields(&table);
    while !rest.0.is_empty() {
        let file = match rest.file() {
            Some(file) => file,
            None => return Err(source.refuse("its table of files is damaged")),
        };
        if file.compressed {
            return Err(source.refuse(format!(
                "{:?} is compressed or encrypted; expected the archive as torch.save writes it",
                file.name
            )));
        }
        // Names and extra fields stand before the bytes once more, and may differ in length.
        let header = source.bytes(file.header, 30)?;
        let mut header = Fields(&header);
        let lengths = (header.u32() == Some(0x0403_4B50))
            .then(|| header.skip(22))
            .flatten()
            .and_then(|()| Some(u64::from(header.u16()?) + u64::from(header.u16()?)));
        let start = lengths.and_then(|lengths| file.header.checked_add(30 + lengths));
        let end = start.and_then(|start| start.checked_add(file.size));
        match (start, end) {
            (Some(start), Some(end)) if end <= source.length => files.push(Stored {
                name: file.name,
                start,
                size: file.size,
            }),
            _ => {
                return Err(source.refuse(format!(
                    "{:?} lies outside of the file, or its header is damaged",
                    file.name
                )));
            }
        }
    }
    files.sort_by_key(|file| file.start);
    let overlap = files
        .windows(2)
        .find(|pair| pair[0].start + pair[0].size > pair[1].start);
    match overlap {
        Some([one, other]) => {
            Err(source.refuse(format!("{:?} and {:?} overlap", one.name, other.name)))
        }
        _ => Ok(files),
    }
}

/// Where the table begins, and its bytes.
fn table(source: &mut Source<'_>) -> Result<(u64, u64)> {
    let tail = source.length.min(LONGEST_END);
    let bytes = source.bytes(source.length - tail, tail)?;
    let ends_here = |at: &usize| {
        let mut end = Fields(&bytes[*at..]);
        let comment = (end.u32() == Some(0x0605_4B50))
            .then(|| end.skip(16))
            .flatten()
            .and_then(|()| end.u16());
        comment.is_some_and(|comment| usize::from(comment) == end.0.len())
    };
    let Some(at) = (0..bytes.len()).rev().find(ends_here) else {
        return Err(source.refuse("is a zip archive without an end: it was cut off"));
    };
    let mut end = Fields(&bytes[at + 12..]);
    let (size, start) = (end.u32().unwrap_or(0), end.u32().unwrap_or(0));
    if size != u32::MAX && start != u32::MAX {
        return Ok((start.into(), size.into()));
    }
    // Larger numbers stand in a record of their own, and where that is, right before the end.
    let damaged = "is a zip archive whose end is damaged";
    let end = source.length - tail + at as u64;
    let Some(locator) = end.checked_sub(20) else {
        return Err(source.refuse(damaged));
    };
    let bytes = source.bytes(locator, 20)?;
    let mut locator = Fields(&bytes);
    let place = (locator.u32() == Some(0x0706_4B50))
        .then(|| locator.skip(4))
        .flatten()
        .and_then(|()| locator.u64());
    let Some(place) = place else {
        return Err(source.refuse(damaged));
    };
    let bytes = source.bytes(place, 56)?;
    let mut record = Fields(&bytes);
    let both = (record.u32() == Some(0x0606_4B50))
        .then(|| record.skip(36))
        .flatten()
        .and_then(|()| Some((record.u64()?, record.u64()?)));
    match both {
        Some((size, start)) => Ok((start, size)),
        None => Err(source.refuse(damaged)),
    }
}

/// A file as the table has it.
struct Listed {
    name: String,
    /// Its own header.
    header: u64,
    size: u64,
    compressed: bool,
}

/// Little-endian numbers, one after the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(|_| ())
    }

    fn number(&mut self, bytes: usize) -> Option<u64> {
        let taken = self.take(bytes)?;
        Some(taken.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b)))
    }

    fn u16(&mut self) -> Option<u16> {
        self.number(2).map(|n| n as u16)
    }

    fn u32(&mut self) -> Option<u32> {
        self.number(4).map(|n| n as u32)
    }

    fn u64(&mut self) -> Option<u64> {
        self.number(8)
    }

    /// The next file of a table; none if the table is damaged.
    fn file(&mut self) -> Option<Listed> {
        if self.u32()? != 0x0201_4B50 {
            return None;
        }
        self.skip(4)?;
        let (flags, method) = (self.u16()?, self.u16()?);
        self.skip(8)?;
        let (packed, size) = (self.u32()?, self.u32()?);
        let (name, extra, comment) = (self.u16()?, self.u16()?, self.u16()?);
        self.skip(8)?;
        let header = self.u32()?;
        let name = String::from_utf8_lossy(self.take(name.into())?).into_owned();
        let mut large = Fields(self.take(extra.into())?).large();
        self.skip(comment.into())?;
        let mut settle = |number: u32| match number {
            u32::MAX => large.as_mut()?.u64(),
            number => Some(number.into()),
        };
        let (size, packed, header) = (settle(size)?, settle(packed)?, settle(header)?);
        Some(Listed {
            name,
            header,
            size,
            compressed: method != 0 || flags & 1 != 0 || packed != size,
        })
    }

    /// The extra field with the numbers that need 64 bits.
    fn large(mut self) -> Option<Self> {
        loop {
            let (kind, length) = (self.u16()?, self.u16()?);
            let field = self.take(length.into())?;
            if kind == 1 {
                return Some(Fields(field));
            }
        }
    }
}
