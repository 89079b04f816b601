//! What a call does: its kind, its sources with their languages, what it reads and what it writes.
//!
//! The reading is that of the tool's own driver: the last `-x` counts for what follows, `-E` beats `-S`
//! beats `-c`, a C++ driver takes `.c` for C++. What cannot be told is [`Kind::Other`], and passes.

use crate::args::{Item, Items, Line, What};
use crate::exports::Exported;
use crate::paths::{base_name, stem};
use crate::plan::view::Options;
use crate::plan::{Dialect, Effect, Kind, Language, Languages, Role};
use crate::taken::brings_input;

/// A call, understood.
#[derive(Clone, Debug)]
pub struct Invocation<'a> {
    /// The arguments.
    pub line: Line<'a>,
    /// The arguments, grouped.
    pub items: Items,
    /// What the name stands for.
    pub role: Role,
    /// How the arguments were read.
    pub dialect: Dialect,
    /// What it does.
    pub kind: Kind,
    /// Languages of the sources; none for a plain link.
    pub languages: Languages,
    /// Word indexes of the inputs, libraries left out.
    pub inputs: Vec<usize>,
    /// Word indexes of those inputs that are sources.
    pub sources: Vec<usize>,
    /// What it writes: paths as given or as the driver derives them; `-` is stdout.
    pub outputs: Vec<Vec<u8>>,
    /// The file for dependencies.
    pub dep_file: Option<Vec<u8>>,
    /// What the module that it links exports, once its objects were read.
    pub exported: Option<Exported>,
}

impl<'a> Invocation<'a> {
    /// Reads a line as a tool of this role and dialect would.
    #[must_use]
    pub fn read(line: Line<'a>, role: Role, dialect: Dialect, options: Options<'_>) -> Self {
        let items = Items::read(&line, options, dialect == Dialect::Objcopy);
        let mut call = Self {
            line,
            items,
            role,
            dialect,
            kind: Kind::Other,
            languages: Languages::NONE,
            inputs: Vec::new(),
            sources: Vec::new(),
            outputs: Vec::new(),
            dep_file: None,
            exported: None,
        };
        match dialect {
            Dialect::Gcc | Dialect::Clang => call.read_driver(),
            Dialect::Ld => call.read_linker(),
            Dialect::Ar => call.read_archiver(),
            Dialect::Objcopy | Dialect::Plain => call.read_plain(),
        }
        call
    }

    /// The text of an input.
    #[must_use]
    pub fn input(&self, index: usize) -> &[u8] {
        self.line.text(index)
    }

    /// Whether it only asks: a query, or the preprocessor run on what has no name (`-E -dM -`), which drivers that
    /// translate their arguments hand on as they are.
    #[must_use]
    pub fn only_asks(&self) -> bool {
        self.kind == Kind::Query || (self.kind == Kind::Preprocess && self.languages.is_empty())
    }

    /// Whether it writes no file: to stdout, to `/dev/null`, or nothing at all.
    #[must_use]
    pub fn writes_nothing(&self) -> bool {
        self.outputs.iter().all(|path| path == b"-" || path == b"/dev/null")
    }

    /// Whether it reads its source from stdin.
    #[must_use]
    pub fn reads_stdin(&self) -> bool {
        let named = |at: &usize| matches!(self.input(*at), b"-" | b"/dev/stdin" | b"/dev/fd/0");
        self.inputs.iter().any(named) || (self.inputs.is_empty() && self.kind == Kind::Preprocess)
    }

    fn output_option(&self) -> Option<&[u8]> {
        let item = self.items.last(Effect::Output).filter(|item| !item.dangling)?;
        Some(item.value(&self.line))
    }

