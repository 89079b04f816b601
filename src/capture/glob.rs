//! Patterns of paths, as in the plan's probe rows: `*` stands for any run of bytes but `/`, `**` for any
//! run at all, `?` for one byte but `/`. A pattern that does not begin with `/` may begin at any folder,
//! so that `foo.o`, `build/*.o` and `/w/build/foo.o` all find `/w/build/foo.o`.

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(Vec<Piece>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Byte(u8),
    One,
    Run,
    Deep,
}

impl Glob {
    /// Reads a pattern; every text is one.
    #[must_use]
    pub fn new(pattern: &[u8]) -> Self {
        let pattern = pattern.strip_prefix(b"./").unwrap_or(pattern);
        let mut pieces = Vec::new();
        if !pattern.starts_with(b"/") {
            pieces.extend([Piece::Deep, Piece::Byte(b'/')]);
        }
        for byte in pattern {
            let piece = match (byte, pieces.last()) {
                (b'*', Some(Piece::Run | Piece::Deep)) => {
                    pieces.pop();
                    Piece::Deep
                }
                (b'*', _) => Piece::Run,
                (b'?', _) => Piece::One,
                (byte, _) => Piece::Byte(*byte),
            };
            pieces.push(piece);
        }
        Self(pieces)
    }

    /// Whether it matches a path from the root.
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        if !self.ends(path) {
            return false;
        }
        // The places of the pattern that the bytes so far can have led to: no input makes it slow.
        let mut now = vec![false; self.0.len() + 1];
        now[0] = true;
        self.skip_empty(&mut now);
        let mut next = vec![false; now.len()];
        for byte in path {
            next.fill(false);
            for (at, piece) in self.0.iter().enumerate().filter(|(at, _)| now[*at]) {
                match piece {
                    Piece::Byte(wanted) => next[at + 1] |= wanted == byte,
                    Piece::One => next[at + 1] |= *byte != b'/',
                    Piece::Run => next[at] |= *byte != b'/',
                    Piece::Deep => next[at] = true,
                }
            }
            self.skip_empty(&mut next);
            std::mem::swap(&mut now, &mut next);
        }
        now[self.0.len()]
    }

    /// Whether the path has the end that the pattern spells out, which most paths have not.
    fn ends(&self, path: &[u8]) -> bool {
        let literal = self.0.iter().rev().map_while(|piece| match piece {
            Piece::Byte(byte) => Some(byte),
            _ => None,
        });
        let mut bytes = path.iter().rev();
        literal.into_iter().all(|wanted| bytes.next() == Some(wanted))
    }

    /// A run may be empty.
    fn skip_empty(&self, places: &mut [bool]) {
        for (at, piece) in self.0.iter().enumerate() {
            if matches!(piece, Piece::Run | Piece::Deep) {
                places[at + 1] |= places[at];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn patterns_match_as_documented() {
        for (pattern, path, expected) in [
            ("foo.o", "/w/build/foo.o", true),
            ("foo.o", "/w/build/afoo.o", false),
            ("foo.o", "/w/foo.o/x", false),
            ("build/*.o", "/w/build/foo.o", true),
            ("build/*.o", "/w/build/sub/foo.o", false),
            ("build/**.o", "/w/build/sub/foo.o", true),
            ("/w/*/foo.o", "/w/build/foo.o", true),
            ("/build/foo.o", "/w/build/foo.o", false),
            ("fo?.o", "/foo.o", true),
            ("fo?", "/fo/", false),
            ("*", "/a/b", true),
            ("**", "/a/b", true),
            ("", "/a", false),
            ("./foo.o", "/w/foo.o", true),
            ("***x", "/a/b/x", true),
        ] {
            assert_eq!(Glob::new(pattern.as_bytes()).matches(path.as_bytes()), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_of_many_runs_is_not_slow() {
        let pattern = "*a".repeat(2000);
        assert!(!Glob::new(pattern.as_bytes()).matches("/".repeat(3000).as_bytes()));
    }
}
