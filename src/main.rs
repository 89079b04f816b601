//! The `crosswheel` command: reads arguments, calls the library, prints.

use std::process::ExitCode;

fn main() -> ExitCode {
    crosswheel::cli::main()
}
