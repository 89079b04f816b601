//! The program that is installed as cc, c++, ar, ld and the rest.
//!
//! It is entered as C programs are, without the start-up code of Rust's standard library: that code would
//! reset SIGPIPE and open `/dev/null` in place of closed streams, which the real tool would inherit, and
//! it costs time at every compile.
#![no_main]

use std::ffi::{c_char, c_int};

use crosswheel_shim::arena::Arena;
use crosswheel_shim::{run, sys};

#[global_allocator]
static ARENA: Arena = Arena::new();

/// Entry from the C library.
#[unsafe(no_mangle)]
extern "C" fn main(_: c_int, argv: *const *const c_char, envp: *const *const c_char) -> c_int {
    // SAFETY: the C library hands over null-terminated arrays of C strings that live as long as the process.
    let (argv, env) = unsafe { (sys::strings(argv), sys::strings(envp)) };
    let argv: Vec<&[u8]> = argv.iter().map(|arg| arg.to_bytes()).collect();
    run::run(&argv, &env)
}
