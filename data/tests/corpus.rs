//! The built-in corpus: what it promises, measured with a plain naive Bayes classifier.

use std::collections::{BTreeMap, BTreeSet};

use limbeck_data::corpus::{Corpus, CorpusOptions, Language, generate};
use limbeck_data::read::{FolderOptions, load_folder};
use limbeck_data::split::labelled_split;
use limbeck_data::{Unit, normalise};

fn corpus(language: Language) -> Corpus {
    generate(&CorpusOptions {
        language,
        ..CorpusOptions::default()
    })
    .expect("good options")
}

/// Words, or pairs of characters.
fn features(text: &str, language: Language) -> Vec<String> {
    match language {
        Language::English => text.split(' ').map(String::from).collect(),
        Language::Chinese => Unit::Character
            .split(text)
            .windows(2)
            .map(|pair| pair.concat())
            .collect(),
    }
}

/// One share for each class; they sum to 1.
type Shares = [f64; 8];

fn seen(counts: &Shares) -> bool {
    counts.iter().sum::<f64>() > 0.0
}

/// Multinomial naive Bayes with fractional labels, so that it can be trained by expectation
/// maximisation. Texts are lists of feature numbers.
struct Bayes {
    counts: Vec<Shares>,
    totals: Shares,
    vocabulary: f64,
    priors: Shares,
}

impl Bayes {
    fn fit(samples: &[(&[usize], Shares)], features: usize) -> Self {
        let mut bayes = Self {
            counts: vec![[0.0; 8]; features],
            totals: [0.0; 8],
            vocabulary: 0.0,
            priors: [1.0; 8],
        };
        for (text, shares) in samples {
            for (class, share) in shares.iter().enumerate() {
                for &feature in *text {
                    bayes.counts[feature][class] += share;
                }
                bayes.totals[class] += share * text.len() as f64;
                bayes.priors[class] += share;
            }
        }
        bayes.vocabulary = bayes.counts.iter().filter(|counts| seen(counts)).count() as f64;
        bayes
    }

    fn posterior(&self, text: &[usize]) -> Shares {
        const SMOOTHING: f64 = 0.1;
        let mut logs = self.priors.map(f64::ln);
        for counts in text
            .iter()
            .map(|&feature| &self.counts[feature])
            .filter(|c| seen(c))
        {
            for class in 0..8 {
                let total = self.totals[class] + SMOOTHING * self.vocabulary;
                logs[class] += ((counts[class] + SMOOTHING) / total).ln();
            }
        }
        let largest = logs.iter().copied().fold(f64::MIN, f64::max);
        let shares = logs.map(|log| (log - largest).exp());
        let sum: f64 = shares.iter().sum();
        shares.map(|share| share / sum)
    }

    fn accuracy(&self, texts: &[Vec<usize>], labels: &[u32]) -> f64 {
        let right = texts.iter().zip(labels).filter(|(text, label)| {
            let shares = self.posterior(text);
            let best = (0..8)
                .max_by(|&a, &b| shares[a].total_cmp(&shares[b]))
                .unwrap_or(0);
            best == **label as usize
        });
        right.count() as f64 / labels.len() as f64
    }
}

/// Accuracy with all labels, with a tenth of them, and with a tenth and the rest as unlabelled
/// pairs (one text and its other wording share their class).
fn accuracies(language: Language, seed: u64) -> [f64; 3] {
    let options = CorpusOptions {
        language,
        seed,
        ..CorpusOptions::default()
    };
    let corpus = generate(&options).expect("good options");
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let mut encode = |texts: &[String]| -> Vec<Vec<usize>> {
        let mut number = |feature: String| {
            let next = numbers.len();
            *numbers.entry(feature).or_insert(next)
        };
        let mut encode = |text: &String| {
            features(text, language)
                .into_iter()
                .map(&mut number)
                .collect()
        };
        texts.iter().map(&mut encode).collect()
    };
    let train = encode(&corpus.train.set.texts);
    let others = encode(&corpus.train.rewordings);
    let test = encode(&corpus.test.set.texts);
    let size = numbers.len();
    let labels = &corpus.train.set.labels;
    let labelled = |rows: &[usize]| -> Vec<(&[usize], Shares)> {
        let one_hot =
            |row: usize| std::array::from_fn(|c| f64::from(u8::from(labels[row] == c as u32)));
        rows.iter()
            .map(|&row| (train[row].as_slice(), one_hot(row)))
            .collect()
    };
    let rows: Vec<usize> = (0..train.len()).collect();
    let split = labelled_split(&corpus.train.set, &rows, 0.1, seed).expect("a good share");
    let accuracy = |bayes: &Bayes| bayes.accuracy(&test, &corpus.test.set.labels);
    let few = Bayes::fit(&labelled(&split.taken), size);
    let mut helped = Bayes::fit(&labelled(&split.taken), size);
    for _ in 0..6 {
        let mut samples = labelled(&split.taken);
        for &row in &split.rest {
            let shares = helped.posterior(&[train[row].as_slice(), &others[row]].concat());
            samples.extend([
                (train[row].as_slice(), shares),
                (others[row].as_slice(), shares),
            ]);
        }
        helped = Bayes::fit(&samples, size);
    }
    let all = Bayes::fit(&labelled(&rows), size);
    [accuracy(&all), accuracy(&few), accuracy(&helped)]
}

