//! Response files: `@file` stands for the arguments in it, by GNU's rules of quoting.
//!
//! Both GNU's and LLVM's tools read them alike: blanks part arguments; single and double quotes group; a
//! backslash takes the next byte as it is, inside quotes too. A file that cannot be read leaves `@file`
//! as a plain argument. Files nest, relative to the working folder. The caller's file is never written.
//!
//! Format: libiberty's `buildargv` and `expandargv`; LLVM's `TokenizeGNUCommandLine`.

use std::borrow::Cow;

/// Where response files are read from: the disk for the shim, a table for tests.
pub trait Files {
    /// The content, or `None` if there is no such file to be read.
    fn read(&self, path: &[u8]) -> Option<Vec<u8>>;
}

/// No files at all: every `@file` stays literal.
#[derive(Clone, Copy, Debug)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

/// Files that name each other more deeply than this are left literal, as the tools end with an error.
const DEEPEST: usize = 32;
/// More files than this are not read in: files that name each other twice grow without bound, in words or
/// in time. libiberty ends with an error at the same number.
const MOST_FILES: usize = 2000;

/// A command line with its response files read in. The name of the tool is not part of it.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    argv: &'a [&'a [u8]],
    words: Vec<Word<'a>>,
    /// Places in `argv` that were read in as response files.
    files: Vec<usize>,
    /// Every file that was read in, nested ones too: its path as named, and what was in it.
    raw: Vec<(Vec<u8>, Vec<u8>)>,
}

/// One argument after expansion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// Its bytes.
    pub text: Cow<'a, [u8]>,
    /// Place in `argv` of the argument that it is, or that named the file it comes from.
    pub origin: usize,
}

impl<'a> Line<'a> {
    /// Reads in all response files of `argv`.
    #[must_use]
    pub fn read(argv: &'a [&'a [u8]], files: &impl Files) -> Self {
        let mut line =
            Self { argv, words: Vec::with_capacity(argv.len() + 8), files: Vec::new(), raw: Vec::new() };
        for (origin, arg) in argv.iter().enumerate() {
            line.push(Cow::Borrowed(arg), origin, files, 0);
        }
        line
    }

    fn push(&mut self, arg: Cow<'a, [u8]>, origin: usize, files: &impl Files, depth: usize) {
        if let Some(path) = arg.strip_prefix(b"@")
            && depth < DEEPEST
            && self.raw.len() < MOST_FILES
            && let Some(content) = files.read(path)
        {
            if depth == 0 {
                self.files.push(origin);
            }
            let words = split(&content);
            self.raw.push((path.to_vec(), content));
            for word in words {
                self.push(Cow::Owned(word), origin, files, depth + 1);
            }
            return;
        }
        self.words.push(Word { text: arg, origin });
    }

    /// The arguments as received.
    #[must_use]
    pub fn argv(&self) -> &'a [&'a [u8]] {
        self.argv
    }

    /// The arguments with response files read in.
    #[must_use]
    pub fn words(&self) -> &[Word<'a>] {
        &self.words
    }

    /// The text of one word.
    #[must_use]
    pub fn text(&self, index: usize) -> &[u8] {
        self.words.get(index).map_or(b"", |word| &word.text)
    }

    /// Places in `argv` that were read in as response files.
    #[must_use]
    pub fn files(&self) -> &[usize] {
        &self.files
    }

    /// Every file that was read in, nested ones too, in the order of reading: path as named, and content.
    #[must_use]
    pub fn raw(&self) -> &[(Vec<u8>, Vec<u8>)] {
        &self.raw
    }

    /// The arguments put together again from the words. `changes` says which words do not stand, sorted
    /// by their index, and what stands in their place. A response file whose words all stand is named as
    /// before; one with a changed word is replaced by its words.
    #[must_use]
    pub fn render<'w>(&'w self, changes: &[(usize, Vec<Cow<'w, [u8]>>)]) -> Vec<Cow<'w, [u8]>> {
        let mut out = Vec::with_capacity(self.argv.len() + 8);
        let (mut from, mut next) = (0, 0);
        for (origin, arg) in self.argv.iter().enumerate() {
            let end = from + self.words[from..].iter().take_while(|word| word.origin == origin).count();
            let stands = changes.get(next).is_none_or(|(at, _)| *at >= end);
            if stands && self.files.contains(&origin) {
                out.push(Cow::Borrowed(*arg));
                from = end;
            }
            for at in from..end {
                match changes.get(next) {
                    Some((changed, with)) if *changed == at => {
                        out.extend_from_slice(with);
                        next += 1;
                    }
                    _ => out.push(Cow::Borrowed(&*self.words[at].text)),
                }
            }
            from = end;
        }
        out
    }
}

/// The arguments in the content of a response file.
#[must_use]
pub fn split(content: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut bytes = content.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                // A backslash at the very end stands for nothing, but starts a word.
                let word = word.get_or_insert_default();
                word.extend(bytes.next());
            }
            _ if quote == Some(byte) => quote = None,
            _ if quote.is_some() => word.get_or_insert_default().push(byte),
            b'\'' | b'"' => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => words.extend(word.take()),
            _ => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words
}

/// The content of a response file that holds these arguments.
#[must_use]
pub fn join<'a>(words: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut content = Vec::new();
    for word in words {
        if word.is_empty() {
            content.extend_from_slice(b"\"\"");
        }
        for &byte in word {
            match byte {
                // Newer readers take a backslash at the end of a line for a line that goes on.
                b'\n' => content.extend_from_slice(b"\"\n\""),
                b' ' | b'\t' | b'\r' | 0x0b | 0x0c | b'\\' | b'\'' | b'"' => content.extend([b'\\', byte]),
                _ => content.push(byte),
            }
        }
        content.push(b'\n');
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_group_and_a_backslash_takes_the_next_byte_even_inside_them() {
        let content = br#"a 'b c' "d \"e\"" f\ g '' 'h\'i' j"k"l"#;
        let words: Vec<_> = split(content).iter().map(|w| String::from_utf8_lossy(w).into_owned()).collect();
        assert_eq!(words, ["a", "b c", "d \"e\"", "f g", "", "h'i", "jkl"]);
    }

    #[test]
    fn a_file_that_names_itself_ends() {
        struct Loop;
        impl Files for Loop {
            fn read(&self, _: &[u8]) -> Option<Vec<u8>> {
                Some(b"-a @x".to_vec())
            }
        }
        let argv: [&[u8]; 1] = [b"@x"];
        assert_eq!(Line::read(&argv, &Loop).words().len(), DEEPEST + 1);
    }
}
