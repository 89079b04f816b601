//! A wheel that was opened: its name, its archive, and the files of its dist-info.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::archive::{Archive, Entry, Opened, Source};
use super::finding::{Code, Finding, Severity};
use super::headers::Headers;
use super::name::WheelName;
use super::record::Record;
use super::{check, fix};
use crate::error::{Error, IoContext, Result};

/// The largest file of dist-info that is read whole. RECORD of the largest wheels on PyPI has some megabytes.
pub(super) const MOST: u64 = 64 << 20;

/// A sound wheel, but for the content of its files.
#[derive(Debug)]
pub struct Package {
    /// Where it is.
    pub path: PathBuf,
    /// Its file name.
    pub name: WheelName,
    /// Its archive.
    pub archive: Archive<Opened>,
    /// The folder of its dist-info, without a slash.
    pub info: String,
    /// RECORD.
    pub record: Record,
    /// WHEEL.
    pub wheel: Headers,
    /// What is wrong with it all the same: notes, and faults that can be mended if it was opened to mend it.
    pub findings: Vec<Finding>,
}

/// Reads the name of a wheel.
pub fn name_of(path: &Path) -> Result<WheelName, Finding> {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    WheelName::parse(&file)
        .map_err(|what| Finding::new(Code::FileName, format!("is no name of a wheel: {what}")))
}

/// Opens the archive of a wheel.
pub fn open(path: &Path) -> Result<Opened> {
    let there = std::fs::metadata(path).context("cannot open", path)?;
    if !there.is_file() {
        return Err(Error::usage(format!("{}: is no file", path.display())).hint("name a wheel"));
    }
    File::open(path).and_then(Opened::new).context("cannot open", path)
}

impl Package {
    /// Opens a wheel. Anything that is wrong with it but for the content of its files is an error.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_but_for(path, |_| false)
    }

    /// Opens a wheel to mend it: what [`fix`] mends is no error, and is in [`Self::findings`].
    pub fn open_to_mend(path: &Path) -> Result<Self> {
        Self::open_but_for(path, fix::mends)
    }

    fn open_but_for(path: &Path, mended: fn(Code) -> bool) -> Result<Self> {
        let source = open(path)?;
        let mut package = Self::read(path, source).map_err(|finding| finding.refusal(path))?;
        let grave = |finding: &&Finding| finding.severity == Severity::Fault && !mended(finding.code);
        let faults = package.findings.iter().filter(grave).count();
        // What nothing mends is told before what could be mended.
        let first = package.findings.iter().filter(grave).min_by_key(|finding| fix::mends(finding.code));
        if let Some(first) = first {
            let mut refusal = first.refusal(path);
            if faults > 1 {
                let more = faults - 1;
                let message = refusal.message;
                refusal.message =
                    format!("{message}, and {more} more fault{}", if more == 1 { "" } else { "s" });
            }
            return Err(refusal);
        }
        package.findings.sort_by(|a, b| (&a.member, a.code).cmp(&(&b.member, b.code)));
        Ok(package)
    }

    fn read(path: &Path, source: Opened) -> Result<Self, Finding> {
        let name = name_of(path)?;
        let archive = Archive::read(source)?;
        first(archive.faults().to_vec())?;
        let info = dist_info(&archive, &name)?;
        let bytes = file(&archive, &info, "RECORD", Code::NoRecord)?;
        let record = Record::parse(&bytes)
            .map_err(|what| Finding::of(Code::RecordSyntax, format!("{info}/RECORD").as_bytes(), what))?;
        let wheel = headers(&archive, &info, "WHEEL", Code::NoWheelFile, Code::WheelSyntax)?;
        let mut findings = check::record(&record, &info, files(&archive));
        findings.extend(check::wheel(&wheel, &name, &info));
        findings.extend(variant(&archive, &name, &info));
        findings.extend(check::line_ends(&bytes, &info, "RECORD"));
        findings.extend(check::line_ends(&wheel.render(), &info, "WHEEL"));
        Ok(Self { path: path.to_owned(), name, archive, info, record, wheel, findings })
    }

    /// METADATA. Checked when it is asked for: it is no business of one who leaves it alone.
    pub fn metadata(&self) -> Result<Headers> {
        let read = headers(&self.archive, &self.info, "METADATA", Code::NoMetadata, Code::MetadataSyntax);
        let checked = read.and_then(|read| {
            first(check::metadata(&read, &self.name, &self.info))?;
            Ok(read)
        });
        checked.map_err(|finding| finding.refusal(&self.path))
    }
}

/// The first fault.
fn first(found: Vec<Finding>) -> Result<(), Finding> {
    found.into_iter().find(|finding| finding.severity == Severity::Fault).map_or(Ok(()), Err)
}

/// Names and sizes of all entries but folders. What is not UTF-8 was refused before.
pub fn files<S: Source>(archive: &Archive<S>) -> impl Iterator<Item = (&str, u64)> + Clone {
    let name = |entry: &Entry| std::str::from_utf8(archive.name(entry)).unwrap_or_default();
    archive
        .entries()
        .iter()
        .map(move |entry| (name(entry), entry.size))
        .filter(|(name, _)| !name.ends_with('/'))
}

/// The folder `NAME-VERSION.dist-info`.
pub fn dist_info<S: Source>(archive: &Archive<S>, name: &WheelName) -> Result<String, Finding> {
    let mut found: Option<&str> = None;
    for entry in archive.entries() {
        let path = std::str::from_utf8(archive.name(entry)).unwrap_or_default();
        let Some((folder, _)) = path.split_once('/') else { continue };
        if folder.to_ascii_lowercase().ends_with(".dist-info")
            && found != Some(folder)
            && let Some(other) = found.replace(folder)
        {
            let what = format!("has two dist-info folders: `{other}` and `{folder}`");
            return Err(Finding::new(Code::SeveralDistInfo, what));
        }
    }
    let folder = found.ok_or_else(|| Finding::new(Code::NoDistInfo, "has no dist-info folder"))?;
    if !name.owns(&folder[..folder.len() - ".dist-info".len()]) {
        let what = format!(
            "is another package or version than the file name's {}-{}",
            name.distribution, name.version
        );
        return Err(Finding::of(Code::DistInfoName, folder.as_bytes(), what));
    }
    Ok(folder.to_owned())
}

/// A file of dist-info.
pub fn file<S: Source>(
    archive: &Archive<S>,
    info: &str,
    name: &str,
    absent: Code,
) -> Result<Vec<u8>, Finding> {
    let path = format!("{info}/{name}");
    let entry = archive.find(path.as_bytes());
    let entry = entry.ok_or_else(|| Finding::of(absent, path.as_bytes(), "is not there"))?;
    archive.content(entry, MOST)
}

/// What is wrong with variant.json, which only a wheel of a variant has.
pub fn variant<S: Source>(archive: &Archive<S>, name: &WheelName, info: &str) -> Option<Finding> {
    let path = format!("{info}/{}", check::VARIANT);
    let json = archive.find(path.as_bytes()).map(|entry| archive.content(entry, MOST)).transpose();
    json.map_or_else(Some, |json| check::variant(json.as_deref(), name, info))
}

/// A header block of dist-info.
pub fn headers<S: Source>(
    archive: &Archive<S>,
    info: &str,
    name: &str,
    absent: Code,
    syntax: Code,
) -> Result<Headers, Finding> {
    let bytes = file(archive, info, name, absent)?;
    Headers::parse(&bytes).map_err(|what| Finding::of(syntax, format!("{info}/{name}").as_bytes(), what))
}
