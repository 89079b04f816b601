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
pub const VERSION: u32 = 4;
/// Bytes ahead of the root record.
pub const HEADER: usize = 24;

/// Words of the root record: family, bin, record, scratch (strings), then `env_allow`, tools, options,
/// profiles, probes (lists), `file_limit`.
pub const ROOT: usize = 19;
/// Words of a name that `env_allow` holds, sorted: name (string), key.
pub const NAME: usize = 4;
/// Words of a tool: name, real, launcher, machine (strings), role and dialect and flags, profile, lead, asks (lists).
pub const TOOL: usize = 14;
/// Words of an option table: dialect, rows (list).
pub const TABLE: usize = 3;
/// Words of an option row: spelling, form and effect and level and zero (a byte each), parent, key.
pub const ROW: usize = 6;
/// Words of a profile: level and exports (a byte each), marches, injections, rules (lists), demote (a list of none or
/// one), names of exports (list).
pub const PROFILE: usize = 11;
/// Words of a march: name, level.
pub const MARCH: usize = 3;
/// Words of an injection: rule, why (strings), flags (list), slot and probes and unless+1 and needs+1 (a
/// byte each), kinds, languages, exports.
pub const INJECTION: usize = 10;
/// Words of a rule: rule, why, hint, value (strings), with (list), effect and level test and action and
/// flags (a byte each; 1 probes, 2 pattern, 4 repeated), kinds.
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

/// Catches a plan that was damaged on disk. It is paid at every call, so it is made of additions, two at a time:
/// a sum of the words in four lanes, and, after each block, a sum of those sums, which knows the order of blocks.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u64 {
    const LANES: usize = 4;
    const BLOCK: usize = 256;
    let (mut sums, mut sums_of_sums) = ([0u64; LANES], [0u64; LANES]);
    let mut add = |block: &[u8; BLOCK]| {
        for words in block.as_chunks::<{ 8 * LANES }>().0 {
            for (sum, word) in sums.iter_mut().zip(words.as_chunks().0) {
                *sum = sum.wrapping_add(u64::from_le_bytes(*word));
            }
        }
        for (sum_of_sums, sum) in sums_of_sums.iter_mut().zip(&sums) {
            *sum_of_sums = sum_of_sums.wrapping_add(*sum);
        }
    };
    let (blocks, rest) = bytes.as_chunks();
    blocks.iter().for_each(&mut add);
    let mut last = [0; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    add(&last);
    let mix = |h: u64, word: &u64| (h ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    sums.iter().chain(&sums_of_sums).fold(bytes.len() as u64, mix)
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn a_changed_word_a_lost_page_and_swapped_blocks_change_the_checksum() {
        let whole: Vec<u8> = (0..3000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let sum = checksum(&whole);
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 8);
            assert_ne!(checksum(&damaged), sum, "a bit at {at}");
        }
        for page in 0..whole.len() / 4096 {
            let mut damaged = whole.clone();
            damaged[4096 * page..4096 * (page + 1)].fill(0);
            assert_ne!(checksum(&damaged), sum, "page {page}");
        }
        let mut swapped = whole.clone();
        swapped.copy_within(4096..4608, 512);
        swapped[4096..4608].copy_from_slice(&whole[512..1024]);
        assert_ne!(checksum(&swapped), sum);
        assert_ne!(checksum(&whole[..whole.len() - 1]), sum);
    }
}
