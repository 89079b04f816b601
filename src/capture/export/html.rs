//! One page for people: what ran when, which calls failed, what was changed in each and why, what the compilers
//! warned of. It needs no network and no server. The page itself stands in `report/`; here the data is put
//! in, as two blocks of JSON: one for the table and the timeline, which is read at once, and one with all
//! arguments, which is read when a call is looked at. Texts that come back often are held once, and named by
//! number.

use std::collections::HashMap;
use std::fmt::Write;

use crosswheel_shim::plan::Kind;
use serde_json::{Value, json};

use super::compilers;
use crate::capture::diff::{self, Change};
use crate::capture::lanes::{Lanes, Span};
use crate::capture::warnings::{self, Warning};
use crate::capture::{Call, Detail, Edit, Log, Made, Outcome, Text};
use crate::elf;
use crate::error::Result;

const PAGE: &str = include_str!("report/report.html");
const STYLE: &str = include_str!("report/report.css");
/// One script.
const SCRIPT: &[&str] = &[
    include_str!("report/list.js"),
    include_str!("report/detail.js"),
    include_str!("report/timeline.js"),
    include_str!("report/main.js"),
];

/// The whole page.
pub fn render(log: &Log) -> Result<String> {
    let lanes = Lanes::of(log);
    let mut details = Details::default();
    let mut rows = Vec::with_capacity(log.calls.len());
    for (call, span) in log.calls.iter().zip(&lanes.spans) {
        let detail = log.detail(call)?;
        rows.push(row(call, span, &detail));
        details.add(call, &detail);
    }
    // In the order of the page.
    let data = [
        ("style", STYLE.to_owned()),
        ("index", inert(&index(log, &lanes, &rows)?)),
        ("details", inert(&details.json())),
        ("script", SCRIPT.join("\n")),
    ];
    // What is put in is not looked at again: the data may hold anything.
    let mut page = String::new();
    let mut rest = PAGE;
    for (name, content) in data {
        let (ahead, behind) = rest.split_once(&format!("/*{name}*/")).unwrap_or((rest, ""));
        page.push_str(ahead);
        page.push_str(&content);
        rest = behind;
    }
    Ok(page + rest)
}

/// JSON that nothing in the page takes for markup: `<` stands in strings alone.
fn inert(json: &str) -> String {
    json.replace('<', "\\u003c")
}

/// What the table and the timeline show.
fn index(log: &Log, lanes: &Lanes, rows: &[String]) -> Result<String> {
    let warnings = warnings::all(log)?;
    let base = warnings::base(warnings.iter().filter_map(|warning| warning.file.as_deref()));
    let counts = log.counts();
    let about = json!({
        "tool": log.session.tool,
        "family": log.session.family,
        "werror": log.session.werror,
        "record": log.path.to_string_lossy(),
        "start": lanes.origin / 1_000_000,
        "lanes": lanes.count,
        "compilers": compilers(log),
        "damage": log.damage.sentences(),
        "output": log.output.is_some(),
        "cpu": counts.cpu,
        "rules": counts.edits,
        "notes": counts.notes,
        "base": base.as_ref().map(|base| base.to_string_lossy()),
    });
    let warnings: Vec<String> = warnings.iter().map(|one| warning(one).to_string()).collect();
    Ok(format!("{{\"about\":{about},\"calls\":[{}],\"warnings\":[{}]}}", rows.join(","), warnings.join(",")))
}

