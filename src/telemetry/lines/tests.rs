//! A stderr that takes nothing, takes it later, or is closed. Pipes are real: it is their room that
//! is relied on.

use std::io::{BufRead, BufReader, PipeReader, Read, pipe};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::*;

/// Longer than anything takes on a busy machine; only a failing test waits for it.
const BOUND: Duration = Duration::from_mins(1);

fn lines(lost: fn(u64)) -> (Lines, PipeReader) {
    let (reader, writer) = pipe().expect("a pipe");
    (Lines::start(writer, lost).expect("a thread"), reader)
}

/// A line of 1 KiB with a number in front.
fn numbered(number: usize) -> Vec<u8> {
    format!("{number:0>10}{:.>1013}\n", "").into_bytes()
}

#[test]
fn what_finds_no_room_is_dropped_counted_and_said_once_there_is_room_again() {
    static LOST: AtomicU64 = AtomicU64::new(0);
    const ALL: usize = 2000;
    let (lines, reader) = lines(|lost| {
        LOST.fetch_add(lost, Relaxed);
    });
    for number in 0..ALL {
        (&lines)
            .write_all(&numbered(number))
            .expect("never an error");
    }
    let dropped = lines.dropped().count();
    let kept = ALL - usize::try_from(dropped).expect("a few");
    // The queue, and what the pipe holds: 64 KiB, or a page where a user's pipes are many.
    assert!(
        (ROOM / 1024..=ROOM / 1024 + 1025).contains(&kept),
        "{kept} of {ALL}"
    );
    let mut read = BufReader::new(reader)
        .split(b'\n')
        .map(|line| line.expect("open"));
    let mut next = 0;
    for _ in 0..kept {
        let line = read.next().expect("a line");
        let number = std::str::from_utf8(&line[..10])
            .expect("digits")
            .parse()
            .expect("a number");
        assert!(
            number >= next && [&line[..], b"\n"].concat() == numbered(number),
            "whole and in order: {number}"
        );
        assert!(next > 0 || number == 0, "from the first on");
        next = number + 1;
    }
    lines.flush(BOUND);
    assert_eq!(LOST.load(Relaxed), dropped);
    (&lines).write_all(b"later\n").expect("never an error");
    assert_eq!(read.next().expect("a line"), b"later");
    lines.flush(BOUND);
    assert_eq!(
        (LOST.load(Relaxed), lines.dropped().count()),
        (dropped, dropped),
        "said once"
    );
}

#[test]
fn a_flush_waits_for_the_reader_and_not_for_ever() {
    let (lines, mut reader) = lines(|_| ());
    for number in 0..100 {
        (&lines)
            .write_all(&numbered(number))
            .expect("never an error");
    }
    // A failing test would hang here.
    lines.flush(Duration::from_millis(10));
    let mut first = [0; 1024];
    reader.read_exact(&mut first).expect("open");
    let rest = thread::spawn(move || {
        let mut rest = vec![0; 99 * 1024];
        reader.read_exact(&mut rest).map(|()| reader)
    });
    lines.flush(BOUND);
    let waiting = lines.0.lock();
    assert!(waiting.lines.is_empty() && !waiting.is_writing && waiting.bytes == 0);
    drop(waiting);
    rest.join().expect("no panic").expect("open");
    assert_eq!(lines.dropped().count(), 0);
}

#[test]
fn lines_without_a_reader_are_counted() {
    let (lines, reader) = lines(|_| ());
    drop(reader);
    for _ in 0..3 {
        (&lines).write_all(b"a line\n").expect("never an error");
    }
    lines.flush(BOUND);
    assert_eq!(lines.dropped().count(), 3);
}

/// A file whose disk may be full, also in the middle of a line.
struct Disk {
    file: std::fs::File,
    room: Arc<Mutex<usize>>,
}

