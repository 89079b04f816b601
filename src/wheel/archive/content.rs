//! The content of an entry: inflated piece by piece, never beyond its stated size, and held against its checksum.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::directory::STORED;
use super::{Archive, Entry, Source};
use crate::wheel::finding::{Code, Finding};

/// Bytes that are read or inflated at once.
const PIECE: usize = 1 << 18;

impl<S: Source> Archive<S> {
    /// Gives the content of an entry to `take`, piece by piece.
    pub fn stream(&self, entry: &Entry, mut take: impl FnMut(&[u8])) -> Result<(), Finding> {
        let name = self.name(entry);
        let damaged = |what: &str| Finding::of(Code::DamagedData, name, what);
        let mut crc = Crc::new();
        let (mut at, mut left) = (entry.data(), entry.compressed);
        let mut next = |buffer: &mut Vec<u8>| -> Result<(), Finding> {
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE);
            buffer.resize(length, 0);
            self.source.read_at(buffer, at).map_err(|error| damaged(&format!("cannot be read: {error}")))?;
            at += length as u64;
            left -= length as u64;
            Ok(())
        };
        let mut input = Vec::new();
        if entry.method == STORED {
            loop {
                next(&mut input)?;
                if input.is_empty() {
                    break;
                }
                crc.update(&input);
                take(&input);
            }
        } else {
            let mut inflate = Decompress::new(false);
            let mut output = vec![0; PIECE];
            let mut used = 0;
            loop {
                if used == input.len() {
                    next(&mut input)?;
                    used = 0;
                }
                let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
                let status = inflate
                    .decompress(&input[used..], &mut output, FlushDecompress::None)
                    .map_err(|_| damaged("has damaged data"))?;
                let took = usize::try_from(inflate.total_in() - before_in).unwrap_or_default();
                let gave = usize::try_from(inflate.total_out() - before_out).unwrap_or_default();
                used += took;
                if inflate.total_out() > entry.size {
                    return Err(Finding::of(Code::Bomb, name, "inflates to more than its stated size"));
                }
                crc.update(&output[..gave]);
                take(&output[..gave]);
                match status {
                    Status::StreamEnd => break,
                    _ if took == 0
                        && gave == 0
                        && used == input.len()
                        && inflate.total_in() == entry.compressed =>
                    {
                        return Err(damaged("has data that are cut short"));
                    }
                    _ if took == 0 && gave == 0 && used < input.len() => {
                        return Err(damaged("has damaged data"));
                    }
                    _ => {}
                }
            }
            if inflate.total_in() != entry.compressed {
                return Err(damaged("has bytes behind its compressed data"));
            }
            if inflate.total_out() != entry.size {
                return Err(damaged("inflates to less than its stated size"));
            }
        }
        if crc.sum() != entry.crc {
            return Err(Finding::of(Code::CrcMismatch, name, "has another checksum than it states"));
        }
        Ok(())
    }

    /// The whole content of an entry of no more than `most` bytes.
    pub fn content(&self, entry: &Entry, most: u64) -> Result<Vec<u8>, Finding> {
        if entry.size > most {
            let what = format!("has {} bytes, and {most} are the most here", entry.size);
            return Err(Finding::of(Code::TooLarge, self.name(entry), what));
        }
        let mut out = Vec::new();
        self.stream(entry, |piece| out.extend_from_slice(piece))?;
        Ok(out)
    }
}
