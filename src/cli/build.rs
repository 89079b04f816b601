//! `crosswheel build`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::libraries::LibraryArgs;
use super::out;
use super::session::{RunTests, WerrorChoice};
use crate::build::isolation::InstallerChoice;
use crate::build::{self, Request, interrupt};
use crate::error::{Error, Exit, Result};
use crate::topology::{Family, Topology};

mod summary;
mod view;

/// Arguments of `build`.
#[derive(clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "flags of a command line")]
#[command(after_help = AFTER_HELP, override_usage = USAGE)]
pub(super) struct Args {
    /// A folder, a source distribution (.tar.gz, .zip), or a requirement such as `name==version`, whose source
    /// distribution is fetched from the index that pip is configured for
    #[arg(value_name = "SRC")]
    source: OsString,
    /// Families to build for, one after the other
    #[arg(
        long = "family",
        value_name = "F[,F…]",
        value_delimiter = ',',
        required_unless_present = "list_patches"
    )]
    families: Vec<String>,
    /// Folder for the results: wheels in DIR/FAMILY/, logs in DIR/FAMILY/log/
    #[arg(long, value_name = "DIR", required_unless_present = "list_patches")]
    out: Option<PathBuf>,
    /// Topology that knows the families [default: BUILD_TOPOLOGY.toml here or above, else the built-in one]
    #[arg(long, value_name = "FILE")]
    topology: Option<PathBuf>,
    /// What becomes of -Werror: keep, drop, demote, or add=WARNING,… [default: as the topology says]
    #[arg(long, value_name = "POLICY", value_parser = WerrorChoice::parse)]
    werror: Option<WerrorChoice>,
    /// The Python to build with: a path, a name on PATH, or a version such as 3.12 [default: python3]
    #[arg(long, value_name = "PATH|NAME")]
    python: Option<OsString>,
    /// What installs build dependencies
    #[arg(long, value_enum, default_value_t = Tool::Auto)]
    installer: Tool,
    /// Use the packages of the Python as they are, in place of an isolated environment
    #[arg(long)]
    no_isolation: bool,
    /// Setting for the build backend; may be given more than once
    #[arg(short = 'C', long = "config-setting", value_name = "KEY[=VALUE]")]
    config_settings: Vec<String>,
    /// Folder of patches [default: `patches` beside the topology, if it is there]
    #[arg(long, value_name = "DIR")]
    patches: Option<PathBuf>,
    /// Show which patches apply and why they are needed, and build nothing
    #[arg(long)]
    list_patches: bool,
    /// Leave out what makes two builds give the same bytes: SOURCE_DATE_EPOCH, prefix maps, a fixed hash seed
    #[arg(long)]
    no_reproducible: bool,
    /// Let compiles fail that the backend does without, such as optional extensions
    #[arg(long)]
    allow_failed_compiles: bool,
    /// WebAssembly: build for a Pyodide with another Emscripten than the one that made it, and say so
    #[arg(long)]
    allow_abi_mismatch: bool,
    /// The cross compiler of families that name a C library: zig, which is fetched from PyPI the first time, or gcc, which
    /// is `<triplet>-gcc` on PATH [default: zig]
    #[arg(long, value_name = "NAME")]
    compiler: Option<String>,
    /// Build for this Python of the target, in place of one made of the Python that builds: a folder with headers and
    /// sysconfig data (an unpacked image or sysroot, or its prefix), its interpreter, `debian` for what `crosswheel python add`
    /// fetched, or a name that `python ls` shows
    #[arg(long, value_name = "DIR|EXECUTABLE|NAME")]
    target_python: Option<OsString>,
    #[command(flatten)]
    libraries: LibraryArgs,
    /// Have steps of the build run programs of the target, by this emulator, in a namespace of the build's own
    #[arg(long, value_name = "EMULATOR")]
    run_tests_with: Option<RunTests>,
    /// Fetch nothing: no cross compiler, no source, no build dependency, no library
    #[arg(long)]
    offline: bool,
    /// Keep the work area (source, environment, temporary files) even if all goes well
    #[arg(long)]
    keep: bool,
    /// Show the backend's output as it comes
    #[arg(short, long)]
    verbose: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Families and folder are options by form, which `--list-patches` does without, and must be named otherwise.
