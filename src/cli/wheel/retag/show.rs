//! What was done with each wheel, or would be.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use super::super::super::out::{self, BOLD, DIM, GREEN, RED};
use super::super::super::quote;
use super::Args;
use crate::wheel::policy::Verdict;
use crate::wheel::retag::{Plan, Text};

/// One wheel, for people.
pub(super) fn wheel(to: &mut dyn Write, target: &Path, plan: &Plan, args: &Args) -> io::Result<()> {
    writeln!(to, "{DIM}{} →{DIM:#} {BOLD}{}{BOLD:#}", plan.package.path.display(), target.display())?;
    for finding in plan.mended.iter().filter(|_| args.fix || args.dry_run) {
        let place = finding.member.as_ref().map(|member| quote(member.as_bytes()) + " ").unwrap_or_default();
        writeln!(to, "  mends   {place}{}  {DIM}[{}]{DIM:#}", finding.what, finding.code.name())?;
    }
    if !args.dry_run {
        return Ok(());
    }
    for change in &plan.changes {
        let (verb, path) = change.strip_prefix('-').map_or(("writes", &change[..]), |path| ("drops ", path));
        writeln!(to, "  {verb}  {}", quote(path.as_bytes()))?;
        if let Some(text) = plan.texts.iter().find(|text| text.path == *path) {
            differences(to, text)?;
        }
    }
    Ok(())
}

/// The lines that change.
fn differences(to: &mut dyn Write, text: &Text) -> io::Result<()> {
    let [before, after] = [&text.before, &text.after].map(|text| String::from_utf8_lossy(text));
    for hunk in diffy::create_patch(&before, &after).hunks() {
        for line in hunk.lines() {
            let (sign, style, line) = match line {
                diffy::Line::Delete(line) => ('-', RED, line),
                diffy::Line::Insert(line) => ('+', GREEN, line),
                diffy::Line::Context(_) => continue,
            };
            let line: String =
                line.trim_end().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
            writeln!(to, "          {style}{sign} {line}{style:#}")?;
        }
    }
    Ok(())
}

/// Why it is no older policy: if it is none, or if nothing is done but to tell. On stderr, since tags are the result.
pub(super) fn why(verdict: &Verdict, wheel: &Path, args: &Args) {
    /// More are the same over and over.
    const MOST: usize = 12;
    let reasons: Vec<_> = verdict.deciding().collect();
    let policy = verdict.libc.prefix();
    match &verdict.policy {
        None => out::warn(&format!("{}: meets no {policy} policy", wheel.display())),
        Some(_) if args.dry_run && !reasons.is_empty() => {
            anstream::eprintln!("{}: meets no older {policy} policy", wheel.display());
        }
        Some(_) => return,
    }
    for reason in reasons.iter().take(MOST) {
        anstream::eprintln!("  {} {}", quote(reason.path.as_bytes()), reason.need);
    }
    if reasons.len() > MOST {
        anstream::eprintln!("  and {} more", reasons.len() - MOST);
    }
}

/// One wheel, for programs.
pub(super) fn json(target: &Path, plan: &Plan) -> serde_json::Value {
    let (dropped, written): (Vec<_>, Vec<_>) = plan.changes.iter().partition(|path| path.starts_with('-'));
    serde_json::json!({
        "wheel": plan.package.path.to_string_lossy(),
        "target": target.to_string_lossy(),
        "written": written,
        "dropped": dropped.iter().map(|path| &path[1..]).collect::<Vec<_>>(),
        "mended": plan.mended,
        "platform": plan.platform,
    })
}

/// A line on the terminal for what takes long enough to wonder.
pub(super) fn progress(whole: u64) -> impl FnMut(u64) {
    /// Smaller wheels are done before the line is read.
    const LARGE: u64 = 512 << 20;
    let shown = whole >= LARGE && std::io::stderr().is_terminal();
    let mut done = 0;
    move |more| {
        done += more;
        if shown {
            let end = if done >= whole { "\r\x1b[K" } else { "" };
            anstream::eprint!("\r{} of {} MiB{end}", done >> 20, whole >> 20);
        }
    }
}
