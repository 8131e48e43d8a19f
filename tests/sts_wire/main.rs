//! The real STS client against a fake STS on the wire, all on loopback.
//!
//! `parameters`, `hops`: what is sent. `outcomes`: what each answer becomes; `unanswered`: what a
//! missing one becomes, and when. `roles`: for which role. `secrets`, `echoes`: what no failure may
//! show. `documents`: what a refusal says. `tls`: certificates and hosts; `tls_faults`: the words
//! for those that fail; `proxies`. `honesty`: that the fake judges as STS does.
#![allow(clippy::too_many_lines, reason = "a test is read from top to bottom")]

#[path = "../support/certificates.rs"]
mod certificates;
#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "cognito")]
mod cognito;
mod documents;
mod echoes;
mod honesty;
mod hops;
mod outcomes;
mod parameters;
mod proxies;
mod roles;
mod secrets;
mod sources;
mod tls;
mod tls_faults;
mod unanswered;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use stsidecar::assume::{Hop, Role, SessionDuration, StsResponse, WebIdentity};
use stsidecar::config::{Config, Flags, Sources};
use stsidecar::credentials::Credentials;
use stsidecar::failure::Failure;
use stsidecar::role::{RoleArn, SessionName};
use stsidecar::sts::{
    Assume, Authentication, Client, ClientSettings, Endpoint, MfaAndContexts, Request,
};
use stsidecar::time::{Boot, Now, Wall};
use stsidecar::token::WebIdentityToken;

use support::tokens::{ServiceAccountToken, unix_now};

const ROLE: &str = "arn:aws:iam::111122223333:role/team/app";
const TARGET: &str = "arn:aws:iam::444455556666:role/target";

/// Guards against a call without an end; an attempt's own limit is 3 s where a test sets no other.
const LIMIT: Duration = Duration::from_mins(1);

fn settings(url: &str) -> ClientSettings {
    ClientSettings {
        endpoint: Some(Endpoint::parse(url, true).expect("an endpoint")),
        ..ClientSettings::default()
    }
}

/// What the agent makes of these variables, for settings that have one.
fn configured(variables: &[(&str, &str)]) -> ClientSettings {
    loaded(variables).sts
}

fn loaded(variables: &[(&str, &str)]) -> Config {
    let variable = |name: &str| {
        variables
            .iter()
            .find(|(own, _)| *own == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let read = |_: &Path| Err(io::ErrorKind::NotFound.into());
    let sources = Sources {
        flags: &Flags::default(),
        variable: &variable,
        read: &read,
    };
    Config::load(&sources).expect("a good configuration").config
}

fn now() -> Now {
    Now {
        boot: Boot::default(),
        wall: Wall::from_unix_seconds(unix_now()),
        jitter: 0.0,
    }
}

fn client(url: &str) -> Client {
    Client::new(&settings(url), now).expect("a client")
}

fn token() -> WebIdentityToken {
    WebIdentityToken::parse(ServiceAccountToken::default().jwt().as_bytes()).expect("a token")
}

fn web_identity() -> WebIdentity {
    WebIdentity {
        role_arn: Some(RoleArn::parse(ROLE).expect("a role")),
        ..WebIdentity::new("/token")
    }
}

fn role() -> Role {
    Role::new(RoleArn::parse(TARGET).expect("a role"))
}

fn request(step: Hop, proof: Authentication) -> Request {
    let session_name = SessionName::parse("shop.checkout-0").expect("a name");
    Request {
        step: Arc::new(step),
        session_name,
        duration: SessionDuration::HOUR,
        proof,
        extras: MfaAndContexts::default(),
    }
}

async fn exchange(client: &Client, request: Request) -> Result<StsResponse, Failure> {
    tokio::time::timeout(LIMIT, client.assume(request))
        .await
        .expect("every attempt ends by itself")
}

async fn enter(client: &Client) -> Result<StsResponse, Failure> {
    exchange(
        client,
        request(
            Hop::WebIdentity(web_identity()),
            Authentication::Token(token()),
        ),
    )
    .await
}

async fn hop(client: &Client, parent: Credentials) -> Result<StsResponse, Failure> {
    exchange(
        client,
        request(Hop::Role(role()), Authentication::Signer(parent)),
    )
    .await
}
