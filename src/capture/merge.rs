//! Several records made one, which is read like any other. Calls keep their lines; each gets `of`, the number of the
//! session that it is from, and the line of each session stands in a `merged` event of its own, so nothing is lost.
//!
//! An id is unique in a session, and among sessions by chance. Where two calls have the same one, the later gets
//! another, and its line says in `was` which it had.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::log::{Call, Log};
use super::text::Text;
use crate::error::{Error, IoContext, Result};

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Sessions in the new record.
    pub sessions: usize,
    /// Calls in it.
    pub calls: usize,
    /// Calls that got another id: the session's number, the old id and the new one.
    pub renamed: Vec<(usize, String, String)>,
}

/// Writes the calls of all these logs to `out`, whole or not at all.
pub fn merge(logs: &[Log], out: &Path) -> Result<Merged> {
    if let Some(same) = logs.iter().find(|log| same_file(&log.path, out)) {
        return Err(Error::usage(format!("{} is one of those that are merged", same.path.display()))
            .hint("write to another file"));
    }
    let folder = match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut part = tempfile::Builder::new()
        .prefix(".xw-")
        .tempfile_in(folder)
        .context("cannot make a file in", folder)?;
    let mut merged = Merged::default();
    let mut taken: HashSet<String> = HashSet::new();
    {
        let mut to = std::io::BufWriter::with_capacity(1 << 20, part.as_file_mut());
        let mut put =
            |line: &[u8]| to.write_all(line).and_then(|()| to.write_all(b"\n")).context("cannot write", out);
        put(&session(logs)?)?;
        for log in logs {
            let base = merged.sessions;
            merged.sessions += sessions(log, base, &mut put)?;
            let names = names(log, base, &mut taken, &mut merged.renamed);
            for call in &log.calls {
                let (begin, end) = log.raw(call)?;
                put(&line(log, call, &begin, "begin", base, &names)?)?;
                if let Some(end) = end {
                    put(&line(log, call, &end, "end", base, &names)?)?;
                }
                merged.calls += 1;
            }
        }
        to.flush().context("cannot write", out)?;
    }
    let rights = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    part.as_file().set_permissions(rights).context("cannot write", out)?;
    part.persist(out).map_err(|error| Error::io("cannot write", out, &error.error))?;
    Ok(merged)
}

fn same_file(one: &Path, two: &Path) -> bool {
    let whole = |path: &Path| -> Option<PathBuf> { path.canonicalize().ok() };
    whole(one).is_some_and(|one| whole(two) == Some(one))
}

/// The first line: what all sessions have in common, and the tools of all of them.
fn session(logs: &[Log]) -> Result<Vec<u8>> {
    let all = |field: fn(&Log) -> String| {
        // One that was merged itself holds several.
        let values = logs.iter().map(field).collect::<Vec<_>>();
        let values: BTreeSet<&str> = values.iter().flat_map(|value| value.split('+')).collect();
        Text::from(values.into_iter().collect::<Vec<_>>().join("+").as_str()).json()
    };
    let mut tools: BTreeMap<String, String> = BTreeMap::new();
    for log in logs {
        let line = log.session_line()?;
        let raw: Tools<'_> = serde_json::from_slice(&line).map_err(|error| {
            Error::failed(format!("{}: the session's line cannot be read: {error}", log.path.display()))
        })?;
        for (tool, raw) in log.session.tools.iter().zip(raw.tools) {
            tools.entry(tool.name.clone()).or_insert_with(|| raw.get().to_owned());
        }
    }
    let start = logs.iter().map(|log| log.session.start).min().unwrap_or(0);
    let bin = logs.first().map_or_else(|| "\"\"".to_owned(), |log| log.session.bin.json());
    let tools: Vec<String> = tools.into_values().collect();
    Ok(format!(
        r#"{{"ev":"session","v":1,"tool":{},"family":{},"werror":{},"plan":{},"bin":{bin},"t":{start},"tools":[{}]}}"#,
        all(|log| log.session.tool.clone()),
        all(|log| log.session.family.clone()),
        all(|log| log.session.werror.clone()),
        all(|log| log.session.plan.clone()),
        tools.join(",")
    )
    .into_bytes())
}

#[derive(serde::Deserialize)]
struct Tools<'a> {
    #[serde(default, borrow)]
    tools: Vec<&'a serde_json::value::RawValue>,
}

/// How a `merged` event begins.
const EVENT: &str = r#"{"ev":"merged","of":"#;

