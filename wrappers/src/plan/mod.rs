//! Plans: what the shim is to do, made once at set-up, read at every call.

pub mod code;
pub mod data;

pub use code::*;
pub use data::*;
