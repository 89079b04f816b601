//! Packages that are built by a line of shell.

use std::path::Path;
use std::process::Command;

/// Builds members by these commands, from `ext.c` and whatever else lies in the package.
pub(crate) fn by(commands: &str, members: &[&str]) -> String {
    let members: Vec<String> =
        members.iter().map(|member| format!("'tiny/{member}': open('{member}', 'rb').read()")).collect();
    let members = members.join(", ");
    format!(
        "import subprocess\ndef build():\n    subprocess.check_call({commands:?}, shell=True)\n    return {{{members}}}\n"
    )
}

/// Runs a command of the system's own in a package, as its authors would ahead of a build.
pub(crate) fn ahead(folder: &Path, script: &str) {
    let status = Command::new("sh").args(["-ec", script]).current_dir(folder).status().expect("sh starts");
    assert!(status.success(), "{script}");
}
