//! Which words augmentation must leave alone.
//!
//! Dropping "many" from "how many", or "not" from "not soluble", changes the class, so the pair
//! would teach the wrong thing.

use serde::{Deserialize, Serialize};

use crate::text::Unit;

/// Words that are never deleted, moved or replaced.
///
/// For [`Unit::Character`] an entry may be several characters long; all of them are protected
/// where they stand together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protect {
    /// Question words; what follows them is protected too (one word, or two characters).
    pub question_words: Vec<String>,
    /// Everything else: negations, number words, and what the user adds.
    pub words: Vec<String>,
    /// Whether units with a digit in them are protected.
    pub numbers: bool,
}

const ENGLISH_QUESTIONS: &str = "what which who whom whose when where why how";
const ENGLISH_WORDS: &str = "no not nor never neither none nobody nothing nowhere without cannot \
     n't non hardly barely scarcely few less least unless except zero one two three four \
     five six seven eight nine ten eleven twelve hundred thousand million billion half twice first \
     second third";
const CHINESE_QUESTIONS: &str = "什么 哪 谁 怎么 怎样 为什么 为何 如何 多少 几 何时 何处 是否";
const CHINESE_WORDS: &str = "不 没 无 非 未 别 勿 否 莫 免 难以 缺 吗 呢 零 一 二 两 三 四 五 六 七 八 九 十 \
     百 千 万 亿 半 第";

impl Protect {
    /// English question words, negations and numbers.
    pub fn english() -> Self {
        Self::of(ENGLISH_QUESTIONS, ENGLISH_WORDS)
    }

    /// Chinese question words, negations and numbers.
    pub fn chinese() -> Self {
        Self::of(CHINESE_QUESTIONS, CHINESE_WORDS)
    }

    /// The defaults: English for words, Chinese for characters.
    pub fn of_unit(unit: Unit) -> Self {
        match unit {
            Unit::Word => Self::english(),
            Unit::Character => Self::chinese(),
        }
    }

    /// Nothing at all.
    pub fn nothing() -> Self {
        Self {
            question_words: Vec::new(),
            words: Vec::new(),
            numbers: false,
        }
    }

    /// These words as well.
    #[must_use]
    pub fn and(mut self, words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.words.extend(words.into_iter().map(Into::into));
        self
    }

    fn of(questions: &str, words: &str) -> Self {
        let list = |words: &str| words.split_whitespace().map(String::from).collect();
        Self {
            question_words: list(questions),
            words: list(words),
            numbers: true,
        }
    }

    /// For each unit of a text, whether it is protected.
    pub(super) fn mask(&self, unit: Unit, units: &[&str]) -> Vec<bool> {
        let plain: Vec<String> = units.iter().map(|unit| bare(unit)).collect();
        let mut mask: Vec<bool> = plain
            .iter()
            .map(|unit| self.numbers && unit.chars().any(char::is_numeric))
            .collect();
        let after = match unit {
            Unit::Word => 1,
            Unit::Character => 2,
        };
        let lists = [(&self.question_words, after), (&self.words, 0)];
        for (entry, after) in lists
            .into_iter()
            .flat_map(|(list, after)| list.iter().map(move |word| (word, after)))
        {
            let pattern: Vec<String> = unit.split(entry).into_iter().map(bare).collect();
            for start in matches(&plain, &pattern) {
                let end = (start + pattern.len() + after).min(mask.len());
                mask[start..end].fill(true);
            }
        }
        if self.words.iter().any(|word| word == "n't") {
            for (protected, word) in mask.iter_mut().zip(&plain) {
                *protected |= word.ends_with("n't") || word.ends_with("n’t");
            }
        }
        mask
    }
}

/// Lower case, without punctuation at the ends: "Not," is "not".
fn bare(unit: &str) -> String {
    unit.trim_matches(|c: char| !c.is_alphanumeric())
        .to_lowercase()
}

/// The positions at which `pattern` stands in `units`.
fn matches(units: &[String], pattern: &[String]) -> Vec<usize> {
    if pattern.is_empty() {
        return Vec::new();
    }
    let found = units
        .windows(pattern.len())
        .enumerate()
        .filter(|(_, window)| *window == pattern);
    found.map(|(start, _)| start).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protected(protect: &Protect, unit: Unit, text: &str) -> String {
        let units = unit.split(text);
        let mask = protect.mask(unit, &units);
        let kept = units.iter().zip(mask).filter(|(_, protected)| *protected);
        kept.map(|(unit, _)| *unit).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn english() {
        let protect = Protect::english();
        for (text, expected) in [
            ("How many litres are not in stock ?", "How many not"),
            ("It isn't soluble, never was; 20kg", "isn't never 20kg"),
            ("the base does n't cure", "n't"),
            ("Tell me what", "what"),
            ("", ""),
        ] {
            assert_eq!(protected(&protect, Unit::Word, text), expected, "{text}");
        }
        let protect = protect.and(["flash point"]);
        assert_eq!(
            protected(&protect, Unit::Word, "a flash point; a point"),
            "flash point;"
        );
    }

    #[test]
    fn chinese() {
        let protect = Protect::chinese();
        assert_eq!(
            protected(&protect, Unit::Character, "什么颜色的漆不含苯"),
            "什 么 颜 色 不"
        );
        assert_eq!(protected(&protect, Unit::Character, "涂料重5公斤"), "5");
    }

    #[test]
    fn nothing() {
        assert_eq!(
            protected(&Protect::nothing(), Unit::Word, "what is not 5"),
            ""
        );
    }
}
