//! Every environment variable that crosswheel reads or sets, in one table; the reference is made from it.

/// One variable.
#[derive(Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Who reads it, or that we set it.
    pub role: Role,
    /// What it does, in a sentence.
    pub what: &'static str,
}

/// Whether a variable is read or set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Read by `crosswheel`.
    Read,
    /// Set for the build.
    Set,
}

/// The table.
pub const VARIABLES: &[Variable] = &[];
