//! Reads a plan where it lies. Nothing is parsed, copied or allocated: a look-up costs what it touches.
//!
//! A view is only had through [`Plan::open`], which checks magic, version, length and checksum. Behind that
//! every access is still bounds-checked: a made-up plan can give empty answers, never a crash.

use std::fmt;

use super::code::{
    Action, Dialect, Effect, Exports, ExportsKnown, Form, Kinds, Languages, LevelTest, Role, Slot,
};
use super::layout::{self, NONE};

/// Why a file is no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It does not start like one.
    Foreign,
    /// It has another layout: from another version of crosswheel.
    Version(u32),
    /// It is cut short, or longer than it says.
    Length,
    /// Its bytes changed since it was written.
    Checksum,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("not a plan"),
            Self::Version(found) => {
                write!(f, "a plan of layout {found}, but this shim reads layout {}", layout::VERSION)
            }
            Self::Length => f.write_str("a plan that is cut short"),
            Self::Checksum => f.write_str("a damaged plan: its checksum does not match"),
        }
    }
}

/// A plan in memory.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    bytes: &'a [u8],
}

/// A record of `N` words inside of a plan.
#[derive(Clone, Copy, Debug)]
struct Record<'a> {
    plan: Plan<'a>,
    at: usize,
}

impl<'a> Record<'a> {
    fn word(self, index: usize) -> u32 {
        self.plan.word(self.at + 4 * index)
    }

    fn byte(self, word: usize, index: usize) -> u8 {
        self.word(word).to_le_bytes()[index]
    }

    fn string(self, index: usize) -> &'a [u8] {
        self.plan.slice(self.word(index), self.word(index + 1))
    }

    fn optional(self, index: usize) -> Option<&'a [u8]> {
        (self.word(index) != 0).then(|| self.string(index))
    }

    fn list<T: From<Element<'a>>>(self, index: usize, words: usize) -> List<'a, T> {
        List {
            plan: self.plan,
            at: self.word(index),
            count: self.word(index + 1),
            words,
            of: std::marker::PhantomData,
        }
    }

    fn strings(self, index: usize) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.list::<Text<'a>>(index, 2).iter().map(|text| text.0)
    }
}

/// What a list hands to the type of its elements.
#[derive(Clone, Copy, Debug)]
pub struct Element<'a>(Record<'a>);

#[derive(Clone, Copy)]
struct Text<'a>(&'a [u8]);

impl<'a> From<Element<'a>> for Text<'a> {
    fn from(element: Element<'a>) -> Self {
        Self(element.0.string(0))
    }
}

/// A list of records of one type.
#[derive(Debug)]
pub struct List<'a, T> {
    plan: Plan<'a>,
    at: u32,
    count: u32,
    words: usize,
    of: std::marker::PhantomData<T>,
}

impl<T> Clone for List<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for List<'_, T> {}

