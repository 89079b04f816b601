//! The reference `docs/flags.md`, made from the toolchain files: every flag and policy that is ever put in, taken out or
//! changed, where and why; how probes are known; the names. It states nothing that the files do not.

use std::fmt::Write;

use crosswheel_shim::plan::{Action, Dialect, Effect, ExportsKnown, Kinds, Languages, LevelTest, Role};

use super::Toolchains;
use super::file::{InjectionRow, RuleRow, When};
use super::options;
use crate::source::coded::{Coded, languages};
use crate::topology::Level;

/// The whole file.
#[must_use]
pub fn markdown(toolchains: &Toolchains) -> String {
    let mut doc = String::from(HEAD);
    injections(toolchains, &mut doc);
    rules(toolchains, &mut doc);
    demotion(toolchains, &mut doc);
    levels(toolchains, &mut doc);
    probes(toolchains, &mut doc);
    names(toolchains, &mut doc);
    environment(toolchains, &mut doc);
    doc
}

const HEAD: &str = "# Flags and policies

<!-- Made from wrappers/toolchains/*.toml by `UPDATE_DOCS=1 cargo test --test flags_doc`; change those files instead. -->

Everything that the shim ever puts into a call, takes out of it or changes in it. The record of a build names the
rule of each edit; `crosswheel explain -- cc …` shows them for one call.

A family without a level, such as `host`, with the policy `keep` changes nothing. Queries (`--version`,
`-dumpmachine`, `-print-…`) are never changed. `before` and `after` say where an argument goes: the caller's own
arguments win over those before them, and lose to those after them.

";

fn injections(toolchains: &Toolchains, doc: &mut String) {
    doc.push_str(
        "## What is put in\n\n\
         With languages, an argument goes only into calls that have sources, all of them in those languages; \
         without, into any call of its kinds. `{level}` is the family's level, `{map}` each prefix map `FROM=TO`, \
         `{flag}` each warning of the policy that the compiler knows in that language, `{source}` the source of the \
         call, `{export}` each symbol that a WebAssembly module exports.\n\n",
    );
    table(
        doc,
        &[
            "rule",
            "when",
            "tools",
            "arguments",
            "slot",
            "calls",
            "languages",
            "probes",
            "only if",
            "not if",
            "why",
        ],
    );
    for row in &toolchains.injections {
        row_of(
            doc,
            &[
                code(row.id.get_ref()),
                when(&row.when),
                tools(row),
                code(&words(row.flags.iter().map(|flag| flag.get_ref().as_str()))),
                row.slot.0.name().into(),
                kinds(row.kinds.0),
                spoken(languages(&row.languages)),
                yes(row.probes),
                needs(row),
                unless(row),
                row.why.clone(),
            ],
        );
    }
    let policy = &toolchains.policy_flags;
    row_of(
        doc,
        &[
            code(&policy.id),
            "the policy has `flags`".into(),
            dialects(&policy.dialects),
            "as the policy says".into(),
            "as the policy says".into(),
            "as the policy says".into(),
            "those of the policy in which the compiler takes them".into(),
            "as the policy says".into(),
            String::new(),
            String::new(),
            "as the policy says".into(),
        ],
    );
    doc.push('\n');
}

fn rules(toolchains: &Toolchains, doc: &mut String) {
    doc.push_str(
        "## What happens to the caller's arguments\n\n\
         The first rule that fits decides. `note` leaves the argument and says so in the record. `{above}` stands for \
         each level above the family's.\n\n",
    );
    table(doc, &["rule", "when", "tools", "options", "action", "calls", "probes", "why", "way out"]);
    for row in &toolchains.rules {
        row_of(
            doc,
            &[
                code(row.id.get_ref()),
                when(&row.when),
                dialects(&row.dialects),
                options_of(toolchains, row),
                action(row),
                kinds(row.kinds.0),
                yes(row.probes),
                row.why.clone(),
                row.hint.clone(),
            ],
        );
    }
    doc.push('\n');
}

fn demotion(toolchains: &Toolchains, doc: &mut String) {
    let demotion = &toolchains.demotion;
    doc.push_str("## A second try\n\n");
    table(doc, &["rule", "when", "tools", "arguments", "for each `-Werror=X`", "why"]);
    row_of(
        doc,
        &[
            code(&demotion.id),
            when(&demotion.when),
            dialects(&demotion.dialects),
            code(&demotion.flags.join(" ")),
            code(&format!("{}X", demotion.each)),
            demotion.why.clone(),
        ],
    );
    doc.push_str("\nA probe is never tried again. If the second try fails too, the first one's output and status stand.\n\n");
}

fn levels(toolchains: &Toolchains, doc: &mut String) {
    let isa = &toolchains.isa;
    let _ = writeln!(
        doc,
        "## Levels of {}\n\nWhat a name behind `-march=` has at the least, and which extensions (`-mX`, `-mno-X`) a level adds.\n",
        isa.machine
    );
    table(doc, &["level", "`-march=`", "extensions"]);
    for level in Level::ALL {
        let marches = toolchains.marches().into_iter().filter(|(_, number)| *number == level.number());
        let marches: Vec<String> = marches.map(|(name, _)| code(&name)).collect();
        let extensions = extensions(toolchains, level.number());
        row_of(doc, &[code(level.name()), marches.join(" "), extensions]);
    }
    row_of(doc, &["none".into(), String::new(), extensions(toolchains, options::BEYOND)]);
    doc.push_str("\nLevels are known to: ");
    let since: Vec<String> =
        isa.since.iter().map(|(dialect, since)| format!("{} {since}", dialect.0.name())).collect();
    let _ = writeln!(doc, "{} and later. An older compiler is refused.\n", since.join(", "));
}

fn extensions(toolchains: &Toolchains, number: u8) -> String {
    let mut names: Vec<&str> = options::features(&toolchains.isa)
        .filter(|(_, level)| *level == number)
        .map(|(name, _)| name)
        .collect();
    names.sort_unstable();
    names.into_iter().map(code).collect::<Vec<_>>().join(" ")
}

fn probes(toolchains: &Toolchains, doc: &mut String) {
    doc.push_str(
        "## Probes\n\n\
         Questions that configure steps ask of a compiler. One row is enough, and all patterns of a row must hold. `*` \
         stands for any run of characters but `/`, `**` for any run, `{temp}` for the folder of temporary files.\n\n",
    );
    table(doc, &["probe", "working folder", "an input", "output", "besides", "who asks"]);
    for row in toolchains.probes() {
        let pattern = |text: &Option<String>| text.as_deref().map(code).unwrap_or_default();
        let mut besides = vec![];
        if row.no_output {
            besides.push("no file is written");
        }
        if row.outside {
            besides.push("the working folder is not in the input's");
        }
        row_of(
            doc,
            &[
                code(&row.name),
                pattern(&row.cwd),
                pattern(&row.input),
                pattern(&row.output),
                besides.join(", "),
                row.why.clone(),
            ],
        );
    }
    doc.push('\n');
}

fn names(toolchains: &Toolchains, doc: &mut String) {
    doc.push_str(
        "## Names\n\n\
         Also with a version behind (`gcc-12`) and a machine's triplet in front (`x86_64-linux-gnu-gcc-ar`). Only those whose \
         real tool exists are answered.\n\n",
    );
    table(doc, &["stands for", "names"]);
    for role in Role::ALL {
        let of: Vec<String> =
            toolchains.names().filter(|(_, is)| is == role).map(|(name, _)| code(name)).collect();
        if !of.is_empty() {
            row_of(doc, &[role.name().into(), of.join(" ")]);
        }
    }
    doc.push('\n');
}

fn environment(toolchains: &Toolchains, doc: &mut String) {
    doc.push_str("## Environment\n\nVariables that a record may show; all others stay unseen.\n\n");
    let names: Vec<String> = toolchains.env_allow().iter().map(|name| code(name)).collect();
    let _ = writeln!(doc, "{}", names.join(" "));
}

/// The spellings of a rule's effect, narrowed by its values and level.
fn options_of(toolchains: &Toolchains, row: &RuleRow) -> String {
    let mut spellings: Vec<String> = row
        .dialects
        .iter()
        .flat_map(|dialect| toolchains.options(dialect.0))
        .filter(|option| option.effect == row.effect.0)
        .map(|option| option.spelling)
        .collect();
    spellings.sort_unstable();
    spellings.dedup();
    let as_written = row.effect.0 == Effect::AsWritten;
    let listed = if as_written || (row.effect.0 == Effect::Query && !row.patterns.is_empty()) {
        String::new()
    } else if spellings.len() > 12 {
        let on = row.effect.0.name() == "isa-on";
        format!("{} of the extensions below", code(if on { "-mX" } else { "-mno-X" }))
    } else {
        spellings.iter().map(|spelling| code(spelling)).collect::<Vec<_>>().join(" ")
    };
    let mut text = listed;
    if !row.values.is_empty() {
        let values: Vec<String> = row.values.iter().map(|value| code(value.get_ref())).collect();
        let _ = write!(text, " with {}", values.join(", "));
    }
    if row.repeated {
        text.push_str(" given a second time");
    }
    if !row.patterns.is_empty() {
        let patterns: Vec<String> = row.patterns.iter().map(|pattern| code(pattern.get_ref())).collect();
        let with = if text.is_empty() { "" } else { " with " };
        let _ = write!(text, "{with}{}", patterns.join(", "));
    }
    let level = match row.level.0 {
        LevelTest::Any => "",
        LevelTest::Below => ", below the family's level",
        LevelTest::Equal => ", at the family's level",
        LevelTest::Above => ", above the family's level",
        LevelTest::Within => ", at or below the family's level",
        LevelTest::Unknown => ", of no level that is known",
    };
    text + level
}

fn action(row: &RuleRow) -> String {
    let action = row.action.get_ref().0;
    match action {
        Action::Replace | Action::Answer => {
            let verb = if action == Action::Replace { "replace by" } else { "answer" };
            format!("{verb} {}", code(&words(row.with.iter().map(|flag| flag.get_ref().as_str()))))
        }
        _ => action.name().into(),
    }
}

fn when(when: &When) -> String {
    let mut all = vec![];
    if when.level {
        all.push("the family has a level".to_owned());
    }
    if let Some(asked) = when.march_native {
        all.push(format!("`march_native = \"{}\"`", asked.name()));
    }
    if let Some(asked) = when.werror {
        all.push(format!("`werror = \"{asked}\"`"));
    }
    if when.cross {
        all.push("the family names a C library".to_owned());
    }
    if when.static_libraries {
        all.push("static libraries of a system root are preferred".to_owned());
    }
    if let Some(compiler) = &when.compiler {
        all.push(format!("`--compiler {compiler}`"));
    }
    if let Some(unwinding) = when.unwinding {
        all.push(format!("the run-time unwinds by {}", unwinding.name()));
    }
    if let Some(machine) = &when.machine {
        all.push(format!("the family's machine is {machine}"));
    }
    if when.reproducible {
        all.push("reproducible builds".to_owned());
    }
    all.join(", ")
}

fn tools(row: &InjectionRow) -> String {
    let mut text = if row.roles.is_empty() {
        dialects(&row.dialects)
    } else {
        row.roles.iter().map(|role| role.0.name()).collect::<Vec<_>>().join(", ")
    };
    for (dialect, since) in &row.since {
        text = text.replace(dialect.0.name(), &format!("{} {since} and later", dialect.0.name()));
    }
    if let Some(linker) = &row.linker {
        let _ = write!(text, "; with {} {} and later", linker.name, linker.since);
    }
    text
}

fn unless(row: &InjectionRow) -> String {
    row.unless.map(|effect| format!("the caller gave {}", effect.0.name())).unwrap_or_default()
}

/// What the caller's arguments must hold, and what must be known of the exports.
fn needs(row: &InjectionRow) -> String {
    let effect = row.needs.map(|effect| format!("the caller gave {}", effect.0.name()));
    let exports = match row.exports.0 {
        ExportsKnown::Any => None,
        ExportsKnown::Names => Some("the names of exports are known".to_owned()),
        ExportsKnown::All => Some("the names of exports are not known, or all are meant".to_owned()),
    };
    effect.into_iter().chain(exports).collect::<Vec<_>>().join("; ")
}

fn dialects(list: &[Coded<Dialect>]) -> String {
    list.iter().map(|dialect| dialect.0.name()).collect::<Vec<_>>().join(", ")
}

fn kinds(kinds: Kinds) -> String {
    kinds.iter().map(crosswheel_shim::plan::Kind::name).collect::<Vec<_>>().join(", ")
}

fn spoken(languages: Languages) -> String {
    if languages.is_empty() {
        return "any or none".into();
    }
    languages.iter().map(crosswheel_shim::plan::Language::name).collect::<Vec<_>>().join(", ")
}

fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.into()
}

fn words<'a>(list: impl Iterator<Item = &'a str>) -> String {
    list.collect::<Vec<_>>().join(" ")
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn table(doc: &mut String, heads: &[&str]) {
    row_of(doc, &heads.iter().map(|head| (*head).to_owned()).collect::<Vec<_>>());
    row_of(doc, &heads.iter().map(|_| "---".to_owned()).collect::<Vec<_>>());
}

fn row_of(doc: &mut String, cells: &[String]) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    let _ = writeln!(doc, "| {} |", cells.join(" | "));
}