/// The session of a log in an event; or, if it was merged itself, those that it has. Returns how many.
fn sessions(log: &Log, base: usize, put: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<usize> {
    let inside = log.merged_lines()?;
    for line in &inside {
        let (_, rest) = numbered(line, EVENT.as_bytes()).ok_or_else(|| strange(log, "a merged event"))?;
        let number = numbered(line, EVENT.as_bytes()).map_or(0, |(number, _)| number);
        put(&[EVENT.as_bytes(), (base + number).to_string().as_bytes(), rest].concat())?;
    }
    if !inside.is_empty() {
        return Ok(inside.len());
    }
    let path = Text::from(
        log.path.canonicalize().unwrap_or_else(|_| log.path.clone()).as_os_str().as_encoded_bytes(),
    );
    let damage = &log.damage;
    let head = format!(
        r#"{EVENT}{base},"path":{},"broken":{},"orphans":{},"torn":{},"lost":{},"session":"#,
        path.json(),
        damage.broken,
        damage.orphans,
        damage.torn,
        damage.lost
    );
    put(&[head.as_bytes(), &log.session_line()?, b"}"].concat())?;
    Ok(1)
}

/// New names for calls whose id is taken.
fn names(
    log: &Log,
    base: usize,
    taken: &mut HashSet<String>,
    renamed: &mut Vec<(usize, String, String)>,
) -> HashMap<String, String> {
    let mut names = HashMap::new();
    let own: HashSet<&str> = log.calls.iter().map(|call| call.id.as_str()).collect();
    for call in log.calls.iter().filter(|call| taken.contains(&call.id)) {
        let mut digest = Sha256::digest(format!("{base} {}", call.id));
        let mut name = short(&digest);
        while taken.contains(&name)
            || own.contains(name.as_str())
            || names.values().any(|known| *known == name)
        {
            digest = Sha256::digest(digest);
            name = short(&digest);
        }
        renamed.push((base, call.id.clone(), name.clone()));
        names.insert(call.id.clone(), name);
    }
    taken.extend(log.calls.iter().map(|call| names.get(&call.id).unwrap_or(&call.id).clone()));
    names
}

/// Twelve digits, as every id has.
fn short(digest: &[u8]) -> String {
    crate::hex::digits(&digest[..6])
}

/// A line of a call with its session's number, and its new name if it has one. Keys are found as bytes: their quotes cannot
/// stand inside of a string, where they would be escaped.
fn line(
    log: &Log,
    call: &Call,
    line: &[u8],
    event: &str,
    base: usize,
    names: &HashMap<String, String>,
) -> Result<Vec<u8>> {
    let has_old = memchr::memmem::find(line, b",\"was\":\"").is_some();
    let mut line = line.to_vec();
    let mut replace = |old: &[u8], new: &str| {
        let at = memchr::memmem::find(&line, old)?;
        line.splice(at..at + old.len(), new.bytes());
        Some(())
    };
    let key = |key: &str, value: &str| format!(",\"{key}\":{}", Text::from(value).json());
    // An inner call follows the one that it is inside of.
    if let Some((parent, name)) = call.parent.as_ref().and_then(|parent| Some((parent, names.get(parent)?))) {
        replace(key("parent", parent).as_bytes(), &key("parent", name));
    }
    // One that was merged before has a number and perhaps an old name.
    replace(format!(",\"of\":{}", call.session).as_bytes(), "");
    let of = format!(",\"of\":{}", base + call.session);
    let new = match names.get(&call.id) {
        Some(name) if has_old => format!("{}{of}", key("id", name)),
        Some(name) => format!("{}{of}{}", key("id", name), key("was", &call.id)),
        None => format!("{}{of}", key("id", &call.id)),
    };
    replace(key("id", &call.id).as_bytes(), &new)
        .ok_or_else(|| strange(log, &format!("the {event} of call {}", call.id)))?;
    Ok(line)
}

/// The number behind a text at the start of a line, and what follows it.
fn numbered<'l>(line: &'l [u8], start: &[u8]) -> Option<(usize, &'l [u8])> {
    let rest = line.strip_prefix(start)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    Some((std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?, &rest[digits..]))
}

fn strange(log: &Log, what: &str) -> Error {
    Error::failed(format!("{}: {what} is not written as the shim writes it", log.path.display()))
        .hint("another program changed the record; merge the one that the shim wrote")
}
