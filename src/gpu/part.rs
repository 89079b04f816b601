//! A part of a file: reads are held within it, and what fails says where in the file.

use object::ReadRef;

use super::Damage;

/// So many bytes of a file, from one byte on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<R> {
    data: R,
    start: u64,
    length: u64,
}

impl<'d, R: ReadRef<'d>> Part<R> {
    /// All of a file.
    pub(super) fn whole(data: R) -> Result<Self, Damage> {
        let length = data.len().map_err(|()| Damage { at: 0, what: "cannot be read".to_owned() })?;
        Ok(Self { data, start: 0, length })
    }

    /// A part of this part.
    pub(super) fn part(self, at: u64, length: u64) -> Result<Self, Damage> {
        if at.checked_add(length).is_none_or(|end| end > self.length) {
            return Err(self.damage(at, "goes beyond the end of what it is in"));
        }
        Ok(Self { data: self.data, start: self.start + at, length })
    }

    pub(super) fn length(self) -> u64 {
        self.length
    }

    /// The file that it is a part of.
    pub(super) fn data(self) -> R {
        self.data
    }

    /// Bytes of it.
    pub(super) fn read(self, at: u64, length: u64) -> Result<&'d [u8], Damage> {
        let part = self.part(at, length)?;
        self.data.read_bytes_at(part.start, length).map_err(|()| self.damage(at, "cannot be read"))
    }

    /// So many bytes of it, or those up to its end.
    pub(super) fn up_to(self, at: u64, length: u64) -> Result<&'d [u8], Damage> {
        self.read(at, length.min(self.length.saturating_sub(at)))
    }

    /// What is wrong at a byte of it.
    pub(super) fn damage(self, at: u64, what: impl Into<String>) -> Damage {
        Damage { at: self.start.saturating_add(at), what: what.into() }
    }
}

/// A little-endian number.
pub(super) fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    number(bytes, at).map(u32::from_le_bytes)
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    number(bytes, at).map(u64::from_le_bytes)
}
