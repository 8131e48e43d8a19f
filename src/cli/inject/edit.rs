//! A document's text changed so that it means another value; everything that means the same stays
//! byte for byte.
//!
//! Owns which bytes are taken out and put in: the two values are compared part by part, where
//! `positions` finds the parts in the text. The result is read again: what does not mean the new
//! value is never returned. `stream` calls it.

mod align;
mod block;
mod flow;
mod refusal;

use std::ops::Range;

use serde_json::{Map, Value};

use super::emit::{Flow, Indent};
use super::positions::{self, Node, Part, Shape};
use super::{folded, yaml};
use align::aligned;
pub(super) use refusal::Refusal;
use refusal::refuse_late_merges;

/// The text with `new` in place of `old`, which is what it means.
///
/// # Errors
/// When the text that would have to change also means something else, as that of an anchor does.
pub(super) fn edited(text: &str, old: &Value, new: &Value) -> Result<String, Refusal> {
    if let Some(root) = positions::of(text) {
        refuse_late_merges(text, &root)?;
        return Editor::new(text, &root).run(old, new, &|at| at);
    }
    let deeper = folded::deeper(text).ok_or(Refusal::Impossible)?;
    let root = positions::of(&deeper.text).ok_or(Refusal::Impossible)?;
    refuse_late_merges(&deeper.text, &root)?;
    let mut editor = Editor::new(&deeper.text, &root);
    editor.original = text;
    editor.run(old, new, &|at| deeper.before(at))
}

/// These bytes out, this text in.
struct Edit {
    at: Range<usize>,
    text: String,
}

/// What is written in front of the part of this index: a member with its key, or an item.
type Added<'v> = (usize, Option<&'v str>, &'v Value);

/// What becomes of the parts of a map or list.
#[derive(Default)]
struct Changes<'v> {
    /// Indices, in order.
    removed: Vec<usize>,
    added: Vec<Added<'v>>,
}

/// What a value is part of: something in brackets, or this block.
#[derive(Clone, Copy)]
enum Place<'n> {
    Flow,
    Block(&'n Node, &'n Part),
}

struct Editor<'a> {
    /// What the positions are of.
    text: &'a str,
    /// What is edited.
    original: &'a str,
    root: &'a Node,
    newline: &'static str,
    flow: Flow,
    /// Of a JSON document that is on several lines: the blanks of one level.
    unit: Option<&'a str>,
    edits: Vec<Edit>,
    shared: Vec<Range<usize>>,
}

impl<'a> Editor<'a> {
    fn new(text: &'a str, root: &'a Node) -> Self {
        let json = &text[root.start..root.end];
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(json).is_ok();
        let unit = match &root.shape {
            Shape::Flow(parts) if is_json => parts.first().and_then(|part| {
                let margin = &text[positions::line_start(text, part.start)..part.start];
                (text[root.start..part.start].contains('\n') && margin.trim().is_empty())
                    .then_some(margin)
            }),
            _ => None,
        };
        Self {
            text,
            original: text,
            root,
            newline: if text.contains("\r\n") { "\r\n" } else { "\n" },
            flow: Flow {
                is_json,
                is_wide: !is_json || json.contains("\": "),
            },
            unit,
            edits: Vec::new(),
            shared: Vec::new(),
        }
    }

    fn run(
        mut self,
        old: &Value,
        new: &Value,
        place: &dyn Fn(usize) -> usize,
    ) -> Result<String, Refusal> {
        self.value(self.root, old, new, Place::Flow);
        // What goes in at the same place stays in the order of its making: inner values first.
        self.edits.sort_by_key(|edit| (edit.at.start, edit.at.end));
        let (mut out, mut at) = (String::with_capacity(self.text.len()), 0);
        for edit in &self.edits {
            let (start, end) = (place(edit.at.start), place(edit.at.end));
            out.push_str(self.original.get(at..start).ok_or(Refusal::Impossible)?);
            out.push_str(&edit.text.replace('\n', self.newline));
            at = end;
        }
        out.push_str(&self.original[at..]);
        if yaml::parse(&out).is_ok_and(|read| read.as_ref() == Some(new)) {
            return Ok(out);
        }
        let first = self.shared.first().ok_or(Refusal::Impossible)?;
        Err(Refusal::Shared {
            name: self.text[first.clone()].to_owned(),
            line: 1 + self.text[..first.start].matches('\n').count(),
        })
    }

