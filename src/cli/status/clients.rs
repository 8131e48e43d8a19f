//! The clients on the status page: a container that has never asked uses other credentials than the
//! sidecar's.
//!
//! Pure: the agent's document and the time in, text out. `page` puts it behind the profiles.

use std::fmt::Write;

use super::wording::{ago, printable};
use crate::admin::Status;
use crate::time::Wall;

/// One line for each client; nothing from an agent that lists none.
pub(super) fn block(status: &Status, now: Wall) -> String {
    let mut block = String::new();
    for (at, client) in status.clients.iter().enumerate() {
        let label = if at == 0 { "\n  clients" } else { "" };
        let width = if at == 0 { 17 } else { 16 };
        let name = printable(&client.name);
        let asked = if client.last_request.is_some() {
            ago("last asked", client.last_request, now)
        } else {
            format!(
                "never asked{}",
                ago(" since the agent's start", status.since, now)
            )
        };
        writeln!(block, "{label:<width$}{name}: {asked}").expect("a String takes every text");
    }
    block
}

#[cfg(test)]
mod tests;
