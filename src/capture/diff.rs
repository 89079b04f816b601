//! What a rewriting did to the arguments, one argument at a time, each change with the edit that explains
//! it. Made from the two lists themselves, so that it is true even where an edit is not.

use std::borrow::Cow;

use super::detail::{Detail, Edit};
use super::grammar;
use super::text::Text;

/// One argument on its way from the call as received to the call as run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step<'d> {
    /// What became of it.
    pub change: Change,
    /// The argument.
    pub arg: Cow<'d, Text>,
    /// Place of the edit that explains it, in [`Detail::edits`].
    pub edit: Option<usize>,
}

/// What became of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was given and ran.
    Kept,
    /// It was given and did not run.
    Removed,
    /// It was not given and ran.
    Added,
}

/// How far ahead an argument is looked for that no edit explains.
const AHEAD: usize = 64;

/// The steps: those kept and removed are the arguments given, those kept and added the arguments run. What
/// stands ahead of them (the tool's name, a launcher) is left out of both: what ran is told elsewhere.
#[must_use]
pub fn steps(detail: &Detail) -> Vec<Step<'_>> {
    let ran: Vec<Cow<'_, Text>> = if detail.expanded.is_some() && detail.run.is_some() {
        grammar::expanded(detail, ran(detail)).into_iter().map(Cow::Owned).collect()
    } else {
        ran(detail).iter().map(Cow::Borrowed).collect()
    };
    walk(given(detail), &ran, &detail.edits)
}

/// The tool's arguments as given, response files read in, without what stands ahead of them.
#[must_use]
pub fn given(detail: &Detail) -> &[Text] {
    detail.given().get(heads(detail).0..).unwrap_or_default()
}

/// The tool's arguments as run, without what stands ahead of them. Where they are not the ones given, a
/// response file of which nothing was changed is named as before.
#[must_use]
pub fn ran(detail: &Detail) -> &[Text] {
    match &detail.run {
        Some(run) => run.get(heads(detail).1..).unwrap_or_default(),
        None => given(detail),
    }
}

/// How many words stand ahead of the tool's arguments, as given and as run: `cc`, or `ccache K=V cc`.
fn heads(detail: &Detail) -> (usize, usize) {
    let through_launcher = |run: &Vec<Text>| {
        detail.launcher.as_ref()?;
        run.iter().position(|word| *word == detail.real)
    };
    let launched = detail.run.as_ref().and_then(through_launcher).map_or(1, |at| at + 1);
    // A launcher's own settings may stand between its name and the tool's.
    let name = |word: &Text| word.bytes().rsplit(|byte| *byte == b'/').next() == Some(detail.tool.as_bytes());
    let called = || detail.argv.iter().skip(1).position(name).map_or(launched, |at| at + 2);
    (if detail.via.is_some() { called() } else { 1 }, launched + detail.lead.len())
}

fn walk<'d>(mut given: &'d [Text], mut ran: &[Cow<'d, Text>], edits: &[Edit]) -> Vec<Step<'d>> {
    let mut taken = Unused::new(edits, |edit| &edit.before);
    let mut put = Unused::new(edits, |edit| &edit.after);
    let mut steps = Vec::with_capacity(ran.len());
    loop {
        let (change, edit) = match (given.first(), ran.first()) {
            (None, None) => return steps,
            (Some(before), Some(after)) if *before == **after => (Change::Kept, None),
            (None, Some(after)) => (Change::Added, put.take(after)),
            (Some(before), None) => (Change::Removed, taken.take(before)),
            (Some(before), Some(after)) => {
                if let Some(edit) = taken.take(before) {
                    (Change::Removed, Some(edit))
                } else if let Some(edit) = put.take(after) {
                    (Change::Added, Some(edit))
                } else if ran.iter().take(AHEAD).any(|later| **later == *before) {
                    (Change::Added, None)
                } else {
                    (Change::Removed, None)
                }
            }
        };
        let arg = if change == Change::Added { ran[0].clone() } else { Cow::Borrowed(&given[0]) };
        if change != Change::Added {
            given = &given[1..];
        }
        if change != Change::Removed {
            ran = &ran[1..];
        }
        steps.push(Step { change, arg, edit });
    }
}

/// Arguments of edits that explain nothing yet.
struct Unused<'e>(Vec<(usize, &'e Text)>);

impl<'e> Unused<'e> {
    fn new(edits: &'e [Edit], side: fn(&Edit) -> &Vec<Text>) -> Self {
        let edits = edits.iter().enumerate().filter(|(_, edit)| !edit.is_note());
        Self(edits.flat_map(|(at, edit)| side(edit).iter().map(move |arg| (at, arg))).collect())
    }

