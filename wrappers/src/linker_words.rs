//! Words that a driver hands to its linker, in whatever way a call spells them: `-Wl,-z,defs`, `-Wl,-z -Wl,defs`,
//! `-Xlinker -z -Xlinker defs`, `-z defs` say the same, so a rule looks at the words and not at the arguments.

use crate::args::Item;
use crate::invocation::Invocation;
use crate::paths::matches;
use crate::plan::Effect;
use crate::plan::view::Rule;

/// One word, and the argument that it stands in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word<'c> {
    pub(crate) item: &'c Item,
    pub(crate) text: &'c [u8],
}

/// All words, in order.
pub(crate) fn words<'c>(call: &'c Invocation<'_>) -> Vec<Word<'c>> {
    let items = call.items.iter().filter(|item| item.effect == Effect::ForLinker && !item.dangling);
    items
        .flat_map(|item| {
            let value = item.value(&call.line);
            let list = is_list(item, call);
            let keyword = is_keyword(item, call).then_some(&b"-z"[..]);
            let parts = value.split(move |byte| list && *byte == b',');
            keyword.into_iter().chain(parts).map(move |text| Word { item, text })
        })
        .collect()
}

/// Whether an argument holds a list of words.
fn is_list(item: &Item, call: &Invocation<'_>) -> bool {
    call.line.text(item.at).starts_with(b"-Wl,")
}

/// Whether it is `-z`, by which a driver and its linker take a keyword alike.
fn is_keyword(item: &Item, call: &Invocation<'_>) -> bool {
    call.line.text(item.at).starts_with(b"-z")
}

/// Whether a word asks the linker for an object in place of a program or library.
pub(crate) fn makes_object(call: &Invocation<'_>) -> bool {
    const ASKING: [&[u8]; 5] = [b"-r", b"-i", b"-Ur", b"--relocatable", b"-relocatable"];
    words(call).iter().any(|word| ASKING.contains(&word.text))
}

/// The argument with the words that are left, or nothing if none is.
pub(crate) fn rendered(item: &Item, left: &[&[u8]], call: &Invocation<'_>) -> Option<Vec<u8>> {
    if left.is_empty() || !is_list(item, call) {
        return None;
    }
    Some([b"-Wl,", left.join(&b","[..]).as_slice()].concat())
}

/// How many words the rule takes at this place, if it fits: as many as its pattern has parts.
pub(crate) fn taken(rule: Rule<'_>, words: &[Word<'_>]) -> Option<usize> {
    if !rule.pattern() {
        return None;
    }
    let mut patterns = rule.value()?.split(|byte| *byte == b',');
    let mut count = 0;
    let fit = patterns.all(|pattern| {
        let word = words.get(count);
        count += 1;
        word.is_some_and(|word| matches(pattern, word.text))
    });
    fit.then_some(count)
}
