//! The webhook on its own two ports, with a fake API server behind it: what is answered, read,
//! reported and counted, and how it begins and ends.
#![allow(clippy::too_many_lines, reason = "a test is read from top to bottom")]

#[path = "../support/certificates.rs"]
mod certificates;
#[path = "../support/full_pipe.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the agent's tests")]
mod full_pipe;

mod answers;
mod api_server;
mod bodies;
mod checks;
mod clients;
mod ending;
mod limits;
mod program;
mod registration;
mod reviews;
mod running;
mod started;
