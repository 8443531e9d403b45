//! Schemes of tags: how a span is written as one tag for each of its tokens.

use serde::{Deserialize, Serialize};

/// What the prefixes of tags mean.
///
/// | scheme | tags of a span of three tokens | of one token |
/// |---|---|---|
/// | `iob1` | `I I I`; the first is `B` only behind a span of the same type | `I` |
/// | `iob2` | `B I I` | `B` |
/// | `bioes` | `B I E` | `S` |
/// | `io` | `I I I`; touching spans of a type become one | `I` |
///
/// A tag is `O`, or a prefix, a hyphen and a type (`B-PER`), or a prefix alone where all spans are of
/// one kind. Other letters for the prefixes of `bioes` are understood on reading: `M` for `I`, `L` for
/// `E`, `U` for `S` (BMES and BILOU).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// On reading: what the tags themselves show, see [`detect`]. On writing: `bioes`.
    #[default]
    Auto,
    /// `I` everywhere; `B` between two touching spans of a type. The files of CoNLL-2003.
    Iob1,
    /// Every span begins with `B`. Also called BIO.
    Iob2,
    /// Begin, inside, outside, end, single. Also called BILOU and BMES(O).
    Bioes,
    /// `I` alone.
    Io,
    /// Plain tags, such as parts of speech: there are no spans.
    None,
}

impl Scheme {
    /// The name, as a run file has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Iob1 => "iob1",
            Self::Iob2 => "iob2",
            Self::Bioes => "bioes",
            Self::Io => "io",
            Self::None => "none",
        }
    }

    /// `O`, then all prefixes of the first type, of the second ...; nothing for plain tags.
    ///
    /// ```
    /// use limbeck_data::tagging::Scheme;
    /// assert_eq!(Scheme::Iob2.tag_names(&["LOC", "PER"]), ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]);
    /// ```
    pub fn tag_names<T: AsRef<str>>(self, types: &[T]) -> Vec<String> {
        let prefixes: &[Prefix] = match self {
            Self::Iob1 | Self::Iob2 => &[Prefix::Begin, Prefix::Inside],
            Self::Auto | Self::Bioes => {
                &[Prefix::Begin, Prefix::Inside, Prefix::End, Prefix::Single]
            }
            Self::Io => &[Prefix::Inside],
            Self::None => return Vec::new(),
        };
        let of = |kind: &T| -> Vec<String> {
            let name = |prefix: &Prefix| prefix.tag(kind.as_ref());
            prefixes.iter().map(name).collect()
        };
        let outside = Prefix::Outside.tag("");
        std::iter::once(outside)
            .chain(types.iter().flat_map(of))
            .collect()
    }

    /// This scheme, or the one that the tags of one sentence show.
    pub(crate) fn resolve<T: AsRef<str>>(self, tags: &[T]) -> Self {
        match self {
            // A mixture has spans, whichever scheme breaks least.
            Self::Auto => detect(&[tags]).unwrap_or(Self::Iob2),
            known => known,
        }
    }
}

/// What a tag says about its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prefix {
    Outside,
    Begin,
    Inside,
    End,
    Single,
}

impl Prefix {
    /// The tag of a token of a span of this type; an unnamed type leaves the prefix alone.
    pub(crate) fn tag(self, kind: &str) -> String {
        let letter = match self {
            Self::Outside => return "O".into(),
            Self::Begin => 'B',
            Self::Inside => 'I',
            Self::End => 'E',
            Self::Single => 'S',
        };
        if kind.is_empty() {
            letter.into()
        } else {
            format!("{letter}-{kind}")
        }
    }

    fn of(letter: &str) -> Option<Self> {
        match letter {
            "B" => Some(Self::Begin),
            "I" | "M" => Some(Self::Inside),
            "E" | "L" => Some(Self::End),
            "S" | "U" => Some(Self::Single),
            _ => None,
        }
    }
}

/// A tag taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag<'a> {
    pub(crate) prefix: Prefix,
    /// The type of the span; empty if it has no name.
    pub(crate) kind: &'a str,
}

impl<'a> Tag<'a> {
    pub(crate) const OUTSIDE: Self = Self {
        prefix: Prefix::Outside,
        kind: "",
    };

    /// None if no scheme has such a tag.
    pub(crate) fn parse(tag: &'a str) -> Option<Self> {
        if tag == "O" {
            return Some(Self::OUTSIDE);
        }
        let (letter, kind) = match tag.split_once('-') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (tag, ""),
        };
        Prefix::of(letter).map(|prefix| Self { prefix, kind })
    }

    /// Whether a span with this tag may go on behind it.
    fn is_open(self) -> bool {
        matches!(self.prefix, Prefix::Begin | Prefix::Inside)
    }

    /// Whether `next` belongs to the span that this tag is in: the rule of `conlleval`, which takes a
    /// chunk to end behind `E` and `S`, before `B` and `S`, and where the type changes.
    pub(crate) fn continues(self, next: Tag<'_>) -> bool {
        let follows = matches!(next.prefix, Prefix::Inside | Prefix::End);
        self.is_open() && follows && self.kind == next.kind
    }
}

