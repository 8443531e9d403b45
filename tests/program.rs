//! The program as its users meet it: arguments, files, exit codes, stdout and stderr.

use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::cargo::cargo_bin_cmd;
use limbeck_training::tensors;
use serde_json::Value;

fn limbeck_in(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = cargo_bin_cmd!("limbeck");
    command
        .current_dir(folder)
        .args(arguments)
        .output()
        .expect("the program runs")
}

fn limbeck(arguments: &[&str]) -> Output {
    limbeck_in(Path::new("."), arguments)
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).expect("JSON on stdout")
}

/// A folder with a small data set.
fn folder_with_data() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let train = "pigment\tblue powder\nsolvent\tclear liquid\npigment\tred powder\n";
    fs::write(folder.path().join("train.tsv"), train).expect("a file");
    fs::write(folder.path().join("test.tsv"), "solvent\tthin liquid\n").expect("a file");
    folder
}

/// A folder with a small data set and a run file.
fn folder_with(text: &str) -> tempfile::TempDir {
    let folder = folder_with_data();
    fs::write(folder.path().join("run.toml"), text).expect("a file");
    folder
}

#[test]
fn help_names_every_command_and_the_exit_codes() {
    let output = limbeck(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = stdout(&output);
    for word in [
        "init",
        "check",
        "bench",
        "info",
        "--verbose",
        "Exit codes",
        "130",
    ] {
        assert!(help.contains(word), "{word} is missing in\n{help}");
    }
    assert!(stdout(&limbeck(&["--version"])).starts_with("limbeck 0."));
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in [
        &["distil"][..],
        &["check"],
        &["init", "cooking"],
        &["check", "run.toml", "-s", "seed"],
        &["check", "run.toml", "--seed", "-4"],
        &["info", "--verbose", "--quiet"],
        &["bench", "w9"],
        &["bench", "w3-infer0"],
        &["bench", "w3", "--steps", "0"],
        &["bench", "w3", "--folded"],
        &["bench", "w3", "--verify", "folder", "--dropout", "0.5"],
        &["bench", "w3-infer1", "--verify", "folder"],
    ] {
        let output = limbeck(arguments);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert!(stdout(&output).is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_wrong_key_ends_with_3_and_names_file_line_and_suggestion() {
    let folder = folder_with("task = \"train\"\n\n[data]\nlabeled_fraction = 0.1\n");
    let output = limbeck_in(folder.path(), &["check", "run.toml"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stdout(&output).is_empty());
    assert_eq!(
        stderr(&output),
        "error: run.toml:4: unknown key `data.labeled_fraction`; did you mean \
         `data.labelled_fraction`?\n"
    );
}

#[test]
fn every_problem_has_its_line() {
    let folder = folder_with("task = \"layerwise\"\nstudent.kernel_sizes = [5, 4]\n");
    let arguments = ["check", "run.toml", "-s", "teacher.heads=5"];
    let output = limbeck_in(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(3));
    let errors = stderr(&output);
    assert!(
        errors.lines().all(|line| line.starts_with("error: ")),
        "{errors}"
    );
    assert!(
        errors.contains("-s teacher.heads=5: `teacher.heads`: expected a divisor"),
        "{errors}"
    );
    assert!(errors.contains("run.toml:2: `student.kernel_sizes`: kernel widths must grow"));
}

#[test]
fn a_missing_run_file_ends_with_3() {
    let output = limbeck(&["check", "absent.toml"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("absent.toml: cannot read the run file"));
}

#[test]
fn overrides_win_over_the_file_and_the_seed_over_both() {
    let folder = folder_with("task = \"layerwise\"\nseed = 4\n[data]\ndir = \"nowhere\"\n");
    let output = limbeck_in(
        folder.path(),
        &[
            "check",
            "run.toml",
            "-s",
            "data.dir=./.",
            "-s",
            "preset=literal",
            "--set",
            "seed=5",
            "--seed",
            "6",
            "--json",
        ],
    );
    let checked = json(&output);
    assert_eq!(checked["run"]["data"]["dir"], "./.");
    assert_eq!(checked["run"]["distillation"]["temperature"], 1.0);
    assert_eq!(checked["run"]["seed"], 6);
}

#[test]
fn init_writes_a_file_that_check_accepts_and_never_overwrites_one() {
    let folder = folder_with_data();
    for task in ["train", "layerwise"] {
        let file = format!("{task}.toml");
        let output = limbeck_in(folder.path(), &["init", task]);
        assert_eq!(
            (output.status.code(), stdout(&output)),
            (Some(0), format!("{file}\n"))
        );
        let written = fs::read_to_string(folder.path().join(&file)).expect("the file");

        let output = limbeck_in(folder.path(), &["check", &file]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let output = limbeck_in(folder.path(), &["init", task, "-"]);
        assert_eq!(stdout(&output), written);

        fs::write(folder.path().join(&file), "mine").expect("a change");
        let output = limbeck_in(folder.path(), &["init", task]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("--force"), "{}", stderr(&output));
        assert_eq!(
            fs::read_to_string(folder.path().join(&file)).expect("the file"),
            "mine"
        );
        let output = limbeck_in(folder.path(), &["init", task, "--force", "--quiet"]);
        assert_eq!(
            (output.status.code(), stderr(&output)),
            (Some(0), String::new())
        );
        assert_eq!(
            fs::read_to_string(folder.path().join(&file)).expect("the file"),
            written
        );
    }
}

#[test]
fn check_prints_which_layer_each_block_learns_from() {
    let folder = folder_with("task = \"layerwise\"\nteacher.layers = 8\n");
    let output = limbeck_in(folder.path(), &["check", "run.toml"]);
    let table = stdout(&output);
    let rows: Vec<Vec<&str>> = table
        .lines()
        .skip_while(|line| !line.starts_with("block"))
        .skip(1)
        .take(4)
        .map(|line| line.split_whitespace().take(3).collect())
        .collect();
    assert_eq!(
        rows,
        [
            ["1", "2", "2"],
            ["2", "3", "4"],
            ["3", "4", "6"],
            ["4", "5", "8"]
        ]
    );
}

#[test]
fn check_prints_tapes_sizes_and_memory() {
    let folder = folder_with("task = \"layerwise\"\n[teacher]\nlayers = 4\n");
    let output = limbeck_in(folder.path(), &["check", "run.toml"]);
    let text = stdout(&output);
    for part in [
        "\nteacher\n",
        "\nstudent alone\n",
        "without embeddings",
        "memory on cpu: weights",
        "layer 4",
        "block 3",
        "cross_entropy",
        "total loss",
        "the whole run on cpu: at most",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    let arguments = ["check", "run.toml", "--json", "--device", "gpu"];
    let checked = json(&limbeck_in(folder.path(), &arguments));
    let student = &checked["models"]["student"];
    let tape = student["tape"].as_array().expect("a list");
    assert_eq!(tape[0]["operator"], "embedding");
    // One word vector per token of the largest batch.
    let outputs = &tape[0]["outputs"][0];
    assert_eq!(outputs[1], checked["run"]["student"]["embedding_size"]);
    let bytes = &student["bytes"];
    let [weights, moments] = ["weights", "moments"].map(|key| bytes[key].as_u64().expect(key));
    assert!(weights >= 4 * student["parameters"].as_u64().expect("a count"));
    assert_eq!(moments, 2 * weights);
    assert!(checked["peak_bytes"].as_u64() >= bytes["total"].as_u64());
    assert_eq!(checked["levels"][3]["kernel"], 5);
    assert_eq!(checked["device"], "gpu");
}

#[test]
fn check_reads_the_data() {
    let folder = folder_with("task = \"train\"\n");
    let checked = json(&limbeck_in(folder.path(), &["check", "run.toml", "--json"]));
    assert_eq!(checked["data"]["train"]["texts"], 3);
    assert_eq!(checked["data"]["train"]["classes"]["pigment"], 2);
    assert_eq!(checked["data"]["test"]["texts"], 1);
    let output = limbeck_in(
        folder.path(),
        &["check", "run.toml", "-s", "data.format=corpus"],
    );
    assert!(
        stdout(&output).contains("built-in corpus"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn wrong_data_end_with_3_and_name_file_and_line() {
    let folder = folder_with("task = \"layerwise\"\n");
    fs::write(folder.path().join("more.txt"), b"one\ncaf\xe9\n").expect("a file");
    fs::write(folder.path().join("pairs.tsv"), "one side\n").expect("a file");
    for (overrides, part) in [
        (&["data.dir=nowhere"][..], "nowhere: no such file"),
        (&["data.train=absent.tsv"], "absent.tsv: no such file"),
        (&["data.train=pairs.tsv"], "pairs.tsv:1: "),
        (
            &["pairs.unlabelled_files=[\"more.txt\"]"],
            "more.txt:2: byte 4",
        ),
        (
            &["pairs.source=file", "pairs.pair_files=[\"pairs.tsv\"]"],
            "pairs.tsv:1: ",
        ),
    ] {
        let mut arguments = vec!["check", "run.toml"];
        arguments.extend(overrides.iter().flat_map(|setting| ["-s", setting]));
        let output = limbeck_in(folder.path(), &arguments);
        assert_eq!(
            output.status.code(),
            Some(3),
            "{overrides:?}: {}",
            stderr(&output)
        );
        assert!(
            stderr(&output).contains(part),
            "{overrides:?}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn info_describes_build_and_machine() {
    let info = json(&limbeck(&["info", "--json"]));
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(info["cpu"]["architecture"], std::env::consts::ARCH);
    assert!(info["cpu"]["threads"].as_u64() >= Some(1));
    let levels = ["portable", "avx2", "avx512"];
    assert!(levels.contains(&info["cpu"]["instruction_set"].as_str().expect("a name")));
    assert!(info["adapters"].is_array());
    assert!(stdout(&limbeck(&["info"])).starts_with("limbeck 0."));
}

#[test]
fn bench_times_steps_and_predictions() {
    let small = ["--batch-size", "4", "--length", "8", "--steps", "3"];
    let bench = |arguments: &[&str]| {
        let arguments = [&["bench"], arguments, &small[..], &["--json"]].concat();
        json(&limbeck(&arguments))
    };
    let trained = bench(&["w3", "--profile"]);
    assert_eq!(trained["workload"], "w3");
    let loss = |name: &str| trained[name].as_f64().expect("a loss");
    // Eight classes, and weights near zero: about ln 8.
    assert!((loss("loss_first") - 8f64.ln()).abs() < 0.5);
    assert!(loss("loss_last").is_finite());
    let (median, least) = (&trained["ms_median"], &trained["ms_min"]);
    assert!(median.as_f64() >= least.as_f64() && least.as_f64() > Some(0.0));
    let lines = trained["profile"].as_array().expect("a list");
    let forward = |l: &&Value| l["operator"] == "conv1d_max" && l["pass"] == "forward";
    let line = lines.iter().find(forward).expect("the convolutions");
    assert_eq!(line["calls"], 3 * 3);
    let folded = bench(&["w3-infer4", "--folded"]);
    assert_eq!(folded["folded_bytes"], 4 * 8000 * (3 + 4 + 5) * 100);
}

#[test]
fn bench_hands_out_what_another_program_needs_to_repeat_its_updates() {
    let folder = tempfile::tempdir().expect("a folder");
    for (workload, sizes, inputs) in [
        ("w1", &["--batch-size", "3", "--length", "4"][..], "tokens"),
        ("w2", &["--nodes", "40", "--edges", "200"], "documents"),
        (
            "w4",
            &["--hidden-size", "6", "--vocabulary-size", "30"],
            "inputs",
        ),
    ] {
        let path = folder.path().join(workload);
        let path_text = path.to_str().expect("UTF-8");
        let arguments = [&["bench", workload, "--verify", path_text, "--json"], sizes].concat();
        let printed = json(&limbeck(&arguments));
        let losses = printed["losses"].as_array().expect("a list").len();
        assert_eq!(losses, 5, "{workload}");
        let text = fs::read(path.join("trajectory.json")).expect("a file");
        let written: Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(written, printed, "{workload}");
        let tensors = tensors::read(&path.join("trajectory.safetensors")).expect("tensors");
        for number in 0..5 {
            let name = format!("batches.{number}.{inputs}");
            assert!(tensors.contains_key(&name), "{workload}: no {name}");
        }
        let weights = |name: &&String| name.starts_with("parameters.");
        assert!(tensors.keys().filter(weights).count() > 1, "{workload}");
    }
}

#[test]
fn no_escape_codes_reach_a_pipe() {
    let output = limbeck(&["check", "absent.toml", "-vv"]);
    assert!(!output.stderr.contains(&0x1b), "{}", stderr(&output));
}

#[test]
fn check_reports_nothing_that_was_not_measured() {
    let folder = folder_with("task = \"layerwise\"\n[beside_teacher]\nkind = \"bag_of_ngrams\"\n");
    let arguments = ["check", "run.toml", "-s", "distillation.folds=2"];
    let output = limbeck_in(folder.path(), &arguments);
    assert!(
        stdout(&output).contains("beside teacher"),
        "{}",
        stderr(&output)
    );
    assert_eq!(stderr(&output), "", "a rehearsal has no figures to log");
}
