//! The content of an entry: inflated piece by piece, never beyond its stated size, and held against its checksum.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::directory::{STORED, TWO_SIZES};
use super::{Archive, Entry, Source};
use crate::wheel::finding::{Code, Finding};

/// Bytes that are read or inflated at once: both buffers stay in the cache of one core.
pub const PIECE: usize = 1 << 17;

/// What inflating needs, to be used for one entry after the other: some 300 KiB.
pub struct Inflater {
    input: Vec<u8>,
    output: Vec<u8>,
    state: Decompress,
}

impl Inflater {
    /// Buffers for one thread.
    #[must_use]
    pub fn new() -> Self {
        Self { input: vec![0; PIECE], output: vec![0; PIECE], state: Decompress::new(false) }
    }
}

impl Default for Inflater {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Source> Archive<S> {
    /// Gives the content of an entry to `take`, piece by piece.
    pub fn stream(&self, entry: &Entry, mut take: impl FnMut(&[u8])) -> Result<(), Finding> {
        self.hand_over(entry, &mut Inflater::new(), |buffer, length| take(&buffer[..length]))
    }

    /// Gives the content of an entry to `take` in the first bytes of a buffer, which may be kept if another one of
    /// [`PIECE`] bytes is left in its place.
    pub fn hand_over(
        &self,
        entry: &Entry,
        inflater: &mut Inflater,
        mut take: impl FnMut(&mut Vec<u8>, usize),
    ) -> Result<(), Finding> {
        let mut crc = Crc::new();
        let mut hand = |buffer: &mut Vec<u8>, length: usize| {
            crc.update(&buffer[..length]);
            take(buffer, length);
        };
        let mut data = Data { archive: self, entry, at: entry.data(), left: entry.compressed };
        if entry.method == STORED {
            // Else more would be given than the size says, by which callers know how much they can hold.
            if entry.compressed != entry.size {
                return Err(Finding::of(Code::BadDirectory, self.name(entry), TWO_SIZES));
            }
            loop {
                let length = data.next(&mut inflater.output)?;
                if length == 0 {
                    break;
                }
                hand(&mut inflater.output, length);
            }
        } else {
            inflate(&mut data, inflater, hand)?;
        }
        if crc.sum() != entry.crc {
            return Err(Finding::of(
                Code::CrcMismatch,
                self.name(entry),
                "has another checksum than it states",
            ));
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

/// The data of an entry, as they lie in the archive.
struct Data<'a, S> {
    archive: &'a Archive<S>,
    entry: &'a Entry,
    at: u64,
    left: u64,
}

impl<S: Source> Data<'_, S> {
    fn damaged(&self, what: &str) -> Finding {
        Finding::of(Code::DamagedData, self.archive.name(self.entry), what)
    }

    /// Reads the next bytes to the beginning of `buffer`; how many, 0 at the end.
    fn next(&mut self, buffer: &mut [u8]) -> Result<usize, Finding> {
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.archive.source.read_at(&mut buffer[..length], self.at);
        read.map_err(|error| self.damaged(&format!("cannot be read: {error}")))?;
        self.at += length as u64;
        self.left -= length as u64;
        Ok(length)
    }
}

fn inflate<S: Source>(
    data: &mut Data<'_, S>,
    inflater: &mut Inflater,
    mut hand: impl FnMut(&mut Vec<u8>, usize),
) -> Result<(), Finding> {
    let Inflater { input, output, state } = inflater;
    let entry = data.entry;
    state.reset(false);
    let (mut used, mut there, mut filled) = (0, 0, 0);
    loop {
        if used == there {
            there = data.next(input)?;
            used = 0;
        }
        let before = (state.total_in(), state.total_out());
        let status = state
            .decompress(&input[used..there], &mut output[filled..], FlushDecompress::None)
            .map_err(|_| data.damaged("has damaged data"))?;
        let took = usize::try_from(state.total_in() - before.0).unwrap_or_default();
        let gave = usize::try_from(state.total_out() - before.1).unwrap_or_default();
        used += took;
        filled += gave;
        if state.total_out() > entry.size {
            let name = data.archive.name(entry);
            return Err(Finding::of(Code::Bomb, name, "inflates to more than its stated size"));
        }
        let ended = status == Status::StreamEnd;
        if ended || filled == output.len() {
            hand(output, filled);
            filled = 0;
        }
        if ended {
            break;
        }
        if took == 0 && gave == 0 {
            let cut = used == there && data.left == 0;
            return Err(data.damaged(if cut { "has data that are cut short" } else { "has damaged data" }));
        }
    }
    if state.total_in() != entry.compressed {
        return Err(data.damaged("has bytes behind its compressed data"));
    }
    if state.total_out() != entry.size {
        return Err(data.damaged("inflates to less than its stated size"));
    }
    Ok(())
}
