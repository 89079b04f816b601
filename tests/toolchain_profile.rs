//! Profiles: what is asked of one compiler's calls for a family under a policy.

use std::path::PathBuf;

use crosswheel::error::Exit;
use crosswheel::toolchain::Toolchains;
use crosswheel::toolchain::oracle::{CompilerOracle, FlagOracle};
use crosswheel::toolchain::profile::{Compiled, CompilerFacts, Reproducible, profile};
use crosswheel::topology::{Family, Level, MarchNative, Policy, PolicyFlags, Target, Topology, Werror};
use crosswheel_shim::plan::{
    Action, Dialect, Effect, Injection, Kind, Kinds, Language, Languages, LevelTest, Profile, Role, Slot,
};

/// Knows C and C++; objects to flags with `c-only` for C++ and to flags with `unknown` everywhere.
struct Fake;

impl FlagOracle for Fake {
    fn objection(&self, flags: &[String], language: Language) -> Option<String> {
        let has = |word: &str| flags.iter().any(|flag| flag.contains(word));
        match language {
            Language::C if has("unknown") => Some("no such option".into()),
            Language::Cxx if has("unknown") || has("c-only") => Some("not valid for C++".into()),
            Language::C | Language::Cxx => None,
            _ => Some("no front end".into()),
        }
    }
}

fn gcc() -> CompilerFacts<'static> {
    CompilerFacts {
        name: "gcc".into(),
        dialect: Dialect::Gcc,
        role: Role::Cc,
        machine: "x86_64-linux-gnu".into(),
        version: (12, 2, 0),
        cross: None,
        linker: "GNU ld (GNU Binutils for Debian) 2.40".into(),
        oracle: &Fake,
    }
}

fn family(name: &str) -> Family {
    Topology::builtin().and_then(|topology| topology.family(name)).expect("a family")
}

fn compile(facts: &CompilerFacts, family: &Family, policy: &Policy) -> Compiled {
    let toolchains = Toolchains::builtin().expect("sound");
    profile(&toolchains, facts, family, policy, None).unwrap_or_else(|e| panic!("{}", e.message))
}

fn refused(facts: &CompilerFacts, name: &str) -> String {
    let toolchains = Toolchains::builtin().expect("sound");
    let family = family(name);
    let error = profile(&toolchains, facts, &family, &family.policy, None).expect_err("refused");
    assert_eq!(error.exit, Exit::Usage);
    assert!(error.hint.is_some(), "{}", error.message);
    error.message
}

fn injected<'a>(profile: &'a Profile, rule: &str) -> Vec<&'a Injection> {
    profile.injections.iter().filter(|injection| injection.rule == rule).collect()
}

fn texts(flags: &[Vec<u8>]) -> Vec<String> {
    flags.iter().map(|flag| String::from_utf8_lossy(flag).into_owned()).collect()
}

/// The first rule that fits an option, as the shim looks for it: its name and action, and what it puts there.
fn decided(profile: &Profile, effect: Effect, value: &str, level: u8, probe: bool) -> String {
    let test = |test: LevelTest| match test {
        LevelTest::Any => true,
        LevelTest::Below => level > 0 && level < profile.level,
        LevelTest::Equal => level == profile.level,
        LevelTest::Above => level > profile.level,
        LevelTest::Within => level > 0 && level <= profile.level,
        LevelTest::Unknown => level == 0,
    };
    let rule = profile.rules.iter().find(|rule| {
        rule.effect == effect
            && rule.value.as_ref().is_none_or(|asked| asked == value.as_bytes())
            && test(rule.level)
            && (rule.probes || !probe)
            && rule.kinds.has(Kind::Compile)
    });
    match rule {
        None => "untouched".into(),
        Some(rule) if rule.action == Action::Replace => {
            format!("{} replace {}", rule.rule, texts(&rule.with).join(" "))
        }
        Some(rule) => format!("{} {}", rule.rule, rule.action.name()),
    }
}

#[test]
fn the_host_family_changes_nothing() {
    let compiled = compile(&gcc(), &family("host"), &Policy::default());
    assert_eq!(compiled, Compiled::default());
}

