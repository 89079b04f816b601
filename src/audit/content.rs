//! Which recorded call made a file, asked of a file that is there: by its content, whatever it is called now.

use std::cell::OnceCell;
use std::fs::File;
use std::path::Path;

use crosswheel_shim::elf::{ET_REL, facts};

use super::finding::Evidence;
use super::lineage::Lineage;
use super::member::{self, Binary};
use super::trace::Index;
use crate::capture::glob::Glob;
use crate::capture::{Call, Log};
use crate::error::{Error, IoContext, Result};

/// The call that made a file, and by what that is known.
pub type Made<'l> = Option<(&'l Call, Evidence)>;

/// The call that made the file at `path`. `None` if none made it as it is, or if it holds no machine code.
pub fn maker<'l>(log: &'l Log, path: &Path) -> Result<Made<'l>> {
    let mut file = File::open(path).context("cannot open", path)?;
    let scan = member::scan(&mut file, None).context("cannot read", path)?;
    Ok(scan.binary.and_then(|binary| Contents::new(log).made(&binary)))
}

/// The members of a wheel that hold machine code and have such a name, each with the call that made it.
pub fn members<'l>(log: &'l Log, wheel: &Path, name: &Glob) -> Result<Vec<(String, Made<'l>)>> {
    let file = File::open(wheel).context("cannot open", wheel)?;
    let damaged = |error: &dyn std::fmt::Display| Error::failed(format!("{}: {error}", wheel.display()));
    let mut archive = zip::ZipArchive::new(std::io::BufReader::new(file)).map_err(|error| damaged(&error))?;
    let contents = Contents::new(log);
    let mut found = Vec::new();
    for place in 0..archive.len() {
        let mut entry = archive.by_index(place).map_err(|error| damaged(&error))?;
        if !name.matches(&[b"/", entry.name_raw()].concat()) {
            continue;
        }
        let member = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let scan = member::scan(&mut entry, None).map_err(|error| damaged(&error))?;
        if let Some(binary) = scan.binary {
            found.push((member, contents.made(&binary)));
        }
    }
    Ok(found)
}

/// What the calls of a log made, by content.
struct Contents<'l> {
    log: &'l Log,
    index: Index<'l>,
    /// Only objects need it, and it reads every link of the log.
    lineage: OnceCell<Lineage<'l>>,
}

impl<'l> Contents<'l> {
    fn new(log: &'l Log) -> Self {
        Self { log, index: Index::new(log), lineage: OnceCell::new() }
    }

    fn made(&self, binary: &Binary) -> Made<'l> {
        match binary {
            Binary::Elf(bytes) => {
                let facts = facts(bytes)?;
                let object = || {
                    let call = self.lineage.get_or_init(|| Lineage::new(self.log)).object(bytes)?;
                    Some((call, Evidence::Content))
                };
                // These very bytes first: the last of a link and a strip, say, where the audit asks for the link.
                let traced = self.index.whole(bytes).or_else(|| self.index.trace(bytes, &facts));
                traced.or_else(|| (facts.e_type == ET_REL).then(object).flatten())
            }
            Binary::Wasm(bytes) | Binary::Archive(bytes) => self.index.whole(bytes),
        }
    }
}
