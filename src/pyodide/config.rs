//! What Pyodide's Python was built with, as its own sysconfig data say: the macros of its `pyconfig.h` and the flags that
//! extension modules are compiled with. It is read as data; nothing of it is run.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::Runtime;
use crate::build::process;
use crate::build::work::WorkArea;
use crate::error::{Error, Result};

const SCRIPT: &str = include_str!("scripts/config.py");

/// The settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Numbers and texts by name, those of `pyconfig.h` among them.
    pub variables: BTreeMap<String, Value>,
}

impl Config {
    /// Reads them from the standard library of a release, with a Python of this machine.
    pub fn read(runtime: &Runtime, python: &Path, area: &WorkArea) -> Result<Self> {
        let library = runtime.folder.join("python_stdlib.zip");
        let script = area.script("pyodide_config.py", SCRIPT)?;
        let mut command = Command::new(python);
        command.args(["-I", "-S"]).arg(script).arg(&library);
        let damaged = |why: &str| {
            Error::failed(format!("{}: no sysconfig data can be read: {why}", library.display()))
                .hint(format!("remove {}, so that it is fetched again", runtime.folder.display()))
        };
        let stdout = process::answer(&mut command)?
            .map_err(|said| damaged(said.lines().next_back().unwrap_or("it says nothing")))?;
        let variables = serde_json::from_slice(&stdout).map_err(|error| damaged(&error.to_string()))?;
        Ok(Self { variables })
    }

    /// How a line of `pyconfig.h` defines a macro here: `Some(None)` leaves it undefined, and `None` means that nothing is
    /// known of it. sysconfig has 0 for what is undefined and for what is defined as 0; `zero` says which of them a 0 is.
    #[must_use]
    pub fn defined(&self, name: &str, zero: bool) -> Option<Option<String>> {
        match self.variables.get(name)? {
            Value::Number(number) if number.as_i64() == Some(0) && !zero => Some(None),
            Value::Number(number) => Some(Some(number.to_string())),
            Value::String(text) => Some(Some(text.clone())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_macro_is_defined_undefined_or_unknown() {
        let variables =
            [("SIZEOF_LONG", json!(4)), ("HAVE_FORK", json!(0)), ("PLATLIBDIR", json!("\"lib\""))];
        let config = Config {
            variables: variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        };
        assert_eq!(config.defined("SIZEOF_LONG", false), Some(Some("4".into())));
        assert_eq!(config.defined("HAVE_FORK", false), Some(None));
        assert_eq!(config.defined("HAVE_FORK", true), Some(Some("0".into())));
        assert_eq!(config.defined("PLATLIBDIR", false), Some(Some("\"lib\"".into())));
        assert_eq!(config.defined("NEW", false), None);
    }
}
