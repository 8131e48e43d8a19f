//! The lines that become events, and that each comes once.

use tokio::sync::watch;

use super::*;
use crate::cache::{self, Published, Refused};
use crate::failure::Class;
use crate::incident::Incident;
use crate::report::{ErrorReport, HopReport, IncidentReport};

const PERIOD: Duration = Duration::from_mins(5);
const ENDS: &str = "2026-11-28T14:00:00Z";

fn at(seconds: u64) -> Boot {
    Boot::from_duration(Duration::from_secs(seconds))
}

/// A profile whose refreshes have failed since this second.
fn failing(name: &str, since: u64, ends: Option<u64>) -> Profile {
    let incident = Incident {
        since: at(since),
        ends: ends.map(at),
    };
    let credentials_end = ends.and(Wall::parse_rfc3339(ENDS));
    let error = ErrorReport {
        code: "AccessDenied".into(),
        message: "denied (RequestId: 17AB4C99E2D0F113)".into(),
        class: Some(Class::Denied),
        hint: "check the trust policy".into(),
        request_id: Some("17AB4C99E2D0F113".into()),
        hop: 0,
        at: None,
        failing_since: None,
        attempts: 7,
    };
    let report = ProfileReport {
        profile: name.into(),
        role_arn: Some("arn:aws:iam::111122223333:role/app".into()),
        incident: Some(IncidentReport {
            failing_since: None,
            credentials_end,
            incident,
        }),
        last_error: Some(error),
        ..ProfileReport::default()
    };
    let refused = Published::Refused(Refused {
        status: 503,
        body: bytes::Bytes::new(),
    });
    Profile {
        name: name.into(),
        answers: cache::channel(refused, || at(0)).1,
        report: watch::channel(report).1,
        retries: watch::Sender::new(0),
    }
}

/// The seconds at which there is a line, with that line.
fn lines(profiles: &[Profile], asked: impl IntoIterator<Item = u64>) -> Vec<(u64, String)> {
    let incidents = Incidents::of(profiles.len());
    asked
        .into_iter()
        .filter_map(|second| Some((second, incidents.next(profiles, at(second), PERIOD)?)))
        .collect()
}

#[test]
fn a_call_in_five_minutes_brings_three_lines_of_an_incident() {
    let began = "default: role arn:aws:iam::111122223333:role/app: AccessDenied: denied (RequestId: ...); check the trust policy";
    let before = format!("{began}; credentials end {ENDS}");
    let lines = lines(
        &[failing("default", 720, Some(3590))],
        (0..10_000).step_by(300),
    );
    assert_eq!(
        lines,
        [
            (2400, before.clone()),
            (3000, before),
            (3600, format!("{began}; credentials ended {ENDS}"))
        ]
    );
}

#[test]
fn each_profile_has_its_incident_and_the_worst_off_comes_first() {
    let profiles = [
        failing("a", 0, Some(4000)),
        failing("b", 0, Some(2000)),
        failing("c", 0, None),
    ];
    let lines = lines(&profiles, (0..10_000).step_by(300));
    let named: Vec<(u64, &str)> = lines
        .iter()
        .map(|(second, line)| (*second, &line[..1]))
        .collect();
    let expected = [
        (300, "c"),
        (1200, "b"),
        (1500, "b"),
        (2100, "b"),
        (2400, "a"),
        (3600, "a"),
        (4200, "a"),
    ];
    assert_eq!(named, expected, "{lines:#?}");
    assert!(lines[0].1.ends_with("; no credentials"), "{lines:#?}");
    let all = [failing("a", 0, None), failing("b", 0, None)];
    let incidents = Incidents::of(2);
    let said = [60, 61, 62].map(|second| {
        incidents
            .next(&all, at(second), PERIOD)
            .map(|line| line[..1].to_owned())
    });
    assert_eq!(said, [Some("a".into()), Some("b".into()), None]);
}

#[test]
fn in_a_chain_the_line_names_the_role_that_was_refused() {
    let mut profile = failing("default", 720, Some(3590));
    let mut report = profile.report.borrow().clone();
    report.hops = ["entry", "app"].map(hop).into();
    profile.report = watch::channel(report).1;
    let lines = lines(&[profile], [3600]);
    assert!(
        lines[0]
            .1
            .starts_with("default: role arn:aws:iam::111122223333:role/entry: AccessDenied: "),
        "{lines:?}"
    );
}

fn hop(role: &str) -> HopReport {
    HopReport {
        role_arn: Some(format!("arn:aws:iam::111122223333:role/{role}")),
        ..HopReport::default()
    }
}
