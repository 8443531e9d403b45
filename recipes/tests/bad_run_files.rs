//! Wrong run files: every message names the place, the key, what was expected and what was found.

use limbeck_recipes::config::{self, Override};

fn problems(text: &str, overrides: &[&str]) -> Vec<String> {
    let overrides: Vec<Override> = overrides
        .iter()
        .map(|text| text.parse().expect("key=value"))
        .collect();
    match config::parse("run.toml", text, &overrides) {
        Ok(run) => panic!("expected a refusal, found {run:?}"),
        Err(error) => error.problems.iter().map(ToString::to_string).collect(),
    }
}

fn problem(text: &str) -> String {
    let mut found = problems(text, &[]);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

fn layerwise(settings: &str) -> String {
    problem(&format!("task = \"layerwise\"\n{settings}"))
}

#[test]
fn unknown_keys_get_a_suggestion() {
    assert_eq!(
        problem("task = \"train\"\n\n[data]\nlabeled_fraction = 0.1\n"),
        "run.toml:4: unknown key `data.labeled_fraction`; did you mean `data.labelled_fraction`?"
    );
    assert_eq!(
        layerwise("[distillation]\nw5 = 0"),
        "run.toml:3: unknown key `distillation.w5`; did you mean `distillation.weights.w5`?"
    );
    assert_eq!(
        layerwise("[data]\nchannels = 64"),
        "run.toml:3: unknown key `data.channels`; did you mean `student.channels`?"
    );
    assert_eq!(
        problem("task = \"train\"\n[model.tokenizer]\nzebra = 1"),
        "run.toml:3: unknown key `model.tokenizer.zebra`; [model.tokenizer] knows kind, \
         min_count, vocabulary_size"
    );
    assert_eq!(
        problem("task = \"train\"\n[seed]\nvalue = 1"),
        "run.toml:3: `seed` is a single value, it has no key `value`"
    );
}

#[test]
fn an_unknown_section_is_one_problem() {
    assert_eq!(
        layerwise("[pair]\nsource = \"file\"\nswap = 0.1"),
        "run.toml:3: unknown key `pair`; did you mean `pairs`?"
    );
    assert_eq!(
        layerwise("[studnet]"),
        "run.toml:2: unknown key `studnet`; did you mean `student`?"
    );
}

#[test]
fn sections_of_an_option_name_the_option() {
    assert_eq!(
        layerwise("[data.corpus]\ntrain_size = 9"),
        "run.toml:3: `data.corpus` needs `data.format = \"corpus\"`"
    );
    assert_eq!(
        layerwise("training.beside_teacher.length = 9"),
        "run.toml:2: `training.beside_teacher` needs a second teacher: set `beside_teacher.kind`"
    );
    assert_eq!(
        layerwise("besides_teacher.weight = 1"),
        "run.toml:2: unknown key `besides_teacher`; did you mean `beside_teacher`?"
    );
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("absent.toml");
    let message = config::load(&path, &[]).expect_err("no file").to_string();
    assert!(
        message.contains("absent.toml: cannot read the run file"),
        "{message}"
    );
    let path = folder.path().join("latin.toml");
    std::fs::write(&path, b"task = \"train\"\ndata.dir = \"caf\xe9\"\n").expect("a file");
    let message = config::load(&path, &[]).expect_err("not UTF-8").to_string();
    assert!(
        message.ends_with("latin.toml:2: the run file is not valid UTF-8 here"),
        "{message}"
    );
}

#[test]
fn all_problems_are_reported_in_the_order_of_the_file() {
    let found = problems(
        "task = \"train\"\nsede = 1\n[training]\nbatch_size = \"large\"\n[model]\ndropout = true\n",
        &["data.dri=x"],
    );
    assert_eq!(
        found,
        [
            "run.toml:2: unknown key `sede`; did you mean `seed`?",
            "run.toml:4: `training.batch_size`: expected a whole number that is not negative, \
             found the text \"large\"",
            "run.toml:6: `model.dropout`: expected a number, found true",
            "-s data.dri=x: unknown key `data.dri`; did you mean `data.dir`?",
        ]
    );
}

#[test]
fn wrong_types_and_choices_are_explained() {
    for (settings, message) in [
        (
            "[student]\npooling = \"maximum\"",
            "run.toml:3: `student.pooling`: expected one of \"max\", \"mean\", \"max_mean\", found \
             the text \"maximum\"",
        ),
        (
            "preset = \"tunned\"",
            "run.toml:2: `preset`: expected \"literal\" or \"tuned\", found the text \"tunned\"",
        ),
        (
            "teacher = \"transformer\"",
            "run.toml:2: `teacher` is a section: expected keys under [teacher], found the text \
             \"transformer\"",
        ),
        (
            "seed = -1",
            "run.toml:2: `seed`: expected a whole number that is not negative, found the whole \
             number -1",
        ),
        (
            "training.teacher.warm_up = \"a bit\"",
            "run.toml:2: `training.teacher.warm_up`: expected a stretch of training such as \
             \"1500 steps\", \"30 epochs\" or \"10 %\", found the text \"a bit\"",
        ),
        (
            "distillation.weights.w5 = \"even\"",
            "run.toml:2: `distillation.weights.w5`: expected a number or \"balanced\", found the \
             text \"even\"",
        ),
        (
            "distillation.student_consistency.confidence = \"none\"",
            "run.toml:2: `distillation.student_consistency.confidence`: expected a number or \
             \"off\", found the text \"none\"",
        ),
        (
            "beside_teacher.weight = 0.3",
            "run.toml:2: `beside_teacher.kind` is missing: choose \"bag_of_ngrams\", \"text_cnn\" \
             or \"transformer\", or \"none\" to do without a second teacher",
        ),
    ] {
        assert_eq!(layerwise(settings), message);
    }
}

#[test]
fn the_task_must_be_named() {
    assert!(problem("seed = 1").starts_with("run.toml: `task` is missing"));
    assert!(problem("").starts_with("run.toml: `task` is missing"));
    assert_eq!(
        problem("task = \"distill\""),
        "run.toml:1: `task`: expected one of \"train\", \"layerwise\", \"nce_lm\", \"gate_mixup\", \"relay\", \"unit_select\", found the text \"distill\""
    );
}

#[test]
fn syntax_errors_name_their_line() {
    let message = problem("task = \"train\"\n[data\ndir = 1");
    assert!(message.starts_with("run.toml:2: "), "{message}");
    let message = problem("task = \"train\"\nseed = 1\nseed = 2");
    assert!(
        message.starts_with("run.toml:3: ") && message.contains("duplicate"),
        "{message}"
    );
}

#[test]
fn kernel_widths_must_grow_with_depth() {
    for sizes in ["[5, 4, 3, 2]", "[2, 3, 3, 2]", "[3, 3, 3, 3]", "[3]"] {
        let message = layerwise(&format!("[student]\nkernel_sizes = {sizes}"));
        assert!(message.contains("run.toml:3: `student.kernel_sizes`: kernel widths must grow"));
        assert!(message.ends_with(&format!("found {sizes}")), "{message}");
    }
    for sizes in ["[2, 3, 4, 5]", "[2, 2, 3]"] {
        let text = format!("task = \"layerwise\"\n[student]\nkernel_sizes = {sizes}");
        assert!(config::parse("run.toml", &text, &[]).is_ok(), "{sizes}");
    }
}

#[test]
fn values_that_do_not_fit_each_other_are_refused() {
    for (settings, part) in [
        (
            "teacher.heads = 5",
            "`teacher.heads`: expected a divisor of `teacher.hidden_size` (128)",
        ),
        (
            "student.channels = 129",
            "`student.channels`: expected at most `teacher.hidden_size`",
        ),
        (
            "data.max_length = 512",
            "`teacher.max_positions`: expected at least `data.max_length`",
        ),
        (
            "teacher.layers = 3",
            "`student.kernel_sizes`: expected at most as many convolution",
        ),
        (
            "distillation.layer_map = [1, 1, 2, 3]",
            "`distillation.layer_map`: expected 4 strictly increasing layer numbers from 1 to 4",
        ),
        (
            "preset = \"literal\"\ndistillation.projection = \"joint\"",
            "`distillation.projection`: \"joint\" without a norm",
        ),
        (
            "distillation = { projection = \"joint\", feature_norm = \"none\" }",
            "set `distillation.joint_norm` to \"rows\", or `distillation.feature_norm`",
        ),
        (
            "distillation.embedding_level = true\nstudent.embedding_size = 200",
            "`student.embedding_size`: expected at most `teacher.hidden_size` (128)",
        ),
        (
            "distillation.embedding_level = true\nteacher.pooling = \"first\"",
            "`distillation.embedding_level`: expected false, or \"mean\" for `teacher.pooling`",
        ),
        (
            "distillation = { embedding_level = true, projection = \"pca\", feature = \"first\" }",
            "the embedding of the first token is the same for every text",
        ),
        (
            "distillation.matching = \"tokens\"\nteacher.tokenizer.kind = \"bpe\"",
            "`distillation.matching`: \"tokens\" compares position by position: expected the same",
        ),
        (
            "distillation.matching = \"tokens\"\nteacher.pooling = \"first\"",
            "`distillation.matching`: \"tokens\" compares position by position: expected \"mean\"",
        ),
        (
            "training.teacher.optimizer = \"conjugate_gradient\"",
            "`training.teacher.optimizer`: expected \"adamw\" or \"sgd\"",
        ),
        (
            "beside_teacher = { kind = \"bag_of_ngrams\", hidden_size = 8 }\n\
             training.beside_teacher.optimizer = \"conjugate_gradient\"",
            "\"bag_of_ngrams\" with `hidden_size = 0`",
        ),
        (
            "beside_teacher.kind = \"bag_of_ngrams\"\ntraining.beside_teacher.clip_norm = 1",
            "`training.beside_teacher.clip_norm`: expected \"off\"",
        ),
        (
            "beside_teacher = { kind = \"bag_of_ngrams\", c = [1, 0.1] }",
            "`beside_teacher.c`: expected one or more numbers above 0, rising",
        ),
        (
            "beside_teacher = { kind = \"bag_of_ngrams\", c = [] }",
            "`beside_teacher.c`: expected one or more numbers above 0",
        ),
        (
            "beside_teacher = { kind = \"bag_of_ngrams\", tolerance = 1 }",
            "`beside_teacher.tolerance`: expected a number between 0 and 1, found 1",
        ),
        (
            "pairs.source = \"file\"",
            "`pairs.pair_files`: expected at least one file",
        ),
        (
            "pairs.wordings = 0",
            "`pairs.wordings`: expected at least 1, found 0",
        ),
        (
            "pairs = { source = \"dropout\", wordings = 2 }",
            "`pairs.wordings`: expected 1 unless `pairs.source` is \"augment\", found 2",
        ),
        (
            "pairs.source = \"corpus\"",
            "`pairs.source`: expected \"augment\"",
        ),
        (
            "pairs = { delete = 0, swap = 0.0, replace = 0.0 }",
            "would change nothing",
        ),
        (
            "data.labelled_fraction = 0",
            "`data.labelled_fraction`: expected a number above 0",
        ),
        (
            "data.dev_fraction = 1.0",
            "`data.dev_fraction`: expected a number between 0 and 1",
        ),
        (
            "data.format = \"jsonl\"\ndata.text_column = 1",
            "`data.text_column`: expected the name",
        ),
        (
            "data.label_column = \"label\"",
            "`data.label_column`: expected a column number",
        ),
        (
            "student.dropout = 1.0",
            "`student.dropout`: expected a number from 0 to below 1",
        ),
        (
            "student.dropout = nan",
            "`student.dropout`: expected a number from 0 to below 1",
        ),
        (
            "training.student.learning_rate = inf",
            "expected a number above 0, found inf",
        ),
        (
            "training.student.length = \"10 %\"",
            "expected a number of steps or epochs",
        ),
        (
            "training.student.evaluate_every = 0",
            "expected a stretch longer than nothing",
        ),
        (
            "distillation.weights.w3 = -1.0",
            "`distillation.weights.w3`: expected a number that",
        ),
    ] {
        let message = layerwise(settings);
        assert!(message.contains(part), "{settings}: {message}");
    }
}

#[test]
fn a_joint_projection_is_accepted_with_either_norm() {
    for norm in ["joint_norm = \"rows\"", "feature_norm = \"layer\""] {
        let options = format!("[distillation]\nprojection = \"joint\"\n{norm}");
        let text = format!("task = \"layerwise\"\npreset = \"literal\"\n{options}");
        assert!(config::parse("run.toml", &text, &[]).is_ok(), "{norm}");
    }
}

#[test]
fn another_teacher_is_accepted_without_the_layer_terms_only() {
    let text = "task = \"layerwise\"\n[teacher]\nkind = \"bag_of_ngrams\"\n";
    let found = problems(text, &[]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].contains("w5") && found[1].contains("w7"),
        "{found:?}"
    );
    let without = format!("{text}[distillation.weights]\nw5 = 0\nw7 = 0\n");
    assert!(config::parse("run.toml", &without, &[]).is_ok());
}
