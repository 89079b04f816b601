//! The git work tree that wheels were built from: commit, branch, tags, and whether it was changed since. A git that fails
//! in a work tree is an error, never an empty answer.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::build::process::ending;
use crate::error::{Error, IoContext, Result};

/// A work tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Source {
    /// Where it was fetched from, without user names and passwords: `origin`, or the only remote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The commit that is checked out.
    #[schemars(regex(pattern = "^([0-9a-f]{40}|[0-9a-f]{64})$"))]
    pub commit: String,
    /// The branch that is checked out; none if a commit is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The tags of the commit, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whether files of the commit, or the commits of submodules, are changed.
    pub dirty: bool,
    /// How many files or submodules are changed.
    pub changed: u64,
    /// How many files are neither known to git nor ignored; the wheels and the manifest are not counted.
    pub untracked: u64,
}

/// Whether a folder is in a work tree: told by `.git` in it or above it, so that a git which fails is known from one which
/// has nothing to say.
#[must_use]
pub fn is_in_tree(folder: &Path) -> bool {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    folder.ancestors().any(|above| above.join(".git").symlink_metadata().is_ok())
}

/// The root of the work tree of a folder.
pub fn root(folder: &Path) -> Result<PathBuf> {
    let told = git(folder, &["rev-parse", "--show-toplevel"])?.success(folder)?;
    let path = told.strip_suffix(b"\n").unwrap_or(&told);
    if path.is_empty() {
        return Err(Error::failed(format!("{}: is in the folder of git itself", folder.display()))
            .hint("--source DIR names the work tree, --no-source leaves it out"));
    }
    Ok(PathBuf::from(OsStr::from_bytes(path)))
}

impl Source {
    /// Looks at a work tree. `ours` are files that do not count as untracked.
    pub fn of(root: &Path, ours: &[PathBuf]) -> Result<Self> {
        let status = [
            "status",
            "--porcelain=v2",
            "--branch",
            "-z",
            "--untracked-files=all",
            "--ignore-submodules=none",
            "--no-renames",
        ];
        let status = git(root, &status)?.success(root)?;
        let ours: Vec<PathBuf> = ours.iter().filter_map(|path| resolved(path)).collect();
        let base = root.canonicalize().context("cannot look at", root)?;
        let status = Status::parse(&status, &|path| ours.contains(&base.join(OsStr::from_bytes(path))));
        let commit = status.commit.ok_or_else(|| {
            Error::failed(format!("{}: the work tree has no commit yet", root.display()))
                .hint("commit first, or leave it out with --no-source")
        })?;
        let tags = git(root, &["tag", "--points-at", "HEAD"])?.success(root)?;
        let mut tags: Vec<String> = String::from_utf8_lossy(&tags).lines().map(str::to_owned).collect();
        tags.sort();
        let remotes = git(root, &["config", "-z", "--get-regexp", r"^remote\..*\.url$"])?;
        // With status 1, git says that there is none.
        let remotes = if remotes.code == Some(1) { Vec::new() } else { remotes.success(root)? };
        Ok(Self {
            repository: repository(&remotes),
            commit,
            branch: status.branch,
            tags,
            dirty: status.changed > 0,
            changed: status.changed,
            untracked: status.untracked,
        })
    }
}

/// A path as git knows it; its last part need not be there.
fn resolved(path: &Path) -> Option<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some(folder.canonicalize().ok()?.join(path.file_name()?))
}

/// What `git status --porcelain=v2 --branch -z` says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Status {
    commit: Option<String>,
    branch: Option<String>,
    changed: u64,
    untracked: u64,
}

impl Status {
    fn parse(text: &[u8], ours: &dyn Fn(&[u8]) -> bool) -> Self {
        let mut out = Self::default();
        let mut lines = text.split(|byte| *byte == 0);
        while let Some(line) = lines.next() {
            let text = String::from_utf8_lossy(line);
            let mut words = text.split(' ');
            match (words.next().unwrap_or_default(), words.next(), words.next()) {
                ("#", Some("branch.oid"), Some(oid)) => {
                    out.commit = (oid != "(initial)").then(|| oid.to_owned());
                }
                ("#", Some("branch.head"), Some(head)) => {
                    out.branch = (head != "(detached)").then(|| head.to_owned());
                }
                // A submodule that only has untracked files is as it was committed.
                ("1", Some(".M"), Some("S..U")) => out.untracked += 1,
                ("2", ..) => {
                    out.changed += 1;
                    // The old name.
                    lines.next();
                }
                ("1" | "u", ..) => out.changed += 1,
                ("?", ..) if !ours(line.get(2..).unwrap_or_default()) => out.untracked += 1,
                _ => {}
            }
        }
        out
    }
}

/// The remote that is meant, from `git config -z --get-regexp`: `remote.NAME.url`, a line feed, the address.
fn repository(remotes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(remotes);
    let mut all: BTreeMap<&str, &str> = BTreeMap::new();
    for (key, url) in text.split('\0').filter_map(|pair| pair.split_once('\n')) {
        // Of several addresses of one remote, git fetches from the first.
        all.entry(key).or_insert(url);
    }
    let only = if all.len() == 1 { all.values().next() } else { None };
    all.get("remote.origin.url").or(only).map(|url| without_secrets(url))
}