#[test]
fn a_level_is_put_in_before_and_the_marker_at_links_alone() {
    for (name, level) in [("x86-64-v2", 2), ("x86-64-v3", 3), ("x86-64-v4", 4)] {
        let Compiled { profile, left_out } = compile(&gcc(), &family(name), &Policy::default());
        assert_eq!((profile.level, left_out.len()), (level, 0));
        let [isa] = injected(&profile, "isa-level")[..] else { panic!("one isa-level") };
        assert_eq!(texts(&isa.flags), [format!("-march={name}")]);
        assert_eq!((isa.slot, isa.probes, isa.unless), (Slot::Before, true, Some(Effect::March)));
        let kinds = Kinds::of(&[Kind::Preprocess, Kind::Compile, Kind::Assemble, Kind::Link]);
        assert_eq!(isa.kinds, kinds);
        // `gcc a.c b.s` is one call: an assembly source beside it must not keep the level from the C.
        assert_eq!(isa.languages, Languages::ALL);
        let [marker] = injected(&profile, "isa-marker")[..] else { panic!("one isa-marker") };
        assert_eq!(texts(&marker.flags), [format!("-Wl,-z,{name}")]);
        assert_eq!((marker.kinds, marker.languages), (Kinds::of(&[Kind::Link]), Languages::NONE));
        assert_eq!((marker.probes, marker.unless), (false, Some(Effect::Unmarked)));
    }
}

#[test]
fn a_level_is_a_floor() {
    let Compiled { profile, .. } = compile(&gcc(), &family("x86-64-v3"), &Policy::default());
    let toolchains = Toolchains::builtin().expect("sound");
    assert_eq!(profile.marches, toolchains.marches());
    let march =
        |value: &str| profile.marches.iter().find(|(name, _)| name == value).map_or(0, |(_, level)| *level);
    let rows = [
        (Effect::March, "native", "march-native replace -march=x86-64-v3"),
        (Effect::March, "x86-64", "march-floor replace -march=x86-64-v3"),
        (Effect::March, "sandybridge", "march-floor replace -march=x86-64-v3"),
        (Effect::March, "x86-64-v3", "march-own keep"),
        (Effect::March, "haswell", "march-processor note"),
        (Effect::March, "skylake-avx512", "march-above note"),
        (Effect::March, "armv8-a", "march-unknown refuse"),
        (Effect::Mtune, "native", "mtune-native replace -mtune=generic"),
        (Effect::Mtune, "haswell", "untouched"),
        (Effect::Machine, "", "machine-other refuse"),
        (Effect::Machine, "aarch64-linux-gnu", "machine-other refuse"),
        (Effect::Machine, "x86_64-linux-gnu", "machine-own keep"),
        (Effect::Machine, "x86_64-pc-linux-gnu", "machine-own keep"),
        (Effect::Werror, "", "untouched"),
    ];
    for (effect, value, expected) in rows {
        assert_eq!(decided(&profile, effect, value, march(value), false), expected, "{value}");
    }
    assert_eq!(decided(&profile, Effect::IsaOff, "", 3, false), "isa-off drop");
    assert_eq!(decided(&profile, Effect::IsaOff, "", 4, false), "untouched");
    assert_eq!(decided(&profile, Effect::IsaOn, "", 3, false), "untouched");
    assert_eq!(decided(&profile, Effect::IsaOn, "", 4, false), "isa-above note");
    assert_eq!(decided(&profile, Effect::IsaOn, "", 5, false), "isa-above note");
}

#[test]
fn a_probe_gets_the_target_and_is_never_refused() {
    let mut policy = Policy { march_native: MarchNative::Refuse, ..Policy::default() };
    for werror in Werror::ALL {
        policy.werror = werror;
        policy.werror_flags = vec!["return-type".into()];
        let Compiled { profile, .. } = compile(&gcc(), &family("x86-64-v3"), &policy);
        for rule in &profile.rules {
            assert!(rule.action != Action::Refuse || !rule.probes, "{} refuses probes", rule.rule);
            assert!(!rule.rule.starts_with("werror") || !rule.probes, "{} changes probes", rule.rule);
        }
        for injection in &profile.injections {
            assert_eq!(injection.probes, injection.rule == "isa-level", "{}", injection.rule);
        }
        assert_eq!(
            decided(&profile, Effect::March, "native", 0, true),
            "march-native replace -march=x86-64-v3"
        );
        assert_eq!(decided(&profile, Effect::March, "native", 0, false), "march-native refuse");
    }
}

#[test]
fn every_refusal_says_what_can_be_done() {
    let policy = Policy { march_native: MarchNative::Refuse, ..Policy::default() };
    let Compiled { profile, .. } = compile(&gcc(), &family("x86-64-v2"), &policy);
    let refusals: Vec<_> = profile.rules.iter().filter(|rule| rule.action == Action::Refuse).collect();
    assert_eq!(refusals.len(), 3);
    for rule in refusals {
        assert!(!rule.hint.is_empty() && !rule.hint.contains('{'), "{}: {}", rule.rule, rule.hint);
    }
}

