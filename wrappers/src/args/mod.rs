//! Arguments as the caller gave them, without loss: what each one is, and where it came from.
//!
//! [`response`] reads response files in, [`items`] groups words into options with their values and inputs.
//! Nothing here changes anything: what is not known is an item like any other and passes untouched, and
//! the arguments can always be had back byte for byte ([`Line::render`]).

pub mod items;
pub mod response;

pub use items::{Item, Items, What};
pub use response::{Files, Line};
