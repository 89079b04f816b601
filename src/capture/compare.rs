//! Two builds held against each other: which calls appeared, vanished or changed. A call is known by its kind and
//! what it makes, as seen from the root of its build; where there are several of one name, by what goes in, then by
//! their order. The random parts of temporary names are the same in both.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use crosswheel_shim::plan::Kind;

use super::detail::Detail;
use super::log::{Call, Log};
use super::text::Text;
use crate::error::Result;

/// What differs between two builds.
#[derive(Debug, Default)]
pub struct Comparison<'l> {
    /// The folder that names are seen from, in each.
    pub roots: [PathBuf; 2],
    /// Calls that only the second build made.
    pub appeared: Vec<&'l Call>,
    /// Calls that only the first build made.
    pub vanished: Vec<&'l Call>,
    /// Calls that both made, in different ways.
    pub changed: Vec<Changed<'l>>,
    /// Calls that are the same in both.
    pub same: usize,
}

impl Comparison<'_> {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.appeared.is_empty() && self.vanished.is_empty() && self.changed.is_empty()
    }
}

impl Comparison<'_> {
    /// A file of the first build (0) or the second (1) as seen from its root.
    #[must_use]
    pub fn shown(&self, side: usize, call: &Call, named: &Text) -> Text {
        let path = call.resolve(named);
        let seen = path.strip_prefix(&self.roots[side]).unwrap_or(&path);
        if named.bytes() == b"-" { named.clone() } else { Text::from(seen.as_os_str().as_encoded_bytes()) }
    }
}

/// A call that both builds made.
#[derive(Debug)]
pub struct Changed<'l> {
    /// In the first build.
    pub before: &'l Call,
    /// In the second.
    pub after: &'l Call,
    /// How the arguments given differ.
    pub given: Words,
    /// How the arguments run differ.
    pub ran: Words,
    /// Whether one ended well and the other did not.
    pub outcome: bool,
}

/// Arguments of one side only, with the temporary and the root taken out of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Words {
    /// Of the first build only.
    pub removed: Vec<Text>,
    /// Of the second build only.
    pub added: Vec<Text>,
}

impl Words {
    fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty()
    }
}

/// What a call is known by.
type Key = (Kind, Vec<Text>);

/// Holds two builds against each other; probes only if they are asked for.
pub fn compare<'l>(before: &'l Log, after: &'l Log, probes: bool) -> Result<Comparison<'l>> {
    let wanted = |log: &'l Log| {
        let nested = log.nested();
        let wanted = |call: &&Call| (probes || call.probe.is_none()) && !nested.contains(call.id.as_str());
        log.calls.iter().filter(wanted).collect::<Vec<_>>()
    };
    let (one, two) = (wanted(before), wanted(after));
    let roots = roots(&one, &two);
    let sides = [Side { log: before, root: &roots[0] }, Side { log: after, root: &roots[1] }];
    let mut groups: BTreeMap<Key, [Vec<&Call>; 2]> = BTreeMap::new();
    for (side, calls) in [(0, one), (1, two)] {
        for call in calls {
            groups.entry(sides[side].key(call)?).or_default()[side].push(call);
        }
    }
    let mut found = Comparison::default();
    for [one, two] in groups.into_values() {
        for pair in pairs(one, two, &sides) {
            match pair {
                (Some(before), Some(after)) => match change(before, after, &sides)? {
                    Some(changed) => found.changed.push(changed),
                    None => found.same += 1,
                },
                (Some(before), None) => found.vanished.push(before),
                (None, Some(after)) => found.appeared.push(after),
                (None, None) => {}
            }
        }
    }
    found.appeared.sort_by(|a, b| (a.start, &a.id).cmp(&(b.start, &b.id)));
    found.vanished.sort_by(|a, b| (a.start, &a.id).cmp(&(b.start, &b.id)));
    found.changed.sort_by(|a, b| (a.before.start, &a.before.id).cmp(&(b.before.start, &b.before.id)));
    found.roots = roots;
    Ok(found)
}

/// One of the two builds.
struct Side<'l> {
    log: &'l Log,
    root: &'l Path,
}

