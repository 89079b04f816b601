//! Header blocks as WHEEL and METADATA have them (RFC 822, as Python's `email` reads it): kept line by line, so that
//! what is not changed keeps its bytes, folding and line ends and all.

use std::ops::Range;

/// A header with all its lines, or a line that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its bytes, continuation lines and line ends included.
    raw: Vec<u8>,
    /// Where its name ends; 0 if it is no header.
    colon: usize,
}

impl Header {
    /// `Name: value` with a line end.
    #[must_use]
    pub fn new(name: &str, value: &str, end: &str) -> Self {
        Self { raw: format!("{name}: {value}{end}").into_bytes(), colon: name.len() }
    }

    /// Its name as it is spelled.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.raw[..self.colon]
    }

    /// Whether it has this name, in whichever case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.raw[..self.colon].eq_ignore_ascii_case(name.as_bytes())
    }

    /// Its value without the blanks around it; lines that were folded are joined by their own blanks.
    #[must_use]
    pub fn value(&self) -> String {
        let text = String::from_utf8_lossy(self.raw_value());
        let joined: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        joined.trim_matches([' ', '\t']).to_owned()
    }

    /// Its value as it is stored, with the blanks and line ends around it.
    #[must_use]
    pub fn raw_value(&self) -> &[u8] {
        self.raw.get(self.colon + 1..).unwrap_or_default()
    }

    /// Puts a text in place of a part of the value as it is stored.
    pub fn splice(&mut self, part: Range<usize>, text: &str) {
        let start = self.colon + 1;
        drop(self.raw.splice(start + part.start..start + part.end, text.bytes()));
    }

    /// Its bytes.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }
}

/// A header block and what follows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// The headers.
    pub headers: Vec<Header>,
    /// From the blank line to the end.
    pub rest: Vec<u8>,
}

impl Headers {
    /// Reads it. A line that is neither header, continuation nor blank is told.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut headers: Vec<Header> = Vec::new();
        let mut at = 0;
        for (number, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            if matches!(line, b"\n" | b"\r\n") {
                break;
            }
            at += line.len();
            let folded = line.starts_with(b" ") || line.starts_with(b"\t");
            if let Some(last) = headers.last_mut().filter(|_| folded) {
                if !last.raw.ends_with(b"\n") {
                    return Err(format!("line {}: is no header", number + 1));
                }
                last.raw.extend_from_slice(line);
                continue;
            }
            let colon = line.iter().position(|byte| *byte == b':').unwrap_or(0);
            if colon == 0 || folded || !line[..colon].iter().all(u8::is_ascii_graphic) {
                return Err(format!("line {}: is no header", number + 1));
            }
            headers.push(Header { raw: line.to_vec(), colon });
        }
        Ok(Self { headers, rest: bytes[at..].to_vec() })
    }

    /// Writes it: the same bytes, if nothing was changed.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let mut out: Vec<u8> = self.headers.iter().flat_map(|header| header.raw.iter().copied()).collect();
        out.extend_from_slice(&self.rest);
        out
    }

    /// The values of all headers of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = String> + 'a {
        self.headers.iter().filter(move |header| header.is(name)).map(Header::value)
    }

    /// The line end that the block uses.
    #[must_use]
    pub fn line_end(&self) -> &'static str {
        let crlf = self.headers.first().is_some_and(|header| header.raw.ends_with(b"\r\n"));
        if crlf { "\r\n" } else { "\n" }
    }

    /// Puts a header in. The one before it may have been the last of the file, without its line end.
    pub fn insert(&mut self, at: usize, name: &str, value: &str) {
        let end = self.line_end();
        if let Some(before) = at.checked_sub(1).and_then(|before| self.headers.get_mut(before))
            && !before.raw.ends_with(b"\n")
        {
            before.raw.extend_from_slice(end.as_bytes());
        }
        self.headers.insert(at, Header::new(name, value, end));
    }

    /// Gives the first header of a name another value, if it has another; tells whether there is one of that name.
    pub fn set(&mut self, name: &str, value: &str) -> bool {
        let end = self.line_end();
        let Some(header) = self.headers.iter_mut().find(|header| header.is(name)) else { return false };
        if header.value() != value {
            let spelled = String::from_utf8_lossy(&header.raw[..header.colon]).into_owned();
            *header = Header::new(&spelled, value, end);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn folded_headers_are_one_and_the_body_is_none() {
        let read = Headers::parse(b"Name: a\nSummary: one\n two\nKey:v\n\nBody: b\n").unwrap();
        let values: Vec<_> = read.headers.iter().map(Header::value).collect();
        assert_eq!(values, ["a", "one two", "v"]);
        assert_eq!(read.rest, b"\nBody: b\n");
    }

    #[test]
    fn what_is_no_header_is_told_by_its_line() {
        for (text, line) in [(&b"a: b\nc\n"[..], 2), (b" a: b\n", 1), (b": b\n", 1), (b"a: b\nc d: e\n", 2)] {
            assert_eq!(Headers::parse(text), Err(format!("line {line}: is no header")));
        }
    }

    #[test]
    fn a_changed_value_keeps_the_spelling_of_the_name_and_the_line_end() {
        let mut read = Headers::parse(b"NAME: a\r\nB: c").unwrap();
        assert!(read.set("Name", "x") && !read.set("Other", "x"));
        read.insert(2, "D", "e");
        assert_eq!(read.render(), b"NAME: x\r\nB: c\r\nD: e\r\n");
    }

    proptest! {
        #[test]
        fn what_is_read_is_rendered_to_the_same_bytes(
            text in "([A-Za-z-]{1,5}:[ a-z]{0,5}\r?\n([ \t][a-z]{0,4}\r?\n)?){0,4}(\r?\n.{0,9})?"
        ) {
            let read = Headers::parse(text.as_bytes()).map_err(TestCaseError::fail)?;
            prop_assert_eq!(read.render(), text.as_bytes());
        }
    }
}
