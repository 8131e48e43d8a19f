//! Four hops behind the pod's token, as `tests/fixtures/sources/chain-of-four.yaml` configures
//! them, for three days with an outage of each exchange, in every order.
//!
//! Each session that is issued is judged by what STS lets a chain hand down: transitive tags and
//! source identity.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use stsidecar::assume::{DurationSetting, Hop};
use stsidecar::config::{Config, Flags, Sources};

use super::clocks::{DAY, HOUR, MINUTE};
use super::faults::{Fault, Kind};
use super::run::Run;
use super::scenario::Scenario;
use super::sts::IssuedSession;

const EXCHANGES: usize = 5;
const DAYS: usize = 3;
const OUTAGE: u64 = 44 * MINUTE;

/// Sessions of an hour, refreshed at 20 %, the earliest draw of 90 % each time.
const MOST_REFRESHES_A_DAY: u64 = 24 * 60 / 12 * 10 / 9 + 1;
/// What the backoff allows in an outage of 44 minutes.
const MOST_ATTEMPTS: u64 = 60;

/// The steps of the case's profile.
fn steps() -> Vec<Arc<Hop>> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/sources/chain-of-four.yaml"
    );
    let case: Value =
        serde_saphyr::from_str(&std::fs::read_to_string(path).expect("a case")).expect("a case");
    let mut profile = case["profile"].clone();
    profile["webIdentity"]["tokenFile"] = json!("/var/run/token");
    let document = json!({"region": "eu-central-1", "profiles": {"default": profile}}).to_string();
    let loaded = Config::load(&Sources {
        flags: &Flags::default(),
        variable: &|name| (name == "STSIDECAR_CONFIG_INLINE").then(|| document.clone()),
        read: &|_| Err(std::io::ErrorKind::NotFound.into()),
    });
    loaded.expect("an accepted profile").config.profiles[0]
        .steps
        .clone()
}

/// What a session hands down.
#[derive(Clone, Debug, Default, PartialEq)]
struct Inherited {
    tags: BTreeMap<String, String>,
    identity: Option<String>,
}

/// Judges every session by the one that signed for it; each last one ends with the same
/// inheritance (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html>).
fn judge(steps: &[Arc<Hop>], issued: &[IssuedSession]) {
    let mut known: Vec<Inherited> = Vec::new();
    for session in issued {
        let mut held = session
            .parent
            .map_or_else(Inherited::default, |parent| known[parent].clone());
        if let Hop::Role(role) = &*steps[session.hop] {
            let sets_again = role
                .tags
                .iter()
                .find(|tag| held.tags.contains_key(&tag.key.as_str().to_lowercase()));
            assert_eq!(sets_again, None, "STS refuses a tag that was handed down");
            for tag in role.tags.iter().filter(|tag| {
                role.transitive_tag_keys
                    .iter()
                    .any(|key| key.same_as(&tag.key))
            }) {
                held.tags
                    .insert(tag.key.as_str().to_lowercase(), tag.value.to_string());
            }
            let own = role
                .source_identity
                .as_ref()
                .map(|own| own.as_str().to_owned());
            assert!(
                own.is_none() || held.identity.is_none() || own == held.identity,
                "the identity is set for good"
            );
            held.identity = own.or(held.identity);
        }
        if session.hop + 1 == steps.len() {
            let meant = Inherited {
                tags: [("team".into(), "data".into())].into(),
                identity: Some("alice".into()),
            };
            assert_eq!(held, meant);
        }
        known.push(held);
    }
}

fn orders() -> Vec<Vec<usize>> {
    (0..EXCHANGES).fold(vec![vec![]], |orders, _| {
        orders.iter().flat_map(|order| longer(order)).collect()
    })
}

/// An order, continued by each hop that is not in it.
fn longer(order: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    (0..EXCHANGES)
        .filter(|hop| !order.contains(hop))
        .map(move |hop| [order, &[hop]].concat())
}

/// Calls of each exchange on each day, those that an outage refused apart.
fn three_days(
    seed: u64,
    order: &[usize],
    durations: &[DurationSetting],
) -> (Run, [[u64; EXCHANGES]; DAYS], u64) {
    let outages = order.iter().zip(0..).map(|(hop, at)| Fault {
        amount: (*hop as f64 + 0.5) / EXCHANGES as f64,
        ..Fault::new(
            Kind::HopOutage,
            (at * 14 + 5) * HOUR + seed * 20_000,
            OUTAGE,
        )
    });
    let mut run = Run::new(Scenario {
        faults: outages.collect(),
        ..Scenario::calm(seed, DAYS as u64 * DAY, durations.to_vec())
    });
    let (mut days, mut before) = ([[0; EXCHANGES]; DAYS], [0; EXCHANGES]);
    for (day, calls) in days.iter_mut().enumerate() {
        run.advance((day as u64 + 1) * DAY);
        *calls = std::array::from_fn(|hop| run.tally.calls[hop] - before[hop]);
        before = run.tally.calls;
    }
    let refused = run.sts.hits[Kind::HopOutage as usize];
    (run, days, refused)
}

#[test]
fn four_hops_outlive_outages_of_each_exchange_in_every_order_at_no_more_calls_than_needed() {
    let steps = steps();
    assert_eq!(steps.len(), EXCHANGES);
    let roles = steps.iter().filter_map(|step| match &**step {
        Hop::Role(role) => Some(role),
        _ => None,
    });
    let roles: Vec<_> = roles.collect();
    assert!(roles.iter().any(|role| role.external_id.is_some()));
    assert!(roles.iter().any(|role| role.source_identity.is_some()));
    let durations: Vec<DurationSetting> = steps.iter().map(|step| step.duration()).collect();
    let (orders, mut most) = (orders(), (0, [[0; EXCHANGES]; DAYS], 0));
    assert_eq!(orders.len(), 120);
    for (seed, order) in orders.iter().enumerate() {
        let (run, days, refused) = three_days(seed as u64, order, &durations);
        assert_eq!(
            (run.tally.failed_uses, run.tally.withdrawals),
            (0, 0),
            "{order:?}"
        );
        judge(&steps, &run.sts.issued);
        let made: u64 = days.as_flattened().iter().sum();
        let needed = (DAYS * EXCHANGES) as u64 * MOST_REFRESHES_A_DAY;
        assert!(
            refused <= EXCHANGES as u64 * MOST_ATTEMPTS,
            "{order:?}: {refused} attempts in outages"
        );
        assert!(
            made - refused <= needed,
            "{order:?}: {made} calls, {refused} of them refused"
        );
        for calls in days.as_flattened() {
            assert!(
                *calls <= MOST_REFRESHES_A_DAY + MOST_ATTEMPTS * 2,
                "{order:?}: {days:?}"
            );
        }
        most = most.max((made, days, refused));
    }
    let (made, days, refused) = most;
    println!("most calls of 120 orders: {made} in {DAYS} days, {refused} of them during outages");
    for (day, calls) in days.iter().enumerate() {
        let sum: u64 = calls.iter().sum();
        println!(
            "day {}: {calls:?} calls by exchange, {sum} together; needed 120 each on average, \
             {MOST_REFRESHES_A_DAY} at most, and what was tried in outages",
            day + 1
        );
    }
}
