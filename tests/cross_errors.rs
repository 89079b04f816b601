//! What `crosswheel build` says when a build for another machine goes wrong: the cause, where it is, and what to do.

mod build_support;

use std::fs;
use std::process::Command;

use build_support::target::{self, FAMILY};
use build_support::{Home, Ran};

fn build(home: &Home, more: &[&str]) -> Ran {
    target::build(home, FAMILY, more)
}

/// A package whose backend is this body of `build()`.
fn package(body: &str) -> Home {
    let home = Home::new();
    let indented = body.replace('\n', "\n    ");
    home.package(
        "pkg",
        &format!("import os, subprocess\ndef build():\n    from backend import extension\n    {indented}\n"),
    );
    home.write("pkg/gen.c", "int main(void) { return 0; }\n");
    home
}

/// Makes a file of this machine with its own compiler.
fn native(home: &Home, args: &[&str]) {
    home.write("native.c", "int native(void) { return 1; }\n");
    let status = Command::new("/usr/bin/gcc").args(args).current_dir(home.dir.path()).status().expect("gcc");
    assert!(status.success());
}

// ---- A program of the target that the build runs ----

#[test]
fn a_program_of_the_target_that_is_run_is_named_with_its_link_and_what_helps() {
    for run in [
        // As Python, bash, dash, make and CMake say it.
        "subprocess.check_call(['./gen'])",
        "subprocess.check_call(['bash', '-c', './gen'])",
        "subprocess.check_call(['sh', '-c', './gen'])",
        "open('Makefile', 'w').write('all:\\n\\t./gen\\n'); subprocess.check_call(['make'])",
        "open('x.cmake', 'w').write('execute_process(COMMAND ./gen COMMAND_ERROR_IS_FATAL ANY)')\n\
         subprocess.check_call(['cmake', '-P', 'x.cmake'])",
    ] {
        let home = package(&format!("subprocess.check_call(['cc', 'gen.c', '-o', 'gen'])\n{run}"));
        let ran = build(&home, &[]).fails(1);
        ran.says("error: the build ran `./gen`, which is for aarch64 and does not run here (linked from gen.c by cc, call ");
        ran.says(
            "hint: `--run-tests-with qemu` runs programs of the target here; or a program that makes files",
        );
        ran.says("build_wheel of the backend backend failed (exit status 1)");
    }
}

#[test]
fn a_build_that_goes_on_without_the_answer_of_such_a_program_is_warned_of() {
    let home = package(
        "subprocess.check_call(['cc', 'gen.c', '-o', 'gen'])\nprint('has it:', subprocess.call(['sh', '-c', './gen']) == 0)\n\
         return extension()",
    );
    build(&home, &[])
        .good()
        .says("warning   the build ran `./gen`, which is for aarch64")
        .says("the build went on without its answer");
}

#[test]
fn a_script_without_an_interpreter_is_not_taken_for_a_program_of_the_target() {
    let home = package("os.chmod('script', 0o755)\nsubprocess.check_call(['./script'])");
    home.write("pkg/script", "echo hello\n");
    let ran = build(&home, &[]).fails(1);
    ran.says("error: build_wheel of the backend backend failed");
    assert!(!ran.err.contains("--run-tests-with") && !ran.out.contains("--run-tests-with"), "{ran:#?}");
}

#[test]
fn a_question_that_cmake_would_have_to_run_is_named() {
    let home = package("subprocess.check_call(['cmake', '-S', '.', '-B', 'b'])");
    home.write(
        "pkg/CMakeLists.txt",
        "cmake_minimum_required(VERSION 3.20)\nproject(x C)\ntry_run(R C ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR}/gen.c)\n",
    );
    let ran = build(&home, &[]).fails(1);
    ran.says("does not run here")
        .says("--run-tests-with qemu")
        .says("given as settings of the backend (`-C`)");
}

// ---- A compile or a link that failed ----

/// What setuptools does and prints for an extension that may be missing.
const OPTIONAL: &str = "print(\"building 'tiny._speedups' extension\", flush=True)\n\
                        command = ['cc', '-c', 'ext.c', '-o', 'ext.o']\nprint(' '.join(command), flush=True)\n\
                        subprocess.call(command)\nreturn {}";

