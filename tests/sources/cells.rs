//! The five things that every source must do, each looked at from outside.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use serde_json::{Value, json};
use stsidecar::config::{Config, Flags, Sources};

use super::case::{Case, Known, Rotten, Wrong};
use super::expected::{contains, every_call, first_calls};
use super::stage::Stage;
use super::support::agent::{Agent, until};
use super::support::fake_sts::Behaviour;
use super::support::fake_sts::dialect::Dialect;

/// The columns of the table.
pub const COLUMNS: [&str; 5] = [
    "first credentials",
    "refresh",
    "STS outage served through",
    "bad input refused",
    "shown in status",
];

/// What came of each column, in order.
pub type Outcome = [Result<(), String>; 5];

/// Runs a case; one without a row has the first, the fourth and the last.
pub fn all(case: &Case) -> Outcome {
    let scene = caught(|| {
        let stage = Stage::new(case);
        let agent = stage.start();
        Ok((stage, agent))
    });
    let (stage, agent) = match scene {
        Ok(scene) => scene,
        Err(text) => return std::array::from_fn(|_| Err(text.clone())),
    };
    let first = caught(|| first_credentials(&stage, &agent));
    let wrong = refused_at_start(case);
    if case.row.is_none() || first.is_err() {
        let untried = || {
            first
                .clone()
                .map_err(|_| "not tried without the first".to_owned())
        };
        let (refresh, outage, status) = (untried(), untried(), untried());
        let status = status.and_then(|()| caught(|| shown_in_status(&stage, &agent)));
        return [first, refresh, outage, wrong, status];
    }
    let refreshed = caught(|| refresh(&stage, &agent));
    let outage = caught(|| outage_served_through(&stage, &agent));
    let refused = wrong.and_then(|()| caught(|| refused_while_running(&stage, &agent)));
    let status = caught(|| shown_in_status(&stage, &agent));
    [first, refreshed, outage, refused, status]
}

/// What a cell came to; a panic, such as of waiting in vain, is a fault of this cell alone.
fn caught<T>(cell: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(cell)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text
            .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
            .unwrap_or_default())
    })
}

/// The case's requests, and credentials of one issue.
fn first_credentials(stage: &Stage<'_>, agent: &Agent) -> Result<(), String> {
    let answer = stage.first_credentials(agent);
    answer.issued()?;
    let meant = json!(stage.case.vended);
    contains(&answer.json(), &meant, "vended")?;
    first_calls(stage, &stage.sts.calls())
}

/// Each exchange is made again, with the same parameters and with what the files hold now.
fn refresh(stage: &Stage<'_>, agent: &Agent) -> Result<(), String> {
    let before = stage.serial(agent)?;
    every_call(stage, &stage.sts.calls())?;
    let repeated = |wanted: usize, seen: usize| {
        stage
            .case
            .calls
            .iter()
            .filter(|expected| !expected.once)
            .all(|expected| {
                let calls = stage.sts.calls();
                let like = calls[seen..].iter().filter(|call| {
                    call.operation == expected.operation
                        && call.form.get("RoleArn") == expected.form.get("RoleArn")
                });
                like.count() >= wanted
            })
    };
    until("every exchange again", || {
        repeated(1, stage.case.calls.len()).then_some(())
    });
    until("newer credentials", || {
        stage
            .serial(agent)
            .is_ok_and(|serial| serial > before)
            .then_some(())
    });
    for expected in stage.case.calls.iter().filter(|expected| expected.once) {
        let count = stage
            .sts
            .calls()
            .iter()
            .filter(|call| call.operation == expected.operation)
            .count();
        if count != 1 {
            return Err(format!(
                "{count} calls of {} in one process",
                expected.operation
            ));
        }
    }
    Ok(())
}