impl Side<'_> {
    /// A file as seen from the root, the random taken out.
    fn name(&self, call: &Call, named: &Text) -> Text {
        let path = call.resolve(named);
        let seen = path.strip_prefix(self.root).unwrap_or(&path);
        normal(seen.as_os_str().as_encoded_bytes())
    }

    fn key(&self, call: &Call) -> Result<Key> {
        let names = |files: &[Text]| files.iter().map(|file| self.name(call, file)).collect::<Vec<_>>();
        let makes = call.outputs.iter().any(|output| output.bytes() != b"-");
        Ok((
            call.kind,
            if makes {
                names(&call.outputs)
            } else if call.inputs.is_empty() {
                self.words(self.log.detail(call)?.given())
            } else {
                names(&call.inputs)
            },
        ))
    }

    /// Arguments without what differs between any two builds.
    fn words(&self, args: &[Text]) -> Vec<Text> {
        let root = self.root.as_os_str().as_encoded_bytes();
        args.iter().map(|arg| normal(&replaced(arg.bytes(), root))).collect()
    }
}

/// Calls of one name in both builds, two by two: those with the same inputs first, the others in their order.
fn pairs<'l>(
    one: Vec<&'l Call>,
    two: Vec<&'l Call>,
    sides: &[Side<'_>; 2],
) -> Vec<(Option<&'l Call>, Option<&'l Call>)> {
    if let ([before], [after]) = (one.as_slice(), two.as_slice()) {
        return vec![(Some(before), Some(after))];
    }
    let inputs = |side: usize, call: &Call| {
        call.inputs.iter().map(|file| sides[side].name(call, file)).collect::<Vec<_>>()
    };
    let mut by_inputs: HashMap<Vec<Text>, std::collections::VecDeque<usize>> = HashMap::new();
    for (at, call) in two.iter().enumerate() {
        by_inputs.entry(inputs(1, call)).or_default().push_back(at);
    }
    let mut taken = BTreeSet::new();
    let mut out = Vec::new();
    let mut alone = Vec::new();
    for call in one {
        match by_inputs.get_mut(&inputs(0, call)).and_then(std::collections::VecDeque::pop_front) {
            Some(at) => {
                taken.insert(at);
                out.push((Some(call), Some(two[at])));
            }
            None => alone.push(call),
        }
    }
    let mut others = two.into_iter().enumerate().filter(|(at, _)| !taken.contains(at)).map(|(_, call)| call);
    for call in alone {
        out.push((Some(call), others.next()));
    }
    out.extend(others.map(|call| (None, Some(call))));
    out
}

fn change<'l>(before: &'l Call, after: &'l Call, sides: &[Side<'_>; 2]) -> Result<Option<Changed<'l>>> {
    let details = [sides[0].log.detail(before)?, sides[1].log.detail(after)?];
    let words = |args: fn(&Detail) -> &[Text]| {
        let [one, two] =
            [0, 1].map(|side| sides[side].words(args(&details[side]).get(1..).unwrap_or_default()));
        difference(&one, &two)
    };
    let (given, ran) = (words(Detail::given), words(ran));
    let outcome = before.outcome() != after.outcome();
    let tool = before.tool != after.tool;
    let same = given.is_empty() && ran.is_empty() && !outcome && !tool;
    Ok((!same).then_some(Changed { before, after, given, ran, outcome }))
}

/// What ran, response files read in where that is known.
fn ran(detail: &Detail) -> &[Text] {
    detail.run.as_deref().unwrap_or_else(|| detail.given())
}

/// Lines longer than this are held against each other without regard to order: as bags.
const LONG: usize = 2000;