#[test]
fn an_optional_extension_that_failed_is_named_with_the_compilers_first_error() {
    let home = package(OPTIONAL);
    home.write("pkg/ext.c", "int f(void) { return seeded; }\n");
    let ran = build(&home, &[]).fails(1);
    ran.says("fault: the extension `tiny._speedups` is missing: the compile of ext.c by cc failed with exit status 1");
    ran.says("ext.c:1:22: error: ").says("hint: mend what the compiler says; `crosswheel log show ");
    ran.says("--allow-failed-compiles");
    build(&home, &["--allow-failed-compiles"]).good();
}

#[test]
fn a_compile_by_which_the_backend_failed_is_the_cause() {
    let home = package("return extension()");
    home.write("pkg/ext.c", "int f(void) { return nowhere; }\n");
    build(&home, &[])
        .fails(1)
        .says("error: the compile of ext.c by cc failed with exit status 1")
        .says("ext.c:1:22: error: ");
}

#[test]
fn an_object_of_this_machine_from_the_source_is_named_when_the_link_refuses_it() {
    let link = "subprocess.check_call(['cc', '-shared', 'ext.c', 'FILE', '-o', 'ext.so'])\nreturn {}";
    for (file, make) in [
        ("lib/pre.o", &["-c", "native.c", "-o", "pkg/lib/pre.o"][..]),
        ("lib/pre.so", &["-shared", "-fPIC", "native.c", "-o", "pkg/lib/pre.so"]),
    ] {
        let home = package(&link.replace("FILE", file));
        fs::create_dir(home.path("pkg/lib")).expect("made");
        native(&home, make);
        let ran = build(&home, &[]).fails(1);
        ran.says(&format!(
            "{file} is for x86_64, and aarch64 was asked for: it came with the source as {file}"
        ));
        ran.says("hint: a patch can take it out of the source");
    }
}

#[test]
fn an_archive_of_this_machine_is_looked_into_and_what_build_cc_made_is_traced_to_its_call() {
    let home = package(
        "subprocess.check_call(['build-cc', '-c', 'gen.c', '-o', 'gen.o'])\nsubprocess.check_call(['ar', 'rcs', 'libgen.a', 'gen.o'])\n\
         subprocess.check_call(['cc', '-shared', 'ext.c', '-Wl,--whole-archive', 'libgen.a', '-o', 'ext.so'])",
    );
    let ran = build(&home, &[]).fails(1);
    ran.says("libgen.a is for x86_64, and aarch64 was asked for: it was made by ar (call ");
    let home = package(
        "subprocess.check_call(['build-cc', '-c', 'gen.c', '-o', 'gen.o'])\n\
         subprocess.check_call(['cc', '-shared', 'ext.c', 'gen.o', '-o', 'ext.so'])",
    );
    build(&home, &[])
        .fails(1)
        .says("gen.o is for x86_64, and aarch64 was asked for: it was made by build-cc (call ");
}

// ---- A wheel that must not be shipped ----

#[test]
fn a_ready_made_library_in_the_wheel_is_named_with_where_it_came_from() {
    let home = package("return dict(extension(), **{'tiny/pre.so': open('lib/pre.so', 'rb').read()})");
    fs::create_dir(home.path("pkg/lib")).expect("made");
    native(&home, &["-shared", "-fPIC", "native.c", "-o", "pkg/lib/pre.so"]);
    build(&home, &[])
        .fails(1)
        .says("tiny/pre.so: is for x86_64, and aarch64 was asked for; it came with the source as lib/pre.so [wrong-machine]")
        .says("hint: a patch can take it out of the source");
}

#[test]
fn a_folder_of_this_machine_for_the_loader_is_refused_and_one_beside_the_file_is_not() {
    let link = |flag: &str| {
        package(&format!(
            "subprocess.check_call(['cc', '-shared', 'ext.c', '{flag}', '-o', 'ext.so'])\n\
             return {{'tiny/ext.so': open('ext.so', 'rb').read()}}"
        ))
    };
    for (flag, kind) in [
        ("-Wl,-rpath,/opt/tiny/lib", "RUNPATH"),
        ("-Wl,-rpath,$ORIGIN:/opt/tiny/lib,--disable-new-dtags", "RPATH"),
    ] {
        let ran = build(&link(flag), &[]).fails(1);
        ran.says(&format!(
            "tiny/ext.so: has the loader look in /opt/tiny/lib, a folder of the machine that built it ({kind}) [host-rpath]"
        ));
        ran.says("let it be $ORIGIN");
    }
    build(&link("-Wl,-rpath,$ORIGIN/../tiny.libs"), &[]).good();
}
