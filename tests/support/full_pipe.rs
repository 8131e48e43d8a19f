//! A pipe that takes no byte more: what a process has for its log when a container runtime hangs.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, ErrorKind, PipeReader, PipeWriter, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Stdio;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

/// Both ends of a pipe that was filled with empty lines.
pub struct FullPipe {
    reader: PipeReader,
    writer: PipeWriter,
}

impl FullPipe {
    pub fn new() -> Self {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        // Another description of the same pipe: its flags are its own.
        let same = format!("/proc/self/fd/{}", writer.as_raw_fd());
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let mut filler = OpenOptions::new()
            .write(true)
            .custom_flags(flags)
            .open(same)
            .expect("our own descriptor");
        loop {
            match filler.write(b"\n") {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        Self { reader, writer }
    }

    /// The end that a process gets as its stderr.
    pub fn stderr(&self) -> Stdio {
        self.writer.try_clone().expect("a descriptor").into()
    }

    /// Makes writes fail instead of wait, as another process that shares the stderr may do at any
    /// time.
    pub fn set_nonblocking(&self) {
        let flags = fcntl_getfl(&self.writer).expect("flags");
        fcntl_setfl(&self.writer, flags | OFlags::NONBLOCK).expect("ours");
    }

    /// Whether that was done.
    pub fn is_nonblocking(&self) -> bool {
        fcntl_getfl(&self.writer)
            .expect("flags")
            .contains(OFlags::NONBLOCK)
    }

    /// Reads from now on, until every writer is gone: the lines that were not there before.
    pub fn drain(self) -> impl Iterator<Item = String> {
        let Self { reader, writer } = self;
        drop(writer);
        BufReader::new(reader)
            .lines()
            .map(|line| line.expect("text"))
            .filter(|line| !line.is_empty())
    }
}
