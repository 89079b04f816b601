//! `BUILD_TOPOLOGY.toml`: what it accepts, and how it refuses the rest.

use std::path::Path;

use crosswheel::error::{Error, Exit};
use crosswheel::topology::{Level, MarchNative, Topology, Werror};
use crosswheel_shim::plan::{Kind, Kinds, Languages};

fn load(text: &str) -> Result<Topology, Error> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("BUILD_TOPOLOGY.toml");
    std::fs::write(&path, text).expect("written");
    Topology::load(&path)
}

/// The message of the refusal, from the line number on.
fn refusal(text: &str) -> String {
    let error = load(text).err().unwrap_or_else(|| panic!("accepted:\n{text}"));
    assert_eq!(error.exit, Exit::Usage, "{}", error.message);
    let (_, place) = error.message.split_once("BUILD_TOPOLOGY.toml:").expect("names the file");
    match error.hint {
        Some(hint) => format!("{place}\nhint: {hint}"),
        None => place.to_owned(),
    }
}

const TARGETS: &str = "[targets.x]\nmachine = \"x86_64\"\nos = \"linux\"\nlibc = \"gnu\"\n\
                       [targets.arm]\nmachine = \"aarch64\"\nos = \"linux\"\nlibc = \"gnu\"\n";

#[test]
fn the_built_in_topology_holds_the_host_and_three_cpu_levels_of_it() {
    let topology = Topology::builtin().expect("sound");
    let families: Vec<_> = topology
        .families()
        .filter(|f| !f.is_cross())
        .map(|f| (f.name.as_str(), f.level.map(Level::number)))
        .collect();
    assert_eq!(
        families,
        [("host", None), ("x86-64-v2", Some(2)), ("x86-64-v3", Some(3)), ("x86-64-v4", Some(4))]
    );
    assert!(topology.family("host").expect("host").target.is_host());
    for family in topology.families() {
        assert_eq!(family.policy.werror, Werror::Keep);
        assert_eq!(family.policy.march_native, MarchNative::Replace);
    }
}

#[test]
fn an_unknown_family_names_those_that_look_like_it() {
    let error = Topology::builtin().expect("sound").family("x86-64-v33").expect_err("unknown");
    assert_eq!(error.message, "unknown family `x86-64-v33` in the built-in BUILD_TOPOLOGY.toml");
    assert!(error.hint.expect("a hint").starts_with("did you mean `x86-64-v3`"));
}

#[test]
fn the_nearest_file_above_a_folder_is_found_and_the_built_in_one_otherwise() {
    let root = tempfile::tempdir().expect("a folder");
    let deep = root.path().join("a/b/c");
    std::fs::create_dir_all(&deep).expect("made");
    assert_eq!(Topology::find(&deep).expect("sound").path, None);
    let near = root.path().join("a/BUILD_TOPOLOGY.toml");
    std::fs::write(root.path().join("BUILD_TOPOLOGY.toml"), "").expect("written");
    std::fs::write(&near, "[families.mine]\ntarget = \"host\"\n").expect("written");
    let found = Topology::find(&deep).expect("sound");
    assert_eq!(found.path.as_deref(), Some(near.as_path()));
    assert!(found.family("mine").is_ok());
}

#[test]
fn a_missing_file_is_named() {
    let error = Topology::load(Path::new("/nowhere/t.toml")).expect_err("missing");
    assert!(error.message.starts_with("reading /nowhere/t.toml: "), "{}", error.message);
}

#[test]
fn a_policy_is_read_whole() {
    let topology = load(
        "[families.f]\ntarget = \"host\"\npolicy = \"p\"\n\
         [policies.p]\nwerror = \"add\"\nwerror_flags = [\"return-type\"]\nmarch_native = \"refuse\"\n\
         [[policies.p.flags]]\nflags = [\"-D\", \"A=a b\"]\nwhy = \"w\"\n\
         [[policies.p.flags]]\nflags = [\"-Wl,-z,now\"]\nkinds = [\"link\"]\nwhy = \"w\"\n",
    )
    .expect("sound");
    let policy = &topology.family("f").expect("f").policy;
    assert_eq!(policy.werror, Werror::Add);
    assert_eq!(policy.werror_flags, ["return-type"]);
    assert_eq!(policy.march_native, MarchNative::Refuse);
    assert_eq!(policy.flags[0].flags, ["-D", "A=a b"]);
    assert!(!policy.flags[0].languages.is_empty(), "flags for compiles need a source");
    assert_eq!(policy.flags[1].kinds, Kinds::of(&[Kind::Link]));
    assert_eq!(policy.flags[1].languages, Languages::NONE, "flags for links alone go into plain links too");
}

