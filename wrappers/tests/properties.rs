//! Properties: what holds for any bytes whatever, found by trying many. Where another program defines what is right
//! (gcc for response files, Python for the record), it is asked.

#![allow(clippy::unwrap_used, reason = "where a test cannot be set up, it fails")]

mod common;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

use common::{driver_rows, injection, row, rule, tool};
use crosswheel_shim::args::response::{self, Files, Line, NoFiles};
use crosswheel_shim::invocation::Invocation;
use crosswheel_shim::paths::matches;
use crosswheel_shim::plan::*;
use crosswheel_shim::probe::Place;
use crosswheel_shim::record::Json;
use crosswheel_shim::rewrite::decide;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

/// Arguments of any bytes but NUL, many of them options that mean something, or pieces of such.
fn argument() -> impl Strategy<Value = Vec<u8>> {
    let known = [
        "-c",
        "-o",
        "-x",
        "c++",
        "none",
        "-E",
        "-S",
        "-MF",
        "-I",
        "-Ix",
        "-march=native",
        "-march=x86-64-v2",
        "-Werror",
        "-Werror=x=2",
        "-Wl,a,b",
        "-l",
        "-lm",
        "--",
        "-",
        "@",
        "@a",
        "@b",
        "@nested",
        "a.c",
        "b.cc",
        "c.o",
        "d.S",
        "-v",
        "--version",
        "",
    ];
    prop_oneof![
        4 => proptest::sample::select(known.map(|text| text.as_bytes().to_vec()).to_vec()),
        1 => vec(1_u8..=255, 0..20),
        1 => "[-@a-c./=, ]{0,8}".prop_map(String::into_bytes),
    ]
}

fn arguments() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(argument(), 0..24)
}

#[derive(Debug)]
struct Table(BTreeMap<Vec<u8>, Vec<u8>>);

impl Files for Table {
    fn read(&self, path: &[u8]) -> Option<Vec<u8>> {
        self.0.get(path).cloned()
    }
}

/// Three files, of which one may name the others.
fn files() -> impl Strategy<Value = Table> {
    vec(vec(argument(), 0..8), 3).prop_map(|contents| {
        let named = [b"a".to_vec(), b"b".to_vec(), b"nested".to_vec()];
        let joined = contents.into_iter().map(|words| response::join(words.iter().map(Vec::as_slice)));
        Table(named.into_iter().zip(joined).collect())
    })
}

fn plan(profile: Option<Profile>) -> Vec<u8> {
    let has = profile.as_ref().map(|_| 0);
    let tools = [
        ("cc", Role::Cc, Dialect::Gcc),
        ("clang++", Role::Cxx, Dialect::Clang),
        ("ld", Role::Ld, Dialect::Ld),
    ]
    .into_iter()
    .chain([
        ("ar", Role::Ar, Dialect::Ar),
        ("strip", Role::Strip, Dialect::Plain),
        ("cpp", Role::Cpp, Dialect::Gcc),
    ]);
    let tools = tools.map(|(name, role, dialect)| Tool {
        real: b"/x".to_vec(),
        profile: has,
        ..tool(name, role, dialect)
    });
    let options = [Dialect::Gcc, Dialect::Clang, Dialect::Ld].map(|dialect| (dialect, driver_rows()));
    write(&PlanData {
        bin: b"/bin".to_vec(),
        scratch: b"/tmp".to_vec(),
        tools: tools.collect(),
        options: options.to_vec(),
        profiles: profile.into_iter().collect(),
        ..PlanData::default()
    })
    .unwrap()
}

/// A profile with every action, none of which fits anything that a caller would write.
fn idle() -> Profile {
    let never = |action| Rule { value: Some(b"\x01 never".to_vec()), ..rule(Effect::March, action, &["x"]) };
    Profile {
        rules: [Action::Drop, Action::Replace, Action::Refuse, Action::Note, Action::Keep]
            .map(never)
            .to_vec(),
        injections: vec![Injection { kinds: Kinds::NONE, ..injection(Slot::After, &["x"]) }],
        ..Profile::default()
    }
}

const PLACE: Place<'_> = Place { cwd: b"/work", temp: b"/tmp" };

