//! What of a wheel can be imported, by the names of its files alone (RECORD): the modules at its top, and every extension
//! module. A package that falls back to pure Python imports well without its extension; the extension itself does not.

use std::collections::{BTreeMap, BTreeSet};

/// The modules of a wheel that are to be imported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modules {
    /// Those at the top: `demo`, or `space.demo` where `space` is no package by itself. Sorted.
    pub top: Vec<String>,
    /// Extension modules: `demo._fast`. Sorted.
    pub extensions: Vec<String>,
}

/// Finds them. `suffix` is how extension modules of the Python may end besides `.abi3.so`.
pub fn modules<'a>(paths: impl IntoIterator<Item = &'a str>, suffix: &str) -> Modules {
    // By folder, the modules in it; `__init__` is one.
    let mut folders: BTreeMap<Vec<&str>, BTreeSet<&str>> = BTreeMap::new();
    let mut extensions = BTreeSet::new();
    for path in paths {
        let Some(path) = installed(path) else { continue };
        let mut folder: Vec<&str> = path.split('/').collect();
        let Some(file) = folder.pop() else { continue };
        let alone = folder.is_empty();
        let extension = file.strip_suffix(suffix).or_else(|| file.strip_suffix(".abi3.so"));
        let extension = extension.or_else(|| file.strip_suffix(".so").filter(|_| alone));
        let Some(module) = extension.or_else(|| file.strip_suffix(".py")) else { continue };
        if !is_identifier(module) || !folder.iter().all(|part| is_identifier(part)) {
            continue;
        }
        if extension.is_some() {
            extensions.insert(dotted(&folder, module));
        }
        folders.entry(folder).or_default().insert(module);
    }
    let mut top = BTreeSet::new();
    for (folder, modules) in &folders {
        // A folder below one with modules is reached from there, or need not be.
        if (1..folder.len()).any(|length| folders.contains_key(&folder[..length])) {
            continue;
        }
        if modules.contains("__init__") {
            top.insert(folder.join("."));
        } else {
            top.extend(modules.iter().map(|module| dotted(folder, module)));
        }
    }
    let top: Vec<String> = top.into_iter().collect();
    extensions.retain(|name| !top.contains(name));
    Modules { top, extensions: extensions.into_iter().collect() }
}

/// Where a file of the archive goes, seen from site-packages; `None` for what goes elsewhere or is no code.
fn installed(path: &str) -> Option<&str> {
    let Some((first, rest)) = path.split_once('/') else { return Some(path) };
    if first.ends_with(".dist-info") {
        return None;
    }
    if first.strip_suffix(".data").is_none() {
        return Some(path);
    }
    rest.strip_prefix("purelib/").or_else(|| rest.strip_prefix("platlib/"))
}

fn dotted(folder: &[&str], module: &str) -> String {
    folder.iter().copied().chain((module != "__init__").then_some(module)).collect::<Vec<_>>().join(".")
}

/// A name as Python has it, as far as modules on PyPI use it.
fn is_identifier(name: &str) -> bool {
    name.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUFFIX: &str = ".cpython-311-aarch64-linux-gnu.so";

    fn found(paths: &[&str]) -> (String, String) {
        let found = modules(paths.iter().copied(), SUFFIX);
        (found.top.join(" "), found.extensions.join(" "))
    }

    #[test]
    fn packages_and_modules_at_the_top_are_found() {
        let fast = format!("demo/_fast{SUFFIX}");
        let paths = [
            "demo/__init__.py",
            "demo/sub/__init__.py",
            &fast,
            "demo/_new.abi3.so",
            "demo/libplain.so",
            "demo-1.0.dist-info/RECORD",
            "demo.libs/libz.so.1",
            "six.py",
        ];
        assert_eq!(found(&paths), ("demo six".into(), "demo._fast demo._new".into()));
    }

    #[test]
    fn an_extension_alone_is_at_the_top() {
        assert_eq!(
            found(&[&format!("_cffi_backend{SUFFIX}"), "plain.so"]),
            ("_cffi_backend plain".into(), String::new())
        );
    }

    #[test]
    fn what_lies_in_a_namespace_is_found_by_its_whole_name() {
        let fast = format!("space/bare/_fast{SUFFIX}");
        let paths = ["space/demo/__init__.py", "space/demo/more.py", &fast, "space/bare/a.py"];
        assert_eq!(found(&paths), ("space.bare._fast space.bare.a space.demo".into(), String::new()));
    }

    #[test]
    fn what_is_installed_elsewhere_is_no_module() {
        let paths = [
            "demo-1.0.data/purelib/demo/__init__.py",
            "demo-1.0.data/scripts/run.py",
            "demo-1.0.data/data/x.py",
            "1st/a.py",
            "with-dash.py",
        ];
        assert_eq!(found(&paths), ("demo".into(), String::new()));
    }

    #[test]
    fn extensions_of_another_machine_are_no_modules_of_this_one() {
        assert_eq!(
            found(&["demo/__init__.py", "demo/_fast.cpython-311-x86_64-linux-gnu.so"]),
            ("demo".into(), String::new())
        );
    }
}
