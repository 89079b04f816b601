//! Words grouped into options with their values, and inputs: the reading of a compiler driver.

use super::response::Line;
use crate::plan::view::{Options, Row};
use crate::plan::{Effect, Form};

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// An option.
    Option,
    /// A file, or `-`.
    Input,
}

/// One option with its value, or one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Index of its first word.
    pub at: usize,
    /// How many words it takes: 1, or 2 with a separate value.
    pub words: usize,
    /// What it is.
    pub what: What,
    /// What the option means; [`Effect::None`] for unknown ones and inputs.
    pub effect: Effect,
    /// Level of an instruction-set option.
    pub level: u8,
    /// Length of the spelling inside of the first word; the rest is a joined value.
    spelling: usize,
    /// An option whose value is missing because the line ends.
    pub dangling: bool,
}

impl Item {
    /// The value, empty if there is none.
    #[must_use]
    pub fn value<'l>(&self, line: &'l Line<'_>) -> &'l [u8] {
        if self.words == 2 {
            line.text(self.at + 1)
        } else {
            line.text(self.at).get(self.spelling..).unwrap_or_default()
        }
    }
}

/// All items of a line, in order.
#[derive(Clone, Debug)]
pub struct Items {
    items: Vec<Item>,
}

impl Items {
    /// Reads a line by an option table. `clusters` says whether options of one letter may stand in one argument, of
    /// which the first that has a value ends it: `-SO binary` is `-S -O binary`.
    #[must_use]
    pub fn read(line: &Line<'_>, options: Options<'_>, clusters: bool) -> Self {
        let count = line.words().len();
        let mut items = Vec::with_capacity(count);
        let (mut at, mut files_only) = (0, false);
        while at < count {
            let item = if files_only { input(at) } else { one(line, at, options, clusters) };
            files_only |= item.effect == Effect::EndOfOptions;
            at += item.words;
            items.push(item);
        }
        Self { items }
    }

    /// In order.
    #[expect(clippy::iter_without_into_iter, reason = "nothing loops over the items themselves")]
    pub fn iter(&self) -> std::slice::Iter<'_, Item> {
        self.items.iter()
    }

    /// The last one with this effect, which is the one that counts.
    #[must_use]
    pub fn last(&self, effect: Effect) -> Option<&Item> {
        self.items.iter().rfind(|item| item.effect == effect)
    }

    /// Whether there is one with this effect.
    #[must_use]
    pub fn any(&self, effect: Effect) -> bool {
        self.items.iter().any(|item| item.effect == effect)
    }

    /// Index of the word ahead of which arguments can be appended: before `--`, and before a last option
    /// whose value is missing, which would swallow what follows.
    #[must_use]
    pub fn end(&self, line: &Line<'_>) -> usize {
        let stop = self.items.iter().find(|item| item.effect == Effect::EndOfOptions || item.dangling);
        stop.map_or(line.words().len(), |item| item.at)
    }
}

fn input(at: usize) -> Item {
    Item { at, words: 1, what: What::Input, effect: Effect::None, level: 0, spelling: 0, dangling: false }
}

fn one(line: &Line<'_>, at: usize, options: Options<'_>, clusters: bool) -> Item {
    let text = line.text(at);
    if text == b"-" || !text.starts_with(b"-") {
        return input(at);
    }
    let mut item = Item { what: What::Option, spelling: text.len(), ..input(at) };
    let (row, spelling) = match options.find(text) {
        Some(row) => (row, row.spelling().len()),
        None if clusters && !text.starts_with(b"--") => {
            let letters = text.iter().enumerate().skip(1);
            let with_value = |row: &Row<'_>| row.form() == Form::JoinedOrSeparate;
            let row = |(at, letter): (usize, &u8)| {
                Some((options.find(&[b'-', *letter]).filter(with_value)?, at + 1))
            };
            match { letters }.find_map(row) {
                Some(found) => found,
                None => return item,
            }
        }
        None => return item,
    };
    item.effect = row.effect();
    item.level = row.level();
    item.spelling = spelling;
    let separate = match row.form() {
        Form::Separate => true,
        Form::JoinedOrSeparate => text.len() == item.spelling,
        Form::Flag | Form::Joined | Form::Commas => false,
    };
    if separate && at + 1 < line.words().len() {
        item.words = 2;
    } else if separate {
        item.dangling = true;
    }
    item
}
