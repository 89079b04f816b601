//! How an entry is packed: what its headers say beyond its name and its content, as texts that can be compared and
//! shown. Numbers of an entry that follow from its place or its content are left out.

use super::directory::{DEFLATED, STORED};
use super::{Archive, Entry, Source, ZIP64, extras, local, u16_at, u32_at};
use crate::hex;
use crate::wheel::finding::Finding;

/// The bits of a Unix mode that give rights.
const RIGHTS: u32 = 0o7777;

impl<S: Source> Archive<S> {
    /// What the headers of an entry say, field by field: name and text. Two entries have the same fields in the same
    /// order.
    pub fn packing(&self, entry: &Entry) -> Result<[(&'static str, String); 12], Finding> {
        let head = entry.header(&self.directory);
        let variable = super::directory::LENGTH + usize::from(entry.name_length);
        let comment = &head[variable + usize::from(entry.extra_length)..];
        let mut own = vec![0; entry.local_length as usize];
        super::read(&self.source, &mut own, entry.offset)?;
        let own_extra = own.get(local::LENGTH + usize::from(entry.name_length)..).unwrap_or_default();
        let half = |bytes: &[u8], at| u16_at(bytes, at).unwrap_or_default();
        let date = |bytes: &[u8], at| date(half(bytes, at), half(bytes, at + 2));
        let external = u32_at(head, 38).unwrap_or_default();
        // What the local header says once more, and nobody holds against the directory.
        let again = (half(head, 6) != half(&own, 4)).then(|| version(half(&own, 4)));
        let again = again.into_iter().chain((date(head, 12) != date(&own, 10)).then(|| date(&own, 10)));
        Ok([
            ("compression", method(entry.method)),
            ("date", date(head, 12)),
            ("mode", if entry.mode() == 0 { "none".to_owned() } else { mode(entry.mode()) }),
            ("flags", format!("{:#06x}", entry.flags)),
            ("made by", format!("{} on system {}", version(half(head, 4) & 0xff), half(head, 4) >> 8)),
            ("needs", version(half(head, 6))),
            ("DOS attributes", format!("{:#06x}", external & 0xffff)),
            ("internal attributes", format!("{:#06x}", half(head, 36))),
            ("extra fields", fields(entry.extra(&self.directory))),
            ("local extra fields", fields(own_extra)),
            ("comment", String::from_utf8_lossy(comment).into_owned()),
            ("local header", again.collect::<Vec<_>>().join(", ")),
        ])
    }

    /// The comment of the archive.
    #[must_use]
    pub fn comment(&self) -> &[u8] {
        &self.comment
    }

    /// The entries in the order of their data.
    #[must_use]
    pub fn by_place(&self) -> Vec<&Entry> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by_key(|entry| entry.offset);
        entries
    }
}

impl Entry {
    /// Whether the mode lets somebody execute it.
    #[must_use]
    pub fn is_executable(&self) -> bool {
        self.mode() & 0o111 != 0
    }
}

/// A compression method (APPNOTE 4.4.5).
fn method(number: u16) -> String {
    match number {
        STORED => "stored".to_owned(),
        DEFLATED => "deflated".to_owned(),
        other => format!("method {other}"),
    }
}

/// A mode as `chmod` takes it; with the type of the file, if that is not a plain one.
fn mode(mode: u32) -> String {
    match mode & !RIGHTS {
        0o100_000 => format!("{:04o}", mode & RIGHTS),
        _ => format!("{mode:06o}"),
    }
}

/// A version of the format.
fn version(number: u16) -> String {
    format!("{}.{}", number / 10, number % 10)
}

/// A date of MS-DOS (APPNOTE 4.4.6), whatever is in it.
fn date(time: u16, date: u16) -> String {
    format!(
        "{}-{:02}-{:02} {:02}:{:02}:{:02}",
        1980 + (date >> 9),
        date >> 5 & 15,
        date & 31,
        time >> 11,
        time >> 5 & 63,
        (time & 31) * 2
    )
}

/// Extra fields by their header and content. Of ZIP64 it only counts that it is there, since the rest follows from sizes
/// and place.
fn fields(area: &[u8]) -> String {
    let field = |field: Result<(u16, &[u8]), ()>| match field {
        Ok((ZIP64, _)) => "zip64".to_owned(),
        Ok((header, content)) => format!("{header:04x}:{}", hex::digits(content)),
        Err(()) => "damaged".to_owned(),
    };
    extras(area).map(field).collect::<Vec<_>>().join(" ")
}