/// What only one of two lists has, by a longest common subsequence.
fn difference(one: &[Text], two: &[Text]) -> Words {
    let front = one.iter().zip(two).take_while(|(a, b)| a == b).count();
    let (one, two) = (&one[front..], &two[front..]);
    let back = one.iter().rev().zip(two.iter().rev()).take_while(|(a, b)| a == b).count();
    let (one, two) = (&one[..one.len() - back], &two[..two.len() - back]);
    if one.len() > LONG || two.len() > LONG {
        return bags(one, two);
    }
    // `longest[i][j]`: of what is left from `i` and `j`.
    let width = two.len() + 1;
    let mut longest = vec![0_u16; (one.len() + 1) * width];
    for i in (0..one.len()).rev() {
        for j in (0..two.len()).rev() {
            longest[i * width + j] = if one[i] == two[j] {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let mut words = Words::default();
    let (mut i, mut j) = (0, 0);
    while i < one.len() && j < two.len() {
        if one[i] == two[j] {
            (i, j) = (i + 1, j + 1);
        } else if longest[(i + 1) * width + j] >= longest[i * width + j + 1] {
            words.removed.push(one[i].clone());
            i += 1;
        } else {
            words.added.push(two[j].clone());
            j += 1;
        }
    }
    words.removed.extend_from_slice(&one[i..]);
    words.added.extend_from_slice(&two[j..]);
    words
}

fn bags(one: &[Text], two: &[Text]) -> Words {
    let mut counts: HashMap<&Text, isize> = HashMap::new();
    for (list, sign) in [(one, 1), (two, -1)] {
        for word in list {
            *counts.entry(word).or_default() += sign;
        }
    }
    let only = |list: &[Text], sign: isize| {
        let mut left = counts.clone();
        let takes = |word: &&Text| {
            let count = left.get_mut(*word);
            count.is_some_and(|count| {
                let takes = *count * sign > 0;
                *count -= if takes { sign } else { 0 };
                takes
            })
        };
        list.iter().filter(takes).cloned().collect::<Vec<_>>()
    };
    Words { removed: only(one, 1), added: only(two, -1) }
}

/// The folders that names are seen from: the pair under which most working folders of one build are those of the other,
/// and of those the deepest.
fn roots(one: &[&Call], two: &[&Call]) -> [PathBuf; 2] {
    let folders = |calls: &[&Call]| {
        let folders = calls
            .iter()
            .filter(|call| call.makes() && call.probe.is_none())
            .filter_map(|call| call.cwd.as_ref());
        folders.map(|folder| folder.path().to_owned()).collect::<BTreeSet<PathBuf>>()
    };
    let (one, two) = (folders(one), folders(two));
    let above = |folders: &BTreeSet<PathBuf>| {
        let common = folders.iter().cloned().reduce(|a, b| {
            a.components().zip(b.components()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
        });
        let common = common.unwrap_or_else(|| PathBuf::from("/"));
        common.ancestors().map(Path::to_owned).collect::<Vec<_>>()
    };
    let mut best = (0, 0, [PathBuf::from("/"), PathBuf::from("/")]);
    for first in above(&one) {
        let seen: BTreeSet<Text> =
            one.iter().filter_map(|folder| folder.strip_prefix(&first).ok()).map(normal_path).collect();
        for second in above(&two) {
            let score = two
                .iter()
                .filter_map(|folder| folder.strip_prefix(&second).ok())
                .filter(|folder| seen.contains(&normal_path(folder)))
                .count();
            let depth = first.components().count() + second.components().count();
            if (score, depth) > (best.0, best.1) {
                best = (score, depth, [first.clone(), second]);
            }
        }
    }
    apart(best.2)
}

/// The same folders, without the part in which they are alike: a build in `/w/one/build` has its sources in `/w/one`. Two
/// builds of one place stay where they are.
fn apart(roots: [PathBuf; 2]) -> [PathBuf; 2] {
    let [mut one, mut two] = roots.clone();
    while let (Some(a), Some(b)) = (one.file_name(), two.file_name()) {
        if a != b {
            return [one, two];
        }
        one.pop();
        two.pop();
    }
    if one == two { roots } else { [one, two] }
}

fn normal_path(path: &Path) -> Text {
    normal(path.as_os_str().as_encoded_bytes())
}

/// Names that are drawn anew each time: what stands ahead, how many letters or digits are drawn, and who does it.
const RANDOM: &[(&[u8], usize, &str)] = &[
    (b"/xw-", 6, "the work area of a build"),
    (b"/tmp", 8, "Python's tempfile; Meson's checks"),
    (b"/.tmp", 6, "Rust's tempfile"),
    (b"/cc", 6, "the compiler's own objects"),
    (b"/TryCompile-", 6, "CMake's try_compile"),
    (b"cmTC_", 5, "the target of CMake's try_compile"),
    (b"/pip-build-env-", 8, "pip"),
    (b"/pip-install-", 8, "pip"),
    (b"/pip-wheel-", 8, "pip"),
    (b"/pip-req-build-", 8, "pip"),
    (b"/build-env-", 8, "build"),
];

/// A text with what is random in it taken out.
fn normal(text: &[u8]) -> Text {
    let mut out = text.to_vec();
    for (ahead, count, _) in RANDOM {
        // A name at the very start has no slash ahead of it.
        let bare = ahead.strip_prefix(b"/").unwrap_or(ahead);
        let mut at = 0;
        while let Some(found) = out.get(at..).and_then(|rest| memchr::memmem::find(rest, bare)) {
            let start = at + found;
            let from = start + bare.len();
            let part = ahead.starts_with(b"/") && start > 0 && !b"/=,:".contains(&out[start - 1]);
            let drawn =
                out[from..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
            at = from;
            if !part && drawn == *count {
                out.splice(from..from + count, *b"*");
                at = from + 1;
            }
        }
    }
    Text(out)
}

/// A text in which a folder is `.`, wherever it stands as a whole.
fn replaced(text: &[u8], folder: &[u8]) -> Vec<u8> {
    if folder.len() <= 1 {
        return text.to_vec();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, folder) {
        let after = rest.get(at + folder.len());
        out.extend_from_slice(&rest[..at]);
        if after.is_none_or(|byte| !byte.is_ascii_alphanumeric() && !b"_-.+".contains(byte)) {
            out.push(b'.');
        } else {
            out.extend_from_slice(folder);
        }
        rest = &rest[at + folder.len()..];
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(words: &str) -> Vec<Text> {
        words.split_whitespace().map(Text::from).collect()
    }

    #[test]
    fn what_is_drawn_anew_each_time_is_taken_out() {
        for (text, expected) in [
            ("/tmp/xw-a1B2c3/src/a.c", "/tmp/xw-*/src/a.c"),
            ("/tmp/tmpab12_x9z/testfile.c", "/tmp/tmp*/testfile.c"),
            ("-I/tmp/pip-build-env-abcd_123/x", "-I/tmp/pip-build-env-*/x"),
            ("CMakeFiles/cmTC_0a1b2.dir/x.o", "CMakeFiles/cmTC_*.dir/x.o"),
            ("CMakeFiles/CMakeScratch/TryCompile-aBcDeF/x", "CMakeFiles/CMakeScratch/TryCompile-*/x"),
            ("/tmp/ccAbC123.o", "/tmp/cc*.o"),
            ("src/ccs/a.c", "src/ccs/a.c"),
            ("/tmp/account123/a.c", "/tmp/account123/a.c"),
        ] {
            assert_eq!(normal(text.as_bytes()), Text::from(expected));
        }
    }

    #[test]
    fn the_root_is_taken_out_of_arguments_as_a_whole_folder() {
        for (text, expected) in [
            ("-I/w/a/inc", "-I./inc"),
            ("/w/a", "."),
            ("-ffile-prefix-map=/w/a=/usr/src", "-ffile-prefix-map=.=/usr/src"),
            ("/w/ab/c", "/w/ab/c"),
        ] {
            assert_eq!(replaced(text.as_bytes(), b"/w/a"), expected.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn what_both_have_is_left_when_the_rest_is_taken_out(
            one in prop::collection::vec("[abc]", 0..12), two in prop::collection::vec("[abc]", 0..12),
        ) {
            let (one, two) = (texts(&one.join(" ")), texts(&two.join(" ")));
            let sorted = |mut list: Vec<Text>| { list.sort(); list };
            for words in [difference(&one, &two), bags(&one, &two)] {
                // Taking out of each what only it has leaves the same.
                let left = |all: &[Text], only: &[Text]| {
                    let mut rest = all.to_vec();
                    for word in only {
                        let at = rest.iter().position(|known| known == word).expect("it has it");
                        rest.remove(at);
                    }
                    sorted(rest)
                };
                prop_assert_eq!(left(&one, &words.removed), left(&two, &words.added));
            }
            prop_assert_eq!(difference(&one, &one), Words::default());
        }
    }
}
