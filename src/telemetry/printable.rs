//! A writer that lets no control character through: none can repaint a terminal, hide text or split
//! a line.
//!
//! Owns the escaping; the layer in front of it hands over one whole line with each write.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

use tracing_subscriber::fmt::MakeWriter;

/// Wraps the writers of another.
pub(super) struct Printable<W>(pub(super) W);

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for Printable<W> {
    type Writer = Escaping<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        Escaping(self.0.make_writer())
    }
}

pub(super) struct Escaping<W>(W);

impl<W: io::Write> io::Write for Escaping<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0
            .write_all(escaped(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Control characters as `\u001b`, which JSON reads back; only a line's last newline stays.
pub(super) fn escaped(line: &str) -> Cow<'_, str> {
    let (content, end) = line
        .strip_suffix('\n')
        .map_or((line, ""), |content| (content, "\n"));
    if !content.contains(char::is_control) {
        return Cow::Borrowed(line);
    }
    let mut safe = String::with_capacity(line.len() + 16);
    for c in content.chars() {
        if c.is_control() {
            write!(safe, "\\u{:04x}", u32::from(c)).expect("a String takes every text");
        } else {
            safe.push(c);
        }
    }
    safe.push_str(end);
    Cow::Owned(safe)
}
