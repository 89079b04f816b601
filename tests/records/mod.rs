//! Writes records as `docs/record.md` says, for tests that read them.
#![allow(dead_code, reason = "each test file uses a part")]

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

/// A record in the making.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) lines: Vec<String>,
    clock: u64,
    begun: Vec<(String, u64)>,
}

/// A line: the event's name first, as the shim writes it.
pub(crate) fn line(event: &str, fields: &Value) -> String {
    let rest = fields.to_string();
    let rest = rest.strip_prefix('{').unwrap();
    let comma = if rest == "}" { "" } else { "," };
    format!("{{\"ev\":\"{event}\"{comma}{rest}")
}

/// The first, with the fields of the second put in; `null` takes a field out.
fn with(mut base: Value, more: &Value) -> Value {
    let fields: &mut Map<String, Value> = base.as_object_mut().unwrap();
    for (name, value) in more.as_object().unwrap() {
        if value.is_null() {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
    base
}

impl Record {
    pub(crate) fn new() -> Self {
        Self::of(&json!({}))
    }

    /// A record whose session has these fields.
    pub(crate) fn of(session: &Value) -> Self {
        let base = json!({
            "v": 1, "tool": "crosswheel 0.1.0", "family": "x86-64-v3", "werror": "keep", "plan": "00ff",
            "bin": "/w/.crosswheel/s1/bin", "t": 1_000_000_000_u64,
            "tools": [{"name": "cc", "real": "/usr/bin/gcc", "role": "cc", "dialect": "gcc",
                       "machine": "x86_64-linux-gnu", "version": "12.2.0"}],
        });
        Self { lines: vec![line("session", &with(base, session))], clock: 2_000_000_000, begun: Vec::new() }
    }

    /// A call that was begun and not ended.
    pub(crate) fn begin(mut self, id: &str, fields: &Value) -> Self {
        self.clock += 1_000_000;
        self.begun.push((id.to_owned(), self.clock));
        let base = json!({
            "id": id, "t": self.clock, "pid": 10, "ppid": 9, "tool": "cc", "real": "/usr/bin/gcc",
            "cwd": "/w/src", "kind": "compile", "lang": ["c"], "in": ["a.c"], "out": ["a.o"],
            "argv": ["cc", "-c", "a.c", "-o", "a.o"], "edits": [], "env": {}, "disp": "passed",
        });
        self.lines.push(line("begin", &with(base, fields)));
        self
    }

    /// The end of a call.
    pub(crate) fn end(mut self, id: &str, fields: &Value) -> Self {
        self.clock += 5_000_000;
        let begun = self.begun.iter().rfind(|(begun, _)| begun == id).map_or(self.clock, |(_, at)| *at);
        let base = json!({
            "id": id, "t": self.clock, "dur": self.clock - begun, "exit": 0, "user": 3000, "sys": 1000, "rss": 20_000,
        });
        self.lines.push(line("end", &with(base, fields)));
        self
    }

    /// A whole call.
    pub(crate) fn call(self, id: &str, begin: &Value, end: &Value) -> Self {
        self.begin(id, begin).end(id, end)
    }

    pub(crate) fn text(&self) -> String {
        self.lines.iter().fold(String::new(), |text, line| text + line + "\n")
    }

    /// Writes it as `folder/record.jsonl`.
    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        write(folder, self.text().as_bytes())
    }
}

/// Writes bytes as `folder/record.jsonl`.
pub(crate) fn write(folder: &Path, bytes: &[u8]) -> PathBuf {
    std::fs::create_dir_all(folder).unwrap();
    let path = folder.join("record.jsonl");
    std::fs::write(&path, bytes).unwrap();
    path
}
