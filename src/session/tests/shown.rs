//! Actions as one line of text, by which the tests compare them.

use crate::session::{Action, Call, Notice};
use crate::time::Boot;

pub(super) fn shown(action: &Action) -> String {
    match action {
        Action::Call(Call {
            hop,
            duration,
            parent,
            ..
        }) => {
            let signer = parent.as_ref().map_or(String::new(), |parent| {
                format!(" by {}", parent.access_key_id)
            });
            format!("call {hop} {duration}{signer}")
        }
        Action::Serve {
            credentials,
            deadline,
        } => {
            format!(
                "serve {} to {}",
                credentials.access_key_id,
                seconds(*deadline)
            )
        }
        Action::Refuse { failure, permanent } => {
            let class = failure
                .as_ref()
                .map_or("nothing", |failure| failure.class.reason());
            format!("refuse {} {class}", if *permanent { 403 } else { 503 })
        }
        Action::Save(_) => "save".into(),
        Action::Report(Notice::Refreshed { hop, shortened }) => {
            format!(
                "refreshed {hop}{}",
                if *shortened { " shorter" } else { "" }
            )
        }
        Action::Report(Notice::Failed {
            hop,
            failure,
            class_changed,
        }) => {
            format!(
                "failed {hop} {}{}",
                failure.class.reason(),
                if *class_changed { " anew" } else { "" }
            )
        }
        Action::Report(Notice::DurationRefused { hop, asked, .. }) => {
            format!("refused {hop} {asked}")
        }
        Action::Report(Notice::IdentityChanged) => "another identity".into(),
        Action::Report(Notice::RetryAsked { failing, wait }) if wait.is_zero() => {
            format!("asked for a retry of {failing}")
        }
        Action::Report(Notice::RetryAsked { failing, wait }) => {
            format!("asked for a retry of {failing} in {} s", wait.as_secs_f64())
        }
        Action::Withdraw => "withdraw".into(),
        Action::WakeAt(at) => at.map_or("wait".into(), |at| format!("wake {}", seconds(at))),
    }
}

fn seconds(boot: Boot) -> f64 {
    (boot.as_duration().as_secs_f64() * 1000.0).round() / 1000.0
}
