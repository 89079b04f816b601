//! Arguments that `run` and `env` share: what a session is made for, and where.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::environment;
use crate::error::{Error, Result};
use crate::toolchain::session::{Session, SessionOptions};
use crate::toolchain::{Policy, Topology, Toolchains, Werror};

/// Where programs are looked for when the caller has no PATH at all.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What a session is made for, and where.
#[derive(clap::Args)]
pub(super) struct SessionArgs {
    /// Family to build for, such as `host` or `x86-64-v3`
    #[arg(short, long, value_name = "FAMILY")]
    pub(super) family: String,
    /// Topology that knows the family [default: BUILD_TOPOLOGY.toml here or above, else the built-in one]
    #[arg(long, value_name = "FILE")]
    topology: Option<PathBuf>,
    /// What becomes of -Werror: keep, drop, demote, or add=WARNING,… [default: as the topology says]
    #[arg(long, value_name = "POLICY", value_parser = werror)]
    werror: Option<Werror>,
    /// Folder for the shim folder, the plan and the record [default: .crosswheel/FAMILY]
    #[arg(long, visible_alias = "log", value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Keep no record
    #[arg(long)]
    no_log: bool,
}

/// Reads `--werror`.
pub(super) fn werror(text: &str) -> Result<Werror, String> {
    let (policy, list) = text.split_once('=').map_or((text, None), |(policy, list)| (policy, Some(list)));
    match (policy, list) {
        ("keep", None) => Ok(Werror::Keep),
        ("drop", None) => Ok(Werror::Drop),
        ("demote", None) => Ok(Werror::Demote),
        ("add", Some(list)) => {
            let names: Vec<_> = list.split(',').map(str::to_owned).collect();
            match names.iter().find(|name| !is_warning(name)) {
                None => Ok(Werror::Add(names)),
                Some(name) => Err(format!("`{name}` is no name of a warning, such as `return-type`")),
            }
        }
        ("add", None) => Err("`add` needs warnings: add=return-type,format-security".into()),
        _ => Err("it is one of keep, drop, demote, add=WARNING,…".into()),
    }
}

/// A warning as it is spelled behind `-W`, without that.
fn is_warning(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-+=_".contains(&byte);
    name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric()) && name.bytes().all(inner)
}

impl SessionArgs {
    /// Makes the session.
    pub(super) fn create(&self) -> Result<Session> {
        let cwd = std::env::current_dir()
            .map_err(|source| Error::failed(format!("the working folder is not to be had: {source}")))?;
        let topology = match &self.topology {
            Some(file) => Topology::load(file)?,
            None => Topology::find(&cwd)?,
        };
        let family = topology.family(&self.family)?;
        let policy = match &self.werror {
            Some(werror) => Policy { werror: werror.clone() },
            None => topology.policy.clone(),
        };
        let dir = self.dir.clone().unwrap_or_else(|| PathBuf::from(".crosswheel").join(&self.family));
        let path = std::env::var_os(environment::PATH).unwrap_or_else(|| DEFAULT_PATH.into());
        Session::create(&SessionOptions {
            dir: &cwd.join(dir),
            toolchains: &Toolchains::builtin(),
            family,
            policy: &policy,
            reproducible: None,
            path: &path,
            cwd: &cwd,
            variables: &|name| std::env::var_os(name),
            python: None,
            extra_tools: &[],
            record: !self.no_log,
        })
    }
}

/// Prints what the user should know about the tools that were found.
pub(super) fn remarks(session: &Session) {
    for remark in &session.remarks {
        let style = anstyle::AnsiColor::Yellow.on_default().bold();
        let (name, path) = (&remark.name, remark.path.display());
        anstream::eprintln!("{style}warning:{style:#} {name} ({path}): {}", remark.what);
    }
}

/// Variables as `env` and `run` hand them on.
pub(super) type Settings = Vec<(OsString, Option<OsString>)>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn werror_policies_are_read_as_they_are_spelled() {
        assert_eq!(werror("keep"), Ok(Werror::Keep));
        assert_eq!(werror("drop"), Ok(Werror::Drop));
        assert_eq!(werror("demote"), Ok(Werror::Demote));
        let two = vec!["return-type".to_owned(), "format=2".to_owned()];
        assert_eq!(werror("add=return-type,format=2"), Ok(Werror::Add(two)));
        for wrong in ["", "add", "add=", "add=a,,b", "add=-Wall", "keep=x", "none", "add=a b", "Keep"] {
            assert!(werror(wrong).is_err(), "{wrong}");
        }
    }
}