#[test]
fn every_fault_is_refused_with_its_place_and_a_caret() {
    let rows: &[(&str, &str)] = &[
        ("[families.f\n", "1:12: unclosed table"),
        ("[families.f]\ntarget = \"host\"\ncolour = 1\n", "3:1: unknown field `colour`"),
        ("[famlies.f]\n", "1:2: unknown field `famlies`, expected one of"),
        ("[families.f]\nlevel = \"x86-64\"\n", "1:1: missing field `target`"),
        ("[families.f]\ntarget = \"hots\"\n", "2:10: unknown target `hots`"),
        ("[families.f]\ntarget = \"arn\"\n", "2:10: unknown target `arn`; did you mean `arm`?"),
        ("[families.f]\ntarget = 3\n", "2:10: invalid type: integer `3`, expected a string"),
        ("[families.F]\ntarget = \"host\"\n", "1:11: `F` is no name for a family"),
        ("[families.\"a--b\"]\ntarget = \"host\"\n", "1:11: `a--b` is no name for a family"),
        ("[families.\"../x\"]\ntarget = \"host\"\n", "1:11: `../x` is no name for a family"),
        ("[families.a]\ntarget=\"host\"\n[families.a]\ntarget=\"host\"\n", "3:11: duplicate key"),
        (
            "[families.f]\ntarget = \"x\"\nlevel = \"x86-64-v5\"\n",
            "3:9: unknown level `x86-64-v5`; did you mean",
        ),
        (
            "[families.f]\ntarget = \"arm\"\nlevel = \"x86-64-v3\"\n",
            "3:9: the level `x86-64-v3` is one of x86_64",
        ),
        (
            "[families.f]\ntarget = \"host\"\nlevel = \"x86-64-v3\"\n",
            "3:9: the level `x86-64-v3` needs a target",
        ),
        (
            "[families.f]\ntarget = \"arm\"\nlibc_version = \"2.x\"\n",
            "3:16: `2.x` is no version of a C library, such as 2.28",
        ),
        (
            "[families.f]\ntarget = \"old\"\nlibc_version = \"2.30\"\n\
             [targets.old]\nmachine=\"a\"\nos=\"b\"\nlibc=\"c\"\noldest_libc=\"2.31\"\n",
            "3:16: the target `old` has no C library older than 2.31",
        ),
        ("[families.f]\ntarget = \"host\"\nlibc_version = \"2.28\"\n", "3:16: a libc_version needs a target"),
        ("[families.f]\ntarget = \"host\"\npolicy = \"p\"\n", "3:10: unknown policy `p`; there are none"),
        ("[targets.host]\nmachine=\"a\"\nos=\"b\"\nlibc=\"c\"\n", "1:10: the target `host` is this machine"),
        ("[targets.y]\nmachine=\"A B\"\nos=\"b\"\nlibc=\"c\"\n", "2:9: `A B` is no part of a target triplet"),
        ("[policies.p]\nwerror = \"all\"\n", "2:10: unknown variant `all`, expected one of `keep`"),
        ("[policies.p]\nwerror = \"add\"\n", "2:10: werror = \"add\" with nothing to add"),
        ("[policies.p]\nwerror_flags = \"x\"\n", "2:16: invalid type: string \"x\", expected a sequence"),
        ("[policies.p]\nwerror_flags = [\"-Werror=x\"]\n", "2:17: `-Werror=x` is no name of a warning"),
        (
            "[policies.p]\nexports = \"pyinnit\"\n",
            "2:11: unknown choice of exports `pyinnit`; did you mean `pyinit`?",
        ),
        ("[policies.p]\nexports = [\"a,b\"]\n", "2:11: `a,b` is no name of a symbol"),
        ("[[policies.p.flags]]\nflags = []\nwhy = \"w\"\n", "2:9: an empty list of flags"),
        ("[[policies.p.flags]]\nflags = [\"a\"]\nwhy = \"w\"\n", "2:10: `a` is no option"),
        ("[[policies.p.flags]]\nflags = [\"-a\"]\nwhy = \" \"\n", "3:7: a reason must be given"),
        ("[[policies.p.flags]]\nflags = [\"-a\"]\n", "1:1: missing field `why`"),
        (
            "[[policies.p.flags]]\nflags = [\"-a\"]\nwhy = \"w\"\nkinds = [\"compil\"]\n",
            "4:10: unknown kind of call `compil`; did you mean `compile`?",
        ),
        (
            "[[policies.p.flags]]\nflags = [\"-a\"]\nwhy = \"w\"\nkinds = [\"query\"]\n",
            "4:9: flags can go into these calls: preprocess, compile, assemble, link",
        ),
        (
            "[[policies.p.flags]]\nflags = [\"-a\"]\nwhy = \"w\"\nslot = \"behind\"\n",
            "4:8: unknown slot `behind`; known: before, after",
        ),
        (
            "[[policies.p.flags]]\nflags = [\"-a\"]\nwhy = \"w\"\nlanguages = []\n",
            "4:13: an empty list of languages",
        ),
    ];
    for (text, expected) in rows {
        // The targets stand at the end, so that the places above are those of the text itself.
        let got = refusal(&format!("{text}{TARGETS}"));
        assert!(got.starts_with(expected), "for\n{text}\nexpected {expected}\ngot      {got}");
        assert!(got.contains('^'), "no caret in {got}");
    }
}

