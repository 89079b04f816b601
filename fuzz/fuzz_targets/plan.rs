//! Any bytes behind the header of a plan: every answer is had, and no answer is a crash or without end.
#![no_main]

use crosswheel_fuzz::{Table, busy, pieces};
use crosswheel_shim::args::Line;
use crosswheel_shim::dispatch::dispatch;
use crosswheel_shim::invocation::Invocation;
use crosswheel_shim::plan::{Dialect, Plan, layout};
use crosswheel_shim::probe::{Place, probe};
use crosswheel_shim::record::{self, Begin};
use crosswheel_shim::rewrite::decide;
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;

/// Makes magic, version, length and checksum right.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let least = layout::HEADER + 4 * layout::ROOT;
    bytes.resize(bytes.len().max(least), 0);
    let length = u32::try_from(bytes.len()).expect("a short input");
    bytes[..8].copy_from_slice(layout::MAGIC);
    bytes[8..12].copy_from_slice(&layout::VERSION.to_le_bytes());
    bytes[12..16].copy_from_slice(&length.to_le_bytes());
    let sum = layout::checksum(&bytes[layout::HEADER..]);
    bytes[16..24].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// A sound plan with bytes changed: three of the input say where and how. Random bytes alone seldom have a list.
fn changed(data: &[u8]) -> Vec<u8> {
    let mut bytes = busy().to_vec();
    for change in data.as_chunks::<3>().0 {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % bytes.len();
        bytes[at] = change[2];
    }
    bytes
}

fuzz_target!(|data: &[u8]| {
    // As it comes, it is refused or read.
    let _ = Plan::open(data).map(ask);
    let Some((kind, data)) = data.split_first() else { return };
    let bytes = sealed(if kind % 2 == 0 { changed(data) } else { data.to_vec() });
    ask(Plan::open(&bytes).expect("it was sealed"));
});

/// Asks everything that the shim ever asks.
fn ask(plan: Plan<'_>) {
    let _ = (plan.family(), plan.bin(), plan.record(), plan.scratch());
    for dialect in Dialect::ALL {
        let options = plan.options(*dialect);
        for arg in [&b"-march=native"[..], b"-o", b"", b"-\xff", b"--version"] {
            let _ = options.find(arg).map(|row| (row.spelling(), row.form(), row.effect(), row.level()));
        }
    }
    for row in plan.probes().iter().take(64) {
        let _ = (row.name(), row.why(), row.cwd(), row.input(), row.output(), row.no_output(), row.outside());
    }
    let contents = pieces(b"-march=native -c\0'x y' @a\0");
    let files = Table::new(&contents);
    let args: [&[u8]; 7] = [b"-march=native", b"-Werror=x", b"@a", b"-o", b"x.o", b"/tmp/a.c", b"--"];
    let place = Place { cwd: b"/work", temp: b"/tmp" };
    let names: Vec<_> = plan.tools().iter().take(16).map(|tool| tool.name().to_vec()).collect();
    for name in names.iter().map(Vec::as_slice).chain([&b"cc"[..], b"ccache", b""]) {
        let Some(target) = dispatch(plan, name, &args) else { continue };
        let tool = target.tool;
        let _ = (target.program(), target.head(true).count(), tool.machine(), tool.keeps_path());
        let options = plan.options(tool.dialect());
        let call = Invocation::read(Line::read(target.args, &files), tool.role(), tool.dialect(), options);
        let probed = probe(plan, &call, place);
        // A made-up profile can have thousands of rules that each put thousands of arguments in; a file on disk
        // of that kind was not made by us, and is only slow.
        let many = tool.profile().is_some_and(|profile| {
            let most = |count: usize| count > 64;
            most(profile.rules().len())
                || most(profile.injections().len())
                || profile.rules().iter().any(|rule| most(rule.with().count()))
                || profile.injections().iter().any(|injection| most(injection.flags().count()))
                || profile.demote().is_some_and(|demote| most(demote.flags().count()))
        });
        if many {
            continue;
        }
        let decision = decide(&call, tool.profile(), probed.is_some(), place);
        let argv: Vec<&[u8]> = [name].into_iter().chain(args).collect();
        let env = [c"CFLAGS=-O2", c"PATH=/bin", c"odd"];
        let line = record::begin(&Begin {
            id: [0; 6],
            time: 1,
            pids: (2, 1),
            plan,
            name,
            cwd: b"/work",
            argv: &argv,
            env: &env,
            parent: Some(name),
            target: &target,
            call: &call,
            probe: probed.map(crosswheel_shim::plan::view::Probe::name),
            decision: &decision,
        });
        let line = line.bytes();
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        serde_json::from_slice::<IgnoredAny>(line).expect("JSON");
    }
}
