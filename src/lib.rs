//! crosswheel builds Python wheels for more than one kind of machine.
//!
//! | module | subject |
//! |---|---|
//! | [`topology`] | `BUILD_TOPOLOGY.toml`: targets, families, policies |
//! | [`toolchain`] | toolchain files, the compilers of this machine, plans, shim folders |
//! | [`build`] | a source in, a wheel of a family out |
//! | [`capture`] | reading the record of a session |
//! | [`elf`] | what an ELF file says of itself |
//! | [`gpu`] | AMD GPU code in files: code objects and their targets |
//! | [`audit`] | a wheel held against the record |
//! | [`wasm`] | what a WebAssembly file says of itself |
//! | [`pyodide`] | the Python of WebAssembly: its settings, and wheels tested on it in node |
//! | [`target`] | Pythons, libraries and emulators of other machines; wheels tested on them |
//! | [`wheel`] | wheels: names, archives, RECORD; tags and metadata changed, content verified |
//! | [`cli`] | one file a verb; prints, never decides |
//! | [`finding`] | what findings of audits and of wheels have in common |
//! | [`error`] | every failure gathered once, with exit codes and hints |
//! | [`hex`] | bytes as text |
//! | [`lock`] | files locked against other runs |
//! | [`source`] | text files that users write, and errors that point into them |
//! | [`environment`] | every environment variable that is read or set |
//! | [`process`] | running a command as if this process were not there |
//!
//! The program that runs once per compile is a crate of its own, `crosswheel_shim` (`wrappers/`).

pub mod audit;
pub mod build;
pub mod capture;
pub mod cli;
pub mod elf;
pub mod environment;
pub mod error;
pub mod finding;
pub mod gpu;
pub mod hex;
pub mod lock;
pub mod process;
pub mod pyodide;
pub mod source;
pub mod target;
pub mod toolchain;
pub mod topology;
pub mod wasm;
pub mod wheel;
