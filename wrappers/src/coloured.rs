//! What compilers say to a terminal, and to whoever asks them for colours all the same.

use std::borrow::Cow;

/// A line without the escape sequences that colour it and make links of its parts.
#[must_use]
pub fn plain(line: &[u8]) -> Cow<'_, [u8]> {
    if !line.contains(&0x1b) {
        return Cow::Borrowed(line);
    }
    let mut out = Vec::with_capacity(line.len());
    let mut bytes = line.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != 0x1b {
            out.push(byte);
        } else if bytes.next_if_eq(&b']').is_some() {
            // A link is `ESC ] 8 ; ; address`, ended by BEL or by `ESC \`.
            if bytes.find(|byte| matches!(byte, 7 | 0x1b)) == Some(0x1b) {
                bytes.next();
            }
        } else {
            // A colour is `ESC [ … letter`.
            bytes.find(u8::is_ascii_alphabetic);
        }
    }
    Cow::Owned(out)
}
