//! What a user may have meant by a name that is not known.

/// `did you mean …?` with those of `known` that look like `word`, or a list of all when they are few.
pub(crate) fn suggest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let near = near(word, &known);
    if !near.is_empty() {
        format!("did you mean {}?", quoted(&near, "or"))
    } else if known.is_empty() {
        "there are none".into()
    } else {
        format!("known: {}", known.join(", "))
    }
}

/// `did you mean …?` with those of `known` that look like `word`; nothing if none does.
pub(crate) fn close(word: &str, known: &[&str]) -> String {
    match near(word, known) {
        near if near.is_empty() => String::new(),
        near => format!("did you mean {}?", quoted(&near, "or")),
    }
}

/// Those that are at most a third of their length away, or that hold the word, nearest first.
fn near<'a>(word: &str, known: &[&'a str]) -> Vec<&'a str> {
    let mut found: Vec<(usize, &str)> = known
        .iter()
        .filter_map(|name| {
            let away = distance(word, name);
            let close = away <= name.len().max(word.len()).div_ceil(3);
            let part = word.len() >= 2 && (name.contains(word) || word.contains(name));
            (close || part).then_some((away, *name))
        })
        .collect();
    found.sort_unstable();
    found.into_iter().take(3).map(|(_, name)| name).collect()
}

fn quoted(names: &[&str], last: &str) -> String {
    let ticked: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match ticked.split_last() {
        Some((end, [])) => end.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
        None => String::new(),
    }
}

/// Insertions, deletions and replacements between two words (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_name_the_nearest_first() {
        let known = ["x86-64-v2", "x86-64-v3", "host"];
        assert_eq!(suggest("x86-64-v33", known), "did you mean `x86-64-v3` or `x86-64-v2`?");
        assert_eq!(suggest("hots", known), "did you mean `host`?");
        assert_eq!(suggest("gfx942", known), "known: x86-64-v2, x86-64-v3, host");
    }
}
