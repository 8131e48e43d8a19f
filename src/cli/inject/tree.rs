//! A YAML document with its keys in the order they were written, which a JSON value would not keep.
//!
//! Owns reading it as Kubernetes' tools do (YAML 1.1: `yes` is true, `0644` is octal) and applying patches.
//! Used by `stsidecar inject` alone.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::{Number, Value};

use super::folded;
use crate::inject::Operation;
use crate::inject::patch::{escaped, parts};
use crate::shown;

/// A value of YAML, as far as JSON has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

/// Why a text is no document.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Error(String);

/// As deep as the API server reads, with room on our stack.
const DEEPEST: usize = 200;
/// Values in one document: a list of the largest objects has fewer.
const MOST: usize = 10_000_000;

impl Tree {
    /// Reads one document; none when it is empty.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, Error> {
        // JSON is YAML except for the escapes of rare characters.
        if text.trim_start().starts_with('{')
            && let Ok(tree) = serde_json::from_str(text)
        {
            return Ok(Some(tree));
        }
        Self::parse_yaml(text).or_else(|error| match folded::deeper(text) {
            Some(text) => Self::parse_yaml(&text).map_err(|_| error),
            None => Err(error),
        })
    }

    fn parse_yaml(text: &str) -> Result<Option<Self>, Error> {
        let budget =
            serde_saphyr::budget! { max_depth: DEEPEST, max_nodes: MOST, max_events: MOST };
        let options = serde_saphyr::options! { with_snippet: false, legacy_octal_numbers: true, budget: budget };
        serde_saphyr::from_str_with_options::<Option<Self>>(text, options)
            .map_err(|error| error.render_with_formatter(&serde_saphyr::UserMessageFormatter))
            .map_err(|message| Error(shown::parser_message(&message)))
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(pairs) => pairs
                .iter()
                .find(|(own, _)| own == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What a path of keys leads to.
    pub(super) fn at(&self, path: &str) -> Option<&Self> {
        path.split('/')
            .skip(1)
            .try_fold(self, |tree, key| tree.get(key))
    }

    /// Everything that a path leads to, with its JSON pointer; a part `*` is every item or member.
    pub(super) fn every<'a>(&'a self, path: &str) -> Vec<(String, &'a Self)> {
        let mut found = vec![(String::new(), self)];
        for part in path.split('/').skip(1) {
            let children = |(place, tree): (String, &'a Self)| {
                let children = tree
                    .children()
                    .into_iter()
                    .filter(|(key, _)| part == "*" || key == part);
                children.map(move |(key, child)| (format!("{place}/{}", escaped(&key)), child))
            };
            found = found.into_iter().flat_map(children).collect();
        }
        found
    }

    /// Members and items with their keys.
    fn children(&self) -> Vec<(String, &Self)> {
        match self {
            Self::Map(pairs) => pairs
                .iter()
                .map(|(key, value)| (key.clone(), value))
                .collect(),
            Self::List(items) => items
                .iter()
                .enumerate()
                .map(|(at, item)| (at.to_string(), item))
                .collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(own) => (*own).into(),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) => text.as_str().into(),
            Self::List(items) => items.iter().map(Self::to_value).collect(),
            Self::Map(pairs) => pairs
                .iter()
                .map(|(key, value)| (key.clone(), value.to_value()))
                .collect(),
        }
    }

    /// As kubectl makes a key of it (sigs.k8s.io/yaml, `convertToJSONableObject`): `on` is "true", `0644` "420".
    fn into_key(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bool(own) => Some(own.to_string()),
            Self::Number(number) if number.is_f64() => number.as_f64().map(shortest),
            Self::Number(number) => Some(number.to_string()),
            Self::Null | Self::List(_) | Self::Map(_) => None,
        }
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(own) => Self::Bool(*own),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::of).collect()),
            Value::Object(map) => {
                let mut pairs: Vec<_> = map
                    .iter()
                    .map(|(key, value)| (key.clone(), Self::of(value)))
                    .collect();
                // As people write it; the others stay in their alphabetical order.
                pairs.sort_by_key(|(key, _)| key != "name");
                Self::Map(pairs)
            }
        }
    }

    /// Applies an operation that was made for the value at `pointer`, which had the same content.
    pub(super) fn apply(&mut self, pointer: &str, operation: &Operation) {
        let mut parts = parts(&format!("{pointer}{}", operation.path()));
        let last = parts.pop().expect("no operation is aimed at the whole");
        let parent = parts
            .iter()
            .try_fold(self, |tree, part| tree.child(part))
            .expect("the patch was made for this");
        match (parent, operation) {
            (Self::List(items), Operation::Add { value, .. }) => {
                let at = last.parse().unwrap_or(items.len());
                items.insert(at, Self::of(value));
            }
            (Self::List(items), Operation::Remove { .. }) => {
                items.remove(last.parse().expect("an index"));
            }
            (Self::Map(pairs), Operation::Add { value, .. })
                if pairs.iter().all(|(key, _)| *key != last) =>
            {
                pairs.push((last, Self::of(value)));
            }
            (parent, Operation::Add { value, .. } | Operation::Replace { value, .. }) => {
                *parent.child(&last).expect("only what is there is replaced") = Self::of(value);
            }
            (parent, Operation::Remove { .. }) => {
                if let Self::Map(pairs) = parent {
                    pairs.retain(|(key, _)| *key != last);
                }
            }
        }
    }

    fn child(&mut self, part: &str) -> Option<&mut Self> {
        match self {
            Self::Map(pairs) => pairs
                .iter_mut()
                .find(|(key, _)| key == part)
                .map(|(_, value)| value),
            Self::List(items) => items.get_mut(part.parse::<usize>().ok()?),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Tree;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(Self)
    }

    fn visit_bool<E>(self, own: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(own))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Tree, E> {
        Number::from_f64(number)
            .map(Tree::Number)
            .ok_or_else(|| E::custom("JSON has no such number; put it in quotes"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Tree, E> {
        Ok(Tree::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut pairs: Vec<(String, Tree)> = Vec::new();
        while let Some((key, value)) = access.next_entry::<Tree, Tree>()? {
            pairs.push((
                key.into_key()
                    .ok_or_else(|| A::Error::custom("a key must be a text"))?,
                value,
            ));
        }
        let mut keys: Vec<&str> = pairs.iter().map(|(key, _)| key.as_str()).collect();
        keys.sort_unstable();
        match keys.windows(2).find(|two| two[0] == two[1]) {
            Some(two) => Err(A::Error::custom(format!(
                "the key {:?} stands there twice",
                two[0]
            ))),
            None => Ok(Tree::Map(pairs)),
        }
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(own) => serializer.serialize_bool(*own),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(pairs) => {
                serializer.collect_map(pairs.iter().map(|(key, value)| (key, value)))
            }
        }
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
