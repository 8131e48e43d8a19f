//! Logs: one line for each event to stderr, as JSON or as text, and never a wait for its reader.
//!
//! Owns the filter, the format, the queue in front of stderr and what a line may hold: targets of the SDK and its HTTP stack stay at info
//! whatever the filter says, because their finer events print requests, and with them tokens (threat T11);
//! control characters never reach the terminal or split a line (T12). Installed once by `cli`; it reads no
//! clock itself.

mod lines;
mod metrics;
mod printable;

use std::fmt;

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::{self, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::{Layer, SubscriberExt};

use crate::time::Wall;
use printable::Printable;

pub use lines::Lines;
pub use metrics::Dropped;

/// What is logged, and how.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `None`: JSON, unless stderr is a terminal.
    pub format: Option<Format>,
    /// Which events.
    pub filter: Filter,
}

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

/// A valid filter: a level, or directives by target. Directives by span or field need a regex engine, which
/// is 3 % of the program, and no event here has what they ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(String);

impl Filter {
    /// Takes a filter in the syntax of `RUST_LOG`.
    ///
    /// # Errors
    /// When a directive is none, or a lone word is no level: it would silence everything unseen.
    pub fn parse(text: &str) -> Result<Self, String> {
        const ALLOWED: &str = "off, error, warn, info, debug or trace, also by target: info,stsidecar=debug";
        let lone_word = |word: &str| !word.contains(['=', ':']) && word.parse::<LevelFilter>().is_err();
        let mut directives = directives(text).peekable();
        let none = directives.peek().is_none();
        if none || directives.any(|word| lone_word(word) || word.contains('[')) || targets(text).is_err() {
            return Err(ALLOWED.to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// The filter as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn targets(&self) -> Targets {
        targets(&self.0).expect("parse accepted it")
    }
}

fn directives(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|directive| !directive.is_empty())
}

/// The parser of [`Targets`] would take a space for a part of a name and nothing for the level error.
fn targets(text: &str) -> Result<Targets, filter::ParseError> {
    directives(text).collect::<Vec<_>>().join(",").parse()
}

impl Default for Filter {
    fn default() -> Self {
        Self("info".to_owned())
    }
}

/// Where lines go and what stamps them.
pub struct Output<W> {
    /// Usually [`Lines`], which are stderr's; stdout carries results only.
    pub writer: W,
    /// Whether it is a terminal, which gets text.
    pub is_terminal: bool,
    /// Reads the wall clock.
    pub wall: fn() -> Wall,
}

/// Logs already go somewhere: the process installed them before.
#[derive(Debug, thiserror::Error)]
#[error("logging is already installed")]
pub struct AlreadyInstalled(#[from] tracing::subscriber::SetGlobalDefaultError);

/// Sends the events of the whole process to `output`.
///
/// # Errors
/// When that was done before.
pub fn install<W>(settings: &Settings, output: Output<W>) -> Result<(), AlreadyInstalled>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    Ok(tracing::subscriber::set_global_default(subscriber(settings, output))?)
}

/// Says in the log that some of it was lost; for [`Lines::start`].
pub fn say_lost(lines: u64) {
    tracing::warn!(lines, "log lines were dropped: stderr did not take them");
}

/// What [`install`] installs.
pub fn subscriber<W>(settings: &Settings, output: Output<W>) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let Output { writer, is_terminal, wall } = output;
    let format = settings.format.unwrap_or(if is_terminal { Format::Text } else { Format::Json });
    // A closed stderr is no reason to panic, which is how the layer reports it by default.
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(Printable(writer))
        .with_ansi(false)
        .with_timer(Timestamp(wall))
        .log_internal_errors(false);
    let lines = match format {
        Format::Json => lines.json().flatten_event(true).with_span_list(false).with_current_span(false).boxed(),
        Format::Text => lines.boxed(),
    };
    Registry::default().with(lines).with(settings.filter.targets()).with(filter::filter_fn(is_harmless))
}

/// Targets whose events below info may print requests, headers or tokens, or drown everything else.
const CAPPED: [&str; 7] = ["aws_", "hyper", "rustls", "h2", "mio", "kube", "tower"];

fn is_harmless(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO || !CAPPED.iter().any(|target| metadata.target().starts_with(target))
}

/// RFC 3339 in UTC with milliseconds, from the clock of the argument.
struct Timestamp(fn() -> Wall);

impl FormatTime for Timestamp {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let now = (self.0)();
        let seconds = now.rfc3339();
        write!(writer, "{}.{:03}Z", seconds.trim_end_matches('Z'), now.unix_milliseconds().rem_euclid(1000))
    }
}

#[cfg(test)]
mod tests;
