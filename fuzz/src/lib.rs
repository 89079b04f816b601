//! What the fuzz targets share: a plan with something of everything, and input cut into pieces.

use std::collections::HashMap;
use std::sync::OnceLock;

use crosswheel_shim::args::Files;
use crosswheel_shim::plan::*;

/// The pieces of an input between NULs: no argument holds one.
pub fn pieces(data: &[u8]) -> Vec<&[u8]> {
    data.split(|byte| *byte == 0).collect()
}

/// Response files named `a`, `b` and `c`.
pub struct Table<'d>(HashMap<&'static [u8], &'d [u8]>);

impl<'d> Table<'d> {
    /// The first three pieces are the files.
    pub fn new(pieces: &[&'d [u8]]) -> Self {
        let names: [&'static [u8]; 3] = [b"a", b"b", b"c"];
        Self(names.into_iter().zip(pieces.iter().copied()).collect())
    }
}

impl Files for Table<'_> {
    fn read(&self, path: &[u8]) -> Option<Vec<u8>> {
        self.0.get(path).map(|content| content.to_vec())
    }
}

/// A plan without profiles, so that nothing is to be edited.
pub fn idle() -> &'static [u8] {
    static PLAN: OnceLock<Vec<u8>> = OnceLock::new();
    PLAN.get_or_init(|| write(&data(None)).expect("a sound plan"))
}

/// A plan with every action, slot and test in it.
pub fn busy() -> &'static [u8] {
    static PLAN: OnceLock<Vec<u8>> = OnceLock::new();
    PLAN.get_or_init(|| write(&data(Some(profile()))).expect("a sound plan"))
}

fn data(profile: Option<Profile>) -> PlanData {
    let has = profile.as_ref().map(|_| 0);
    let tools = [
        ("ar", Role::Ar, Dialect::Ar),
        ("as", Role::As, Dialect::Plain),
        ("c++", Role::Cxx, Dialect::Gcc),
        ("cc", Role::Cc, Dialect::Gcc),
        ("ccache", Role::Launcher, Dialect::Plain),
        ("clang", Role::Cc, Dialect::Clang),
        ("cpp", Role::Cpp, Dialect::Gcc),
        ("ld", Role::Ld, Dialect::Ld),
        ("objcopy", Role::Objcopy, Dialect::Plain),
        ("strip", Role::Strip, Dialect::Plain),
    ];
    let tools = tools.map(|(name, role, dialect)| Tool {
        name: name.into(),
        real: format!("/real/{name}").into_bytes(),
        launcher: (name == "clang").then(|| b"/real/ccache".to_vec()),
        role,
        dialect,
        profile: has,
        machine: "x86_64-linux-gnu".into(),
        lead: Vec::new(),
        asks: Vec::new(),
        keeps_path: false,
    });
    PlanData {
        family: "x86-64-v3".into(),
        bin: b"/shims".to_vec(),
        record: Some(b"/record.jsonl".to_vec()),
        scratch: b"/scratch".to_vec(),
        env_allow: vec!["CFLAGS".into()],
        tools: tools.to_vec(),
        options: [Dialect::Gcc, Dialect::Clang, Dialect::Ld].map(|dialect| (dialect, rows())).to_vec(),
        profiles: profile.into_iter().collect(),
        file_limit: true,
        probes: vec![
            ProbeRow { name: "folder".into(), cwd: Some("**/CMakeFiles/*/x*".into()), ..ProbeRow::default() },
            ProbeRow {
                name: "file".into(),
                input: Some("{temp}/*.c".into()),
                output: Some("*.o".into()),
                outside: true,
                ..ProbeRow::default()
            },
            ProbeRow {
                name: "stdin".into(),
                input: Some("-".into()),
                no_output: true,
                ..ProbeRow::default()
            },
        ],
    }
}

/// One row an effect, by its own name, in each form in turn; and the ones that drivers are known by.
fn rows() -> Vec<OptionRow> {
    let row = |spelling: String, form, effect| OptionRow { spelling, form, effect, level: 3 };
    let mut rows: Vec<_> = Effect::ALL
        .iter()
        .zip(Form::ALL.iter().cycle())
        .map(|(effect, form)| row(format!("-{}", effect.name()), *form, *effect))
        .collect();
    for (spelling, form, effect) in [
        ("--", Form::Flag, Effect::EndOfOptions),
        ("-E", Form::Flag, Effect::PreprocessOnly),
        ("-MF", Form::Separate, Effect::DepFile),
        ("-W", Form::Joined, Effect::None),
        ("-Werror", Form::Flag, Effect::Werror),
        ("-Werror=", Form::Joined, Effect::WerrorOne),
        ("-Wl,", Form::Commas, Effect::ForLinker),
        ("-c", Form::Flag, Effect::CompileOnly),
        ("-march=", Form::Joined, Effect::March),
        ("-o", Form::JoinedOrSeparate, Effect::Output),
        ("-x", Form::JoinedOrSeparate, Effect::Language),
    ] {
        rows.push(row(spelling.into(), form, effect));
    }
    rows
}

fn profile() -> Profile {
    let rules = Effect::ALL.iter().zip(Action::ALL.iter().cycle()).zip(LevelTest::ALL.iter().cycle());
    let rules = rules.map(|((effect, action), level)| Rule {
        rule: effect.name().into(),
        why: "it is a test".into(),
        hint: "wait".into(),
        effect: *effect,
        pattern: false,
        repeated: false,
        value: None,
        level: *level,
        action: *action,
        with: vec![b"-Dwith={value}".to_vec(), b"second".to_vec()],
        kinds: Kinds::ALL,
        probes: true,
    });
    let injections = Slot::ALL.iter().map(|slot| Injection {
        rule: slot.name().into(),
        why: "it is a test".into(),
        slot: *slot,
        flags: vec![b"-Dof={source}:{cwd}:{temp}".to_vec()],
        kinds: Kinds::ALL,
        languages: Languages::NONE,
        probes: false,
        unless: Some(Effect::RandomSeed),
        needs: None,
        exports: ExportsKnown::Any,
    });
    Profile {
        level: 3,
        marches: vec![("native".into(), 1), ("x86-64-v3".into(), 3), ("x86-64-v4".into(), 4)],
        injections: injections.collect(),
        rules: rules.collect(),
        demote: Some(Demote {
            rule: "demote".into(),
            why: "it is a test".into(),
            flags: vec![b"-Wno-error".to_vec()],
            each: b"-Wno-error=".to_vec(),
        }),
        ..Profile::default()
    }
}
