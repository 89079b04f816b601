//! Pyodide: the CPython of WebAssembly that wheels are built for, and on which they are tested. Its package of npm holds
//! all that is needed of it: sysconfig data to build for, and an interpreter that node runs.
//!
//! | module | subject |
//! |---|---|
//! | [`release`] | the table of releases (`releases.toml`), and which one fits |
//! | [`package`] | one release, fetched by npm into our cache and held against its digest |
//! | [`config`] | the settings that its Python was built with |
//! | [`test`] | a wheel installed for it, and a `python` that runs it in node |

pub mod config;
pub mod package;
pub mod release;
pub mod test;

pub use config::Config;
pub use package::Runtime;
pub use release::{Release, Releases};