impl<'a, T: From<Element<'a>>> List<'a, T> {
    /// How many there are.
    #[must_use]
    pub fn len(self) -> usize {
        // No more than the file can hold, so that a made-up count cannot make a loop endless.
        (self.count as usize).min(self.plan.bytes.len() / (4 * self.words))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The one at this place.
    #[must_use]
    pub fn get(self, index: usize) -> Option<T> {
        let at = self.at as usize + 4 * self.words * index;
        (index < self.len()).then(|| T::from(Element(Record { plan: self.plan, at })))
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = T> + Clone
    where
        T: 'a,
    {
        (0..self.len()).filter_map(move |index| self.get(index))
    }
}

impl<'a> Plan<'a> {
    /// Takes the bytes of a file for a plan.
    pub fn open(bytes: &'a [u8]) -> Result<Self, Damage> {
        let plan = Self { bytes };
        if !bytes.starts_with(layout::MAGIC) {
            return Err(Damage::Foreign);
        }
        if bytes.len() < layout::HEADER + 4 * layout::ROOT {
            return Err(Damage::Length);
        }
        if plan.word(8) != layout::VERSION {
            return Err(Damage::Version(plan.word(8)));
        }
        if plan.word(12) as usize != bytes.len() {
            return Err(Damage::Length);
        }
        let sum = u64::from(plan.word(16)) | u64::from(plan.word(20)) << 32;
        if layout::checksum(&bytes[layout::HEADER..]) != sum {
            return Err(Damage::Checksum);
        }
        Ok(plan)
    }

    fn word(self, at: usize) -> u32 {
        let mut word = [0; 4];
        if let Some(bytes) = self.bytes.get(at..at.saturating_add(4)) {
            word.copy_from_slice(bytes);
        }
        u32::from_le_bytes(word)
    }

    fn slice(self, at: u32, len: u32) -> &'a [u8] {
        let at = at as usize;
        self.bytes.get(at..at.saturating_add(len as usize)).unwrap_or_default()
    }

    fn root(self) -> Record<'a> {
        Record { plan: self, at: layout::HEADER }
    }

    /// The family, as the user spells it.
    #[must_use]
    pub fn family(self) -> &'a [u8] {
        self.root().string(0)
    }

    /// The folder of links.
    #[must_use]
    pub fn bin(self) -> &'a [u8] {
        self.root().string(2)
    }

    /// Where the record is, if one is kept.
    #[must_use]
    pub fn record(self) -> Option<&'a [u8]> {
        self.root().optional(4)
    }

    /// Whether the sizes of files are limited.
    #[must_use]
    pub fn file_limit(self) -> bool {
        self.root().word(18) != 0
    }

    /// The folder for our own response files.
    #[must_use]
    pub fn scratch(self) -> &'a [u8] {
        self.root().string(6)
    }

    /// Whether a record may show the environment variable of this name. Asked of each one at every call, so it
    /// is searched for by key, as options are.
    #[must_use]
    pub fn shows(self, name: &[u8]) -> bool {
        let len = self.root().word(9).saturating_mul(u32::try_from(4 * layout::NAME).unwrap_or(u32::MAX));
        let (names, _) = self.slice(self.root().word(8), len).as_chunks::<{ 4 * layout::NAME }>();
        let key_of = |words: &_| u64::from(word_of(words, 2)) | u64::from(word_of(words, 3)) << 32;
        let key = layout::key(name);
        let first = names.partition_point(|words| key_of(words) < key);
        let mut alike = names[first..].iter().take_while(|words| key_of(words) == key);
        alike.any(|words| self.slice(word_of(words, 0), word_of(words, 1)) == name)
    }

    /// The names that are answered, sorted.
    #[must_use]
    pub fn tools(self) -> List<'a, Tool<'a>> {
        self.root().list(10, layout::TOOL)
    }

    /// The tool of this name.
    #[must_use]
    pub fn tool(self, name: &[u8]) -> Option<Tool<'a>> {
        let tools = self.tools();
        let (mut low, mut high) = (0, tools.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let tool = tools.get(middle)?;
            match tool.name().cmp(name) {
                std::cmp::Ordering::Equal => return Some(tool),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// The option table of a dialect; an empty one if there is none.
    #[must_use]
    pub fn options(self, dialect: Dialect) -> Options<'a> {
        let tables: List<'a, Table<'a>> = self.root().list(12, layout::TABLE);
        let table = tables.iter().find(|table| table.dialect == u32::from(dialect.code()));
        let rows = table.map_or(&[][..], |table| table.rows);
        Options { plan: self, rows: rows.as_chunks().0 }
    }

    /// How a probe is known.
    #[must_use]
    pub fn probes(self) -> List<'a, Probe<'a>> {
        self.root().list(16, layout::PROBE)
    }

    fn profiles(self) -> List<'a, Profile<'a>> {
        self.root().list(14, layout::PROFILE)
    }
}

/// One word of a row of `N` bytes.
fn word_of<const N: usize>(words: &[u8; N], index: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&words[4 * index..4 * index + 4]);
    u32::from_le_bytes(word)
}

