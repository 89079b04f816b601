//! The shim is the tool for its caller: streams, descriptors, signals and exit status (rules 4 and 19 to 22).

mod common;

use common::{Folder, tool};
use crosswheel_shim::plan::*;

fn folder() -> Folder {
    Folder::new(PlanData { tools: vec![tool("cc", Role::Cc, Dialect::Gcc)], ..PlanData::default() })
}

#[test]
fn rule_19_exit_status_is_that_of_the_tool() {
    let f = folder();
    for status in [0, 1, 42, 255] {
        let output =
            f.command("cc", ["-c", "a.c"]).env("FAKE_DO", format!("exit {status}")).output().unwrap();
        assert_eq!(output.status.code(), Some(status));
    }
}
