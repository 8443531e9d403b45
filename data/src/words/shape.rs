//! The outward form of a word.

/// What a word looks like, whatever it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum WordShape {
    /// Letters without case (Chinese), or anything not named below.
    Other = 0,
    /// All letters small.
    Lower = 1,
    /// The first letter a capital, no other one.
    Capitalised = 2,
    /// More than one letter, all capitals.
    Upper = 3,
    /// Capitals and small letters in another order.
    Mixed = 4,
    /// Digits, with or without marks between them.
    Number = 5,
    /// Digits and letters.
    WithDigits = 6,
    /// Neither letters nor digits.
    Punctuation = 7,
}

/// Number of [`WordShape`]s.
pub const WORD_SHAPES: usize = 8;

impl WordShape {
    /// The form of a word.
    ///
    /// ```
    /// use limbeck_data::words::WordShape;
    /// assert_eq!(WordShape::of("EU"), WordShape::Upper);
    /// assert_eq!(WordShape::of("1996-08-22"), WordShape::Number);
    /// assert_eq!(WordShape::of("东京"), WordShape::Other);
    /// ```
    pub fn of(word: &str) -> Self {
        let has_digit = word.chars().any(char::is_numeric);
        let has_letter = word.chars().any(char::is_alphabetic);
        match (has_letter, has_digit) {
            (false, true) => return Self::Number,
            (true, true) => return Self::WithDigits,
            (false, false) if !word.is_empty() => return Self::Punctuation,
            _ => {}
        }
        let upper = word.chars().filter(|letter| letter.is_uppercase()).count();
        let lower = word.chars().filter(|letter| letter.is_lowercase()).count();
        let first = word.chars().find(|letter| letter.is_alphabetic());
        let begins_upper = first.is_some_and(char::is_uppercase);
        match (upper, lower) {
            (0, 0) => Self::Other,
            (0, _) => Self::Lower,
            (1, _) if begins_upper => Self::Capitalised,
            (_, 0) => Self::Upper,
            _ => Self::Mixed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let forms = [
            ("", WordShape::Other),
            ("the", WordShape::Lower),
            ("The", WordShape::Capitalised),
            ("I", WordShape::Capitalised),
            ("-Kiel", WordShape::Capitalised),
            ("U.S.", WordShape::Upper),
            ("McDonald", WordShape::Mixed),
            ("iPhone", WordShape::Mixed),
            ("3.5", WordShape::Number),
            ("1st", WordShape::WithDigits),
            ("--", WordShape::Punctuation),
            ("漆", WordShape::Other),
        ];
        for (word, shape) in forms {
            assert_eq!(WordShape::of(word), shape, "{word}");
        }
        let largest = forms.iter().map(|(_, shape)| *shape as usize).max();
        assert_eq!(largest, Some(WORD_SHAPES - 1));
    }
}
