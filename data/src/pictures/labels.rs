//! Which class each pixel is of.

use std::collections::BTreeMap;
use std::path::Path;

use png::ColorType;
use serde::{Deserialize, Serialize};

use super::file::Decoded;
use super::{Part, Symmetry};
use crate::error::{DataError, Result};
use crate::read::list;

/// The label of a unit without truth: it is never trained on, and never counted.
pub const IGNORED: u32 = u32::MAX;

/// What the numbers in label pictures mean.
///
/// Classes are numbered in the order of their smallest pixel value. As JSON or TOML a map is
/// `{ values = { 0 = "membrane", 255 = "cell" }, ignored = [128] }`.
///
/// ```
/// use limbeck_data::pictures::{IGNORED, LabelMap};
/// let map = LabelMap::new([(0, "membrane"), (200, "cell"), (255, "cell")], [128])?;
/// assert_eq!(map.classes(), ["membrane", "cell"]);
/// assert_eq!((map.label(255), map.label(128), map.label(7)), (Some(1), Some(IGNORED), None));
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenMap", into = "WrittenMap")]
pub struct LabelMap {
    classes: Vec<String>,
    /// The label of each known pixel value.
    labels: BTreeMap<u16, u32>,
}

/// A [`LabelMap`] in a file, where keys are text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMap {
    values: BTreeMap<String, String>,
    #[serde(default)]
    ignored: Vec<u16>,
}

impl LabelMap {
    /// The map of these pixel values and names of classes; several values may have one name. `ignored`
    /// are the values of pixels without truth.
    ///
    /// # Errors
    /// Fewer than two classes, a class without a name, or a value that stands twice.
    pub fn new<N: Into<String>>(
        values: impl IntoIterator<Item = (u16, N)>,
        ignored: impl IntoIterator<Item = u16>,
    ) -> Result<Self> {
        let expected = "pixel values, each once, of two classes at least";
        let refuse = |found: String| DataError::option("labels", expected, found);
        let mut names: BTreeMap<u16, Option<String>> = BTreeMap::new();
        let ignored = ignored.into_iter().map(|value| (value, None));
        let named = values
            .into_iter()
            .map(|(value, name)| (value, Some(name.into())));
        for (value, name) in named.chain(ignored) {
            if name.as_deref() == Some("") {
                return Err(refuse(format!("no name for {value}")));
            }
            if names.insert(value, name).is_some() {
                return Err(refuse(format!("{value} twice")));
            }
        }
        let mut map = Self {
            classes: Vec::new(),
            labels: BTreeMap::new(),
        };
        for (value, name) in names {
            let label = name.map_or(IGNORED, |name| map.number(name));
            map.labels.insert(value, label);
        }
        match map.classes.len() {
            0 => Err(refuse("none".into())),
            1 => Err(refuse(format!("only {:?}", map.classes[0]))),
            _ => Ok(map),
        }
    }

    /// The number of a class, which is a new one if the name is.
    fn number(&mut self, name: String) -> u32 {
        let known = self.classes.iter().position(|class| *class == name);
        let number = known.unwrap_or(self.classes.len());
        if known.is_none() {
            self.classes.push(name);
        }
        number as u32
    }

    /// The names of the classes, in the order of their numbers.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The class of a pixel value, or [`IGNORED`]; `None` if the map does not have the value.
    pub fn label(&self, value: u16) -> Option<u32> {
        self.labels.get(&value).copied()
    }

    fn known(&self) -> String {
        let known: Vec<String> = self.labels.keys().map(u16::to_string).collect();
        list(&known)
    }
}

impl TryFrom<WrittenMap> for LabelMap {
    type Error = String;

    fn try_from(written: WrittenMap) -> std::result::Result<Self, String> {
        let number = |(value, name): (String, String)| match value.parse::<u16>() {
            Ok(number) => Ok((number, name)),
            Err(_) => Err(format!(
                "labels: expected a pixel value from 0 to 65535, found {value:?}"
            )),
        };
        let values = written.values.into_iter().map(number);
        let values = values.collect::<std::result::Result<Vec<_>, String>>()?;
        Self::new(values, written.ignored).map_err(|error| error.to_string())
    }
}

impl From<LabelMap> for WrittenMap {
    fn from(map: LabelMap) -> Self {
        let mut written = Self {
            values: BTreeMap::new(),
            ignored: Vec::new(),
        };
        for (value, label) in map.labels {
            match map.classes.get(label as usize) {
                Some(name) => {
                    written.values.insert(value.to_string(), name.clone());
                }
                None => written.ignored.push(value),
            }
        }
        written
    }
}

/// The class of each pixel of a picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelPicture {
    /// Lines of pixels.
    pub height: usize,
    /// Pixels of a line.
    pub width: usize,
    /// `[height * width]`, row-major: numbers of classes, or [`IGNORED`].
    pub labels: Vec<u32>,
}

impl LabelPicture {
    /// A part of it, as [`super::Picture::crop`] takes one.
    ///
    /// # Errors
    /// The part is not inside, or has no pixel.
    pub fn crop(&self, top: usize, left: usize, height: usize, width: usize) -> Result<Self> {
        let wanted = Part {
            top,
            left,
            height,
            width,
        };
        Ok(Self {
            height,
            width,
            labels: wanted.of(&self.labels, (self.height, self.width), 1)?,
        })
    }

    /// The labels after a symmetry.
    pub fn turned(&self, symmetry: Symmetry) -> Self {
        let (height, width) = symmetry.size(self.height, self.width);
        Self {
            height,
            width,
            labels: symmetry.apply(&self.labels, self.height, self.width, 1),
        }
    }
}

/// Reads a PNG whose pixels are numbers of the map: grey values, or numbers of palette colours. They
/// are taken as they stand in the file: white is 255 in a picture of 8 bits and 1 in one of 1 bit.
///
/// # Errors
/// The file is missing, unreadable, a colour picture, or has a value that the map lacks.
pub fn read_labels(path: &Path, map: &LabelMap) -> Result<LabelPicture> {
    let decoded = Decoded::read(path)?;
    if !matches!(decoded.colour, ColorType::Grayscale | ColorType::Indexed) {
        return Err(DataError::content(
            path,
            "a label picture: 8-bit grey, or a palette whose numbers are the labels",
            decoded.kind(),
            "Save it with one number for each pixel",
        ));
    }
    let label = |(at, pixel): (usize, [u16; 4])| {
        map.label(pixel[0]).ok_or_else(|| {
            let (x, y) = (at % decoded.width, at / decoded.width);
            DataError::content(
                path,
                format!("pixel values of the label map, which are {}", map.known()),
                format!(
                    "{} at x = {x}, y = {y} (from 0, from the top left)",
                    pixel[0]
                ),
                "Correct the pixel, or add its value to the map: as a class, or as ignored",
            )
        })
    };
    Ok(LabelPicture {
        height: decoded.height,
        width: decoded.width,
        labels: decoded
            .pixels()
            .enumerate()
            .map(label)
            .collect::<Result<_>>()?,
    })
}
