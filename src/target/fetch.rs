//! Files over the network, by Python's urllib: a Python is what every user of crosswheel has, where curl, wget or apt
//! may be absent, and it reads the usual variables for proxies. Nothing is trusted for having been fetched: the caller
//! holds each file against its digest.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::{Report, Step};
use crate::build::process;
use crate::error::{Error, IoContext, Result};

const SCRIPT: &str = include_str!("scripts/download.py");

/// What is fetched, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Its address: http, https or file.
    pub url: String,
    /// The file, which is overwritten.
    pub path: PathBuf,
    /// How many bytes are taken at the most.
    pub most: u64,
}

#[derive(Deserialize)]
struct Refusal {
    url: String,
    message: String,
}

/// Fetches files, several at once; fails if one of them cannot be had. `total` is how many bytes there will be, for the
/// report; 0 if that is not known.
pub fn fetch(items: &[Item], what: &str, total: u64, report: Report<'_>) -> Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    let python = which::which("python3").or_else(|_| which::which("python")).map_err(|_| {
        Error::failed("there is no python3 on PATH, by which files are fetched").hint("`apt install python3`")
    })?;
    let folder = tempfile::tempdir().context("making a folder in", std::env::temp_dir())?;
    let (script, list) = (folder.path().join("download.py"), folder.path().join("list"));
    let items_text = serde_json::to_vec(items)
        .map_err(|error| Error::failed(format!("a path cannot be handed on to Python: {error}")))?;
    fs::write(&script, SCRIPT).context("writing", &script)?;
    fs::write(&list, items_text).context("writing", &list)?;
    let there = || items.iter().filter_map(|item| fs::metadata(&item.path).ok()).map(|meta| meta.len()).sum();
    let mut tick = || report(Step::Fetching { what: what.to_owned(), done: there(), total });
    let mut command = Command::new(python);
    // Isolated: nothing of the working folder or of the user's own modules is taken for urllib; nor is any other looked for.
    command.args(["-I", "-S"]).arg(script).arg(list);
    match process::answer_ticking(&mut command, &mut tick)? {
        Ok(_) => Ok(()),
        Err(said) => Err(refused(&said)),
    }
}

fn refused(said: &str) -> Error {
    match said.lines().find_map(|line| serde_json::from_str::<Refusal>(line).ok()) {
        Some(refusal) => Error::failed(format!("cannot fetch {}: {}", refusal.url, refusal.message)).hint(
            "http_proxy, https_proxy and no_proxy are respected; --mirror names another mirror of Debian",
        ),
        None => Error::failed(format!("Python's urllib does not work:\n{}", said.trim_end())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_fetched_and_one_that_is_larger_than_it_may_be_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (from, path) = (folder.path().join("a+b~1"), folder.path().join("out"));
        fs::write(&from, "12345").unwrap();
        let item = |most| Item { url: format!("file://{}", from.display()), path: path.clone(), most };
        fetch(&[item(5)], "a file", 5, &mut |_| {}).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"12345");
        let told = fetch(&[item(4)], "a file", 0, &mut |_| {}).unwrap_err();
        assert!(told.message.ends_with("it has more than 4 bytes"), "{told}");
        let gone = Item { url: "file:///nowhere/at/all".into(), ..item(1) };
        let told = fetch(&[gone], "a file", 0, &mut |_| {}).unwrap_err();
        assert!(told.message.starts_with("cannot fetch file:///nowhere/at/all: "), "{told}");
    }
}
