//! Finished models as a program of one's own meets them: loaded from a folder, asked by threads.
#![cfg(feature = "data")]

use std::path::{Path, PathBuf};

use limbeck::data::keywords::KEYWORD_KIND;
use limbeck::data::tagging::Scheme;
use limbeck::engine::Device;
use limbeck::models::Head;
use limbeck::recipes::config::{DataConfig, Format, Model, ModelKind, TaggerConfig, WordsConfig};
use limbeck::recipes::text::{Encoder, TextClassifier};
use limbeck::{Classifier, Tagger};

const TEXTS: [&str; 5] = [
    "red powder of lead",
    "a thin liquid",
    "",
    "oil",
    "a very long text of many words about oil and lead and liquid powder",
];

/// Saves a model with random weights.
fn saved(folder: &Path, model: &Model, labels: &[String]) -> PathBuf {
    let texts = TEXTS.map(String::from);
    let encoder = Encoder::train(model, &DataConfig::of_format(Format::Tsv), false, &texts)
        .expect("an encoder");
    let device = Device::cpu();
    let model = TextClassifier::new(model, Head::Pooled, encoder, labels, 7, &device);
    let dir = folder.join("model");
    model.expect("a model").save(&dir).expect("written");
    dir
}

fn classes() -> Vec<String> {
    ["pigment", "solvent", "binder"].map(String::from).to_vec()
}

fn tagger(keywords: bool) -> Model {
    Model::Tagger(TaggerConfig {
        keywords,
        scheme: Scheme::Bioes,
        read: Default::default(),
        max_length: 64,
        words: WordsConfig {
            min_count: 1,
            ..WordsConfig::default()
        },
        trunk: Box::new(Model::of_kind(ModelKind::TextCnn)),
    })
}

#[test]
fn a_classifier_ranks_its_classes() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = saved(
        folder.path(),
        &Model::of_kind(ModelKind::TextCnn),
        &classes(),
    );
    let classifier = Classifier::load(&dir).expect("a classifier");
    assert_eq!(classifier.labels(), classes());
    let answers = classifier.predict(&TEXTS).expect("answers");
    assert_eq!(answers.len(), TEXTS.len());
    for answer in &answers {
        let sum: f64 = answer.probabilities.iter().sum();
        assert!(
            (sum - 1.0).abs() < 1e-12,
            "a softmax of f64 sums to 1 up to its rounding"
        );
        let best = answer.best(9);
        assert_eq!(best.len(), 3, "no more than there are");
        assert!(best.windows(2).all(|pair| pair[0].1 >= pair[1].1));
        assert_eq!(best[0], (answer.label.as_str(), answer.probability));
        assert_eq!(answer.best(1), best[..1]);
        for (label, probability) in best {
            let class = classes()
                .iter()
                .position(|name| name == label)
                .expect("a class");
            assert_eq!(answer.probabilities[class], probability);
        }
    }
    assert!(classifier.predict::<&str>(&[]).expect("nothing").is_empty());
}

#[test]
fn several_threads_ask_one_model_and_get_what_one_gets() {
    fn shared<T: Send + Sync>(value: T) -> T {
        value
    }
    let folder = tempfile::tempdir().expect("a folder");
    let transformer = Model::of_kind(ModelKind::Transformer);
    let dir = saved(folder.path(), &transformer, &classes());
    let classifier = shared(Classifier::load(&dir).expect("a classifier"));
    let labels = Scheme::Bioes.tag_names(&["PER"]);
    let other = tempfile::tempdir().expect("a folder");
    let dir = saved(other.path(), &tagger(false), &labels);
    let tagger = shared(Tagger::load(&dir).expect("a tagger"));
    let alone: Vec<_> = TEXTS
        .iter()
        .map(|text| classifier.predict(&[text]).expect("an answer").remove(0))
        .collect();
    let tags = tagger.tag(&TEXTS).expect("tags");
    std::thread::scope(|threads| {
        let ask = |thread: usize| {
            for turn in 0..20 {
                let n = (thread + turn) % TEXTS.len();
                let answer = classifier.predict(&TEXTS[n..=n]).expect("an answer");
                assert_eq!(answer[0], alone[n]);
                let tagged = tagger.tag(&TEXTS[n..=n]).expect("tags");
                assert_eq!(tagged[0].tags, tags[n].tags);
            }
        };
        let all: Vec<_> = (0..4).map(|n| threads.spawn(move || ask(n))).collect();
        for thread in all {
            thread.join().expect("no thread panics");
        }
    });
}

#[test]
fn a_tagger_gives_words_tags_spans_and_keywords() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = saved(
        folder.path(),
        &tagger(true),
        &Scheme::Bioes.tag_names(&[KEYWORD_KIND]),
    );
    let tagger = Tagger::load(&dir).expect("a tagger");
    assert!(tagger.finds_keywords());
    let keywords = tagger.keywords(&TEXTS).expect("keywords");
    let tagged = tagger.tag(&TEXTS).expect("tags");
    for ((text, tagged), keywords) in TEXTS.iter().zip(&tagged).zip(&keywords) {
        assert_eq!(tagged.tokens.join(" "), *text);
        assert_eq!(tagged.tags.len(), tagged.tokens.len());
        assert_eq!(&tagged.keywords, keywords);
        for span in &tagged.spans {
            assert_eq!(span.text, tagged.tokens[span.start..span.end].join(" "));
            assert!(keywords.contains(&span.text.to_lowercase()), "{span:?}");
        }
    }
    let spans = tagged
        .iter()
        .map(|tagged| tagged.spans.len())
        .sum::<usize>();
    assert!(spans > 0, "random weights mark something in 22 words");
}

#[test]
fn a_model_of_another_kind_is_refused_with_the_type_that_loads_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let labels = Scheme::Bioes.tag_names(&["PER"]);
    let dir = saved(folder.path(), &tagger(false), &labels);
    let message = |result: Result<(), limbeck::run::Error>| match result {
        Ok(()) => panic!("expected a refusal"),
        Err(error) => error.to_string(),
    };
    let found = message(Classifier::load(&dir).map(|_| ()));
    assert!(found.contains("limbeck::Tagger"), "{found}");
    let found = Tagger::load(&dir).expect("a tagger").keywords(&["Anna"]);
    let found = message(found.map(|_| ()));
    assert!(found.contains("marks PER and no keywords"), "{found}");
    let dir = saved(
        folder.path(),
        &Model::of_kind(ModelKind::TextCnn),
        &classes(),
    );
    let found = message(Tagger::load(&dir).map(|_| ()));
    assert!(found.contains("limbeck::Classifier"), "{found}");
    let found = message(Classifier::load(folder.path().join("gone")).map(|_| ()));
    assert!(found.contains("neither a run folder"), "{found}");
}
