//! What can be wrong with a wheel: one table of codes, each with its gravity and its way out. The same codes
//! serve `verify`, which lists all, and every command that writes, which refuses at the first.

use serde::Serialize;

use crate::error::Error;
pub use crate::finding::Severity;
use crate::finding::codes;

codes! {
    /// The file cannot be opened or read.
    Unreadable = "unreadable", Fault, "look at its path and its rights";
    /// No end of central directory is where it must be.
    NotZip = "not-zip", Fault, "it is no zip file, or was cut short; fetch or build it again";
    /// Something follows the archive.
    TrailingBytes = "trailing-bytes", Fault, "something was appended to the archive; build it again";
    /// Something precedes the archive.
    LeadingBytes = "leading-bytes", Fault, "something was put before the archive; build it again";
    /// The archive has more than one end.
    AmbiguousEnd = "ambiguous-end", Fault, "readers would see different files in it; build it again";
    /// It is one disk of several.
    SplitArchive = "split-archive", Fault, "a wheel is one file; pack it again";
    /// The central directory is damaged.
    BadDirectory = "bad-directory", Fault, "it is damaged; fetch or build it again";
    /// ZIP64 fields are damaged or contradict the others.
    BadZip64 = "bad-zip64", Fault, "readers would see different sizes; pack it again";
    /// An extra field is damaged.
    BadExtra = "bad-extra", Fault, "pack it again with a sound tool";
    /// Two entries have one name.
    DuplicateName = "duplicate-name", Fault, "installers take one of the two; pack it again with one";
    /// A name is a file and a folder.
    FileAndFolder = "file-and-folder", Fault, "it cannot be unpacked; pack it again";
    /// The local header and the central directory disagree.
    HeaderMismatch = "header-mismatch", Fault, "readers would see different entries; pack it again";
    /// Entries share bytes.
    Overlap = "overlap", Fault, "this is how zip bombs are made; do not unpack it";
    /// Bytes between entries belong to none.
    StrayBytes = "stray-bytes", Fault, "an entry was hidden or removed carelessly; pack it again";
    /// A name leads out of the folder, or is written in an odd way.
    UnsafePath = "unsafe-path", Fault, "entries are named by plain relative paths with `/`; pack it again";
    /// A name that is not ASCII is not marked as UTF-8.
    NameEncoding = "name-encoding", Fault, "readers would decode it differently; pack it again with UTF-8 names";
    /// A symlink or a device.
    SpecialFile = "special-file", Fault, "wheels hold plain files only; put the file itself in";
    /// An encrypted entry.
    Encrypted = "encrypted", Fault, "installers cannot read it; pack it again without a password";
    /// A compression method other than stored and deflated.
    Method = "compression-method", Fault, "wheels are stored or deflated; pack it again";
    /// More bytes are promised than deflate can give.
    Bomb = "bomb", Fault, "the sizes cannot be true; do not unpack it";
    /// It unpacks to far more than its size.
    HighRatio = "high-ratio", Note, "PyPI refuses files of 64 MiB and more that unpack to over 50 times their size";
    /// The compressed data are damaged.
    DamagedData = "damaged-data", Fault, "it is damaged; fetch or build it again";
    /// The checksum differs.
    CrcMismatch = "crc-mismatch", Fault, "it is damaged; fetch or build it again";

    /// The file name is none of a wheel.
    FileName = "file-name", Fault, "NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl, each part without `-`";
    /// There is no dist-info folder.
    NoDistInfo = "no-dist-info", Fault, "a wheel has one folder NAME-VERSION.dist-info; build it again";
    /// There are several.
    SeveralDistInfo = "several-dist-info", Fault, "a wheel has one folder NAME-VERSION.dist-info; build it again";
    /// Its name is of another package or version.
    DistInfoName = "dist-info-name", Fault, "the file was renamed, or badly packed; build it again";
    /// WHEEL is not there.
    NoWheelFile = "no-wheel-file", Fault, "installers refuse it; build it again";
    /// METADATA is not there.
    NoMetadata = "no-metadata", Fault, "installers refuse it; build it again";
    /// RECORD is not there.
    NoRecord = "no-record", Fault, "installers refuse it; build it again";
    /// A file of dist-info is far too large.
    TooLarge = "too-large", Fault, "a file of dist-info is text of some kilobytes; look at what it is";

    /// RECORD is not CSV with three fields a row.
    RecordSyntax = "record-syntax", Fault, "each row is `path,algorithm=digest,size`; build it again";
    /// An entry has no row.
    RecordMissingRow = "record-missing-row", Fault, "installers refuse files that RECORD does not list; `crosswheel wheel retag --fix` lists it";
    /// A row has no entry.
    RecordExtraRow = "record-extra-row", Fault, "RECORD lists what is not there; `crosswheel wheel retag --fix` takes the row out, if the file is not missed";
    /// A file has two rows, which do not contradict each other.
    RecordDuplicateRow = "record-duplicate-row", Fault, "a file has one row; `crosswheel wheel retag --fix` keeps one";
    /// A file has two rows, which contradict each other.
    RecordRowsConflict = "record-rows-conflict", Fault, "one of them is of another file; build it again";
    /// A row has no hash.
    RecordNoHash = "record-no-hash", Fault, "only RECORD itself and its signatures go without; `crosswheel wheel retag --fix` computes it";
    /// A hash is spelled wrongly, or of an unknown algorithm.
    RecordHashSyntax = "record-hash-syntax", Fault, "`sha256=` and urlsafe base64 without padding; build it again";
    /// A hash is spelled in hexadecimal digits or in another base64.
    RecordHashSpelling = "record-hash-spelling", Fault, "installers compare spellings; `crosswheel wheel retag --fix` spells it as they do";
    /// A hash is of an algorithm that is not allowed.
    RecordWeakHash = "record-weak-hash", Fault, "md5 and sha1 are not allowed, sha256 or better is; build it again";
    /// A hash is of an allowed algorithm that is not looked into here.
    RecordUncheckedHash = "record-unchecked-hash", Note, "only sha256, sha384 and sha512 are computed; the size was compared";
    /// A hash is not that of the content.
    RecordHashMismatch = "record-hash-mismatch", Fault, "the file was changed after RECORD was written; build it again";
    /// A size is not that of the content.
    RecordSizeMismatch = "record-size-mismatch", Fault, "the file was changed after RECORD was written; build it again";
    /// RECORD has a hash of itself.
    RecordSelfHashed = "record-self-hashed", Fault, "its own row has neither hash nor size; `crosswheel wheel retag --fix` empties them";

    /// WHEEL is no header block.
    WheelSyntax = "wheel-syntax", Fault, "it is made of `Name: value` lines; build it again";
    /// Wheel-Version is absent or unknown.
    WheelVersion = "wheel-version", Fault, "installers know major version 1; build it again";
    /// Root-Is-Purelib is absent, repeated or neither true nor false.
    WheelPurelib = "wheel-purelib", Fault, "Root-Is-Purelib is there once, `true` or `false`; build it again";
    /// A tag is not PYTHON-ABI-PLATFORM.
    WheelTagSyntax = "wheel-tag-syntax", Fault, "`Tag: PYTHON-ABI-PLATFORM`, one a line; `crosswheel wheel retag --fix` takes the tags of the file name";
    /// WHEEL and the file name have other tags.
    WheelTagsDisagree = "wheel-tags-disagree", Fault, "restore the file name, or let `crosswheel wheel retag --fix` take its tags over";
    /// WHEEL lacks some of the combinations of the file name's tags, or writes them in sets.
    WheelTagsUnexpanded = "wheel-tags-unexpanded", Note, "`crosswheel wheel retag` writes one line for each combination";
    /// WHEEL and the file name have other build numbers.
    WheelBuildDisagrees = "wheel-build-disagrees", Fault, "restore the file name, or let `crosswheel wheel retag --fix` take its build number over";
    /// RECORD or WHEEL ends its lines as Windows does.
    Crlf = "crlf", Note, "readers take both ends of lines; `crosswheel wheel retag` writes plain ones";
    /// The variant label of the file name and variant.json disagree.
    VariantDisagrees = "variant-disagrees", Fault, "a label goes with a variant.json of exactly this variant; restore the file name";

    /// METADATA is no header block.
    MetadataSyntax = "metadata-syntax", Fault, "it is made of `Name: value` lines; build it again";
    /// Metadata-Version is absent, repeated or unknown.
    MetadataVersion = "metadata-version", Fault, "versions 1.0 to 1.2 and 2.1 to 2.5 are known; build it again";
    /// Name is absent, repeated, malformed or another than the file's.
    MetadataName = "metadata-name", Fault, "the name in METADATA and in the file name are one; build it again";
    /// Version is absent, repeated, malformed or another than the file's.
    MetadataRelease = "metadata-release", Fault, "the version in METADATA and in the file name are one; build it again";
    /// A requirement is not one.
    MetadataRequires = "metadata-requires", Fault, "Requires-Dist follows PEP 508; build it again";

    /// An extension module, or all the machine code, is for another machine than the platform tag.
    WrongMachine = "wrong-machine", Fault, "the tag or the build is wrong: retag it, or build for that machine";
    /// Some machine code is for another machine than the platform tag.
    OtherMachine = "other-machine", Note, "tools that carry helpers for several machines do so; else it came in by mistake";
    /// A wheel for any platform holds an extension module.
    PureWithExtension = "pure-with-extension", Fault, "it runs on one platform only: retag it with --platform";
    /// A wheel for any platform holds machine code.
    PureWithCode = "pure-with-code", Note, "tools that carry helpers do so; else it runs on one platform only";

    /// A file that others need to be loaded needs a newer glibc than the platform tag promises.
    PolicyGlibc = "policy-glibc", Fault, "it is not loaded on some systems of the tag: build it on an older one, or `crosswheel wheel retag --platform auto`";
    /// A file needs newer symbol versions than the policy of the platform tag allows.
    PolicyVersion = "policy-version", Note, "it is loaded only where the library is newer: build it on an older system, or retag it";
    /// A file needs a library that is neither in the wheel nor allowed by the policy.
    PolicyLibrary = "policy-library", Note, "something else must bring it, such as another package; else put it into the wheel";
    /// A file uses a symbol that the policy does not allow.
    PolicySymbol = "policy-symbol", Note, "some systems of the tag lack it: build it on an older one, or retag it";
    /// A file insists on an x86-64 level, which no policy does.
    PolicyLevel = "policy-level", Note, "it is not loaded on older processors: keep such a wheel apart from those for all";
    /// A file could not be looked into.
    PolicyUnknown = "policy-unknown", Note, "there is no room for temporary files: TMPDIR names their folder";
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was found.
    pub code: Code,
    /// How grave it is.
    pub severity: Severity,
    /// The entry; `None` if it is about the wheel as a whole.
    pub member: Option<String>,
    /// What is wrong, to be read behind the entry's name.
    pub what: String,
    /// What to do.
    pub hint: &'static str,
}

impl Finding {
    /// About the wheel as a whole.
    pub fn new(code: Code, what: impl Into<String>) -> Self {
        Self { code, severity: code.severity(), member: None, what: what.into(), hint: code.hint() }
    }

    /// About one entry.
    pub fn of(code: Code, member: &[u8], what: impl Into<String>) -> Self {
        Self { member: Some(String::from_utf8_lossy(member).into_owned()), ..Self::new(code, what) }
    }

    /// As the reason why nothing is done with a wheel.
    #[must_use]
    pub fn refusal(&self, wheel: &std::path::Path) -> Error {
        let member = self.member.as_ref().map(|name| format!("`{}` ", name.escape_debug()));
        let code = self.code.name();
        let wheel = wheel.display();
        Error::failed(format!("{wheel}: {}{} [{code}]", member.unwrap_or_default(), self.what))
            .hint(self.hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_spelled_once() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