/// What each tool of the plan would run with; the arguments, the edits, and whether it was refused.
fn decided(plan: &[u8], argv: &[Vec<u8>], files: &impl Files) -> Vec<(Vec<Vec<u8>>, usize, bool)> {
    let plan = Plan::open(plan).unwrap();
    let args: Vec<&[u8]> = argv.iter().map(Vec::as_slice).collect();
    let mut all = Vec::new();
    for tool in plan.tools().iter() {
        let options = plan.options(tool.dialect());
        let call = Invocation::read(Line::read(&args, files), tool.role(), tool.dialect(), options);
        for probe in [false, true] {
            let decision = decide(&call, tool.profile(), probe, PLACE);
            let args = decision.args.iter().map(|arg| arg.to_vec()).collect();
            all.push((args, decision.edits.len(), decision.refusal.is_some()));
        }
    }
    all
}

proptest! {
    #![proptest_config(Config { cases: 400, failure_persistence: None, ..Config::default() })]

    #[test]
    fn what_is_not_edited_comes_out_byte_for_byte(argv in arguments(), files in files()) {
        for plan in [plan(None), plan(Some(idle()))] {
            for (args, edits, refused) in decided(&plan, &argv, &NoFiles) {
                prop_assert_eq!(&args, &argv);
                prop_assert!(edits == 0 && !refused);
            }
            // With response files too: none was edited, so each is named as before.
            for (args, _, _) in decided(&plan, &argv, &files) {
                prop_assert_eq!(&args, &argv);
            }
        }
    }

    #[test]
    fn an_edit_touches_its_own_argument_alone(argv in arguments(), files in files()) {
        let plan = plan(Some(Profile {
            rules: vec![rule(Effect::March, Action::Replace, &["-march=changed"])],
            ..Profile::default()
        }));
        let plan = Plan::open(&plan).unwrap();
        let args: Vec<&[u8]> = argv.iter().map(Vec::as_slice).collect();
        let call = Invocation::read(Line::read(&args, &files), Role::Cc, Dialect::Gcc, plan.options(Dialect::Gcc));
        let profile = plan.tool(b"cc").and_then(crosswheel_shim::plan::view::Tool::profile);
        let decision = decide(&call, profile, false, PLACE);
        // Read in what still stands as a file; then word for word.
        let rendered: Vec<&[u8]> = decision.args.iter().map(|arg| &**arg).collect();
        let again = Line::read(&rendered, &files);
        if decision.changed() {
            let mut expected: Vec<Vec<u8>> = call.line.words().iter().map(|word| word.text.to_vec()).collect();
            for edit in &decision.edits {
                prop_assert_eq!(edit.before.len(), 1);
                prop_assert!(edit.before[0].starts_with(b"-march="));
                prop_assert_eq!(&*edit.before[0], &expected[edit.at][..]);
                expected[edit.at] = b"-march=changed".to_vec();
            }
            // A word of a file that was read out may itself look like a file's name, as `@a` does when the file it
            // stands in was too deep to be read; the tool reads it then, and so does this.
            if !expected.iter().any(|word| word.starts_with(b"@")) {
                let words: Vec<Vec<u8>> = again.words().iter().map(|word| word.text.to_vec()).collect();
                prop_assert_eq!(words, expected);
            }
        } else {
            prop_assert_eq!(&rendered, &args);
        }
    }

    #[test]
    fn what_was_replaced_is_not_replaced_again(argv in arguments()) {
        let plan = plan(Some(Profile {
            level: 3,
            marches: vec![("x86-64-v2".into(), 2), ("x86-64-v3".into(), 3)],
            rules: vec![
                Rule { value: Some(b"native".to_vec()), ..rule(Effect::March, Action::Replace, &["-march=x86-64-v3"]) },
                Rule { level: LevelTest::Below, ..rule(Effect::March, Action::Replace, &["-march=x86-64-v3"]) },
                rule(Effect::Werror, Action::Drop, &[]),
                rule(Effect::WerrorOne, Action::Replace, &["-W{value}"]),
            ],
            injections: vec![Injection {
                unless: Some(Effect::March),
                ..injection(Slot::Before, &["-march=x86-64-v3"])
            }],
            ..Profile::default()
        }));
        for (index, (once, _, _)) in decided(&plan, &argv, &NoFiles).into_iter().enumerate() {
            let (twice, _, _) = decided(&plan, &once, &NoFiles).swap_remove(index);
            prop_assert_eq!(twice, once);
        }
    }

    #[test]
    fn injected_arguments_are_options_of_the_call_and_never_values_or_files(argv in arguments()) {
        let plan = plan(Some(Profile {
            injections: vec![injection(Slot::Before, &["-Wfirst"]), injection(Slot::After, &["-Wlast"])],
            ..Profile::default()
        }));
        let plan = Plan::open(&plan).unwrap();
        let args: Vec<&[u8]> = argv.iter().map(Vec::as_slice).collect();
        let options = plan.options(Dialect::Clang);
        let call = Invocation::read(Line::read(&args, &NoFiles), Role::Cxx, Dialect::Clang, options);
        let profile = plan.tool(b"clang++").and_then(crosswheel_shim::plan::view::Tool::profile);
        let decision = decide(&call, profile, false, PLACE);
        if decision.changed() {
            let rendered: Vec<&[u8]> = decision.args.iter().map(|arg| &**arg).collect();
            let after = Invocation::read(Line::read(&rendered, &NoFiles), Role::Cxx, Dialect::Clang, options);
            for flag in [&b"-Wfirst"[..], b"-Wlast"] {
                let is_option = after.items.iter().any(|item| {
                    item.what == crosswheel_shim::args::What::Option && after.line.text(item.at) == flag
                });
                prop_assert!(is_option, "{:?}", decision.args);
            }
            // The call does what it did.
            prop_assert_eq!(after.kind, call.kind);
            prop_assert_eq!(&after.outputs, &call.outputs);
            prop_assert_eq!(after.languages, call.languages);
        }
    }

    #[test]
    fn a_response_file_of_ours_holds_what_was_put_in(words in vec(vec(1_u8..=255, 0..12), 0..12)) {
        let content = response::join(words.iter().map(Vec::as_slice));
        prop_assert_eq!(response::split(&content), words);
    }

    #[test]
    fn reading_a_response_file_never_fails_and_its_words_survive_being_written(content in vec(any::<u8>(), 0..60)) {
        let words = response::split(&content);
        let written = response::join(words.iter().map(Vec::as_slice));
        prop_assert_eq!(response::split(&written), words);
    }

    #[test]
    fn a_pattern_matches_what_its_definition_says(pattern in "[ab/*]{0,7}", text in "[ab/]{0,8}") {
        prop_assert_eq!(
            matches(pattern.as_bytes(), text.as_bytes()),
            by_definition(pattern.as_bytes(), text.as_bytes()),
            "{} {}", pattern, text
        );
    }

    #[test]
    fn the_longest_spelling_counts(
        spellings in proptest::collection::btree_map("-[a-c=,]{0,4}", 0_usize..5, 0..12),
        arg in "-[a-c=,]{0,6}",
    ) {
        let rows: Vec<_> = spellings.iter().map(|(text, form)| row(text, Form::ALL[*form], Effect::None)).collect();
        let data = PlanData {
            bin: b"/b".to_vec(),
            scratch: b"/s".to_vec(),
            options: vec![(Dialect::Gcc, rows.clone())],
            ..PlanData::default()
        };
        let bytes = write(&data).unwrap();
        let found = Plan::open(&bytes).unwrap().options(Dialect::Gcc).find(arg.as_bytes()).map(crosswheel_shim::plan::view::Row::spelling);
        let fits = |row: &&OptionRow| match row.form {
            Form::Flag | Form::Separate => row.spelling == arg,
            _ => arg.starts_with(&row.spelling),
        };
        let expected = rows.iter().filter(fits).max_by_key(|row| row.spelling.len());
        prop_assert_eq!(found, expected.map(|row| row.spelling.as_bytes()));
    }
}

