//! The page that `crosswheel wheel inspect` prints for a wheel: what it is, then lists of what is in it.

use std::io::{self, Write};

use super::super::super::out::{self, BOLD, DIM, GREEN, RED, YELLOW, size};
use crate::wheel::Severity;
use crate::wheel::inspect::{Code, Gpu, Inspection, Needs, Same};

/// Writes the page. Lists are cut at `limit` rows; lines are made to fit into `columns`, if they are known.
pub(super) fn write(
    to: &mut dyn Write,
    one: &Inspection,
    limit: usize,
    columns: Option<usize>,
) -> io::Result<()> {
    let mut page = Page { to, limit, columns };
    page.facts(one)?;
    page.problems(one)?;
    page.kinds(one)?;
    page.biggest(one)?;
    page.targets(one)?;
    page.codes(one)?;
    page.duplicates(one)
}

struct Page<'t> {
    to: &'t mut dyn Write,
    limit: usize,
    columns: Option<usize>,
}

/// Names of a group of duplicates that are shown.
const FEW: usize = 4;
/// Columns of the names of facts.
const NAMES: usize = 12;

impl Page<'_> {
    /// What it is: a line each.
    fn facts(&mut self, one: &Inspection) -> io::Result<()> {
        let file = one.wheel.file_name().unwrap_or_default().to_string_lossy();
        match (&one.name, &one.version) {
            (Some(name), Some(version)) => {
                let build = one.build.as_ref().map(|build| format!(", build {build}")).unwrap_or_default();
                writeln!(self.to, "{BOLD}{} {}{BOLD:#}{build}", plain(name), plain(version))?;
            }
            _ => writeln!(self.to, "{BOLD}{}{BOLD:#}", plain(&file))?,
        }
        let files = out::counted(one.files, "file");
        self.fact("size", &format!("{}, unpacked {}, {files}", size(one.size), size(one.unpacked)))?;
        if let Some(tags) = &one.tags {
            let sets = [&tags.python, &tags.abi, &tags.platform].map(|set| set.join("."));
            self.fact("tags", &sets.join("-"))?;
        }
        if let Some(python) = &one.requires_python {
            self.fact("python", &plain(python))?;
        }
        let extras = match one.requires.with_extras {
            0 => String::new(),
            more => format!(", {more} more with extras"),
        };
        self.fact("requires", &format!("{}{extras}", out::counted(one.requires.always, "package")))?;
        self.machines(one)?;
        let needs = needs(&one.needs);
        if !needs.is_empty() {
            self.fact("needs", &needs)?;
        }
        if let Some(platform) = one.platform.first() {
            let because = one.platform_reasons.first().map(|why| format!(": {}", plain(why)));
            self.fact("qualifies", &format!("{platform}{}", because.unwrap_or_default()))?;
        }
        if !one.gpu_targets.is_empty() {
            let objects = one.gpu_targets.iter().map(|row| row.objects).sum();
            let targets = out::counted(one.gpu_targets.len(), "target");
            let objects = out::counted(objects, "code object");
            self.fact("AMD GPU", &format!("{targets}, {objects}, {} of the files", size(one.gpu_bytes)))?;
        }
        if one.nvidia_bytes > 0 {
            self.fact("NVIDIA GPU", &format!("{} of the files", size(one.nvidia_bytes)))?;
        }
        if !one.duplicates.is_empty() {
            let share = share(one.wasted_compressed, one.size);
            let (packed, unpacked) = (size(one.wasted_compressed), size(one.wasted_unpacked));
            self.fact("duplicates", &format!("waste {packed} ({share} of the wheel), unpacked {unpacked}"))?;
        }
        Ok(())
    }

    fn machines(&mut self, one: &Inspection) -> io::Result<()> {
        let of = |code: &&Code| code.machine.as_ref().is_some_and(|machine| one.machines.contains(machine));
        let count = one.code.iter().filter(of).count();
        if count == 0 {
            let pure = one.kinds.iter().all(|kind| kind.kind.name() != "machine code");
            return if pure { self.fact("machine", "any: there is no machine code") } else { Ok(()) };
        }
        let level = one.x86_64_level.map(|level| {
            let at = one.code.iter().filter(|code| code.x86_64_level == Some(level)).count();
            format!(", {at} of them at {}", self::level(level))
        });
        let files = out::counted(count, "ELF file");
        self.fact("machine", &format!("{}: {files}{}", one.machines.join(", "), level.unwrap_or_default()))
    }

    /// What is wrong, and what is not known for that.
    fn problems(&mut self, one: &Inspection) -> io::Result<()> {
        if one.unread.is_empty() && one.findings.is_empty() {
            return Ok(());
        }
        writeln!(self.to)?;
        for unread in &one.unread {
            let member = unread.member.as_deref().map(|member| format!("{BOLD}{}{BOLD:#} ", plain(member)));
            let what = plain(&unread.what);
            writeln!(self.to, "{RED}not read{RED:#}  {}{what}", member.unwrap_or_default())?;
        }
        for finding in one.findings.iter().take(self.limit) {
            let (word, style) = match finding.severity {
                Severity::Fault => ("fault", RED),
                Severity::Note => ("note", YELLOW),
            };
            let member = finding.member.as_deref().map(|member| format!("{BOLD}{}{BOLD:#} ", plain(member)));
            let (what, code) = (plain(&finding.what), finding.code.name());
            let member = member.unwrap_or_default();
            writeln!(self.to, "{style}{word:8}{style:#}  {member}{what}  {DIM}[{code}]{DIM:#}")?;
        }
        self.more(one.findings.len(), "")?;
        if !one.findings.is_empty() {
            writeln!(self.to, "{DIM}hint:{DIM:#} `crosswheel wheel verify` tells all, and what to do")?;
        }
        Ok(())
    }

    fn kinds(&mut self, one: &Inspection) -> io::Result<()> {
        const BAR: usize = 24;
        self.heading(&format!("{SIZES}  {:>6}  {:>8}", "share", "files"), "By kind")?;
        let mut kinds = one.kinds.clone();
        kinds.sort_by_key(|kind| std::cmp::Reverse(kind.compressed));
        for kind in &kinds {
            // Bars are for eyes.
            let bar = match self.columns {
                Some(columns) if columns >= 58 + BAR => {
                    let part = u128::from(kind.compressed) * BAR as u128 / u128::from(one.compressed.max(1));
                    let length = usize::try_from(part).unwrap_or(BAR).min(BAR);
                    if length == 0 {
                        String::new()
                    } else {
                        format!("{GREEN}{}{GREEN:#}", "█".repeat(length))
                    }
                }
                _ => String::new(),
            };
            let share = share(kind.compressed, one.compressed);
            let files = out::count(kind.files as u64);
            let line = format!(
                "{}  {share:>6}  {files:>8}  {:14}{bar}",
                sizes(kind.compressed, kind.unpacked),
                kind.kind.name()
            );
            writeln!(self.to, "{}", line.trim_end())?;
        }
        Ok(())
    }

    fn biggest(&mut self, one: &Inspection) -> io::Result<()> {
        self.heading(SIZES, "Biggest files")?;
        for file in one.entries.iter().take(self.limit) {
            let name = self.cut(&file.path, INDENT.len());
            writeln!(self.to, "{}  {name}", sizes(file.compressed, file.unpacked))?;
        }
        self.more(one.entries.len(), INDENT)
    }

    fn targets(&mut self, one: &Inspection) -> io::Result<()> {
        if one.gpu_targets.is_empty() {
            return Ok(());
        }
        self.heading("      objects    unpacked   files", "GPU targets")?;
        for row in &one.gpu_targets {
            let (objects, files) = (out::count(row.objects as u64), out::count(row.files as u64));
            writeln!(self.to, "  {objects:>11}  {:>10}  {files:>6}  {}", size(row.bytes), row.target)?;
        }
        Ok(())
    }

    fn codes(&mut self, one: &Inspection) -> io::Result<()> {
        if one.code.is_empty() {
            return Ok(());
        }
        self.heading("", "Machine code and GPU code")?;
        let several = one.machines.len() > 1;
        for code in one.code.iter().take(self.limit) {
            self.code(code, several)?;
        }
        self.more(one.code.len(), "  ")
    }

    /// A file of code: what it is, then what it needs.
    fn code(&mut self, code: &Code, machine: bool) -> io::Result<()> {
        let name = self.cut(&code.path, 2);
        writeln!(self.to, "  {BOLD}{name}{BOLD:#}")?;
        let mut about = vec![size(code.unpacked)];
        about.extend(code.machine.clone().filter(|_| machine));
        about.extend(code.x86_64_level.map(level));
        about.extend(Some(needs(&code.needs)).filter(|needs| !needs.is_empty()));
        writeln!(self.to, "    {}", about.join(", "))?;
        let file = code.path.rsplit('/').next().unwrap_or_default();
        if let Some(soname) = code.soname.as_ref().filter(|soname| *soname != file) {
            self.list("soname", [soname.as_str()])?;
        }
        self.list("needs", code.needed.iter().map(String::as_str))?;
        self.folders("rpath", &code.rpath)?;
        self.folders("runpath", &code.runpath)?;
        match &code.gpu {
            Some(gpu) => self.gpu(gpu),
            None => Ok(()),
        }
    }

    /// Folders that are searched: some builds name a hundred.
    fn folders(&mut self, name: &str, all: &[String]) -> io::Result<()> {
        let more = all.len().saturating_sub(self.limit);
        let more = (more > 0).then(|| format!("… {more} more (--all)"));
        self.list(name, all.iter().take(self.limit).chain(&more).map(String::as_str))
    }

    fn gpu(&mut self, gpu: &Gpu) -> io::Result<()> {
        let mut what = Vec::new();
        if gpu.bytes > 0 {
            what.push(format!("{} for AMD", size(gpu.bytes)));
        }
        what.extend(gpu.bundles.iter().map(|(form, count)| format!("{form} × {count}")));
        if gpu.nvidia_bytes > 0 {
            what.push(format!("{} for NVIDIA", size(gpu.nvidia_bytes)));
        }
        if gpu.kpack {
            what.push("in a kpack archive".to_owned());
        }
        self.list("GPU", [what.join(", ").as_str()])?;
        self.list("targets", gpu.targets.iter().map(|row| row.target.as_str()))
    }

    fn duplicates(&mut self, one: &Inspection) -> io::Result<()> {
        if one.duplicates.is_empty() {
            return Ok(());
        }
        self.heading(SIZES, "Wasted by duplicates")?;
        for same in one.duplicates.iter().take(self.limit) {
            let Same { files, wasted_compressed, wasted_unpacked, .. } = same;
            let shown = if self.limit == usize::MAX { files.len() } else { self.limit.min(FEW) };
            for (at, file) in files.iter().take(shown).enumerate() {
                let name = self.cut(file, INDENT.len());
                if at == 0 {
                    writeln!(self.to, "{}  {name}", sizes(*wasted_compressed, *wasted_unpacked))?;
                } else {
                    writeln!(self.to, "{INDENT}{DIM}{name}{DIM:#}")?;
                }
            }
            self.rest(files.len().saturating_sub(shown), INDENT)?;
        }
        match one.duplicates.len().saturating_sub(self.limit) {
            0 => Ok(()),
            more => writeln!(self.to, "  {DIM}… {} more (--all){DIM:#}", out::counted(more, "group")),
        }
    }

    /// The names of columns, the last of which says what the list is of.
    fn heading(&mut self, columns: &str, text: &str) -> io::Result<()> {
        let gap = if columns.is_empty() { "" } else { "  " };
        writeln!(self.to, "\n{DIM}{columns}{DIM:#}{gap}{BOLD}{text}{BOLD:#}")
    }

    fn fact(&mut self, name: &str, value: &str) -> io::Result<()> {
        writeln!(self.to, "  {DIM}{name:NAMES$}{DIM:#}{value}")
    }

    /// A list on a line, or on as many as it takes.
    fn list<'a>(&mut self, name: &str, items: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
        const INDENT: usize = 12;
        let mut line = String::new();
        let mut label = name;
        let room = self.columns.map_or(usize::MAX, |columns| columns.saturating_sub(INDENT).max(20));
        for item in items.into_iter().map(plain) {
            let long = line.chars().count() + 1 + item.chars().count() > room;
            if long && !line.is_empty() {
                writeln!(self.to, "    {DIM}{label:8}{DIM:#}{line}")?;
                (label, line) = ("", String::new());
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line += &item;
        }
        if line.is_empty() { Ok(()) } else { writeln!(self.to, "    {DIM}{label:8}{DIM:#}{line}") }
    }

    /// How many rows of a list were not shown.
    fn more(&mut self, rows: usize, indent: &str) -> io::Result<()> {
        self.rest(rows.saturating_sub(self.limit), indent)
    }

    fn rest(&mut self, rows: usize, indent: &str) -> io::Result<()> {
        match rows {
            0 => Ok(()),
            rows => writeln!(self.to, "{indent}{DIM}… {} more (--all){DIM:#}", out::count(rows as u64)),
        }
    }

    /// A path that fits beside `taken` columns: its end is what tells.
    fn cut(&self, path: &str, taken: usize) -> String {
        let path = plain(path);
        let Some(room) = self.columns.map(|columns| columns.saturating_sub(taken).max(20)) else {
            return path;
        };
        let length = path.chars().count();
        if length <= room {
            return path;
        }
        std::iter::once('…').chain(path.chars().skip(length + 1 - room)).collect()
    }
}