    fn read_driver(&mut self) {
        if self.items.iter().next().is_some_and(|item| item.effect == Effect::Internal) {
            return;
        }
        let cxx_driver = match self.items.last(Effect::DriverMode).map(|mode| mode.value(&self.line)) {
            Some(mode) => mode.ends_with(b"++"),
            None => self.role == Role::Cxx,
        };
        let (mut forced, mut libraries, mut objects, mut headers) = (None, false, false, true);
        for item in self.items.iter() {
            match (item.what, item.effect) {
                (What::Option, Effect::Language) => forced = Some(item.value(&self.line)),
                (What::Option, Effect::Library) => libraries = true,
                (What::Option, Effect::ForLinker) => {
                    libraries |= item.value(&self.line).split(|byte| *byte == b',').any(brings_input);
                }
                (What::Input, _) => {
                    self.inputs.push(item.at);
                    let name = self.line.text(item.at);
                    let source = match forced {
                        Some(language) if language != b"none" => Some(by_name(language)),
                        _ if name == b"-" && self.role == Role::Cpp => Some(Source::of(Language::C)),
                        _ => by_extension(name),
                    };
                    if let Some(mut source) = source {
                        if cxx_driver && forced.is_none_or(|language| language == b"none") {
                            source.language = as_cxx_driver(source.language);
                        }
                        headers &= source.header;
                        self.languages.insert(source.language);
                        self.sources.push(item.at);
                    } else {
                        objects = true;
                    }
                }
                _ => {}
            }
        }
        // Called by name, the preprocessor reads stdin if no file is named; a driver has nothing to do.
        let nothing_to_do = self.inputs.is_empty() && !libraries && self.role != Role::Cpp;
        if nothing_to_do || self.items.any(Effect::Query) {
            self.kind = Kind::Query;
            return;
        }
        if self.inputs.is_empty() && self.role == Role::Cpp {
            self.languages.insert(forced.map_or(Language::C, |language| by_name(language).language));
        }
        let depends = self.items.any(Effect::DependenciesOnly);
        let preprocess = depends || self.items.any(Effect::PreprocessOnly) || self.role == Role::Cpp;
        let assembly = self.items.any(Effect::AssemblyOnly);
        let compile = self.items.any(Effect::CompileOnly);
        let syntax = self.items.any(Effect::SyntaxOnly);
        let precompile = headers && !self.sources.is_empty() && !objects;
        let only_assembler = self.languages.within(Languages::of(&[Language::Asm, Language::AsmCpp]));
        let dep_file = self.items.last(Effect::DepFile).map(|item| item.value(&self.line).to_vec());
        let output = self.output_option().map(<[u8]>::to_vec);
        self.kind = if preprocess {
            Kind::Preprocess
        } else if assembly || compile || syntax || precompile {
            match (self.sources.is_empty(), only_assembler) {
                (true, _) => Kind::Other,
                (false, true) if !assembly => Kind::Assemble,
                (false, _) => Kind::Compile,
            }
        } else {
            Kind::Link
        };
        self.outputs = if self.items.any(Effect::DryRun) {
            Vec::new()
        } else if preprocess {
            let positional = (self.role == Role::Cpp).then(|| self.inputs.get(1)).flatten();
            let positional = positional.map(|at| self.line.text(*at).to_vec());
            // `-M` writes its rules where `-MF` or `-o` says.
            vec![
                dep_file
                    .clone()
                    .filter(|_| depends)
                    .or(output)
                    .or(positional)
                    .unwrap_or_else(|| b"-".to_vec()),
            ]
        } else if syntax {
            Vec::new()
        } else if self.kind == Kind::Link {
            vec![output.unwrap_or_else(|| b"a.out".to_vec())]
        } else if let Some(output) = output {
            vec![output]
        } else {
            let extension = if precompile { b".gch".as_slice() } else { self.extension(assembly) };
            let derive = |at: &usize| derived(self.line.text(*at), extension, precompile);
            self.sources.iter().map(derive).collect()
        };
        self.dep_file = dep_file.or_else(|| self.dependencies_beside(preprocess));
    }

    /// The file that `-MD` writes by itself when one source is compiled. What a link's is called differs between
    /// versions of compilers.
    fn dependencies_beside(&self, preprocess: bool) -> Option<Vec<u8>> {
        let [source] = self.sources[..] else { return None };
        if !self.items.any(Effect::DependenciesBeside) || preprocess || self.kind == Kind::Link {
            return None;
        }
        let output = self.output_option().unwrap_or_else(|| base_name(self.line.text(source)));
        let name = base_name(output);
        Some([&output[..output.len() - name.len()], stem(name), b".d"].concat())
    }

