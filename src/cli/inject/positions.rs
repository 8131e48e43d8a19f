//! Where each value of a document is in its text: positions alone, from the parser's events.
//!
//! Owns what of the text belongs to a value: where its key or dash is, where its last byte is, in
//! which style it is written. It reads no value: `yaml` does. `edit` calls it.

use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, StructureStyle};

/// A value in the text. All positions are byte offsets.
pub(super) struct Node {
    /// Its first byte, behind an anchor and a tag; of a block its first key or dash.
    pub(super) start: usize,
    /// Behind its last byte, in front of the line's end.
    pub(super) end: usize,
    /// Of `start`, from 0.
    pub(super) column: usize,
    /// `&name`, when it has one.
    pub(super) anchor: Option<Range<usize>>,
    pub(super) shape: Shape,
}

pub(super) enum Shape {
    Alias,
    Scalar,
    /// In brackets.
    Flow(Vec<Part>),
    /// One below the other.
    Block(Vec<Part>),
}

/// A member of a map or an item of a list.
pub(super) struct Part {
    /// None for an item.
    pub(super) key: Option<String>,
    /// Where its key or dash is.
    pub(super) start: usize,
    /// Behind its colon or dash.
    pub(super) behind: usize,
    pub(super) value: Node,
}

impl Node {
    /// How much further to the right than their parents the blocks in here begin: lists of maps, or
    /// maps of maps.
    pub(super) fn indent(&self, of_lists: bool) -> Option<usize> {
        let Shape::Block(parts) = &self.shape else {
            return None;
        };
        parts.iter().find_map(|part| {
            let is_member = part.key.is_some();
            match &part.value.shape {
                Shape::Block(inner) if is_member && inner[0].key.is_none() == of_lists => {
                    Some(part.value.column.saturating_sub(self.column))
                }
                _ => part.value.indent(of_lists),
            }
        })
    }
}

/// The one value of a document; none when the parser has another opinion of it than `yaml`.
pub(super) fn of(text: &str) -> Option<Node> {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_anchor_events: true,
        // JSON has keys of any length.
        simple_key_max_lookahead: text.len().max(1024),
    };
    let events = Parser::new_from_str_with_options(text, options);
    let from = if text.starts_with("---") { 3 } else { 0 };
    let mut reader = Reader { text, events };
    loop {
        let (event, span) = reader.next()?;
        if event.is_node() {
            return reader.value(&event, span, from);
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    events: Parser<'a, StrInput<'a>>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<(Event<'a>, Span)> {
        self.events.next_event()?.ok()
    }

    /// The value that begins with this event, somewhere behind `from`.
    fn value(&mut self, event: &Event<'a>, span: Span, from: usize) -> Option<Node> {
        let range = span.byte_range()?;
        let tag = span.tag_span().and_then(|tag| tag.byte_range());
        let anchor = self.anchor();
        let properties = [&tag, &anchor].into_iter().flatten();
        let from = properties.fold(from, |from, property| from.max(property.end));
        let (start, end, shape) = match event {
            Event::Alias(_) => (range.start, range.end, Shape::Alias),
            Event::Scalar(_, style, ..) => {
                let (start, end) = self.scalar(*style, range, from);
                (start, end, Shape::Scalar)
            }
            Event::SequenceStart(style, ..) | Event::MappingStart(style, ..) => {
                let is_map = matches!(event, Event::MappingStart(..));
                let is_flow = *style == StructureStyle::Flow;
                let (parts, closed) = self.parts(is_map, is_flow, from)?;
                if is_flow {
                    (range.start, closed, Shape::Flow(parts))
                } else {
                    let end = parts.last()?.value.end;
                    (parts.first()?.start, end, Shape::Block(parts))
                }
            }
            _ => return None,
        };
        Some(Node {
            start,
            end,
            column: start - line_start(self.text, start),
            anchor,
            shape,
        })
    }

    fn anchor(&mut self) -> Option<Range<usize>> {
        match self.events.peek() {
            Some(Ok((Event::Anchor(..), span))) => {
                let range = span.byte_range();
                self.next();
                range
            }
            _ => None,
        }
    }

    fn scalar(&self, style: ScalarStyle, range: Range<usize>, from: usize) -> (usize, usize) {
        match style {
            ScalarStyle::Literal | ScalarStyle::Folded => {
                let header = content(self.text, from);
                (header, block_end(self.text, header, range))
            }
            // Nothing at all is null.
            _ if range.is_empty() => (from, from),
            _ => (range.start, range.end),
        }
    }

    /// What is in a map or list, and where its closing bracket ends.
    fn parts(&mut self, is_map: bool, is_flow: bool, from: usize) -> Option<(Vec<Part>, usize)> {
        let (mut parts, mut at) = (Vec::new(), from);
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd | Event::MappingEnd) {
                return Some((parts, span.byte_range()?.end));
            }
            let part = if is_map {
                self.member(&event, span, at, is_flow)?
            } else {
                let dash = content(self.text, at);
                if !is_flow && !self.text[dash..].starts_with('-') {
                    return None;
                }
                let behind = if is_flow { dash } else { dash + 1 };
                let value = self.value(&event, span, behind)?;
                let start = if is_flow { value.start } else { dash };
                Part {
                    key: None,
                    start,
                    behind,
                    value,
                }
            };
            at = part.value.end;
            parts.push(part);
        }
    }

    fn member(&mut self, event: &Event<'a>, span: Span, at: usize, is_flow: bool) -> Option<Part> {
        let name = match event {
            Event::Scalar(text, ..) => text.to_string(),
            _ => String::new(),
        };
        let key = self.value(event, span, at)?;
        let colon = content(self.text, key.end);
        let has_colon = self.text[colon..].starts_with(':');
        let behind = if has_colon { colon + 1 } else { key.end };
        let (event, span) = self.next()?;
        // In front of a key may be its anchor, its tag or a question mark.
        let first = beginning(self.text, at);
        let is_before = !is_flow && self.text[first..key.start].starts_with(['&', '!', '?']);
        Some(Part {
            key: Some(name),
            start: if is_before { first } else { key.start },
            behind,
            value: self.value(&event, span, behind)?,
        })
    }
}

