//! A setting as it is written, with where it is: the origin that an error names.
//!
//! Owns the step from a text to a typed value, and how the chart's value replaces a missing
//! annotation. What a value may be is `values`'s. Called by `settings`.

use std::fmt::Display;

use serde_json::Value;

use crate::inject::Denial;

/// A value that an annotation, a label or a flag has.
pub(in crate::inject::gather) struct RawValue<'a> {
    pub(super) origin: String,
    pub(super) text: &'a str,
}

impl<'a> RawValue<'a> {
    /// Without the blanks and line ends around it, which YAML's block scalars leave and the agent
    /// takes off its variables too.
    pub(in crate::inject::gather) fn new(origin: String, text: &'a str) -> Self {
        Self {
            origin,
            text: text.trim_ascii(),
        }
    }

    pub(in crate::inject::gather) fn read<T, E: Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Denial> {
        parse(self.text).map_err(|allowed| Denial::value(&self.origin, self.text, allowed))
    }

    /// The texts between commas.
    pub(super) fn items(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
    }

    /// Reads each of them by itself.
    pub(super) fn list<T>(
        &self,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, Denial> {
        self.items()
            .map(|text| parse(text).map_err(|allowed| Denial::value(&self.origin, text, allowed)))
            .collect()
    }
}

/// What an annotation says, or else the chart's value, which says nothing where it is empty.
pub(super) struct Setting {
    origin: String,
    text: Option<String>,
}

impl Setting {
    /// `key` is the chart's; a required value that is missing everywhere is refused by that name.
    pub(super) fn of(given: Option<RawValue<'_>>, key: &str, default: impl Display) -> Self {
        let default = default.to_string().trim_ascii().to_owned();
        Self::written(given).unwrap_or_else(|| Self {
            origin: format!("agent.{key}"),
            text: Some(default).filter(|text| !text.is_empty()),
        })
    }

    /// An amount of `agent.resources`, where the empty text is not none but wrong.
    pub(super) fn amount(given: Option<RawValue<'_>>, key: &str, default: Option<&Value>) -> Self {
        let default = default.filter(|value| !value.is_null());
        Self::written(given).unwrap_or_else(|| Self {
            origin: format!("agent.resources.{key}"),
            text: default.map(|value| {
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
            }),
        })
    }

    fn written(given: Option<RawValue<'_>>) -> Option<Self> {
        given.map(|given| Self {
            origin: given.origin,
            text: Some(given.text.to_owned()),
        })
    }

    pub(super) fn optional<T, E: Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Denial> {
        self.text
            .as_deref()
            .map(|text| self.read(text, parse))
            .transpose()
    }

    pub(super) fn required<T, E: Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Denial> {
        self.read(self.text.as_deref().unwrap_or_default(), parse)
    }

    fn read<T, E: Display>(
        &self,
        text: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Denial> {
        parse(text).map_err(|allowed| Denial::value(&self.origin, text, allowed))
    }

    /// No denial repeats a password or a query of it.
    pub(super) fn url<T, E: Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Denial> {
        let text = self.text.as_deref();
        text.map(|text| parse(text).map_err(|allowed| Denial::url(&self.origin, text, allowed)))
            .transpose()
    }
}