/// While STS answers nothing useful, the kept credentials are served; when it is back, it is used again.
fn outage_served_through(stage: &Stage<'_>, agent: &Agent) -> Result<(), String> {
    stage.sts.set_default(Behaviour::Empty500);
    until("a failure in /status", || {
        (!Stage::status(agent)["lastError"].is_null()).then_some(())
    });
    let served = stage.serial(agent)?;
    let ready = agent.admin("/readyz").status;
    stage.sts.set_default(Behaviour::Ok);
    until("the end of the outage", || {
        Stage::status(agent)["lastError"].is_null().then_some(())
    });
    if stage.serial(agent)? < served {
        return Err("older credentials after the outage".to_owned());
    }
    if ready == 200 {
        Ok(())
    } else {
        Err(format!("/readyz was {ready} during the outage"))
    }
}

/// A file that turns bad is reported, and the kept credentials are served; a good one after it is taken.
fn refused_while_running(stage: &Stage<'_>, agent: &Agent) -> Result<(), String> {
    if stage.case.rotten.is_empty() {
        return Err("the case has nothing that turns bad".to_owned());
    }
    stage
        .case
        .rotten
        .iter()
        .try_for_each(|rotten| refused_once(stage, agent, rotten))
}

fn refused_once(stage: &Stage<'_>, agent: &Agent, rotten: &Rotten) -> Result<(), String> {
    let bad = match &rotten.replace {
        Some([old, new]) => stage.content(&rotten.file).replace(old, new),
        None => rotten.content.clone(),
    };
    stage.write(&rotten.file, &bad);
    until("the bad file in /status", || {
        Stage::status(agent)
            .to_string()
            .contains(&rotten.says)
            .then_some(())
    });
    stage.serial(agent)?;
    stage.renew_files();
    until("nothing bad in /status", || {
        let status = Stage::status(agent);
        (!status.to_string().contains(&rotten.says) && status["lastError"].is_null()).then_some(())
    });
    let asked = stage.sts.calls().len();
    let first = &stage.case.calls[stage.case.calls.iter().take_while(|call| call.once).count()];
    until("a call with the good file", || {
        stage.sts.calls()[asked..]
            .iter()
            .any(|call| call.operation == first.operation)
            .then_some(())
    });
    every_call(stage, &stage.sts.calls()[asked..])
}

/// Each wrong profile ends in a refusal that says what the case says.
pub fn refused_at_start(case: &Case) -> Result<(), String> {
    if case.row.is_some() && case.wrong.is_empty() {
        return Err("the case has no wrong profile".to_owned());
    }
    case.wrong.iter().try_for_each(|Wrong { set, says }| {
        match load(case, &case.profile(Path::new("/pod"), set)) {
            Ok(()) => Err(format!("accepted with {set:?}")),
            Err(said) if said.contains(says) => Ok(()),
            Err(said) => Err(format!("with {set:?} it says: {said}")),
        }
    })
}

/// What the configuration says to a profile, at the case's server or at AWS.
fn load(case: &Case, profile: &Value) -> Result<(), String> {
    let Known {
        dialect,
        path,
        region,
        ..
    } = &case.sts;
    let mut document = json!({"region": "eu-central-1", "profiles": {"default": profile}});
    if *dialect != Dialect::Aws || !path.is_empty() || region.is_some() {
        document["stsEndpoint"] = format!("https://sts.example.org{path}").into();
        document["region"] = region.as_deref().unwrap_or("eu-central-1").into();
    }
    let document = document.to_string();
    let variable = |name: &str| (name == "STSIDECAR_CONFIG_INLINE").then(|| document.clone());
    let read = |_: &Path| Err(io::Error::new(io::ErrorKind::NotFound, "no such file"));
    let sources = Sources {
        flags: &Flags::default(),
        variable: &variable,
        read: &read,
    };
    Config::load(&sources)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

/// What the case says of `/status`, and a log line for each exchange.
fn shown_in_status(stage: &Stage<'_>, agent: &Agent) -> Result<(), String> {
    if !stage.case.status.is_null() {
        contains(&Stage::status(agent), &stage.case.status, "status")?;
    }
    let is_logged = |operation: &str| {
        agent
            .events("credentials refreshed")
            .iter()
            .any(|line| line["operation"] == operation)
    };
    for call in stage.case.calls.iter().filter(|call| !call.once) {
        until(&format!("a log line of {}", call.operation), || {
            is_logged(&call.operation).then_some(())
        });
    }
    Ok(())
}
