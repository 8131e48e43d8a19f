//! What is added to a document, as text: block style in YAML, flow style in brackets, JSON in JSON.
//!
//! Owns quoting: a text is plain only when every reader, of YAML 1.1 and 1.2, takes it for a text.
//! What is read back is what was given; a test draws values to show it. `edit` calls it.

use serde::Serialize;
use serde_json::ser::PrettyFormatter;
use serde_json::{Map, Value};

/// How much further to the right than their parents blocks begin.
#[derive(Clone, Copy)]
pub(super) struct Indent {
    pub(super) of_maps: usize,
    pub(super) of_lists: usize,
}

/// As people write it: the name first, the others in their alphabetical order.
fn members(map: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    let is_name = |(key, _): &(&String, &Value)| *key == "name";
    map.iter()
        .filter(is_name)
        .chain(map.iter().filter(move |member| !is_name(member)))
}

/// Lines of a map or list whose keys or dashes are at this column, without the last line's end.
pub(super) fn block(value: &Value, column: usize, indent: Indent) -> String {
    let lines: Vec<String> = match value {
        Value::Object(map) if !map.is_empty() => members(map)
            .map(|(key, value)| part(Some(key), value, column, indent))
            .collect(),
        Value::Array(items) if !items.is_empty() => items
            .iter()
            .map(|value| part(None, value, column, indent))
            .collect(),
        other => return scalar(other, column),
    };
    lines.join("\n")
}

/// A member, or an item when it has no key.
pub(super) fn part(key: Option<&str>, value: &Value, column: usize, indent: Indent) -> String {
    let margin = " ".repeat(column);
    let Some(key) = key else {
        let value = block(value, column + 2, indent);
        return format!("{margin}- {}", value.trim_start_matches(' '));
    };
    let key = if is_plain(key) {
        key.to_owned()
    } else {
        quoted(key)
    };
    let (separator, inner) = match value {
        Value::Object(map) if !map.is_empty() => ('\n', indent.of_maps),
        Value::Array(items) if !items.is_empty() => ('\n', indent.of_lists),
        _ => (' ', indent.of_maps),
    };
    let value = block(value, column + inner, indent);
    format!("{margin}{key}:{separator}{value}")
}

/// In brackets, on one line.
#[derive(Clone, Copy)]
pub(super) struct Flow {
    /// Every text in double quotes.
    pub(super) is_json: bool,
    /// A blank behind colons and commas.
    pub(super) is_wide: bool,
}

impl Flow {
    pub(super) fn comma(self) -> &'static str {
        if self.is_wide { ", " } else { "," }
    }

    pub(super) fn value(self, value: &Value) -> String {
        match value {
            Value::Object(map) => {
                let members = members(map).map(|(key, value)| self.part(Some(key), value));
                format!("{{{}}}", members.collect::<Vec<_>>().join(self.comma()))
            }
            Value::Array(items) => {
                let items = items.iter().map(|value| self.value(value));
                format!("[{}]", items.collect::<Vec<_>>().join(self.comma()))
            }
            Value::String(text) => self.text(text),
            other => scalar(other, 0),
        }
    }

    /// A member, or an item when it has no key.
    pub(super) fn part(self, key: Option<&str>, value: &Value) -> String {
        let colon = if self.is_wide { ": " } else { ":" };
        let key = key.map(|key| self.text(key) + colon).unwrap_or_default();
        key + &self.value(value)
    }

    fn text(self, text: &str) -> String {
        if self.is_json {
            Value::from(text).to_string()
        } else if is_plain(text) && !text.contains([',', ':']) {
            text.to_owned()
        } else {
            quoted(text)
        }
    }
}

/// JSON on lines that are indented by `unit`, the first where it is put, the others also by
/// `margin`.
pub(super) fn pretty(value: &Value, margin: &str, unit: &str) -> String {
    let mut out = Vec::new();
    let formatter = PrettyFormatter::with_indent(unit.as_bytes());
    value
        .serialize(&mut serde_json::Serializer::with_formatter(
            &mut out, formatter,
        ))
        .expect("keys are texts, and a Vec takes every byte");
    let text = String::from_utf8(out).expect("JSON is text");
    text.replace('\n', &format!("\n{margin}"))
}

/// One value on one line, or a block whose lines are indented.
pub(super) fn scalar(value: &Value, indent: usize) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        Value::String(text) => literal(text, indent).unwrap_or_else(|| quoted(text)),
        other => other.to_string(),
    }
}

/// Several lines as a literal block, when nothing in them needs an escape.
fn literal(text: &str, indent: usize) -> Option<String> {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let printable = |c: char| c == '\n' || c == '\t' || !c.is_control() && !is_special(c);
    let starts = |line: &str| line.starts_with([' ', '\t']) || line.is_empty();
    // A line of it could be `---` or `...`, which end a document wherever they are not indented
    // (<https://yaml.org/spec/1.2.2/#91-documents>).
    if indent == 0 {
        return None;
    }
    if !body.contains('\n')
        || !text.chars().all(printable)
        || starts(text.lines().next()?)
        || body.ends_with('\n')
    {
        return None;
    }
    // Readers differ in what blank lines with spaces in them are.
    if text
        .lines()
        .any(|line| !line.is_empty() && line.trim().is_empty())
    {
        return None;
    }
    let mut block = if text.ends_with('\n') {
        "|".to_owned()
    } else {
        "|-".to_owned()
    };
    for line in body.split('\n') {
        block.push('\n');
        if !line.is_empty() {
            block.push_str(&" ".repeat(indent));
            block.push_str(line);
        }
    }
    Some(block)
}

/// Line separators and marks that YAML readers treat differently.
fn is_special(c: char) -> bool {
    matches!(
        c,
        '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
    )
}

/// In double quotes, with the escapes of JSON, which are YAML's too; a text that is JSON itself in
/// single ones.
fn quoted(text: &str) -> String {
    if text.contains('"') && !text.chars().any(|c| c.is_control() || is_special(c)) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let json = serde_json::to_string(text).expect("a text serializes");
    let escape = |c: char| match c {
        c if c.is_control() || is_special(c) => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    };
    json.chars().map(escape).collect()
}

/// Whether a text without quotes is that text to every reader.
fn is_plain(text: &str) -> bool {
    const WORDS: &str = "null true false yes no on off y n nan inf undefined";
    const UNITS: &str = "m k M G T P Ki Mi Gi Ti Pi s h";
    let Some(first) = text.chars().next() else {
        return false;
    };
    if first.is_ascii_digit() {
        let digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
        return UNITS.split(' ').any(|unit| unit == digits);
    }
    let inner = |c: char| c.is_ascii_alphanumeric() || "_-./:@+=,$()*%~ ".contains(c);
    (first.is_ascii_alphabetic() || matches!(first, '_' | '/' | '$' | '('))
        && text.chars().all(inner)
        && !text.contains(": ")
        && !text.ends_with([':', ' '])
        && !WORDS.split(' ').any(|word| word.eq_ignore_ascii_case(text))
}
