//! What of an ELF file can be another: a closed set, from what matters most to what only follows.

use object::elf;
use serde::Serialize;

/// Notes of the annobin plug-in: what each compile was given.
const ANNOBIN: &str = ".gnu.build.attributes";

/// A part of what an ELF file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// What runs it.
    Machine,
    /// Library, executable or object.
    Type,
    /// Sections that are executed.
    Code,
    /// Code for a GPU.
    GpuCode,
    /// Sections that are loaded, and are neither code nor tables.
    Data,
    /// Dynamic symbols.
    Symbols,
    /// Symbol versions that are needed of other libraries.
    SymbolVersions,
    /// NEEDED.
    Needed,
    /// SONAME.
    Soname,
    /// RPATH and RUNPATH.
    Rpath,
    /// The interpreter.
    Interpreter,
    /// GNU properties: the level of instructions, protection of control flow.
    Properties,
    /// Other notes.
    Notes,
    /// The build-id.
    BuildId,
    /// What compilers said of themselves.
    Comment,
    /// Information for debuggers, and where it is.
    Debug,
    /// The full symbol table.
    SymbolTable,
    /// Other sections that are not loaded.
    Other,
    /// Where things are, and what is computed from it: relocations, tables for unwinding and for symbols, headers.
    Layout,
}

impl Aspect {
    /// For people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Type => "type",
            Self::Code => "code",
            Self::GpuCode => "GPU code",
            Self::Data => "data",
            Self::Symbols => "dynamic symbols",
            Self::SymbolVersions => "symbol versions needed",
            Self::Needed => "NEEDED",
            Self::Soname => "SONAME",
            Self::Rpath => "RPATH",
            Self::Interpreter => "interpreter",
            Self::Properties => "GNU properties",
            Self::Notes => "notes",
            Self::BuildId => "build-id",
            Self::Comment => ".comment",
            Self::Debug => "debug information",
            Self::SymbolTable => "symbol table",
            Self::Other => "other sections",
            Self::Layout => "layout",
        }
    }

    /// Whether it is what runs, or on what.
    #[must_use]
    pub const fn is_run(self) -> bool {
        matches!(self, Self::Machine | Self::Code | Self::GpuCode)
    }

    /// What a section is part of.
    pub(super) fn of_section(name: &str, kind: u32, flags: u64) -> Self {
        const GPU: &[&str] =
            &[".hip_fatbin", ".hipFatBinSegment", ".nv_fatbin", "__nv_relfatbin", ".nvFatBinSegment"];
        const DEBUG: &[&str] =
            &[".debug", ".zdebug", ".gnu_debug", ".gdb_index", ".stab", ".gnu.debug", ".line", ".BTF"];
        const UNWIND: &[&str] = &[".eh_frame", ".gcc_except_table", ".ARM.exidx", ".ARM.extab", ".sframe"];
        let begins = |names: &[&str]| names.iter().any(|begin| name.starts_with(begin));
        if begins(GPU) {
            return Self::GpuCode;
        }
        if flags & elf::SHF_EXECINSTR.0 != 0 {
            return Self::Code;
        }
        if begins(DEBUG) {
            return Self::Debug;
        }
        if name == ".comment" {
            return Self::Comment;
        }
        match elf::SectionType(kind) {
            elf::SHT_NOTE if name == ANNOBIN => Self::Other,
            elf::SHT_NOTE if name.ends_with(".build-id") => Self::BuildId,
            elf::SHT_NOTE if name == ".note.gnu.property" => Self::Properties,
            elf::SHT_NOTE => Self::Notes,
            elf::SHT_SYMTAB | elf::SHT_SYMTAB_SHNDX => Self::SymbolTable,
            elf::SHT_STRTAB if name == ".strtab" => Self::SymbolTable,
            elf::SHT_STRTAB
            | elf::SHT_REL
            | elf::SHT_RELA
            | elf::SHT_RELR
            | elf::SHT_DYNAMIC
            | elf::SHT_DYNSYM
            | elf::SHT_HASH
            | elf::SHT_GNU_HASH
            | elf::SHT_GNU_VERSYM
            | elf::SHT_GNU_VERNEED
            | elf::SHT_GNU_VERDEF
            | elf::SHT_GROUP => Self::Layout,
            _ if name == ".interp" => Self::Interpreter,
            _ if begins(UNWIND) || name.starts_with(".got") || name == ".relro_padding" => Self::Layout,
            _ if flags & elf::SHF_ALLOC.0 == 0 => Self::Other,
            _ => Self::Data,
        }
    }

    /// Whether a section's bytes say no more than what was read out of them.
    #[must_use]
    pub const fn is_read(self) -> bool {
        matches!(
            self,
            Self::SymbolTable
                | Self::BuildId
                | Self::Comment
                | Self::Properties
                | Self::Notes
                | Self::Interpreter
        )
    }
}
