//! Every source of credentials and every parameter, from a table: one case a file in
//! `tests/fixtures/sources`.
//!
//! The real binary talks through the real SDK to the fake STS, which judges requests by limits of
//! its own. `rows` prints the table of all sources (`make sources`), `parameters` holds that no
//! parameter of the SDK is forgotten, `validator` that the fake judges as the service model says,
//! `assertions` that a broken SAML assertion is refused, `property` that random configurations are
//! taken by STS or refused by the name of their key.
#![allow(
    clippy::disallowed_methods,
    reason = "these tests and their processes live in real time"
)]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "the shared support is compiled whole and used in parts"
)]

#[path = "../support"]
mod support {
    pub mod agent;
    pub mod client;
    pub mod fake_sts;
    pub mod identity_provider;
    pub mod secrets;
    pub mod tokens;
}

mod arbitrary;
mod assertions;
mod case;
mod cells;
mod document;
mod expected;
mod parameters;
mod property;
mod rows;
mod stage;
mod validator;
