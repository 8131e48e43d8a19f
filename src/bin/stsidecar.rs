//! The agent's program: hands its arguments to the command line, its answer to the shell.

use std::process::ExitCode;

use stsidecar::cli;

/// Zeroes memory when it is freed, in the SDK's and hyper's buffers too, which no type of ours
/// reaches.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    cli::in_process(|env| cli::main(std::env::args_os(), env))
}