    /// The extension of what a driver makes of a source where it is not told a name.
    fn extension(&self, assembly: bool) -> &'static [u8] {
        let own = |item: &Item| -> Option<&'static [u8]> {
            match self.line.text(item.at) {
                b"--analyze" => Some(b".plist"),
                b"--precompile" => Some(b".pcm"),
                b"-emit-ast" => Some(b".ast"),
                _ => None,
            }
        };
        let stages = self.items.iter().filter(|item| item.effect == Effect::CompileOnly);
        let usual = match (assembly, self.items.any(Effect::EmitLlvm)) {
            (true, true) => b".ll".as_slice(),
            (true, false) => b".s",
            (false, true) => b".bc",
            (false, false) => b".o",
        };
        { stages }.find_map(own).unwrap_or(usual)
    }

    fn read_linker(&mut self) {
        let inputs = self.items.iter().filter(|item| item.what == What::Input);
        self.inputs = inputs.map(|item| item.at).collect();
        let nothing_to_do = self.inputs.is_empty() && !self.items.any(Effect::Library);
        if nothing_to_do || self.items.any(Effect::Query) {
            self.kind = Kind::Query;
            return;
        }
        self.kind = Kind::Link;
        self.outputs = vec![self.output_option().map_or_else(|| b"a.out".to_vec(), <[u8]>::to_vec)];
    }

    /// `ar [-]KEYS[MODIFIERS] [MEMBER | COUNT] ARCHIVE FILE…`
    fn read_archiver(&mut self) {
        let Some(key) = archiver_key(&self.line) else {
            self.kind = Kind::Query;
            return;
        };
        let keys = self.line.text(key);
        let has = |letter| keys.contains(&letter);
        // `a`, `b` and `i` name a member ahead of the archive; `N` gives a count.
        let skipped = usize::from(has(b'a') || has(b'b') || has(b'i')) + usize::from(has(b'N'));
        let archive = key + 1 + skipped;
        if archive >= self.line.words().len() {
            self.kind = Kind::Query;
            return;
        }
        let changes = [b'r', b'q', b'd', b'm'].into_iter().any(has);
        let index_only = has(b's') && ![b't', b'p', b'x'].into_iter().any(has);
        if changes || index_only {
            self.kind = Kind::Archive;
            self.outputs = vec![self.line.text(archive).to_vec()];
            // What is deleted or moved is named by members, and is no file.
            if [b'r', b'q'].into_iter().any(has) {
                self.inputs = (archive + 1..self.line.words().len()).collect();
            }
        } else {
            self.kind = if has(b'x') { Kind::Other } else { Kind::Query };
            self.inputs = vec![archive];
        }
    }

    fn read_plain(&mut self) {
        // A cache's own commands, or a compiler that nobody knows: what it reads and writes cannot be told.
        if self.role == Role::Launcher {
            return;
        }
        let inputs = self.items.iter().filter(|item| item.what == What::Input);
        self.inputs = inputs.map(|item| item.at).collect();
        let output = self.output_option().map(<[u8]>::to_vec);
        let named = |at: &usize| self.line.text(*at).to_vec();
        (self.kind, self.outputs) = match self.role {
            _ if self.items.any(Effect::Query) => (Kind::Query, Vec::new()),
            // The assembler reads stdin if no file is named.
            Role::As => (Kind::Assemble, vec![output.unwrap_or_else(|| b"a.out".to_vec())]),
            _ if self.inputs.is_empty() => (Kind::Query, Vec::new()),
            Role::Strip => {
                (Kind::Other, output.map_or_else(|| self.inputs.iter().map(named).collect(), |o| vec![o]))
            }
            // `objcopy IN [OUT]`
            Role::Objcopy => {
                let outputs = self.inputs.get(1).or(self.inputs.first()).map(named).into_iter().collect();
                self.inputs.truncate(1);
                (Kind::Other, outputs)
            }
            Role::Ranlib => (Kind::Archive, self.inputs.iter().map(named).collect()),
            Role::Nm => (Kind::Query, Vec::new()),
            _ => (Kind::Other, output.into_iter().collect()),
        };
    }
}

