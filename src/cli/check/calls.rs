//! What the real calls came to: one line for each step, and the distance between our clock and
//! STS's.
//!
//! Pure judgements. Of what STS issued, only role, end and account are looked at.

use std::time::Duration;

use crate::assume::{Hop, Profile, SessionDuration, StsResponse};
use crate::cli::longest::Found;
use crate::cli::span::about;
use crate::failure::{Class, Failure};
use crate::finding::Finding;
use crate::time::Wall;

/// Farther apart, times in logs and expiries mislead.
const NOTEWORTHY: Duration = Duration::from_mins(1);
/// Farther apart, AWS refuses signatures (<https://github.com/boto/botocore/issues/149>).
const REFUSED: Duration = Duration::from_mins(5);

/// One line for each step of the profile, for those that were not reached too.
pub(super) fn judge(
    profile: &Profile,
    outcomes: &[Result<StsResponse, Failure>],
    at_sts: Wall,
) -> Vec<Finding> {
    let steps = profile.steps.iter().enumerate();
    steps
        .map(|(at, step)| judge_step(at, step, outcomes, at_sts))
        .collect()
}

fn judge_step(
    at: usize,
    step: &Hop,
    outcomes: &[Result<StsResponse, Failure>],
    at_sts: Wall,
) -> Finding {
    let name = name(at);
    match outcomes.get(at) {
        Some(Ok(reply)) => Finding::ok(&name, granted(step, reply, at_sts)),
        Some(Err(failure)) if !failure.sent && failure.class == Class::Token => {
            let message = format!("{}: not tried without a token", asked(step));
            Finding::warning(&name, message, "first correct the token file")
        }
        Some(Err(failure)) => Finding::failure(&name, refused(step, failure), failure.hint()),
        None => {
            let message = format!("{}: not tried, because the step before failed", asked(step));
            let failed = self::name(outcomes.len() - 1);
            Finding::warning(&name, message, format!("first correct the {failed}"))
        }
    }
}

/// `source`, `hop 1`, `hop 2`: the words of the configuration file's chain.
fn name(at: usize) -> String {
    if at == 0 {
        "source".to_owned()
    } else {
        format!("hop {at}")
    }
}

fn asked(step: &Hop) -> String {
    let role = step
        .role_arn()
        .map_or_else(|| "a role chosen by STS".to_owned(), ToString::to_string);
    format!("{} of {role}", step.operation())
}

fn granted(step: &Hop, reply: &StsResponse, at_sts: Wall) -> String {
    let session = reply
        .details
        .assumed_role_arn
        .as_deref()
        .unwrap_or("credentials without a role's name");
    let left = about(
        reply
            .credentials
            .expiration
            .since(reply.date.unwrap_or(at_sts)),
    );
    format!("{}: granted {session}, for {left}", step.operation())
}

fn refused(step: &Hop, failure: &Failure) -> String {
    format!("{}: {}: {}", asked(step), failure.code, failure.message)
}

/// How long a session `longest` comes to, of which the outcomes say that an hour is granted.
pub(super) fn longest(found: &Found) -> Finding {
    const NAME: &str = "longest session";
    let Found {
        step,
        granted,
        refused,
        refusal,
        open,
    } = found;
    let step = if *step == 0 {
        String::new()
    } else {
        format!(" of {}", name(*step))
    };
    let most = granted.map_or_else(|| SessionDuration::HOUR.to_string(), about);
    if let Some((asked, failure)) = open {
        let message = format!(
            "at least {most}{step}: {asked}: {}: {}",
            failure.code, failure.message
        );
        return Finding::warning(NAME, message, failure.hint());
    }
    let durations = refused
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    let are = if refused.len() == 1 { "is" } else { "are" };
    match refusal {
        Some(refusal) => Finding::ok(
            NAME,
            format!("{most}{step}: {durations} {are} refused ({})", refusal.code),
        ),
        None => Finding::ok(NAME, format!("{most}{step}")),
    }
}

/// How far our clock is from STS's.
pub(super) fn clock(here: Wall, at_sts: Wall) -> Finding {
    const NAME: &str = "clock";
    const FIX: &str = "set the node's clock right (NTP)";
    let (apart, side) = if here > at_sts {
        (here.since(at_sts), "ahead of")
    } else {
        (at_sts.since(here), "behind")
    };
    let message = format!("{} {side} STS", about(apart));
    if apart > REFUSED {
        Finding::failure(NAME, message + ": AWS refuses signatures beyond 5m", FIX)
    } else if apart > NOTEWORTHY {
        Finding::warning(NAME, message, FIX)
    } else {
        Finding::ok(NAME, "less than a minute from STS's")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_distance_is_fine_below_a_minute_and_fatal_beyond_five() {
        let at = |seconds: i64| Wall::from_unix_seconds(1_795_327_200 + seconds);
        let line = |seconds| clock(at(seconds), at(0)).line();
        assert_eq!(line(60), "ok clock: less than a minute from STS's");
        assert_eq!(line(-60), line(60));
        assert_eq!(
            line(61),
            "warning clock: 1m ahead of STS; fix: set the node's clock right (NTP)"
        );
        assert_eq!(
            line(-301),
            "failure clock: 5m behind STS: AWS refuses signatures beyond 5m; fix: set the node's clock right (NTP)"
        );
    }
}
