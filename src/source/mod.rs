//! Text files that users write, and errors that point into them.
//!
//! `BUILD_TOPOLOGY.toml` and the toolchain files are read through this, so that a fault always names file, line
//! and column and shows the line with a caret. It never decides what is a fault.

use std::ops::Range;
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::{Error, IoContext, Result};

pub(crate) mod coded;
pub(crate) mod near;

/// A text and the name under which errors speak of it.
#[derive(Clone, Debug)]
pub struct Source {
    /// Path as the user gave it, or the place of a built-in file.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// A text that is already here.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// Reads a file, which must be UTF-8 as TOML demands.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).context("reading", path)?;
        let name = path.display().to_string();
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self { name, text }),
            Err(fault) => {
                Err(Error::usage(format!("{name}: not UTF-8 at byte {}", fault.utf8_error().valid_up_to())))
            }
        }
    }

    /// Reads it as TOML of the shape `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        toml::from_str(&self.text)
            .map_err(|fault| self.error(fault.span().unwrap_or(0..0), &decapitalise(fault.message())))
    }

    /// An error at a place in the text: name, line and column, the message, the line, a caret below it.
    #[must_use]
    pub fn error(&self, span: Range<usize>, message: &str) -> Error {
        Error::usage(self.snippet(span, message))
    }

    fn snippet(&self, span: Range<usize>, message: &str) -> String {
        let start = floor(&self.text, span.start);
        let end = floor(&self.text, span.end).max(start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
        let number = self.text[..line_start].matches('\n').count() + 1;
        let column = self.text[line_start..start].chars().count() + 1;
        let line = self.text[line_start..line_end].trim_end_matches('\r');
        // Tabs stay tabs, so that the caret stands below its character whatever a terminal makes of them.
        let lead: String =
            self.text[line_start..start].chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let width = self.text[start..end.min(line_end)].chars().count().max(1);
        let gutter = " ".repeat(number.to_string().len());
        format!(
            "{}:{number}:{column}: {message}\n{gutter} |\n{number} | {line}\n{gutter} | {lead}{}",
            self.name,
            "^".repeat(width)
        )
    }
}

/// The start of the character that holds byte `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Our errors are lower-case fragments; those of the parser are sentences over several lines.
fn decapitalise(message: &str) -> String {
    let line = message.lines().map(str::trim).collect::<Vec<_>>().join("; ");
    let mut chars = line.chars();
    match (chars.next(), line.chars().nth(1)) {
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(chars).collect(),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caret_stands_below_the_span_behind_tabs_and_wide_characters() {
        let source = Source::new("f.toml", "ok = 1\n\té = \"bad\"\n");
        let at = source.text.find("\"bad\"").unwrap_or_default();
        let error = source.error(at..at + 5, "no good");
        assert_eq!(error.message, "f.toml:2:6: no good\n  |\n2 | \té = \"bad\"\n  | \t    ^^^^^");
    }

    #[test]
    fn a_span_behind_the_end_or_inside_a_character_is_still_shown() {
        let source = Source::new("f", "é");
        assert!(source.error(99..120, "m").message.starts_with("f:1:2: m"));
        assert!(source.error(1..1, "m").message.starts_with("f:1:1: m"));
    }
}
