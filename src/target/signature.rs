//! Whether a release was signed by a key of a keyring. The work is gpgv's (gpgv(1)), which apt trusts too; what it says
//! is in the format of GnuPG's doc/DETAILS.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::build::process;
use crate::error::{Error, IoContext, Result};

/// Whose word is taken for what is in a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// That of the keys in a keyring.
    Keyring(PathBuf),
    /// The mirror's alone: signatures are not looked at.
    Mirror,
}

/// Where Debian's package debian-archive-keyring puts the keys; the second is its name since trixie.
const KEYRINGS: [&str; 2] =
    ["/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"];

/// Digest algorithms that can be forged (RFC 9580, 9.5): MD5, SHA-1, RIPEMD-160.
const BROKEN: [&str; 3] = ["1", "2", "3"];

impl Trust {
    /// That of Debian's keyring on this machine.
    pub fn debian() -> Result<Self> {
        let found = KEYRINGS.iter().map(PathBuf::from).find(|path| path.is_file());
        found.map(Self::Keyring).ok_or_else(|| {
            Error::failed("Debian's keys are not on this machine, so that no signature can be checked").hint(
                "`apt install debian-archive-keyring gpgv`, or name a keyring with --keyring, or take the mirror's \
                 word with --unsigned",
            )
        })
    }
}

/// A text whose signature is good.
#[derive(Debug)]
pub struct Signed {
    /// What was signed.
    pub text: Vec<u8>,
    /// Fingerprints of the keys that signed it, sorted.
    pub signers: Vec<String>,
}

/// Checks a file with its signature around it, and takes the text from what was checked.
pub fn check(file: &Path, keyring: &Path) -> Result<Signed> {
    if !keyring.is_file() {
        return Err(Error::usage(format!("{} is no keyring", keyring.display()))
            .hint("a keyring is a file of public keys, as `gpg --export` writes it"));
    }
    // gpgv looks for a name without a slash in a folder of its own.
    let keyring = std::path::absolute(keyring).context("resolving", keyring)?;
    let gpgv = which::which("gpgv").map_err(|_| {
        Error::failed("gpgv is not there, so that no signature can be checked")
            .hint("`apt install gpgv`, or take the mirror's word with --unsigned")
    })?;
    let folder = tempfile::tempdir().context("making a folder in", std::env::temp_dir())?;
    let out = folder.path().join("text");
    let mut command = Command::new(gpgv);
    command.args(["--status-fd", "1", "--keyring"]).arg(&keyring).arg("--output").arg(&out).arg(file);
    // It fails for a key that it does not know, although another signature is good; the status has each of them.
    let said = match process::answer(&mut command)? {
        Ok(stdout) => String::from_utf8_lossy(&stdout).into_owned(),
        Err(said) => said,
    };
    let refused = |why: &str| {
        Error::failed(format!("{}: {why}", file.display())).hint(format!(
            "the keys are those of {}; the file may have been changed on its way",
            keyring.display()
        ))
    };
    let signers = signers(&said).map_err(|why| refused(&why))?;
    let text = std::fs::read(&out).context("reading", &out)?;
    Ok(Signed { text, signers })
}

/// The keys that signed, from what gpgv says. One is enough; one that is wrong is one too many.
fn signers(status: &str) -> Result<Vec<String>, String> {
    let mut signers = Vec::new();
    let mut unknown = Vec::new();
    for line in status.lines().filter_map(|line| line.strip_prefix("[GNUPG:] ")) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["BADSIG", key, ..] => return Err(format!("the signature by {key} is wrong")),
            ["VALIDSIG", key, _, _, _, _, _, _, digest, ..] if !BROKEN.contains(&digest) => {
                signers.push(key.to_owned());
            }
            ["REVKEYSIG", key, ..] => return Err(format!("the key {key} was revoked")),
            ["NO_PUBKEY", key, ..] => unknown.push(key),
            _ => {}
        }
    }
    signers.sort();
    match (signers.is_empty(), unknown.is_empty()) {
        (false, _) => Ok(signers),
        (true, false) => Err(format!("it is signed by {}, which is not in the keyring", unknown.join(", "))),
        (true, true) => Err("it has no good signature".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::signers;

    const GOOD: &str = "[GNUPG:] VALIDSIG AB12 2026-07-11 1783764000 0 4 0 1 8 01 AB12\n";

    #[test]
    fn one_good_signature_is_enough_beside_keys_that_are_not_known() {
        assert_eq!(signers(&format!("[GNUPG:] NO_PUBKEY 77\n{GOOD}")).unwrap(), ["AB12"]);
        assert!(signers("[GNUPG:] NO_PUBKEY 77\n").unwrap_err().contains("signed by 77"));
    }

    #[test]
    fn a_wrong_signature_is_refused_whatever_else_is_good() {
        assert!(
            signers(&format!("{GOOD}[GNUPG:] BADSIG 99 Somebody\n")).unwrap_err().contains("99 is wrong")
        );
        assert!(signers(&format!("{GOOD}[GNUPG:] REVKEYSIG 99 Somebody\n")).unwrap_err().contains("revoked"));
        assert!(signers("gpgv: Good signature\n").is_err());
        assert!(signers(&GOOD.replace(" 8 01", " 2 01")).is_err(), "SHA-1");
        assert!(signers("[GNUPG:] EXPKEYSIG 99 Somebody\n[GNUPG:] KEYEXPIRED 1\n").is_err());
    }
}
