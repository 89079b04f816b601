//! `crosswheel log merge`: several records made one.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::capture::merge::merge;
use crate::cli::out;
use crate::error::Result;

/// Arguments of `log merge`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Records, folders of logs, or output folders of builds
    #[arg(required = true, value_name = "LOG")]
    logs: Vec<PathBuf>,
    /// Where to write the new record
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Say what was merged as one JSON object
    #[arg(long)]
    json: bool,
}

/// So many new ids are told one by one.
const SOME: usize = 5;

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let logs = args.logs.iter().map(|path| super::open(Some(path))).collect::<Result<Vec<_>>>()?;
    let merged = merge(&logs, &args.out)?;
    if args.json {
        let mut json = out::Json::new();
        json.open('{');
        json.path("path", &args.out);
        json.number("sessions", merged.sessions);
        json.number("calls", merged.calls);
        json.each("renamed", &merged.renamed, |json, (session, old, new)| {
            json.open('{');
            json.number("of", session);
            json.name("was", old);
            json.name("id", new);
            json.close('}');
        });
        json.close('}');
        let text = json.done();
        out::print(|to| to.write_all(&text))?;
        return Ok(ExitCode::SUCCESS);
    }
    for (session, old, new) in merged.renamed.iter().take(SOME) {
        let from = args.logs.get(*session).map_or_else(String::new, |log| format!(" of {}", log.display()));
        out::warn(&format!("call {old}{from} is now {new}: the id was taken"));
    }
    if merged.renamed.len() > SOME {
        let more = out::counted(merged.renamed.len() - SOME, "more call");
        out::warn(&format!(
            "{more} got another id; the lines say in `was` which they had, and --json lists them"
        ));
    }
    let (calls, sessions) = (out::counted(merged.calls, "call"), out::counted(merged.sessions, "session"));
    out::print(|to| writeln!(to, "{}: {calls} of {sessions}", args.out.display()))?;
    Ok(ExitCode::SUCCESS)
}
