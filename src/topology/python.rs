//! Versions of a Python's interface: major and minor number.

use std::fmt;
use std::str::FromStr;

/// Such as 3.12: extension modules of one minor version are for that alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MinorVersion(pub u32, pub u32);

impl fmt::Display for MinorVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl FromStr for MinorVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text
            .split_once('.')
            .and_then(|(major, minor)| Some(Self(major.parse().ok()?, minor.parse().ok()?)))
            .filter(|version| version.to_string() == text);
        parsed.ok_or_else(|| format!("`{text}` is no version of a Python, such as 3.12"))
    }
}

#[cfg(test)]
mod tests {
    use super::MinorVersion;

    #[test]
    fn a_version_is_two_numbers() {
        assert_eq!("3.12".parse(), Ok(MinorVersion(3, 12)));
        for wrong in ["3", "3.12.1", "3.", "3.012", "x.1", ""] {
            assert!(wrong.parse::<MinorVersion>().is_err(), "{wrong}");
        }
    }
}
