//! A YAML stream cut into its documents, without touching a byte of them.
//!
//! Owns where a document begins: at a line of three dashes, which YAML allows nowhere else. What is in a
//! document is `tree`'s.

use super::tree::{self, Tree};

/// One document of a stream; the texts of all of them are the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Document<'a> {
    /// As written, with the line of dashes that it begins with.
    pub(super) text: &'a str,
    /// Where it begins in the stream, counted from 1.
    pub(super) line: usize,
}

pub(super) fn split(text: &str) -> Vec<Document<'_>> {
    let mut documents = Vec::new();
    let (mut from, mut at, mut line) = (0, 0, 1);
    for (number, own) in text.split_inclusive('\n').enumerate() {
        if is_separator(own) && at > from {
            documents.push(Document { text: &text[from..at], line });
            (from, line) = (at, number + 1);
        }
        at += own.len();
    }
    documents.push(Document { text: &text[from..], line });
    documents
}

fn is_separator(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']))
}

/// Nothing that is part of a value: blank, a comment, a directive, dashes with at most a comment behind them.
fn is_empty(line: &str) -> bool {
    let line = line.trim_start_matches('\u{feff}');
    let rest = if is_separator(line) { &line[3..] } else { line };
    let rest = rest.trim();
    rest.is_empty() || rest.starts_with('#') || line.starts_with('%')
}

impl<'a> Document<'a> {
    /// What it holds; none when that is nothing.
    pub(super) fn parse(&self) -> Result<Option<Tree>, tree::Error> {
        if self.text.lines().all(is_empty) { Ok(None) } else { Tree::parse(self.text) }
    }

    /// The dashes and comments before its first value.
    pub(super) fn head(&self) -> &'a str {
        let lines = self.text.split_inclusive('\n').take_while(|line| is_empty(line));
        let end: usize = lines.map(str::len).sum();
        match &self.text[..end] {
            // The dashes stand before a value on the same line.
            "" if is_separator(self.text) => "---\n",
            head => head,
        }
    }
}
