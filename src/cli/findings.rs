//! How what `check` found is printed: one line for each finding, as text or as JSON.
//!
//! Owns the shape of both forms. It judges nothing: the findings come from `check`, the agent's or
//! the injector's.

use std::fmt::Write;

use clap::ValueEnum;
use serde::Serialize;

use super::{Env, exit};
use crate::finding::{Finding, Severity};

/// How they are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    Text,
    Json,
}

/// Green, yellow, red.
fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Ok => "\x1b[32m",
        Severity::Warning => "\x1b[33m",
        Severity::Failure => "\x1b[31m",
    }
}

/// Everything that was found, in the order in which it is shown.
#[derive(Serialize)]
pub(super) struct Findings {
    checks: Vec<Finding>,
    result: Severity,
    #[serde(skip)]
    offline: bool,
}

impl Findings {
    pub(super) fn new(checks: Vec<Finding>, offline: bool) -> Self {
        let result = checks
            .iter()
            .map(|check| check.severity)
            .max()
            .unwrap_or(Severity::Ok);
        Self {
            checks,
            result,
            offline,
        }
    }

    /// Of the doctors: 0, or 1 when something does not work.
    pub(super) fn exit_code(&self) -> u8 {
        if self.result == Severity::Failure {
            exit::NOT_READY
        } else {
            exit::OK
        }
    }

    /// Prints it and answers `code`.
    pub(super) fn print(&self, output: Output, env: &mut Env<'_>, code: u8) -> u8 {
        // <https://no-color.org>: any text but an empty one.
        let coloured =
            env.stdout_is_terminal && (env.variable)("NO_COLOR").is_none_or(|set| set.is_empty());
        let text = match output {
            Output::Text => self.text(coloured),
            Output::Json => self.json(),
        };
        env.result(&text, code)
    }

    fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("texts serialize");
        text + "\n"
    }

    /// The page: aligned columns, a heading for each profile, a summary at the end.
    fn text(&self, coloured: bool) -> String {
        let width = self
            .checks
            .iter()
            .map(|check| check.name.chars().count())
            .max()
            .unwrap_or_default();
        let mut page = String::new();
        let mut profile = None;
        for check in &self.checks {
            if check.profile != profile {
                profile.clone_from(&check.profile);
                heading(&mut page, profile.as_deref());
            }
            let word = format!("{:<7}", check.severity.word());
            let word = if coloured {
                format!("{}{word}\x1b[0m", colour(check.severity))
            } else {
                word
            };
            write!(page, "  {word}  {:<width$}  {}", check.name, check.message)
                .expect("a String takes every text");
            if let Some(fix) = &check.fix {
                write!(page, "; fix: {fix}").expect("a String takes every text");
            }
            page.push('\n');
        }
        page.push('\n');
        page.push_str(&self.summary());
        page
    }

    fn count(&self, severity: Severity) -> usize {
        let found = self.checks.iter();
        found.filter(|finding| finding.severity == severity).count()
    }

    fn summary(&self) -> String {
        let (failures, warnings) = (self.count(Severity::Failure), self.count(Severity::Warning));
        let checks = counted(self.checks.len(), "check");
        let counted = match (failures, warnings) {
            (0, 0) => format!("{checks}, all ok"),
            (0, _) => format!("{checks}: {}, no failure", counted(warnings, "warning")),
            (_, 0) => format!("{checks}: {}", counted(failures, "failure")),
            _ => format!(
                "{checks}: {}, {}",
                counted(failures, "failure"),
                counted(warnings, "warning")
            ),
        };
        counted
            + if self.offline {
                " (offline: STS was not called)\n"
            } else {
                "\n"
            }
    }
}

/// `1 check`, `2 checks`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn heading(page: &mut String, profile: Option<&str>) {
    if !page.is_empty() {
        page.push('\n');
    }
    if let Some(profile) = profile {
        writeln!(page, "profile {profile}").expect("a String takes every text");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Findings {
        Findings::new(
            vec![
                Finding::ok("configuration", "fine"),
                Finding::warning("token", "old\nline", "wait").of("default"),
                Finding::failure("source", "no", "do it").of("default"),
            ],
            false,
        )
    }

    #[test]
    fn the_page_is_aligned_and_ends_in_a_summary() {
        let expected = "  ok       configuration  fine

profile default
  warning  token          old\\nline; fix: wait
  failure  source         no; fix: do it

3 checks: 1 failure, 1 warning
";
        assert_eq!(findings().text(false), expected);
        assert!(
            findings()
                .text(true)
                .contains("\x1b[31mfailure\x1b[0m  source")
        );
        assert_eq!(
            Findings::new(vec![Finding::ok("a", "b")], false).summary(),
            "1 check, all ok\n"
        );
        assert_eq!(
            Findings::new(vec![Finding::warning("a", "b", "c")], true).summary(),
            "1 check: 1 warning, no failure (offline: STS was not called)\n"
        );
    }

    #[test]
    fn the_json_has_the_worst_result_and_leaves_out_what_is_not_there() {
        let json: serde_json::Value = serde_json::from_str(&findings().json()).expect("JSON");
        assert_eq!(json["result"], "failure");
        assert_eq!(
            json["checks"][0],
            serde_json::json!({"name": "configuration", "result": "ok", "message": "fine"})
        );
        assert_eq!(
            (&json["checks"][1]["profile"], &json["checks"][1]["fix"]),
            (&"default".into(), &"wait".into())
        );
    }
}
