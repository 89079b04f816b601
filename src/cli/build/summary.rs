//! What is printed at the end of a build.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use serde_json::json;

use super::view::clock;
use crate::build::patches::Patch;
use crate::build::report::{Calls, FamilyReport, Report};
use crate::cli::out::{counted, size};
use crate::cli::{CYAN, RED, quote};

/// Prints the patches that apply.
pub(super) fn patches(
    to: &mut dyn Write,
    name: &str,
    version: &str,
    patches: &[Patch],
    as_json: bool,
) -> io::Result<()> {
    if as_json {
        writeln!(to, "{:#}", json!({"name": name, "version": version, "patches": patches}))?;
        return Ok(());
    }
    if patches.is_empty() {
        writeln!(to, "no patches for {name} {version}")?;
        return Ok(());
    }
    writeln!(to, "{name} {version}:")?;
    for patch in patches {
        writeln!(to, "  {}", patch.path.display())?;
        writeln!(to, "    {}", patch.reason)?;
    }
    Ok(())
}

/// Prints a report.
pub(super) fn report(to: &mut dyn Write, report: &Report, as_json: bool) -> io::Result<()> {
    if as_json {
        writeln!(to, "{:#}", json!(report))?;
        return Ok(());
    }
    for family in &report.families {
        writeln!(to)?;
        print(to, family)?;
    }
    Ok(())
}

fn print(to: &mut dyn Write, family: &FamilyReport) -> io::Result<()> {
    let time = clock(Duration::from_secs_f64(family.seconds.max(0.0)));
    writeln!(to, "{}  {time}", family.family)?;
    if let Some(error) = &family.error {
        writeln!(to, "  {RED}error:{RED:#} {error}")?;
        hint(to, family.hint.as_deref())?;
    }
    for fault in &family.faults {
        writeln!(to, "  {RED}fault:{RED:#} {}", fault.message)?;
        hint(to, fault.hint.as_deref())?;
    }
    if let Some(wheel) = &family.wheel {
        writeln!(to, "  wheel     {} ({})", wheel.path.display(), size(wheel.size))?;
    }
    if let Some(path) = &family.rejected {
        writeln!(to, "  rejected  {}", path.display())?;
    }
    if family.wheel.is_some() || family.rejected.is_some() {
        let files = if family.wasm { "WebAssembly modules" } else { "ELF files" };
        writeln!(
            to,
            "  audit     {} of {} {files} made by a recorded call",
            family.traced, family.elf_files
        )?;
    }
    if let Some(python) = &family.target_python {
        let made = if python.given { "" } else { "made of " };
        writeln!(to, "  target    Python {}, {made}{}", python.version, python.path.display())?;
    }
    calls(to, &family.calls)?;
    let log = quote(family.log.as_os_str().as_bytes());
    if family.calls.failed > 0 {
        writeln!(to, "  failed    {}", counted(family.calls.failed, "call"))?;
        writeln!(
            to,
            "            which: crosswheel log ls {log} --failed --no-probe; again: crosswheel log rerun ID {log}"
        )?;
    }
    if family.calls.demoted_calls > 0 {
        writeln!(to, "            which ones: crosswheel log werror {log}")?;
    }
    for (index, linked) in family.libraries.iter().enumerate() {
        writeln!(to, "  {:<9} {}", if index == 0 { "linked" } else { "" }, linked.told())?;
    }
    for told in &family.failed_compiles {
        writeln!(to, "  passed    {told}")?;
    }
    for warning in &family.warnings {
        writeln!(to, "  warning   {warning}")?;
    }
    writeln!(to, "  log       {}", family.log.display())?;
    Ok(())
}

fn hint(to: &mut dyn Write, hint: Option<&str>) -> io::Result<()> {
    if let Some(hint) = hint {
        writeln!(to, "   {CYAN}hint:{CYAN:#} {hint}")?;
    }
    Ok(())
}

fn calls(to: &mut dyn Write, calls: &Calls) -> io::Result<()> {
    let kinds: Vec<String> = calls.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
    let probes = match calls.probes {
        0 => String::new(),
        1 => ", 1 of them a probe".to_owned(),
        probes => format!(", {probes} of them probes"),
    };
    writeln!(to, "  calls     {}{kinds}{probes}; {:.1}s of CPU", calls.all, calls.cpu)?;
    rules(to, "edits", &calls.edits)?;
    rules(to, "notes", &calls.notes)?;
    if calls.demoted_calls > 0 {
        writeln!(
            to,
            "  demoted   {} in {} that -Werror would have stopped",
            counted(calls.demoted, "warning"),
            counted(calls.demoted_calls, "call")
        )?;
    }
    Ok(())
}

fn rules(to: &mut dyn Write, label: &str, rules: &BTreeMap<String, usize>) -> io::Result<()> {
    for (index, (rule, count)) in rules.iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        writeln!(to, "  {label:<9} {count:>5} {rule}")?;
    }
    Ok(())
}
