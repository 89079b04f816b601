//! The package's own build backend, called as PEP 517 says: hooks run in a process of their own, in the source tree.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::isolation::Environment;
use super::process;
use super::work::WorkArea;
use crate::error::{Error, IoContext, Result};
use crate::target::namespace::{Entry, Namespace};

const SCRIPT: &str = include_str!("scripts/hooks.py");

/// `[build-system]` of a source, or what stands for it where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// Requirements of the backend itself.
    pub requires: Vec<String>,
    /// `module:object`.
    pub object: String,
    /// Folders of the source in which the backend lies.
    pub path: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct BuildSystem {
    requires: Vec<String>,
    build_backend: Option<String>,
    backend_path: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Pyproject {
    build_system: Option<BuildSystem>,
}

/// What stands in for a missing `build-backend`: setuptools with the source tree importable.
const LEGACY: &str = "setuptools.build_meta:__legacy__";

impl Backend {
    /// Reads `pyproject.toml` of a source.
    pub fn read(root: &Path) -> Result<Self> {
        let path = root.join("pyproject.toml");
        let table = if path.is_file() {
            let text = fs::read_to_string(&path).context("reading", &path)?;
            toml::from_str::<Pyproject>(&text)
                .map_err(|error| Error::failed(format!("pyproject.toml of the source: {error}")))?
                .build_system
        } else {
            None
        };
        let Some(system) = table else {
            let requires = vec!["setuptools>=40.8.0".to_owned()];
            return Ok(Self { requires, object: LEGACY.to_owned(), path: None });
        };
        for folder in system.backend_path.iter().flatten() {
            let inside = root
                .join(folder)
                .canonicalize()
                .is_ok_and(|full| root.canonicalize().is_ok_and(|root| full.starts_with(root)));
            if !inside {
                return Err(Error::failed(format!(
                    "pyproject.toml of the source: backend-path names `{folder}`, which is no folder in it"
                )));
            }
        }
        Ok(Self {
            requires: system.requires,
            object: system.build_backend.unwrap_or_else(|| LEGACY.to_owned()),
            path: system.backend_path,
        })
    }
}

/// How hooks are run: where, by what, with which variables.
#[derive(Debug)]
pub struct Runner<'a> {
    /// The backend.
    pub backend: &'a Backend,
    /// The Python and its scripts.
    pub environment: &'a Environment,
    /// The source tree.
    pub source: &'a Path,
    /// For questions and answers.
    pub area: &'a WorkArea,
    /// `KEY=VALUE` of the user, in the order given.
    pub settings: &'a [(String, String)],
    /// Variables to set, or (`None`) to remove.
    pub variables: &'a [(OsString, Option<OsString>)],
    /// umask of the backend.
    pub umask: Option<u32>,
    /// Output of the hooks goes here.
    pub log: &'a Path,
    /// In what they run, so that the kernel runs programs of the target.
    pub namespace: Option<&'a Namespace>,
}

#[derive(Deserialize)]
struct Answer {
    value: Option<Value>,
    unavailable: Option<String>,
}