#[test]
fn a_level_is_refused_for_a_compiler_of_another_machine() {
    let other = CompilerFacts { machine: "aarch64-linux-gnu".into(), ..gcc() };
    assert_eq!(
        refused(&other, "x86-64-v3"),
        "the family `x86-64-v3` is for x86_64, and gcc makes code for aarch64-linux-gnu"
    );
    let unknown = CompilerFacts { machine: String::new(), ..gcc() };
    assert!(refused(&unknown, "x86-64-v3").ends_with("gcc makes code for an unknown machine"));
}

#[test]
fn a_level_is_refused_for_a_compiler_that_does_not_know_it() {
    let old = CompilerFacts { version: (10, 2, 1), ..gcc() };
    assert_eq!(
        refused(&old, "x86-64-v3"),
        "gcc does not know -march=x86-64-v3: it is 10.2, and 11.0 is the first that does"
    );
    let clang = CompilerFacts { dialect: Dialect::Clang, version: (11, 0, 1), ..gcc() };
    assert!(refused(&clang, "x86-64-v2").contains("12.0 is the first"));
    assert!(compile(&old, &family("host"), &Policy::default()).profile.rules.is_empty());
}

#[test]
fn the_marker_is_left_out_with_a_reason_where_the_linker_does_not_know_it() {
    let rows = [
        ("", "its linker is not known, and only GNU ld is known to take it"),
        ("LLD 14.0.6 (compatible with GNU linkers)", "its linker is not GNU ld: LLD 14.0.6"),
        ("GNU gold (GNU Binutils for Debian 2.40) 1.16", "its linker is not GNU ld: GNU gold"),
        ("GNU ld (GNU Binutils) 2.35.2", "GNU ld 2.36 is the first that takes it"),
        ("GNU ld version 2.30-123.el8", "GNU ld 2.36 is the first that takes it"),
    ];
    for (linker, why) in rows {
        let facts = CompilerFacts { linker: linker.into(), ..gcc() };
        let Compiled { profile, left_out } = compile(&facts, &family("x86-64-v3"), &Policy::default());
        assert!(injected(&profile, "isa-marker").is_empty(), "{linker}");
        assert_eq!(left_out.len(), 1);
        assert_eq!(
            (left_out[0].rule.as_str(), left_out[0].what.as_str()),
            ("isa-marker", "-Wl,-z,x86-64-v3")
        );
        assert!(left_out[0].why.starts_with(why), "{}", left_out[0].why);
    }
}

#[test]
fn a_linker_called_by_name_gets_the_marker_as_two_arguments() {
    let ld = CompilerFacts {
        name: "ld".into(),
        dialect: Dialect::Ld,
        role: Role::Ld,
        machine: String::new(),
        ..gcc()
    };
    let Compiled { profile, .. } = compile(&ld, &family("x86-64-v3"), &Policy::default());
    assert_eq!(profile.injections.len(), 1);
    assert_eq!(texts(&profile.injections[0].flags), ["-z", "x86-64-v3"]);
}

#[test]
fn added_warnings_go_behind_into_the_languages_that_know_them() {
    let policy = Policy {
        werror: Werror::Add,
        werror_flags: vec!["return-type".into(), "c-only".into(), "unknown".into()],
        ..Policy::default()
    };
    let Compiled { profile, left_out } = compile(&gcc(), &family("host"), &policy);
    let added = injected(&profile, "werror-add");
    let flags: Vec<_> = added.iter().map(|one| (texts(&one.flags)[0].clone(), one.languages)).collect();
    assert_eq!(
        flags,
        [
            ("-Werror=return-type".to_owned(), Languages::of(&[Language::C, Language::Cxx])),
            ("-Werror=c-only".to_owned(), Languages::of(&[Language::C])),
        ]
    );
    for one in added {
        assert_eq!((one.slot, one.probes), (Slot::After, false));
        assert_eq!(one.kinds, Kinds::of(&[Kind::Compile, Kind::Link]));
    }
    let left: Vec<_> = left_out.iter().map(|left| format!("{}: {}", left.what, left.why)).collect();
    assert_eq!(
        left,
        [
            "-Werror=c-only: not for c++: not valid for C++",
            "-Werror=unknown: not for c: no such option",
            "-Werror=unknown: not for c++: not valid for C++",
        ]
    );
}

