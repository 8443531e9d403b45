//! Splits, drawn over groups of identical text so that a duplicate never straddles a border, and
//! stratified by class, since files may be sorted by class.
//!
//! The dev split has a seed of its own, so that all runs on a data set share one dev set. Which
//! texts keep their label depends on the seed of the run.

use std::collections::{BTreeSet, HashMap};

use crate::error::{DataError, Result};
use crate::read::LabelledSet;
use crate::rng::Rng;
use crate::text::normalise;

/// The seed of every dev split that is not asked for otherwise.
pub const SPLIT_SEED: u64 = 13;

/// The share of train that becomes dev when no dev part is given.
pub const DEV_FRACTION: f64 = 0.1;

/// Two disjoint lists of row numbers, each in rising order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The part that was drawn.
    pub taken: Vec<usize>,
    /// The others.
    pub rest: Vec<usize>,
}

/// Row numbers grouped by identical text (after [`normalise`]), groups in order of their first row.
pub fn groups<T: AsRef<str>>(texts: &[T]) -> Vec<Vec<usize>> {
    let mut number: HashMap<String, usize> = HashMap::with_capacity(texts.len());
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (row, text) in texts.iter().enumerate() {
        let next = groups.len();
        let group = *number.entry(normalise(text.as_ref())).or_insert(next);
        if group == next {
            groups.push(Vec::new());
        }
        groups[group].push(row);
    }
    groups
}

/// For every text of `test`, whether it is absent from train.
pub fn absent_from_train<T: AsRef<str>, U: AsRef<str>>(train: &[T], test: &[U]) -> Vec<bool> {
    let train: std::collections::HashSet<String> =
        train.iter().map(|text| normalise(text.as_ref())).collect();
    test.iter()
        .map(|text| !train.contains(&normalise(text.as_ref())))
        .collect()
}

/// A stratified share of train as dev set (`taken`); pass [`DEV_FRACTION`] and [`SPLIT_SEED`].
/// A class of fewer than five texts stays in train as a whole (10 % of it rounds to nothing).
///
/// # Errors
/// The fraction is not in `(0, 1)`.
pub fn dev_split(set: &LabelledSet, fraction: f64, split_seed: u64) -> Result<Split> {
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(DataError::option(
            "dev_fraction",
            "a share between 0 and 1",
            fraction,
        ));
    }
    let rows: Vec<usize> = (0..set.len()).collect();
    let taken = stratified(set, &rows, fraction, &mut |class| {
        Rng::new(split_seed, "dev", &[class])
    });
    Ok(divide(&rows, taken))
}

/// The share `fraction` of `rows` that keeps its labels (`taken`): stratified, at least one text
/// of every class that `rows` has. `fraction = 1` keeps all.
///
/// # Errors
/// The fraction is not in `(0, 1]`.
pub fn labelled_split(
    set: &LabelledSet,
    rows: &[usize],
    fraction: f64,
    run_seed: u64,
) -> Result<Split> {
    if !(fraction > 0.0 && fraction <= 1.0) {
        let expected = "a share above 0 and at most 1";
        return Err(DataError::option("labelled_fraction", expected, fraction));
    }
    if fraction == 1.0 {
        return Ok(divide(rows, rows.iter().copied().collect()));
    }
    let mut taken = stratified(set, rows, fraction, &mut |class| {
        Rng::new(run_seed, "labelled", &[class])
    });
    at_least_one_a_class(set, rows, &mut taken, run_seed);
    Ok(divide(rows, taken))
}

/// For cross-fitting: the fold, in `0..folds`, of each row of `rows`. Stratified; sizes within a
/// class differ by no more than the largest group.
///
/// # Errors
/// Fewer than two folds, or more folds than groups of texts.
pub fn folds(set: &LabelledSet, rows: &[usize], folds: usize, seed: u64) -> Result<Vec<usize>> {
    let strata = strata(set, rows);
    let groups: usize = strata.iter().map(Vec::len).sum();
    if folds < 2 || folds > groups {
        let expected = format!("from 2 to the number of different texts, {groups}");
        return Err(DataError::option("folds", expected, folds));
    }
    let mut fold_of: HashMap<usize, usize> = HashMap::with_capacity(rows.len());
    // Filling goes on where the last class stopped, so that small classes do not all end in fold 0.
    let mut first = 0;
    for (class, mut stratum) in strata.into_iter().enumerate() {
        Rng::new(seed, "fold", &[class as u64]).shuffle(&mut stratum);
        let mut sizes = vec![0; folds];
        for group in stratum {
            let fold = (0..folds)
                .map(|step| (first + step) % folds)
                .min_by_key(|&fold| sizes[fold])
                .unwrap_or(0);
            sizes[fold] += group.len();
            first = (fold + 1) % folds;
            fold_of.extend(group.into_iter().map(|row| (row, fold)));
        }
    }
    Ok(rows.iter().map(|row| fold_of[row]).collect())
}

/// The groups of `rows` by the class of their first row.
fn strata(set: &LabelledSet, rows: &[usize]) -> Vec<Vec<Vec<usize>>> {
    let mut strata = vec![Vec::new(); set.classes.len()];
    let texts: Vec<&str> = rows.iter().map(|&row| set.texts[row].as_str()).collect();
    for group in groups(&texts) {
        let group: Vec<usize> = group.into_iter().map(|position| rows[position]).collect();
        strata[set.labels[group[0]] as usize].push(group);
    }
    strata
}

/// About `fraction` of the texts of each class: whole groups in random order, none that would
/// overshoot, so that a class is never used up by its duplicates.
fn stratified(
    set: &LabelledSet,
    rows: &[usize],
    fraction: f64,
    rng: &mut dyn FnMut(u64) -> Rng,
) -> BTreeSet<usize> {
    let mut taken = BTreeSet::new();
    for (class, mut stratum) in strata(set, rows).into_iter().enumerate() {
        let size: usize = stratum.iter().map(Vec::len).sum();
        let mut wanted = (fraction * size as f64).round() as usize;
        rng(class as u64).shuffle(&mut stratum);
        for group in stratum {
            if group.len() <= wanted {
                wanted -= group.len();
                taken.extend(group);
            }
        }
    }
    taken
}

/// Adds one group for every class of `rows` that `taken` lacks.
fn at_least_one_a_class(
    set: &LabelledSet,
    rows: &[usize],
    taken: &mut BTreeSet<usize>,
    run_seed: u64,
) {
    let mut groups: Vec<Vec<usize>> = strata(set, rows).into_iter().flatten().collect();
    Rng::new(run_seed, "one a class", &[]).shuffle(&mut groups);
    groups.sort_by_key(Vec::len);
    for class in 0..set.classes.len() as u32 {
        let of_class = |row: &usize| set.labels[*row] == class;
        if !taken.iter().any(of_class)
            && let Some(group) = groups.iter().find(|group| group.iter().any(of_class))
        {
            taken.extend(group);
        }
    }
}

fn divide(rows: &[usize], taken: BTreeSet<usize>) -> Split {
    let mut rest: Vec<usize> = rows
        .iter()
        .copied()
        .filter(|row| !taken.contains(row))
        .collect();
    rest.sort_unstable();
    Split {
        taken: taken.into_iter().collect(),
        rest,
    }
}
