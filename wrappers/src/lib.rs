//! The shim as a library: everything that the program decides is here, so that `explain`, the tests and the
//! fuzz targets run the very code that runs at each compile.

pub mod elf;
pub mod plan;
