//! What `crosswheel wheel diff --json` tells, line by line, so that all of it can be compared.

#![allow(dead_code, reason = "each test file uses its part")]

use serde_json::Value;

use crate::wheels::Bench;

/// Runs it; its exit status must be this one.
pub(crate) fn compare(bench: &Bench, a: &str, b: &str, code: i32) -> Value {
    let out = bench.run(&["diff", a, b, "--json"]);
    assert_eq!(out.status.code(), Some(code), "{a} {b}: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

/// The two sides of something, as texts; with `turned`, the other way round.
fn sides(value: &Value, turned: bool) -> String {
    let text = |side: &Value| match side {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let (a, b) = (text(&value["a"]), text(&value["b"]));
    if turned { format!("{b} > {a}") } else { format!("{a} > {b}") }
}

/// `- x` and `+ x` of lists of texts.
fn lists(value: &Value, what: &str, turned: bool, to: &mut Vec<String>) {
    for (key, sign) in
        [("removed", if turned { '+' } else { '-' }), ("added", if turned { '-' } else { '+' })]
    {
        for one in value[key].as_array().unwrap() {
            to.push(format!("{what} {sign} {}", one.as_str().unwrap()));
        }
    }
}

fn text(value: &Value, what: &str, turned: bool) -> String {
    if value["line_ends"].is_object() {
        return format!("line ends {}", sides(&value["line_ends"], turned));
    }
    let (removed, added) = (&value["removed"], &value["added"]);
    if turned { format!("{what} -{added} +{removed}") } else { format!("{what} -{removed} +{added}") }
}

/// Everything that is told of a content.
pub(crate) fn content(content: &Value, turned: bool) -> String {
    let mut out = Vec::new();
    let each = |key: &str| content[key].as_array().unwrap().iter();
    match content["kind"].as_str().unwrap() {
        "text" => out.push(text(content, "text", turned)),
        "wheel" | "metadata" => {
            for header in each("headers") {
                let name = header["name"].as_str().unwrap();
                for changed in header["changed"].as_array().unwrap() {
                    let spelled = if changed["spelling"] == true { " spelled" } else { "" };
                    out.push(format!("{name}{spelled} {}", sides(changed, turned)));
                }
                lists(header, name, turned, &mut out);
            }
            out.extend(content["body"].is_object().then(|| text(&content["body"], "body", turned)));
            out.extend((content["form"] == true).then(|| "form".to_owned()));
        }
        "record" => {
            for row in each("rows") {
                out.push(format!("{}: {}", row["path"].as_str().unwrap(), row["why"].as_str().unwrap()));
            }
            let ends = &content["line_ends"];
            out.extend(ends.is_object().then(|| format!("line ends {}", sides(ends, turned))));
            for flag in ["order", "form"] {
                out.extend((content[flag] == true).then(|| flag.to_owned()));
            }
            if out.is_empty() {
                out.push("follows".to_owned());
            }
        }
        "binary" => out.push(match &content["first"] {
            Value::Null => "binary, one begins the other".to_owned(),
            first => format!("binary from {first}"),
        }),
        "unread" => out.push(format!("unread {}", content["why"].as_str().unwrap())),
        "library" => {
            lists(content, "member", turned, &mut out);
            for member in each("changed") {
                let aspects = member["aspects"].as_array().unwrap();
                let aspects: Vec<_> = aspects.iter().map(|aspect| aspect.as_str().unwrap()).collect();
                out.push(format!("member {} {}", member["name"].as_str().unwrap(), aspects.join(" ")));
            }
            for member in each("dated") {
                out.push(format!("dated {}", member.as_str().unwrap()));
            }
            for flag in ["order", "form"] {
                out.extend((content[flag] == true).then(|| flag.to_owned()));
            }
        }
        "elf" => {
            let aspects: Vec<_> = each("aspects").map(|aspect| aspect.as_str().unwrap()).collect();
            out.push(aspects.join(" "));
            for value in each("values") {
                out.push(format!("{} {}", value["what"].as_str().unwrap(), sides(value, turned)));
            }
            for list in each("lists") {
                lists(list, list["what"].as_str().unwrap(), turned, &mut out);
                out.extend((list["order"] == true).then(|| format!("{} order", list["what"])));
            }
            lists(&content["symbols"], "symbol", turned, &mut out);
            for symbol in content["symbols"]["changed"].as_array().unwrap() {
                let (name, what) = (symbol["name"].as_str().unwrap(), symbol["what"].as_str().unwrap());
                out.push(format!("symbol {name} {what} {}", sides(symbol, turned)));
            }
            for section in each("sections") {
                let text = &section["text"];
                let text = if text.is_object() { format!(" {}", sides(text, turned)) } else { String::new() };
                out.push(format!(
                    "section {} {} {}{text}",
                    section["name"].as_str().unwrap(),
                    sides(&section["size"], turned),
                    section["first"]
                ));
            }
        }
        other => panic!("{other}"),
    }
    out.sort();
    out.join("; ")
}

/// All that is told, a line each, sorted.
pub(crate) fn flat(found: &Value, turned: bool) -> Vec<String> {
    let mut out = Vec::new();
    for name in found["names"].as_array().unwrap() {
        out.push(format!("name {}: {}", name["part"].as_str().unwrap(), sides(name, turned)));
    }
    for entry in found["entries"].as_array().unwrap() {
        let path = |side: &str| entry[side]["path"].as_str().unwrap_or_default().to_owned();
        let (a, b) = if turned { (path("b"), path("a")) } else { (path("a"), path("b")) };
        let change = match entry["change"].as_str().unwrap() {
            "added" if turned => "removed",
            "removed" if turned => "added",
            other => other,
        };
        let mut line = match (a.as_str(), b.as_str()) {
            (a, b) if a == b => format!("{change} {a}"),
            ("", one) | (one, "") => format!("{change} {one}"),
            (a, b) => format!("{change} {a} > {b}"),
        };
        if entry["content"].is_object() {
            line = format!("{line}: {}", content(&entry["content"], turned));
        }
        for packing in entry["packing"].as_array().unwrap() {
            line = format!("{line}; {} {}", packing["what"].as_str().unwrap(), sides(packing, turned));
        }
        out.push(line);
    }
    for packing in found["packing"].as_array().unwrap() {
        out.push(format!("packing {}: {}", packing["what"].as_str().unwrap(), sides(packing, turned)));
    }
    out.sort();
    out
}
