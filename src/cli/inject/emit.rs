//! A document as YAML text, in the style of `kubectl get -o yaml`, or as JSON in the style of what was read.
//!
//! Owns quoting: a text is plain only when every reader, of YAML 1.1 and 1.2, takes it for a text. What is
//! read back is what was given; a test draws documents to show it.

use serde::Serialize;
use serde_json::ser::PrettyFormatter;

use super::tree::Tree;

pub(super) fn document(tree: &Tree) -> String {
    let mut out = String::new();
    match tree {
        Tree::Map(pairs) if !pairs.is_empty() => map(pairs, 0, &mut out),
        Tree::List(items) if !items.is_empty() => list(items, 0, &mut out),
        other => {
            out.push_str(&scalar(other, 0));
            out.push('\n');
        }
    }
    out
}

/// As JSON, on one line or indented as `like` is.
pub(super) fn json(tree: &Tree, like: &str) -> String {
    let indent = like
        .lines()
        .nth(1)
        .map(|line| &line[..line.len() - line.trim_start().len()]);
    let mut out = Vec::new();
    let done = match indent.filter(|_| like.starts_with("{\n") || like.starts_with("{\r\n")) {
        None => tree.serialize(&mut serde_json::Serializer::new(&mut out)),
        Some(indent) => {
            let formatter = PrettyFormatter::with_indent(indent.as_bytes());
            tree.serialize(&mut serde_json::Serializer::with_formatter(
                &mut out, formatter,
            ))
        }
    };
    done.expect("keys are texts, and a Vec takes every byte");
    String::from_utf8(out).expect("JSON is text")
}

fn map(pairs: &[(String, Tree)], indent: usize, out: &mut String) {
    for (key, value) in pairs {
        out.push_str(&" ".repeat(indent));
        entry(key, value, indent, out);
    }
}

fn entry(key: &str, value: &Tree, indent: usize, out: &mut String) {
    out.push_str(&if is_plain(key) {
        key.to_owned()
    } else {
        quoted(key)
    });
    out.push(':');
    match value {
        Tree::Map(pairs) if !pairs.is_empty() => {
            out.push('\n');
            map(pairs, indent + 2, out);
        }
        // As kubectl does: a list's dashes stand below its key.
        Tree::List(items) if !items.is_empty() => {
            out.push('\n');
            list(items, indent, out);
        }
        other => {
            out.push(' ');
            out.push_str(&scalar(other, indent + 2));
            out.push('\n');
        }
    }
}

fn list(items: &[Tree], indent: usize, out: &mut String) {
    for item in items {
        out.push_str(&" ".repeat(indent));
        out.push_str("- ");
        match item {
            Tree::Map(pairs) if !pairs.is_empty() => {
                let ((key, value), rest) = pairs.split_first().expect("it is not empty");
                entry(key, value, indent + 2, out);
                map(rest, indent + 2, out);
            }
            Tree::List(items) if !items.is_empty() => {
                let mut inner = String::new();
                list(items, indent + 2, &mut inner);
                out.push_str(inner.trim_start_matches(' '));
            }
            other => {
                out.push_str(&scalar(other, indent + 2));
                out.push('\n');
            }
        }
    }
}

/// One value on one line, or a block whose lines are indented.
fn scalar(tree: &Tree, indent: usize) -> String {
    match tree {
        Tree::Null => "null".to_owned(),
        Tree::Bool(own) => own.to_string(),
        Tree::Number(number) => number.to_string(),
        Tree::Text(text) if is_plain(text) => text.clone(),
        Tree::Text(text) => block(text, indent).unwrap_or_else(|| quoted(text)),
        Tree::List(_) => "[]".to_owned(),
        Tree::Map(_) => "{}".to_owned(),
    }
}

/// Several lines as a literal block, when nothing in them needs an escape.
fn block(text: &str, indent: usize) -> Option<String> {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let printable = |c: char| c == '\n' || c == '\t' || !c.is_control() && !is_special(c);
    let starts = |line: &str| line.starts_with([' ', '\t']) || line.is_empty();
    // A line of it could be `---` or `...`, which end a document wherever they are not indented (YAML 1.2.2, 9.1).
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
    // Blank lines with spaces in them are told apart badly.
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

/// In double quotes, with the escapes of JSON, which are YAML's too; a text that is JSON itself in single ones.
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
    const WORDS: [&str; 12] = [
        "null",
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
        "nan",
        "inf",
        "undefined",
    ];
    const UNITS: [&str; 13] = [
        "m", "k", "M", "G", "T", "P", "Ki", "Mi", "Gi", "Ti", "Pi", "s", "h",
    ];
    let Some(first) = text.chars().next() else {
        return false;
    };
    if first.is_ascii_digit() {
        let digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
        return UNITS.contains(&digits);
    }
    let inner = |c: char| c.is_ascii_alphanumeric() || "_-./:@+=,$()*%~ ".contains(c);
    (first.is_ascii_alphabetic() || matches!(first, '_' | '/' | '$' | '('))
        && text.chars().all(inner)
        && !text.contains(": ")
        && !text.ends_with([':', ' '])
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}
