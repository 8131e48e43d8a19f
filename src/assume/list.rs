//! Lists that STS limits in number.
//!
//! Owns the sentence that says how many; each parameter says its own number.

/// A list of at most as many members as STS takes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(try_from = "Vec<T>")]
pub struct List<T, const MOST: usize>(Vec<T>);

/// More members than STS takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("STS takes at most {most}, this has {given}")]
pub struct TooMany {
    most: usize,
    given: usize,
}

impl<T, const MOST: usize> TryFrom<Vec<T>> for List<T, MOST> {
    type Error = TooMany;

    fn try_from(members: Vec<T>) -> Result<Self, TooMany> {
        at_most(MOST, members.len()).map(|()| Self(members))
    }
}

/// Refuses what STS would for its number.
pub(super) fn at_most(most: usize, given: usize) -> Result<(), TooMany> {
    if given <= most {
        Ok(())
    } else {
        Err(TooMany { most, given })
    }
}

impl<T, const MOST: usize> Default for List<T, MOST> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MOST: usize> std::ops::Deref for List<T, MOST> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

#[cfg(test)]
impl<T: schemars::JsonSchema, const MOST: usize> schemars::JsonSchema for List<T, MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        Vec::<T>::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let mut schema = Vec::<T>::json_schema(generator);
        schema.insert("maxItems".to_owned(), MOST.into());
        schema
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_as_many_members_as_sts_takes() {
        let list = |count: usize| List::<usize, 3>::try_from((0..count).collect::<Vec<_>>());
        assert!(list(0).is_ok() && list(3).is_ok_and(|list| *list == [0, 1, 2]));
        let error = list(4).expect_err("one more");
        assert_eq!(error.to_string(), "STS takes at most 3, this has 4");
    }
}