impl Runner<'_> {
    /// `get_requires_for_build_wheel`.
    pub fn requires(&self) -> Result<Vec<String>> {
        let value =
            self.call("get_requires_for_build_wheel", &[self.config()], Some(json!([])), &mut || {})?;
        serde_json::from_value(value).map_err(|_| {
            Error::failed("the backend's get_requires_for_build_wheel returns no list of requirements")
        })
    }

    /// `prepare_metadata_for_build_wheel`: name and version; `None` if the backend has no such hook.
    pub fn metadata(&self) -> Result<Option<(String, String)>> {
        let folder = self.area.root().join("metadata");
        self.area.emptied(&folder)?;
        let arguments = [json!(utf8(&folder)?), self.config()];
        let value =
            self.call("prepare_metadata_for_build_wheel", &arguments, Some(Value::Null), &mut || {})?;
        let Some(name) = value.as_str() else { return Ok(None) };
        let path = folder.join(name).join("METADATA");
        let text = fs::read(&path).context("reading", &path)?;
        let text = String::from_utf8_lossy(&text);
        let header = |wanted: &str| {
            text.lines().take_while(|line| !line.is_empty()).find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(wanted).then(|| value.trim().to_owned())
            })
        };
        Ok(header("Name").zip(header("Version")))
    }

    /// `build_wheel`; returns the path of the wheel.
    pub fn wheel(&self, folder: &Path, tick: &mut dyn FnMut()) -> Result<PathBuf> {
        let arguments = [json!(utf8(folder)?), self.config()];
        let value = self.call("build_wheel", &arguments, None, tick)?;
        let name = value.as_str().unwrap_or_default();
        let path = folder.join(name);
        let plain = Path::new(name).file_name().is_some_and(|file| file == name);
        if !plain || path.extension().is_none_or(|ext| ext != "whl") || !path.is_file() {
            return Err(Error::failed(format!(
                "the backend says that it built `{name}`, but there is no such wheel"
            )));
        }
        Ok(path)
    }

    /// The settings as a hook gets them: a key that is given more than once has a list.
    fn config(&self) -> Value {
        let mut map = Map::new();
        for (key, value) in self.settings {
            match map.get_mut(key) {
                None => drop(map.insert(key.clone(), json!(value))),
                Some(Value::Array(list)) => list.push(json!(value)),
                Some(one) => *one = json!([one.take(), value]),
            }
        }
        Value::Object(map)
    }

    fn call(
        &self,
        hook: &str,
        arguments: &[Value],
        default: Option<Value>,
        tick: &mut dyn FnMut(),
    ) -> Result<Value> {
        let script = self.area.script("hooks.py", SCRIPT)?;
        let question = self.area.scripts().join(format!("{hook}.json"));
        let answer = self.area.scripts().join(format!("{hook}.answer.json"));
        let mut request = json!({
            "backend": self.backend.object,
            "backend_path": self.backend.path,
            "hook": hook,
            "arguments": arguments,
            "umask": self.umask,
        });
        if let Some(default) = default {
            request["default"] = default;
        }
        fs::write(&question, request.to_string()).context("writing", &question)?;
        drop(fs::remove_file(&answer));
        let mut command = Command::new(&self.environment.python);
        command.arg(script).arg(&question).arg(&answer).current_dir(self.source);
        for (name, value) in self.variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let entry = self.namespace.map(|namespace| namespace.enclose(&mut command)).transpose()?;
        let ran = process::run_logged(&mut command, self.log, tick);
        // The helper of the namespace waits for the command's end of its line.
        drop(command);
        let status = match (ran, entry) {
            (Ok(status), _) => status,
            (Err(error), entry) => return Err(entry.and_then(Entry::failure).unwrap_or(error)),
        };
        let said: Option<Answer> = fs::read(&answer).ok().and_then(|text| serde_json::from_slice(&text).ok());
        match said {
            Some(Answer { unavailable: Some(why), .. }) => {
                let error =
                    Error::failed(format!("the build backend {} cannot be used: {why}", self.backend.object));
                Err(if self.environment.root.is_none() {
                    error.hint(format!(
                        "without isolation these must be installed already: {}",
                        self.backend.requires.join(", ")
                    ))
                } else {
                    error.hint("[build-system] requires of pyproject.toml must name what holds the backend")
                })
            }
            Some(Answer { value: Some(value), .. }) if status.success() => Ok(value),
            // A hook that returns None, as the answer of one that is not there.
            Some(Answer { value: None, .. }) if status.success() => Ok(Value::Null),
            _ => Err(process::failure(
                &format!("{hook} of the backend {}", self.backend.object),
                status,
                self.log,
            )),
        }
    }
}

/// JSON cannot hold other paths. The work area's are ours; only TMPDIR can spoil them.
fn utf8(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| {
        Error::usage(format!("the temporary folder {} is not UTF-8", path.display()))
            .hint("set TMPDIR to a folder with a plain name")
    })
}
