//! What counts as the same text, and which units a text is made of.

use unicode_normalization::UnicodeNormalization;

/// The form under which two texts count as identical: NFKC, lower case, every run of white space
/// one space, none at the ends.
///
/// ```
/// assert_eq!(limbeck_data::normalise(" Ａ  Dry\tPowder "), "a dry powder");
/// ```
pub fn normalise(text: &str) -> String {
    let folded: String = text.nfkc().flat_map(char::to_lowercase).collect();
    fold_white_space(&folded)
}

/// The text with every run of white space written as one space, and none at its ends.
pub(crate) fn fold_white_space(text: &str) -> String {
    let mut words = text.split_whitespace();
    let mut folded = String::with_capacity(text.len());
    folded.extend(words.next());
    for word in words {
        folded.push(' ');
        folded.push_str(word);
    }
    folded
}

/// What a text is cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Words: what stands between white space.
    Word,
    /// Single characters, white space left out: for languages written without spaces.
    Character,
}

impl Unit {
    /// The units of `text`, in order.
    pub fn split(self, text: &str) -> Vec<&str> {
        match self {
            Self::Word => text.split_whitespace().collect(),
            Self::Character => text
                .char_indices()
                .filter(|(_, c)| !c.is_whitespace())
                .map(|(at, c)| &text[at..at + c.len_utf8()])
                .collect(),
        }
    }

    /// What stands between two units when they are written out again.
    pub fn separator(self) -> &'static str {
        match self {
            Self::Word => " ",
            Self::Character => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        assert_eq!(Unit::Word.split(" a\tbc\u{3000}d "), ["a", "bc", "d"]);
        assert_eq!(Unit::Character.split("水性 漆"), ["水", "性", "漆"]);
        assert!(Unit::Word.split("").is_empty());
    }

    #[test]
    fn normalising_twice_changes_nothing() {
        for text in ["ﬁne Grade\u{a0}２", "", "  ", "İstanbul", "ǅ ß"] {
            let once = normalise(text);
            assert_eq!(normalise(&once), once);
        }
    }
}
