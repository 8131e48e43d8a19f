//! Where in the document a wrong value is: its path of keys, from the place in the text that the
//! parser names.
//!
//! Owns the form of a path (`profiles.app.chain[0].roleArn`). It reads no value, and runs only when
//! one was refused: what keeps the path of every value as it is read would be compiled once more for
//! each parameter. `file` calls it.

use std::fmt::Write as _;

use granit_parser::{Event, Parser};
use serde_saphyr::Location;

/// The keys that lead to the value or the key at this place; none when nothing begins there.
pub(super) fn path_of(text: &str, location: Location) -> Option<String> {
    let place = location.span().byte_offset()?;
    let length = location.span().byte_len()?;
    let mut path = Path::default();
    let mut events = Parser::new_from_str(text);
    while let Some(Ok((event, span))) = events.next_event() {
        let range = span.byte_range();
        let is_there = event.is_node()
            && range.is_some_and(|own| own.start as u64 == place && own.len() as u64 == length);
        if is_there {
            return Some(path.to(&event));
        }
        path.follow(&event);
    }
    None
}

/// What the parser is in the middle of.
enum Open {
    /// A map, and the key whose value comes next.
    Map(Option<String>),
    /// A list, and the index of the item that comes next.
    List(usize),
}

#[derive(Default)]
struct Path(Vec<Open>);

impl Path {
    /// The path to the node that begins with this event: a value, or a key as its value.
    fn to(&self, event: &Event<'_>) -> String {
        let mut path = String::new();
        for open in &self.0 {
            match open {
                Open::Map(key) => {
                    let key = key.as_deref().unwrap_or_else(|| text_of(event));
                    path.push_str(if path.is_empty() { "" } else { "." });
                    path.push_str(key);
                }
                Open::List(index) => {
                    write!(path, "[{index}]").expect("a String takes every text");
                }
            }
        }
        path
    }

    fn follow(&mut self, event: &Event<'_>) {
        match event {
            Event::MappingStart(..) => self.0.push(Open::Map(None)),
            Event::SequenceStart(..) => self.0.push(Open::List(0)),
            Event::MappingEnd | Event::SequenceEnd => {
                self.0.pop();
                self.pass(None);
            }
            Event::Scalar(text, ..) => self.pass(Some(text)),
            Event::Alias(_) => self.pass(None),
            _ => {}
        }
    }

    /// Goes past a whole node: a key, a value or an item.
    fn pass(&mut self, text: Option<&str>) {
        match self.0.last_mut() {
            Some(Open::Map(key @ None)) => *key = Some(text.unwrap_or_default().to_owned()),
            Some(Open::Map(key)) => *key = None,
            Some(Open::List(index)) => *index += 1,
            None => {}
        }
    }
}

fn text_of<'e>(event: &'e Event<'_>) -> &'e str {
    match event {
        Event::Scalar(text, ..) => text,
        _ => "",
    }
}
