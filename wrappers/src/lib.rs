//! The shim as a library: everything that the program decides is here, so that `explain`, the tests and the
//! fuzz targets run the very code that runs at each compile.
//!
//! | module | subject |
//! |---|---|
//! | [`plan`] | what the shim is to do |
//! | [`args`] | arguments without loss, response files |
//! | [`invocation`] | what a call does |

pub mod args;
pub mod invocation;
pub mod paths;
pub mod plan;
pub mod probe;
pub mod rewrite;