/// An option table: the bytes of its rows.
struct Table<'a> {
    dialect: u32,
    rows: &'a [u8],
}

impl<'a> From<Element<'a>> for Table<'a> {
    fn from(Element(record): Element<'a>) -> Self {
        let len = record.word(2).saturating_mul(u32::try_from(4 * layout::ROW).unwrap_or(u32::MAX));
        Self { dialect: record.word(0), rows: record.plan.slice(record.word(1), len) }
    }
}

/// Declares a view of one record.
macro_rules! view {
    ($(#[$m:meta])* $name:ident) => {
        $(#[$m])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name<'a>(Record<'a>);

        impl<'a> From<Element<'a>> for $name<'a> {
            fn from(element: Element<'a>) -> Self { Self(element.0) }
        }
    };
}

view! {
    /// One name in the shim folder; see [`super::data::Tool`].
    Tool
}
impl<'a> Tool<'a> {
    /// The name.
    #[must_use]
    pub fn name(self) -> &'a [u8] {
        self.0.string(0)
    }
    /// What really runs.
    #[must_use]
    pub fn real(self) -> &'a [u8] {
        self.0.string(2)
    }
    /// Arguments ahead of every call's.
    pub fn lead(self) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.0.strings(10)
    }
    /// Arguments behind these in calls that only ask.
    pub fn asks(self) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.0.strings(12)
    }
    /// The compiler cache in front of it.
    #[must_use]
    pub fn launcher(self) -> Option<&'a [u8]> {
        self.0.optional(4)
    }
    /// The machine it makes code for.
    #[must_use]
    pub fn machine(self) -> &'a [u8] {
        self.0.string(6)
    }
    /// What the name stands for.
    #[must_use]
    pub fn role(self) -> Role {
        Role::from_code(self.0.byte(8, 0)).unwrap_or(Role::Nm)
    }
    /// How its arguments are read.
    #[must_use]
    pub fn dialect(self) -> Dialect {
        Dialect::from_code(self.0.byte(8, 1)).unwrap_or(Dialect::Plain)
    }
    /// Whether what it starts may use the shim again.
    #[must_use]
    pub fn keeps_path(self) -> bool {
        self.0.byte(8, 2) != 0
    }
    /// What is asked of its calls.
    #[must_use]
    pub fn profile(self) -> Option<Profile<'a>> {
        let index = self.0.word(9);
        if index == NONE { None } else { self.0.plan.profiles().get(index as usize) }
    }
}

/// One row of an option table; see [`super::data::OptionRow`].
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    plan: Plan<'a>,
    words: &'a [u8; 4 * layout::ROW],
}

impl<'a> Row<'a> {
    fn word(self, index: usize) -> u32 {
        word_of(self.words, index)
    }
    /// Spelling up to the value.
    #[must_use]
    pub fn spelling(self) -> &'a [u8] {
        self.plan.slice(self.word(0), self.word(1))
    }
    /// Where the value is.
    #[must_use]
    pub fn form(self) -> Form {
        Form::from_code(self.words[8]).unwrap_or(Form::Flag)
    }
    /// What it means.
    #[must_use]
    pub fn effect(self) -> Effect {
        Effect::from_code(self.words[9]).unwrap_or(Effect::None)
    }
    /// Level of an instruction-set option.
    #[must_use]
    pub fn level(self) -> u8 {
        self.words[10]
    }
    fn key(self) -> u64 {
        u64::from(self.word(4)) | u64::from(self.word(5)) << 32
    }
    /// Whether it is what `arg` says.
    fn fits(self, arg: &[u8]) -> bool {
        let spelling = self.spelling();
        match self.form() {
            Form::Flag | Form::Separate => arg == spelling,
            Form::Joined | Form::JoinedOrSeparate | Form::Commas => arg.starts_with(spelling),
        }
    }
}

/// An option table.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    plan: Plan<'a>,
    rows: &'a [[u8; 4 * layout::ROW]],
}

