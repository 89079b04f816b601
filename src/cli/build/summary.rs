//! What is printed at the end of a build.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use serde_json::json;

use super::view::clock;
use crate::build::patches::Patch;
use crate::build::report::{Calls, FamilyReport, Report};
use crate::cli::out::counted;
use crate::cli::{CYAN, RED, quote};

/// Prints the patches that apply.
pub(super) fn patches(name: &str, version: &str, patches: &[Patch], as_json: bool) {
    if as_json {
        anstream::println!("{:#}", json!({"name": name, "version": version, "patches": patches}));
        return;
    }
    if patches.is_empty() {
        anstream::println!("no patches for {name} {version}");
        return;
    }
    anstream::println!("{name} {version}:");
    for patch in patches {
        anstream::println!("  {}", patch.path.display());
        anstream::println!("    {}", patch.reason);
    }
}

/// Prints a report.
pub(super) fn report(report: &Report, as_json: bool) {
    if as_json {
        anstream::println!("{:#}", json!(report));
        return;
    }
    for family in &report.families {
        anstream::println!();
        print(family);
    }
}

fn print(family: &FamilyReport) {
    let time = clock(Duration::from_secs_f64(family.seconds.max(0.0)));
    anstream::println!("{}  {time}", family.family);
    if let Some(error) = &family.error {
        anstream::println!("  {RED}error:{RED:#} {error}");
        hint(family.hint.as_deref());
    }
    for fault in &family.faults {
        anstream::println!("  {RED}fault:{RED:#} {}", fault.message);
        hint(fault.hint.as_deref());
    }
    if let Some(wheel) = &family.wheel {
        anstream::println!("  wheel     {} ({})", wheel.path.display(), size(wheel.size));
    }
    if let Some(path) = &family.rejected {
        anstream::println!("  rejected  {}", path.display());
    }
    if family.wheel.is_some() || family.rejected.is_some() {
        let files = if family.wasm { "WebAssembly modules" } else { "ELF files" };
        anstream::println!(
            "  audit     {} of {} {files} made by a recorded call",
            family.traced,
            family.elf_files
        );
    }
    if let Some(python) = &family.target_python {
        let made = if python.given { "" } else { "made of " };
        anstream::println!("  target    Python {}, {made}{}", python.version, python.path.display());
    }
    calls(&family.calls);
    let log = quote(family.log.as_os_str().as_bytes());
    if family.calls.failed > 0 {
        anstream::println!("  failed    {}", counted(family.calls.failed, "call"));
        anstream::println!(
            "            which: crosswheel log ls {log} --failed --no-probe; again: crosswheel log rerun ID {log}"
        );
    }
    if family.calls.demoted_calls > 0 {
        anstream::println!("            which ones: crosswheel log werror {log}");
    }
    for (index, linked) in family.libraries.iter().enumerate() {
        anstream::println!("  {:<9} {}", if index == 0 { "linked" } else { "" }, linked.told());
    }
    for told in &family.failed_compiles {
        anstream::println!("  passed    {told}");
    }
    for warning in &family.warnings {
        anstream::println!("  warning   {warning}");
    }
    anstream::println!("  log       {}", family.log.display());
}

fn hint(hint: Option<&str>) {
    if let Some(hint) = hint {
        anstream::println!("   {CYAN}hint:{CYAN:#} {hint}");
    }
}

fn calls(calls: &Calls) {
    let kinds: Vec<String> = calls.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
    let probes = match calls.probes {
        0 => String::new(),
        1 => ", 1 of them a probe".to_owned(),
        probes => format!(", {probes} of them probes"),
    };
    anstream::println!("  calls     {}{kinds}{probes}; {:.1}s of CPU", calls.all, calls.cpu);
    rules("edits", &calls.edits);
    rules("notes", &calls.notes);
    if calls.demoted_calls > 0 {
        anstream::println!(
            "  demoted   {} in {} that -Werror would have stopped",
            counted(calls.demoted, "warning"),
            counted(calls.demoted_calls, "call")
        );
    }
}

fn rules(label: &str, rules: &BTreeMap<String, usize>) {
    for (index, (rule, count)) in rules.iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        anstream::println!("  {label:<9} {count:>5} {rule}");
    }
}

#[allow(clippy::cast_precision_loss)] // For the eye.
fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}
