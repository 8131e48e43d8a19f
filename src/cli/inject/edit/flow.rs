//! Edits in brackets.
//!
//! Owns commas, those behind the last part included, and lines: where each part begins a line, new
//! ones do.

use serde_json::Value;

use super::super::emit;
use super::super::positions::{BLANKS, Node, Part, content, line_end, line_start};
use super::{Changes, Editor};

impl<'a> Editor<'a> {
    pub(super) fn change_flow(&mut self, node: &Node, parts: &[Part], changes: &Changes<'_>) {
        let count = parts.len();
        let margin = self.text[node.start..parts[0].start]
            .contains('\n')
            .then(|| self.margin(parts[0].start));
        let gap = match margin {
            Some(margin) => format!("\n{margin}"),
            None => self.flow.comma()[1..].to_owned(),
        };
        let last_kept = (0..count).rfind(|at| !changes.removed.contains(at));
        let kept_until = last_kept.map_or(0, |last| last + 1);
        for at in changes.removed.iter().filter(|at| **at < kept_until) {
            self.edit(parts[*at].start..parts[*at + 1].start, "");
        }
        if kept_until < count {
            let from = last_kept.map_or(parts[0].start, |last| parts[last].value.end);
            self.edit(from..parts[count - 1].value.end, "");
        }
        let texts = |at: usize| -> Vec<String> {
            let here = changes.added.iter().filter(|(before, ..)| *before == at);
            here.map(|(_, key, value)| self.in_flow(*key, value, margin))
                .collect()
        };
        let in_front: Vec<_> = (0..count).map(texts).collect();
        let behind = texts(count);
        for (part, texts) in parts.iter().zip(in_front) {
            for text in texts {
                self.edit(part.start..part.start, format!("{text},{gap}"));
            }
        }
        if behind.is_empty() {
            return;
        }
        if last_kept.is_none() {
            let end = parts[count - 1].value.end;
            return self.edit(end..end, behind.join(&format!(",{gap}")));
        }
        self.append(node, parts[count - 1].value.end, &gap, &behind);
    }

    /// Puts texts behind the last part, which ends here.
    fn append(&mut self, node: &Node, end: usize, gap: &str, texts: &[String]) {
        let next = content(self.text, end);
        let has_comma = self.text[next..].starts_with(',');
        let after = if has_comma { next + 1 } else { end };
        let joined = texts.join(&format!(",{gap}"));
        let is_on_lines = gap.starts_with('\n') && self.text[after..node.end].contains('\n');
        // A comment behind the last part stays there.
        let at = if is_on_lines {
            line_end(self.text, after)
        } else {
            after
        };
        if has_comma {
            self.edit(at..at, format!("{gap}{joined},"));
        } else {
            self.edit(end..end, ",");
            self.edit(at..at, format!("{gap}{joined}"));
        }
    }

    pub(super) fn replace_in_flow(&mut self, node: &Node, new: &Value) {
        let text = self.flow_value(new, self.unit.map(|_| self.margin(node.start)));
        let is_nothing = node.start == node.end;
        let gap = if is_nothing && !self.text[..node.start].ends_with(BLANKS) {
            " "
        } else {
            ""
        };
        self.edit(node.start..node.end, format!("{gap}{text}"));
    }

    fn in_flow(&self, key: Option<&str>, value: &Value, margin: Option<&str>) -> String {
        if self.unit.is_none() || margin.is_none() {
            return self.flow.part(key, value);
        }
        let key = key.map(|key| format!("{}: ", Value::from(key)));
        key.unwrap_or_default() + &self.flow_value(value, margin)
    }

    fn flow_value(&self, value: &Value, margin: Option<&str>) -> String {
        match (self.unit, margin) {
            (Some(unit), Some(margin)) => emit::pretty(value, margin, unit),
            _ => self.flow.value(value),
        }
    }

    /// The blanks that the line of this byte begins with.
    fn margin(&self, at: usize) -> &'a str {
        let line = &self.text[line_start(self.text, at)..];
        &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
    }
}
