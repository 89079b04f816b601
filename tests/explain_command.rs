//! `crosswheel explain`: what would happen to a call, without running it.

mod shop;

use std::process::Stdio;

use shop::{Shop, said};

const X86: &str = "x86_64-linux-gnu";

#[test]
fn a_name_that_is_not_answered_is_told_with_near_ones_and_not_with_all() {
    let shop = Shop::new();
    shop.gcc("a/gcc", X86);
    shop.gcc("a/aarch64-linux-gnu-cpp", "aarch64-linux-gnu");
    let output = shop.run(&shop.text("a"), &["explain", "--family", "host", "--", "gccc", "-c", "a.c"]);
    assert_eq!(output.status.code(), Some(127));
    let told = said(&output);
    assert!(told.contains("did you mean `gcc`?") && told.contains("`crosswheel doctor`"), "{told}");
    assert!(!told.contains("aarch64"), "{told}");
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let shop = Shop::new();
    shop.gcc("a/gcc", X86);
    let mut command =
        shop.command(&shop.text("a"), &["explain", "--family", "host", "--", "gcc", "-c", "a.c"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", said(&output));
}
