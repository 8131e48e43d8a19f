//! What a page of HTML or a text says in one line.
//!
//! Owns a reading that needs no well-formed page: ingresses and proxies write what browsers repair.
//! A page says its title and its first heading, and without both its first text.

/// Names of elements that only HTML has, and begins with.
const HTML: [&str; 12] = [
    "html", "head", "title", "body", "center", "h1", "h2", "p", "div", "pre", "br", "span",
];

/// Of a character: a longer one is none, and looking for its end would take a square of the page's
/// length.
const LONGEST_NAME: usize = 16;

/// Whether it looks like a document with elements; `<` alone is text.
pub(super) fn is_markup(text: &str) -> bool {
    text.strip_prefix('<')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || "?!".contains(c)))
}

/// Whether its first element is one of HTML.
pub(super) fn is_html(text: &str) -> bool {
    let mut rest = text;
    while let Some(skipped) = rest.strip_prefix("<?").or_else(|| rest.strip_prefix("<!")) {
        let end = if skipped.starts_with("--") {
            "-->"
        } else {
            ">"
        };
        rest = skipped
            .split_once(end)
            .map_or("", |(_, rest)| rest)
            .trim_start();
    }
    let name: String = rest
        .chars()
        .skip(1)
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    HTML.contains(&name.to_ascii_lowercase().as_str())
}

/// What a page says.
pub(super) fn message(page: &str) -> Option<String> {
    let page = ["<!--", "<script", "<style"]
        .into_iter()
        .fold(page.to_owned(), |page, start| without(&page, start));
    match (element(&page, "title"), element(&page, "h1")) {
        (Some(title), Some(heading)) if title != heading => Some(format!("{title}: {heading}")),
        (title, heading) => title
            .or(heading)
            .or_else(|| texts(&page).find_map(|text| first_line(&text))),
    }
}

/// The first line that is not blank.
pub(super) fn first_line(text: &str) -> Option<String> {
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .map(str::to_owned)
}

/// A page without the parts that begin like this, up to their ends.
fn without(page: &str, start: &str) -> String {
    let end = match start {
        "<!--" => "-->".to_owned(),
        start => format!("{}>", start.replace('<', "</")),
    };
    let (mut kept, mut rest) = (String::with_capacity(page.len()), page);
    while let Some(at) = find(rest, start) {
        kept.push_str(&rest[..at]);
        rest = find(&rest[at..], &end).map_or("", |length| &rest[at + length + end.len()..]);
    }
    kept + rest
}

/// The text of the first element of that name, on one line; it need not be closed.
fn element(page: &str, name: &str) -> Option<String> {
    let start = format!("<{name}");
    let rest = &page[find(page, &start)? + start.len()..];
    // Another name may begin with this one.
    let (_, rest) = rest
        .split_once('>')
        .filter(|(attributes, _)| !attributes.starts_with(char::is_alphanumeric))?;
    let inner = &rest[..find(rest, &format!("</{name}")).unwrap_or(rest.len())];
    let words: Vec<String> = texts(inner)
        .flat_map(|text| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    Some(words.join(" ")).filter(|text| !text.is_empty())
}

/// The texts between tags.
fn texts(page: &str) -> impl Iterator<Item = String> {
    page.split('<').enumerate().map(|(at, part)| {
        let text = if at == 0 {
            part
        } else {
            part.split_once('>').map_or("", |(_, text)| text)
        };
        unescaped(text)
    })
}

/// Where it begins, in any case of ASCII letters.
fn find(text: &str, part: &str) -> Option<usize> {
    text.as_bytes()
        .windows(part.len())
        .position(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}

/// A text with XML's named characters and those named by number resolved, once.
pub(super) fn unescaped(text: &str) -> String {
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once('&') {
        kept.push_str(before);
        let end = after
            .bytes()
            .take(LONGEST_NAME + 1)
            .position(|byte| byte == b';');
        let named = end.and_then(|end| Some((character(&after[..end])?, &after[end + 1..])));
        rest = if let Some((character, behind)) = named {
            kept.push(character);
            behind
        } else {
            kept.push('&');
            after
        };
    }
    kept + rest
}

fn character(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}
