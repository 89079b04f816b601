//! A folder of toolchain files in place of the built-in ones, and how faults in them are refused.

use crosswheel::error::{Error, Exit};
use crosswheel::toolchain::Toolchains;
use crosswheel_shim::plan::{Dialect, Effect};

fn load(name: &str, text: &str) -> Result<Toolchains, Error> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(name), text).expect("written");
    Toolchains::load_dir(folder.path())
}

#[test]
fn a_file_of_another_name_adds_to_the_built_in_ones() {
    let text = "[[names]]\nrole = \"cc\"\ndialect = \"clang\"\nnames = [\"zig-cc\"]\n";
    let toolchains = load("zig.toml", text).expect("sound");
    assert_eq!(toolchains.classify_name("zig-cc").and_then(|found| found.dialect_hint), Some(Dialect::Clang));
    assert!(toolchains.classify_name("gcc").is_some());
}

#[test]
fn a_file_of_the_same_name_replaces_the_built_in_one() {
    let toolchains = load("names.toml", "[[names]]\nrole = \"cc\"\nnames = [\"only\"]\n").expect("sound");
    assert_eq!(toolchains.names().map(|(name, _)| name).collect::<Vec<_>>(), ["only"]);
}

#[test]
fn a_folder_without_toolchain_files_is_refused() {
    let error = load("readme.md", "").err().expect("refused");
    assert!(error.message.ends_with("no *.toml file in this folder"), "{}", error.message);
    assert!(error.hint.is_some());
}

#[test]
fn clang_inherits_from_gcc_less_what_it_reads_in_another_way() {
    let toolchains = Toolchains::builtin().expect("sound");
    let has =
        |dialect, spelling: &str| toolchains.options(dialect).iter().any(|row| row.spelling == spelling);
    assert!(has(Dialect::Gcc, "-isystem") && has(Dialect::Clang, "-isystem"));
    assert!(has(Dialect::Gcc, "-dumpdir") && !has(Dialect::Clang, "-dumpdir"));
    assert!(!has(Dialect::Gcc, "-Xclang") && has(Dialect::Clang, "-Xclang"));
}

#[test]
fn every_table_has_each_spelling_once_in_order() {
    let toolchains = Toolchains::builtin().expect("sound");
    for dialect in Dialect::ALL {
        let rows = toolchains.options(*dialect);
        assert!(rows.windows(2).all(|pair| pair[0].spelling < pair[1].spelling), "{}", dialect.name());
        for row in rows {
            let level = matches!(row.effect, Effect::IsaOn | Effect::IsaOff);
            assert_eq!(row.level > 0, level, "{}", row.spelling);
        }
    }
}

#[test]
fn every_fault_is_refused_with_its_place_and_a_caret() {
    let rule = "[[rules]]\nid = \"r\"\nwhy = \"w\"\ndialects = [\"gcc\"]\n";
    let injection = "[[injections]]\nid = \"i\"\nwhy = \"w\"\ndialects = [\"gcc\"]\nslot = \"before\"\nkinds = [\"link\"]\n";
    let rows: Vec<(String, &str)> = vec![
        ("colour = 1\n".into(), "1:1: unknown field `colour`"),
        ("[options.gc]\n".into(), "1:10: unknown dialect `gc`; did you mean `gcc`?"),
        ("[options.gcc]\n".into(), "1:1: [options.gcc] is in <built-in>/gcc.toml already"),
        ("[[names]]\nrole = \"cc\"\nnames = [\"x\", \"x\"]\n".into(), "3:15: the name `x` is given twice"),
        ("[[names]]\nrole = \"cc\"\nnames = [\"gcc\"]\n".into(), "3:10: the name `gcc` is given twice"),
        (
            format!("{rule}effect = \"marsch\"\naction = \"keep\"\n"),
            "5:10: unknown effect `marsch`; did you mean `march`?",
        ),
        (format!("{rule}effect = \"march\"\naction = \"replace\"\n"), "6:10: `replace` needs `with`"),
        (format!("{rule}effect = \"march\"\naction = \"refuse\"\n"), "6:10: `refuse` needs a `hint`"),
        (
            format!("{rule}effect = \"march\"\naction = \"drop\"\nwith = [\"-x\"]\n"),
            "6:10: `with` goes with the actions `replace` and `answer` alone",
        ),
        (
            format!("{rule}effect = \"march\"\naction = \"answer\"\nwith = [\"x\"]\n"),
            "6:10: `answer` needs `with`, and is for the effect `query`",
        ),
        (
            format!("{rule}effect = \"march\"\naction = \"replace\"\nwith = [\"-march={{levl}}\"]\n"),
            "7:9: unknown placeholder `{levl}`; did you mean `level`?",
        ),
        (format!("{injection}flags = []\n"), "2:6: an injection without flags"),
        (format!("{injection}flags = [\"-x{{mpa}}\"]\n"), "7:10: unknown placeholder `{mpa}`"),
        (
            format!("{injection}flags = [\"-x\"]\nsince = {{ gcc = \"new\" }}\n"),
            "8:17: `new` is no version such as \"11.0\"",
        ),
        (
            "[[probes]]\nname = \"p\"\nwhy = \"w\"\n".into(),
            "2:8: a probe is known by `cwd`, `input` or `output`; this row would fit every call",
        ),
        (
            "[[probes]]\nname = \"p\"\nwhy = \"w\"\ncwd = \"/x/{temp}\"\n".into(),
            "4:7: `/x/{temp}` is no pattern",
        ),
        (
            "[[probes]]\nname = \"p\"\nwhy = \"w\"\ncwd = \"/x\"\noutside = true\n".into(),
            "2:8: `outside` looks at the input's folder",
        ),
    ];
    for (text, expected) in rows {
        let error = load("own.toml", &text).err().unwrap_or_else(|| panic!("accepted:\n{text}"));
        assert_eq!(error.exit, Exit::Usage);
        let (_, place) = error.message.split_once("own.toml:").unwrap_or_else(|| panic!("{}", error.message));
        assert!(place.starts_with(expected), "for\n{text}\nexpected {expected}\ngot      {place}");
        assert!(place.contains('^'), "no caret in {place}");
    }
}

#[test]
fn a_spelling_with_two_meanings_and_one_that_is_not_inherited_are_refused() {
    let twice = "[options.gcc.output]\nseparate = [\"-o\"]\n[options.gcc.library]\njoined = [\"-o\"]\n";
    let error = load("gcc.toml", twice).err().expect("refused");
    assert!(error.message.contains("`-o` is here as "), "{}", error.message);
    let stranger = "[dialect.clang]\ninherits = \"gcc\"\nwithout = [\"-stranger\"]\n";
    let error = load("clang.toml", stranger).err().expect("refused");
    assert!(error.message.contains("clang.toml:3:12: `-stranger` is not inherited"), "{}", error.message);
    let circle = "[dialect.clang]\ninherits = \"clang\"\n";
    let error = load("clang.toml", circle).err().expect("refused");
    assert!(error.message.contains("in a circle: clang from clang"), "{}", error.message);
}
