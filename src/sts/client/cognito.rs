//! Amazon Cognito identity pools: an identity id once, then credentials for it, with the pod's
//! token as login.
//!
//! Owns the two requests, which are unsigned JSON documents (AWS JSON 1.1), so that no second SDK
//! is linked for them. Answers are checked and failures classified like STS's. Called by `client`.

mod answer;

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt, Limited};
use serde_json::{Value, json};

use self::answer::{answered_error, fields};
use super::capture::{Beginning, LONGEST_BODY, Seen, envelope};
use super::sent::Sent;
use super::{Client, check, evidence, host};
use crate::assume::{Cognito, Service, StsResponse};
use crate::failure::{Evidence, Failure, FileFault, Kind, OwnCode};
use crate::file_content::Form;
use crate::sts::connector::{CaBundle, connector};
use crate::sts::reply::Envelope;
use crate::sts::settings::{ClientSettings, Endpoint};
use crate::token::WebIdentityToken;

/// The regions whose FIPS hosts in the first domain are those of dual stack too.
const DUAL_STACK_FIPS: [&str; 4] = ["us-east-1", "us-east-2", "us-west-1", "us-west-2"];

/// What is known of identity pools.
pub(super) struct Pools {
    settings: ClientSettings,
    bundle: Option<CaBundle>,
    /// Made for the first call: without a pool no certificates are read for one.
    connector: OnceLock<Result<SharedHttpConnector, String>>,
    /// By pool, login and subject; for the life of the process.
    identities: Mutex<BTreeMap<String, String>>,
}

impl Pools {
    /// Nothing is opened yet.
    pub(super) fn new(settings: &ClientSettings, bundle: Option<CaBundle>) -> Self {
        // Its own endpoint, or AWS's; never the STS's.
        let settings = ClientSettings {
            endpoint: settings.endpoint_of(Service::Cognito).cloned(),
            ..settings.clone()
        };
        Self {
            settings,
            bundle,
            connector: OnceLock::new(),
            identities: Mutex::default(),
        }
    }

    fn connector(&self) -> Result<&SharedHttpConnector, Failure> {
        let made = self.connector.get_or_init(|| {
            connector(&self.settings, self.bundle.clone()).map_err(|error| error.to_string())
        });
        made.as_ref()
            .map_err(|reason| Failure::local(OwnCode::Ended(Kind::BeforeTheWire), reason.clone()))
    }

    /// The pool's host: the endpoint of one's own, else by the endpoint rules of `cognito-identity`
    /// (2014-06-30, in
    /// <https://github.com/boto/botocore/tree/develop/botocore/data/cognito-identity>).
    ///
    /// Only the domain of the region's partition is taken from STS, whose own rules differ: FIPS in
    /// `GovCloud`.
    fn host(&self, region: &str) -> Result<String, Failure> {
        let ClientSettings {
            fips, dualstack, ..
        } = self.settings;
        let of_sts = |fips, dualstack| {
            let found = host(
                &ClientSettings {
                    fips,
                    dualstack,
                    ..self.settings.clone()
                },
                region,
            );
            found.map_err(|error| {
                Failure::local(OwnCode::Ended(Kind::BeforeTheWire), error.to_string())
            })
        };
        if self.settings.endpoint.is_some() {
            return of_sts(fips, dualstack);
        }
        let domain = |dualstack| {
            let sts = of_sts(false, dualstack)?;
            Ok(sts
                .strip_prefix(&format!("sts.{region}."))
                .unwrap_or(&sts)
                .to_owned())
        };
        // The commercial partition answers IPv6 under its first domain, and so does FIPS in some
        // regions.
        let is_commercial = domain(false)? == "amazonaws.com" && !region.starts_with("us-gov-");
        let domain =
            domain(dualstack && !(is_commercial && (!fips || DUAL_STACK_FIPS.contains(&region))))?;
        let service = if fips {
            "cognito-identity-fips"
        } else {
            "cognito-identity"
        };
        Ok(format!("{service}.{region}.{domain}"))
    }

    fn request(&self, operation: &str, host: &str, document: &Value) -> Option<HttpRequest> {
        let url = self
            .settings
            .endpoint
            .as_ref()
            .map_or_else(|| format!("https://{host}/"), Endpoint::url);
        let mut request = HttpRequest::new(SdkBody::from(document.to_string()));
        request.set_method("POST").ok()?;
        request.set_uri(url).ok()?;
        let headers = request.headers_mut();
        headers.insert("content-type", "application/x-amz-json-1.1");
        headers.insert(
            "x-amz-target",
            format!("AWSCognitoIdentityService.{operation}"),
        );
        headers.insert("user-agent", super::APP_NAME);
        Some(request)
    }
}

