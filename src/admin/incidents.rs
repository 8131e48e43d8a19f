//! What the kubelet's incident probe is answered: a line for each moment of each incident, once,
//! else nothing.
//!
//! Owns the memory of what was handed out. The kubelet makes an event of each line; a pod has 25 of
//! them, then one in five minutes, and shares them with everything else that may be wrong
//! (<https://github.com/kubernetes/client-go/blob/master/tools/record/events_cache.go>). It never
//! decides when a moment comes: `incident` does.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Profile;
use crate::failure::line::Line;
use crate::incident::{Announced, Moment};
use crate::report::ProfileReport;
use crate::time::{Boot, Wall};

/// What was handed out of each profile, in their order.
pub(super) struct Incidents(Mutex<Vec<Announced>>);

impl Incidents {
    pub(super) fn of(profiles: usize) -> Self {
        Self(Mutex::new(vec![Announced::default(); profiles]))
    }

    /// The line of the profile that is worst off, among those of which a moment is due. The others'
    /// come with the next calls: an event holds one line.
    pub(super) fn next(&self, profiles: &[Profile], now: Boot, ahead: Duration) -> Option<String> {
        let mut announced = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = |at: usize, report: &ProfileReport| {
            announced[at].due(&report.incident.as_ref()?.incident, now, ahead)
        };
        let reports = profiles
            .iter()
            .map(|profile| profile.report.borrow().clone())
            .enumerate();
        let all = reports.filter_map(|(at, report)| Some((due(at, &report)?, at, report)));
        let (moment, at, report) =
            all.min_by_key(|(moment, at, _)| (std::cmp::Reverse(*moment), *at))?;
        announced[at].announce(&report.incident.as_ref()?.incident, now, ahead);
        Some(line(&report, moment))
    }
}

fn line(report: &ProfileReport, moment: Moment) -> String {
    let end = report
        .incident
        .as_ref()
        .and_then(|incident| incident.credentials_end);
    let end = match (moment, end.map(Wall::rfc3339)) {
        (_, None) => "no credentials".to_owned(),
        (Moment::Ended, Some(end)) => format!("credentials ended {end}"),
        (_, Some(end)) => format!("credentials end {end}"),
    };
    let (code, cause, hint) = match &report.last_error {
        None => ("", "", ""),
        Some(error) => (&*error.code, &*error.message, &*error.hint),
    };
    Line {
        profile: &report.profile,
        role: report.role_in_question(),
        code,
        cause,
        hint,
        end: &end,
    }
    .text()
}

#[cfg(test)]
mod tests;
