//! `crosswheel wheel inspect`.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::super::out;
use crate::error::{Error, Exit, Result};
use crate::wheel::inspect::inspect;

mod page;

/// Arguments of `wheel inspect`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Wheels
    #[arg(required = true, value_name = "WHEEL")]
    wheels: Vec<PathBuf>,
    /// Rows of each list that are shown
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: usize,
    /// Show all rows
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// One JSON object, with all rows
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let limit = if args.all { usize::MAX } else { args.limit };
    let (mut wheels, mut errors) = (Vec::new(), Vec::new());
    let mut complete = true;
    for (at, wheel) in args.wheels.iter().enumerate() {
        match inspect(wheel) {
            Ok(one) => {
                complete &= one.unread.is_empty();
                if args.json {
                    wheels.push(one);
                } else {
                    let more = out::print_on(|to| {
                        if at > 0 {
                            writeln!(to)?;
                        }
                        page::write(to, &one, limit, out::columns())
                    })?;
                    if !more {
                        break;
                    }
                }
            }
            Err(error) => {
                complete = false;
                super::super::report(&error);
                let wheel = wheel.to_string_lossy();
                errors.push(json!({ "wheel": wheel, "what": error.message, "hint": error.hint }));
            }
        }
    }
    if args.json {
        let json = serde_json::to_string_pretty(&json!({ "wheels": wheels, "errors": errors }))
            .map_err(|error| Error::failed(format!("cannot write the report: {error}")))?;
        out::print(|to| writeln!(to, "{json}"))?;
    }
    Ok(super::super::exit(if complete { Exit::Done } else { Exit::Failed }))
}
