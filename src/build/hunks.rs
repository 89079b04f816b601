//! Applies the hunks of one file's patch: exactly, in order, at the nearest place.
//!
//! A hunk may have moved (an offset), but every line that it names must be there: there is no fuzz, because a patch
//! that almost fits changes what nobody looked at. A hunk that does not fit says which line it missed.

use diffy::{Hunk, Line};

/// Why a hunk does not apply.
#[derive(Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Number of the hunk, from 1.
    pub hunk: usize,
    /// How many hunks there are for the file.
    pub of: usize,
    /// Line of the file that the hunk names, from 1.
    pub line: usize,
    /// The first line that is not as the patch wants it there: number, wanted, found (`None`: the file has ended).
    pub differs: Option<(usize, String, Option<String>)>,
}

/// The file after all hunks.
pub fn apply(base: &[u8], hunks: &[Hunk<'_, [u8]>]) -> Result<Vec<u8>, Misfit> {
    let image: Vec<&[u8]> = base.split_inclusive(|byte| *byte == b'\n').collect();
    let mut patched = Vec::with_capacity(base.len());
    // Lines of the image that are already in `patched`, and how far the last hunk had moved.
    let (mut done, mut moved) = (0_usize, 0_isize);
    for (index, hunk) in hunks.iter().enumerate() {
        let old: Vec<&[u8]> = hunk
            .lines()
            .iter()
            .filter_map(|line| match line {
                Line::Context(text) | Line::Delete(text) => Some(*text),
                Line::Insert(_) => None,
            })
            .collect();
        // An empty range (`-3,0`) names the line after which it inserts, any other its first line.
        let start = hunk.old_range().start();
        let named = if hunk.old_range().is_empty() { start } else { start.saturating_sub(1) };
        let expected = named.saturating_add_signed(moved).max(done);
        let ends = anchors(hunk);
        let Some(place) = find(&image, &old, done, expected, ends) else {
            let at = expected.min(image.len());
            let differs = old.iter().enumerate().find_map(|(i, wanted)| {
                let found = image.get(at + i).copied();
                (found != Some(*wanted)).then(|| (at + i + 1, shown(wanted), found.map(shown)))
            });
            return Err(Misfit { hunk: index + 1, of: hunks.len(), line: named + 1, differs });
        };
        image[done..place].iter().for_each(|line| patched.extend_from_slice(line));
        for line in hunk.lines() {
            if let Line::Context(text) | Line::Insert(text) = line {
                patched.extend_from_slice(text);
            }
        }
        done = place + old.len();
        moved = place.cast_signed() - named.cast_signed();
    }
    image[done..].iter().for_each(|line| patched.extend_from_slice(line));
    Ok(patched)
}

/// Whether a hunk belongs at the very start or end of its file: it has less context there than on its other side.
fn anchors(hunk: &Hunk<'_, [u8]>) -> (bool, bool) {
    let context = |line: &&Line<'_, [u8]>| matches!(line, Line::Context(_));
    let before = hunk.lines().iter().take_while(context).count();
    let after = hunk.lines().iter().rev().take_while(context).count();
    (before < after && hunk.old_range().start() <= 1, after < before)
}

/// The place nearest to `expected`, not before `from`, where the lines stand. A hunk with less context behind than
/// before (at the end of a file) must end where the file does.
fn find(
    image: &[&[u8]],
    old: &[&[u8]],
    from: usize,
    expected: usize,
    (at_start, at_end): (bool, bool),
) -> Option<usize> {
    let last = image.len().checked_sub(old.len())?;
    let fits = |place: usize| image[place..place + old.len()] == *old;
    if old.is_empty() {
        // Nothing to look for: a file that is empty, or a place that cannot be checked.
        return (expected <= image.len() && expected >= from).then_some(expected);
    }
    if at_start {
        return (from == 0 && fits(0)).then_some(0);
    }
    if at_end {
        return (last >= from && fits(last)).then_some(last);
    }
    (from..=last).filter(|place| fits(*place)).min_by_key(|place| place.abs_diff(expected))
}

fn shown(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim_end_matches(['\n', '\r']).to_owned()
}