/// Word index of an archiver's operation letters; `None` if it only answers a question.
#[must_use]
pub fn archiver_key(line: &Line<'_>) -> Option<usize> {
    let mut at = 0;
    loop {
        match line.text(at) {
            b"" => return None,
            b"--plugin" | b"--target" | b"--output" | b"--thin-prefix" => at += 2,
            long if long.starts_with(b"--") => {
                if matches!(long, b"--version" | b"--help") {
                    return None;
                }
                at += 1;
            }
            // An MRI script on stdin, a version, or a lone dash.
            b"-M" | b"-V" | b"-h" | b"-" => return None,
            _ => return Some(at),
        }
    }
}

/// A kind of source.
#[derive(Clone, Copy, Debug)]
struct Source {
    language: Language,
    header: bool,
}

impl Source {
    const fn of(language: Language) -> Self {
        Self { language, header: false }
    }
}

/// The language that `-x` names.
fn by_name(name: &[u8]) -> Source {
    let header = name.ends_with(b"-header") || name.ends_with(b"-header-unit");
    let plain = name.strip_suffix(b"-header-unit").or(name.strip_suffix(b"-header")).unwrap_or(name);
    let language = match plain {
        b"c" | b"cpp-output" => Language::C,
        b"c++" | b"c++-cpp-output" | b"c++-module" | b"c++-system" | b"c++-user" => Language::Cxx,
        b"objective-c" | b"objective-c-cpp-output" | b"objc-cpp-output" => Language::ObjC,
        b"objective-c++" | b"objective-c++-cpp-output" | b"objc++-cpp-output" => Language::ObjCxx,
        b"assembler" => Language::Asm,
        b"assembler-with-cpp" => Language::AsmCpp,
        b"hip" | b"hip-cpp-output" => Language::Hip,
        b"cuda" | b"cuda-cpp-output" => Language::Cuda,
        name if name.starts_with(b"f77") || name.starts_with(b"f95") => Language::Fortran,
        _ => Language::Other,
    };
    Source { language, header }
}

/// File extensions and what they stand for (GCC's manual, "Options Controlling the Kind of Output").
const EXTENSIONS: &[(&[&str], Language)] = &[
    (&["c", "i"], Language::C),
    (&["cc", "cp", "cxx", "cpp", "CPP", "c++", "C", "ii", "cppm", "ixx", "ccm", "cxxm"], Language::Cxx),
    (&["m", "mi"], Language::ObjC),
    (&["mm", "M", "mii"], Language::ObjCxx),
    (
        &[
            "f", "for", "ftn", "fi", "F", "FOR", "fpp", "FPP", "FTN", "f90", "f95", "f03", "f08", "fii",
            "F90", "F95", "F03", "F08",
        ],
        Language::Fortran,
    ),
    (&["S", "sx"], Language::AsmCpp),
    (&["s"], Language::Asm),
    (&["hip"], Language::Hip),
    (&["cu"], Language::Cuda),
    (&["go", "d", "di", "dd", "adb", "ads", "ll", "bc", "cl"], Language::Other),
];

/// Extensions of headers, which are precompiled.
const HEADERS: &[(&[&str], Language)] =
    &[(&["h"], Language::C), (&["hh", "H", "hp", "hxx", "hpp", "HPP", "h++", "tcc"], Language::Cxx)];

fn by_extension(path: &[u8]) -> Option<Source> {
    let name = base_name(path);
    let extension = &name[stem(name).len()..];
    let extension = extension.strip_prefix(b".")?;
    let within = |table: &[(&[&str], Language)]| {
        table
            .iter()
            .find(|(all, _)| all.iter().any(|e| e.as_bytes() == extension))
            .map(|(_, language)| *language)
    };
    if let Some(language) = within(EXTENSIONS) {
        return Some(Source::of(language));
    }
    within(HEADERS).map(|language| Source { language, header: true })
}

/// A C++ driver takes C for C++.
fn as_cxx_driver(language: Language) -> Language {
    match language {
        Language::C => Language::Cxx,
        Language::ObjC => Language::ObjCxx,
        other => other,
    }
}

/// The output that a driver derives from a source: `dir/a.c` gives `a.o` in the working folder.
/// A precompiled header stands beside it, under its whole name.
fn derived(source: &[u8], extension: &[u8], beside: bool) -> Vec<u8> {
    [if beside { source } else { stem(base_name(source)) }, extension].concat()
}
