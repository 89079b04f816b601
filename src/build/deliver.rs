//! Puts a finished wheel into its folder: whole or not at all, in place of an earlier one of the same name.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::report::WheelReport;
use crate::error::{Error, IoContext, Result};

/// Copies a wheel into a folder under its own name.
pub fn deliver(wheel: &Path, folder: &Path) -> Result<WheelReport> {
    let name = wheel.file_name().unwrap_or_default();
    let target: PathBuf = folder.join(name);
    let mut source = File::open(wheel).context("opening", wheel)?;
    let mut part =
        tempfile::Builder::new().prefix(".xw-").tempfile_in(folder).context("making a file in", folder)?;
    let mut digest = Sha256::new();
    let mut size = 0;
    let mut block = vec![0; 1 << 16];
    loop {
        let count = source.read(&mut block).context("reading", wheel)?;
        if count == 0 {
            break;
        }
        digest.update(&block[..count]);
        io::Write::write_all(&mut part, &block[..count]).context("writing", &target)?;
        size += count as u64;
    }
    let file = part.as_file();
    file.set_permissions(fs::Permissions::from_mode(0o644)).context("writing", &target)?;
    file.sync_all().context("writing", &target)?;
    part.persist(&target).map_err(|error| Error::io("writing", &target, &error.error))?;
    Ok(WheelReport { path: target, size, sha256: crate::hex::digits(&digest.finalize()) })
}
