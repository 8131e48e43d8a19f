//! The doctor against everything that goes wrong most: the real program, and a fake STS on the
//! wire.
//!
//! Whole lines are compared, because operators and scripts read them. No output may hold a secret.

#[path = "check/cases.rs"]
mod cases;
#[path = "check/direct.rs"]
mod direct;
#[path = "check/longest.rs"]
mod longest;
#[path = "support/other_user.rs"]
#[allow(unreachable_pub, reason = "shared with other test crates")]
mod other_user;
#[path = "support/pod.rs"]
mod pod;
#[path = "support/mod.rs"]
mod support;
#[path = "support/token_volume.rs"]
mod token_volume;
#[path = "check/tokens.rs"]
mod tokens;

use pod::{Outcome, Pod};
use support::fake_sts::FakeSts;
use support::tokens::{ServiceAccountToken, unix_now};

const TARGET: &str = "arn:aws:iam::444455556666:role/target";

/// A token of 1 h 30 min 30 s of age, so that what is shown of it does not change within the test.
fn token() -> ServiceAccountToken {
    ServiceAccountToken {
        issued_at: unix_now() - 5430,
        ..ServiceAccountToken::default()
    }
}

/// A configuration with one hop behind the source.
fn chain(pod: &Pod) -> String {
    let (token, client) = (pod.text("volume/token"), pod.text("endpoints/app/token"));
    pod.write(
        "config.yaml",
        &format!(
            "profiles:\n  default:\n    webIdentity: {{ roleArn: \"{}\", tokenFile: {token} }}\n    chain:\n      - roleArn: \
             \"{TARGET}\"\nclients:\n  - {{ name: app, profile: default, tokenFile: {client} }}\n",
            pod::ROLE
        ),
    )
}

/// Neither the token nor anything that was issued.
fn assert_no_secret(outcome: &Outcome, sts: &FakeSts, token: &str) {
    let issued = (1..10).filter_map(|serial| sts.issued(&format!("ASIAFAKE{serial:012}")));
    let secrets = issued.flat_map(|issued| {
        [
            issued.access_key_id,
            issued.secret_access_key,
            issued.session_token,
        ]
    });
    let parts = token.split('.').map(str::to_owned);
    for secret in secrets.chain(parts) {
        let shown = outcome.stdout.contains(&secret) || outcome.stderr.contains(&secret);
        assert!(
            !shown,
            "a secret is shown:\n{}{}",
            outcome.stdout, outcome.stderr
        );
    }
}
