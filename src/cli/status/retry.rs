//! `stsidecar status --retry`: the request, and what came of it as text.
//!
//! Pure: the agent's answer in, text out. `status` sends the request.

use std::fmt::Write;

use serde_json::Value;

use super::page::shown;

/// The target of the request; nothing of a profile's name needs escaping.
pub(super) fn target(profile: Option<&str>, wait: u64) -> String {
    let profile = profile
        .map(|name| format!("&profile={name}"))
        .unwrap_or_default();
    format!("/retry?wait={wait}{profile}")
}

/// Why nothing was retried, in the words of whoever answered: the first line, as it may be printed.
pub(super) fn refused(body: &str) -> String {
    format!("stsidecar: {}\n", shown(&body.lines().next().into()))
}

/// Whether all that was asked for is done, or was not needed.
pub(super) fn is_done(status: &Value) -> bool {
    let retries = status["retries"].as_array();
    retries.into_iter().flatten().all(|retry| {
        matches!(
            retry["outcome"].as_str(),
            Some("nothingToRetry" | "refreshed")
        )
    })
}

/// A line for each profile that was asked; nothing in a status that no retry was asked for.
pub(super) fn block(status: &Value) -> String {
    let mut block = String::new();
    for (at, retry) in status["retries"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        let label = if at == 0 {
            "\n  retry         "
        } else {
            "                "
        };
        let outcome = match retry["outcome"].as_str() {
            Some("nothingToRetry") => "nothing to retry, nothing fails".to_owned(),
            Some("refreshed") => "done, credentials are fresh".to_owned(),
            Some("failed") => format!("failed again: {}", code(status, &retry["profile"])),
            _ => "not over yet; ask `stsidecar status`".to_owned(),
        };
        let budget = match retry["waitedForBudget"].as_bool() {
            Some(true) => " (it waited for the call budget: five at once, then one a second)",
            _ => "",
        };
        writeln!(
            block,
            "{label}{}: {outcome}{budget}",
            shown(&retry["profile"])
        )
        .expect("a String takes every text");
    }
    block
}

fn code(status: &Value, profile: &Value) -> String {
    let mut profiles = status["profiles"].as_array().into_iter().flatten();
    let failed = profiles.find(|one| one["profile"] == *profile);
    failed.map_or_else(String::new, |one| shown(&one["lastError"]["code"]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_profile_that_was_asked_has_a_line() {
        let outcome = |profile, outcome, waited| json!({"profile": profile, "outcome": outcome, "waitedForBudget": waited});
        let status = json!({
            "profiles": [{"profile": "b", "lastError": {"code": "Access\u{1b}Denied"}}],
            "retries": [outcome("a", "refreshed", true), outcome("b", "failed", false),
                        outcome("c", "nothingToRetry", false), outcome("d", "pending", false)],
        });
        let expected = "
  retry         a: done, credentials are fresh (it waited for the call budget: five at once, then one a second)
                b: failed again: Access\\u{1b}Denied
                c: nothing to retry, nothing fails
                d: not over yet; ask `stsidecar status`
";
        assert_eq!(block(&status), expected);
        assert!(!is_done(&status));
        assert!(is_done(
            &json!({"retries": [outcome("a", "refreshed", false), outcome("c", "nothingToRetry", false)]})
        ));
        assert_eq!(block(&json!({})), "");
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
