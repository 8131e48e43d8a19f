//! Whether two references name the same image, or two versions of one.
//!
//! Owns how a reference is taken apart
//! (<https://github.com/distribution/reference/blob/main/reference.go>). Mirrors rewrite host and
//! path and keep the last segment; admission controllers that pin add the digest, or put it in the
//! place of the tag.

struct Reference<'a> {
    /// Host and path.
    name: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

impl<'a> Reference<'a> {
    fn of(text: &'a str) -> Self {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        // A colon in front of a slash is a port's.
        match rest.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
            Some((name, tag)) => Self {
                name,
                tag: Some(tag),
                digest,
            },
            None => Self {
                name: rest,
                tag: None,
                digest,
            },
        }
    }

    fn last_segment(&self) -> &'a str {
        self.name.rsplit('/').next().unwrap_or_default()
    }

    /// What is pulled when nothing is said.
    fn tag_or_latest(&self) -> &'a str {
        self.tag.unwrap_or("latest")
    }
}

/// Whether `found` is the image `ours`, perhaps from a mirror or pinned.
pub(in crate::inject) fn is_same(found: &str, ours: &str) -> bool {
    let (found, ours) = (Reference::of(found), Reference::of(ours));
    match (found.digest, ours.digest) {
        (Some(found), Some(ours)) => found == ours,
        (None, Some(_)) => false,
        // Pinned without its tag it can be any of the repository's, which is ours.
        (Some(_), None) if found.tag.is_none() => found.name == ours.name,
        (_, None) => {
            found.last_segment() == ours.last_segment()
                && found.tag_or_latest() == ours.tag_or_latest()
        }
    }
}

/// Whether `found` can be what another version rendered: the image of `ours` or of the chart's
/// default, of any tag.
pub(in crate::inject) fn is_of_a_version(found: &str, ours: &str) -> bool {
    const DEFAULT: &str = "stsidecar";
    let found = Reference::of(found).last_segment();
    found == Reference::of(ours).last_segment() || found == DEFAULT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_compared_by_digest_or_by_last_segment_and_tag() {
        for (found, ours, expected) in [
            ("a.io:5000/x/agent:1", "b/agent:1", true),
            ("a.io:5000/agent", "b/agent", true),
            ("a.io:5000/agent", "b/agent:latest", true),
            ("agent:2", "b/agent:1", false),
            ("a/other:1", "b/agent:1", false),
            ("a/agent/x:1", "b/agent:1", false),
            ("any@sha256:0", "b/agent@sha256:0", true),
            ("b/agent@sha256:1", "b/agent@sha256:0", false),
            ("b/agent:1", "b/agent@sha256:0", false),
            ("a/agent:1@sha256:0", "b/agent:1", true),
            ("a/agent:2@sha256:0", "b/agent:1", false),
            ("b/agent@sha256:0", "b/agent:1", true),
            ("a/agent@sha256:0", "b/agent:1", false),
            ("", "b/agent:1", false),
        ] {
            assert_eq!(is_same(found, ours), expected, "{found} {ours}");
        }
        assert!(
            is_of_a_version("a/agent:2", "b/agent:1") && is_of_a_version("stsidecar", "b/agent:1")
        );
        assert!(!is_of_a_version("a/evil:1", "b/agent:1") && !is_of_a_version("", "b/agent:1"));
    }
}
