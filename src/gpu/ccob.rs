//! Compressed bundles (LLVM, `CompressedOffloadBundle`): `CCOB`, a u16 version, a u16 method, then
//!
//! | version | fields |
//! |---|---|
//! | 1 | u32 size of the bundle, u64 hash of it |
//! | 2 | u32 size of all of this, u32 size of the bundle, u64 hash |
//! | 3 | u64 size of all of this, u64 size of the bundle, u64 hash |
//!
//! and the compressed bundle. Version 1 does not say where it ends; the end of its compressed data does.

use flate2::{Decompress, FlushDecompress, Status};
use object::ReadRef;

use super::bundle::{Head, MOST_HEAD, Method, TOO_LONG, head};
use super::part::{Part, number, u32_at, u64_at};
use super::{Damage, zstd};

/// How it begins.
pub(super) const MAGIC: &[u8] = b"CCOB";

/// Compressed bytes that are read at once.
const PIECE: u64 = 1 << 16;

/// What a compressed bundle says of itself.
pub(super) struct Header {
    pub(super) version: u16,
    pub(super) method: Method,
    /// Bytes of the header.
    length: u64,
    /// Bytes with the header, if it says so.
    total: Option<u64>,
    /// Bytes of the bundle that is compressed.
    size: u64,
}

impl Header {
    /// Reads the header of the bundle at the beginning of `part`.
    pub(super) fn read<'d, R: ReadRef<'d>>(part: Part<R>) -> Result<Self, Damage> {
        let bytes = part.up_to(0, 32)?;
        let damage = |what: String| part.damage(0, what);
        let short = |at| number(bytes, at).map(u16::from_le_bytes);
        let cut = || damage("the header of the compressed bundle is cut short".to_owned());
        let (version, method) = short(4).zip(short(6)).ok_or_else(cut)?;
        let method = match method {
            0 => Method::Zlib,
            1 => Method::Zstd,
            other => return Err(damage(format!("the compressed bundle has the unknown method {other}"))),
        };
        let (length, total, size) = match version {
            1 => (20, None, u32_at(bytes, 8).map(u64::from)),
            2 => (24, u32_at(bytes, 8).map(u64::from), u32_at(bytes, 12).map(u64::from)),
            3 => (32, u64_at(bytes, 8), u64_at(bytes, 16)),
            other => {
                return Err(damage(format!("the compressed bundle has the unknown version {other}")));
            }
        };
        let size = size.filter(|_| bytes.len() as u64 >= length).ok_or_else(cut)?;
        if let Some(total) = total
            && !(length..=part.length()).contains(&total)
        {
            return Err(damage(format!(
                "the compressed bundle says that it has {total} bytes, and there are {}",
                part.length()
            )));
        }
        Ok(Self { version, method, length, total, size })
    }

    /// How many bytes it has, and the list of the bundle.
    pub(super) fn look<'d, R: ReadRef<'d>>(&self, part: Part<R>) -> Result<(u64, Head), Damage> {
        let there = self.total.unwrap_or(part.length());
        let data = part.part(self.length, there - self.length)?;
        let mut inside = Inside { size: self.size, head: None };
        let total = match (self.method, self.total) {
            (Method::Zlib, total) => {
                // Without a total the end must be found, by inflating all of it.
                let end = inflate(data, total.is_none(), &mut inside)?;
                total.or(end.map(|end| self.length + end))
            }
            (Method::Zstd, total) => {
                zstd::beginning(data, |bytes| inside.look(bytes).map_err(|what| data.damage(0, what)))?;
                match total {
                    Some(total) => Some(total),
                    None => Some(self.length + zstd::end(data)?),
                }
            }
        };
        match (total, inside.head) {
            (Some(total), Some(head)) if head.end.max(head.length) <= self.size => Ok((total, head)),
            (Some(_), Some(_)) => Err(part.damage(0, "a code object of the bundle goes beyond its end")),
            _ => Err(part.damage(0, "the data of the compressed bundle are cut short")),
        }
    }
}

/// The bundle that is compressed, as far as it is known.
struct Inside {
    size: u64,
    head: Option<Head>,
}

impl Inside {
    /// Looks at its first bytes. Whether they were enough.
    fn look(&mut self, bytes: &[u8]) -> Result<bool, String> {
        if self.head.is_none() {
            self.head = head(bytes)?;
        }
        match &self.head {
            Some(_) => Ok(true),
            None if bytes.len() as u64 >= self.size => Err("the list of the bundle is cut short".to_owned()),
            None if bytes.len() as u64 >= MOST_HEAD => Err(TOO_LONG.to_owned()),
            None => Ok(false),
        }
    }
}

/// Inflates the beginning of a zlib stream, or all of it; where it ends, if that was reached.
fn inflate<'d, R: ReadRef<'d>>(data: Part<R>, all: bool, inside: &mut Inside) -> Result<Option<u64>, Damage> {
    let damaged = || data.damage(0, "the data of the compressed bundle are damaged");
    let mut inflate = Decompress::new(true);
    let (mut beginning, mut output) = (Vec::new(), vec![0; 1 << 16]);
    let mut known = false;
    loop {
        let input = data.up_to(inflate.total_in(), PIECE)?;
        let before = (inflate.total_in(), inflate.total_out());
        let status = inflate.decompress(input, &mut output, FlushDecompress::None).map_err(|_| damaged())?;
        let gave = usize::try_from(inflate.total_out() - before.1).unwrap_or_default();
        if inflate.total_out() > inside.size {
            return Err(data.damage(0, "the compressed bundle inflates to more than its stated size"));
        }
        if !known {
            beginning.extend_from_slice(&output[..gave]);
            known = inside.look(&beginning).map_err(|what| data.damage(0, what))?;
        }
        if status == Status::StreamEnd {
            return Ok(Some(inflate.total_in()));
        }
        if known && !all {
            return Ok(None);
        }
        if before == (inflate.total_in(), inflate.total_out()) {
            return Err(damaged());
        }
    }
}