/// An address without what lets somebody in: user and password, and what stands behind `?`. The user of ssh is no
/// secret; the rest of a page's address is, if it is no number.
#[must_use]
pub fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.find(['/', '?', '#']).map_or((rest, ""), |at| rest.split_at(at));
    let host = match authority.rsplit_once('@') {
        Some((user, host)) if scheme.contains("ssh") => {
            let user = user.split(':').next().unwrap_or_default();
            if user.is_empty() { host.to_owned() } else { format!("{user}@{host}") }
        }
        Some((_, host)) => host.to_owned(),
        None => authority.to_owned(),
    };
    let path = match path.split_once('?') {
        Some((path, query)) if !is_number_query(query) => path,
        _ => path,
    };
    format!("{scheme}://{host}{path}")
}

/// `buildId=42`.
fn is_number_query(query: &str) -> bool {
    query.split_once('=').is_some_and(|(_, value)| value.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What a git said, and how it ended.
struct Answer {
    what: String,
    code: Option<i32>,
    ending: String,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Answer {
    /// What it said, if it was well.
    fn success(self, folder: &Path) -> Result<Vec<u8>> {
        if self.code == Some(0) {
            return Ok(self.stdout);
        }
        let told = String::from_utf8_lossy(&self.stderr);
        let told = told.lines().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
        let what = format!("`git {}` failed in {} ({}): {told}", self.what, folder.display(), self.ending);
        let hint = if told.contains("dubious ownership") {
            "`git config --global --add safe.directory DIR` trusts the work tree, --no-source leaves it out"
        } else {
            "mend the work tree, or leave it out with --no-source"
        };
        Err(Error::failed(what).hint(hint))
    }
}

/// Runs git in a folder. Variables that lead it to another repository (a hook sets them) are taken out; its
/// configuration stays, which may say whom to trust.
fn git(folder: &Path, args: &[&str]) -> Result<Answer> {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        let bytes = name.as_bytes();
        if bytes.starts_with(b"GIT_") && !bytes.starts_with(b"GIT_CONFIG_") && bytes != b"GIT_EXEC_PATH" {
            command.env_remove(name);
        }
    }
    // The monitor of a file system would be left running.
    command.args(["--no-optional-locks", "-c", "core.fsmonitor=false", "-C"]).arg(folder).args(args);
    command.env("LC_ALL", "C").stdin(Stdio::null());
    let out = command.output().map_err(|source| {
        Error::failed(format!("cannot run git for {}: {source}", folder.display()))
            .hint("install git, or leave sources out with --no-source")
    })?;
    Ok(Answer {
        what: args.first().copied().unwrap_or_default().to_owned(),
        code: out.status.code(),
        ending: ending(out.status),
        stdout: out.stdout,
        stderr: out.stderr,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_counted() {
        let text = b"# branch.oid abc\0# branch.head main\0# branch.upstream origin/main\0\
            1 .M N... 100644 100644 100644 a a file\0\
            2 R. N... 100644 100644 100644 a a R100 new\0? old\0\
            u UU N... 1 2 3 4 a b c both\0\
            1 .M S..U 160000 160000 160000 a a sub\0\
            1 .M SC.. 160000 160000 160000 a a sub2\0\
            ? new file\0? dist/x.whl\0! ignored\0";
        let status = Status::parse(text, &|path| path == b"dist/x.whl");
        let expected =
            Status { commit: Some("abc".into()), branch: Some("main".into()), changed: 4, untracked: 2 };
        assert_eq!(status, expected);
        let bare = Status::parse(b"# branch.oid (initial)\0# branch.head (detached)\0", &|_| false);
        assert_eq!(bare, Status::default());
    }

    #[test]
    fn addresses_lose_what_lets_somebody_in() {
        for (given, kept) in [
            ("https://user:token@example.org/a.git", "https://example.org/a.git"),
            ("https://token@example.org:8443/a", "https://example.org:8443/a"),
            ("https://example.org/a?token=x", "https://example.org/a"),
            (
                "https://example.org/_build/results?buildId=42",
                "https://example.org/_build/results?buildId=42",
            ),
            ("ssh://git:pass@example.org/a", "ssh://git@example.org/a"),
            ("https://a@b@example.org", "https://example.org"),
            ("git@example.org:a/b.git", "git@example.org:a/b.git"),
            ("/srv/git/a", "/srv/git/a"),
        ] {
            assert_eq!(without_secrets(given), kept);
        }
    }

    #[test]
    fn the_repository_is_origin_or_the_only_remote() {
        let one = b"remote.up.url\nhttps://e.org/up\0";
        let two = b"remote.up.url\nhttps://e.org/up\0remote.my.url\nhttps://e.org/my\0";
        let origin = b"remote.up.url\nhttps://e.org/up\0remote.origin.url\nhttps://t@e.org/o\0";
        assert_eq!(repository(one).as_deref(), Some("https://e.org/up"));
        assert_eq!(repository(two), None);
        assert_eq!(repository(origin).as_deref(), Some("https://e.org/o"));
        assert_eq!(repository(b""), None);
    }
}
