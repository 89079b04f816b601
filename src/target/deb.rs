//! Package files of Debian (deb(5)): an ar archive whose member `data.tar` holds what is installed. The control
//! member, with its scripts, is not looked at.

use std::io::{self, BufReader, Read};

use object::read::archive::ArchiveFile;

use super::unpack::{Unpacking, untar};
use crate::error::{Error, Result};

/// Unpacks the data of a package.
pub fn unpack(bytes: &[u8], unpacking: &Unpacking<'_>) -> Result<()> {
    let refuse = |what: &str| {
        Error::failed(format!("{}: {what}", unpacking.label))
            .hint("the package is damaged or of another format")
    };
    let archive = ArchiveFile::parse(bytes).map_err(|_| refuse("it is no package of Debian"))?;
    for member in archive.members() {
        let member = member.map_err(|_| refuse("its archive is damaged"))?;
        let name = String::from_utf8_lossy(member.name()).into_owned();
        if name.starts_with("data.tar") {
            let data = member.data(bytes).map_err(|_| refuse("its archive is damaged"))?;
            let data = reader(&name, data).map_err(|what| refuse(&what))?;
            return untar(data, unpacking);
        }
    }
    Err(refuse("it has no member data.tar"))
}

/// The content of a file that is packed as its name says; `most` bytes of it are taken.
pub fn inflated(name: &str, bytes: &[u8], most: u64) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let there = reader(name, bytes)?.take(most.saturating_add(1)).read_to_end(&mut out);
    match there.map_err(|error: io::Error| error.to_string())? as u64 {
        there if there > most => Err(format!("it has more than {most} bytes")),
        _ => Ok(out),
    }
}

/// Debian packs with xz and, before, with gzip (deb-src-pkg(5), deb(5)); others also with zstd, which is refused.
fn reader<'a>(name: &str, bytes: &'a [u8]) -> Result<Box<dyn Read + 'a>, String> {
    match name.rsplit_once('.').map_or("", |(_, packing)| packing) {
        "xz" => Ok(Box::new(BufReader::new(lzma_rust2::XzReader::new(bytes, true)))),
        "gz" => Ok(Box::new(flate2::read::MultiGzDecoder::new(bytes))),
        "zst" => Err(format!("`{name}` is packed with zstd, as Ubuntu does; packages of Debian are not")),
        "bz2" | "lzma" => Err(format!("`{name}` is packed in a way that Debian no longer uses")),
        _ => Ok(Box::new(bytes)),
    }
}