    fn take(&mut self, arg: &Text) -> Option<usize> {
        let place = self.0.iter().position(|(_, unused)| *unused == arg)?;
        Some(self.0.remove(place).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::detail::ResponseFile;
    use proptest::prelude::*;

    fn texts(words: &str) -> Vec<Text> {
        words.split_whitespace().map(Text::from).collect()
    }

    fn edit(before: &str, after: &str) -> Edit {
        Edit { before: texts(before), after: texts(after), ..Edit::default() }
    }

    fn shown(given: &str, ran: &str, edits: &[Edit]) -> String {
        let (given, ran) = (texts(given), texts(ran));
        let ran: Vec<Cow<'_, Text>> = ran.iter().map(Cow::Borrowed).collect();
        let steps = walk(&given, &ran, edits).into_iter().map(|step| {
            let sign = match step.change {
                Change::Kept => "",
                Change::Removed => "-",
                Change::Added => "+",
            };
            format!(
                "{sign}{}{}",
                step.arg.lossy(),
                step.edit.map_or(String::new(), |edit| format!("[{edit}]"))
            )
        });
        steps.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_change_names_its_edit() {
        let edits = [edit("", "m3"), edit("native", "m3"), edit("W", "W")];
        assert_eq!(shown("a native W b", "m3 a m3 W b", &edits), "+m3[0] a -native[1] +m3[1] W b");
    }

    #[test]
    fn launchers_are_no_arguments() {
        for (via, given) in [(Some("ccache".to_owned()), "ccache K=V gcc -c a.c"), (None, "gcc -c a.c")] {
            let launched =
                if via.is_some() { "/c/ccache K=V /b/gcc -O2 -c a.c" } else { "/c/gcc /b/gcc -O2 -c a.c" };
            let detail = Detail {
                via,
                real: Text::from("/b/gcc"),
                launcher: Some(Text::from("/c/ccache")),
                argv: texts(given),
                run: Some(texts(launched)),
                ..Detail::default()
            };
            let signs: Vec<_> =
                steps(&detail).iter().map(|step| (step.change, step.arg.lossy().into_owned())).collect();
            let expected = [(Change::Added, "-O2"), (Change::Kept, "-c"), (Change::Kept, "a.c")];
            assert_eq!(signs, expected.map(|(change, arg)| (change, arg.to_owned())));
        }
    }

    #[test]
    fn response_files_are_read_in_on_both_sides() {
        let file = |path: &str, content: &str| ResponseFile { path: path.into(), content: content.into() };
        let detail = Detail {
            argv: texts("cc @a @b -c"),
            expanded: Some(texts("cc -DA -DB native -c")),
            files: vec![file("a", "-DA"), file("b", "-DB native")],
            run: Some(texts("/b/gcc -O2 @a -DB -c")),
            ..Detail::default()
        };
        let shown: Vec<_> =
            steps(&detail).iter().map(|step| (step.change, step.arg.lossy().into_owned())).collect();
        let expected = [
            (Change::Added, "-O2"),
            (Change::Kept, "-DA"),
            (Change::Kept, "-DB"),
            (Change::Removed, "native"),
            (Change::Kept, "-c"),
        ];
        assert_eq!(shown, expected.map(|(change, arg)| (change, arg.to_owned())));
    }

    #[test]
    fn a_change_without_an_edit_is_shown_all_the_same() {
        assert_eq!(shown("a b c", "a x c y", &[]), "a -b +x c +y");
        assert_eq!(shown("a c", "a b c", &[]), "a +b c");
    }

    proptest! {
        #[test]
        fn the_steps_hold_both_lists(
            given in prop::collection::vec("[abc]", 0..12),
            ran in prop::collection::vec("[abc]", 0..12),
            edits in prop::collection::vec(("[abc]?", "[abc]?"), 0..4),
        ) {
            let edits: Vec<Edit> = edits.iter().map(|(before, after)| edit(before, after)).collect();
            let (given, ran) = (texts(&given.join(" ")), texts(&ran.join(" ")));
            let lent: Vec<Cow<'_, Text>> = ran.iter().map(Cow::Borrowed).collect();
            let steps = walk(&given, &lent, &edits);
            let without = |change| {
                steps.iter().filter(|s| s.change != change).map(|s| s.arg.clone().into_owned()).collect::<Vec<_>>()
            };
            prop_assert_eq!(&without(Change::Added), &given);
            prop_assert_eq!(&without(Change::Removed), &ran);
        }
    }
}