/// The names of the columns of [`sizes`].
const SIZES: &str = "  compressed    unpacked";
/// Where names stand beside them.
const INDENT: &str = "                          ";

/// Two columns: in the archive, unpacked.
fn sizes(compressed: u64, unpacked: u64) -> String {
    format!("  {:>10}  {:>10}", size(compressed), size(unpacked))
}

/// Part of a whole, for people.
fn share(part: u64, whole: u64) -> String {
    let tenths = u128::from(part) * 1000 / u128::from(whole.max(1));
    if tenths < 100 {
        format!("{}.{} %", tenths / 10, tenths % 10)
    } else {
        format!("{} %", (tenths + 5) / 10)
    }
}

fn level(level: u8) -> String {
    match level {
        0 | 1 => "x86-64".to_owned(),
        level => format!("x86-64-v{level}"),
    }
}

fn needs(needs: &Needs) -> String {
    let row =
        |name: &str, version: &Option<String>| version.as_ref().map(|version| format!("{name} {version}"));
    let mut all: Vec<String> = needs.musl.then(|| "musl".to_owned()).into_iter().collect();
    all.extend(row("glibc", &needs.glibc));
    all.extend(row("GLIBCXX", &needs.glibcxx));
    all.extend(row("CXXABI", &needs.cxxabi));
    all.join(", ")
}

/// A text of a wheel, without what a terminal would obey.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}