/// The tokens whose tags break the scheme, in rising order. A span that `bioes` leaves open at the end
/// of the sentence is counted at the last token. Plain tags break nothing; a tag that no scheme has
/// breaks every other.
///
/// ```
/// use limbeck_data::tagging::{Scheme, violations};
/// let tags = ["O", "I-PER", "I-PER", "B-LOC", "I-PER"];
/// assert_eq!(violations(&tags, Scheme::Iob2), [1, 4]);
/// assert_eq!(violations(&tags, Scheme::Iob1), [3]);
/// ```
pub fn violations<T: AsRef<str>>(tags: &[T], scheme: Scheme) -> Vec<usize> {
    let scheme = scheme.resolve(tags);
    let mut broken = Vec::new();
    if scheme == Scheme::None {
        return broken;
    }
    let mut previous = Tag::OUTSIDE;
    for (at, tag) in tags.iter().enumerate() {
        let parsed = Tag::parse(tag.as_ref());
        if parsed.is_none_or(|tag| breaks(scheme, previous, tag)) {
            broken.push(at);
        }
        previous = parsed.unwrap_or(Tag::OUTSIDE);
    }
    if breaks(scheme, previous, Tag::OUTSIDE) && broken.last() != Some(&(tags.len() - 1)) {
        broken.push(tags.len() - 1);
    }
    broken
}

/// Whether `tag` may not stand behind `previous`.
fn breaks(scheme: Scheme, previous: Tag<'_>, tag: Tag<'_>) -> bool {
    let in_same_span = previous.prefix != Prefix::Outside && previous.kind == tag.kind;
    match (scheme, tag.prefix) {
        (Scheme::None, _) => false,
        (Scheme::Bioes | Scheme::Auto, Prefix::Inside | Prefix::End) => !previous.continues(tag),
        (Scheme::Bioes | Scheme::Auto, _) => previous.is_open(),
        (_, Prefix::Outside) => false,
        (_, Prefix::End | Prefix::Single) => true,
        (Scheme::Iob1, prefix) => prefix == Prefix::Begin && !in_same_span,
        (Scheme::Iob2, prefix) => prefix == Prefix::Inside && !in_same_span,
        (Scheme::Io, prefix) => prefix == Prefix::Begin,
    }
}

/// The scheme of a whole file, from its tags alone.
///
/// 1. If no tag is a prefix with a type, and not all are `O` or a prefix alone, the tags are plain
///    ([`Scheme::None`]).
/// 2. If `E` or `S` occurs (or `L`, `U`, `M`), the scheme is `bioes`.
/// 3. Otherwise it is `iob1` or `iob2`, whichever is broken less often; `iob2` if they are equal.
///    Tags without any `B` are thus `iob1`, of which `io` is a part.
///
/// # Errors
/// Where tags with a prefix occur beside others: the numbers of sentence and token of the first that
/// has none.
pub fn detect<S: AsRef<[T]>, T: AsRef<str>>(sentences: &[S]) -> Result<Scheme, (usize, usize)> {
    let all = || {
        let numbered = sentences.iter().enumerate();
        numbered.flat_map(|(row, tags)| {
            let tags = tags.as_ref().iter().enumerate();
            tags.map(move |(at, tag)| ((row, at), Tag::parse(tag.as_ref())))
        })
    };
    let typed = all().any(|(_, tag)| tag.is_some_and(|tag| !tag.kind.is_empty()));
    let stranger = all().find(|(_, tag)| tag.is_none_or(|tag| typed && is_lone(tag)));
    match stranger {
        Some((place, _)) if typed => return Err(place),
        Some(_) => return Ok(Scheme::None),
        None => {}
    }
    let closing = |tag: &str| !matches!(tag.split('-').next(), Some("O" | "B" | "I"));
    let mut tags = sentences.iter().flat_map(|tags| tags.as_ref());
    if tags.any(|tag| closing(tag.as_ref())) {
        return Ok(Scheme::Bioes);
    }
    let broken = |scheme| -> usize {
        let of = |tags: &S| violations(tags.as_ref(), scheme).len();
        sentences.iter().map(of).sum()
    };
    if broken(Scheme::Iob1) < broken(Scheme::Iob2) {
        Ok(Scheme::Iob1)
    } else {
        Ok(Scheme::Iob2)
    }
}

/// A prefix without a type.
fn is_lone(tag: Tag<'_>) -> bool {
    tag.prefix != Prefix::Outside && tag.kind.is_empty()
}
