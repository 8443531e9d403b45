//! Tables of recordings, strings of them, and the frames of each.

use std::collections::BTreeMap;
use std::path::Path;

use limbeck_data::DataError;
use limbeck_data::speech::{
    Clip, LogMel, LogMelOptions, Recording, RecordingColumns, by_speaker, join_strings,
    read_recordings,
};

fn assert_message(error: &DataError, path: &Path, words: &[&str]) {
    let message = error.to_string();
    assert_eq!(error.path(), Some(path), "{message}");
    for word in words {
        assert!(message.contains(word), "{word:?} is missing in: {message}");
    }
}

/// A table of these lines beside WAV files `0.wav` to `9.wav` of 800 samples, of which the first is
/// the file's number in 16 bits.
fn table(lines: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    for number in 0..10i16 {
        let path = folder.path().join(format!("{number}.wav"));
        let mut writer = hound::WavWriter::create(path, spec).expect("a file");
        for sample in 0..800 {
            let value = if sample == 0 { number } else { 1000 };
            writer.write_sample(value).expect("a sample");
        }
        writer.finalize().expect("a whole file");
    }
    std::fs::write(folder.path().join("train.tsv"), lines).expect("a table");
    folder
}

#[test]
fn tables_are_read_by_their_columns() {
    let folder = table("one\t0.wav\tann\r\n\n two \t1.wav\tben\tmore\n");
    let read = |columns: &RecordingColumns| read_recordings(folder.path(), "train.tsv", columns);
    let recordings = read(&RecordingColumns::default()).expect("a good table");
    let expected = |label: &str, file: &str, speaker: &str| Recording {
        label: label.into(),
        path: folder.path().join(file),
        speaker: speaker.into(),
    };
    assert_eq!(
        recordings,
        [
            expected("one", "0.wav", "ann"),
            expected("two", "1.wav", "ben")
        ]
    );
    let swapped = RecordingColumns {
        label: 2,
        speaker: 0,
        ..RecordingColumns::default()
    };
    let recordings = read(&swapped).expect("a good table");
    assert_eq!(recordings[1], expected("ben", "1.wav", "two"));
}

#[test]
fn wrong_tables_are_named_with_their_line() {
    for (lines, line, words) in [
        (
            "1\t0.wav\ta\n2\t1.wav\n",
            2,
            ["the speaker in column 2", "2\\t1.wav"],
        ),
        ("\n1\t\ta\n", 2, ["the path in column 1", "1\\t\\ta"]),
        ("1\tten.wav\ta\n", 1, ["the path of a WAV file", "ten.wav"]),
        ("1\t.\ta\n", 1, ["the path of a WAV file", "is no file"]),
        (
            "1\t0.wav\ta\n2\t0.wav\ta\n",
            2,
            ["of its own", "as in line 1"],
        ),
    ] {
        let folder = table(lines);
        let columns = RecordingColumns::default();
        let error = read_recordings(folder.path(), "train.tsv", &columns).unwrap_err();
        assert_eq!(error.line(), Some(line), "{error}");
        assert_message(&error, &folder.path().join("train.tsv"), &words);
    }
    let folder = table("\n");
    let read = |name: &str| read_recordings(folder.path(), name, &RecordingColumns::default());
    assert!(matches!(read("train.tsv"), Err(DataError::Empty { .. })));
    assert!(matches!(read("dev.tsv"), Err(DataError::Missing { .. })));
}

/// Recordings of three speakers, who take turns unevenly: 40 of `a`, 13 of `b`, 2 of `c`.
fn three_speakers() -> Vec<Recording> {
    let speaker = |n: usize| match n {
        0 | 54 => "c",
        n if n % 4 == 1 && n < 53 => "b",
        _ => "a",
    };
    let recording = |n: usize| Recording {
        label: n.to_string(),
        path: format!("{n}.wav").into(),
        speaker: speaker(n).into(),
    };
    (0..55).map(recording).collect()
}

#[test]
fn strings_are_of_one_speaker_and_hold_every_recording_once() {
    let recordings = three_speakers();
    let strings = join_strings(&recordings, 3..=6, 5).expect("lengths");
    let mut seen: Vec<usize> = strings.concat();
    seen.sort_unstable();
    assert_eq!(seen, (0..55).collect::<Vec<_>>());
    let mut counts = BTreeMap::new();
    for string in &strings {
        let speaker = &recordings[string[0]].speaker;
        assert!(
            string
                .iter()
                .all(|&row| &recordings[row].speaker == speaker)
        );
        let shortest = if speaker == "c" { 2 } else { 3 };
        assert!((shortest..=6).contains(&string.len()), "{string:?}");
        *counts.entry(speaker.as_str()).or_insert(0) += string.len();
    }
    assert_eq!(counts, BTreeMap::from([("a", 40), ("b", 13), ("c", 2)]));
    // Neither in the order of the list nor of one length: both are drawn.
    assert!(
        strings
            .iter()
            .any(|s| s.windows(2).any(|pair| pair[0] > pair[1]))
    );
    let lengths: std::collections::BTreeSet<usize> = strings.iter().map(Vec::len).collect();
    assert!(lengths.len() > 2, "{lengths:?}");
}

