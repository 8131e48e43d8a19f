//! The clients on the status page: a container that has never asked uses other credentials than the sidecar's.
//!
//! Pure: the agent's JSON and the time in, text out. `page` puts it behind the profiles.

use std::fmt::Write;

use serde_json::Value;

use super::page::{ago, instant, shown};
use crate::time::Wall;

/// One line for each client; nothing from an agent that lists none.
pub(super) fn block(status: &Value, now: Wall) -> String {
    let clients = status["clients"].as_array();
    let mut block = String::new();
    for (at, client) in clients.into_iter().flatten().enumerate() {
        let label = if at == 0 { "\n  clients" } else { "" };
        let width = if at == 0 { 17 } else { 16 };
        let name = shown(&client["name"]);
        let asked = match instant(&client["lastRequest"]) {
            Some(last) => ago("last asked", Some(last), now),
            None => format!(
                "never asked{}",
                ago(" since the agent's start", instant(&status["since"]), now)
            ),
        };
        writeln!(block, "{label:<width$}{name}: {asked}").expect("a String takes every text");
    }
    block
}

/// The status of an agent that has the client of this name only.
pub(super) fn only(mut status: Value, name: &str) -> Value {
    if let Some(clients) = status["clients"].as_array_mut() {
        clients.retain(|client| client["name"] == name);
    }
    status
}

#[cfg(test)]
mod tests;
