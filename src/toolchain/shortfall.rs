//! What tools of this machine cannot do for a family. Most have many names (`ld.gold`, `x86_64-linux-gnu-ld.gold`), and most
//! names on PATH are never called, so who asks says which were.

use std::collections::BTreeSet;

use super::profile::LeftOut;

/// Something that a tool lacks, with the names of that tool.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Lack<T> {
    names: Vec<String>,
    what: T,
}

/// What the tools of a plan lack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shortfalls {
    /// Arguments of a policy that a tool does without: each thing once.
    left_out: Vec<Lack<LeftOut>>,
    /// Compilers that say in their name that they are for another machine than the family's: the machine, and why no
    /// compile with them can succeed.
    foreign: Vec<Lack<(String, String)>>,
}

impl Shortfalls {
    /// The names of a tool, and what it does without.
    pub(super) fn leave_out(&mut self, names: &[String], what: LeftOut) {
        match self.left_out.iter_mut().find(|one| one.what == what) {
            Some(one) => one.names.extend_from_slice(names),
            None => self.left_out.push(Lack { names: names.to_vec(), what }),
        }
    }

    /// The names of a compiler for another machine.
    pub(super) fn keep_foreign(&mut self, names: &[String], machine: &str, why: String) {
        self.foreign.push(Lack { names: names.to_vec(), what: (machine.to_owned(), why) });
    }

    /// What calls of these names went without, a sentence each.
    #[must_use]
    pub fn of_calls(&self, called: &dyn Fn(&str) -> bool) -> Vec<String> {
        let among = |names: &[String]| -> Option<String> {
            let names: Vec<&str> = names.iter().map(String::as_str).filter(|name| called(name)).collect();
            (!names.is_empty()).then(|| names.join(", "))
        };
        let without = self.left_out.iter().filter_map(|Lack { names, what: left }| {
            let names = among(names)?;
            Some(format!("{names} was called without {} ({}): {}", left.what, left.rule, left.why))
        });
        let foreign = self.foreign.iter().filter_map(|Lack { names, what: (_, why) }| {
            Some(format!("every compile with {} has failed: {why}", among(names)?))
        });
        without.chain(foreign).collect()
    }

    /// The same where nobody knows what will be called. All compilers for other machines are one sentence: most systems that
    /// have them will not call them here.
    #[must_use]
    pub fn in_advance(&self) -> Vec<String> {
        let without = self.left_out.iter().map(|Lack { names, what: left }| {
            let plainest = names.iter().min_by_key(|name| name.len()).map_or("", String::as_str);
            format!("{plainest} does without {} ({}): {}", left.what, left.rule, left.why)
        });
        let machines: BTreeSet<&str> =
            self.foreign.iter().map(|Lack { what: (machine, _), .. }| machine.as_str()).collect();
        let machines: Vec<&str> = machines.into_iter().collect();
        let foreign = (!machines.is_empty()).then(|| {
            format!(
                "compilers for {} are on PATH; none of them can build for this family",
                machines.join(", ")
            )
        });
        without.chain(foreign).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn marker() -> LeftOut {
        LeftOut { rule: "isa-marker".into(), what: "-z v3".into(), why: "its linker is old".into() }
    }

    fn shortfalls() -> Shortfalls {
        let mut all = Shortfalls::default();
        all.leave_out(&names(&["aarch64-linux-gnu-ld.gold"]), marker());
        all.leave_out(&names(&["ld.gold", "x86_64-linux-gnu-ld.gold"]), marker());
        for tool in ["g++", "gcc"] {
            let name = format!("s390x-linux-gnu-{tool}");
            all.keep_foreign(&[name], "s390x-linux-gnu", "it is for s390x".into());
        }
        all
    }

    #[test]
    fn a_call_by_any_name_of_a_tool_is_told_and_no_other() {
        let all = shortfalls();
        assert_eq!(all.of_calls(&|_| false), [""; 0]);
        assert_eq!(
            all.of_calls(&|name| name == "x86_64-linux-gnu-ld.gold"),
            ["x86_64-linux-gnu-ld.gold was called without -z v3 (isa-marker): its linker is old"]
        );
        assert_eq!(
            all.of_calls(&|name| name == "s390x-linux-gnu-gcc"),
            ["every compile with s390x-linux-gnu-gcc has failed: it is for s390x"]
        );
    }

    #[test]
    fn in_advance_each_thing_is_one_sentence() {
        assert_eq!(
            shortfalls().in_advance(),
            [
                "ld.gold does without -z v3 (isa-marker): its linker is old",
                "compilers for s390x-linux-gnu are on PATH; none of them can build for this family",
            ]
        );
    }
}
