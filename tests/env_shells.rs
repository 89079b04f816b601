//! `crosswheel env`: what a shell, a program or GitHub Actions makes of the settings.

mod shop;

use std::fs;
use std::process::Command;

use shop::{Shop, said};

const SYSTEM: &str = "/usr/bin:/bin";

/// Where a shell finds `cc` after it has read the settings, and its CC.
fn seen(shop: &Shop, shell: &str, script: &str) -> String {
    let program = env!("CARGO_BIN_EXE_crosswheel");
    let output = Command::new(shell)
        .args([
            "-c",
            &script.replace(
                "ENV",
                &format!("{program} env --family host --dir 'it'\\''s here' --shell {shell}"),
            ),
        ])
        .current_dir(shop.at(""))
        .env_clear()
        .env("PATH", SYSTEM)
        .env("HOME", shop.at(""))
        .env("CC", "/usr/bin/gcc -DX=\"it's $HOME\"")
        .output()
        .unwrap_or_else(|error| panic!("{shell} is needed (`apt install {shell}`): {error}"));
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn shells_find_the_shim_after_they_have_read_the_settings() {
    for (shell, script) in [
        ("sh", "eval \"$(ENV)\"; command -v cc; printf '%s\\n' \"$CC\""),
        ("bash", "eval \"$(ENV)\"; command -v cc; printf '%s\\n' \"$CC\""),
        ("fish", "ENV | source; command -v cc; printf '%s\\n' $CC; printf '%s\\n' $PATH[2]"),
    ] {
        let shop = Shop::new();
        // fish quotes otherwise.
        let script = if shell == "fish" { script.replace("ENV", &fish(&shop)) } else { script.to_owned() };
        let lines = seen(&shop, shell, &script);
        let mut lines = lines.lines();
        assert_eq!(lines.next(), Some(shop.text("it's here/bin/cc").as_str()), "{shell}");
        assert_eq!(lines.next(), Some("gcc -DX=\"it's $HOME\""), "{shell}");
        if shell == "fish" {
            assert_eq!(lines.next(), Some("/usr/bin"));
        }
    }
}

fn fish(shop: &Shop) -> String {
    let _ = shop;
    format!("{} env --family host --dir \"it's here\" --shell fish", env!("CARGO_BIN_EXE_crosswheel"))
}

#[test]
fn github_gets_its_folder_and_its_variables_in_its_files() {
    let mut shop = Shop::new();
    shop.set("GITHUB_ENV", shop.at("env"));
    shop.set("GITHUB_PATH", shop.at("path"));
    shop.set("CC", "/usr/bin/gcc -O2");
    fs::write(shop.at("env"), "BEFORE=1\n").expect("a file");
    let output = shop.done(SYSTEM, &["env", "--family", "host", "--dir", "s", "--shell", "github"]);
    assert_eq!(output.stdout, b"");
    assert_eq!(fs::read_to_string(shop.at("path")).expect("a file"), format!("{}\n", shop.text("s/bin")));
    let env = fs::read_to_string(shop.at("env")).expect("a file");
    assert_eq!(env, "BEFORE=1\nCC<<CROSSWHEEL_END\ngcc -O2\nCROSSWHEEL_END\n");
}

#[test]
fn github_without_its_files_is_wrong_usage() {
    let shop = Shop::new();
    let output = shop.run(SYSTEM, &["env", "--family", "host", "--dir", "s", "--shell", "github"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("GITHUB_ENV"), "{}", said(&output));
    assert!(said(&output).contains("hint:"), "{}", said(&output));
}

#[test]
fn json_holds_paths_and_variables() {
    let shop = Shop::new();
    let made = shop.session(SYSTEM);
    assert_eq!(made.settings["bin"], shop.text("session/bin"));
    assert_eq!(made.settings["record"], shop.text("session/record.jsonl"));
    assert_eq!(made.settings["plan"], made.header["plan"]);
    assert_eq!(made.variable("PATH"), &format!("{}:{SYSTEM}", shop.text("session/bin")));
}
