//! Wheels as release jobs need them: looked at, verified, given other tags or metadata. Entries that do not change are
//! copied raw, never inflated, and memory is bound by the central directory of the archive. Nothing here prints, and
//! nothing is mended that was not asked for: what is wrong is refused, by a code.
//!
//! | module | subject |
//! |---|---|
//! | [`name`] | file names and tags |
//! | [`headers`] | header blocks, kept line by line |
//! | [`record`] | RECORD |
//! | [`requirement`] | the parts of a requirement |
//! | [`archive`] | the zip layer |
//! | [`digest`] | the digests that are computed |
//! | [`finding`] | what can be wrong, and what to do |
//! | [`package`] | a wheel that was opened: its name, its archive, its dist-info |
//! | [`image`] | the content of an entry for random access |
//! | [`check`] | rules of RECORD, WHEEL and METADATA |
//! | [`diff`] | why two wheels differ |
//! | [`metadata`] | METADATA edited as bytes |
//! | [`fix`] | RECORD mended |
//! | [`edits`] | what to change |
//! | [`family`] | how the family of a wheel shows in its name |
//! | [`retag`] | other tags, build number, name, version, requirements |
//! | [`inspect`] | what is in a wheel: sizes, machine code, GPU targets, duplicates |
//! | [`verify`] | all rules, and the content against RECORD |
//! | [`manifest`] | what wheels are made of and come from, in one document |
//! | [`sbom`] | a bill of materials in a wheel |
//! | [`policy`] | manylinux and musllinux |
//! | [`work`] | the same work for many entries, on all cores |

pub mod archive;
pub mod check;
pub mod diff;
pub mod digest;
pub mod edits;
pub mod family;
pub mod finding;
pub mod fix;
pub mod headers;
pub mod image;
pub mod inspect;
pub mod manifest;
pub mod metadata;
pub mod name;
pub mod package;
pub mod policy;
pub mod record;
pub mod requirement;
pub mod retag;
pub mod sbom;
pub mod verify;
pub mod work;

pub use finding::{Code, Finding, Severity};
pub use name::WheelName;
pub use package::Package;
