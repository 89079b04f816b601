//! A manifest merged into an older one: each wheel keeps the run that described it first, as long as its bytes are the same.

use std::collections::BTreeMap;

use super::document::{FormatVersion, Manifest, Reading, Wheel};
use crate::error::{Error, Result};

/// Merges. A wheel of one name with other bytes is refused, unless `replace` lets the new one take its place.
pub fn merge(old: Manifest, new: Manifest, replace: bool) -> Result<Manifest> {
    if old.manifest_version.reading() != Reading::Whole {
        let (theirs, ours) = (old.manifest_version, FormatVersion::CURRENT);
        let what = format!("the older manifest is of version {theirs}, and {ours} is what is written here");
        return Err(Error::usage(what).hint("what is newer would be lost: use a newer crosswheel"));
    }
    let mut wheels: BTreeMap<String, Wheel> = BTreeMap::new();
    for wheel in old.wheels {
        if let Some(twice) = wheels.insert(wheel.file.clone(), wheel) {
            return Err(Error::usage(format!(
                "the older manifest has `{}` twice",
                twice.file.escape_debug()
            ))
            .hint("`crosswheel manifest verify` tells what else is wrong with it"));
        }
    }
    for mut wheel in new.wheels {
        if let Some(before) = wheels.get(&wheel.file) {
            let name = wheel.file.escape_debug().to_string();
            if before.sha256 == wheel.sha256 {
                wheel.run = before.run.clone();
                if wheel.made_from.is_empty() {
                    keep_origins(&mut wheel, before);
                }
                match (&before.family, &wheel.family) {
                    (Some(old), Some(new)) if old != new && !replace => {
                        return Err(Error::failed(format!(
                            "{name}: is for the family {new}, and was for {old}"
                        ))
                        .hint("--replace lets the new one take its place"));
                    }
                    (Some(old), None) => wheel.family = Some(old.clone()),
                    _ => {}
                }
            } else if !replace {
                let what =
                    format!("{name}: is {}, and {} in the older manifest", wheel.sha256, before.sha256);
                return Err(Error::failed(what)
                    .hint("give the new one a build number, or let it take the place of the older one with --replace"));
            }
        }
        wheels.insert(wheel.file.clone(), wheel);
    }
    let wheels: Vec<Wheel> = wheels.into_values().collect();
    let mut runs = old.runs;
    runs.extend(new.runs);
    runs.retain(|id, _| wheels.iter().any(|wheel| wheel.run == *id));
    Ok(Manifest { manifest_version: FormatVersion::CURRENT, runs, wheels })
}

/// What the older manifest knows of where the entries come from.
fn keep_origins(wheel: &mut Wheel, before: &Wheel) {
    wheel.made_from.clone_from(&before.made_from);
    let old: BTreeMap<&str, _> = before.entries.iter().map(|entry| (&entry.path[..], entry)).collect();
    for entry in &mut wheel.entries {
        if let Some(old) = old.get(&entry.path[..]).filter(|old| old.sha256 == entry.sha256) {
            entry.action.clone_from(&old.action);
            entry.source.clone_from(&old.source);
            entry.elf_before.clone_from(&old.elf_before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::{Hash, Run, Tool};
    use super::*;

    fn manifest(tool: &str, wheels: &[(&str, &str, Option<&str>)]) -> Manifest {
        let tool = Tool { name: tool.to_owned(), version: "1".to_owned() };
        let run = Run { tool, time: None, sources: Vec::new(), environment: None, ci: None };
        let wheel = |(file, hash, family): &(&str, &str, Option<&str>)| Wheel {
            file: (*file).to_owned(),
            sha256: Hash((*hash).to_owned()),
            size: 1,
            name: "a".to_owned(),
            version: "1".to_owned(),
            build: None,
            variant: None,
            tags: Vec::new(),
            family: family.map(str::to_owned),
            gpu_targets: Vec::new(),
            run: run.id(),
            made_from: Vec::new(),
            entries: Vec::new(),
        };
        let wheels = wheels.iter().map(wheel).collect();
        Manifest { manifest_version: FormatVersion::CURRENT, runs: [(run.id(), run)].into(), wheels }
    }

    #[test]
    fn a_wheel_with_the_same_bytes_keeps_its_run_and_its_family() {
        let old = manifest("old", &[("b", "1", Some("x")), ("c", "2", None)]);
        let new = manifest("new", &[("a", "3", None), ("b", "1", None)]);
        let (before, after) = (old.wheels[0].run.clone(), new.wheels[0].run.clone());
        let merged = merge(old, new, false).unwrap();
        let told: Vec<_> = merged.wheels.iter().map(|wheel| (&wheel.file[..], &wheel.run)).collect();
        assert_eq!(told, [("a", &after), ("b", &before), ("c", &before)]);
        assert_eq!(merged.wheels[1].family.as_deref(), Some("x"));
        assert_eq!(merged.runs.len(), 2);
    }

    #[test]
    fn other_bytes_are_refused_or_take_the_place() {
        let old = || manifest("old", &[("b", "1", None)]);
        let new = || manifest("new", &[("b", "2", None)]);
        let refused = merge(old(), new(), false).unwrap_err();
        assert!(refused.message.contains("b: is 2, and 1 in the older"), "{refused}");
        let merged = merge(old(), new(), true).unwrap();
        assert_eq!(merged.wheels.len(), 1);
        assert_eq!(merged.runs.len(), 1, "a run without wheels is left out");
    }

    #[test]
    fn another_family_is_told() {
        let old = || manifest("old", &[("b", "1", Some("x"))]);
        let new = || manifest("new", &[("b", "1", Some("y"))]);
        assert!(merge(old(), new(), false).unwrap_err().message.contains("family y"));
        assert_eq!(merge(old(), new(), true).unwrap().wheels[0].family.as_deref(), Some("y"));
    }

    #[test]
    fn merging_twice_changes_nothing() {
        let one = manifest("old", &[("b", "1", Some("x"))]);
        let two = manifest("new", &[("a", "2", None)]);
        let merged = merge(one, two.clone(), false).unwrap();
        assert_eq!(merge(merged.clone(), two, false).unwrap(), merged);
    }
}
