//! The state machine.

pub mod schedule;
