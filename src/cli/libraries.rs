//! Arguments by which a build is given libraries of the target; `build`, `run`, `env` and `explain` share them.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::build::cross::system::{Prefer, Wanted};

/// Which libraries of the target a build sees.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct LibraryArgs {
    /// System root of the target, for packages that link its libraries: a folder with `usr/include` and `usr/lib`, or
    /// `include` and `lib`; or one of `crosswheel sysroot ls` by its name
    #[arg(long, value_name = "DIR|NAME", conflicts_with_all = ["libraries", "debian"])]
    sysroot: Option<PathBuf>,
    /// Packages of Debian for the target, such as libffi-dev: the build sees these and what they depend on. They are
    /// fetched the first time, as by `crosswheel sysroot add`
    #[arg(long, value_name = "PKG[,PKG…]", value_delimiter = ',')]
    libraries: Vec<String>,
    /// The release that these are of [default: the oldest known one that has the machine]
    #[arg(long, value_name = "SUITE", requires = "libraries")]
    debian: Option<String>,
    /// What is linked where a library of the target is there both ways. A shared one must be allowed by the wheel's tag, or
    /// be put into the wheel afterwards
    #[arg(long = "link", value_enum, value_name = "KIND", default_value_t = Kind::Static)]
    kind: Kind,
}

/// Choices of `--link`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// The archive
    Static,
    /// The shared library
    Shared,
}

impl LibraryArgs {
    /// What is asked for.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            sysroot: self.sysroot.clone(),
            packages: self.libraries.iter().filter(|name| !name.is_empty()).cloned().collect(),
            suite: self.debian.clone(),
            prefer: match self.kind {
                Kind::Static => Prefer::Static,
                Kind::Shared => Prefer::Shared,
            },
        }
    }
}
