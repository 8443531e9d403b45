//! The built-in corpus: short descriptions of chemical products in eight classes, in English or
//! Chinese, generated from a seed, each in two wordings.
//!
//! A text has a trade name, two to four **cues** of its class (what the product is for or like),
//! up to two **distractors** (cues of another class, mostly in clauses such as "not intended for",
//! at times plainly misleading), and a remark that says nothing. Every class has 24 cues with two
//! wordings each, some told often and some seldom. With few labels most wordings are never seen with
//! a label; but cues of one class occur together, and the second wording of a text says the same in
//! other words, so unlabelled pairs carry what the labels lack.
//!
//! Label noise affects train alone; dev and test are clean. A few texts whose distractors are
//! unmarked and as many as their cues cannot be told by anyone.

mod concepts;
mod grammar;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{DataError, Result};
use crate::pairs::TextPair;
use crate::read::LabelledSet;
use crate::rng::Rng;
use concepts::{Class, Concept};
use grammar::Grammar;

/// The language of a corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Words and marks separated by spaces.
    English,
    /// Written without spaces.
    Chinese,
}

/// What to generate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CorpusOptions {
    /// Same seed, same corpus.
    pub seed: u64,
    /// Number of training texts.
    pub train: usize,
    /// Number of dev texts.
    pub dev: usize,
    /// Number of test texts.
    pub test: usize,
    /// The language.
    pub language: Language,
    /// Share of training texts with a wrong label.
    pub label_noise: f64,
}

impl Default for CorpusOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            train: 2000,
            dev: 200,
            test: 600,
            language: Language::English,
            label_noise: 0.04,
        }
    }
}

/// Texts, their classes, and each text in other words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorpusPart {
    /// Texts and classes.
    pub set: LabelledSet,
    /// The second wording of each text.
    pub rewordings: Vec<String>,
}

impl CorpusPart {
    /// Some rows as unlabelled pairs.
    pub fn pairs(&self, rows: &[usize]) -> Vec<TextPair> {
        let pair = |&row: &usize| TextPair {
            original: self.set.texts[row].clone(),
            other: self.rewordings[row].clone(),
        };
        rows.iter().map(pair).collect()
    }
}

/// A generated corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corpus {
    /// The training part.
    pub train: CorpusPart,
    /// The dev part, without noise.
    pub dev: CorpusPart,
    /// The test part, without noise.
    pub test: CorpusPart,
    /// Rows of train whose label is wrong.
    pub noisy: Vec<usize>,
}

/// Generates a corpus. Row `i` of a part depends on the seed, the part and `i` alone, so that a
/// larger corpus begins with the smaller one.
///
/// ```
/// use limbeck_data::corpus::{CorpusOptions, generate};
/// let corpus = generate(&CorpusOptions { train: 100, ..CorpusOptions::default() })?;
/// assert_eq!(corpus.train.set.len(), 100);
/// assert_eq!(corpus.train.set.classes[0], "adhesive");
/// assert_ne!(corpus.train.set.texts[0], corpus.train.rewordings[0]);
/// # Ok::<(), limbeck_data::DataError>(())
/// ```
///
/// # Errors
/// Fewer training texts than classes, or a share of noise outside `[0, 1)`.
pub fn generate(options: &CorpusOptions) -> Result<Corpus> {
    let classes = concepts::classes(options.language);
    if options.train < classes.len() {
        let expected = format!("at least {}, one a class", classes.len());
        return Err(DataError::option("corpus.train", expected, options.train));
    }
    if !(0.0..1.0).contains(&options.label_noise) {
        let expected = "a share from 0 to below 1";
        return Err(DataError::option(
            "corpus.label_noise",
            expected,
            options.label_noise,
        ));
    }
    let writer = Writer {
        seed: options.seed,
        grammar: Grammar::of(options.language),
        classes,
    };
    let mut train = writer.part("train", options.train);
    let mut noisy = Vec::new();
    for (row, label) in train.set.labels.iter_mut().enumerate() {
        let mut rng = Rng::new(options.seed, "label noise", &[row as u64]);
        // The first rows, one a class, keep their labels: no class may vanish.
        if rng.chance(options.label_noise) && row >= writer.classes.len() {
            let other = 1 + rng.below(writer.classes.len() - 1) as u32;
            *label = (*label + other) % writer.classes.len() as u32;
            noisy.push(row);
        }
    }
    Ok(Corpus {
        train,
        dev: writer.part("dev", options.dev),
        test: writer.part("test", options.test),
        noisy,
    })
}

impl Corpus {
    /// Writes `train.tsv`, `dev.tsv` and `test.tsv` (`label<TAB>text`) and `pairs.tsv` (all training
    /// texts as `text<TAB>other wording`) into an existing folder. Parts without texts are left out.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let write = |name: &str, lines: String| {
            let path = folder.join(name);
            std::fs::write(&path, lines).map_err(|source| DataError::io(&path, source))
        };
        let parts = [
            ("train.tsv", &self.train),
            ("dev.tsv", &self.dev),
            ("test.tsv", &self.test),
        ];
        for (name, part) in parts.into_iter().filter(|(_, part)| !part.set.is_empty()) {
            let rows = part.set.labels.iter().zip(&part.set.texts);
            let line = |(&label, text): (&u32, &String)| {
                format!("{}\t{text}\n", part.set.classes[label as usize])
            };
            write(name, rows.map(line).collect())?;
        }
        let pairs = self.train.set.texts.iter().zip(&self.train.rewordings);
        write(
            "pairs.tsv",
            pairs
                .map(|(text, other)| format!("{text}\t{other}\n"))
                .collect(),
        )
    }
}