#[test]
fn behind_a_family_with_a_c_library_another_version_may_stand() {
    let topology = Topology::builtin().expect("sound");
    let family = |name: &str| topology.family(name).expect(name);
    assert_eq!(family("aarch64-linux-gnu").platform_tag().as_deref(), Some("manylinux_2_28_aarch64"));
    let later = family("aarch64-linux-gnu.2.34");
    assert_eq!(later.platform_tag().as_deref(), Some("manylinux_2_34_aarch64"));
    assert_eq!(
        (later.name.as_str(), &later.target),
        ("aarch64-linux-gnu.2.34", &family("aarch64-linux-gnu").target)
    );
    assert_eq!(family("armv7l-linux-musl").platform_tag().as_deref(), Some("musllinux_1_2_armv7l"));
    assert_eq!(family("host").platform_tag(), None);
    for (name, message, hint) in [
        ("riscv64-linux-gnu.2.28", "no C library older than 2.31", "`riscv64-linux-gnu.2.31` or a later one"),
        ("aarch64-linux-gnu.2", "`2` is no version of a C library", "`aarch64-linux-gnu.2.28`"),
        ("aarch64-linux-gnu.2.07", "`2.07` is no version", "such as"),
        ("aarch64-linux-gnu.2.28.1", "`2.28.1` is no version", "such as"),
        ("x86-64-v3.2.28", "`x86-64-v3` has no libc_version", "name it `x86-64-v3`"),
        ("arch64-linux-gnu.2.28", "unknown family `arch64-linux-gnu.2.28`", "did you mean"),
    ] {
        let error = topology.family(name).expect_err(name);
        assert!(error.message.contains(message), "{name}: {}", error.message);
        assert!(error.hint.as_deref().unwrap_or_default().contains(hint), "{name}: {:?}", error.hint);
    }
}

#[test]
fn every_machine_of_the_built_in_topology_has_a_name_in_elf_and_a_default_that_it_can_have() {
    let topology = Topology::builtin().expect("sound");
    let cross: Vec<_> = topology.families().filter(|family| family.libc_version.is_some()).collect();
    assert_eq!(cross.len(), 16);
    for family in cross {
        let machine = crosswheel::elf::of_triple(&family.target.machine).map(crosswheel::elf::name);
        assert_eq!(machine.as_deref(), Some(family.target.machine.as_str()));
        let named = format!("{}.{}", family.name, family.libc_version.expect("a version"));
        assert!(topology.family(&named).is_ok(), "{named}");
    }
}

#[test]
fn a_refusal_shows_the_line() {
    assert_eq!(
        refusal("[families.f]\ntarget = \"hots\"\n"),
        "2:10: unknown target `hots`; did you mean `host`?\n  |\n2 | target = \"hots\"\n  |          ^^^^^^"
    );
}
