//! A stream cut into its documents, without touching a byte of them: YAML, JSON, or one behind the
//! other.
//!
//! Owns where a document begins: at a line of three dashes and behind one of three dots, which YAML
//! allows nowhere else (<https://yaml.org/spec/1.2.2/#91-documents>), and behind a JSON value; and
//! what of it is around its value. What a document means is `yaml`'s; how it is changed, `edit`'s.

use serde::de::IgnoredAny;
use serde_json::Value;

use super::edit::{self, Refusal};
use super::yaml::{self, Error};

/// One document of a stream; the texts of all of them are the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Document<'a> {
    /// As written, with the line of dashes that it begins with.
    pub(super) text: &'a str,
    /// Where it begins in the stream, counted from 1.
    pub(super) line: usize,
}

const MARK: char = '\u{feff}';

pub(super) fn split(text: &str) -> Vec<Document<'_>> {
    let mut documents = Vec::new();
    let (mut from, mut at, mut line) = (0, 0, 1);
    let mut is_over = false;
    for (number, own) in text.split_inclusive('\n').enumerate() {
        if (is_separator(own) || is_over) && at > from {
            Document {
                text: &text[from..at],
                line,
            }
            .values(&mut documents);
            (from, line) = (at, number + 1);
        }
        is_over = is_end(own);
        at += own.len();
    }
    Document {
        text: &text[from..],
        line,
    }
    .values(&mut documents);
    documents
}

fn is_separator(line: &str) -> bool {
    is_marker(line.trim_start_matches(MARK), "---")
}

fn is_end(line: &str) -> bool {
    is_marker(line, "...")
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']))
}

/// Nothing that is part of a value: blank, a comment, a directive, dashes with at most a comment
/// behind them.
fn is_empty(line: &str) -> bool {
    let line = line.trim_start_matches(MARK);
    let rest = if is_separator(line) || is_end(line) {
        &line[3..]
    } else {
        line
    };
    let rest = rest.trim();
    rest.is_empty() || rest.starts_with('#') || line.starts_with('%')
}

impl<'a> Document<'a> {
    /// Several, when one JSON value follows another.
    fn values(self, documents: &mut Vec<Self>) {
        let from = self.text.len() - self.json().len();
        let mut values =
            serde_json::Deserializer::from_str(&self.text[from..]).into_iter::<IgnoredAny>();
        let mut ends = Vec::new();
        while let Some(Ok(_)) = values.next() {
            ends.push(from + values.byte_offset());
        }
        let rest = ends.last().map_or("", |end| &self.text[*end..]);
        if ends.len() < 2 || !self.json().starts_with('{') || !rest.trim().is_empty() {
            return documents.push(self);
        }
        ends.pop();
        let (mut from, mut line) = (0, self.line);
        for end in ends.into_iter().chain([self.text.len()]) {
            let text = &self.text[from..end];
            documents.push(Self { text, line });
            (from, line) = (end, line + text.matches('\n').count());
        }
    }

    /// What it holds; none when that is nothing.
    pub(super) fn parse(&self) -> Result<Option<Value>, Error> {
        let value = self.value();
        if value.is_empty() {
            return Ok(None);
        }
        // An error names its line; so it names the stream's.
        yaml::parse(value).or_else(|_| {
            let before = self.line - 1 + self.head().matches('\n').count();
            yaml::parse(&("\n".repeat(before) + value))
        })
    }

    /// The dashes and comments before its value.
    fn head(&self) -> &'a str {
        let lines = self
            .text
            .split_inclusive('\n')
            .take_while(|line| is_empty(line));
        &self.text[..lines.map(str::len).sum()]
    }

    /// Its value and what follows, with the dashes when they are on the same line.
    fn value(&self) -> &'a str {
        self.text[self.head().len()..].trim_start_matches(MARK)
    }

    /// The same without these dashes: where JSON begins.
    fn json(&self) -> &'a str {
        let value = self.value();
        let value = if is_separator(value) {
            &value[3..]
        } else {
            value
        };
        value.trim_start()
    }

    /// The document with another value in place of `old`, and nothing else changed.
    pub(super) fn with(&self, old: &Value, new: &Value) -> Result<String, Refusal> {
        let value = self.value();
        let before = &self.text[..self.text.len() - value.len()];
        match edit::edited(value, old, new) {
            Ok(edited) => Ok(format!("{before}{edited}")),
            Err(refusal) => Err(refusal.below(self.line - 1 + before.matches('\n').count())),
        }
    }
}
