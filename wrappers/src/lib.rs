//! The shim as a library: everything that the program decides is here, so that `explain`, the tests and the
//! fuzz targets run the very code that runs at each compile.
//!
//! In the order in which a call goes through them:
//!
//! | module | subject |
//! |---|---|
//! | [`plan`] | what the shim is to do, read from a flat file |
//! | [`dispatch`] | which tool is meant: by name, or as the argument of a compiler cache |
//! | [`args`] | arguments without loss, response files |
//! | [`invocation`] | what a call does: kind, languages, inputs, outputs |
//! | [`probe`] | whether it is a configure step's question |
//! | [`exports`] | what a WebAssembly module that it links exports |
//! | [`rewrite`] | what becomes of it, with a reason for each edit |
//! | [`taken`] | what a link or an archive took in |
//! | [`record`] | the lines that tell of it |
//! | [`process`] | starting the real tool and being it for the caller |
//! | [`elf`], [`wasm`] | what was linked; symbols of WebAssembly objects |
//! | [`run`] | all of these in a row |
//!
//! [`paths`], [`coloured`], [`sys`] and [`arena`] serve them all; every `unsafe` block of the crate is in [`sys`], [`arena`] and
//! [`process`].

pub mod arena;
pub mod args;
pub mod coloured;
pub mod dispatch;
pub mod elf;
pub mod exports;
pub mod invocation;
mod linker_words;
pub mod paths;
pub mod plan;
pub mod probe;
pub mod process;
pub mod record;
pub mod rewrite;
pub mod run;
pub mod sys;
pub mod taken;
pub mod wasm;
