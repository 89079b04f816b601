//! What is known of compilers and their tools, and what is asked of them.

pub mod flags_doc;
pub mod oracle;
pub mod profile;

mod file;
mod names;
mod options;
mod toolchains;

pub use names::NameMatch;
pub use toolchains::Toolchains;
