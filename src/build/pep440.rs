//! Versions of Python packages and sets of specifiers, as PEP 440 orders and matches them.
//!
//! Folders under `patches/` are named by specifier sets; this decides which of them hold a version. A
//! specifier here is a plain question about the order of versions: pre-releases are not left out by
//! themselves, as an installer would. Arbitrary equality (`===`) compares texts, not versions, and is not known here.

use std::cmp::Ordering;

/// A public version with its local part.
#[derive(Clone, Debug)]
pub struct Version {
    epoch: u64,
    release: Vec<u64>,
    pre: Option<(Stage, u64)>,
    post: Option<u64>,
    dev: Option<u64>,
    local: Vec<Local>,
}

/// Stage of a pre-release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Alpha,
    Beta,
    Candidate,
}

/// A part of a local version: words sort before numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Local {
    Word(String),
    Number(u64),
}

/// Spellings of the stages, longest first where one begins another.
const STAGES: &[(&str, Stage)] = &[
    ("alpha", Stage::Alpha),
    ("beta", Stage::Beta),
    ("preview", Stage::Candidate),
    ("pre", Stage::Candidate),
    ("rc", Stage::Candidate),
    ("a", Stage::Alpha),
    ("b", Stage::Beta),
    ("c", Stage::Candidate),
];

/// What is still to be read of a version, in lower case.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn number(&mut self) -> Option<u64> {
        let end = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        let number = digits.parse().ok()?;
        self.0 = rest;
        Some(number)
    }

    fn take(&mut self, prefix: &str) -> bool {
        match self.0.strip_prefix(prefix) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn separator(&mut self) -> bool {
        self.take(".") || self.take("-") || self.take("_")
    }

    /// `[sep] WORD [sep] [N]`, with N zero if it is not there; nothing is taken if the word is not there.
    fn labelled<T: Copy>(&mut self, words: &[(&str, T)]) -> Option<(T, u64)> {
        let start = self.0;
        self.separator();
        for (word, value) in words {
            if self.take(word) {
                // `1.0dev_` has a separator without a number, and is a version.
                self.separator();
                return Some((*value, self.number().unwrap_or(0)));
            }
        }
        self.0 = start;
        None
    }
}

impl Version {
    /// Reads a version in any spelling that PEP 440 allows.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let lower = text.trim().to_ascii_lowercase();
        let mut rest = Rest(&lower);
        rest.take("v");
        let (mut epoch, mut first) = (0, rest.number()?);
        if rest.take("!") {
            (epoch, first) = (first, rest.number()?);
        }
        let mut release = vec![first];
        while rest.0.strip_prefix('.').is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit())) {
            rest.take(".");
            release.push(rest.number()?);
        }
        let pre = rest.labelled(STAGES);
        let post = match rest.labelled(&[("post", ()), ("rev", ()), ("r", ())]) {
            Some(((), number)) => Some(number),
            // `1.0-1` is `1.0.post1`.
            None => match rest.0.strip_prefix('-').filter(|r| r.starts_with(|c: char| c.is_ascii_digit())) {
                Some(digits) => {
                    rest.0 = digits;
                    Some(rest.number()?)
                }
                None => None,
            },
        };
        let dev = rest.labelled(&[("dev", ())]).map(|((), number)| number);
        let mut local = Vec::new();
        if rest.take("+") {
            for part in rest.0.split(['.', '-', '_']) {
                if part.is_empty() || !part.bytes().all(|b| b.is_ascii_alphanumeric()) {
                    return None;
                }
                local.push(part.parse().map_or_else(|_| Local::Word(part.to_owned()), Local::Number));
            }
            rest.0 = "";
        }
        rest.0.is_empty().then_some(Self { epoch, release, pre, post, dev, local })
    }

    fn is_pre(&self) -> bool {
        self.pre.is_some() || self.dev.is_some()
    }

    fn same_base(&self, other: &Self) -> bool {
        self.epoch == other.epoch && trimmed(&self.release) == trimmed(&other.release)
    }

    /// Whether the release begins with `prefix`; missing parts count as zero.
    fn begins(&self, epoch: u64, prefix: &[u64]) -> bool {
        self.epoch == epoch
            && prefix.iter().enumerate().all(|(i, part)| self.release.get(i).unwrap_or(&0) == part)
    }

    /// The order of public versions, local parts left out.
    fn cmp_public(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }

    /// `1.dev0` comes before `1a0`, `1a0` before `1`, `1` before `1.post0`: each part with the place of its absence.
    fn key(&self) -> impl Ord + '_ {
        let pre = match (self.pre, self.post, self.dev) {
            (Some((stage, number)), _, _) => (1, Some(stage), number),
            (None, None, Some(_)) => (0, None, 0),
            (None, _, _) => (2, None, 0),
        };
        let dev = self.dev.map_or((1, 0), |number| (0, number));
        (self.epoch, trimmed(&self.release), pre, self.post, dev)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.cmp_public(other).then_with(|| self.local.cmp(&other.local))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