impl Write for Disk {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let mut room = self.room.lock().expect("no panic");
        match text.len().min(*room) {
            0 => Err(io::ErrorKind::StorageFull.into()),
            taken => {
                *room -= taken;
                self.file.write(&text[..taken])
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Disk {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// A reader of JSON lines would lose the line behind the half one too.
#[test]
fn what_breaks_off_spoils_no_other_line() {
    let kept = tempfile::NamedTempFile::new().expect("a file");
    let room = Arc::new(Mutex::new(b"first\nsec".len()));
    let disk = Disk {
        file: kept.reopen().expect("a file"),
        room: Arc::clone(&room),
    };
    let lines = Lines::start(disk, |_| ()).expect("a thread");
    let write = |text: &str| {
        (&lines).write_all(text.as_bytes()).expect("never an error");
        lines.flush(BOUND);
    };
    write("first\n");
    write("second\n");
    write("lost\n");
    *room.lock().expect("no panic") = 1;
    write("after the end of the half line\n");
    *room.lock().expect("no panic") = 1024;
    write("whole\n");
    write("and whole\n");
    assert_eq!(
        std::fs::read_to_string(kept.path()).expect("text"),
        "first\nsec\nwhole\nand whole\n"
    );
    assert_eq!(lines.dropped().count(), 3);
}

#[test]
fn one_text_may_be_longer_than_the_room() {
    let (lines, mut reader) = lines(|_| ());
    let long = vec![b'x'; 2 * ROOM];
    // Also behind another one, as the configuration is at the start.
    for text in [&b"short\n"[..], &long] {
        (&lines).write_all(text).expect("never an error");
    }
    let mut read = vec![0; 6 + long.len()];
    reader.read_exact(&mut read).expect("open");
    assert_eq!(
        (
            read == [b"short\n", &long[..]].concat(),
            lines.dropped().count()
        ),
        (true, 0)
    );
}

/// Set in the process that panics.
const PANICS: &str = "STSIDECAR_TEST_PANICS";

#[test]
fn a_panic_is_one_line_and_does_not_wait_for_a_reader() {
    if std::env::var_os(PANICS).is_some() {
        let lines = Lines::start(io::stderr(), |_| ()).expect("a thread");
        lines.take_panics();
        let panicking = thread::Builder::new()
            .name("unlucky".to_owned())
            .spawn(|| panic!("two\nlines \u{1b}[31m"));
        let ended = panicking.expect("a thread").join();
        assert!(ended.is_err());
        lines.flush(Duration::from_millis(50));
        return;
    }
    let name = "telemetry::lines::tests::a_panic_is_one_line_and_does_not_wait_for_a_reader";
    let start = |stderr: Stdio| {
        let mut command = Command::new(std::env::current_exe().expect("this test"));
        command
            .args(["--exact", name, "--nocapture"])
            .env(PANICS, "1")
            .stdout(Stdio::null())
            .stderr(stderr);
        command.spawn().expect("it starts")
    };
    let output = start(Stdio::piped()).wait_with_output().expect("our child");
    let text = String::from_utf8(output.stderr).expect("text");
    let said = text
        .lines()
        .filter(|line| line.contains("panicked"))
        .collect::<Vec<_>>();
    let [said] = said.as_slice() else {
        panic!("one line: {text}")
    };
    assert!(
        said.starts_with("thread 'unlucky' panicked at src/telemetry/lines/tests.rs:"),
        "{said}"
    );
    assert!(said.ends_with(" two lines \\u001b[31m"), "{said}");

    let (reader, mut writer) = pipe().expect("a pipe");
    let stderr = Stdio::from(writer.try_clone().expect("a descriptor"));
    // Filled from here: the thread stays in its write until the reader is gone.
    let filling = thread::spawn(move || while writer.write_all(&[b'.'; 4096]).is_ok() {});
    let status = start(stderr).wait().expect("our child");
    assert!(status.success(), "{status}");
    drop(reader);
    filling.join().expect("no panic");
}
