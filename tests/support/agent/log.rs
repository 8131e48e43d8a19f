//! The lines that a process writes, collected by threads, and waiting for one of them.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use serde_json::Value;

use super::BOUND;

/// What a process has written so far; stdout and stderr in one, because `run` writes nothing to
/// stdout.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<(Mutex<Vec<String>>, Condvar)>);

impl Log {
    pub(super) fn collect(&self, stream: impl Read + Send + 'static) -> JoinHandle<()> {
        let log = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                let (lines, changed) = &*log.0;
                let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                lines.push(String::from_utf8_lossy(&line).into_owned());
                changed.notify_all();
            }
        })
    }

    /// The first line that `look` finds something in, now or later.
    pub(super) fn find<T>(&self, what: &str, mut look: impl FnMut(&str) -> Option<T>) -> T {
        let (lines, changed) = &*self.0;
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, mut seen) = (Instant::now(), 0);
        loop {
            if let Some(found) = lines[seen..].iter().find_map(|line| look(line)) {
                return found;
            }
            seen = lines.len();
            let left = BOUND
                .checked_sub(start.elapsed())
                .unwrap_or_else(|| panic!("{what} not in {lines:#?}"));
            (lines, _) = changed
                .wait_timeout(lines, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.0
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The event of this line, if that is its message.
pub(super) fn parsed(line: &str, message: &str) -> Option<Value> {
    let event: Value = serde_json::from_str(line).ok()?;
    (event["message"].as_str() == Some(message)).then_some(event)
}
