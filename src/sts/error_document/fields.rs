//! The fields of a JSON or XML document, and which of them are code, message and request id.
//!
//! Owns the names under which servers say these. A document is flattened to its texts in order:
//! what nests them differs from server to server, and their names hardly do.

use serde_json::Value;
use xmlparser::{ElementEnd, Token, Tokenizer};

use super::{ErrorDocument, page};
use crate::failure::is_known_code;

/// Texts with their names, in the order in which they count.
#[derive(Default)]
pub(super) struct Fields(Vec<(String, String)>);

/// AWS's own names, with which a server speaks its dialect: then the code is its own, known or not.
const OWN_CODES: [&str; 2] = ["__type", "Code"];
/// Names of codes in others' documents. A gateway's code is shown, but decides nothing unless an
/// STS has it too: an unknown one of an STS would count as a refusal for good.
const OTHER_CODES: [&str; 5] = ["code", "errorcode", "error_code", "title", "error"];
/// Names of messages, in any case.
const MESSAGES: [&str; 12] = [
    "message",
    "error_description",
    "errormessage",
    "error_message",
    "msg",
    "faultstring",
    "detail",
    "description",
    "reason_phrase",
    "reason",
    "text",
    "errors",
];

impl Fields {
    /// Whether there is nothing in it that could be shown.
    pub(super) fn is_void(&self) -> bool {
        self.0.is_empty()
    }

    fn named(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, text)| text.as_str())
    }
}

impl ErrorDocument {
    /// What the fields say; nothing when none of them has a name known here.
    pub(super) fn of(fields: &Fields) -> Option<Self> {
        let own = fields
            .0
            .iter()
            .find(|(name, _)| OWN_CODES.contains(&&**name));
        let own = own
            .map(|(_, text)| bare(text))
            .filter(|code| !code.is_empty());
        let mut others = OTHER_CODES.iter().filter_map(|name| fields.named(name));
        let first = others.clone().next();
        let code = own.or_else(|| others.find(|code| is_known_code(code)));
        let lead = first.filter(|_| code.is_none());
        let message = MESSAGES.iter().find_map(|name| fields.named(name));
        let message = match (lead, message) {
            (Some(lead), Some(message)) if lead != message => Some(format!("{lead}: {message}")),
            (lead, message) => message.or(lead).map(str::to_owned),
        };
        let request_id = fields
            .named("RequestId")
            .or_else(|| fields.named("request_id"))
            .map(str::to_owned);
        let found = code.is_some() || message.is_some();
        found.then(|| Self {
            code: code.map(str::to_owned),
            message,
            request_id,
        })
    }
}

/// `com.amazonaws.model#Code:http://internal/` in AWS's JSON protocols.
fn bare(code: &str) -> &str {
    let code = code.rsplit_once('#').map_or(code, |(_, code)| code);
    code.split_once(':').map_or(code, |(code, _)| code)
}

/// The texts of a JSON document; nothing when it is none.
pub(super) fn of_json(text: &str) -> Option<Fields> {
    if !text.starts_with(['{', '[', '"']) && text != "null" {
        return None;
    }
    let mut fields = Fields::default();
    flatten("message", &serde_json::from_str(text).ok()?, &mut fields);
    Some(fields)
}

/// What is nested in an error counts before what is beside it. Of a list the first member counts.
fn flatten(name: &str, value: &Value, fields: &mut Fields) {
    match value {
        Value::Object(map) => {
            let (errors, others): (Vec<_>, Vec<_>) = map.iter().partition(|(name, value)| {
                name.to_ascii_lowercase().starts_with("err") && !value.is_string()
            });
            let (texts, nested): (Vec<_>, Vec<_>) =
                others.into_iter().partition(|(_, value)| value.is_string());
            for (name, value) in errors.into_iter().chain(texts).chain(nested) {
                flatten(name, value, fields);
            }
        }
        Value::Array(list) => list
            .iter()
            .take(1)
            .for_each(|first| flatten(name, first, fields)),
        Value::String(text) => fields.extend(name, text),
        // It has a name, and so is not void.
        Value::Number(_) | Value::Bool(_) => fields.extend("", &value.to_string()),
        Value::Null => {}
    }
}

impl Fields {
    fn extend(&mut self, name: &str, text: &str) {
        let text = text.trim();
        if !text.is_empty() {
            self.0.push((name.to_owned(), text.to_owned()));
        }
    }
}

/// The texts of an XML document's elements, by their local names, as far as it is well formed.
pub(super) fn of_xml(text: &str) -> Fields {
    let (mut fields, mut open) = (Fields::default(), Vec::<(&str, String)>::new());
    for token in Tokenizer::from(text).map_while(Result::ok) {
        match token {
            Token::ElementStart { local, .. } => open.push((local.as_str(), String::new())),
            Token::Text { text } => {
                if let Some((_, kept)) = open.last_mut() {
                    kept.push_str(&page::unescaped(text.as_str()));
                }
            }
            Token::Cdata { text, .. } => {
                if let Some((_, kept)) = open.last_mut() {
                    kept.push_str(text.as_str());
                }
            }
            Token::ElementEnd {
                end: ElementEnd::Empty | ElementEnd::Close(..),
                ..
            } => {
                if let Some((name, text)) = open.pop() {
                    fields.extend(name, &text);
                }
            }
            _ => {}
        }
    }
    fields
}
