//! The webhook on its own two ports, with a fake API server behind it: what is answered, read, told and counted,
//! and how it begins and ends.

#[path = "../support/certificates.rs"]
mod certificates;

mod answers;
mod api_server;
mod checks;
mod ending;
mod limits;
mod program;
mod running;