/// The definition of a pattern, slow and plain.
fn by_definition(pattern: &[u8], text: &[u8]) -> bool {
    if let Some(rest) = pattern.strip_prefix(b"**") {
        return (0..=text.len()).any(|at| by_definition(rest, &text[at..]));
    }
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len())
            .take_while(|at| !text[..*at].contains(&b'/'))
            .any(|at| by_definition(rest, &text[at..])),
        Some((byte, rest)) => {
            text.split_first().is_some_and(|(t, after)| t == byte && by_definition(rest, after))
        }
    }
}

/// Some values of a strategy, the same each time.
fn some<T>(strategy: &impl Strategy<Value = T>, count: usize) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// Contents of response files whose words can all be names of files, with the words as we read them.
fn lists_of_names(count: usize) -> Vec<(Vec<u8>, Vec<Vec<u8>>)> {
    let letters = proptest::sample::select(b"ab \t\n'\"\\".to_vec());
    let contents = some(&vec(letters, 1..24), count).into_iter();
    let read = contents.map(|content| (response::split(&content), content));
    // An archive cannot hold a name with a newline.
    let usable = read.filter(|(words, _)| {
        !words.is_empty() && !words.iter().any(|word| word.is_empty() || word.contains(&b'\n'))
    });
    let lists: Vec<_> = usable.map(|(words, content)| (content, words)).collect();
    assert!(lists.len() > count / 4, "{}", lists.len());
    lists
}

