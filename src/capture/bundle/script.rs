//! `run.sh`, which runs a bundle, and `README.md`, which tells what it is.

use super::super::log::Call;
use super::super::rerun::Rerun;
use super::super::text::Text;
use super::command::{CallWords, SEARCH_PATHS};
use super::gather::Gathered;
use super::{Bundled, Form};

/// All that the texts are made of.
pub(super) struct Script<'b> {
    pub(super) call: &'b Call,
    pub(super) rerun: &'b Rerun,
    pub(super) words: &'b CallWords,
    pub(super) gathered: &'b Gathered,
}

impl Script<'_> {
    /// The script; it runs the first of these forms if it is not told which.
    pub(super) fn run(&self, forms: &[Form]) -> Vec<u8> {
        let default = forms.first().map_or("files", |form| form.name());
        let mut out = format!(
            "#!/bin/sh\n# Runs call {} again; README.md tells more.\n\
             here=$(CDPATH='' cd -- \"$(dirname -- \"$0\")\" && pwd) || exit 125\n\
             form=${{1:-{default}}}\n",
            self.call.id
        )
        .into_bytes();
        let folder = Text([b"root", self.rerun.folder.bytes()].concat()).shell();
        out.extend([&b"cd -- \"$here\"/"[..], &folder, b" || exit 125\n"].concat());
        out.extend(format!("unset {}\n", self.words.unset.join(" ")).bytes());
        for (name, value) in &self.words.set {
            let list = SEARCH_PATHS.contains(&name.as_str());
            let value = if list { self.gathered.relocate_list(value) } else { value.clone() };
            out.extend(
                [name.as_bytes(), b"=", &value.shell(), b"; export ", name.as_bytes(), b"\n"].concat(),
            );
        }
        out.extend_from_slice(b"case $form in\n");
        for form in forms {
            out.extend(format!("{})\n    set -- ", form.name()).bytes());
            out.extend(self.command(*form).join(&b" \\\n        "[..]));
            out.extend_from_slice(b" ;;\n");
        }
        let names: Vec<&str> = forms.iter().map(|form| form.name()).collect();
        out.extend(
            format!(
                "*)\n    echo \"usage: run.sh [{}]\" >&2\n    exit 2 ;;\nesac\n\
                 \"$@\" 2>\"$here/stderr\"\nstatus=$?\n\
                 # `.root` stands for `/` in the names of packed files.\n\
                 LC_ALL=C sed 's|\\.root/|/|g' \"$here/stderr\" >&2\nexit \"$status\"\n",
                names.join("|")
            )
            .bytes(),
        );
        out
    }

    /// Words for a shell.
    fn command(&self, form: Form) -> Vec<Vec<u8>> {
        let relocate = |named: &Text| self.gathered.relocate_output(named, self.words);
        let mut out: Vec<_> =
            std::iter::once(&self.words.real).chain(&self.words.lead).map(Text::shell).collect();
        match form {
            Form::Files => out.extend(self.words.files(&relocate).iter().map(Text::shell)),
            Form::Preprocessed => {
                let ending = self.gathered.unit.as_ref().map_or("i", |(_, ending)| ending);
                let unit = format!("\"$here\"/unit.{ending}").into_bytes();
                let words = self.words.preprocessed(&relocate);
                out.extend(
                    words.into_iter().map(|word| word.map_or_else(|| unit.clone(), |word| word.shell())),
                );
            }
        }
        out
    }

    pub(super) fn readme(&self, bundled: &Bundled) -> Vec<u8> {
        let call = self.call;
        let quoted = |text: &Text| text.lossy().replace('`', "'");
        let then = bundled.expected.map_or("how it ended is not known".to_owned(), |status| {
            format!("it ended with status {status}")
        });
        let verdict = match bundled.expected {
            Some(expected) if expected == bundled.status => "the same",
            Some(_) => "**not** the same",
            None => "for comparison",
        };
        let words = match bundled.same_words {
            Some(true) => "What it writes to stderr is what the call writes in its own tree, byte for byte.",
            Some(false) => {
                "What it writes to stderr is not in every byte what the call writes in its own tree."
            }
            None => "What it writes to stderr was not compared.",
        };
        let forms: String = bundled
            .forms
            .iter()
            .map(|form| match form {
                Form::Preprocessed => {
                    "- `sh run.sh preprocessed` compiles `unit.*`, which needs no header.\n"
                }
                Form::Files => "- `sh run.sh files` runs the command on the files under `root/`.\n",
            })
            .collect();
        format!(
            "# Call {}\n\n\
             {} by {} in `{}`; then {then}.\n\n\
             `sh run.sh` runs it again, from any folder; its exit status is that of the tool. When this was packed it was {}: {verdict}.\n\
             {words}\n\n{forms}\n\
             | file | what it is |\n|---|---|\n\
             | `run.sh` | the command, with the variables that were recorded |\n\
             | `root/` | files of the build, each at its own path; the compiler's own are not packed |\n\
             | `unit.*` | the preprocessed source, if there is one |\n\
             | `versions.txt` | the tools, in their own words |\n\
             | `record.jsonl` | what was recorded of the call; `crosswheel log show {} record.jsonl` reads it |\n\n\
             The tool runs by the path that it had: `{}`.\n",
            call.id,
            call.kind.name(),
            call.tool,
            quoted(&self.rerun.folder),
            bundled.status,
            call.id,
            quoted(&self.words.real),
        )
        .into_bytes()
    }
}
