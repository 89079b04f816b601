//! Any arguments: what is not edited comes out byte for byte; what is edited is told of, and the rest stands.
#![no_main]

use crosswheel_fuzz::{Table, busy, idle, pieces};
use crosswheel_shim::args::Line;
use crosswheel_shim::dispatch::dispatch;
use crosswheel_shim::invocation::Invocation;
use crosswheel_shim::plan::Plan;
use crosswheel_shim::probe::{Place, probe};
use crosswheel_shim::rewrite::decide;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let all = pieces(data);
    let files = Table::new(&all);
    let rest = all.get(3..).unwrap_or_default();
    let Some((cwd, args)) = rest.split_first() else { return };
    let place = Place { cwd, temp: b"/tmp" };
    for bytes in [idle(), busy()] {
        let plan = Plan::open(bytes).expect("a sound plan");
        for tool in plan.tools().iter() {
            let Some(target) = dispatch(plan, tool.name(), args) else { panic!("a tool of the plan") };
            let options = plan.options(target.tool.dialect());
            let call = Invocation::read(
                Line::read(target.args, &files),
                target.tool.role(),
                target.tool.dialect(),
                options,
            );
            let probed = probe(plan, &call, place).is_some();
            let decision = decide(&call, target.tool.profile(), probed, place);
            if decision.refusal.is_some() {
                assert!(decision.args.is_empty());
            } else if !decision.changed() {
                let given: Vec<&[u8]> = decision.args.iter().map(|arg| &**arg).collect();
                assert_eq!(given, target.args);
            } else {
                assert!(!decision.edits.is_empty());
                // What no edit names is still there, in its order.
                let words = call.line.words();
                let touched: Vec<_> =
                    decision.edits.iter().flat_map(|edit| edit.at..edit.at + edit.before.len()).collect();
                let mut out = decision.args.iter();
                for (at, word) in words.iter().enumerate() {
                    let named = call.line.files().contains(&word.origin);
                    if !touched.contains(&at) && !named {
                        assert!(out.any(|arg| **arg == *word.text), "{:?} is gone", word.text);
                    }
                }
            }
            if let Some(retry) = &decision.retry {
                assert!(retry.len() > decision.args.len());
            }
        }
    }
});
