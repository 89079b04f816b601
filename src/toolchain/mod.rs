//! Toolchains: what is known of compilers, which of them this machine has, and the shim folders made of both.
//!
//! | module | subject |
//! |---|---|
//! | [`path`] | `PATH` and what lies on it |
//! | [`ask`] | asking a program a question |
//! | [`discover`] | names to real tools |

pub mod ask;
pub mod assemble;
pub mod cpu;
pub mod discover;
pub mod header;
pub mod path;
pub mod python;
pub mod redirect;
pub mod session;
pub mod survey;

pub use stub::*;
mod stub;
