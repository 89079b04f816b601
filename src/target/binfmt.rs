//! Linux's binfmt_misc: which interpreter the kernel starts for a program that is no script and not for its own processor.
//! Pure: texts of registrations, made and read. Format: the kernel's Documentation/admin-guide/binfmt-misc.rst.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crosswheel_shim::elf::Machine;

/// Where a system has its own.
pub const HOST: &str = "/proc/sys/fs/binfmt_misc";

/// The head of an ELF file of a machine up to `e_machine`, and which bits of it count (gABI, "ELF Header"): not the
/// `EI_OSABI`, nor whether it is an executable (2) or a shared object (3), as which position-independent ones go.
#[must_use]
pub fn head(machine: Machine) -> ([u8; 20], [u8; 20]) {
    let (mut magic, mut mask) = ([0; 20], [0xff; 20]);
    magic[..4].copy_from_slice(b"\x7fELF");
    magic[4] = if machine.bits == 64 { 2 } else { 1 };
    magic[5] = if machine.little { 1 } else { 2 };
    magic[6] = 1;
    mask[7] = 0;
    let half = |value: u16| if machine.little { value.to_le_bytes() } else { value.to_be_bytes() };
    magic[16..18].copy_from_slice(&half(2));
    mask[16..18].copy_from_slice(&half(!1));
    magic[18..].copy_from_slice(&half(machine.number));
    (magic, mask)
}

/// The line that has programs of a machine run by an interpreter. The kernel opens the interpreter at once (`F`), so it
/// is found from wherever a program is started.
#[must_use]
pub fn registration(name: &str, machine: Machine, interpreter: &Path) -> Vec<u8> {
    let (magic, mask) = head(machine);
    let mut text = format!(":{name}:M:0:");
    for (bytes, end) in [(magic, ":"), (mask, ":")] {
        for byte in bytes {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
        text.push_str(end);
    }
    let mut line = text.into_bytes();
    line.extend_from_slice(interpreter.as_os_str().as_bytes());
    line.extend_from_slice(b":F\n");
    line
}

/// What runs programs of a machine by a registration of the system's own, if it has one. `folder` is where binfmt_misc is
/// mounted.
#[must_use]
pub fn registered(folder: &Path, machine: Machine) -> Option<PathBuf> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
    if read("status").trim() != "enabled" {
        return None;
    }
    let mut names: Vec<PathBuf> = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    names.sort();
    names.iter().filter_map(|path| fs::read_to_string(path).ok()).find_map(|text| interpreter(&text, machine))
}

/// The interpreter of an entry, as the kernel shows it, if it is for programs of this machine.
fn interpreter(entry: &str, machine: Machine) -> Option<PathBuf> {
    let (head, _) = head(machine);
    let value = |key: &str| entry.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    if entry.lines().next() != Some("enabled") || value("offset ") != Some("0") {
        return None;
    }
    let magic = bytes(value("magic ")?)?;
    let mask = match value("mask ") {
        Some(mask) => bytes(mask)?,
        None => vec![0xff; magic.len()],
    };
    let fits = (17..=head.len()).contains(&magic.len())
        && magic.iter().zip(&mask).zip(head).all(|((magic, mask), byte)| magic & mask == byte & mask);
    fits.then(|| value("interpreter ").map(PathBuf::from)).flatten()
}

/// Bytes of hexadecimal digits.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf;

    fn machine(name: &str) -> Machine {
        elf::of_triple(name).expect("a machine")
    }

    /// As Debian's qemu-user-static registers it, and the kernel shows it.
    const AARCH64: &str = "enabled\ninterpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P\nflags: POF\noffset 0\n\
                           magic 7f454c460201010000000000000000000200b700\nmask ffffffffffffff00fffffffffffffffffeffffff\n";

    #[test]
    fn a_registration_is_that_of_qemus_own_script() {
        let line = registration("xw", machine("aarch64"), Path::new("/usr/bin/qemu-aarch64-static"));
        let text = String::from_utf8(line).expect("text");
        assert_eq!(
            text,
            ":xw:M:0:\\x7f\\x45\\x4c\\x46\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00:\
             \\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff:\
             /usr/bin/qemu-aarch64-static:F\n"
        );
        let (magic, mask) = head(machine("s390x"));
        assert_eq!(
            (&magic[4..7], &magic[16..], &mask[16..]),
            (&[2, 2, 1][..], &[0, 2, 0, 22][..], &[0xff, 0xfe, 0xff, 0xff][..])
        );
    }

    #[test]
    fn a_registration_of_the_system_is_known_by_what_it_fits() {
        let found = |entry: &str, name| interpreter(entry, machine(name));
        assert_eq!(found(AARCH64, "aarch64"), Some("/usr/libexec/qemu-binfmt/aarch64-binfmt-P".into()));
        assert_eq!(found(AARCH64, "riscv64"), None);
        assert_eq!(found(&AARCH64.replace("enabled", "disabled"), "aarch64"), None);
        let python = "enabled\ninterpreter /usr/bin/python3.11\nflags: \noffset 0\nmagic a70d0d0a\n";
        assert_eq!(found(python, "aarch64"), None, "four bytes say nothing of a machine");
        assert_eq!(found("enabled\ninterpreter /x\nflags: \nextension .jar\n", "aarch64"), None);
    }

    #[test]
    fn a_system_without_binfmt_misc_has_no_registration() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(registered(folder.path(), machine("aarch64")), None);
        fs::write(folder.path().join("status"), "enabled\n").expect("written");
        fs::write(folder.path().join("qemu-aarch64"), AARCH64).expect("written");
        assert!(registered(folder.path(), machine("aarch64")).is_some());
        fs::write(folder.path().join("status"), "disabled\n").expect("written");
        assert_eq!(registered(folder.path(), machine("aarch64")), None);
    }
}
