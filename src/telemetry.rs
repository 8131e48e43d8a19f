//! Logs: one line for each event to stderr, as JSON or as text, and never a wait for its reader.
//!
//! Owns the queue in front of stderr and what a line may hold: targets of the SDK and its HTTP
//! stack stay at info whatever the filter says, because their finer events print requests, and with
//! them tokens; control characters never reach the terminal or split a line, because texts of STS
//! and of files are in them. Installed once by `cli`; it reads no clock itself.

mod lines;
mod metrics;
mod printable;

use std::fmt;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::filter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::{Layer, SubscriberExt};

use crate::time::Wall;
use printable::Printable;

pub use crate::logging::{Filter, Format};
pub use lines::Lines;
pub use metrics::Dropped;

/// What is logged, and how.
#[derive(Clone, Debug, Default)]
pub struct LogSettings {
    /// `None`: JSON, unless stderr is a terminal.
    pub format: Option<Format>,
    /// Which events.
    pub filter: Filter,
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
pub fn install<W>(settings: &LogSettings, output: Output<W>) -> Result<(), AlreadyInstalled>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    Ok(tracing::subscriber::set_global_default(subscriber(
        settings, output,
    ))?)
}

/// Says in the log that some of it was lost; for [`Lines::start`].
pub fn say_lost(lines: u64) {
    tracing::warn!(lines, "log lines were dropped: stderr did not take them");
}

/// What [`install`] installs.
pub fn subscriber<W>(
    settings: &LogSettings,
    output: Output<W>,
) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let Output {
        writer,
        is_terminal,
        wall,
    } = output;
    let format = settings.format.unwrap_or(if is_terminal {
        Format::Text
    } else {
        Format::Json
    });
    // A closed stderr is no reason to panic, which is how the layer reports it by default.
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(Printable(writer))
        .with_ansi(false)
        .with_timer(Timestamp(wall))
        .log_internal_errors(false);
    let lines = match format {
        Format::Json => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .with_current_span(false)
            .boxed(),
        Format::Text => lines.boxed(),
    };
    Registry::default()
        .with(lines)
        .with(settings.filter.targets())
        .with(filter::filter_fn(is_harmless))
}

/// Targets whose events below info may print requests, headers or tokens, or drown everything else.
const CAPPED: [&str; 7] = ["aws_", "hyper", "rustls", "h2", "mio", "kube", "tower"];

fn is_harmless(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO
        || !CAPPED
            .iter()
            .any(|target| metadata.target().starts_with(target))
}

/// RFC 3339 in UTC with milliseconds, from the clock of the argument.
struct Timestamp(fn() -> Wall);

impl FormatTime for Timestamp {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let now = (self.0)();
        let seconds = now.rfc3339();
        write!(
            writer,
            "{}.{:03}Z",
            seconds.trim_end_matches('Z'),
            now.unix_milliseconds().rem_euclid(1000)
        )
    }
}

#[cfg(test)]
mod tests;