/// A call, in the places that `list.js` names.
fn row(call: &Call, span: &Span, detail: &Detail) -> String {
    let class = match call.outcome() {
        Outcome::Succeeded if call.end.as_ref().is_some_and(|end| end.retry.is_some()) => "demoted",
        Outcome::Succeeded => "ok",
        Outcome::InFlight => "flight",
        // To a probe or a query `no` is an answer.
        _ if call.probe.is_some() || matches!(call.kind, Kind::Query | Kind::Preprocess) => "answer",
        _ => "failed",
    };
    let edits = call.edits.iter().filter(|edit| !edit.note).count();
    let mut rules: Vec<&str> = call.edits.iter().map(|edit| edit.rule.as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    json!([
        call.id,
        span.start,
        span.end - span.start,
        span.lane,
        u8::from(span.inside),
        call.kind.name(),
        call.tool,
        call.result(),
        class,
        call.probe,
        // A call without files is told by its arguments.
        if call.inputs.is_empty() && call.outputs.is_empty() {
            clipped(files(diff::given(detail)))
        } else {
            files(&call.inputs)
        },
        files(&call.outputs),
        edits,
        rules,
    ])
    .to_string()
}

/// A few files by name, the others by number.
fn files(files: &[Text]) -> String {
    let named = if files.len() > 4 { 3 } else { files.len() };
    let mut out = files[..named].iter().map(Text::quoted).collect::<Vec<_>>().join(" ");
    if named < files.len() {
        _ = write!(out, " +{}", files.len() - named);
    }
    out
}

/// The start of a text that may be an argument of any length: the details have all of it.
fn clipped(mut text: String) -> String {
    const MOST: usize = 400;
    if let Some((at, _)) = text.char_indices().nth(MOST) {
        text.truncate(at);
        text.push('…');
    }
    text
}

fn warning(warning: &Warning) -> Value {
    json!([
        warning.file.as_ref().map(|file| file.to_string_lossy()),
        warning.line,
        warning.column,
        warning.flag,
        warning.message,
        u8::from(warning.error),
        warning.passed.policy(),
        warning.passed.why(),
        warning.seen,
        warning.calls,
    ])
}

/// What is shown of one call.
#[derive(Default)]
struct Details {
    texts: Interned,
    edits: Interned,
    calls: Vec<String>,
}

/// JSON values, each once.
#[derive(Default)]
struct Interned {
    places: HashMap<String, usize>,
    all: Vec<String>,
}

impl Interned {
    fn place(&mut self, json: String) -> usize {
        *self.places.entry(json).or_insert_with_key(|json| {
            self.all.push(json.clone());
            self.all.len() - 1
        })
    }
}

impl Details {
    fn text(&mut self, text: &Text) -> usize {
        self.texts.place(text.json())
    }

    fn list(&mut self, texts: &[Text]) -> Vec<usize> {
        texts.iter().map(|text| self.text(text)).collect()
    }

    fn edit(&mut self, edit: &Edit) -> usize {
        let (rule, why) = (Text::from(edit.rule.as_str()), Text::from(edit.why.as_str()));
        let one = json!([
            self.text(&rule),
            self.text(&why),
            self.list(&edit.before),
            self.list(&edit.after),
            u8::from(edit.is_note()),
        ]);
        self.edits.place(one.to_string())
    }

    /// A call, in the places that `list.js` names.
    fn add(&mut self, call: &Call, detail: &Detail) {
        let end = call.end.as_ref();
        let edits: Vec<usize> = detail.edits.iter().map(|edit| self.edit(edit)).collect();
        // Each argument is its text's number and what became of it; a changed one is followed by the place of its
        // edit, from 1.
        let mut args = Vec::new();
        for step in diff::steps(detail) {
            let change = match step.change {
                Change::Kept => 0,
                Change::Removed => 1,
                Change::Added => 2,
            };
            args.push(self.text(&step.arg) * 3 + change);
            if change > 0 {
                args.push(step.edit.map_or(0, |edit| edit + 1));
            }
        }
        let mut optional = |text: &Option<Text>| text.as_ref().map(|text| self.text(text));
        let (launcher, dep, folder) =
            (optional(&detail.launcher), optional(&detail.dep), optional(&call.cwd));
        let error = optional(&detail.error).or_else(|| end.and_then(|end| optional(&end.error)));
        let files: Vec<Text> = match &detail.expanded {
            Some(_) => detail.argv.iter().filter(|arg| arg.bytes().starts_with(b"@")).cloned().collect(),
            None => Vec::new(),
        };
        let env: Vec<(usize, usize)> = detail
            .env
            .iter()
            .map(|(name, value)| (self.text(&Text::from(name.as_str())), self.text(value)))
            .collect();
        let retry = end.and_then(|end| end.retry.as_ref());
        let retry = retry.map(|retry| json!([retry.exit, self.list(&retry.demoted)]));
        let made: Vec<Value> =
            end.map_or(&[][..], |end| &end.made).iter().map(|made| self.made(made)).collect();
        let cpu = end.filter(|end| end.error.is_none()).map(|end| [end.user, end.system, end.peak]);
        let row = json!([
            self.text(&detail.real),
            launcher,
            detail.via,
            detail.pid,
            detail.ppid,
            detail.lang,
            args,
            edits,
            env,
            self.list(&files),
            dep,
            error,
            retry,
            made,
            cpu,
            folder,
        ]);
        self.calls.push(row.to_string());
    }

    fn made(&mut self, made: &Made) -> Value {
        let machine = made.machine.map(elf::name);
        json!([self.text(&made.path), made.size, machine, made.build_id, made.sha256])
    }

    fn json(&self) -> String {
        format!(
            "{{\"texts\":[{}],\"edits\":[{}],\"calls\":[{}]}}",
            self.texts.all.join(","),
            self.edits.all.join(","),
            self.calls.join(",")
        )
    }
}
