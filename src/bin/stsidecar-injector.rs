//! The injector's program: hands arguments, environment and streams to its command line, its answer to the shell.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use stsidecar::{cli, clock};

/// Zeroes memory when it is freed, in buffers of TLS and HTTP too: the CA's key and the API server's token go there.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    let mut world = cli::World {
        variable: &|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()),
        read: &|path| std::fs::read(path),
        stdout: &mut std::io::stdout(),
        stderr: &mut std::io::stderr(),
        stdout_is_terminal: std::io::stdout().is_terminal(),
        stderr_is_terminal: std::io::stderr().is_terminal(),
        termination_log: Path::new("/dev/termination-log"),
        wall: clock::wall,
    };
    cli::injector::main(std::env::args_os(), &mut world).into()
}