#[test]
fn few_labels_are_much_worse_than_all_and_unlabelled_pairs_help() {
    for language in [Language::English, Language::Chinese] {
        for seed in [1, 2] {
            let [all, few, helped] = accuracies(language, seed);
            let figures =
                format!("{language:?} {seed}: all {all:.3} few {few:.3} helped {helped:.3}");
            assert!(all > 0.85, "{figures}");
            assert!(few < all - 0.06, "{figures}");
            assert!(helped > few + 0.03, "{figures}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_corpus_and_a_larger_one_begins_with_it() {
    let small = generate(&CorpusOptions {
        train: 50,
        ..CorpusOptions::default()
    })
    .unwrap();
    let large = corpus(Language::English);
    assert_eq!(corpus(Language::English), large);
    assert_eq!(small.train.set.texts, large.train.set.texts[..50]);
    assert_eq!(small.train.set.labels, large.train.set.labels[..50]);
    let other = generate(&CorpusOptions {
        seed: 2,
        ..CorpusOptions::default()
    })
    .unwrap();
    assert_ne!(other.train.set.texts, large.train.set.texts);
}

#[test]
fn a_rewording_keeps_the_name_and_changes_the_words() {
    for language in [Language::English, Language::Chinese] {
        let corpus = corpus(language);
        let mut shared = 0.0;
        for (text, other) in corpus.train.set.texts.iter().zip(&corpus.train.rewordings) {
            assert_ne!(normalise(text), normalise(other));
            let words = |text: &str| -> BTreeSet<String> {
                features(text, language)
                    .into_iter()
                    .filter(|word| word != ",")
                    .collect()
            };
            let (left, right) = (words(text), words(other));
            let common = left.intersection(&right).count();
            assert!(common > 0, "the trade name is lost: {text} / {other}");
            shared += common as f64 / left.len().max(right.len()) as f64;
        }
        // The name and the small words of the patterns stay; the cues change.
        let mean = shared / corpus.train.set.len() as f64;
        assert!(
            (0.05..0.5).contains(&mean),
            "{language:?}: {mean:.2} of the words are shared"
        );
    }
}

#[test]
fn noise_is_in_train_alone_and_as_large_as_asked() {
    let clean = generate(&CorpusOptions {
        label_noise: 0.0,
        ..CorpusOptions::default()
    })
    .unwrap();
    let options = CorpusOptions {
        label_noise: 0.1,
        ..CorpusOptions::default()
    };
    let noisy = generate(&options).unwrap();
    assert!(clean.noisy.is_empty());
    assert_eq!((&clean.test, &clean.dev), (&noisy.test, &noisy.dev));
    assert_eq!(clean.train.set.texts, noisy.train.set.texts);
    let wrong: Vec<usize> = (0..clean.train.set.len())
        .filter(|&row| clean.train.set.labels[row] != noisy.train.set.labels[row])
        .collect();
    assert_eq!(wrong, noisy.noisy);
    // 200 of 2,000 expected, standard deviation 13.4: five of them.
    assert!(
        wrong.len().abs_diff(200) < 67,
        "{} wrong labels",
        wrong.len()
    );
}

#[test]
fn classes_are_all_there_and_uneven() {
    let counts = corpus(Language::Chinese).train.set.class_counts();
    assert_eq!(counts.len(), 8);
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    assert!(*least > 120 && *most < 450 && most > least, "{counts:?}");
    let tiny = CorpusOptions {
        train: 8,
        label_noise: 0.9,
        ..CorpusOptions::default()
    };
    assert_eq!(generate(&tiny).unwrap().train.set.class_counts(), [1; 8]);
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    for language in [Language::English, Language::Chinese] {
        let corpus = corpus(language);
        corpus.write(folder.path()).unwrap();
        let data = load_folder(folder.path(), &FolderOptions::default()).unwrap();
        assert_eq!(data.train, corpus.train.set);
        assert_eq!(data.dev, Some(corpus.dev.set));
        assert_eq!(data.test, Some(corpus.test.set));
    }
}

#[test]
fn senseless_options_are_refused_by_name() {
    let small = CorpusOptions {
        train: 7,
        ..CorpusOptions::default()
    };
    let error = generate(&small).expect_err("fewer texts than classes");
    assert!(error.to_string().starts_with("corpus.train"), "{error}");
    let noise = CorpusOptions {
        label_noise: 1.0,
        ..CorpusOptions::default()
    };
    let error = generate(&noise).expect_err("nothing but noise");
    assert!(
        error.to_string().starts_with("corpus.label_noise"),
        "{error}"
    );
}
