//! `crosswheel env`: settings that put the shim first on PATH, for a shell, a program or GitHub Actions.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use clap::ValueEnum;

use super::out;
use super::session::{self, Settings};
use crate::environment;
use crate::error::{Error, IoContext, Result};
use crate::toolchain::header::quoted;
use crate::toolchain::session::Session;

/// Arguments of `env`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    session: session::SessionArgs,
    /// How to print them: for `eval "$(…)"` of a shell, as JSON, or into the files of GitHub Actions
    #[arg(short, long, value_enum, default_value_t = Shell::Sh)]
    shell: Shell,
}

/// For whom settings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shell {
    Sh,
    Bash,
    Zsh,
    Fish,
    Json,
    Github,
}

pub(super) fn run(args: Args) -> Result<ExitCode> {
    let Args { session: wanted, shell } = args;
    let emulator = wanted.emulator()?;
    let session = wanted.create()?;
    session::remarks(&session);
    session::shortfalls(&session.shortfalls.in_advance());
    let mut settings = session.environment();
    if let Some(emulator) = &emulator {
        settings.extend(session::of_emulator(emulator));
        out::warn(
            "the kernel is told of an emulator for one command alone, and not for a shell that runs already; `crosswheel run \
             --run-tests-with qemu -- bash` starts one for which it is",
        );
    }
    let text = match shell {
        Shell::Sh | Shell::Bash | Shell::Zsh => posix(&settings),
        Shell::Fish => fish(&settings),
        Shell::Json => json(&wanted.family, &session, &settings),
        Shell::Github => {
            github(&session, &settings)?;
            Vec::new()
        }
    };
    let mut out = std::io::stdout().lock();
    out.write_all(&text).and_then(|()| out.flush()).context("cannot write", "to stdout")?;
    Ok(ExitCode::SUCCESS)
}

/// Every line ends with a semicolon, so that an `eval` without quotes does no harm where there are no blanks.
fn posix(settings: &Settings) -> Vec<u8> {
    let mut text = Vec::new();
    for (name, value) in settings {
        if let Some(value) = value {
            text.extend_from_slice(b"export ");
            text.extend_from_slice(name.as_bytes());
            text.push(b'=');
            in_quotes(&mut text, value.as_bytes(), |byte| (byte == b'\'').then_some(br"'\''"));
        } else {
            text.extend_from_slice(b"unset ");
            text.extend_from_slice(name.as_bytes());
        }
        text.extend_from_slice(b";\n");
    }
    text
}

/// fish holds PATH as a list.
fn fish(settings: &Settings) -> Vec<u8> {
    let mut text = Vec::new();
    for (name, value) in settings {
        if let Some(value) = value {
            text.extend_from_slice(b"set -gx ");
            text.extend_from_slice(name.as_bytes());
            let is_path = name.as_os_str() == environment::PATH;
            for part in value.as_bytes().split(|byte| is_path && *byte == b':') {
                // An empty entry of PATH is the working folder.
                let part = if is_path && part.is_empty() { b"." } else { part };
                text.push(b' ');
                in_quotes(&mut text, part, |byte| match byte {
                    b'\'' => Some(br"\'"),
                    b'\\' => Some(br"\\"),
                    _ => None,
                });
            }
        } else {
            text.extend_from_slice(b"set -e ");
            text.extend_from_slice(name.as_bytes());
        }
        text.extend_from_slice(b";\n");
    }
    text
}

fn in_quotes<const N: usize>(
    text: &mut Vec<u8>,
    value: &[u8],
    escape: impl Fn(u8) -> Option<&'static [u8; N]>,
) {
    text.push(b'\'');
    for byte in value {
        match escape(*byte) {
            Some(escaped) => text.extend_from_slice(escaped),
            None => text.push(*byte),
        }
    }
    text.push(b'\'');
}

/// One object; a variable that is to be taken away is `null`.
fn json(family: &str, session: &Session, settings: &Settings) -> Vec<u8> {
    let string = |text: &OsStr| quoted(text.as_bytes());
    let variables: Vec<_> = settings
        .iter()
        .map(|(name, value)| {
            let value = value.as_deref().map_or_else(|| "null".to_owned(), string);
            format!("    {}: {value}", string(name))
        })
        .collect();
    let record =
        session.record.as_ref().map_or_else(|| "null".to_owned(), |record| string(record.as_os_str()));
    format!(
        "{{\n  \"family\": {},\n  \"bin\": {},\n  \"record\": {record},\n  \"plan\": \"{}\",\n  \"environment\": {{\n{}\n  }}\n}}\n",
        quoted(family.as_bytes()),
        string(session.bin.as_os_str()),
        session.digest_text(),
        variables.join(",\n")
    )
    .into_bytes()
}

