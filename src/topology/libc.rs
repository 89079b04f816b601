//! Versions of a C library: what the wheels of a family may ask of the systems that they are installed on.

use std::fmt;
use std::str::FromStr;

/// Major and minor number, such as glibc's 2.28 or musl's 1.2. Later systems run what was built for earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LibcVersion(pub u32, pub u32);

impl fmt::Display for LibcVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl FromStr for LibcVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            // As it is rendered: `2.07` and `+2.7` are other spellings of versions that have one.
            let plain = text == "0" || !text.starts_with(['0', '+']);
            text.parse().ok().filter(|_| plain)
        };
        text.split_once('.')
            .and_then(|(major, minor)| Some(Self(number(major)?, number(minor)?)))
            .ok_or_else(|| format!("`{text}` is no version of a C library, such as 2.28"))
    }
}

#[cfg(test)]
mod tests {
    use super::LibcVersion;

    #[test]
    fn a_version_is_two_numbers_as_they_are_rendered() {
        for good in ["2.28", "1.2", "2.0"] {
            assert_eq!(good.parse::<LibcVersion>().map(|version| version.to_string()).as_deref(), Ok(good));
        }
        for wrong in ["", "2", "2.", ".2", "2.28.1", "2.x", "2.07", "+2.7", "2.-1", "99999999999.1"] {
            assert!(wrong.parse::<LibcVersion>().is_err(), "{wrong}");
        }
        assert!(LibcVersion(2, 5) < LibcVersion(2, 17));
    }
}
