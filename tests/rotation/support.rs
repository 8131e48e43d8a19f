//! What the tests of this crate share: numbered contents that show a tear, a running watch,
//! captured logs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stsidecar::rotated_file::{Latest, RotatedFile, Watches};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// Longer than any of these waits takes on a busy machine; only a failing test waits for it.
pub(crate) const BOUND: Duration = Duration::from_mins(1);

/// As long as an ordinary token.
const LENGTH: usize = 1200;

/// A content that names `number` in its first and in its last bytes, so that no part of it is
/// valid.
pub(crate) fn numbered(number: u64) -> Vec<u8> {
    let mut content = format!("{number:010}").into_bytes();
    content.resize(LENGTH - 10, b'.');
    content.extend(format!("{number:010}").into_bytes());
    content
}

/// The number of a whole content.
pub(crate) fn number(content: &[u8]) -> Result<u64, String> {
    let text = std::str::from_utf8(content).map_err(|error| error.to_string())?;
    let number = text
        .get(..10)
        .and_then(|digits| digits.parse().ok())
        .ok_or("no number")?;
    if content == numbered(number) {
        Ok(number)
    } else {
        Err(format!("torn: {} bytes", content.len()))
    }
}

/// A handle on `path` that understands numbered contents of up to 20 kB.
pub(crate) fn open(path: &Path) -> RotatedFile<u64> {
    RotatedFile::new(path, 20_000, number, None)
}

/// Where tests write: memory as the kubelet's volumes, and disk.
pub(crate) fn file_systems() -> [PathBuf; 2] {
    [
        PathBuf::from("/dev/shm"),
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")),
    ]
}

/// A fresh directory in `parent`.
pub(crate) fn scratch(parent: &Path) -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix("rotation-")
        .tempdir_in(parent)
        .expect("a directory")
}

/// [`RotatedFile::run`] as a task, with its ticks and its end in the test's hands.
pub(crate) struct Running {
    ticks: watch::Sender<u64>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    pub(crate) heard: watch::Receiver<Latest<u64>>,
}

impl Running {
    pub(crate) fn start(file: &RotatedFile<u64>) -> Self {
        Self::start_with(file, &Watches::default())
    }

    /// Beside the other files of these watches.
    pub(crate) fn start_with(file: &RotatedFile<u64>, watches: &Watches) -> Self {
        let (ticks, received) = watch::channel(0);
        let (stop, stopped) = oneshot::channel::<()>();
        let heard = file.subscribe();
        let (file, watches) = (file.clone(), watches.clone());
        let task = tokio::spawn(async move {
            file.run(&watches, received, async { drop(stopped.await) })
                .await;
        });
        Self {
            ticks,
            stop,
            task,
            heard,
        }
    }

    /// What the agent's clock does each 30 s.
    pub(crate) fn tick(&self) {
        self.ticks.send_modify(|count| *count += 1);
    }

    /// Waits until what is known satisfies `wanted`.
    pub(crate) async fn until(&mut self, what: &str, wanted: impl FnMut(&Latest<u64>) -> bool) {
        let seen = tokio::time::timeout(BOUND, self.heard.wait_for(wanted)).await;
        seen.unwrap_or_else(|_| panic!("not seen in time: {what}"))
            .expect("the file is open");
    }

    /// Waits until `value` is the good content and nothing is wrong.
    pub(crate) async fn until_value(&mut self, value: u64) {
        let what = format!("content {value}");
        self.until(&what, |latest| {
            latest.value.as_deref() == Some(&value) && latest.error.is_none()
        })
        .await;
    }

    pub(crate) async fn end(self) {
        self.stop.send(()).expect("still running");
        tokio::time::timeout(BOUND, self.task)
            .await
            .expect("ends when it is stopped")
            .expect("without a panic");
    }
}

/// Log lines of this thread, as text.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Collects until the guard is dropped.
    pub(crate) fn collect(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || log.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    /// How many lines hold all of `parts`.
    pub(crate) fn count(&self, parts: &[&str]) -> usize {
        self.text()
            .lines()
            .filter(|line| parts.iter().all(|part| line.contains(part)))
            .count()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("not poisoned")).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
