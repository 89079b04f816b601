//! `crosswheel log bundle`: a reproducer of one call.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::capture::bundle::{Bundled, bundle};
use crate::cli::out;
use crate::error::Result;

/// Arguments of `log bundle`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The call's id, or as much of it as is needed to tell it from the others
    #[arg(value_parser = super::id)]
    id: String,
    /// A record, the folder of a log, or the output folder of a build [default: the newest session here
    /// or above]
    log: Option<PathBuf>,
    /// Where to write it [default: ID.tar.gz in the working folder]
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Say what was packed as one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let log = super::open(args.log.as_ref())?;
    let call = log.find(&args.id)?;
    let path = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}.tar.gz", call.id)));
    let bundled = bundle(&log, call, &path)?;
    for warning in warnings(&bundled) {
        out::warn(&warning);
    }
    if args.json {
        let mut json = out::Json::new();
        json.open('{');
        json.name("id", &call.id);
        json.path("path", &path);
        json.each("forms", &bundled.forms, |json, form| json.value(&format!("\"{}\"", form.name())));
        json.number("files", bundled.files);
        json.number("status", bundled.status);
        if let Some(expected) = bundled.expected {
            json.number("expected", expected);
        }
        if let Some(same) = bundled.same_words {
            json.number("same_stderr", same);
        }
        json.list("outside", &bundled.outside);
        json.close('}');
        let text = json.done();
        out::print(|to| to.write_all(&text))?;
    } else {
        let forms: Vec<&str> = bundled.forms.iter().map(|form| form.name()).collect();
        let (files, forms) = (out::counted(bundled.files, "file"), forms.join(", "));
        out::print(|to| writeln!(to, "{}  {files} of the build, to be run as {forms}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Where what is packed is not what happened.
fn warnings(bundled: &Bundled) -> Vec<String> {
    let mut all = Vec::new();
    match bundled.expected {
        Some(expected) if expected != bundled.status => all.push(format!(
            "the bundle ends with status {}, and the call ended with {expected}: the tree has changed since, or what it \
             needs was not found",
            bundled.status
        )),
        None => all.push("how the call ended is not in the record".to_owned()),
        Some(_) => {}
    }
    if bundled.same_words == Some(false) {
        all.push("what it writes to stderr is not in every byte what the call writes".to_owned());
    }
    if let Some(file) = bundled.outside.first() {
        let others = match bundled.outside.len() {
            1 => String::new(),
            more => format!(" (and {} more)", more - 1),
        };
        let file = file.quoted();
        all.push(format!("it reads {file}{others} on this machine, to which a file that is packed leads"));
    }
    all
}
