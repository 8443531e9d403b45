//! A program as a translator: programs that every Unix has, well-behaved and not.
#![cfg(unix)]

use limbeck_data::DataError;
use limbeck_data::pairs::{CommandTranslator, KeptTranslations, Translator};

fn ask(command: &[&str], texts: &[&str]) -> Result<Vec<String>, DataError> {
    let command: Vec<String> = command.iter().map(|&part| part.to_owned()).collect();
    let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
    CommandTranslator::new(&command)?.there_and_back(&texts)
}

fn refused(command: &[&str], texts: &[&str]) -> String {
    ask(command, texts).expect_err("a mistake").to_string()
}

#[test]
fn every_line_is_answered_by_one() {
    let answers = ask(
        &["sed", "s/clear/transparent/"],
        &["a clear varnish", "颜料"],
    );
    assert_eq!(answers.expect("answers"), ["a transparent varnish", "颜料"]);
    assert!(ask(&["cat"], &[]).expect("nothing asked").is_empty());
}

#[test]
fn a_text_is_a_line_whatever_is_in_it() {
    let texts = ["two\nlines\r\n", "", "  ", "last"];
    let answers = ask(&["sed", "s/^/> /"], &texts).expect("answers");
    assert_eq!(answers, ["> two lines", "", "", "> last"]);
}

/// Both pipes are full long before the last text is written.
#[test]
fn much_text_blocks_nobody() {
    let text = "a ".repeat(500);
    let texts: Vec<String> = (0..20_000).map(|n| format!("{text}{n}")).collect();
    let translator = CommandTranslator::new(&["cat".to_owned()]).expect("a program");
    assert_eq!(translator.there_and_back(&texts).expect("answers"), texts);
    let silent = refused(&["sh", "-c", "cat > /dev/null"], &["a", "b"]);
    assert!(
        silent.contains("expected 2 lines, one for each text, found 0"),
        "{silent}"
    );
}

#[test]
fn what_goes_wrong_is_said() {
    let missing = refused(&["no-such-program"], &["a"]);
    assert!(
        missing.contains("pairs.translator") && missing.contains("no-such-program"),
        "{missing}"
    );
    assert!(refused(&[], &["a"]).contains("an empty list"));
    let fewer = refused(&["head", "-n", "1"], &["a", "b", "c"]);
    assert!(
        fewer.contains("translator head: expected 3 lines") && fewer.contains("found 1"),
        "{fewer}"
    );
    let more = refused(&["sed", "p"], &["a"]);
    assert!(
        more.contains("expected 1 lines") && more.contains("found 2"),
        "{more}"
    );
    let failed = refused(&["sh", "-c", "cat; exit 3"], &["a"]);
    assert!(
        failed.contains("translator sh: it ended with exit code 3"),
        "{failed}"
    );
    let killed = refused(&["sh", "-c", "kill -9 $$"], &["a"]);
    assert!(killed.contains("ended with a signal"), "{killed}");
    let bytes = refused(
        &["sh", "-c", "cat > /dev/null; printf 'a\\n\\377\\n'"],
        &["a", "b"],
    );
    assert!(
        bytes.contains("line 2 of its standard output is not UTF-8"),
        "{bytes}"
    );
}

/// A program that ends before it has read much is no broken pipe of ours.
#[test]
fn a_program_that_does_not_listen_is_judged_by_its_answers() {
    let texts = vec!["a text"; 200_000];
    let message = refused(&["true"], &texts);
    assert!(message.contains("expected 200000 lines"), "{message}");
}

/// The program writes a line into a file at every start.
#[test]
fn what_was_translated_is_never_asked_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let [starts, file] = ["starts", "translations.json"].map(|name| folder.path().join(name));
    let script = format!("echo started >> {}; sed 's/$/!/'", starts.display());
    let command = ["sh", "-c", &script].map(str::to_owned);
    let program = CommandTranslator::new(&command).expect("a program");
    let ask = |texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        KeptTranslations::new(&program, &command, &file).there_and_back(&texts)
    };
    let times = || {
        std::fs::read_to_string(&starts)
            .expect("a file")
            .lines()
            .count()
    };
    assert_eq!(ask(&["b", "a", "b"]).expect("answers"), ["b!", "a!", "b!"]);
    assert_eq!(ask(&["a", "b"]).expect("answers"), ["a!", "b!"]);
    assert_eq!(times(), 1);
    assert_eq!(ask(&["a", "new"]).expect("answers"), ["a!", "new!"]);
    assert_eq!(times(), 2);
    let kept = std::fs::read_to_string(&file).expect("the file");
    assert_eq!(
        kept.matches("new!").count(),
        1,
        "asked once, kept once: {kept}"
    );

    let other = ["cat".to_owned()];
    let program = CommandTranslator::new(&other).expect("a program");
    let another = KeptTranslations::new(&program, &other, &file).there_and_back(&["a".into()]);
    let message = another
        .expect_err("translations of another program")
        .to_string();
    assert!(
        message.contains("translations.json") && message.contains("[\"cat\"]"),
        "{message}"
    );
    std::fs::write(&file, &kept[..kept.len() / 2]).expect("half a file");
    assert!(
        ask(&["a"])
            .expect_err("damaged")
            .to_string()
            .contains("broken JSON")
    );
}
