//! The identity that a source has at STS: a value that is compared and kept, and that reveals no
//! name.
//!
//! Owns what counts as the same identity. Issuer, subject and audiences make a name; content
//! without a subject is known by its own digest. It reads no content: `token`, `saml` and
//! `file_content` do, and `session` decides by it.

use std::collections::BTreeSet;
use std::fmt;

use ring::digest::{Context, SHA256};

/// The identity behind credentials, or behind the content of a source's file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// No content has been read.
    #[default]
    Unknown,
    /// The content holds a name: a JWT, an assertion, a key id.
    Named(Sum),
    /// The content holds no name that a client could read: an OAuth 2.0 access token
    /// (<https://www.rfc-editor.org/rfc/rfc6749#section-1.4>).
    Opaque(Sum),
}

/// SHA-256 of a name or of a content.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sum(pub [u8; 32]);

impl fmt::Debug for Sum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("..")
    }
}

impl Identity {
    /// Who is named by this subject of this issuer, to these audiences, whose order has no meaning
    /// (<https://www.rfc-editor.org/rfc/rfc7519#section-4.1.3>).
    #[must_use]
    pub fn named(kind: &str, issuer: Option<&str>, subject: &str, audiences: &[String]) -> Self {
        let audiences: BTreeSet<&str> = audiences.iter().map(String::as_str).collect();
        let issuer = [
            issuer.map_or("without issuer", |_| "issuer"),
            issuer.unwrap_or_default(),
        ];
        let parts = ["named", kind]
            .into_iter()
            .chain(issuer)
            .chain([subject])
            .chain(audiences);
        Self::Named(sum(parts))
    }

    /// Known by this content alone.
    #[must_use]
    pub fn opaque(content: &str) -> Self {
        Self::Opaque(sum(["opaque", content]))
    }

    /// Whether `newer` content belongs to another identity than this. A content without a name may
    /// always be the successor of the one before it.
    #[must_use]
    pub fn changes_to(self, newer: Self) -> bool {
        match (self, newer) {
            (Self::Unknown, _) | (_, Self::Unknown) | (Self::Opaque(_), Self::Opaque(_)) => false,
            (own, newer) => own != newer,
        }
    }

    /// Whether what an earlier process kept for this identity may be vended while the source's
    /// content is `current`: only where that is the same. Without any content, a name has to do.
    #[must_use]
    pub fn may_be_restored_for(self, current: Self) -> bool {
        match (self, current) {
            (Self::Unknown, _) | (Self::Opaque(_), Self::Unknown) => false,
            (Self::Named(_), Self::Unknown) => true,
            (own, current) => own == current,
        }
    }
}

/// Each part with its length before it, so that no two lists of parts give the same bytes.
fn sum<'a>(parts: impl IntoIterator<Item = &'a str>) -> Sum {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut sum = [0; 32];
    sum.copy_from_slice(context.finish().as_ref());
    Sum(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(issuer: Option<&str>, subject: &str, audiences: &[&str]) -> Identity {
        let audiences: Vec<String> = audiences.iter().map(ToString::to_string).collect();
        Identity::named("token", issuer, subject, &audiences)
    }

    #[test]
    fn every_part_of_a_name_counts_and_no_part_runs_into_another() {
        let own = named(Some("https://k"), "ns:app", &["a", "b"]);
        assert_eq!(own, named(Some("https://k"), "ns:app", &["b", "a", "b"]));
        for other in [
            named(None, "ns:app", &["a", "b"]),
            named(Some(""), "ns:app", &["a", "b"]),
            named(Some("https://kn"), "s:app", &["a", "b"]),
            named(Some("https://k"), "ns:appa", &["b"]),
            named(Some("https://k"), "ns:app", &["ab"]),
            named(Some("https://k"), "ns:app", &["a"]),
            Identity::named(
                "assertion",
                Some("https://k"),
                "ns:app",
                &["a".into(), "b".into()],
            ),
        ] {
            assert_ne!(own, other);
            assert!(own.changes_to(other) && !other.may_be_restored_for(own));
        }
    }

    #[test]
    fn an_opaque_content_may_rotate_and_must_be_the_same_after_a_restart() {
        let (one, two) = (Identity::opaque("one"), Identity::opaque("two"));
        assert!(!one.changes_to(two) && !one.changes_to(one));
        assert!(one.may_be_restored_for(one) && !one.may_be_restored_for(two));
        assert!(!one.may_be_restored_for(Identity::Unknown));
        let alice = named(None, "alice", &[]);
        assert!(
            alice.may_be_restored_for(Identity::Unknown)
                && !Identity::Unknown.may_be_restored_for(alice)
        );
        assert!(
            alice.changes_to(one)
                && !Identity::Unknown.changes_to(one)
                && !one.changes_to(Identity::Unknown)
        );
        assert_eq!(format!("{one:?} {alice:?}"), "Opaque(..) Named(..)");
    }
}