impl<'a> Options<'a> {
    fn row(self, index: usize) -> Option<Row<'a>> {
        Some(Row { plan: self.plan, words: self.rows.get(index)? })
    }

    /// The row with the longest spelling that `arg` is written by.
    ///
    /// Every spelling that starts `arg` also starts the last row at or before `arg` in sorted order,
    /// so one binary search and a walk along that row's chain of prefixes see them all.
    #[must_use]
    pub fn find(self, arg: &[u8]) -> Option<Row<'a>> {
        let key = layout::key(arg);
        let after = self.rows.partition_point(|words| {
            let row = Row { plan: self.plan, words };
            match row.key().cmp(&key) {
                std::cmp::Ordering::Equal => row.spelling() <= arg,
                order => order.is_lt(),
            }
        });
        let mut index = after.checked_sub(1)?;
        loop {
            let row = self.row(index)?;
            if row.fits(arg) {
                return Some(row);
            }
            // A parent always stands before its child; a made-up plan could say otherwise, and loop.
            index = match row.word(3) as usize {
                parent if parent < index => parent,
                _ => return None,
            };
        }
    }
}

view! {
    /// What is asked of the calls of one compiler; see [`super::data::Profile`].
    Profile
}
impl<'a> Profile<'a> {
    /// The level of the family; 0 if it has none.
    #[must_use]
    pub fn level(self) -> u8 {
        self.0.byte(0, 0)
    }
    /// The level of a processor's name.
    #[must_use]
    pub fn march(self, name: &[u8]) -> Option<u8> {
        let marches: List<'a, March<'a>> = self.0.list(1, layout::MARCH);
        marches.iter().find(|march| march.0.string(0) == name).map(|march| march.0.byte(2, 0))
    }
    /// Arguments that are put in.
    #[must_use]
    pub fn injections(self) -> List<'a, Injection<'a>> {
        self.0.list(3, layout::INJECTION)
    }
    /// What happens to the caller's arguments.
    #[must_use]
    pub fn rules(self) -> List<'a, Rule<'a>> {
        self.0.list(5, layout::RULE)
    }
    /// What modules export.
    #[must_use]
    pub fn exports(self) -> Exports {
        Exports::from_code(self.0.byte(0, 1)).unwrap_or_default()
    }
    /// For [`Exports::List`]: their names.
    pub fn export_names(self) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.0.strings(9)
    }
    /// The second try under `-Werror`.
    #[must_use]
    pub fn demote(self) -> Option<Demote<'a>> {
        self.0.list(7, layout::DEMOTE).get(0)
    }
}

view! {
    /// A processor and its level.
    March
}

view! {
    /// Arguments that are put in; see [`super::data::Injection`].
    Injection
}
impl<'a> Injection<'a> {
    /// Name of the rule.
    #[must_use]
    pub fn rule(self) -> &'a [u8] {
        self.0.string(0)
    }
    /// Why.
    #[must_use]
    pub fn why(self) -> &'a [u8] {
        self.0.string(2)
    }
    /// The arguments.
    pub fn flags(self) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.0.strings(4)
    }
    /// Before or after the caller's.
    #[must_use]
    pub fn slot(self) -> Slot {
        Slot::from_code(self.0.byte(6, 0)).unwrap_or(Slot::Before)
    }
    /// Whether probes get them too.
    #[must_use]
    pub fn probes(self) -> bool {
        self.0.byte(6, 1) != 0
    }
    /// The effect that makes them needless.
    #[must_use]
    pub fn unless(self) -> Option<Effect> {
        self.0.byte(6, 2).checked_sub(1).and_then(Effect::from_code)
    }
    /// The effect without which it is left out.
    #[must_use]
    pub fn needs(self) -> Option<Effect> {
        self.0.byte(6, 3).checked_sub(1).and_then(Effect::from_code)
    }
    /// What must be known of the link's exports.
    #[must_use]
    pub fn exports(self) -> ExportsKnown {
        ExportsKnown::from_code(self.0.byte(9, 0)).unwrap_or(ExportsKnown::Any)
    }
    /// Calls that it applies to.
    #[must_use]
    pub fn kinds(self) -> Kinds {
        Kinds(self.0.word(7))
    }
    /// Languages that it applies to.
    #[must_use]
    pub fn languages(self) -> Languages {
        Languages(self.0.word(8))
    }
}

