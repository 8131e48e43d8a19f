//! What is wrong with a token or its file, and what `check` says about it.

use stsidecar::time::Wall;

use super::cases::{asked, lines, only_trouble, trouble};
use super::support::fake_sts::Behaviour;
use super::*;

#[test]
fn wrong_audience() {
    let token = ServiceAccountToken {
        audience: "https://kubernetes.default.svc".into(),
        ..token()
    };
    let refused = Behaviour::error(400, "InvalidIdentityToken", "Incorrect token audience");
    assert_eq!(
        trouble(&token.jwt(), refused, 1),
        [
            "warning token audience https://kubernetes.default.svc: this token also opens the cluster's API server; fix: \
             set the audience of the projected volume's serviceAccountToken, on AWS to sts.amazonaws.com"
                .to_owned(),
            format!(
                "failure source {}; fix: add the token's audience to the IAM OIDC provider, or change the audience",
                asked(": InvalidIdentityToken: Incorrect token audience")
            ),
        ]
    );
}

#[test]
fn missing_token_file() {
    let sts = FakeSts::start();
    let pod = Pod::new(&sts.url(), None);
    assert_eq!(
        only_trouble(lines(&pod, &sts, &token().jwt(), &[], 1)),
        [
            "failure token file $POD/volume/token does not exist; fix: mount a projected service account token at the \
             token file's path"
                .to_owned(),
            format!("warning source {}; fix: first correct the token file", asked(": not tried without a token")),
        ]
    );
    assert_eq!(sts.calls().len(), 0);
}

#[test]
fn unreadable_token_file() {
    let sts = FakeSts::start();
    let jwt = token().jwt();
    let pod = Pod::new(&sts.url(), Some(&jwt));
    let Some(mut command) = pod.locked_out(&["check"]) else {
        println!("not run: unreadable token file: it needs root");
        return;
    };
    let outcome = pod.outcome(&mut command);
    assert_no_secret(&outcome, &sts, &jwt);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(1), ""));
    let said = outcome
        .stdout
        .lines()
        .find(|line| line.contains("token file "))
        .expect("the line");
    assert_eq!(
        said,
        "  failure  token file       $POD/volume/token cannot be read: Permission denied (os error 13): we are uid 65534, the \
         file has mode 0600 and owner 1000:1000; set fsGroup in the pod's securityContext, or runAsUser to the file's \
         owner; fix: set the pod's fsGroup: uid 65534 cannot read the token file of mode 0600"
    );
}

#[test]
fn expired_token() {
    let token = ServiceAccountToken {
        issued_at: unix_now() - 7230,
        lifetime: 3600,
        ..ServiceAccountToken::default()
    };
    let end = Wall::from_unix_seconds(token.issued_at + token.lifetime).rfc3339();
    let said = trouble(&token.jwt(), Behaviour::Ok, 1);
    let [lifetime, rotation, source] = &said[..] else {
        panic!("three lines, not {said:?}")
    };
    let now = &lifetime["failure token lifetime expired 1h ago, at ".len()..];
    assert_eq!(
        now,
        format!(
            "{end}; fix: find out why the kubelet does not renew it: kubectl describe pod, the node's clock and kubelet log"
        )
    );
    assert_eq!(
        rotation,
        "warning token rotation issued 2h ago and due for renewal at 48m; fix: find out why the kubelet does not renew \
         it: the node's kubelet log, the API server, the pod's end"
    );
    assert!(
        source.starts_with(&format!(
            "failure source {}",
            asked(": ExpiredTokenException: Token expired: ")
        )),
        "{source}"
    );
    assert!(
        source.ends_with(
            "; fix: the kubelet no longer renews the token file: check the node and the volume"
        ),
        "{source}"
    );
}
