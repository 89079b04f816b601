//! Plans: what the shim is to do, made once at set-up, read at every call.
//!
//! [`data`] is a plan as plain values, [`write`](mod@write) lays it out flat, [`view`] reads the flat file
//! where it lies, [`layout`] is what both agree on, [`code`] the closed sets of which all are made.

pub mod code;
pub mod data;
pub mod layout;
pub mod view;
pub mod write;

pub use code::*;
pub use data::*;
pub use view::Plan;
pub use write::{WriteError, write};
