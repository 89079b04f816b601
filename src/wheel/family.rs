//! How the family that a wheel is cut for shows in its name. Three ways, of which none is the local version alone: an
//! installer takes the greatest one, and families have no order. With `+gfx94x` and `+gfx110x` on one index every machine
//! would get the first.
//!
//! - **Folder**: an index of its own. The name stays, and so does what requires it.
//! - **Name**: a distribution of its own, `NAME-FAMILY`. What requires it has to say which one.
//! - **Variant**: a label behind the tags and properties in variant.json (PEP 825, a draft), by which an installer that
//!   knows them chooses.

use super::edits::{Edits, Variant};
use super::name::{self, WheelName};
use crate::audit::expect::of_platform;
use crate::elf;
use crate::error::{Error, Result};
use crate::topology::Family;

/// The way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// A folder of its own.
    #[default]
    Folder,
    /// A name of its own.
    Name,
    /// A variant of the package.
    Variant,
}

/// The schema that variant.json follows.
const SCHEMA: &str = "https://variants-schema.wheelnext.dev/peps/825/v0.1.1.json";

/// Puts into `edits` what the way asks for.
pub fn cut(family: &Family, way: Way, edits: &mut Edits) -> Result<()> {
    match way {
        Way::Folder => {}
        Way::Name => edits.suffix = Some(suffix(&family.name)),
        Way::Variant => edits.variant = Some(variant(family)?),
    }
    Ok(())
}

/// Refuses wheels for another machine than the family's. A wheel for any platform fits them all.
pub fn check(family: &Family, name: &WheelName) -> Result<(), String> {
    let Some(machine) = elf::of_triple(&family.target.machine).filter(|_| !family.target.is_host()) else {
        return Ok(());
    };
    let fits = |tag: &String| of_platform(tag).is_none_or(|of_tag| of_tag == machine);
    if name.tags.platform.iter().any(fits) {
        return Ok(());
    }
    let tags = name.tags.platform.join(".");
    Err(format!("is for {tags}, and the family {} is for {}", family.name, elf::name(machine)))
}

/// What the name of a package ends in. Whether a GPU retries page faults (xnack) or checks its memory (sramecc) is a
/// matter of files, not of packages.
fn suffix(family: &str) -> String {
    let words = family.split(['-', '_', '.', ':']);
    let words = words.take_while(|word| !word.starts_with("xnack") && !word.starts_with("sramecc"));
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

/// The variant of a family: by the level of its processors, or by the GPU that its name is of.
fn variant(family: &Family) -> Result<Variant> {
    let label = family.name.to_ascii_lowercase().replace(['-', ':'], "_");
    name::check_variant(&label).map_err(Error::usage)?;
    let (namespace, feature, value) = if let Some(level) = family.level {
        ("x86_64", "level", format!("v{}", level.number()))
    } else if family.name.starts_with("gfx") {
        ("amd", "gfx_arch", suffix(&family.name).replace('-', "_"))
    } else {
        let what = format!("the family {} has neither a level nor the name of a GPU", family.name);
        return Err(Error::usage(format!("{what}, by which a variant would be chosen"))
            .hint("--family-as folder or name does without"));
    };
    let json = serde_json::json!({
        "$schema": SCHEMA,
        "default-priorities": { "namespace": [namespace] },
        "variants": { &label: { namespace: { feature: [value] } } },
    });
    let json = serde_json::to_string_pretty(&json)
        .map_err(|error| Error::failed(format!("cannot write variant.json: {error}")))?;
    Ok(Variant { label, json: json + "\n" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Topology;

    #[test]
    fn names_of_packages_go_without_the_modes_of_a_gpu() {
        for (family, expected) in [
            ("gfx94x", "gfx94x"),
            ("gfx94X-dcgpu", "gfx94x-dcgpu"),
            ("gfx90a:xnack+", "gfx90a"),
            ("gfx90a-xnack", "gfx90a"),
            ("gfx90a:sramecc+:xnack-", "gfx90a"),
            ("x86-64-v3", "x86-64-v3"),
            ("zen_4.linux", "zen-4-linux"),
        ] {
            assert_eq!(suffix(family), expected);
        }
    }

    #[test]
    fn a_variant_has_its_label_and_a_property() {
        let topology = Topology::builtin().unwrap();
        let mut family = topology.family("x86-64-v3").unwrap().clone();
        let made = variant(&family).unwrap();
        assert_eq!(made.label, "x86_64_v3");
        let json: serde_json::Value = serde_json::from_str(&made.json).unwrap();
        assert_eq!(json["variants"]["x86_64_v3"]["x86_64"]["level"][0], "v3");
        (family.name, family.level) = ("gfx90a-xnack".to_owned(), None);
        let json: serde_json::Value = serde_json::from_str(&variant(&family).unwrap().json).unwrap();
        assert_eq!(json["variants"]["gfx90a_xnack"]["amd"]["gfx_arch"][0], "gfx90a");
        assert_eq!(json["default-priorities"]["namespace"][0], "amd");
        assert!(variant(&topology.family("host").unwrap()).is_err());
    }
}
