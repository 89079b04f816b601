//! Platform tags of Linux: which policy one claims. Pure.

use super::table::{Dotted, Libc};

/// What a platform tag claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its C library.
    pub libc: Libc,
    /// The policy, by the version of the C library.
    pub policy: Dotted,
    /// The machine as tags spell it.
    pub machine: String,
}

impl Claim {
    /// Reads `manylinux_2_17_x86_64`, `manylinux2014_x86_64` or `musllinux_1_2_aarch64`. `None` for any other tag.
    #[must_use]
    pub fn parse(tag: &str) -> Option<Self> {
        let (first, rest) = tag.split_once('_')?;
        let claim = |libc, policy, machine: &str| Self { libc, policy, machine: machine.to_owned() };
        if let Some(policy) = Libc::Glibc.rules().of_alias(first) {
            return Some(claim(Libc::Glibc, policy.clone(), rest));
        }
        let libc = [Libc::Glibc, Libc::Musl].into_iter().find(|libc| libc.prefix() == first)?;
        let mut parts = rest.splitn(3, '_');
        let (major, minor, machine) = (parts.next()?, parts.next()?, parts.next()?);
        let plain = [major, minor].iter().all(|part| !part.contains('.'));
        let policy = format!("{major}.{minor}").parse().ok().filter(|_| plain)?;
        Some(claim(libc, policy, machine))
    }
}

/// The tags of a policy: its own name, and the one from before PEP 600.
#[must_use]
pub fn tags(libc: Libc, policy: &Dotted, machine: &str) -> Vec<String> {
    let own = format!("{}_{}_{machine}", libc.prefix(), policy.to_string().replace('.', "_"));
    let alias = libc.rules().alias(policy).map(|alias| format!("{alias}_{machine}"));
    std::iter::once(own).chain(alias).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_as_they_are_written() {
        for text in ["manylinux_2_17_x86_64", "manylinux_2_41_riscv64", "musllinux_1_2_armv7l"] {
            let claim = Claim::parse(text).expect("it claims a policy");
            assert_eq!(tags(claim.libc, &claim.policy, &claim.machine)[0], text);
        }
        let old = Claim::parse("manylinux2014_aarch64");
        assert_eq!(old, Claim::parse("manylinux_2_17_aarch64"));
        let claim = old.expect("it claims a policy");
        assert_eq!(
            tags(claim.libc, &claim.policy, &claim.machine),
            ["manylinux_2_17_aarch64", "manylinux2014_aarch64"]
        );
        for none in ["linux_x86_64", "any", "manylinux2015_x86_64", "manylinux_2_x86_64", "macosx_11_0_arm64"]
        {
            assert_eq!(Claim::parse(none), None, "{none}");
        }
    }
}