const USAGE: &str = "crosswheel build [OPTIONS] --family <F[,F…]> --out <DIR> <SRC>";

const AFTER_HELP: &str = "A bare NAME takes the newest version that has a source distribution. A folder of that \
                          name is taken only if it holds a pyproject.toml or a setup.py; ./NAME always means the \
                          folder.";

/// Choices of `--installer`.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Tool {
    /// uv if it is there, else pip
    Auto,
    /// pip 22.3 or newer
    Pip,
    /// uv
    Uv,
}

/// Runs the verb.
pub(super) fn run(args: Args) -> Result<ExitCode> {
    interrupt::install();
    let (list, json, verbose) = (args.list_patches, args.json, args.verbose);
    let request = request(args)?;
    let mut view = view::View::new(verbose);
    let done = if list {
        build::list_patches(&request, &mut view).and_then(|(name, version, patches)| {
            view.clear();
            out::print(|to| summary::patches(to, &name, &version, &patches, json))?;
            Ok(Exit::Done)
        })
    } else {
        build::build(&request, &mut view).and_then(|report| {
            view.clear();
            out::print(|to| summary::report(to, &report, json))?;
            Ok(if report.is_good() { Exit::Done } else { Exit::Failed })
        })
    };
    view.clear();
    // All guards have run: the work area is gone. What is left is to die as the caller expects.
    interrupt::die();
    done.map(super::exit)
}

fn request(args: Args) -> Result<Request> {
    let mut config_settings = Vec::new();
    for setting in args.config_settings {
        let (key, value) = setting.split_once('=').unwrap_or((&setting, ""));
        if key.is_empty() {
            return Err(Error::usage(format!("--config-setting `{setting}` has no key"))
                .hint("write it such as --config-setting=setup-args=-Dblas=none"));
        }
        config_settings.push((key.to_owned(), value.to_owned()));
    }
    let (topology, beside) = topology(args.topology.as_deref())?;
    let default_patches = || Some(beside.join("patches")).filter(|folder| folder.is_dir());
    let mut families: Vec<Family> = Vec::new();
    for name in args.families.iter().filter(|name| !name.is_empty()) {
        if families.iter().any(|family| family.name == *name) {
            return Err(Error::usage(format!("--family names {name} twice")));
        }
        let mut family = topology.family(name)?;
        if let Some(werror) = &args.werror {
            werror.apply(&mut family.policy)?;
        }
        families.push(family);
    }
    if args.run_tests_with.is_some() && families.iter().all(|family| family.libc_version.is_none()) {
        return Err(Error::usage(
            "--run-tests-with is for families of other machines, and none is built for",
        )
        .hint("programs of this machine run by themselves"));
    }
    Ok(Request {
        source: args.source,
        families,
        out: args.out.unwrap_or_default(),
        python: args.python,
        installer: match args.installer {
            Tool::Auto => InstallerChoice::Auto,
            Tool::Pip => InstallerChoice::Pip,
            Tool::Uv => InstallerChoice::Uv,
        },
        no_isolation: args.no_isolation,
        config_settings,
        packages: topology.packages()?,
        patches: args.patches.or_else(default_patches),
        not_reproducible: args.no_reproducible,
        keep: args.keep,
        compiler: args.compiler,
        target_python: args.target_python,
        libraries: args.libraries.wanted(),
        run_tests: args.run_tests_with.is_some(),
        offline: args.offline,
        allow_failed_compiles: args.allow_failed_compiles,
        allow_abi_mismatch: args.allow_abi_mismatch,
    })
}

/// The topology, and the folder that it lies in: the working folder for the built-in one.
fn topology(named: Option<&Path>) -> Result<(Topology, PathBuf)> {
    let cwd = std::env::current_dir()
        .map_err(|source| Error::failed(format!("the working folder is not to be had: {source}")))?;
    let topology = match named {
        Some(file) if !file.is_file() => {
            return Err(Error::usage(format!("there is no topology {}", file.display())));
        }
        Some(file) => Topology::load(file)?,
        None => Topology::find(&cwd)?,
    };
    let beside = topology.path.as_deref().and_then(Path::parent).map(|folder| cwd.join(folder));
    Ok((topology, beside.unwrap_or(cwd)))
}
