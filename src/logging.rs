//! What settings say about the log: which events, and how a line looks.
//!
//! Owns the grammar of both, for the agent, the injector, and the values that the injector hands to
//! agents. It writes no line: `telemetry` does.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{self, Targets};

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object, for log collectors.
    Json,
    /// For people.
    Text,
}

impl Format {
    /// Reads `json` or `text`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err("json or text"),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Text => "text",
        }
    }
}

/// A valid filter: a level, or directives by target
/// (<https://docs.rs/tracing-subscriber/latest/tracing_subscriber/filter/struct.Targets.html>).
/// Directives by span or field need a regex engine, which is 3 % of the program, and no event here
/// has what they ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(String);

impl Filter {
    /// Takes a filter in the syntax of `RUST_LOG`.
    ///
    /// # Errors
    /// When a directive is none, or a lone word is no level: it would silence everything unseen.
    pub fn parse(text: &str) -> Result<Self, String> {
        const ALLOWED: &str =
            "off, error, warn, info, debug or trace, also by target: info,stsidecar=debug";
        let lone_word =
            |word: &str| !word.contains(['=', ':']) && word.parse::<LevelFilter>().is_err();
        let mut directives = directives(text).peekable();
        let none = directives.peek().is_none();
        if none
            || directives.any(|word| lone_word(word) || word.contains('['))
            || targets(text).is_err()
        {
            return Err(ALLOWED.to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// The filter as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it lets through.
    ///
    /// # Panics
    /// Never: it was read once.
    #[must_use]
    pub fn targets(&self) -> Targets {
        targets(&self.0).expect("parse accepted it")
    }
}

fn directives(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|directive| !directive.is_empty())
}

/// The parser of [`Targets`] would take a space for a part of a name and nothing for the level
/// error.
fn targets(text: &str) -> Result<Targets, filter::ParseError> {
    directives(text).collect::<Vec<_>>().join(",").parse()
}

impl Default for Filter {
    fn default() -> Self {
        Self("info".to_owned())
    }
}
