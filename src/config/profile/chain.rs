//! What one hop of a chain fixes for the hops behind it.
//!
//! Owns the two settings that no later hop can change at STS, because such a chain can never work:
//! inherited session tags
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_role-chaining>)
//! and the source identity
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html>).
//! Called by `profile`.

use super::super::error::Error;
use crate::assume::{Hop, Role, SourceIdentity, TagKey};

/// Refuses a hop that sets again what it inherits; `path` is the chain's.
pub(super) fn check(path: &str, steps: &[Hop]) -> Result<(), Error> {
    let hops: Vec<&Role> = steps
        .iter()
        .filter_map(|step| {
            if let Hop::Role(hop) = step {
                Some(hop)
            } else {
                None
            }
        })
        .collect();
    let mut inherited: Vec<(usize, &TagKey)> = Vec::new();
    let mut identity: Option<(usize, &SourceIdentity)> = None;
    for (at, hop) in hops.iter().enumerate() {
        for tag in hop.tags.iter() {
            if let Some((first, _)) = inherited.iter().find(|(_, key)| key.same_as(&tag.key)) {
                let problem = format!(
                    "chain[{first}] hands this tag down, and STS lets no later hop set it again"
                );
                return Err(Error::setting(
                    format!("{path}[{at}].tags.{}", tag.key),
                    problem,
                ));
            }
        }
        inherited.extend(hop.transitive_tag_keys.iter().map(|key| (at, key)));
        match (identity, &hop.source_identity) {
            (Some((first, set)), Some(own)) if set != own => {
                let allowed =
                    format!("chain[{first}] has set {set} for the whole chain; leave this out");
                return Err(Error::value(
                    format!("{path}[{at}].sourceIdentity"),
                    own.as_str(),
                    allowed,
                ));
            }
            (None, Some(own)) => identity = Some((at, own)),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assume::Tag;
    use crate::role::RoleArn;

    fn hop(tag: Option<&str>, hands_down: bool, identity: Option<&str>) -> Hop {
        let tags: Vec<Tag> = tag
            .into_iter()
            .map(|key| Tag::parse(key, "x").expect("a tag"))
            .collect();
        Hop::Role(Role {
            transitive_tag_keys: tags
                .iter()
                .filter(|_| hands_down)
                .map(|tag| tag.key.clone())
                .collect::<Vec<_>>()
                .try_into()
                .expect("few"),
            tags: tags.into(),
            source_identity: identity.map(|text| SourceIdentity::parse(text).expect("an identity")),
            ..Role::new(RoleArn::parse("arn:aws:iam::111122223333:role/app").expect("a role"))
        })
    }

    fn problem(hops: &[Hop]) -> Option<String> {
        check("profiles.p.chain", hops)
            .err()
            .map(|error| error.to_string())
    }

    #[test]
    fn an_inherited_tag_cannot_be_set_again_in_any_case() {
        let plain = hop(None, false, None);
        assert_eq!(
            problem(&[
                hop(Some("team"), true, None),
                plain,
                hop(Some("Team"), false, None)
            ])
            .as_deref(),
            Some(
                "profiles.p.chain[2].tags.Team: chain[0] hands this tag down, and STS lets no later hop set it again"
            )
        );
        assert_eq!(
            problem(&[
                hop(Some("team"), false, None),
                hop(Some("team"), true, None)
            ]),
            None,
            "not handed down"
        );
    }

    #[test]
    fn the_source_identity_stays_what_the_first_hop_made_it() {
        assert_eq!(
            problem(&[hop(None, false, Some("me")), hop(None, false, Some("me"))]),
            None
        );
        assert_eq!(
            problem(&[
                hop(None, false, None),
                hop(None, false, Some("me")),
                hop(None, false, Some("you"))
            ])
            .as_deref(),
            Some(
                "profiles.p.chain[2].sourceIdentity: \"you\" is not accepted: chain[1] has set me for the whole chain; \
                 leave this out"
            )
        );
    }
}
