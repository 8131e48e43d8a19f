//! The metrics of both programs: README.md's tables, and what must hold for every metric: a help
//! text, and all series there from the start.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use prometheus::proto::{MetricFamily, MetricType};
use prometheus::{Registry, TextEncoder};
use stsidecar::assume::{Hop, Profile, ProfileName, Role, WebIdentity};
use stsidecar::role::RoleArn;
use stsidecar::{admin, endpoint, metrics, refresher, rotated_file, telemetry};

use super::assert_block;

/// The most series with one profile; each costs every scrape of every pod.
const MOST_SERIES: usize = 60;

fn profile(hops: usize) -> Profile {
    let role_arn = RoleArn::parse("arn:aws:iam::111122223333:role/app").expect("a role");
    let source = Hop::WebIdentity(WebIdentity {
        role_arn: Some(role_arn.clone()),
        ..WebIdentity::new("/token")
    });
    let hop = Hop::Role(Role::new(role_arn));
    let steps = std::iter::once(source)
        .chain(std::iter::repeat_n(hop, hops))
        .map(Arc::new)
        .collect();
    Profile {
        name: ProfileName::parse("default").expect("a name"),
        steps,
    }
}

/// A registry as the agent's is before the first exchange.
fn registry(profile: &Profile) -> Registry {
    let registry = metrics::registry().expect("a fresh registry");
    let registered = "no name is registered twice";
    let _ = refresher::metrics::Metrics::register(&registry)
        .expect(registered)
        .profile(profile);
    let _ = rotated_file::metrics::Metrics::register(&registry)
        .expect(registered)
        .profile(profile.name.as_str());
    let _ = rotated_file::metrics::Reloads::of_ca_bundle(&registry).expect(registered);
    endpoint::metrics::Metrics::register(&registry).expect(registered);
    admin::metrics::Metrics::register(&registry, ["default"]).expect(registered);
    telemetry::Dropped::default()
        .register(&registry)
        .expect(registered);
    registry
}

/// The injector's own families, before the first review.
#[cfg(feature = "injector")]
fn injector() -> Registry {
    use stsidecar::injector;
    let registry = Registry::new();
    let registered = "no name is registered twice";
    let _ = injector::metrics::Metrics::register(&registry).expect(registered);
    let _ = injector::metrics::Ready::register(&registry).expect(registered);
    let _ = injector::certificates::Metrics::register(&registry).expect(registered);
    let _ = injector::registration::metrics::Metrics::register(&registry).expect(registered);
    telemetry::Dropped::default()
        .register(&registry)
        .expect(registered);
    registry
}

#[cfg(feature = "injector")]
#[test]
fn the_injectors_metrics_are_those_of_the_program() {
    assert_block("injector metrics", &table(&injector()));
}

/// The families of our own; the Prometheus client documents `process_*`.
fn own(registry: &Registry) -> Vec<MetricFamily> {
    registry
        .gather()
        .into_iter()
        .filter(|family| !family.name().starts_with("process_"))
        .collect()
}

#[test]
fn the_metrics_are_those_of_the_program() {
    assert_block("metrics", &table(&registry(&profile(1))));
}

fn table(registry: &Registry) -> String {
    let mut table = String::from("| metric | type | labels | meaning |\n|---|---|---|---|\n");
    for family in own(registry) {
        let kind = format!("{:?}", family.get_field_type()).to_lowercase();
        writeln!(
            table,
            "| `{}` | {kind} | {} | {} |",
            family.name(),
            labels(&family),
            family.help().trim_end_matches('.')
        )
        .expect("a String takes every text");
    }
    table
}

/// Each label with its values, where those are the same in every pod.
fn labels(family: &MetricFamily) -> String {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for pair in family
        .get_metric()
        .iter()
        .flat_map(prometheus::proto::Metric::get_label)
    {
        values.entry(pair.name()).or_default().insert(pair.value());
    }
    let is_open =
        |name: &str| ["client", "profile", "version", "revision", "rustc"].contains(&name);
    let shown = values.into_iter().map(|(name, values)| {
        let values: Vec<&str> = values
            .into_iter()
            .filter(|value| !value.is_empty())
            .collect();
        if is_open(name) {
            format!("`{name}`")
        } else {
            format!("`{name}`: {}", values.join(", "))
        }
    });
    shown.collect::<Vec<_>>().join("; ")
}

#[test]
fn every_metric_has_a_help_text_and_all_series_are_there_from_the_start() {
    let registry = registry(&profile(0));
    let families = own(&registry);
    #[cfg(feature = "injector")]
    let families = families.into_iter().chain(own(&injector()));
    for family in families {
        assert!(
            family.help().len() > 10 && !family.get_metric().is_empty(),
            "{}",
            family.name()
        );
        let counts = family
            .get_metric()
            .iter()
            .map(|metric| metric.get_counter().get_value())
            .sum::<f64>();
        assert!(
            family.get_field_type() != MetricType::COUNTER || counts == 0.0,
            "{} begins at 0",
            family.name()
        );
    }
    let text = text(&registry);
    let series = text.lines().filter(|line| !line.starts_with('#')).count();
    println!("{series} series with one profile");
    assert!(
        series <= MOST_SERIES,
        "{series} series with one profile:\n{text}"
    );
}

fn text(registry: &Registry) -> String {
    TextEncoder::new()
        .encode_to_string(&registry.gather())
        .expect("every family has series")
}

/// What each program answers to a scrape before its first exchange or review.
pub(crate) fn scrapes() -> Vec<String> {
    vec![
        text(&registry(&profile(1))),
        #[cfg(feature = "injector")]
        text(&injector()),
    ]
}