impl Client {
    /// Credentials of the identity that the token names in a pool.
    pub(super) async fn cognito(
        &self,
        step: &Cognito,
        token: WebIdentityToken,
    ) -> Result<StsResponse, Failure> {
        let login = login(step, &token)?;
        let subject = token.claims().subject.as_deref().unwrap_or_default();
        let known_as = format!("{} {login} {subject}", step.identity_pool_id);
        let logins = json!({ login: token.expose() });
        let sent = Sent::of([token.expose()]);
        drop(token);
        let host = self.pools.host(step.identity_pool_id.region())?;
        let id = self
            .identity(step, &host, &known_as, &logins, &sent)
            .await?;
        let mut asked = json!({ "IdentityId": id, "Logins": logins });
        if let Some(role) = &step.custom_role_arn {
            asked["CustomRoleArn"] = json!(role.as_str());
        }
        let answered = self
            .post("GetCredentialsForIdentity", &host, &asked, &sent)
            .await;
        if answered
            .as_ref()
            .is_err_and(|failure| failure.code.is_of_sts("ResourceNotFoundException"))
        {
            // The identity was deleted; the next call makes another.
            self.identities().remove(&known_as);
        }
        let (answer, envelope) = answered?;
        let server = Endpoint::server(self.pools.settings.endpoint.as_ref());
        let mut reply = check(server, None, fields(&answer), envelope)?;
        let account = step
            .custom_role_arn
            .as_ref()
            .and_then(|role| role.account())
            .map(str::to_owned);
        reply.credentials.account =
            account.or_else(|| step.account_id.as_ref().map(ToString::to_string));
        Ok(reply)
    }

    /// The identity's id, asked for once.
    async fn identity(
        &self,
        step: &Cognito,
        host: &str,
        known_as: &str,
        logins: &Value,
        sent: &Sent,
    ) -> Result<String, Failure> {
        if let Some(id) = self.identities().get(known_as) {
            return Ok(id.clone());
        }
        let mut asked =
            json!({ "IdentityPoolId": step.identity_pool_id.as_str(), "Logins": logins });
        if let Some(account) = &step.account_id {
            asked["AccountId"] = json!(account.as_str());
        }
        let (answer, envelope) = self.post("GetId", host, &asked, sent).await?;
        let id = answer["IdentityId"]
            .as_str()
            .filter(|id| !id.is_empty())
            .map(str::to_owned);
        let unusable = || {
            local((
                Kind::InvalidReply,
                evidence::describe(Kind::InvalidReply, host),
            ))
        };
        let id = id.ok_or_else(|| self.refused(unusable(), &Seen::of(envelope), sent))?;
        self.identities().insert(known_as.to_owned(), id.clone());
        Ok(id)
    }

    fn identities(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.pools
            .identities
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// One call, and the answer's document.
    async fn post(
        &self,
        operation: &str,
        host: &str,
        document: &Value,
        sent: &Sent,
    ) -> Result<(Value, Envelope), Failure> {
        let broken = |evidence| self.refused(local(evidence), &Seen::default(), sent);
        let failed = |kind| broken((kind, evidence::describe(kind, host)));
        let connector = self.pools.connector()?;
        let request = self
            .pools
            .request(operation, host, document)
            .ok_or_else(|| failed(Kind::BeforeTheWire))?;
        let response = connector.call(request).await;
        let response = response.map_err(|error| broken(evidence::of_connector(&error, host)))?;
        let seen = envelope(&response);
        let is_refusal = seen.status != Some(200);
        let body = response.into_body();
        let body = if is_refusal {
            Beginning::of(body).collect().await
        } else {
            Limited::new(body, LONGEST_BODY).collect().await
        };
        let answer = body
            .map_err(|error| broken(evidence::of_broken_response(&*error, host)))?
            .to_bytes();
        if is_refusal {
            return Err(self.refused(answered_error(&answer), &Seen::of(seen), sent));
        }
        match serde_json::from_slice::<Value>(&answer) {
            Ok(answer) if answer.is_object() => {
                self.clock.learn(seen.date);
                Ok((answer, seen))
            }
            _ => Err(failed(Kind::InvalidReply)),
        }
    }
}

/// The provider's name in `Logins`.
fn login(step: &Cognito, token: &WebIdentityToken) -> Result<String, Failure> {
    let issuer = token.claims().issuer.as_deref();
    let issuer = issuer.map(|issuer| issuer.strip_prefix("https://").unwrap_or(issuer).to_owned());
    step.login
        .as_ref()
        .map(ToString::to_string)
        .or(issuer)
        .ok_or_else(|| {
            let message = "the token names no issuer, and no login is set".to_owned();
            Failure::local(OwnCode::File(Form::Token, FileFault::Invalid), message)
        })
}

/// What is said of an exchange that brought no answer meant as one.
fn local((kind, message): (Kind, String)) -> Evidence {
    Evidence {
        kind: Some(kind),
        code: None,
        message: Some(message),
        status: None,
        request_id: None,
        signed: false,
    }
}

#[cfg(test)]
mod tests;
