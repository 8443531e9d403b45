//! Word vectors that were trained elsewhere: GloVe and word2vec as text, word2vec as bytes. A file is
//! read as a stream, whatever its size; of its words those that are asked for are kept.

mod binary;
mod text;

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::read::unreadable;

/// The vectors of some words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WordVectors {
    /// Numbers in a vector.
    pub width: usize,
    /// For each word that was asked for its vector, if the file has it. Of a word that stands twice
    /// the first counts.
    pub rows: Vec<Option<Vec<f32>>>,
    /// Words in the file.
    pub words: usize,
    /// Of the words asked for, those that stand in it again.
    pub repeated: usize,
}

impl WordVectors {
    /// Reads the vectors of these words. A file whose name ends with `.bin` is word2vec's binary form:
    /// a line with the number of words and of numbers, then for each word its name, a space, and f32
    /// in little-endian order. Any other is text: a word and its numbers on a line, separated by
    /// spaces, with or without such a line before.
    ///
    /// ```
    /// use limbeck_data::vectors::WordVectors;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("glove.txt");
    /// std::fs::write(&path, "red 0.5 -1\nblue 2 0.25\n").unwrap();
    /// let vectors = WordVectors::read(&path, &["blue", "green"])?;
    /// assert_eq!(vectors.rows, [Some(vec![2.0, 0.25]), None]);
    /// assert_eq!((vectors.width, vectors.words), (2, 2));
    /// # Ok::<(), limbeck_data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// If the file is missing, holds no vector, ends before its header says, or a line of it is not a
    /// word with as many numbers as the others; a number that is not finite. Numbers of words that
    /// were not asked for are not looked at.
    pub fn read<W: AsRef<str>>(path: &Path, wanted: &[W]) -> Result<Self> {
        let file = File::open(path).map_err(|cause| unreadable(path, cause))?;
        let length = file
            .metadata()
            .map_err(|cause| unreadable(path, cause))?
            .len();
        let source = BufReader::with_capacity(1 << 16, file);
        let mut taken = Taken::new(path, wanted);
        match path.extension().is_some_and(|ending| ending == "bin") {
            true => binary::read(source, length, &mut taken)?,
            false => text::read(source, &mut taken)?,
        }
        Ok(taken.found)
    }
}

/// What has been found so far.
struct Taken<'w> {
    path: PathBuf,
    places: HashMap<&'w str, usize>,
    found: WordVectors,
}

impl<'w> Taken<'w> {
    fn new<W: AsRef<str>>(path: &Path, wanted: &'w [W]) -> Self {
        let mut places = HashMap::with_capacity(wanted.len());
        for (place, word) in wanted.iter().enumerate() {
            places.entry(word.as_ref()).or_insert(place);
        }
        Taken {
            path: path.into(),
            places,
            found: WordVectors {
                rows: vec![None; wanted.len()],
                ..WordVectors::default()
            },
        }
    }

    /// Takes the vector of a word if it was asked for and is not there yet; `numbers` reads it, and
    /// says what is wrong with it otherwise.
    fn word(
        &mut self,
        word: &str,
        numbers: impl FnOnce() -> std::result::Result<Vec<f32>, String>,
    ) -> std::result::Result<(), String> {
        self.found.words += 1;
        let Some(&place) = self.places.get(word) else {
            return Ok(());
        };
        if self.found.rows[place].is_some() {
            self.found.repeated += 1;
            return Ok(());
        }
        let numbers = numbers()?;
        if let Some(wrong) = numbers.iter().find(|x| !x.is_finite()) {
            return Err(format!("{wrong} in the vector of {word:?}"));
        }
        self.found.rows[place] = Some(numbers);
        Ok(())
    }
}

/// `count width` of a header.
fn header(line: &str) -> Option<(u64, u64)> {
    let mut fields = line.split_ascii_whitespace();
    let numbers = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    fields.next().is_none().then_some(numbers)
}