#[test]
fn a_warning_that_needs_another_is_asked_about_behind_it() {
    let path = which::which("gcc").expect("gcc");
    let oracle = CompilerOracle::new(&path, None);
    let policy = |list: &[&str]| Policy {
        werror: Werror::Add,
        werror_flags: list.iter().map(|name| (*name).to_owned()).collect(),
        ..Policy::default()
    };
    let facts = CompilerFacts { oracle: &oracle, ..gcc() };
    let put = |policy: &Policy| compile(&facts, &family("host"), policy).profile.injections.len();
    assert_eq!(put(&policy(&["format-security"])), 0);
    assert_eq!(put(&policy(&["format", "format-security"])), 2);
}

#[test]
fn dropped_errors_leave_their_warning_on() {
    let policy = Policy { werror: Werror::Drop, ..Policy::default() };
    let Compiled { profile, .. } = compile(&gcc(), &family("host"), &policy);
    assert_eq!(decided(&profile, Effect::Werror, "", 0, false), "werror-drop drop");
    assert_eq!(decided(&profile, Effect::WerrorOne, "format=2", 0, false), "werror-drop replace -W{value}");
    assert_eq!(decided(&profile, Effect::Werror, "", 0, true), "untouched");
    assert_eq!(profile.demote, None);
}

#[test]
fn demotion_is_asked_for_by_its_policy_alone() {
    for werror in Werror::ALL {
        let policy = Policy { werror, ..Policy::default() };
        let demote = compile(&gcc(), &family("host"), &policy).profile.demote;
        assert_eq!(demote.is_some(), werror == Werror::Demote);
        if let Some(demote) = demote {
            assert_eq!(
                (texts(&demote.flags), demote.each),
                (vec!["-Wno-error".into()], b"-Wno-error=".to_vec())
            );
        }
    }
}

#[test]
fn a_policys_own_flags_go_where_it_says_and_where_the_compiler_takes_them() {
    let flags = |flag: &str, languages, kinds| PolicyFlags {
        flags: vec![flag.into()],
        slot: Slot::Before,
        languages,
        kinds,
        probes: true,
        why: "because".into(),
    };
    let both = Languages::of(&[Language::C, Language::Cxx]);
    let policy = Policy {
        flags: vec![
            flags("-fc-only", both, Kinds::of(&[Kind::Compile])),
            flags("-funknown", both, Kinds::of(&[Kind::Compile])),
            flags("-Wl,-z,now", Languages::NONE, Kinds::of(&[Kind::Link])),
        ],
        ..Policy::default()
    };
    let Compiled { profile, left_out } = compile(&gcc(), &family("host"), &policy);
    let put: Vec<_> =
        profile.injections.iter().map(|one| (texts(&one.flags).concat(), one.languages)).collect();
    assert_eq!(
        put,
        [("-fc-only".to_owned(), Languages::of(&[Language::C])), ("-Wl,-z,now".to_owned(), Languages::NONE),]
    );
    assert!(
        profile.injections.iter().all(|one| one.why == "because" && one.probes && one.slot == Slot::Before)
    );
    assert_eq!(left_out.len(), 3);
}

#[test]
fn reproducible_builds_map_folders_with_the_deepest_last() {
    let toolchains = Toolchains::builtin().expect("sound");
    let wanted = Reproducible {
        maps: vec![
            (PathBuf::from("/build/pkg"), ".".into()),
            (PathBuf::from("/b"), "b".into()),
            (PathBuf::from("/a=b"), "c".into()),
        ],
    };
    let host = family("host");
    let made = |facts: &CompilerFacts| {
        profile(&toolchains, facts, &host, &host.policy, Some(&wanted))
            .unwrap_or_else(|e| panic!("{}", e.message))
    };
    let Compiled { profile, left_out } = made(&gcc());
    let [map] = injected(&profile, "prefix-map")[..] else { panic!("one prefix-map") };
    assert_eq!(texts(&map.flags), ["-ffile-prefix-map=/b=b", "-ffile-prefix-map=/build/pkg=."]);
    assert!(!map.probes);
    assert_eq!(left_out[0].what, "-ffile-prefix-map=/a=b");
    let [seed] = injected(&profile, "random-seed")[..] else { panic!("one random-seed") };
    assert_eq!(
        (texts(&seed.flags)[0].as_str(), seed.unless),
        ("-frandom-seed={source}", Some(Effect::RandomSeed))
    );

    let old = made(&CompilerFacts { version: (7, 5, 0), ..gcc() });
    assert!(injected(&old.profile, "prefix-map").is_empty());
    assert!(old.left_out[0].why.contains("8.0 is the first"), "{}", old.left_out[0].why);

    let tool = |dialect, role| {
        let facts = CompilerFacts { dialect, role, machine: String::new(), ..gcc() };
        made(&facts).profile.injections.iter().map(|one| texts(&one.flags).concat()).collect::<Vec<_>>()
    };
    assert_eq!(tool(Dialect::Ar, Role::Ar), ["D"]);
    assert_eq!(tool(Dialect::Plain, Role::Ranlib), ["-D"]);
    assert!(tool(Dialect::Plain, Role::Nm).is_empty());
}