/// A folder with files of these names, and their list in `list@`.
fn with_files(content: &[u8], words: &[Vec<u8>]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for word in words {
        fs::write(folder.path().join(OsStr::from_bytes(word)), "x").unwrap();
    }
    fs::write(folder.path().join("list@"), content).unwrap();
    folder
}

#[test]
fn gcc_reads_a_response_file_as_we_do() {
    // A program of ours in place of the linker shows which files gcc wants linked.
    let helper = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/linker/");
    for (content, words) in lists_of_names(120) {
        let folder = with_files(&content, &words);
        let mut command = Command::new("gcc");
        command.args(["-B", helper, "-nostdlib", "@list@"]).current_dir(folder.path());
        let output = command.env("SHOWN", folder.path().join("shown@")).output().unwrap();
        assert!(output.status.success(), "{content:?}: {}", String::from_utf8_lossy(&output.stderr));
        // gcc hands a response file on as one of its own writing.
        let shown = response::split(&fs::read(folder.path().join("shown@")).unwrap());
        let start = shown.iter().position(|arg| *arg == words[0]).expect("the first word");
        assert_eq!(shown[start..start + words.len()], words, "{content:?}");
    }
}

#[test]
fn binutils_reads_a_response_file_as_we_do() {
    for (content, words) in lists_of_names(300) {
        let folder = with_files(&content, &words);
        let ar = |args: &[&str]| {
            Command::new("ar").args(args).current_dir(folder.path()).env("LC_ALL", "C").output().unwrap()
        };
        let output = ar(&["qcS", "lib@.a", "@list@"]);
        assert!(output.status.success(), "{content:?}: {}", String::from_utf8_lossy(&output.stderr));
        let expected: Vec<u8> = words.iter().flat_map(|word| [word.as_slice(), b"\n"].concat()).collect();
        assert_eq!(ar(&["t", "lib@.a"]).stdout, expected, "{content:?}");
    }
}

#[test]
fn python_reads_texts_of_the_record_back_to_the_same_bytes() {
    let mut texts = some(&vec(any::<u8>(), 0..30), 400);
    texts.extend((0..=255).map(|byte| vec![byte]));
    texts.extend(
        ["é", "\u{10ffff}", "\u{2028}", "\u{7f}", "\"\\/\u{8}\u{c}"].map(|text| text.as_bytes().to_vec()),
    );
    // A surrogate as UTF-8 would write it, which no UTF-8 holds; a character that is cut short.
    texts.extend([b"\xed\xb2\x80".to_vec(), b"\xed\xa0\x80\xed\xb0\x80".to_vec(), b"\xf0\x9f\x98".to_vec()]);
    let mut lines = Vec::new();
    for text in &texts {
        let mut json = Json::default();
        json.text(text);
        lines.extend_from_slice(json.bytes());
        lines.push(b'\n');
    }
    let script = "import json, sys\n\
        for line in sys.stdin.buffer: print(json.loads(line).encode('utf-8', 'surrogateescape').hex())";
    let mut python = Command::new("python3");
    let mut python =
        python.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = python.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&lines).unwrap());
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let told = String::from_utf8(output.stdout).unwrap();
    let hex = |text: &[u8]| text.iter().fold(String::new(), |all, byte| format!("{all}{byte:02x}"));
    let expected: Vec<_> = texts.iter().map(|text| hex(text)).collect();
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn words_of_a_line_are_borrowed_where_no_file_was_read() {
    // The hot path copies nothing.
    let argv: [&[u8]; 3] = [b"-c", b"a.c", b"@missing"];
    let line = Line::read(&argv, &NoFiles);
    assert!(line.words().iter().all(|word| matches!(word.text, Cow::Borrowed(_))));
}