#[test]
fn strings_follow_from_the_seed_and_the_speaker_alone() {
    let recordings = three_speakers();
    let strings = |recordings: &[Recording], seed| {
        let strings = join_strings(recordings, 3..=6, seed).expect("lengths");
        let label = |row: &usize| recordings[*row].label.clone();
        let of_b = strings
            .iter()
            .filter(|string| recordings[string[0]].speaker == "b");
        of_b.map(|string| string.iter().map(label).collect())
            .collect::<Vec<Vec<_>>>()
    };
    let first = strings(&recordings, 5);
    assert_eq!(first, strings(&recordings, 5));
    assert_ne!(first, strings(&recordings, 6));
    let alone: Vec<Recording> = recordings
        .iter()
        .filter(|r| r.speaker == "b")
        .cloned()
        .collect();
    assert_eq!(first, strings(&alone, 5));

    assert_eq!(
        join_strings(&[], 3..=6, 1).expect("lengths"),
        Vec::<Vec<usize>>::new()
    );
    for (shortest, longest) in [(0, 3), (4, 3)] {
        let error = join_strings(&recordings, shortest..=longest, 1).unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&format!("{shortest} to {longest}")),
            "{error}"
        );
    }
}

#[test]
fn speakers_divide_recordings() {
    let recordings = three_speakers();
    let names = |names: &[&str]| names.iter().map(|n| n.to_string()).collect::<Vec<_>>();
    let split = by_speaker(&recordings, &names(&["b"]), &names(&["c"])).expect("a split");
    assert_eq!(
        (split.train.len(), split.dev.len(), split.test.len()),
        (40, 2, 13)
    );
    assert!(split.train.iter().all(|recording| recording.speaker == "a"));
    assert!(split.test.iter().all(|recording| recording.speaker == "b"));
    for (test, dev, words) in [
        (vec!["d"], vec![], ["test_speakers", "a, b, c", "\"d\""]),
        (vec!["b"], vec!["A"], ["dev_speakers", "a, b, c", "\"A\""]),
        (
            vec!["b"],
            vec!["b"],
            ["dev_speakers", "one place", "\"b\" twice"],
        ),
        (
            vec!["a", "b", "c"],
            vec![],
            ["to train on", "a, b, c", "none"],
        ),
    ] {
        let error = by_speaker(&recordings, &names(&test), &names(&dev)).unwrap_err();
        for word in words {
            assert!(error.to_string().contains(word), "{word:?}: {error}");
        }
    }
}

const TABLE: &str = "zero\t0.wav\tann\none\t1.wav\tann\ntwo\t2.wav\tann\nthree\t3.wav\tben\n";

#[test]
fn a_clip_is_its_recordings_end_to_end() {
    let folder = table(TABLE);
    let columns = RecordingColumns::default();
    let recordings = read_recordings(folder.path(), "train.tsv", &columns).expect("a table");
    let clip = Clip::read(&recordings, &[2, 0], 8000).expect("a clip");
    assert_eq!((clip.name.as_str(), clip.speaker.as_str()), ("2+0", "ann"));
    assert_eq!(clip.samples.len(), 1600);
    assert_eq!(clip.samples[0], 2.0 / 32768.0);
    assert_eq!(clip.samples[800], 0.0);
    let ends: Vec<_> = clip
        .segments
        .iter()
        .map(|s| (s.start, s.end, s.label.as_str()))
        .collect();
    assert_eq!(ends, [(0, 800, "two"), (800, 1600, "zero")]);
    // Half the rate: half the samples, and the borders with them.
    let clip = Clip::read(&recordings, &[0, 1, 2], 4000).expect("a clip");
    assert_eq!(clip.samples.len(), 1200);
    assert_eq!(clip.segments[1].start..clip.segments[1].end, 400..800);

    for (string, word) in [
        (vec![0, 9], "below 4"),
        (vec![], "one recording"),
        (vec![0, 3], "\"ben\""),
    ] {
        let error = Clip::read(&recordings, &string, 8000).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
    let error = Clip::read(&recordings, &[1], 5).unwrap_err();
    assert_message(
        &error,
        &folder.path().join("1.wav"),
        &["changed to 5", "8000"],
    );
}

#[test]
fn each_frame_belongs_to_the_segment_with_its_middle() {
    let folder = table(TABLE);
    let columns = RecordingColumns::default();
    let recordings = read_recordings(folder.path(), "train.tsv", &columns).expect("a table");
    let mut clip = Clip::read(&recordings, &[0, 1, 2], 8000).expect("a clip");
    let mel = LogMel::new(&LogMelOptions::default()).expect("options");
    // 2,400 samples, windows of 200 every 80: 28 frames with middles at 100, 180, 260, ...; 780 is the
    // last one before 800 (frame 8) and 1,540 the last before 1,600 (frame 18).
    assert_eq!(clip.frames(&mel).expect("frames"), [0..9, 9..19, 19..28]);
    assert_eq!(mel.features(&clip.samples).frames, 28);
    // A middle on the border belongs to what begins there: frame 9 is at 820.
    (clip.segments[0].end, clip.segments[1].start) = (820, 820);
    assert_eq!(clip.frames(&mel).expect("frames")[0], 0..9);
    (clip.segments[0].end, clip.segments[1].start) = (821, 821);
    assert_eq!(clip.frames(&mel).expect("frames")[0], 0..10);
    // No middle is before 100, and none between 1,540 and 1,620.
    (clip.segments[0].end, clip.segments[1].start) = (100, 100);
    let error = clip.frames(&mel).unwrap_err();
    assert_message(
        &error,
        &folder.path().join("0.wav"),
        &["100 samples", "0+1+2"],
    );
    (clip.segments[0].end, clip.segments[1].start) = (1541, 1541);
    let error = clip.frames(&mel).unwrap_err();
    assert_message(&error, &folder.path().join("1.wav"), &["59 samples"]);
    // Fewer samples than a window are one frame, which is the last segment's.
    clip.segments.truncate(1);
    clip.segments[0].end = 50;
    clip.samples.truncate(50);
    let frames = clip.frames(&mel).expect("frames");
    assert_eq!((frames.len(), frames[0].clone()), (1, 0..1));
}
