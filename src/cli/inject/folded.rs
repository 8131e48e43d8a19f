//! Quoted texts whose further lines begin no deeper than the list or map that they are in.
//!
//! go-yaml folds long texts so, and it and libyaml read them, therefore kubectl does; YAML 1.2
//! wants them deeper (<https://yaml.org/spec/1.2.2/#63-line-prefixes>), as does the parser here.
//! Blanks in front of such a line mean nothing. Owns moving these lines, and only these, to the
//! right. `yaml` and `edit` ask for it when a document cannot be read as it is.

/// Where a line of the document begins.
enum State {
    Structure,
    /// In a text in these quotes that began at this column.
    Quoted(char, usize),
    /// In a block scalar of what is at this column.
    Block(usize),
}

/// A document with its quoted texts deep enough.
pub(super) struct Deeper {
    pub(super) text: String,
    /// Where in it blanks were put, and how many.
    blanks: Vec<(usize, usize)>,
}

impl Deeper {
    /// Where a byte of this text was before.
    pub(super) fn before(&self, at: usize) -> usize {
        let blanks = self.blanks.iter().take_while(|(from, _)| *from < at);
        at - blanks.map(|(_, count)| count).sum::<usize>()
    }
}

/// None when they were deep enough.
pub(super) fn deeper(text: &str) -> Option<Deeper> {
    let mut out = String::with_capacity(text.len());
    let (mut state, mut is_value_due, mut blanks) = (State::Structure, false, Vec::new());
    for line in text.split_inclusive('\n') {
        let bare = line.trim_start_matches(' ');
        let column = line.len() - bare.len();
        if let State::Block(parent) = state
            && !bare.trim().is_empty()
            && column <= parent
        {
            state = State::Structure;
        }
        match state {
            State::Block(_) => {}
            State::Quoted(quote, start) => {
                if column <= start && !bare.trim().is_empty() {
                    blanks.push((out.len(), start + 1));
                    out.push_str(&" ".repeat(start + 1));
                }
                if end_of_quoted(line, quote).is_some() {
                    state = State::Structure;
                }
            }
            State::Structure if bare.trim().is_empty() || bare.starts_with('#') => {}
            State::Structure => {
                state = after(bare.trim_end(), column, is_value_due);
                is_value_due = bare.trim_end().ends_with([':', '-']);
            }
        }
        out.push_str(line);
    }
    (!blanks.is_empty()).then_some(Deeper { text: out, blanks })
}

/// What follows a line of structure: the dashes and keys in front of its value are passed over.
fn after(line: &str, column: usize, is_value_due: bool) -> State {
    // A line without them goes on with a plain text, unless its value was still to come.
    let (mut rest, mut parent, mut is_value) = (line, column, is_value_due);
    loop {
        let at = column + line.len() - rest.len();
        if let Some(inner) = rest.strip_prefix("- ").or_else(|| rest.strip_prefix("? ")) {
            (parent, is_value) = (at, true);
            rest = inner.trim_start();
        } else if rest.starts_with(['&', '!']) && is_value {
            rest = rest.find(' ').map_or("", |end| rest[end..].trim_start());
        } else if rest.starts_with(['|', '>']) && is_value {
            return State::Block(parent);
        } else if let Some(quote) = rest
            .chars()
            .next()
            .filter(|first| ['\'', '"'].contains(first))
        {
            match end_of_quoted(&rest[1..], quote).map(|end| &rest[1 + end..]) {
                None if is_value => return State::Quoted(quote, at),
                None => return State::Structure,
                Some(behind) => match behind.trim_start().strip_prefix(": ") {
                    Some(value) => (parent, is_value, rest) = (at, true, value.trim_start()),
                    None => return State::Structure,
                },
            }
        } else if let Some(end) = rest
            .find(": ")
            .filter(|_| !rest.starts_with(['#', '{', '[']))
        {
            (parent, is_value) = (at, true);
            rest = rest[end + 2..].trim_start();
            if !rest.starts_with(['\'', '"', '|', '>', '&', '!']) {
                return State::Structure;
            }
        } else {
            return State::Structure;
        }
    }
}

/// Where a text in quotes ends, behind its last quote; it began before `text`.
fn end_of_quoted(text: &str, quote: char) -> Option<usize> {
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if quote == '"' => drop(characters.next()),
            own if own == quote
                && quote == '\''
                && characters.peek().is_some_and(|(_, next)| *next == quote) =>
            {
                characters.next();
            }
            own if own == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}
