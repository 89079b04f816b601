//! The closed sets of which plans and toolchain files are made, each with its spelling in TOML and its
//! number in the flat file. One table a set: the writer, the reader, the TOML loader and the generated
//! documentation all read these.

/// Declares a set: variants with a documentation line, a spelling and the number of their place.
macro_rules! codes {
    ($(#[$m:meta])* $name:ident { $($(#[$vm:meta])* $v:ident = $s:literal,)+ }) => {
        $(#[$m])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name { $($(#[$vm])* $v,)+ }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [$name] = &[$($name::$v,)+];

            /// As toolchain files, records and documentation spell it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $($name::$v => $s,)+ }
            }

            /// The one with this spelling.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|c| c.name() == text)
            }

            /// Its number in a plan.
            #[must_use]
            pub const fn code(self) -> u8 { self as u8 }

            /// The one with this number.
            #[must_use]
            pub fn from_code(code: u8) -> Option<Self> {
                Self::ALL.get(usize::from(code)).copied()
            }
        }
    };
}

codes! {
    /// How a tool reads its arguments.
    Dialect {
        /// GNU compiler drivers.
        Gcc = "gcc",
        /// LLVM compiler drivers.
        Clang = "clang",
        /// ELF linkers called directly.
        Ld = "ld",
        /// Archivers: a key of letters, then files.
        Ar = "ar",
        /// `objcopy` and `strip`, whose short options are not those of the assembler.
        Objcopy = "objcopy",
        /// Tools that are recorded; at most an argument of ours goes before theirs (`ranlib -D`).
        Plain = "plain",
    }
}

codes! {
    /// What a name in the shim folder stands for.
    Role {
        /// C driver: `cc`, `gcc`, `clang`.
        Cc = "cc",
        /// C++ driver: `c++`, `g++`, `clang++`.
        Cxx = "cxx",
        /// Fortran driver.
        Fortran = "fortran",
        /// Preprocessor called by name.
        Cpp = "cpp",
        /// HIP driver: recorded, not rewritten yet.
        Hip = "hip",
        /// Linker called by name.
        Ld = "ld",
        /// Assembler called by name.
        As = "as",
        /// Archiver.
        Ar = "ar",
        /// Archive index.
        Ranlib = "ranlib",
        /// Symbol lister.
        Nm = "nm",
        /// Symbol remover.
        Strip = "strip",
        /// Object copier.
        Objcopy = "objcopy",
        /// Runs a compiler given as its argument: ccache, sccache, distcc.
        Launcher = "launcher",
    }
}

codes! {
    /// Where the value of an option stands.
    Form {
        /// No value: the whole argument is the spelling.
        Flag = "flag",
        /// The next argument: `-o x`.
        Separate = "separate",
        /// Behind the spelling: `-std=c++17`, `-O2`. May be empty.
        Joined = "joined",
        /// Behind the spelling, or the next argument if there is nothing: `-Ix`, `-I x`.
        JoinedOrSeparate = "joined-or-separate",
        /// Behind the spelling, a list parted by commas: `-Wl,a,b`.
        Commas = "commas",
    }
}

codes! {
    /// What an option means to the shim. What is none of these passes untouched as [`Effect::None`].
    Effect {
        /// Nothing: the row only says where the value is.
        None = "none",
        /// `-c`: stop after the assembler.
        CompileOnly = "compile-only",
        /// `-S`: stop after the compiler.
        AssemblyOnly = "assembly-only",
        /// `-E`: stop after the preprocessor.
        PreprocessOnly = "preprocess-only",
        /// `-M`, `-MM`: dependencies in place of output.
        DependenciesOnly = "dependencies-only",
        /// `-emit-llvm`: LLVM's own code in place of objects and assembly.
        EmitLlvm = "emit-llvm",
        /// `-MD`, `-MMD`: dependencies beside the output, in a file of its name unless `-MF` names one.
        DependenciesBeside = "dependencies-beside",
        /// `-fsyntax-only`: no output at all.
        SyntaxOnly = "syntax-only",
        /// Answers a question and ends: `--version`, `-dumpmachine`, `-print-…`.
        Query = "query",
        /// `-###`: shows what would run.
        DryRun = "dry-run",
        /// `-cc1`, `-cc1as`: the driver calling itself.
        Internal = "internal",
        /// `--driver-mode=`.
        DriverMode = "driver-mode",
        /// `-shared`.
        Shared = "shared",
        /// `-o`.
        Output = "output",
        /// `-x`.
        Language = "language",
        /// `-MF`: where dependencies go.
        DepFile = "dep-file",
        /// `-l`: a library, which is an input of the link.
        Library = "library",
        /// Instruction set by name of a processor or level: `-march=`.
        March = "march",
        /// `-mtune=`, and `-mcpu=` where it means that.
        Mtune = "mtune",
        /// One instruction-set extension switched on: `-mavx2`.
        IsaOn = "isa-on",
        /// One instruction-set extension switched off: `-mno-avx2`.
        IsaOff = "isa-off",
        /// Another word size or machine: `-m32`, `--target=`.
        Machine = "machine",
        /// GPU target: `--offload-arch=`. Recorded; its rules come with the GPU families.
        GpuArch = "gpu-arch",
        /// `-Werror`.
        Werror = "werror",
        /// `-Werror=X`.
        WerrorOne = "werror-one",
        /// The output of the link is not to be marked with a level: `-r` makes an object, and a linker that is not the
        /// default one (`-fuse-ld=lld`) may not know the marker.
        Unmarked = "unmarked",
        /// `-frandom-seed=`.
        RandomSeed = "random-seed",
        /// `-Wl,`, `-Xlinker` and `-z`: for the linker.
        ForLinker = "for-linker",
        /// `--`: what follows is a file.
        EndOfOptions = "end-of-options",
        /// `-v`: a query if nothing else is there, chatter otherwise.
        Verbose = "verbose",
        /// A folder of headers: `-I`, `-isystem`.
        IncludeDir = "include-dir",
        /// A folder of libraries: `-L`.
        LibraryDir = "library-dir",
        /// Nothing to the shim itself; rules look at it as it is written.
        AsWritten = "as-written",
    }
}