view! {
    /// What happens to an argument of the caller's; see [`super::data::Rule`].
    Rule
}
impl<'a> Rule<'a> {
    /// Name of the rule.
    #[must_use]
    pub fn rule(self) -> &'a [u8] {
        self.0.string(0)
    }
    /// Why.
    #[must_use]
    pub fn why(self) -> &'a [u8] {
        self.0.string(2)
    }
    /// What to do about a refusal.
    #[must_use]
    pub fn hint(self) -> &'a [u8] {
        self.0.string(4)
    }
    /// The value it asks for.
    #[must_use]
    pub fn value(self) -> Option<&'a [u8]> {
        self.0.optional(6)
    }
    /// What is put in the argument's place.
    pub fn with(self) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.0.strings(8)
    }
    /// Options that it looks at.
    #[must_use]
    pub fn effect(self) -> Effect {
        Effect::from_code(self.0.byte(10, 0)).unwrap_or(Effect::None)
    }
    /// How the level must stand.
    #[must_use]
    pub fn level(self) -> LevelTest {
        LevelTest::from_code(self.0.byte(10, 1)).unwrap_or(LevelTest::Any)
    }
    /// What is done.
    #[must_use]
    pub fn action(self) -> Action {
        Action::from_code(self.0.byte(10, 2)).unwrap_or(Action::Refuse)
    }
    /// Whether it applies to probes.
    #[must_use]
    pub fn probes(self) -> bool {
        self.0.byte(10, 3) & 1 != 0
    }
    /// Whether the value is a pattern.
    #[must_use]
    pub fn pattern(self) -> bool {
        self.0.byte(10, 3) & 2 != 0
    }
    /// Whether it looks only at options that were there before.
    #[must_use]
    pub fn repeated(self) -> bool {
        self.0.byte(10, 3) & 4 != 0
    }
    /// Calls that it applies to.
    #[must_use]
    pub fn kinds(self) -> Kinds {
        Kinds(self.0.word(11))
    }
}

view! {
    /// The second try of a failed compile; see [`super::data::Demote`].
    Demote
}
impl<'a> Demote<'a> {
    /// Name of the rule.
    #[must_use]
    pub fn rule(self) -> &'a [u8] {
        self.0.string(0)
    }
    /// Why.
    #[must_use]
    pub fn why(self) -> &'a [u8] {
        self.0.string(2)
    }
    /// Appended for the second try.
    pub fn flags(self) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.0.strings(4)
    }
    /// Appended for each `-Werror=X`, before X.
    #[must_use]
    pub fn each(self) -> &'a [u8] {
        self.0.string(6)
    }
}

view! {
    /// One way to know a probe; see [`super::data::ProbeRow`].
    Probe
}
impl<'a> Probe<'a> {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'a [u8] {
        self.0.string(0)
    }
    /// Who does this.
    #[must_use]
    pub fn why(self) -> &'a [u8] {
        self.0.string(2)
    }
    /// Pattern of the working folder.
    #[must_use]
    pub fn cwd(self) -> Option<&'a [u8]> {
        self.0.optional(4)
    }
    /// Pattern of an input.
    #[must_use]
    pub fn input(self) -> Option<&'a [u8]> {
        self.0.optional(6)
    }
    /// Pattern of the output.
    #[must_use]
    pub fn output(self) -> Option<&'a [u8]> {
        self.0.optional(8)
    }
    /// Whether the call must write nothing of its own.
    #[must_use]
    pub fn no_output(self) -> bool {
        self.0.byte(10, 0) != 0
    }
    /// Whether the working folder must lie outside of the input's.
    #[must_use]
    pub fn outside(self) -> bool {
        self.0.byte(10, 1) != 0
    }
}
