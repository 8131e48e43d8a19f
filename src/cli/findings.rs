//! What `check` found, and how it is shown: one line for each check, as text or as JSON.
//!
//! Owns the shape of both forms. It judges nothing: the findings come from `check`, the agent's or the injector's.

use std::fmt::Write;

use clap::ValueEnum;
use serde::Serialize;

use super::World;
use crate::failure::safe_line;

/// How a report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    Text,
    Json,
}

/// How a check ended; the order is that of gravity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    Ok,
    Warning,
    Failure,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }

    /// Green, yellow, red.
    fn colour(self) -> &'static str {
        match self {
            Self::Ok => "\x1b[32m",
            Self::Warning => "\x1b[33m",
            Self::Failure => "\x1b[31m",
        }
    }
}

/// One line: what was looked at, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    result: Outcome,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Check {
    pub(super) fn ok(name: &str, message: impl AsRef<str>) -> Self {
        Self::new(name, Outcome::Ok, message.as_ref(), None)
    }

    pub(super) fn warning(name: &str, message: impl AsRef<str>, fix: impl Into<String>) -> Self {
        Self::new(name, Outcome::Warning, message.as_ref(), Some(fix.into()))
    }

    pub(super) fn failure(name: &str, message: impl AsRef<str>, fix: impl Into<String>) -> Self {
        Self::new(name, Outcome::Failure, message.as_ref(), Some(fix.into()))
    }

    /// Texts from outside stand in the message: claims, paths, what STS says.
    fn new(name: &str, result: Outcome, message: &str, fix: Option<String>) -> Self {
        Self {
            name: safe_line(name),
            profile: None,
            result,
            message: safe_line(message),
            fix,
        }
    }

    /// The same, of a profile.
    pub(super) fn of(self, profile: &str) -> Self {
        Self {
            profile: Some(profile.to_owned()),
            ..self
        }
    }

    /// The line as the tests of the judgements compare it.
    #[cfg(test)]
    pub(super) fn line(&self) -> String {
        let fix = self
            .fix
            .as_deref()
            .map(|fix| format!("; fix: {fix}"))
            .unwrap_or_default();
        format!(
            "{} {}: {}{fix}",
            self.result.word(),
            self.name,
            self.message
        )
    }
}

/// Everything that was found, in the order in which it is shown.
#[derive(Serialize)]
pub(super) struct Report {
    checks: Vec<Check>,
    result: Outcome,
    #[serde(skip)]
    offline: bool,
}

impl Report {
    pub(super) fn new(checks: Vec<Check>, offline: bool) -> Self {
        let result = checks
            .iter()
            .map(|check| check.result)
            .max()
            .unwrap_or(Outcome::Ok);
        Self {
            checks,
            result,
            offline,
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.result == Outcome::Failure
    }

    /// Prints it and answers `code`.
    pub(super) fn print(&self, output: Output, world: &mut World<'_>, code: u8) -> u8 {
        let coloured = world.stdout_is_terminal
            && (world.variable)("NO_COLOR").is_none_or(|set| set.is_empty());
        let text = match output {
            Output::Text => self.text(coloured),
            Output::Json => self.json(),
        };
        world.result(&text, code)
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
            let word = format!("{:<7}", check.result.word());
            let word = if coloured {
                format!("{}{word}\x1b[0m", check.result.colour())
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

    fn summary(&self) -> String {
        let count = |result| {
            self.checks
                .iter()
                .filter(|check| check.result == result)
                .count()
        };
        let (failures, warnings) = (count(Outcome::Failure), count(Outcome::Warning));
        let named =
            |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
        let checks = named(self.checks.len(), "check");
        let counted = match (failures, warnings) {
            (0, 0) => format!("{checks}, all ok"),
            (0, _) => format!("{checks}: {}, no failure", named(warnings, "warning")),
            (_, 0) => format!("{checks}: {}", named(failures, "failure")),
            _ => format!(
                "{checks}: {}, {}",
                named(failures, "failure"),
                named(warnings, "warning")
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

    fn report() -> Report {
        Report::new(
            vec![
                Check::ok("configuration", "fine"),
                Check::warning("token", "old\nline", "wait").of("default"),
                Check::failure("source", "no", "do it").of("default"),
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
        assert_eq!(report().text(false), expected);
        assert!(
            report()
                .text(true)
                .contains("\x1b[31mfailure\x1b[0m  source")
        );
        assert_eq!(
            Report::new(vec![Check::ok("a", "b")], false).summary(),
            "1 check, all ok\n"
        );
        assert_eq!(
            Report::new(vec![Check::warning("a", "b", "c")], true).summary(),
            "1 check: 1 warning, no failure (offline: STS was not called)\n"
        );
    }

    #[test]
    fn the_json_has_the_worst_result_and_leaves_out_what_is_not_there() {
        let json: serde_json::Value = serde_json::from_str(&report().json()).expect("JSON");
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
