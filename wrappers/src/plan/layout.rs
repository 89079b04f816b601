//! The flat file: what stands where. The writer and the reader share this page and nothing else.
//!
//! All numbers are little-endian `u32` words; all offsets count bytes from the start of the file.
//!
//! ```text
//! 0   magic        8 bytes
//! 8   version      word
//! 12  length       word, of the whole file
//! 16  checksum     8 bytes, of all that follows
//! 24  root         ROOT words
//!     …            strings, lists and records, in any order
//! ```
//!
//! A string is two words (offset, length), a list is two words (offset, count). A list of strings is an
//! array of such pairs. An absent string has the offset 0, which no real one can have.

/// First bytes of a plan.
pub const MAGIC: &[u8; 8] = b"crswplan";
/// Version of the layout. A shim and its plan are made together, so any other is refused.
pub const VERSION: u32 = 1;
/// Bytes ahead of the root record.
pub const HEADER: usize = 24;

/// Words of the root record: family, bin, record, scratch (strings), then `env_allow`, tools, options,
/// profiles, probes (lists).
pub const ROOT: usize = 18;
/// Words of a name that `env_allow` holds, sorted: name (string), key.
pub const NAME: usize = 4;
/// Words of a tool: name, real, launcher, machine (strings), role and dialect and flags, profile.
pub const TOOL: usize = 10;
/// Words of an option table: dialect, rows (list).
pub const TABLE: usize = 3;
/// Words of an option row: spelling, form and effect and level and zero (a byte each), parent, key.
pub const ROW: usize = 6;
/// Words of a profile: level, marches, injections, rules (lists), demote (a list of none or one).
pub const PROFILE: usize = 9;
/// Words of a march: name, level.
pub const MARCH: usize = 3;
/// Words of an injection: rule, why (strings), flags (list), slot and probes and unless+1 and zero (a
/// byte each), kinds, languages.
pub const INJECTION: usize = 9;
/// Words of a rule: rule, why, hint, value (strings), with (list), effect and level test and action and
/// probes (a byte each), kinds.
pub const RULE: usize = 12;
/// Words of a demotion: rule, why (strings), flags (list), each (string).
pub const DEMOTE: usize = 8;
/// Words of a probe row: name, why, cwd, input, output (strings), `no_output` and outside (a byte each).
pub const PROBE: usize = 11;

/// The first eight bytes of a text as a number that sorts as they do, so that most steps of a search
/// compare one word and touch no string.
#[must_use]
pub fn key(text: &[u8]) -> u64 {
    let mut first = [0; 8];
    let len = text.len().min(8);
    first[..len].copy_from_slice(&text[..len]);
    u64::from_be_bytes(first)
}

/// No parent, no profile.
pub const NONE: u32 = u32::MAX;

/// Catches a plan that was damaged on disk. It is paid at every call, so it is Fletcher's: a sum of the words
/// and a sum of those sums, which knows their order, in four lanes that are added two at a time.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u64 {
    const LANES: usize = 4;
    let (mut sums, mut sums_of_sums) = ([0u64; LANES], [0u64; LANES]);
    let mut add = |block: &[u8; 8 * LANES]| {
        for (lane, word) in block.as_chunks().0.iter().enumerate() {
            sums[lane] = sums[lane].wrapping_add(u64::from_le_bytes(*word));
            sums_of_sums[lane] = sums_of_sums[lane].wrapping_add(sums[lane]);
        }
    };
    let (blocks, rest) = bytes.as_chunks();
    blocks.iter().for_each(&mut add);
    let mut last = [0; 8 * LANES];
    last[..rest.len()].copy_from_slice(rest);
    add(&last);
    let mix = |h: u64, word: &u64| (h ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    sums.iter().chain(&sums_of_sums).fold(bytes.len() as u64, mix)
}
