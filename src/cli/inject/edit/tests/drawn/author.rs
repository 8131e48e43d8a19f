//! An author of manifests: block and flow style, quotes, indentation, blank lines and comments as
//! they come.

use std::fmt::Write as _;

use serde_json::Value;

/// Writes a value in drawn styles; each comment has a number of its own.
pub(super) struct Author {
    draw: fastrand::Rng,
    comments: usize,
    text: String,
}

impl Author {
    pub(super) fn write(value: &Value, seed: u64) -> String {
        let mut author = Self {
            draw: fastrand::Rng::with_seed(seed),
            comments: 0,
            text: String::new(),
        };
        author.block(value, 0);
        author.text
    }

    fn one_in(&mut self, count: u8) -> bool {
        self.draw.u8(..count) == 0
    }

    /// Ends a line, with a comment or without, and may write lines of comments below it.
    fn end_of_line(&mut self, column: usize) {
        if self.one_in(4) {
            self.comment(1);
        }
        self.text.push('\n');
        while self.one_in(6) {
            let column = if self.one_in(2) {
                column
            } else {
                self.draw.usize(..6)
            };
            self.comment(column);
            self.text.push('\n');
        }
        if self.one_in(10) {
            self.text.push('\n');
        }
    }

    fn comment(&mut self, column: usize) {
        self.comments += 1;
        let number = self.comments;
        write!(self.text, "{}# c{number}: {{ü", " ".repeat(column)).expect("a String");
    }

    fn block(&mut self, value: &Value, column: usize) {
        match value {
            Value::Object(map) => {
                for (at, (key, value)) in map.iter().enumerate() {
                    self.begin_part(at, column);
                    self.text.push_str(key);
                    self.text.push(':');
                    let least = if value.is_array() { 0 } else { 2 };
                    let step = [least, 2, 4][self.draw.usize(..3)];
                    self.part(value, column, column + step, false);
                }
            }
            Value::Array(items) => {
                for (at, value) in items.iter().enumerate() {
                    self.begin_part(at, column);
                    self.text.push('-');
                    self.part(value, column, column + 2, true);
                }
            }
            _ => unreachable!("only these are blocks"),
        }
    }

    fn begin_part(&mut self, at: usize, column: usize) {
        let is_behind_dash = at == 0 && self.text.ends_with("- ");
        if !is_behind_dash {
            self.text.push_str(&" ".repeat(column));
        }
    }

    /// What is behind a key or dash.
    fn part(&mut self, value: &Value, parent: usize, column: usize, is_item: bool) {
        let is_block = match value {
            Value::Object(map) => !map.is_empty(),
            Value::Array(items) => !items.is_empty(),
            _ => false,
        };
        if is_block && !self.one_in(4) {
            if is_item && !self.one_in(4) {
                self.text.push(' ');
            } else {
                self.end_of_line(column);
            }
            return self.block(value, column);
        }
        if value.is_null() && self.one_in(2) {
            return self.end_of_line(parent);
        }
        self.text.push(' ');
        match value {
            Value::String(text) if text.contains('\n') && !self.one_in(3) => {
                self.text.push_str(if text.ends_with("\n\n") {
                    "|+\n"
                } else {
                    "|\n"
                });
                for line in text.lines() {
                    let margin = if line.is_empty() { 0 } else { parent + 2 };
                    writeln!(self.text, "{}{line}", " ".repeat(margin)).expect("a String");
                }
            }
            value => {
                self.flow(value);
                self.end_of_line(parent);
            }
        }
    }

    fn flow(&mut self, value: &Value) {
        let (open, close, parts): (_, _, Vec<_>) = match value {
            Value::Object(map) => (
                '{',
                '}',
                map.iter().map(|(key, own)| (Some(key), own)).collect(),
            ),
            Value::Array(items) => ('[', ']', items.iter().map(|own| (None, own)).collect()),
            Value::String(text) if text == "plain" && !self.one_in(3) => {
                return self.text.push_str(text);
            }
            Value::String(text) if !text.contains('\n') && self.one_in(2) => {
                let text = text.replace('\'', "''");
                return write!(self.text, "'{text}'").expect("a String");
            }
            other => return write!(self.text, "{other}").expect("a String"),
        };
        let is_on_lines = self.one_in(3);
        let is_json = self.one_in(3);
        self.text.push(open);
        let count = parts.len();
        for (at, (key, value)) in parts.into_iter().enumerate() {
            self.gap(is_on_lines);
            if let Some(key) = key {
                let quote = if is_json { "\"" } else { "" };
                write!(self.text, "{quote}{key}{quote}: ").expect("a String");
            }
            self.flow(value);
            if at + 1 < count || self.one_in(6) {
                self.text.push(',');
            }
        }
        self.gap(is_on_lines);
        self.text.push(close);
    }

    fn gap(&mut self, is_on_lines: bool) {
        if is_on_lines {
            self.end_of_line(9);
            // No block begins at an odd column.
            self.text.push_str(&" ".repeat(9));
        } else if self.one_in(2) {
            self.text.push(' ');
        }
    }
}
