//! What a plan says, as plain data: the form in which `crosswheel` and the tests make one.
//!
//! A plan answers every question that the shim may have while a compile waits, so nothing here needs
//! a second look-up: real tools are absolute paths, flags are lists of whole arguments (never a string
//! to be split on blanks), and option tables are complete. [`super::write`] lays it out flat.

use super::code::{
    Action, Dialect, Effect, Exports, ExportsKnown, Form, Kinds, Languages, LevelTest, Role, Slot,
};

/// An argument, a path or a name: bytes, because Linux promises no encoding.
pub type Bytes = Vec<u8>;

/// Everything one shim folder needs: one family, one set of policies, one record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanData {
    /// The family that is built for, as the user spells it.
    pub family: String,
    /// Absolute path of the folder of links; it is taken out of PATH before a tool runs.
    pub bin: Bytes,
    /// Absolute path of the record (JSON lines); `None` keeps no record.
    pub record: Option<Bytes>,
    /// Folder for response files that the shim must write itself.
    pub scratch: Bytes,
    /// Names of environment variables that a record may show. All others stay unseen.
    pub env_allow: Vec<String>,
    /// The names that are answered. The writer sorts them.
    pub tools: Vec<Tool>,
    /// Option tables; a tool names one by its [`Dialect`].
    pub options: Vec<(Dialect, Vec<OptionRow>)>,
    /// What is asked of calls; a tool names one by its index.
    pub profiles: Vec<Profile>,
    /// How a probe is known.
    pub probes: Vec<ProbeRow>,
    /// Whether the sizes of files are limited (`ulimit -f`), so that a write to the record may send SIGXFSZ.
    pub file_limit: bool,
}

/// One name in the shim folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// File name under which it is called, such as `x86_64-linux-gnu-gcc-12`.
    pub name: String,
    /// Absolute path of what really runs.
    pub real: Bytes,
    /// Arguments ahead of every call's: `real` is a program with commands, and this names the one that is meant
    /// (`zig` and `ar`). A compiler cache is never put in front of such a tool: it would take the command for a source.
    pub lead: Vec<Bytes>,
    /// Arguments behind `lead` in calls that only ask, which get no injections: for what machine the answer is to be.
    pub asks: Vec<Bytes>,
    /// Absolute path of a compiler cache that stands in front of it (a masquerade such as
    /// `/usr/lib/ccache/gcc`); `None` for most.
    pub launcher: Option<Bytes>,
    /// What the name stands for.
    pub role: Role,
    /// How its arguments are read.
    pub dialect: Dialect,
    /// Index into [`PlanData::profiles`]; `None` records and changes nothing.
    pub profile: Option<usize>,
    /// Machine that it makes code for, as it says itself (`-dumpmachine`); empty if it was not asked.
    pub machine: String,
    /// True if it starts other builds (cmake, meson, cargo): PATH then keeps the shim folder.
    pub keeps_path: bool,
}

/// One row of an option table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionRow {
    /// Spelling up to where the value starts, such as `-I`, `-std=` or `-Wl,`.
    pub spelling: String,
    /// Where the value is.
    pub form: Form,
    /// What the option means to the shim.
    pub effect: Effect,
    /// For instruction-set options: the lowest level of the family scale that holds it (1 to 4; 5 is
    /// beyond them all); 0 elsewhere.
    pub level: u8,
}

/// What is asked of the calls of one compiler (or of one archiver, linker, …).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Level of the family, 1 to 4; 0 if it has none.
    pub level: u8,
    /// Values of `-march=` that are known, with their level.
    pub marches: Vec<(String, u8)>,
    /// Arguments that are put in.
    pub injections: Vec<Injection>,
    /// What happens to arguments that the caller gave.
    pub rules: Vec<Rule>,
    /// `Some` runs a call that failed under `-Werror` once more.
    pub demote: Option<Demote>,
    /// What modules export.
    pub exports: Exports,
    /// For [`Exports::List`]: their names.
    pub export_names: Vec<String>,
}

/// Arguments that are put into a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injection {
    /// Name of the rule, as the record and the reference show it.
    pub rule: String,
    /// Why, in a sentence.
    pub why: String,
    /// Before or after the caller's own arguments.
    pub slot: Slot,
    /// Whole arguments. `{cwd}`, `{source}` and `{temp}` are filled in by the shim, and so is `{export}`: once for each
    /// name that the link exports.
    pub flags: Vec<Bytes>,
    /// Calls that it applies to.
    pub kinds: Kinds,
    /// Languages that it applies to. If there are any, it applies only to calls that have sources, all of them in
    /// those languages; if there are none, it applies to any call of its kinds.
    pub languages: Languages,
    /// True if probes get it too.
    pub probes: bool,
    /// Left out if the caller's arguments, after the rules, still hold an option with this effect.
    pub unless: Option<Effect>,
    /// Only if the caller's arguments, after the rules, hold an option with this effect.
    pub needs: Option<Effect>,
    /// What must be known of the link's exports.
    pub exports: ExportsKnown,
}

/// What happens to one kind of argument of the caller's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Name of the rule.
    pub rule: String,
    /// Why, in a sentence.
    pub why: String,
    /// What the caller can do about a refusal; empty for other actions.
    pub hint: String,
    /// Options that it looks at.
    pub effect: Effect,
    /// Value that it asks for; `None` for any.
    pub value: Option<Bytes>,
    /// Whether `value` is a pattern (`*` any run of bytes but `/`, `**` any run): of the absolute path for folders; of the
    /// name for [`Effect::Library`]; for [`Effect::ForLinker`] of words that follow each other, parted by commas, in however
    /// many arguments; for all others of the option as it is written, with a blank ahead of a value of its own.
    pub pattern: bool,
    /// Whether it looks only at options that were there before with the same value.
    pub repeated: bool,
    /// How the option's level must stand to the family's.
    pub level: LevelTest,
    /// What is done.
    pub action: Action,
    /// For [`Action::Replace`]: the arguments put in its place; `{value}` is the option's own value. For
    /// [`Action::Answer`]: the lines of the answer.
    pub with: Vec<Bytes>,
    /// Calls that it applies to.
    pub kinds: Kinds,
    /// True if it applies to probes too.
    pub probes: bool,
}

/// The second try of a compile that failed under `-Werror`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demote {
    /// Name of the rule.
    pub rule: String,
    /// Why, in a sentence.
    pub why: String,
    /// Appended for the second try, such as `-Wno-error`.
    pub flags: Vec<Bytes>,
    /// Appended for each `-Werror=X` of the first try, before X, such as `-Wno-error=`.
    pub each: Bytes,
}

/// One way to know a probe: a question that a configure step asks of the compiler. All patterns that
/// are given must hold. In a pattern `?` stands for any byte but `/`, `*` for any run of them, `**` for any run at
/// all, and `{temp}` at the start for the folder of temporary files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeRow {
    /// Name, such as `cmake-try-compile`.
    pub name: String,
    /// Who does this, in a sentence.
    pub why: String,
    /// Pattern of the working folder.
    pub cwd: Option<String>,
    /// Pattern of an input: its whole path (made absolute against the working folder) if the pattern holds a
    /// `/`, its file name otherwise. One of several inputs is enough. The input `-` is written so.
    pub input: Option<String>,
    /// Pattern of the output, likewise.
    pub output: Option<String>,
    /// True if the call must write no file of its own (`-E` to stdout, `-fsyntax-only`, `/dev/null`).
    pub no_output: bool,
    /// True if the working folder must lie outside of the input's folder.
    pub outside: bool,
}
