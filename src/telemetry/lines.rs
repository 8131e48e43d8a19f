//! stderr behind a queue and a thread: the writer of a line never waits for its reader.
//!
//! A container runtime that hangs leaves the pipe of stderr full, and a write to it then blocks for
//! as long as that lasts. Owns the queue, the thread that empties it and the count of lost lines.
//! It never formats a line of the log and never sets `O_NONBLOCK`: the flag is the open file
//! description's, which other processes share
//! (<https://man7.org/linux/man-pages/man2/open.2.html>). Made once by `cli`, for logs, panics and
//! what a command says before it ends.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use tracing_subscriber::fmt::MakeWriter;

use super::metrics::Dropped;
use super::printable::escaped;

/// Waiting lines, in bytes: twice what a pipe holds by default
/// (<https://man7.org/linux/man-pages/man7/pipe.7.html>), so a reader that pauses costs no line.
const ROOM: usize = 128 * 1024;

/// A writer whose every write is one piece of text, taken at once or dropped. Clones share the
/// queue.
#[derive(Clone)]
pub struct Lines(Arc<Queue>);

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// Something came.
    filled: Condvar,
    /// Something was written or given up.
    emptied: Condvar,
    dropped: Dropped,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Box<[u8]>>,
    bytes: usize,
    /// The thread holds a line that is not in the queue any more.
    is_writing: bool,
}

impl Waiting {
    fn is_busy(&mut self) -> bool {
        self.is_writing || !self.lines.is_empty()
    }
}

impl Lines {
    /// Starts the thread that writes to `output`. `lost` is called from it with a number of lost
    /// lines, once writing works again; what it writes comes after all that waits.
    ///
    /// # Errors
    /// When the system starts no thread.
    pub fn start(output: impl Write + AsFd + Send + 'static, lost: fn(u64)) -> io::Result<Self> {
        let lines = Self(Arc::default());
        let queue = Arc::clone(&lines.0);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || queue.empty_into(output, lost))?;
        Ok(lines)
    }

    /// The count of lost lines.
    #[must_use]
    pub fn dropped(&self) -> &Dropped {
        &self.0.dropped
    }

    /// Waits until everything is written, at most for `limit`.
    pub fn flush(&self, limit: Duration) {
        drop(
            self.0
                .emptied
                .wait_timeout_while(self.0.lock(), limit, Waiting::is_busy),
        );
    }

    /// Sends the message of each panic here, in one line: the standard hook writes to stderr
    /// itself.
    pub fn take_panics(&self) {
        let lines = self.clone();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = thread::current();
            let text = format!("thread '{}' {panic}", thread.name().unwrap_or("unnamed"))
                .replace('\n', " ");
            lines.0.push(format!("{}\n", escaped(&text)).as_bytes());
        }));
    }
}

impl Queue {
    /// Held for as long as it takes to move a pointer; a panic leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &[u8]) {
        let line: Box<[u8]> = line.into();
        let mut waiting = self.lock();
        // The last text may take more than what is left: one may be longer than all the room.
        if waiting.bytes >= ROOM {
            drop(waiting);
            return self.dropped.add_one();
        }
        waiting.bytes += line.len();
        waiting.lines.push_back(line);
        drop(waiting);
        self.filled.notify_one();
    }

    fn empty_into(&self, mut output: impl Write + AsFd, lost: fn(u64)) {
        let (mut said, mut torn) = (0, false);
        loop {
            let line = self.next();
            match write(&mut output, &line, &mut torn) {
                Err(_) => self.dropped.add_one(),
                // Not while the queue is full: the report would take the room of another line.
                Ok(()) if self.lock().bytes <= ROOM / 2 => {
                    let dropped = self.dropped.count();
                    if dropped > said {
                        lost(dropped - said);
                        said = dropped;
                    }
                }
                Ok(()) => {}
            }
            self.lock().is_writing = false;
            self.emptied.notify_all();
        }
    }

    /// Waits for a line, for ever.
    fn next(&self) -> Box<[u8]> {
        let mut waiting = self.lock();
        loop {
            if let Some(line) = waiting.lines.pop_front() {
                waiting.bytes -= line.len();
                waiting.is_writing = true;
                return line;
            }
            waiting = self
                .filled
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Writes all of it, also where another process has made the shared description non-blocking.
/// `torn` says whether the text before broke off, on a full disk: this one then begins a line of
/// its own.
fn write(output: &mut (impl Write + AsFd), text: &[u8], torn: &mut bool) -> io::Result<()> {
    let end_of_torn: &[u8] = if *torn { b"\n" } else { b"" };
    for mut rest in [end_of_torn, text] {
        while !rest.is_empty() {
            match output.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    rest = &rest[written..];
                    *torn = !rest.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let _ = poll(&mut [PollFd::new(output, PollFlags::OUT)], None);
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

impl Write for &Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.push(text);
        Ok(text.len())
    }

    /// Nothing waits for the reader; [`Lines::flush`] does, for a limited time.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Lines {
    type Writer = &'w Self;

    fn make_writer(&'w self) -> Self::Writer {
        self
    }
}

#[cfg(test)]
mod tests;