codes! {
    /// Where injected arguments go.
    Slot {
        /// Ahead of the caller's arguments: the caller's win.
        Before = "before",
        /// Behind the caller's arguments (and ahead of `--`): these win.
        After = "after",
    }
}

codes! {
    /// What a rule does to an argument.
    Action {
        /// Takes it out.
        Drop = "drop",
        /// Puts other arguments in its place.
        Replace = "replace",
        /// Ends the call with an error before the tool runs.
        Refuse = "refuse",
        /// Leaves it, and says so in the record.
        Note = "note",
        /// Leaves it in silence (and ends the search for a rule).
        Keep = "keep",
        /// Answers the question in the tool's place.
        Answer = "answer",
    }
}

codes! {
    /// How the level of an option stands to the level of the family.
    LevelTest {
        /// Not looked at.
        Any = "any",
        /// Below the family's.
        Below = "below",
        /// The family's own.
        Equal = "equal",
        /// Above the family's.
        Above = "above",
        /// At most the family's.
        Within = "within",
        /// Not in the table.
        Unknown = "unknown",
    }
}

codes! {
    /// What a WebAssembly module exports to whoever loads it.
    #[derive(Default)]
    Exports {
        /// What the linker makes of it.
        #[default]
        Linker = "linker",
        /// The init functions of Python modules; of a library that has none, what is visible.
        Pyinit = "pyinit",
        /// What is visible in the objects and archives.
        Requested = "requested",
        /// All that is visible in all of the archives, each of which is taken in whole.
        WholeArchive = "whole_archive",
        /// Names that are given.
        List = "list",
    }
}

codes! {
    /// What is known of a link's exports, as a condition.
    ExportsKnown {
        /// Not looked at.
        Any = "any",
        /// Their names are known.
        Names = "names",
        /// They cannot be told by name: all are meant.
        All = "all",
    }
}

codes! {
    /// What a call does.
    Kind {
        /// Answers a question; makes nothing.
        Query = "query",
        /// Preprocesses.
        Preprocess = "preprocess",
        /// Compiles a source to an object or to assembly.
        Compile = "compile",
        /// Assembles.
        Assemble = "assemble",
        /// Makes or changes an archive.
        Archive = "archive",
        /// Links; may compile sources on the way.
        Link = "link",
        /// Anything else.
        Other = "other",
    }
}

codes! {
    /// What a source is written in.
    Language {
        /// C.
        C = "c",
        /// C++.
        Cxx = "c++",
        /// Objective-C.
        ObjC = "objective-c",
        /// Objective-C++.
        ObjCxx = "objective-c++",
        /// Fortran.
        Fortran = "fortran",
        /// Assembly that is preprocessed (`.S`).
        AsmCpp = "assembler-with-cpp",
        /// Assembly.
        Asm = "assembler",
        /// HIP.
        Hip = "hip",
        /// CUDA.
        Cuda = "cuda",
        /// Something else with a front end (Ada, D, Go, OpenCL, LLVM IR).
        Other = "other",
    }
}

/// Declares a set of codes as bits.
macro_rules! bits {
    ($(#[$m:meta])* $name:ident of $of:ident) => {
        $(#[$m])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name(pub u32);

        impl $name {
            /// None of them.
            pub const NONE: Self = Self(0);
            /// All of them.
            pub const ALL: Self = Self((1 << $of::ALL.len()) - 1);

            /// These.
            #[must_use]
            pub const fn of(list: &[$of]) -> Self {
                let (mut bits, mut i) = (0, 0);
                while i < list.len() {
                    bits |= 1 << list[i] as u32;
                    i += 1;
                }
                Self(bits)
            }

            /// Whether it is among them.
            #[must_use]
            pub const fn has(self, one: $of) -> bool { self.0 & (1 << one as u32) != 0 }

            /// Whether all of `self` are among `other`.
            #[must_use]
            pub const fn within(self, other: Self) -> bool { self.0 & !other.0 == 0 }

            /// Puts one in.
            pub const fn insert(&mut self, one: $of) { self.0 |= 1 << one as u32; }

            /// Whether there are none.
            #[must_use]
            pub const fn is_empty(self) -> bool { self.0 == 0 }

            /// Those in it, in the order of their numbers.
            pub fn iter(self) -> impl Iterator<Item = $of> {
                $of::ALL.iter().copied().filter(move |one| self.has(*one))
            }
        }
    };
}

bits! {
    /// Several [`Kind`]s.
    Kinds of Kind
}
bits! {
    /// Several [`Language`]s.
    Languages of Language
}
