//! Texts that several parts of the page need.
//!
//! Pure; it knows nothing of the status document. Called by the page, its clients and its retry.

use crate::cli::span::span;
use crate::time::Wall;

pub(super) fn ago(words: &str, instant: Option<Wall>, now: Wall) -> String {
    instant
        .map(|at| format!("{words} {} ago", span(now.since(at))))
        .unwrap_or_default()
}

/// A text as it may be printed.
pub(super) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            printable.extend(character.escape_default());
        } else {
            printable.push(character);
        }
    }
    printable
}
