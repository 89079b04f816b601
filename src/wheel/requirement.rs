//! Requirements (PyPA, dependency specifiers; PEP 508), as far as editing needs them: the name, and whether the rest
//! has the form of one. The text is kept as it is.

use crate::build::pep440::normalized_name;

/// The name at the beginning of a requirement.
#[must_use]
pub fn name(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')));
    &text[..end.unwrap_or(text.len())]
}

/// Whether it asks for the package of this name, however both are spelled.
#[must_use]
pub fn asks_for(text: &str, package: &str) -> bool {
    normalized_name(name(text)) == normalized_name(package)
}

/// Whether it is asked for with an extra only: whether its marker names one.
#[must_use]
pub fn is_for_extra(text: &str) -> bool {
    let marker = text.split_once(';').map_or("", |(_, marker)| marker);
    marker.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == "extra")
}

/// Checks a name of a package.
pub fn check_name(name: &str) -> Result<(), String> {
    let edge = |c: char| c.is_ascii_alphanumeric();
    let inside = |c: char| edge(c) || matches!(c, '.' | '_' | '-');
    let sound = name.chars().all(inside) && name.starts_with(edge) && name.ends_with(edge);
    if sound { Ok(()) } else { Err(format!("`{}` is no name of a package", name.escape_debug())) }
}

/// Checks the form of a requirement: name, extras, versions or an address, marker.
pub fn check(text: &str) -> Result<(), String> {
    let whole = text.escape_debug();
    if text.chars().any(char::is_control) {
        return Err(format!("`{whole}` holds a control character"));
    }
    let package = name(text);
    check_name(package).map_err(|_| format!("`{whole}` does not begin with the name of a package"))?;
    let rest = text.trim_start()[package.len()..].trim_start();
    let rest = match rest.strip_prefix('[') {
        None => rest,
        Some(inside) => {
            let (extras, rest) = inside.split_once(']').ok_or(format!("`{whole}` has no `]`"))?;
            if !extras.trim().is_empty() {
                for extra in extras.split(',') {
                    check_name(extra.trim())
                        .map_err(|_| format!("`{whole}` has an extra that is no name"))?;
                }
            }
            rest.trim_start()
        }
    };
    if let Some(address) = rest.strip_prefix('@') {
        // An address may hold a `;`: a blank ends it.
        let (address, rest) = address.trim_start().split_once(' ').unwrap_or((address.trim_start(), ""));
        let marker = rest.trim();
        return if address.is_empty() {
            Err(format!("`{whole}` has no address after `@`"))
        } else if marker.is_empty() || marker.strip_prefix(';').is_some_and(|marker| !marker.is_empty()) {
            Ok(())
        } else {
            Err(format!("`{whole}` has something behind its address that is no marker"))
        };
    }
    let (versions, marker) = rest.split_once(';').map_or((rest, None), |(v, marker)| (v, Some(marker)));
    if marker.is_some_and(|marker| marker.trim().is_empty()) {
        return Err(format!("`{whole}` has no marker after `;`"));
    }
    let versions = versions.trim();
    let versions = match versions.strip_prefix('(') {
        Some(inside) => inside.strip_suffix(')').ok_or(format!("`{whole}` has no `)`"))?,
        None => versions,
    };
    // A comma at the end is allowed.
    let versions = versions.trim().trim_end_matches(',');
    if versions.is_empty() {
        return Ok(());
    }
    versions.split(',').try_for_each(|one| {
        let one = one.trim();
        let digits =
            ["===", "~=", "==", "!=", "<=", ">=", "<", ">"].iter().find_map(|op| one.strip_prefix(op));
        let sound = digits.map(str::trim).is_some_and(|version| {
            let allowed =
                |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '!' | '*');
            !version.is_empty() && version.chars().all(allowed)
        });
        if sound { Ok(()) } else { Err(format!("`{whole}`: `{one}` is no comparison with a version")) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_have_a_form() {
        for text in [
            "numpy",
            "numpy>=1.2,<3",
            "numpy (>=1.2)",
            "a.b-c_d[x, y] ~= 1.0 ; python_version < '3.9'",
            "a[]",
            "a @ https://example.org/a.whl ; os_name == 'nt'",
            "a==1.*",
            "a===any",
            "a!=1,",
            "a;extra=='b'",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        for text in [
            "", ">=1", "a b", "a >", "a;", "a [x", "a (>1", "a @", "a @ b c", "a @ b ;", "a\n>1", "-a",
            "a[b c]", "a=1",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_compared_as_indexes_do() {
        assert!(asks_for("Foo_Bar[x]>=1", "foo.bar"));
        assert!(!asks_for("foo-bar-baz>=1", "foo-bar"));
    }
}
