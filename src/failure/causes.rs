//! An error and what caused it, inwards: the one walk along `source()`.
//!
//! Owns that an [`io::Error`] shows the error it carries: its own `source` skips that one
//! (<https://doc.rust-lang.org/std/io/struct.Error.html#method.get_ref>). It knows no error of
//! ours. Called by whatever takes an error of a library apart, or shows one.

use std::error::Error;
use std::io;

/// The error itself, then each cause of the one before.
pub fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| match payload(error) {
        Some(payload) => Some(payload),
        None => error.source(),
    })
}

/// The error with its causes, joined by `: `: alone, many a library's error says only `client error
/// (Connect)`.
#[must_use]
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    // An `io::Error` with a payload has that one's text.
    let texts = causes(error).filter(|error| payload(*error).is_none());
    texts
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// The innermost cause, which says what happened.
#[must_use]
pub fn root_cause(error: &(dyn Error + 'static)) -> String {
    let root = causes(error).last().unwrap_or(error);
    root.to_string()
}

fn payload<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let carried = error.downcast_ref::<io::Error>()?.get_ref()?;
    Some(carried as &(dyn Error + 'static))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("client error (Connect)")]
    struct Outer(#[source] io::Error);

    #[test]
    fn an_io_error_brings_the_one_that_it_carries_and_no_text_twice() {
        let inner = io::Error::from(io::ErrorKind::ConnectionRefused);
        let error = Outer(io::Error::other(Outer(inner)));
        assert_eq!(causes(&error).count(), 4);
        assert_eq!(
            with_causes(&error),
            "client error (Connect): client error (Connect): connection refused"
        );
        assert_eq!(root_cause(&error), "connection refused");
    }
}
