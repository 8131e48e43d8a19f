//! The webhook's certificates over their whole life, with replicas, an API server that misbehaves,
//! and clients that verify as API servers do. Time is virtual: a year passes in seconds.
#![allow(clippy::too_many_lines, reason = "a test is read from top to bottom")]
#![allow(unreachable_pub, reason = "modules of one test")]

mod api;
mod bundle;
mod modes;
mod mounted;
mod rollout;
mod rotation;
mod scene;
mod trouble;
