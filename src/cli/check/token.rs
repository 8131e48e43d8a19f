//! What the claims of a token and the layout of its volume say about it.
//!
//! Pure judgements, but for one look at the directory. It verifies no signature: STS does, in the
//! call that follows.

use std::path::Path;
use std::time::Duration;

use crate::cli::span::span;
use crate::finding::Finding;
use crate::time::Wall;
use crate::token::Claims;

/// The audience of every IAM OIDC provider that EKS's tools make.
const USUAL_AUDIENCE: &str = "sts.amazonaws.com";
/// The kubelet renews at 80 % of the lifetime or at this age, whichever comes first
/// (<https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/token/token_manager.go>).
const OLDEST: Duration = Duration::from_hours(24);
/// How late a renewal may be: the kubelet looks about once a minute, and the API server may be away
/// for a while.
const SLACK: Duration = Duration::from_mins(10);
/// The API server extends a token of 3607 s to a year, when the audience is its own
/// (<https://github.com/kubernetes/enhancements/blob/master/keps/sig-auth/1205-bound-service-account-tokens/README.md>).
const EXTENDED: Duration = Duration::from_hours(24 * 300);

/// Who maintains the token file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// A link through `..data`, which the kubelet swaps
    /// (<https://github.com/kubernetes/kubernetes/blob/master/pkg/volume/util/atomic_writer.go>).
    Volume,
    /// A file of its own.
    Plain,
}

/// How the file at `path` is laid out.
pub(super) fn layout(path: &Path) -> Layout {
    let swapped = path.parent().map(|directory| directory.join("..data"));
    if swapped.is_some_and(|link| link.is_symlink()) && path.is_symlink() {
        Layout::Volume
    } else {
        Layout::Plain
    }
}

/// Every judgement of a token; `aws` is whether AWS's STS will read it.
pub(super) fn judge(claims: &Claims, layout: Layout, aws: bool, now: Wall) -> Vec<Finding> {
    vec![
        identity(claims),
        audience(claims, aws),
        lifetime(claims, now),
        rotation(claims, layout, now),
    ]
}

fn identity(claims: &Claims) -> Finding {
    const NAME: &str = "token identity";
    match (&claims.subject, &claims.issuer) {
        (Some(subject), Some(issuer)) => Finding::ok(NAME, format!("{subject} of {issuer}")),
        (subject, _) => {
            let missing = if subject.is_none() {
                "subject (sub)"
            } else {
                "issuer (iss)"
            };
            let fix = "use a projected service account token, which has both";
            Finding::failure(NAME, format!("the token names no {missing}"), fix)
        }
    }
}

fn audience(claims: &Claims, aws: bool) -> Finding {
    const NAME: &str = "token audience";
    let named = claims.audience.join(", ");
    let for_api_server = |audience: &String| {
        claims.issuer.as_ref() == Some(audience)
            || audience
                .trim_start_matches("https://")
                .starts_with("kubernetes.default.svc")
    };
    if claims.audience.is_empty() {
        let fix = format!(
            "set the audience of the projected volume's serviceAccountToken, on AWS to {USUAL_AUDIENCE}"
        );
        return Finding::failure(NAME, "the token names no audience", fix);
    }
    if claims.audience.iter().any(for_api_server) {
        let message = format!("{named}: this token also opens the cluster's API server");
        let fix = format!(
            "set the audience of the projected volume's serviceAccountToken, on AWS to {USUAL_AUDIENCE}"
        );
        return Finding::warning(NAME, message, fix);
    }
    if aws && !claims.audience.iter().any(|audience| is_usual(audience)) {
        let fix = format!(
            "make sure that the IAM OIDC provider lists it, or change it to {USUAL_AUDIENCE}"
        );
        return Finding::warning(
            NAME,
            format!("{named}, where AWS usually expects {USUAL_AUDIENCE}"),
            fix,
        );
    }
    Finding::ok(NAME, named)
}

/// Of AWS's STS, in any partition and region.
fn is_usual(audience: &str) -> bool {
    let partition = audience.strip_suffix(".cn").unwrap_or(audience);
    partition == USUAL_AUDIENCE
        || partition.starts_with("sts.") && partition.ends_with(".amazonaws.com")
}

fn lifetime(claims: &Claims, now: Wall) -> Finding {
    const NAME: &str = "token lifetime";
    const CLOCK: &str = "set the node's clock right (NTP)";
    let Some(end) = claims.expires_at else {
        let fix = "use a projected service account token, which expires";
        return Finding::failure(NAME, "the token has no expiry (exp)", fix);
    };
    if end <= now {
        let message = format!("expired {} ago, at {}", span(now.since(end)), end.rfc3339());
        let fix = "find out why the kubelet does not renew it: kubectl describe pod, the node's clock and kubelet log";
        return Finding::failure(NAME, message, fix);
    }
    if let Some(start) = claims
        .not_before
        .filter(|start| start.since(now) > Duration::from_secs(5))
    {
        let message = format!(
            "not valid for another {}: the clock here is behind the API server's",
            { span(start.since(now)) }
        );
        return Finding::warning(NAME, message, CLOCK);
    }
    let left = end.since(now);
    let whole = claims.issued_at.map_or(left, |start| end.since(start));
    let message = format!("expires in {}, at {}", span(left), end.rfc3339());
    if whole >= EXTENDED {
        let message = format!(
            "valid for {}: expirationSeconds 3607 with the API server's audience does that",
            { span(whole) }
        );
        return Finding::warning(
            NAME,
            message,
            "set expirationSeconds to 86400 and an audience of its own",
        );
    }
    if left < whole / 10 {
        let fix = "find out why the kubelet, which renews at 80 % of the lifetime, has not: the node's kubelet log";
        return Finding::warning(NAME, message, fix);
    }
    Finding::ok(NAME, message)
}

fn rotation(claims: &Claims, layout: Layout, now: Wall) -> Finding {
    const NAME: &str = "token rotation";
    if layout == Layout::Plain {
        let message =
            "a plain file without ..data beside it: a copy or a subPath mount is not renewed";
        return Finding::warning(
            NAME,
            message,
            "mount the projected volume as a directory, without subPath",
        );
    }
    let (Some(start), Some(end)) = (claims.issued_at, claims.expires_at) else {
        let fix = "use a projected service account token, which has both";
        return Finding::warning(
            NAME,
            "the token does not say when it was issued and expires",
            fix,
        );
    };
    let (age, whole) = (now.since(start), end.since(start));
    let due = (whole * 4 / 5).min(OLDEST);
    if age > due + SLACK.min(whole / 20) {
        let message = format!(
            "issued {} ago and due for renewal at {}",
            span(age),
            span(due)
        );
        let fix = "find out why the kubelet does not renew it: the node's kubelet log, the API server, the pod's end";
        return Finding::warning(NAME, message, fix);
    }
    Finding::ok(
        NAME,
        format!(
            "issued {} ago, in a volume that the kubelet renews",
            span(age)
        ),
    )
}

#[cfg(test)]
mod tests;
