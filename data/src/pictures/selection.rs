//! Choosing pictures by their names: `00-17, 20, extra` or `*`.

use std::collections::BTreeSet;

/// The names that a selection takes, in byte order; what is wrong with it otherwise (expected, found).
pub(super) fn select(selection: &str, names: &BTreeSet<String>) -> Result<BTreeSet<String>, Fault> {
    let mut taken = BTreeSet::new();
    for item in selection.split(',').map(str::trim) {
        let found: Vec<&String> = match item {
            "" => {
                return Err(Fault::new(
                    "names, ranges of numbers such as 00-17, or *",
                    selection,
                ));
            }
            "*" => names.iter().collect(),
            name => of_item(name, names)?,
        };
        if found.is_empty() {
            return Err(Fault::new("a picture for each name and range", item));
        }
        taken.extend(found.into_iter().cloned());
    }
    Ok(taken)
}

/// What a selection should be, and what it is.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) expected: &'static str,
    pub(super) found: String,
}

impl Fault {
    fn new(expected: &'static str, found: &str) -> Self {
        Self {
            expected,
            found: format!("{found:?}"),
        }
    }
}

/// A name of its own comes before a range: a file may be called `2-3`.
fn of_item<'a>(item: &str, names: &'a BTreeSet<String>) -> Result<Vec<&'a String>, Fault> {
    if let Some(name) = names.get(item) {
        return Ok(vec![name]);
    }
    let range = item.split_once('-');
    let Some((first, last)) = range.and_then(|(a, b)| Some((number(a)?, number(b)?))) else {
        return Ok(Vec::new());
    };
    if first > last {
        return Err(Fault::new(
            "a range whose first number is the smaller",
            item,
        ));
    }
    let inside = |name: &&String| number(name).is_some_and(|n| (first..=last).contains(&n));
    Ok(names.iter().filter(inside).collect())
}

/// The number that a name of digits stands for.
fn number(name: &str) -> Option<u64> {
    let digits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| name.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(selection: &str) -> Result<Vec<String>, String> {
        let names = ["00", "01", "02", "10", "2-3", "a", "a b", "007"];
        let names = names.iter().map(|name| name.to_string()).collect();
        let taken = select(selection, &names);
        taken
            .map(|names| names.into_iter().collect())
            .map_err(|fault| format!("{} / {}", fault.expected, fault.found))
    }

    #[test]
    fn names_ranges_and_lists_choose() {
        assert_eq!(taken("00-02").unwrap(), ["00", "01", "02"]);
        assert_eq!(taken("1-7").unwrap(), ["007", "01", "02"]);
        assert_eq!(taken(" a b ,10").unwrap(), ["10", "a b"]);
        assert_eq!(taken("01,00-01").unwrap(), ["00", "01"]);
        assert_eq!(taken("2-3").unwrap(), ["2-3"]);
        assert_eq!(taken("*").unwrap().len(), 8);
    }

    #[test]
    fn what_chooses_nothing_is_refused() {
        for (selection, word) in [
            ("", "\"\""),
            ("00,,01", "00,,01"),
            ("11-20", "\"11-20\""),
            ("02-00", "first number is the smaller"),
            ("b", "\"b\""),
            ("A", "\"A\""),
            ("0-99999999999999999999999", "a picture for each"),
            ("-3", "\"-3\""),
            ("1-", "\"1-\""),
        ] {
            let fault = taken(selection).unwrap_err();
            assert!(fault.contains(word), "{selection}: {fault}");
        }
    }
}
