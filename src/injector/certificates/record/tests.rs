//! What stays in caBundle, what goes and when.

use std::slice::from_ref;
use std::time::Duration;

use rustls::pki_types::CertificateDer;

use super::super::pair::Pair;
use super::{Record, STAYS};
use crate::time::Wall;

const NOW: Wall = Wall::from_unix_seconds(1_795_327_200);
const YEAR: Duration = Duration::from_hours(365 * 24);
const SECOND: Duration = Duration::from_secs(1);

type Authority = CertificateDer<'static>;

fn authorities<const N: usize>() -> [Authority; N] {
    std::array::from_fn(|_| {
        Pair::authority(YEAR, NOW)
            .expect("made")
            .certificate()
            .clone()
    })
}

/// A caBundle that every webhook shares, and its record.
#[derive(Default)]
struct Scene(Vec<Authority>, Record);

impl Scene {
    /// One look of a replica that needs these; whether it wrote.
    fn look(&mut self, needed: &[&Authority], now: Wall) -> bool {
        let needed: Vec<Authority> = needed.iter().map(|ca| (*ca).clone()).collect();
        let (bundle, record) = self.1.next(&self.0, &self.0, &needed, now);
        let wrote = bundle != self.0 || record != self.1;
        // Through the annotation, as replicas share it.
        (self.0, self.1) = (bundle, Record::read(Some(&record.to_text())));
        assert_eq!(self.1, record);
        wrote
    }
}

#[test]
fn what_is_needed_is_added_and_nothing_is_written_twice() {
    let [own, other] = authorities();
    let mut scene = Scene::default();
    assert!(scene.look(&[&own], NOW));
    assert!(!scene.look(&[&own], NOW.plus(YEAR / 2)));
    assert!(
        scene.look(&[&other], NOW),
        "which also writes down when the first one goes"
    );
    assert_eq!(scene.0, [own.clone(), other.clone()]);
    assert!(!scene.look(&[&other], NOW.plus(STAYS.saturating_sub(SECOND))));
    assert!(
        !scene.look(&[&own, &other], NOW),
        "there is time enough to cross it out"
    );
}

#[test]
fn what_no_replica_needs_goes_at_its_time_by_any_replica() {
    let [own, other] = authorities();
    let mut scene = Scene(vec![own.clone(), other.clone()], Record::default());
    scene.look(&[&own], NOW);
    for seconds in [1, 60, 599] {
        assert!(
            !scene.look(&[&own], NOW.plus(seconds * SECOND)),
            "{seconds}"
        );
        assert_eq!(scene.0.len(), 2);
    }
    assert!(scene.look(&[&own], NOW.plus(STAYS)));
    assert_eq!(scene.0, from_ref(&own));
    assert!(!scene.look(&[&own], NOW.plus(2 * STAYS)));
}

#[test]
fn what_a_replica_needs_stays_however_long_the_modes_differ() {
    let [first, second] = authorities();
    let mut scene = Scene(vec![first.clone(), second.clone()], Record::default());
    let mut writes = 0;
    for second_of_day in (0..86_400).step_by(4) {
        let now = NOW.plus(second_of_day * SECOND);
        writes += u32::from(scene.look(&[&first], now)) + u32::from(scene.look(&[&second], now));
        assert_eq!(scene.0.len(), 2, "after {second_of_day} s");
    }
    assert!(writes <= 24 * 60, "{writes} writes in a day");
    // The second mode ends.
    let end = NOW.plus(Duration::from_hours(24));
    scene.look(&[&first], end);
    assert!(scene.look(&[&first], end.plus(STAYS)));
    assert_eq!(scene.0, from_ref(&first));
}

#[test]
fn what_is_needed_stays_when_its_time_came_while_no_replica_looked() {
    let [own, other] = authorities();
    let mut scene = Scene(vec![own.clone(), other.clone()], Record::default());
    scene.look(&[&own], NOW);
    assert!(scene.look(&[&other, &own], NOW.plus(10 * STAYS)));
    assert_eq!(scene.0, [own, other]);
}

#[test]
fn what_has_ended_goes_at_once() {
    let [own] = authorities();
    let ended = Pair::authority(SECOND, NOW)
        .expect("made")
        .certificate()
        .clone();
    for needed in [vec![&own], vec![&own, &ended]] {
        let mut scene = Scene(vec![ended.clone(), own.clone()], Record::default());
        scene.look(&needed, NOW.plus(2 * SECOND));
        assert_eq!(scene.0, from_ref(&own));
    }
}

#[test]
fn a_ca_is_as_old_as_its_place_in_every_webhook() {
    let [own] = authorities();
    let mut scene = Scene::default();
    scene.look(&[&own], NOW);
    let later = NOW.plus(60 * SECOND);
    assert_eq!(
        (
            scene.1.age(&own, later),
            scene.1.age(&own, NOW.minus(SECOND))
        ),
        (60 * SECOND, Duration::ZERO)
    );
    // Helm added a webhook, which has no caBundle yet.
    let (_, record) = scene.1.next(from_ref(&own), &[], from_ref(&own), later);
    assert_eq!(record.age(&own, later), Duration::ZERO);
    let [other] = authorities();
    assert_eq!(record.age(&other, later), Duration::ZERO, "not on record");
}

#[test]
fn an_edited_record_takes_nothing_out() {
    let [own, other] = authorities();
    let far = NOW.plus(YEAR).rfc3339();
    let id = super::id(&other);
    for text in [
        String::new(),
        "[]".to_owned(),
        "{}".to_owned(),
        format!("{{\"{id}\": 7}}"),
        format!("{{\"{id}\": {{\"until\": \"yesterday\"}}}}"),
        format!("{{\"{id}\": {{\"since\": \"{far}\", \"until\": \"{far}\"}}}}"),
    ] {
        let mut scene = Scene(vec![own.clone(), other.clone()], Record::read(Some(&text)));
        scene.look(&[&own], NOW);
        assert_eq!(scene.0.len(), 2, "{text}");
        scene.look(&[&own], NOW.plus(STAYS));
        assert_eq!(scene.0, from_ref(&own), "{text}");
    }
}

#[test]
fn the_runbook_reads_the_annotation_that_is_written() {
    let page =
        include_str!("../../../../docs/runbooks/StsidecarInjectorCertificateExpiringSoon.md");
    let key = super::ANNOTATION.replace('.', r"\.");
    assert!(
        page.contains(&format!(".metadata.annotations.{key}}}'")),
        "{key}"
    );
}