    /// Takes bytes out and puts a text in, whose line breaks become the document's.
    fn edit(&mut self, at: Range<usize>, text: impl Into<String>) {
        self.edits.push(Edit {
            at,
            text: text.into(),
        });
    }

    fn value(&mut self, node: &Node, old: &Value, new: &Value, place: Place<'_>) {
        if old == new {
            return;
        }
        self.shared.extend(node.anchor.clone());
        let (Shape::Flow(parts) | Shape::Block(parts)) = &node.shape else {
            if matches!(node.shape, Shape::Alias) {
                self.shared.insert(0, node.start..node.end);
            } else {
                self.replace(node, new, place);
            }
            return;
        };
        let changes = match (old, new) {
            (Value::Object(old), Value::Object(new)) if !parts.is_empty() && !new.is_empty() => {
                self.members(node, parts, old, new)
            }
            (Value::Array(old), Value::Array(new)) if !parts.is_empty() && !new.is_empty() => {
                self.items(node, parts, old, new)
            }
            _ => return self.replace(node, new, place),
        };
        match &node.shape {
            Shape::Flow(_) => self.change_flow(node, parts, &changes),
            _ => self.change_block(node, parts, &changes),
        }
    }

    fn replace(&mut self, node: &Node, new: &Value, place: Place<'_>) {
        if let Shape::Flow(parts) = &node.shape
            && parts.is_empty()
            && (new.is_array() || new.is_object())
            && self.text[node.start..node.end].contains('#')
        {
            // The comment in empty brackets stays.
            let (at, text) = (node.start + 1, self.flow.value(new));
            return self.edit(at..at, &text[1..text.len() - 1]);
        }
        match place {
            Place::Flow => self.replace_in_flow(node, new),
            Place::Block(parent, part) => self.replace_in_block(parent, part, new),
        }
    }

    /// Changes the members that stay; answers the others.
    fn members<'v>(
        &mut self,
        node: &Node,
        parts: &[Part],
        old: &Map<String, Value>,
        new: &'v Map<String, Value>,
    ) -> Changes<'v> {
        let mut changes = Changes::default();
        for (at, part) in parts.iter().enumerate() {
            let key = part.key.as_deref().unwrap_or_default();
            match (old.get(key), new.get(key)) {
                (Some(old), Some(new)) => self.value(&part.value, old, new, place(node, part)),
                (Some(_), None) => changes.removed.push(at),
                _ => {}
            }
        }
        let is_own = |key: &str| parts.iter().any(|part| part.key.as_deref() == Some(key));
        let is_merged =
            |(key, value): (&String, &Value)| !is_own(key) && new.get(key) != Some(value);
        if old.iter().any(is_merged)
            && let Some(merge) = parts.iter().find(|part| part.key.as_deref() == Some("<<"))
        {
            self.shared.insert(0, merge.start..merge.value.end);
        }
        changes.added = new
            .iter()
            .filter(|(key, _)| !old.contains_key(*key))
            .map(|(key, value)| (parts.len(), Some(key.as_str()), value))
            .collect();
        changes
    }

    /// Changes the items that stay; answers the others.
    fn items<'v>(
        &mut self,
        node: &Node,
        parts: &[Part],
        old: &[Value],
        new: &'v [Value],
    ) -> Changes<'v> {
        let mut changes = Changes::default();
        let mut at = 0;
        for step in aligned(old, new) {
            match step {
                (Some(one), Some(other)) => {
                    let part = &parts[one];
                    self.value(&part.value, &old[one], &new[other], place(node, part));
                    at = one + 1;
                }
                (Some(one), None) => {
                    changes.removed.push(one);
                    at = one + 1;
                }
                (None, Some(other)) => changes.added.push((at, None, &new[other])),
                (None, None) => {}
            }
        }
        changes
    }

    /// How far what is put into this node is indented: as what is there, else as elsewhere in the
    /// document.
    fn indent(&self, near: &Node) -> Indent {
        let found = |of_lists| near.indent(of_lists).or_else(|| self.root.indent(of_lists));
        Indent {
            of_maps: found(false).filter(|columns| *columns > 0).unwrap_or(2),
            of_lists: found(true).unwrap_or(0),
        }
    }
}

fn place<'n>(parent: &'n Node, part: &'n Part) -> Place<'n> {
    match &parent.shape {
        Shape::Flow(_) => Place::Flow,
        _ => Place::Block(parent, part),
    }
}

#[cfg(test)]
mod tests;
