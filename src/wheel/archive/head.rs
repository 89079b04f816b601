//! The first bytes of an entry, which tell what it is, without the rest.

use flate2::{Decompress, FlushDecompress, Status};

use super::directory::{DEFLATED, STORED};
use super::{Archive, Entry, Source};
use crate::wheel::finding::{Code, Finding};

/// Compressed bytes that are read at once: enough for the tables of a block, and for the first bytes behind them.
const PIECE: u64 = 1 << 10;

impl<S: Source> Archive<S> {
    /// The first bytes of an entry: `most` of them, or all. They are not held against the checksum.
    pub fn head(&self, entry: &Entry, most: usize) -> Result<Vec<u8>, Finding> {
        let name = self.name(entry);
        let damaged = || Finding::of(Code::DamagedData, name, "has damaged data");
        let wanted = usize::try_from(entry.size).unwrap_or(usize::MAX).min(most);
        let read = |from: u64, length: u64| {
            let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
            let read = self.source.read_at(&mut bytes, entry.data() + from);
            read.map(|()| bytes)
                .map_err(|error| Finding::of(Code::DamagedData, name, format!("cannot be read: {error}")))
        };
        match entry.method {
            STORED => return read(0, (wanted as u64).min(entry.compressed)),
            DEFLATED => {}
            _ => return Err(Finding::of(Code::Method, name, "is neither stored nor deflated")),
        }
        let mut inflate = Decompress::new(false);
        let mut out = vec![0; wanted];
        let mut filled = 0;
        while filled < wanted {
            let (taken, given) = (inflate.total_in(), inflate.total_out());
            let input = read(taken, (entry.compressed - taken).min(PIECE))?;
            let status = inflate.decompress(&input, &mut out[filled..], FlushDecompress::None);
            let status = status.map_err(|_| damaged())?;
            filled = usize::try_from(inflate.total_out()).unwrap_or_default();
            if filled < wanted
                && (status == Status::StreamEnd
                    || (taken, given) == (inflate.total_in(), inflate.total_out()))
            {
                return Err(damaged());
            }
        }
        Ok(out)
    }
}
