//! The record in formats that other tools read. Each is made from the record alone, and says nothing that is
//! not in it.
//!
//! | module | subject |
//! |---|---|
//! | [`compile_commands`] | the compilation database of clangd, clang-tidy and their like |
//! | [`trace`] | a trace for Perfetto and Chrome |
//! | [`html`] | one page for people |
//! | [`sarif`] | compiler warnings for code scanners |

pub mod compile_commands;
pub mod html;
pub mod sarif;
pub mod trace;
