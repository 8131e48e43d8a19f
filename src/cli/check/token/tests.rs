//! Each judgement of a token, by its claims and by the layout of its volume.

use super::*;

const NOW: i64 = 1_795_327_200;

fn wall(seconds: i64) -> Wall {
    Wall::from_unix_seconds(seconds)
}

/// A token `age` seconds old that lives for `life` seconds.
fn claims(age: i64, life: i64) -> Claims {
    Claims {
        issuer: Some("https://issuer.example.com".into()),
        subject: Some("system:serviceaccount:shop:checkout".into()),
        audience: vec!["sts.amazonaws.com".into()],
        issued_at: Some(wall(NOW - age)),
        not_before: Some(wall(NOW - age)),
        expires_at: Some(wall(NOW - age + life)),
        ..Claims::default()
    }
}

fn rotation_of(age: i64, life: i64) -> String {
    rotation(&claims(age, life), Layout::Volume, wall(NOW)).line()
}

#[test]
fn a_fresh_token_for_sts_is_fine() {
    let lines: Vec<String> = judge(&claims(60, 86_400), Layout::Volume, true, wall(NOW))
        .iter()
        .map(Finding::line)
        .collect();
    assert_eq!(
        lines,
        [
            "ok token identity: system:serviceaccount:shop:checkout of https://issuer.example.com",
            "ok token audience: sts.amazonaws.com",
            "ok token lifetime: expires in 23h 59m, at 2026-11-23T05:59:00Z",
            "ok token rotation: issued 1m ago, in a volume that the kubelet renews",
        ]
    );
}

#[test]
fn the_audience_is_judged_by_who_reads_the_token() {
    for (audience, aws, word) in [
        ("sts.amazonaws.com", true, "ok"),
        ("sts.cn-north-1.amazonaws.com.cn", true, "ok"),
        ("sts.amazonaws.com.cn", true, "ok"),
        ("vault", true, "warning"),
        ("vault", false, "ok"),
        ("https://issuer.example.com", false, "warning"),
        (
            "https://kubernetes.default.svc.cluster.local",
            true,
            "warning",
        ),
    ] {
        let claims = Claims {
            audience: vec![audience.into()],
            ..claims(0, 3600)
        };
        assert!(
            super::audience(&claims, aws).line().starts_with(word),
            "{audience} {aws}"
        );
    }
    let none = Claims {
        audience: Vec::new(),
        ..claims(0, 3600)
    };
    assert!(
        super::audience(&none, false)
            .line()
            .starts_with("failure token audience: the token names no audience")
    );
}

#[test]
fn the_lifetime_tells_expired_early_ending_and_extended_apart() {
    let line = |claims: &Claims| lifetime(claims, wall(NOW)).line();
    assert!(
        line(&claims(7200, 3600))
            .starts_with("failure token lifetime: expired 1h ago, at 2026-11-22T05:00:00Z")
    );
    assert!(line(&claims(3300, 3600)).starts_with("warning token lifetime: expires in 5m,"));
    assert!(line(&claims(0, 3600)).starts_with("ok token lifetime: expires in 1h,"));
    assert!(
        line(&claims(-90, 3600))
            .starts_with("warning token lifetime: not valid for another 1m 30s:")
    );
    assert!(line(&claims(0, 31_536_000)).contains("365d: expirationSeconds 3607"));
    assert!(
        line(&Claims {
            expires_at: None,
            ..claims(0, 1)
        })
        .starts_with("failure token lifetime: the token has no")
    );
}

#[test]
fn a_token_past_its_renewal_was_not_rotated() {
    assert!(rotation_of(2880, 3600).starts_with("ok"));
    assert!(
        rotation_of(3061, 3600)
            .starts_with("warning token rotation: issued 51m 1s ago and due for renewal at 48m")
    );
    assert!(rotation_of(86_400, 172_800).starts_with("ok"));
    assert!(rotation_of(87_001, 172_800).contains("due for renewal at 1d;"));
    let plain = rotation(&claims(0, 3600), Layout::Plain, wall(NOW)).line();
    assert!(
        plain.starts_with("warning token rotation: a plain file"),
        "{plain}"
    );
}

#[test]
fn the_kubelets_layout_is_a_link_beside_data() {
    use std::os::unix::fs::symlink;
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    std::fs::create_dir(path("..1")).expect("a directory");
    std::fs::write(path("..1/token"), "x").expect("a file");
    symlink("..1", path("..data")).expect("a link");
    symlink("..data/token", path("token")).expect("a link");
    std::fs::write(path("copy"), "x").expect("a file");
    assert_eq!(
        (layout(&path("token")), layout(&path("copy"))),
        (Layout::Volume, Layout::Plain)
    );
    assert_eq!(layout(&path("..1/token")), Layout::Plain);
}