/// A release without the zeros at its end, which mean nothing.
fn trimmed(release: &[u64]) -> &[u64] {
    let end = release.iter().rposition(|part| *part != 0).map_or(0, |at| at + 1);
    &release[..end]
}

/// A set of specifiers, such as `>=1.0,<2`: all of them must hold.
#[derive(Clone, Debug)]
pub struct Specifiers(Vec<Specifier>);

#[derive(Clone, Debug)]
enum Specifier {
    Compatible(Version),
    Equal(Version),
    EqualPrefix(Version),
    NotEqual(Version),
    NotEqualPrefix(Version),
    AtMost(Version),
    AtLeast(Version),
    Less(Version),
    Greater(Version),
}

impl Specifiers {
    /// Reads a set; the message says which part is wrong. An empty set is refused: a name must say what it means.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.split(',').map(|one| Specifier::parse(one.trim())).collect::<Result<_, _>>().map(Self)
    }

    /// Whether all of them hold for a version.
    #[must_use]
    pub fn hold(&self, version: &Version) -> bool {
        self.0.iter().all(|one| one.holds(version))
    }
}

impl Specifier {
    fn parse(text: &str) -> Result<Self, String> {
        const OPERATORS: [&str; 7] = ["~=", "==", "!=", "<=", ">=", "<", ">"];
        let Some((operator, rest)) =
            OPERATORS.iter().find_map(|op| text.strip_prefix(op).map(|rest| (*op, rest.trim())))
        else {
            return Err(format!("`{text}` does not begin with one of == != >= <= > < ~="));
        };
        let (number, prefix) = match rest.strip_suffix(".*") {
            Some(number) => (number, true),
            None => (rest, false),
        };
        let version = Version::parse(number).ok_or_else(|| format!("`{rest}` is not a version"))?;
        let plain = !version.is_pre() && version.post.is_none() && version.local.is_empty();
        match (operator, prefix) {
            ("==", true) if plain => Ok(Self::EqualPrefix(version)),
            ("!=", true) if plain => Ok(Self::NotEqualPrefix(version)),
            (_, true) => Err(format!("`{text}`: `.*` goes with == and != and a plain release only")),
            ("==", _) => Ok(Self::Equal(version)),
            ("!=", _) => Ok(Self::NotEqual(version)),
            _ if !version.local.is_empty() => {
                Err(format!("`{text}`: a local version (`+…`) goes with == and != only"))
            }
            ("~=", _) if version.release.len() < 2 => {
                Err(format!("`{text}`: ~= needs at least two parts, such as ~=1.0"))
            }
            ("~=", _) => Ok(Self::Compatible(version)),
            ("<=", _) => Ok(Self::AtMost(version)),
            (">=", _) => Ok(Self::AtLeast(version)),
            ("<", _) => Ok(Self::Less(version)),
            _ => Ok(Self::Greater(version)),
        }
    }

    fn holds(&self, version: &Version) -> bool {
        let equal = |wanted: &Version| {
            version.cmp_public(wanted).is_eq() && (wanted.local.is_empty() || wanted.local == version.local)
        };
        match self {
            Self::Equal(wanted) => equal(wanted),
            Self::NotEqual(wanted) => !equal(wanted),
            Self::EqualPrefix(wanted) => version.begins(wanted.epoch, &wanted.release),
            Self::NotEqualPrefix(wanted) => !version.begins(wanted.epoch, &wanted.release),
            Self::AtMost(wanted) => version.cmp_public(wanted).is_le(),
            Self::AtLeast(wanted) => version.cmp_public(wanted).is_ge(),
            // `<1.0` means that no pre-release of 1.0 fits either, unless it names one itself.
            Self::Less(wanted) => {
                version < wanted && (wanted.is_pre() || !version.is_pre() || !version.same_base(wanted))
            }
            // `>1.0` means that no post-release or local build of 1.0 fits either.
            Self::Greater(wanted) => {
                version > wanted
                    && !(version.same_base(wanted)
                        && (!version.local.is_empty() || (version.post.is_some() && wanted.post.is_none())))
            }
            Self::Compatible(wanted) => {
                version.cmp_public(wanted).is_ge()
                    && version.begins(wanted.epoch, &wanted.release[..wanted.release.len() - 1])
            }
        }
    }
}

/// A package's name as indexes and patch folders know it (PEP 503): lower case, runs of `-_.` as one `-`.
#[must_use]
pub fn normalized_name(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            _ => normal.push(c.to_ascii_lowercase()),
        }
    }
    normal
}
