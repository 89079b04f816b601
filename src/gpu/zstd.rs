//! The beginning and the end of a Zstandard frame (RFC 8878), without decoding what is between. A frame is a header, blocks
//! of 128 KiB at the most when decoded, and perhaps a checksum. Its beginning is decoded as a frame of its own: with the
//! first blocks only, the last of which is marked so, and with a header that asks for a window no larger than they are.
//! So a frame that asks for gigabytes costs no more than what is looked at.

use std::io::Read;

use object::ReadRef;
use ruzstd::decoding::StreamingDecoder;

use super::Damage;
use super::part::{Part, u32_at};

const MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// The largest block when decoded (RFC 8878, 3.1.1.2.4).
const MOST_BLOCK: u64 = 128 << 10;
/// The window of our own header, and what is decoded at the most.
const MOST_DECODED: u64 = 2 << 20;

/// Where blocks begin, and whether a checksum follows them.
struct Header {
    length: u64,
    checksum: bool,
}

/// A block (RFC 8878, 3.1.1.2).
struct Block {
    last: bool,
    /// Bytes with its header of three.
    length: u64,
}

const CUT: &str = "the data of the compressed bundle are cut short";

/// Reads the header of a frame (RFC 8878, 3.1.1.1).
fn header<'d, R: ReadRef<'d>>(data: Part<R>) -> Result<Header, Damage> {
    let bytes = data.up_to(0, 5)?;
    if !bytes.starts_with(MAGIC) {
        return Err(data.damage(0, "is no Zstandard frame, though the bundle says so"));
    }
    let Some(descriptor) = bytes.get(4) else { return Err(data.damage(0, CUT)) };
    let single = descriptor & 1 << 5 != 0;
    if descriptor & 1 << 3 != 0 {
        return Err(data.damage(4, "the Zstandard frame sets a reserved bit"));
    }
    if descriptor & 3 != 0 {
        return Err(data.damage(4, "the Zstandard frame asks for a dictionary"));
    }
    let size = match descriptor >> 6 {
        0 => u64::from(single),
        field => 1 << field,
    };
    let length = 5 + u64::from(!single) + size;
    Ok(Header { length, checksum: descriptor & 1 << 2 != 0 })
}

fn block<'d, R: ReadRef<'d>>(data: Part<R>, at: u64) -> Result<Block, Damage> {
    let [a, b, c] = *data.up_to(at, 3)? else { return Err(data.damage(at, CUT)) };
    let bits = u32_at(&[a, b, c, 0], 0).unwrap_or_default();
    let size = u64::from(bits >> 3);
    let content = match bits >> 1 & 3 {
        0 | 2 => size,
        1 => 1,
        _ => return Err(data.damage(at, "the Zstandard frame has a block of the reserved type")),
    };
    if size > MOST_BLOCK {
        return Err(data.damage(at, "the Zstandard frame has a block larger than blocks may be"));
    }
    Ok(Block { last: bits & 1 != 0, length: 3 + content })
}

/// Where the frame ends.
pub(super) fn end<'d, R: ReadRef<'d>>(data: Part<R>) -> Result<u64, Damage> {
    let header = header(data)?;
    let mut at = header.length;
    loop {
        let block = block(data, at)?;
        at += block.length;
        if block.last {
            break;
        }
    }
    if header.checksum {
        at += 4;
    }
    if at > data.length() { Err(data.damage(0, CUT)) } else { Ok(at) }
}

/// Gives the beginning of the content to `look`, longer and longer, until it is enough or all.
pub(super) fn beginning<'d, R: ReadRef<'d>>(
    data: Part<R>,
    mut look: impl FnMut(&[u8]) -> Result<bool, Damage>,
) -> Result<(), Damage> {
    let mut at = header(data)?.length;
    // No content size, no checksum, a window of 2 MiB: 1 KiB shifted by 11 (RFC 8878, 3.1.1.1.2).
    let mut frame = [MAGIC, &[0, 11 << 3]].concat();
    let mut blocks = 0;
    loop {
        // One block, then twice as many each time: nearly always one is enough.
        let goal = blocks * 2 + 1;
        let mut last = false;
        let mut marked = frame.len();
        while blocks < goal && !last {
            let block = block(data, at)?;
            marked = frame.len();
            frame.extend_from_slice(data.read(at, block.length)?);
            frame[marked] &= !1;
            at += block.length;
            last = block.last;
            blocks += 1;
        }
        frame[marked] |= 1;
        let mut content = Vec::new();
        StreamingDecoder::new(&frame[..])
            .ok()
            .and_then(|decoder| decoder.take(MOST_DECODED).read_to_end(&mut content).ok())
            .ok_or_else(|| data.damage(0, "the data of the compressed bundle are damaged"))?;
        if look(&content)? || last {
            return Ok(());
        }
        if blocks * MOST_BLOCK >= MOST_DECODED {
            return Err(data.damage(0, super::bundle::TOO_LONG));
        }
        frame[marked] &= !1;
    }
}