/// The files of GitHub Actions: folders for PATH in one, variables in the other. An unset variable cannot be said
/// there, so it is set to nothing.
fn github(session: &Session, settings: &Settings) -> Result<()> {
    let variables: Vec<_> =
        settings.iter().filter(|(name, _)| name.as_os_str() != environment::PATH).collect();
    let mut text = Vec::new();
    for (name, value) in variables {
        github_variable(&mut text, name, value.as_deref().unwrap_or_default());
    }
    append(environment::GITHUB_ENV, &text)?;
    let mut line = session.bin.as_os_str().as_bytes().to_vec();
    line.push(b'\n');
    append(environment::GITHUB_PATH, &line)
}

/// `NAME<<END`, the value, `END`: safe for values of several lines, as long as no line of them is the end.
fn github_variable(text: &mut Vec<u8>, name: &OsStr, value: &OsStr) {
    let mut end = String::from("CROSSWHEEL_END");
    while value.as_bytes().split(|byte| *byte == b'\n').any(|line| line == end.as_bytes()) {
        end.push('_');
    }
    for part in
        [name.as_bytes(), b"<<", end.as_bytes(), b"\n", value.as_bytes(), b"\n", end.as_bytes(), b"\n"]
    {
        text.extend_from_slice(part);
    }
}

fn append(variable: &str, text: &[u8]) -> Result<()> {
    let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()) else {
        return Err(Error::usage(format!("{variable} is not set, so this is no step of GitHub Actions"))
            .hint("use `--shell sh` in a shell, or `--shell json` in a program"));
    };
    if text.is_empty() {
        return Ok(());
    }
    let mut file = OpenOptions::new().append(true).create(true).open(&path).context("cannot open", &path)?;
    file.write_all(text).context("cannot write", path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    use std::process::Command;

    /// Values that a careless quoting breaks.
    const HARD: &[&[u8]] = &[
        b"plain",
        b"",
        b"a b  c",
        b"it's \"quoted\" `x` $HOME \\ \\' \\\\",
        b"two\nlines\n",
        b"!history *?[glob] ~ # ; & | < > ( ) { } % = ^",
        b"not text: \xff\xfe\x80",
        b"-n",
    ];

    fn settings() -> Settings {
        let mut all: Settings = HARD
            .iter()
            .enumerate()
            .map(|(n, value)| (OsString::from(format!("V{n}")), Some(OsString::from_vec(value.to_vec()))))
            .collect();
        all.push(("GONE".into(), None));
        all
    }

    /// What a shell makes of the settings, as `env` shows it.
    fn seen_by(shell: &[&str], text: &[u8], start: &str) -> Vec<Vec<u8>> {
        let home = tempfile::tempdir().expect("a folder");
        let file = home.path().join("settings");
        std::fs::write(&file, text).expect("a file");
        let script = start.replace("FILE", &file.display().to_string());
        let done = Command::new(shell[0])
            .args(&shell[1..])
            .args(["-c", &script])
            .env("GONE", "here")
            .env("HOME", home.path())
            .output()
            .expect("a shell");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        done.stdout.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
    }

    fn holds(entries: &[Vec<u8>]) {
        for (n, value) in HARD.iter().enumerate() {
            let entry = [format!("V{n}=").as_bytes(), value].concat();
            assert!(entries.contains(&entry), "V{n}: {}", String::from_utf8_lossy(value));
        }
        assert!(!entries.iter().any(|entry| entry.starts_with(b"GONE=")));
    }

    #[test]
    fn sh_and_bash_have_every_byte_back() {
        for shell in ["sh", "bash"] {
            holds(&seen_by(&[shell], &posix(&settings()), "eval \"$(cat FILE)\"; exec env -0"));
        }
    }

    #[test]
    fn a_value_of_several_lines_is_safe_for_github() {
        let mut text = Vec::new();
        github_variable(&mut text, OsStr::new("A"), OsStr::new("x\nCROSSWHEEL_END\ny"));
        assert_eq!(text, b"A<<CROSSWHEEL_END_\nx\nCROSSWHEEL_END\ny\nCROSSWHEEL_END_\n");
    }

    #[test]
    fn fish_quotes_only_what_ends_its_quotes_and_holds_path_as_a_list() {
        let path = vec![(OsString::from("PATH"), Some(OsString::from("/a b:/it's:")))];
        assert_eq!(fish(&path), b"set -gx PATH '/a b' '/it\\'s' '.';\n");
        let other = vec![(OsString::from("X"), Some(OsString::from("a:b\\"))), ("GONE".into(), None)];
        assert_eq!(fish(&other), b"set -gx X 'a:b\\\\';\nset -e GONE;\n");
    }
}