/// Behind the last line that is a block scalar's own. The parser's range goes on to what follows.
fn block_end(text: &str, header: usize, range: Range<usize>) -> usize {
    let body = &text[range.clone()];
    if body.trim_matches(BLANKS).is_empty() {
        return line_end(text, header);
    }
    let keeps = text[header..range.start]
        .split(BLANKS)
        .next()
        .is_some_and(|header| header.contains('+'));
    let indent = range.start - line_start(text, range.start);
    let mut end = body.len();
    while let Some(at) = body[..end].rfind('\n') {
        let last = body[at + 1..end].trim_end_matches('\r');
        let is_own = last.len() > indent || !last.trim_matches(BLANKS).is_empty();
        let is_partial = end == body.len();
        if is_own || (keeps && !is_partial) {
            break;
        }
        end = at;
    }
    range.start + body[..end].trim_end_matches('\r').len()
}

pub(super) const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// The first byte at or behind `at` that is neither blank nor a comment.
fn beginning(text: &str, mut at: usize) -> usize {
    loop {
        let rest = &text[at..];
        at += rest.len() - rest.trim_start_matches(BLANKS).len();
        if !text[at..].starts_with('#') {
            return at;
        }
        at = line_end(text, at);
    }
}

/// The first byte at or behind `at` that is neither blank nor a comment, an anchor or a tag.
pub(super) fn content(text: &str, mut at: usize) -> usize {
    loop {
        let rest = &text[at..];
        at += rest.len() - rest.trim_start_matches(BLANKS).len();
        let ends: &[char] = match text.as_bytes().get(at) {
            Some(b'#') => &['\n'],
            Some(b'&' | b'!') => &BLANKS,
            _ => return at,
        };
        at = text[at..].find(ends).map_or(text.len(), |end| at + end);
    }
}

/// Where the line of this byte begins.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

/// Where the line of this byte ends, in front of its line break.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    let line = text[at..].split('\n').next().unwrap_or_default();
    at + line.strip_suffix('\r').unwrap_or(line).len()
}
