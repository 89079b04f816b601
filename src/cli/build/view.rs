//! What is seen of a build while it runs: one live line on a terminal, and in a log only where each step begins and
//! ends. All of it goes to stderr; stdout is for the result.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::time::{Duration, Instant};

use crate::build::report::FamilyReport;
use crate::build::{Event, Observer, progress};
use crate::cli::{CYAN, RED};
use crate::environment;

/// How often the live line is drawn.
const PACE: Duration = Duration::from_millis(100);

/// The view.
pub(super) struct View {
    /// A live line is possible.
    live: bool,
    verbose: bool,
    /// Something is on the live line.
    drawn: bool,
    label: String,
    begun: Instant,
    last: Instant,
    progress: progress::Progress,
}

impl View {
    pub(super) fn new(verbose: bool) -> Self {
        let dumb = std::env::var_os(environment::TERM).is_some_and(|term| term == "dumb");
        let live = std::io::stderr().is_terminal() && !dumb && std::env::var_os(environment::CI).is_none();
        let now = Instant::now();
        Self {
            live,
            verbose,
            drawn: false,
            label: String::new(),
            begun: now,
            last: now.checked_sub(PACE).unwrap_or(now),
            progress: progress::Progress::default(),
        }
    }

    /// Takes the live line away.
    pub(super) fn clear(&mut self) {
        if self.drawn {
            anstream::eprint!("\r\x1b[K");
            self.drawn = false;
        }
    }

    fn line(&mut self, text: &str) {
        self.clear();
        anstream::eprintln!("{text}");
    }

    fn start(&mut self, label: String) {
        self.label = label;
        self.begun = Instant::now();
        self.progress = progress::Progress::default();
    }

    fn draw(&mut self) {
        if !self.live || self.verbose || self.last.elapsed() < PACE {
            return;
        }
        self.last = Instant::now();
        let mut text = format!("{} {}", self.label, clock(self.begun.elapsed()));
        if self.progress.begun > 0 {
            let plural = if self.progress.begun == 1 { "" } else { "s" };
            // Writing to a string cannot fail.
            let _ = write!(text, "  {} call{plural}", self.progress.begun);
        }
        if let Some(current) = &self.progress.current {
            text.push_str("  ");
            text.push_str(current);
        }
        // One line only, or the next drawing leaves a rest behind.
        let text: String = text.chars().filter(|c| !c.is_control()).take(width()).collect();
        anstream::eprint!("\r{text}\x1b[K");
        drop(std::io::stderr().flush());
        self.drawn = true;
    }

    fn end(&mut self, report: &FamilyReport) {
        let time = clock(Duration::from_secs_f64(report.seconds.max(0.0)));
        if let Some(wheel) = &report.wheel {
            let name = wheel.path.file_name().unwrap_or_default().display().to_string();
            self.line(&format!("{}: {name} in {time}", report.family));
            return;
        }
        self.line(&format!("{RED}{}: failed{RED:#} after {time}", report.family));
        let log = report.log.join("backend.log");
        if report.error.is_some()
            && !self.verbose
            && let Ok(tail) = progress::tail(&log, 20)
            && !tail.is_empty()
        {
            self.line(&format!("the last lines of {}:", log.display()));
            for line in tail.lines() {
                self.line(&format!("  | {line}"));
            }
        }
    }
}

impl Observer for View {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Step(what) => {
                if !self.live || self.verbose {
                    self.line(what);
                }
                self.start(what.to_owned());
                self.last = self.last.checked_sub(PACE).unwrap_or(self.last);
                self.draw();
            }
            Event::Note(text) => self.line(&format!("{CYAN}note:{CYAN:#} {text}")),
            Event::Begin { family, number, of } => {
                let count = if of > 1 { format!(" ({number} of {of})") } else { String::new() };
                if !self.live || self.verbose {
                    self.line(&format!("building for {family}{count}"));
                }
                self.start(format!("{family}{count}"));
            }
            Event::Progress(progress) => {
                self.progress.clone_from(progress);
                self.draw();
            }
            Event::Output(bytes) if self.verbose => {
                // The terminal may be gone; the build and its log are not.
                drop(std::io::stderr().write_all(bytes));
            }
            Event::Output(_) | Event::Tick => self.draw(),
            Event::End(report) => self.end(report),
        }
    }
}

/// Columns of the terminal, less one.
fn width() -> usize {
    let size = terminal_size::terminal_size_of(std::io::stderr());
    size.map_or(79, |(terminal_size::Width(columns), _)| usize::from(columns).saturating_sub(1))
}

/// A duration as people read it.
pub(super) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 {
        format!("{:.1}s", time.as_secs_f64())
    } else {
        format!("{}m{:02}s", seconds / 60, seconds % 60)
    }
}
