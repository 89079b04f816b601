//! The closed sets of `crosswheel_shim::plan`, read from TOML by their spellings.

use std::marker::PhantomData;

use crosswheel_shim::plan::{
    Action, Dialect, Effect, Exports, ExportsKnown, Form, Kind, Kinds, Language, Languages, LevelTest, Role,
    Slot,
};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::near::suggest;

/// A set whose members have spellings.
pub(crate) trait Code: Copy + 'static {
    /// What a member is called in an error.
    const WHAT: &'static str;
    /// All members.
    fn all() -> &'static [Self];
    /// The spelling of one.
    fn spelling(self) -> &'static str;
}

macro_rules! code {
    ($($name:ident: $what:literal,)+) => {
        $(impl Code for $name {
            const WHAT: &'static str = $what;
            fn all() -> &'static [Self] { Self::ALL }
            fn spelling(self) -> &'static str { self.name() }
        })+
    };
}

code! {
    Action: "action",
    Dialect: "dialect",
    Effect: "effect",
    Exports: "choice of exports",
    ExportsKnown: "condition on exports",
    Form: "form",
    Kind: "kind of call",
    Language: "language",
    LevelTest: "level test",
    Role: "role",
    Slot: "slot",
}

/// A member of a set, as a value or as a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Coded<T>(pub(crate) T);

impl<'de, T: Code> Deserialize<'de> for Coded<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Spelling(PhantomData))
    }
}

struct Spelling<T>(PhantomData<T>);

impl<T: Code> Visitor<'_> for Spelling<T> {
    type Value = Coded<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a {}", T::WHAT)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        T::all().iter().copied().find(|one| one.spelling() == text).map(Coded).ok_or_else(|| {
            let known = suggest(text, T::all().iter().map(|one| one.spelling()));
            E::custom(format!("unknown {} `{text}`; {known}", T::WHAT))
        })
    }
}

/// A list of kinds of calls as bits.
pub(crate) fn kinds(list: &[Coded<Kind>]) -> Kinds {
    list.iter().fold(Kinds::NONE, |mut bits, one| {
        bits.insert(one.0);
        bits
    })
}

/// A list of languages as bits.
pub(crate) fn languages(list: &[Coded<Language>]) -> Languages {
    list.iter().fold(Languages::NONE, |mut bits, one| {
        bits.insert(one.0);
        bits
    })
}
