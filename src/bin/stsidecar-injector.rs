//! The injector's program: hands its arguments to its command line, its answer to the shell.

use std::process::ExitCode;

use stsidecar::cli;

/// Zeroes memory when it is freed, in buffers of TLS and HTTP too: the CA's key and the API
/// server's token go there.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    cli::in_process(|env| cli::injector::main(std::env::args_os(), env))
}
