//! Stanzas of Debian's control files (deb822(5)): fields, one a line, folded lines beginning with a space.

/// The stanzas of a file: what stands between empty lines.
pub fn stanzas(text: &str) -> impl Iterator<Item = Stanza<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches('\n');
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memmem::find(rest.as_bytes(), b"\n\n").map_or(rest.len(), |at| at + 1);
        let (stanza, tail) = rest.split_at(end);
        rest = tail;
        Some(Stanza(stanza))
    })
}

/// One stanza.
#[derive(Clone, Copy, Debug)]
pub struct Stanza<'a>(&'a str);

impl<'a> Stanza<'a> {
    /// Its fields in their order: name, and value with its folded lines.
    pub fn fields(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            loop {
                if rest.is_empty() {
                    return None;
                }
                let mut end = line_end(rest, 0);
                while rest[end..].starts_with([' ', '\t']) {
                    end = line_end(rest, end);
                }
                let (field, tail) = rest.split_at(end);
                rest = tail;
                if let Some((name, value)) = field.split_once(':') {
                    return Some((name, value.trim()));
                }
            }
        })
    }

    /// The value of a field. Names are the same in any case of their letters.
    #[must_use]
    pub fn field(self, name: &str) -> Option<&'a str> {
        self.fields().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Where the line that begins at `from` ends, its line feed taken in.
fn line_end(text: &str, from: usize) -> usize {
    memchr::memchr(b'\n', &text.as_bytes()[from..]).map_or(text.len(), |at| from + at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_are_read_with_their_folded_lines() {
        let text = "\nPackage: a\nDepends: b,\n c\nno field\n\n\nPackage: d\nsha256:\n x 1 y\n z 2 w\n";
        let read: Vec<_> = stanzas(text).collect();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].field("depends"), Some("b,\n c"));
        assert_eq!(read[0].field("Version"), None);
        assert_eq!(read[1].field("Package"), Some("d"));
        assert_eq!(read[1].field("SHA256"), Some("x 1 y\n z 2 w"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "[ab:\n \u{e9}]{0,40}") {
            for stanza in stanzas(&text) {
                for (name, _) in stanza.fields() {
                    prop_assert!(!name.contains('\n') || name.starts_with('\n') || name.contains("\n "), "{name:?}");
                }
            }
        }
    }
}
