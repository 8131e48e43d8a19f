//! What reaches stderr, byte by byte.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::*;

/// Collects what is written.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .expect("no test panics with it")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Buffer {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

fn logged(
    format: Option<Format>,
    filter: &str,
    is_terminal: bool,
    events: impl FnOnce(),
) -> String {
    let buffer = Buffer::default();
    let settings = LogSettings {
        format,
        filter: Filter::parse(filter).expect(filter),
    };
    let wall = || Wall::from_unix_milliseconds(1_795_327_200_042);
    let output = Output {
        writer: buffer.clone(),
        is_terminal,
        wall,
    };
    tracing::subscriber::with_default(subscriber(&settings, output), events);
    let bytes = buffer.0.lock().expect("no test panics with it").clone();
    String::from_utf8(bytes).expect("text")
}

#[test]
fn a_json_line_has_time_level_target_message_and_flat_fields() {
    let line = logged(None, "info", false, || {
        tracing::info!(profile = "default", "credentials refreshed");
    });
    let value: Value = serde_json::from_str(&line).expect("one object");
    assert_eq!(value["timestamp"], "2026-11-22T06:00:00.042Z");
    assert_eq!(
        (&value["level"], &value["message"]),
        (&"INFO".into(), &"credentials refreshed".into())
    );
    assert_eq!(value["profile"], "default");
    assert!(
        value["target"]
            .as_str()
            .is_some_and(|target| target.starts_with("stsidecar")),
        "{line}"
    );
}

#[test]
fn a_terminal_gets_text_and_anything_else_gets_json_unless_told() {
    let is_text = |line: &str| {
        line.starts_with("2026-11-22T06:00:00.042Z  INFO ") && line.ends_with(" hello\n")
    };
    let event = || tracing::info!("hello");
    assert!(is_text(&logged(None, "info", true, event)));
    assert!(is_text(&logged(Some(Format::Text), "info", false, event)));
    assert!(logged(None, "info", false, event).starts_with('{'));
    assert!(logged(Some(Format::Json), "info", true, event).starts_with('{'));
}

#[test]
fn control_characters_cannot_split_a_line_or_reach_the_terminal() {
    let evil = "a\nb\rc\u{1b}[31md\u{0}e\u{7f}f\u{9b}g";
    for format in [Format::Json, Format::Text] {
        let lines = logged(Some(format), "info", true, || {
            tracing::info!(field = evil, "{evil}");
        });
        let bare = lines.trim_end_matches('\n');
        assert_eq!(lines.len() - bare.len(), 1, "{lines:?}");
        assert_eq!(bare.chars().find(|c| c.is_control()), None, "{lines:?}");
        if format == Format::Json {
            let value: Value = serde_json::from_str(&lines).expect("still one object");
            assert_eq!(value["message"], evil);
        }
    }
}

#[test]
fn targets_that_print_requests_stay_at_info_whatever_the_filter_says() {
    let lines = logged(
        None,
        "trace,aws_smithy_runtime=trace,hyper=debug",
        false,
        || {
            tracing::debug!(target: "aws_smithy_runtime::client", "canary");
            tracing::trace!(target: "hyper::proto", "canary");
            tracing::debug!(target: "rustls::client", "canary");
            tracing::info!(target: "aws_config", "shown");
            tracing::trace!(target: "stsidecar::session", "shown");
        },
    );
    assert!(!lines.contains("canary"), "{lines}");
    assert_eq!(lines.lines().count(), 2, "{lines}");
}

#[test]
fn the_filter_decides_what_is_logged_and_a_wrong_one_is_refused() {
    let lines = logged(None, "warn,stsidecar=debug", false, || {
        tracing::debug!(target: "stsidecar::agent", "shown");
        tracing::info!(target: "other", "hidden");
    });
    assert_eq!(lines.lines().count(), 1, "{lines}");
    for bad in [
        "",
        " ",
        ",",
        "loud",
        "infos",
        "stsidecar=loud",
        "info,a=b=c",
        "[span]",
        "a[span]=info",
        "a[{field}]=info",
    ] {
        assert!(Filter::parse(bad).is_err(), "{bad}");
    }
    for good in [
        "off",
        "INFO",
        "info,stsidecar=debug",
        "stsidecar::session=trace",
        " info, a=debug ,",
    ] {
        assert!(Filter::parse(good).is_ok(), "{good}");
    }
}
