//! Reading the record of a session (`docs/record.md`): one file of JSON lines that the shims of a build
//! appended to. A record may be damaged (the disk was full, the build was killed); all that is whole is
//! read, all that is not is counted and told, and nothing is made up in its place.
//!
//! | module | subject |
//! |---|---|
//! | [`text`] | arguments and paths: bytes in a file of JSON |
//! | [`line`] | one line |
//! | [`read`] | the file: lines, damage, calls |
//! | [`log`] | a session and its calls; questions about them |
//! | [`detail`] | all that the record says of one call, read when it is asked for |
//! | [`diff`] | what a rewriting did to the arguments |
//! | [`glob`] | patterns of paths |
//! | [`bundle`] | a reproducer of one call |
//! | [`why`] | where a file came from |
//! | [`flag`] | where a flag came from or went |
//! | [`asked`] | a flag in all its spellings |
//! | [`compare`] | two builds held against each other |
//! | [`stats`] | sums over a build |
//! | [`merge`] | several records made one |
//! | [`follow`] | a record that grows |
//! | [`scan`] | finding a text in a large record |
//! | [`grammar`] | recorded arguments read as the shim read them |
//! | [`lanes`] | what ran beside what, and what inside of what |
//! | [`diagnostics`] | what compilers print about a source |
//! | [`warnings`] | the diagnostics of a build, each once, with its calls |
//! | [`export`] | the record in formats of other tools |
//! | [`place`] | where records are |
//! | `path` | files as calls name them, from the root |
//! | [`rerun`] | the command of a call, put together again |

pub mod asked;
pub mod bundle;
pub mod compare;
pub mod detail;
pub mod diagnostics;
pub mod diff;
pub mod export;
pub mod flag;
pub mod follow;
pub mod glob;
pub mod grammar;
pub mod lanes;
pub mod line;
pub mod log;
pub mod merge;
mod path;
pub mod place;
pub mod read;
pub mod rerun;
pub mod scan;
pub mod stats;
pub mod text;
pub mod warnings;
pub mod why;

pub use detail::{Detail, Edit, Library, ResponseFile, Stamp};
pub use line::{Disposition, Made, Session, SessionTool};
pub use log::{Call, Counts, Edited, End, Filter, Log, Outcome, Retry};
pub use read::Damage;
pub use text::Text;
