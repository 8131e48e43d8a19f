//! What to do about a failure.

/// The line a startup probe prints.
#[must_use]
pub fn probe_line(profile: &str, role: Option<&str>, code: &str, hint: &str) -> String {
    format!("{profile}: role {}: {code}: {hint}", role.unwrap_or("chosen by STS"))
}
