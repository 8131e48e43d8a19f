//! The text of a file's bytes: UTF-8, perhaps with a byte order mark in front.
//!
//! Owns the message for bytes that are none. Notepad and PowerShell write the mark; parsers of
//! tokens, XML, PEM and JSON take it for content, so it is gone before they see it
//! (<https://www.rfc-editor.org/rfc/rfc3629#section-6>). It opens no file: `rotated_file`,
//! `authorization`, `config`, `injector` and `cli` call it behind each of their reads.

/// Why bytes are no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// What PowerShell's `>` writes.
    #[error("it is in UTF-16: save it as UTF-8")]
    Utf16,
    /// Anything else.
    #[error("it is not UTF-8")]
    NotUtf8,
}

/// The content behind the byte order mark of UTF-8, if there is one. Whether the rest is UTF-8 is
/// not judged.
///
/// # Errors
/// When the mark is that of UTF-16.
pub fn unmarked(content: &[u8]) -> Result<&[u8], Error> {
    match content {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Err(Error::Utf16),
        [0xef, 0xbb, 0xbf, rest @ ..] => Ok(rest),
        _ => Ok(content),
    }
}

/// The content as text, without its mark.
///
/// # Errors
/// When it is not UTF-8.
pub fn utf8(content: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(unmarked(content)?).map_err(|_| Error::NotUtf8)
}

/// The lines of a PEM file, without the marks and blanks in front of them: readers skip a
/// certificate whose first line does not begin with its dashes
/// (<https://www.rfc-editor.org/rfc/rfc7468#section-2> lets them), and whatever it vouches for is
/// then not trusted. So a block that begins behind the end of another, as `cat` joins files without
/// a last line's end, gets a line of its own.
///
/// # Errors
/// When the mark is that of UTF-16.
pub fn pem(content: &[u8]) -> Result<Vec<u8>, Error> {
    let mut lines = Vec::with_capacity(content.len());
    for line in unmarked(content)?.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let mut line = without_blanks(line);
        while let Some(at) = joint(line) {
            lines.extend_from_slice(line[..at].trim_ascii_end());
            lines.push(b'\n');
            line = without_blanks(&line[at..]);
        }
        lines.extend_from_slice(line);
    }
    Ok(lines)
}

fn without_blanks(line: &[u8]) -> &[u8] {
    let blanks = line.iter().take_while(|byte| b" \t".contains(byte)).count();
    &line[blanks..]
}

/// Where another block begins in a line that ends one.
fn joint(line: &[u8]) -> Option<usize> {
    let rest = line.strip_prefix(b"-----END ")?;
    let begin = b"-----BEGIN ";
    rest.windows(begin.len())
        .position(|part| part == begin)
        .map(|at| line.len() - rest.len() + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mark_in_front_is_no_content() {
        assert_eq!(utf8(b"\xef\xbb\xbfx"), Ok("x"));
        assert_eq!(utf8(b"x\xef\xbb\xbf"), Ok("x\u{feff}"));
        assert_eq!(utf8(b"\xef\xbb\xbf"), Ok(""));
        assert_eq!(utf8(b"\xef\xbb"), Err(Error::NotUtf8));
        assert_eq!(utf8(b"\xff\xfex\0"), Err(Error::Utf16));
        assert_eq!(utf8(b"\xfe\xff\0x"), Err(Error::Utf16));
        assert_eq!(unmarked(b"\xef\xbb\xbf\xff"), Ok(&b"\xff"[..]));
    }

    #[test]
    fn lines_of_pem_begin_with_what_is_in_them() {
        let content =
            b"\xef\xbb\xbf-----A-----\r\nx y\n\xef\xbb\xbf-----B-----\n \t -----C-----\n\n";
        assert_eq!(
            pem(content).expect("UTF-8"),
            b"-----A-----\r\nx y\n-----B-----\n-----C-----\n\n"
        );
        assert_eq!(pem(b"\xff\xfe"), Err(Error::Utf16));
    }

    #[test]
    fn a_block_of_pem_that_begins_where_another_ends_begins_a_line() {
        let content = b"-----BEGIN A-----\nx\n-----END A----------BEGIN B-----\ny\n-----END B----- -----BEGIN C-----\n";
        let lines =
            b"-----BEGIN A-----\nx\n-----END A-----\n-----BEGIN B-----\ny\n-----END B-----\n-----BEGIN C-----\n";
        assert_eq!(pem(content).expect("UTF-8"), lines);
        let comment = b"# -----BEGIN A----- follows\n";
        assert_eq!(pem(comment).expect("UTF-8"), comment);
    }
}