#[test]
fn hipcc_and_launchers_are_recorded_and_not_changed() {
    for role in [Role::Hip, Role::Launcher] {
        let facts = CompilerFacts { role, dialect: Dialect::Clang, ..gcc() };
        assert_eq!(compile(&facts, &family("x86-64-v3"), &Policy::default()), Compiled::default());
    }
}

#[test]
fn a_level_with_a_target_of_this_machine_cannot_be_made() {
    // Only a file could say so, and it is refused there; a family made in code is checked by its target.
    let family = Family {
        level: Level::parse("x86-64-v3"),
        target: Target {
            name: "x".into(),
            machine: "riscv64".into(),
            os: "linux".into(),
            libc: "gnu".into(),
            oldest_libc: None,
        },
        ..family("host")
    };
    let toolchains = Toolchains::builtin().expect("sound");
    assert!(profile(&toolchains, &gcc(), &family, &family.policy, None).is_err());
}

#[test]
fn the_real_compilers_say_which_warnings_they_know() {
    let rows = [
        ("gcc", "return-type", vec![Language::C, Language::Cxx]),
        ("gcc", "implicit-function-declaration", vec![Language::C]),
        ("gcc", "mismatched-parameter-types", vec![]),
        // It needs -Wformat in front.
        ("gcc", "format-security", vec![]),
        ("clang", "implicit-function-declaration", vec![Language::C, Language::Cxx]),
        ("clang", "mismatched-parameter-types", vec![Language::C, Language::Cxx]),
        ("clang", "no-such-warning", vec![]),
    ];
    for (compiler, warning, languages) in rows {
        let path = which::which(compiler).unwrap_or_else(|e| panic!("{compiler}: {e}"));
        let oracle = CompilerOracle::new(&path, None);
        let flag = [format!("-Werror={warning}")];
        let taken: Vec<_> = [Language::C, Language::Cxx]
            .into_iter()
            .filter(|language| oracle.objection(&flag, *language).is_none())
            .collect();
        assert_eq!(taken, languages, "{compiler} {flag:?}: {:?}", oracle.objection(&flag, Language::Cxx));
        assert!(oracle.speaks(Language::C) && !oracle.speaks(Language::Other), "{compiler}");
    }
}

#[test]
fn the_real_compilers_take_what_is_put_into_their_calls() {
    let toolchains = Toolchains::builtin().expect("sound");
    let wanted = Reproducible { maps: vec![(PathBuf::from("/nowhere"), ".".into())] };
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.c"), "int main(void) { return 0; }\n").expect("written");
    for (compiler, dialect, version) in
        [("gcc", Dialect::Gcc, (12, 0, 0)), ("clang", Dialect::Clang, (14, 0, 0))]
    {
        let path = which::which(compiler).unwrap_or_else(|e| panic!("{compiler}: {e}"));
        let oracle = CompilerOracle::new(&path, None);
        let facts = CompilerFacts {
            name: compiler.into(),
            dialect,
            version,
            linker: oracle.linker(),
            oracle: &oracle,
            ..gcc()
        };
        let policy =
            Policy { werror: Werror::Add, werror_flags: vec!["return-type".into()], ..Policy::default() };
        let made = profile(&toolchains, &facts, &family("x86-64-v3"), &policy, Some(&wanted))
            .unwrap_or_else(|e| panic!("{}", e.message));
        assert_eq!(made.left_out, [], "{compiler}");
        let flags = made.profile.injections.iter().flat_map(|one| texts(&one.flags));
        let out = std::process::Command::new(&path)
            .args(flags.map(|flag| flag.replace("{source}", "a.c")))
            .args(["-Wall", "-Werror", "-o", "a", "a.c"])
            .current_dir(folder.path())
            .output()
            .expect("it starts");
        assert!(out.status.success() && out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
    }
}
