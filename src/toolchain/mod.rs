//! Toolchains: what is known of compilers, which of them this machine has, and the shim folders made of both.
//!
//! | module | subject |
//! |---|---|
//! | [`path`] | `PATH` and what lies on it |
//! | [`ask`] | asking a program a question |
//! | [`discover`] | names to real tools, and what they say of themselves |
//! | [`python`] | what a Python says of itself |
//! | [`redirect`] | commands that name a compiler by its path |
//! | [`cross`] | cross compilers: a family and a choice to commands and names |
//! | [`rust`] | what cargo and its helpers are told of a target |
//! | [`assemble`] | tools, family and policies to a plan |
//! | [`shortfall`] | what tools cannot do for a family |
//! | [`session`] | the folder of a session: shims, plan, record |
//! | [`header`] | the first line of a record |
//! | [`survey`], [`cpu`] | what this machine has and lacks |
//! | [`Toolchains`] | toolchain files: names, option tables, rules, policies, probes |
//! | [`profile`](mod@profile) | rules, family and policy to what is asked of one compiler |
//! | [`oracle`] | asking a compiler whether it takes a flag |
//! | [`flags_doc`] | `docs/flags.md` |

pub mod ask;
pub mod assemble;
pub mod cpu;
pub mod cross;
pub mod discover;
pub mod flags_doc;
pub mod header;
pub mod oracle;
pub mod path;
pub mod profile;
pub mod python;
pub mod redirect;
pub mod rust;
pub mod session;
pub mod shortfall;
pub mod survey;

mod file;
mod names;
mod options;
mod toolchains;

pub use names::NameMatch;
pub use toolchains::Toolchains;
