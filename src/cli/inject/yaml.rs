//! YAML as Kubernetes' tools read it, as a JSON value.
//!
//! Owns what a text means: `yes` is true, `0644` is octal, merges (`<<`) are followed, a key twice
//! is an error (YAML 1.1, by go-yaml, which <https://github.com/kubernetes-sigs/yaml> reads with).
//! It knows no positions: those are `positions`'. `input` and `edit` call it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::folded;
use crate::inject::patch::escaped;
use crate::redact;

/// Why a text is no document.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Error(String);

/// As deep as the API server reads, with room on our stack.
const DEEPEST: usize = 200;
/// Values in one document: a list of the largest objects has fewer.
const MOST: usize = 10_000_000;

/// Reads one document; none when it is empty.
pub(super) fn parse(text: &str) -> Result<Option<Value>, Error> {
    // JSON is YAML except for keys of more than 1,024 characters.
    if text.trim_start().starts_with('{')
        && let Ok(Read(value)) = serde_json::from_str(text)
    {
        return Ok(Some(value));
    }
    parse_yaml(text).or_else(|error| match folded::deeper(text) {
        Some(deeper) => parse_yaml(&deeper.text).map_err(|_| error),
        None => Err(error),
    })
}

fn parse_yaml(text: &str) -> Result<Option<Value>, Error> {
    let budget = serde_saphyr::budget! { max_depth: DEEPEST, max_nodes: MOST, max_events: MOST };
    let options = serde_saphyr::options! {
        with_snippet: false, legacy_octal_numbers: true, budget: budget,
    };
    serde_saphyr::from_str_with_options::<Option<Read>>(text, options)
        .map(|read| read.map(|Read(value)| value))
        .map_err(|error| error.render_with_formatter(&serde_saphyr::UserMessageFormatter))
        .map_err(|message| Error(redact::parser_message(&message)))
}

/// The text that a member of a map is.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

/// Everything that a path leads to, with its JSON pointer; a part `*` is every item or member.
pub(super) fn every<'a>(value: &'a Value, path: &str) -> Vec<(String, &'a Value)> {
    let mut found = vec![(String::new(), value)];
    for part in path.split('/').skip(1) {
        found = found
            .into_iter()
            .flat_map(|(place, value)| children(&place, value, part))
            .collect();
    }
    found
}

fn children<'a>(place: &str, value: &'a Value, part: &str) -> Vec<(String, &'a Value)> {
    let all: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, own)| (escaped(key), own)).collect(),
        Value::Array(items) => (0..).map(|at: usize| at.to_string()).zip(items).collect(),
        _ => Vec::new(),
    };
    all.into_iter()
        .filter(|(key, _)| part == "*" || *key == escaped(part))
        .map(|(key, own)| (format!("{place}/{key}"), own))
        .collect()
}

/// A value that is read as Kubernetes does.
struct Read(Value);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, own: bool) -> Result<Value, E> {
        Ok(own.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        Number::from_f64(number)
            .map(Value::Number)
            .ok_or_else(|| E::custom("JSON has no such number; put it in quotes"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Read(item)) = access.next_element()? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((Read(key), Read(value))) = access.next_entry()? {
            let key = into_key(key).ok_or_else(|| A::Error::custom("a key must be a text"))?;
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!("the key {key:?} is there twice")));
            }
            map.insert(key, value);
        }
        Ok(map.into())
    }
}

/// As kubectl makes a key of it: `on` is "true", `0644` "420"
/// (<https://github.com/kubernetes-sigs/yaml>, `convertToJSONableObject`).
fn into_key(key: Value) -> Option<String> {
    match key {
        Value::String(text) => Some(text),
        Value::Bool(own) => Some(own.to_string()),
        Value::Number(number) if number.is_f64() => number.as_f64().map(shortest),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A number as Go's `strconv.FormatFloat(number, 'g', -1, 64)` spells it.
fn shortest(number: f64) -> String {
    let spelled = format!("{number:e}");
    let (digits, exponent) = spelled.split_once('e').expect("it was asked for");
    match exponent.parse::<i32>().expect("a small number") {
        -4..6 => number.to_string(),
        exponent => format!(
            "{digits}e{}{:02}",
            if exponent < 0 { '-' } else { '+' },
            exponent.abs()
        ),
    }
}
