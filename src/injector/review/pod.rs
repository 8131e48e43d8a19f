//! Reading a raw pod from a review without more memory than there is for one.
//!
//! Owns what is left out: `metadata.managedFields`
//! (<https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management>), which
//! the API server writes, no decision reads and no patch touches, and which is as large as the pod
//! itself. Everything else is kept as it came. Used by `review`.

use std::cell::Cell;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Number, Value};

use super::{MOST_MEMORY, OBJECT, VALUE};

/// What an error begins with when there is too much of it.
pub(super) const TOO_LARGE: &str = "the pod needs too much memory";
/// The nodes of a map of many keys are half full at least.
const KEYS_OF_A_NODE: usize = 6;

/// A pod as it came, but for its managed fields.
pub(super) struct Pod(pub(super) Value);

impl<'de> Deserialize<'de> for Pod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let left = Cell::new(MOST_MEMORY as usize * 1024);
        Bounded {
            left: &left,
            place: Place::Pod,
        }
        .deserialize(deserializer)
        .map(Self)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Pod,
    Metadata,
    Elsewhere,
}

/// Reads a value while there is memory left.
#[derive(Clone, Copy)]
struct Bounded<'a> {
    left: &'a Cell<usize>,
    place: Place,
}

impl Bounded<'_> {
    fn spend<E: Error>(&self, bytes: usize) -> Result<(), E> {
        let left = self
            .left
            .get()
            .checked_sub(bytes)
            .ok_or_else(|| E::custom(TOO_LARGE))?;
        self.left.set(left);
        Ok(())
    }

    fn within(&self, key: &str) -> Self {
        let place = if self.place == Place::Pod && key == "metadata" {
            Place::Metadata
        } else {
            Place::Elsewhere
        };
        Self {
            left: self.left,
            place,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value of JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, own: bool) -> Result<Value, E> {
        Ok(own.into())
    }

    fn visit_i64<E: Error>(self, own: i64) -> Result<Value, E> {
        Ok(own.into())
    }

    fn visit_u64<E: Error>(self, own: u64) -> Result<Value, E> {
        Ok(own.into())
    }

    fn visit_f64<E: Error>(self, own: f64) -> Result<Value, E> {
        Ok(Number::from_f64(own).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, own: &str) -> Result<Value, E> {
        self.spend(own.len())?;
        Ok(own.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.within(""))? {
            self.spend(VALUE)?;
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = pairs.next_key::<String>()? {
            if self.place == Place::Metadata && key == "managedFields" {
                pairs.next_value::<IgnoredAny>()?;
                continue;
            }
            let node = if map.len().is_multiple_of(KEYS_OF_A_NODE) {
                OBJECT
            } else {
                0
            };
            self.spend(key.len() + VALUE + node)?;
            let value = pairs.next_value_seed(self.within(&key))?;
            map.insert(key, value);
        }
        Ok(map.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Value, String> {
        serde_json::from_str::<Pod>(text)
            .map(|pod| pod.0)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn everything_but_the_managed_fields_is_kept() {
        let mut pod = json!({
            "metadata": { "name": "a\u{e4}", "managedFields": [{ "fieldsV1": { "f:a": {} } }], "x": { "managedFields": 1 } },
            "managedFields": [1, -1, 1.5, true, null, "", [], {}, u64::MAX],
            "spec": { "metadata": { "managedFields": "kept" } },
        });
        let read = read(&pod.to_string()).expect("a pod");
        pod["metadata"]
            .as_object_mut()
            .expect("a map")
            .remove("managedFields");
        assert_eq!(read, pod);
    }

    #[test]
    fn what_would_need_too_much_memory_is_refused() {
        for part in [r#"{"":0},"#, "[],", r#""","#, "0,"] {
            let text = format!("[{}0]", part.repeat(1_000_000));
            assert!(
                read(&text).expect_err("too much").starts_with(TOO_LARGE),
                "{part}"
            );
        }
        assert!(
            read(&format!("\"{}\"", "x".repeat(1 << 22))).is_ok(),
            "a long text is only long"
        );
    }
}