/// How many of each, with the probability in percent.
const OWN_CUES: [(usize, usize); 3] = [(2, 50), (3, 40), (4, 10)];
const DISTRACTORS: [(usize, usize); 3] = [(0, 45), (1, 40), (2, 15)];
/// How many distractors stand in a clause that says so, in percent.
const MARKED: usize = 75;

/// A clause before it is put into words.
struct Clause<'a> {
    concept: &'a Concept,
    wording: usize,
    foreign: bool,
}

/// What a text says, before it is put into words.
struct Content<'a> {
    name: String,
    praise: &'a [&'a str],
    clauses: Vec<Clause<'a>>,
    remark: Option<&'a [&'a str]>,
}

struct Writer {
    seed: u64,
    grammar: &'static Grammar,
    classes: Vec<Class>,
}

impl Writer {
    fn part(&self, part: &str, texts: usize) -> CorpusPart {
        let names = self.classes.iter().map(|class| class.name.to_string());
        let mut set = LabelledSet {
            classes: names.collect(),
            ..LabelledSet::default()
        };
        let mut rewordings = Vec::with_capacity(texts);
        for row in 0..texts {
            let mut rng = Rng::new(self.seed, part, &[row as u64]);
            let class = self.class(row, &mut rng);
            let content = self.content(class, &mut rng);
            set.texts.push(self.write(&content, 0, &mut rng));
            rewordings.push(self.write(&content, 1, &mut rng));
            set.labels.push(class as u32);
        }
        CorpusPart { set, rewordings }
    }

    /// The first rows have one class each; after them the largest class is twice the smallest.
    fn class(&self, row: usize, rng: &mut Rng) -> usize {
        let count = self.classes.len();
        if row < count {
            return row;
        }
        let weights = (0..count).map(|class| 2 * count - 1 - class);
        pick(weights, rng)
    }

    fn content(&self, class: usize, rng: &mut Rng) -> Content<'_> {
        let syllables = self.grammar.syllables;
        let name = (0..3)
            .map(|_| syllables[rng.below(syllables.len())])
            .collect();
        let praise = self.grammar.praise[rng.below(self.grammar.praise.len())];
        let mut clauses: Vec<Clause<'_>> = Vec::new();
        for _ in 0..amount(&OWN_CUES, rng) {
            self.add(&mut clauses, class, false, rng);
        }
        let other = (class + 1 + rng.below(self.classes.len() - 1)) % self.classes.len();
        for _ in 0..amount(&DISTRACTORS, rng) {
            let marked = rng.below(100) < MARKED;
            self.add(&mut clauses, other, marked, rng);
        }
        let remarks = self.grammar.remarks;
        let remark = remarks.get(rng.below(remarks.len() + 3)).copied();
        Content {
            name,
            praise,
            clauses,
            remark,
        }
    }

    /// Adds a cue of a class that the text does not have yet. Cue `r` of 24 has the weight
    /// `1 / (r + 4)`: the first is told seven times as often as the last.
    fn add<'a>(
        &'a self,
        clauses: &mut Vec<Clause<'a>>,
        class: usize,
        foreign: bool,
        rng: &mut Rng,
    ) {
        let concepts = &self.classes[class].concepts;
        let weights = (0..concepts.len()).map(|rank| 10_000 / (rank + 4));
        let concept = &concepts[pick(weights, rng)];
        let wording = rng.below(concept.wordings.len());
        if !clauses
            .iter()
            .any(|clause| std::ptr::eq(clause.concept, concept))
        {
            clauses.push(Clause {
                concept,
                wording,
                foreign,
            });
        }
    }

    /// Wording number `version` of a content: other words for everything but the name, and another
    /// order.
    fn write(&self, content: &Content<'_>, version: usize, rng: &mut Rng) -> String {
        let praise = content.praise[(version + rng.below(2)) % content.praise.len()];
        let openings = self.grammar.openings;
        let opening = openings[rng.below(openings.len())];
        let opening = opening.replace("{}", &content.name).replace('#', praise);
        let mut clauses: Vec<String> = content
            .clauses
            .iter()
            .map(|clause| {
                let wordings = &clause.concept.wordings;
                let cue = wordings[(clause.wording + version) % wordings.len()];
                let patterns = self.grammar.clauses(clause.concept.role, clause.foreign);
                patterns[rng.below(patterns.len())].replace("{}", cue)
            })
            .collect();
        clauses.extend(
            content
                .remark
                .map(|remark| remark[version % remark.len()].to_string()),
        );
        rng.shuffle(&mut clauses);
        clauses.insert(0, opening);
        clauses.join(self.grammar.joint)
    }
}

/// An index in proportion to its weight.
fn pick(weights: impl Iterator<Item = usize> + Clone, rng: &mut Rng) -> usize {
    let mut left = rng.below(weights.clone().sum());
    for (index, weight) in weights.enumerate() {
        match left.checked_sub(weight) {
            Some(rest) => left = rest,
            None => return index,
        }
    }
    0
}

fn amount(table: &[(usize, usize)], rng: &mut Rng) -> usize {
    table[pick(table.iter().map(|(_, weight)| *weight), rng)].0
}
