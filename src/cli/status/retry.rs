//! `stsidecar status --retry`: the request, and what came of it as text.
//!
//! Pure: the agent's document in, text out. `status` sends the request.

use std::fmt::Write;

use super::wording::printable;
use crate::admin::{RetryOutcome, Status};

/// The target of the request; nothing of a profile's name needs escaping.
pub(super) fn target(profile: Option<&str>, wait: u64) -> String {
    let profile = profile
        .map(|name| format!("&profile={name}"))
        .unwrap_or_default();
    format!("/retry?wait={wait}{profile}")
}

/// Why nothing was retried, in the words of the answer: its first line, as it may be printed.
pub(super) fn refused(body: &str) -> String {
    format!(
        "stsidecar: {}\n",
        printable(body.lines().next().unwrap_or("unknown"))
    )
}

/// Whether all that was asked for is done, or was not needed.
pub(super) fn is_done(status: &Status) -> bool {
    let outcomes = status.retries.iter().map(|retry| retry.outcome);
    let done = [RetryOutcome::NothingToRetry, RetryOutcome::Refreshed].map(Some);
    outcomes.into_iter().all(|outcome| done.contains(&outcome))
}

/// A line for each profile that was asked; nothing in a status that no retry was asked for.
pub(super) fn block(status: &Status) -> String {
    let mut block = String::new();
    for (at, retry) in status.retries.iter().enumerate() {
        let label = if at == 0 {
            "\n  retry         "
        } else {
            "                "
        };
        let outcome = match retry.outcome {
            Some(RetryOutcome::NothingToRetry) => "nothing to retry, nothing fails".to_owned(),
            Some(RetryOutcome::Refreshed) => "done, credentials are fresh".to_owned(),
            Some(RetryOutcome::Failed) => format!("failed again: {}", code(status, &retry.profile)),
            Some(RetryOutcome::Pending) | None => "not over yet; ask `stsidecar status`".to_owned(),
        };
        let budget = if retry.waited_for_budget {
            " (it waited for the call budget: five at once, then one a second)"
        } else {
            ""
        };
        let profile = printable(&retry.profile);
        writeln!(block, "{label}{profile}: {outcome}{budget}").expect("a String takes every text");
    }
    block
}

fn code(status: &Status, profile: &str) -> String {
    let failed = status.profiles.iter().find(|one| one.profile == profile);
    let error = failed.and_then(|failed| failed.last_error.as_ref());
    printable(error.map_or("unknown", |error| &error.code))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_profile_that_was_asked_has_a_line() {
        let outcome = |profile, outcome, waited| json!({"profile": profile, "outcome": outcome, "waitedForBudget": waited});
        let read = |document| serde_json::from_value::<Status>(document).expect("a status");
        let status = read(json!({
            "profiles": [{"profile": "b", "lastError": {"code": "Access\u{1b}Denied"}}],
            "retries": [outcome("a", "refreshed", true), outcome("b", "failed", false),
                        outcome("c", "nothingToRetry", false), outcome("d", "pending", false)],
        }));
        let expected = "
  retry         a: done, credentials are fresh (it waited for the call budget: five at once, then one a second)
                b: failed again: Access\\u{1b}Denied
                c: nothing to retry, nothing fails
                d: not over yet; ask `stsidecar status`
";
        assert_eq!(block(&status), expected);
        assert!(!is_done(&status));
        let done = [
            outcome("a", "refreshed", false),
            outcome("c", "nothingToRetry", false),
        ];
        assert!(is_done(&read(json!({"retries": done}))));
        let newer = read(json!({"retries": [outcome("a", "aWordOfANewerAgent", false)]}));
        assert!(!is_done(&newer) && block(&newer).contains("a: not over yet"));
        assert_eq!(block(&Status::default()), "");
    }

    #[test]
    fn a_refusal_is_one_line_without_control_characters() {
        let said = "one retry in 10 s is taken; ask again in 6 s\n";
        assert_eq!(refused(said), format!("stsidecar: {said}"));
        assert_eq!(refused("a\u{1b}[2Jb\r\nc"), "stsidecar: a\\u{1b}[2Jb\n");
        assert_eq!(refused(""), "stsidecar: unknown\n");
    }

    #[test]
    fn the_target_names_the_profile_of_a_client() {
        assert_eq!(target(None, 25), "/retry?wait=25");
        assert_eq!(
            target(Some("partner"), 25),
            "/retry?wait=25&profile=partner"
        );
    }
}
