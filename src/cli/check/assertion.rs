//! What a SAML assertion says about itself.
//!
//! A pure judgement. Nothing is verified: STS does, in the call that follows.

use crate::cli::span::span;
use crate::finding::Finding;
use crate::saml::Facts;
use crate::time::Wall;

/// One line: its issuer, its recipient and its end.
pub(super) fn judge(name: &str, facts: &Facts, now: Wall) -> Finding {
    let issuer = facts.issuer.as_deref().unwrap_or("an unnamed issuer");
    let about = format!(
        "issued by {issuer} for {}",
        facts.recipient.as_deref().unwrap_or("an unnamed recipient")
    );
    match facts.not_on_or_after {
        Some(end) if end <= now => {
            let message = format!(
                "{about}, ended {} ago, at {}",
                span(now.since(end)),
                end.rfc3339()
            );
            Finding::failure(name, message, "find out why the file gets no new assertion")
        }
        Some(end) => Finding::ok(
            name,
            format!(
                "{about}, usable for {}, until {}",
                span(end.since(now)),
                end.rfc3339()
            ),
        ),
        None => Finding::ok(name, format!("{about}, with an end that only STS can read")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assertion_is_named_by_issuer_recipient_and_end_and_an_old_one_fails() {
        let facts = Facts {
            issuer: Some("https://idp".into()),
            not_on_or_after: Some(Wall::from_unix_seconds(1000)),
            ..Facts::default()
        };
        let text = |now| {
            format!(
                "{:?}",
                judge("SAML assertion file", &facts, Wall::from_unix_seconds(now))
            )
        };
        assert!(
            text(940).contains("issued by https://idp for an unnamed recipient, usable for 1m"),
            "{}",
            text(940)
        );
        assert!(
            text(1060).contains("ended 1m ago, at 1970-01-01T00:16:40Z"),
            "{}",
            text(1060)
        );
    }
}
