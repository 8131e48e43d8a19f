//! Edits where values are one below the other.
//!
//! Owns which lines a member or an item is, and where new lines go: behind the last line of the
//! value before them, and behind the comments there that are indented as far as it is. A comment
//! further to the left belongs to what follows.

use serde_json::Value;

use super::super::emit;
use super::super::positions::{BLANKS, Node, Part, Shape, line_end, line_start};
use super::{Added, Changes, Editor};

impl Editor<'_> {
    pub(super) fn change_block(&mut self, node: &Node, parts: &[Part], changes: &Changes<'_>) {
        let Some(kept) = (0..parts.len()).find(|at| !changes.removed.contains(at)) else {
            let text = self.lines(node, &changes.added);
            let end = line_end(self.text, node.end);
            return self.edit(parts[0].start..end, text.trim_start());
        };
        let is_inline = !self.begins_line(&parts[0]);
        if is_inline && kept > 0 {
            self.edit(parts[0].start..parts[kept].start, "");
        }
        for at in &changes.removed {
            let is_leading = *at < kept;
            if !(is_inline && is_leading) {
                self.remove_lines(&parts[*at], is_leading);
            }
        }
        for group in changes.added.chunk_by(|one, other| one.0 == other.0) {
            let text = self.lines(node, group);
            let at = group[0].0;
            let is_first = at == 0 || at == kept;
            if is_inline && is_first {
                let (at, margin) = (parts[0].start, " ".repeat(node.column));
                self.edit(at..at, format!("{}\n{margin}", text.trim_start()));
            } else if let Some(end) = self.line_before(parts, node.column, at, is_first) {
                self.edit(end..end, format!("\n{text}"));
            } else {
                self.edit(0..0, format!("{text}\n"));
            }
        }
    }

    pub(super) fn replace_in_block(&mut self, parent: &Node, part: &Part, new: &Value) {
        let node = &part.value;
        let key = part.key.as_ref().map(|_| "k");
        let text = emit::part(key, new, parent.column, self.indent(parent));
        // What is behind the colon or the dash.
        let text = &text[parent.column + 1 + usize::from(key.is_some())..];
        if matches!(node.shape, Shape::Block(_)) {
            // A comment behind the key stays.
            let end = line_end(self.text, part.behind);
            let behind = self.text[part.behind..end].trim_start_matches(BLANKS);
            if behind.starts_with('#') && !text.contains('\n') {
                self.edit(part.behind..part.behind, text);
                self.edit(end..node.end, "");
            } else {
                self.edit(part.behind..node.end, text);
            }
        } else if text.starts_with('\n') {
            let before = self.text[..node.start].trim_end_matches(' ').len();
            self.edit(before.max(part.behind)..node.end, "");
            let end = line_end(self.text, node.end);
            self.edit(end..end, text);
        } else {
            let text = self.on_its_line(node, &text[1..], new);
            let gap = if node.start == node.end { " " } else { "" };
            self.edit(node.start..node.end, format!("{gap}{text}"));
        }
    }

    /// The text of a scalar, in the quotes that are there; on one line when a comment follows.
    fn on_its_line(&self, node: &Node, text: &str, new: &Value) -> String {
        let rest = &self.text[node.end..line_end(self.text, node.end)];
        let is_quoted = self.text[node.start..].starts_with('"');
        match new {
            Value::String(_) if is_quoted || !rest.trim_matches(BLANKS).is_empty() => emit::Flow {
                is_json: is_quoted || text.contains('\n'),
                is_wide: true,
            }
            .value(new),
            _ => text.to_owned(),
        }
    }

    fn lines(&self, node: &Node, added: &[Added<'_>]) -> String {
        let indent = self.indent(node);
        let lines: Vec<String> = added
            .iter()
            .map(|(_, key, value)| emit::part(*key, value, node.column, indent))
            .collect();
        lines.join("\n")
    }

    /// Whether nothing but blanks is in front of it on its line.
    fn begins_line(&self, part: &Part) -> bool {
        let margin = &self.text[line_start(self.text, part.start)..part.start];
        margin.trim_matches(BLANKS).is_empty()
    }

    /// Takes its lines out, with the line break in front of them; of leading parts, which the first
    /// line of the document may be one of, with that behind them.
    fn remove_lines(&mut self, part: &Part, is_leading: bool) {
        let start = line_start(self.text, part.start);
        let end = line_end(self.text, part.value.end);
        if let Some(above) = end_of_line_above(self.text, start).filter(|_| !is_leading) {
            self.edit(above..end, "");
        } else {
            let next = self.text[end..].find('\n').map_or(end, |at| end + at + 1);
            self.edit(start..next, "");
        }
    }

    /// The end of the line behind which the part of this index begins; none when that is in front
    /// of everything.
    fn line_before(
        &self,
        parts: &[Part],
        column: usize,
        at: usize,
        is_first: bool,
    ) -> Option<usize> {
        if !is_first {
            let is_list = parts[0].key.is_none();
            // What is below the last item of a list can belong to the next key, which is at the
            // same column, and what is below a document to the next one.
            let column = (column + usize::from(is_list)).max(1);
            let end = line_end(self.text, parts[at - 1].value.end);
            return Some(self.behind_comments(end, column));
        }
        // Comments above the first part are its own.
        let mut start = line_start(self.text, parts[0].start);
        loop {
            let above = end_of_line_above(self.text, start)?;
            start = line_start(self.text, above);
            if !self.text[start..above].trim_start().starts_with('#') {
                return Some(above);
            }
        }
    }

    /// The end of the last line of comments below this line end that begin at this column or
    /// further to the right.
    fn behind_comments(&self, end: usize, column: usize) -> usize {
        let (mut found, mut at) = (end, end);
        while let Some(rest) = self.text[at..].split_once('\n').map(|(_, rest)| rest) {
            let start = self.text.len() - rest.len();
            at = line_end(self.text, start);
            let line = &self.text[start..at];
            let comment = line.trim_start_matches(' ');
            if comment.starts_with('#') && line.len() - comment.len() >= column {
                found = at;
            } else if !comment.trim_matches(BLANKS).is_empty() {
                break;
            }
        }
        found
    }
}

/// The end of the line above the one that begins here.
fn end_of_line_above(text: &str, start: usize) -> Option<usize> {
    let above = text[..start].strip_suffix('\n')?;
    Some(above.strip_suffix('\r').unwrap_or(above).len())
}
