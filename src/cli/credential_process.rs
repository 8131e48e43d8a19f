//! `stsidecar credential-process`: the running agent's credentials in the form of AWS's `credential_process`.
//!
//! Owns the translation from the container credentials of the endpoint. It holds the secret only on its way
//! to stdout.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::request::{self, Answer, Request};
use super::{World, exit};
use crate::config::{Access, Flags};

/// The endpoint answers within 950 ms; the rest is for a busy node.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the endpoint vends.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Vended<'a> {
    #[serde(borrow)]
    access_key_id: Cow<'a, str>,
    #[serde(borrow)]
    secret_access_key: Cow<'a, str>,
    #[serde(borrow)]
    token: Cow<'a, str>,
    #[serde(borrow)]
    expiration: Cow<'a, str>,
    #[serde(borrow)]
    account_id: Option<Cow<'a, str>>,
}

/// What `credential_process` prints, version 1.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Printed<'a> {
    version: u8,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
    expiration: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
}

/// What the endpoint says instead of credentials.
#[derive(Deserialize)]
struct Refused {
    code: String,
    message: String,
}

pub(super) fn run(flags: &Flags, world: &mut World<'_>) -> u8 {
    let (access, token) = match Access::load(&world.sources(flags)) {
        Ok(access) => {
            let token = (world.read)(&access.token_file);
            (access, token)
        }
        Err(error) => return world.complaint(&format!("stsidecar: {error}\n"), exit::CONFIG),
    };
    let token = match token.map(|token| Zeroizing::new(String::from_utf8_lossy(&token).trim().to_owned())) {
        Ok(token) => token,
        Err(error) => {
            let file = access.token_file.display();
            let text = format!("stsidecar: cannot read the authorization token file {file}: {error}\n");
            return world.complaint(&text, exit::UNAVAILABLE);
        }
    };
    let request = Request { path: "/v1/credentials", authorization: Some(&token), within: PATIENCE };
    match request::get(&access.listen.reachable(), &request) {
        Ok(Answer { status: 200, body }) => {
            let body = Zeroizing::new(body);
            match printed(&body) {
                Some(text) => world.result(&text, exit::OK),
                None => world.complaint("stsidecar: the agent's answer holds no credentials\n", exit::NOT_READY),
            }
        }
        Ok(Answer { status, body }) => world.complaint(&refusal(status, &body), exit::NOT_READY),
        Err(error) => world.complaint(&format!("stsidecar: {error}\n"), exit::UNAVAILABLE),
    }
}

fn printed(body: &str) -> Option<Zeroizing<String>> {
    let vended: Vended<'_> = serde_json::from_str(body).ok()?;
    let printed = Printed {
        version: 1,
        access_key_id: &vended.access_key_id,
        secret_access_key: &vended.secret_access_key,
        session_token: &vended.token,
        expiration: &vended.expiration,
        account_id: vended.account_id.as_deref(),
    };
    serde_json::to_string(&printed).ok().map(|text| Zeroizing::new(text + "\n"))
}

fn refusal(status: u16, body: &str) -> String {
    match serde_json::from_str(body) {
        Ok(Refused { code, message }) => format!("stsidecar: {}: {}\n", code.escape_debug(), message.escape_debug()),
        Err(_) => format!("stsidecar: the agent answers with HTTP {status}\n"),
    }
}
