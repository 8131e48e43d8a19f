//! An Amazon Cognito identity pool behind the same port: two calls, JSON in and out.
//!
//! `GetId` finds the identity of a login, `GetCredentialsForIdentity` gives it credentials. The
//! login is the cluster's token, which is judged as STS judges one.

use serde_json::{Value, json};

use super::super::tokens::claims_of;
use super::judge::Refusal;
use super::limits::{self, Form};
use super::{Call, State, signature};

/// The role of authenticated identities.
const POOL_ROLE: &str = "arn:aws:iam::111122223333:role/pool-authenticated";

/// A JSON document as parameters: nested ones with their path.
pub fn form(body: &[u8]) -> Form {
    let mut form = Form::new();
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    for (key, value) in document.as_object().into_iter().flatten() {
        match value {
            Value::Object(inner) => {
                form.extend(
                    inner
                        .iter()
                        .map(|(name, value)| (format!("{key}.{name}"), text(value))),
                );
            }
            other => {
                form.insert(key.clone(), text(other));
            }
        }
    }
    form
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// The JSON of an error.
pub fn error(code: &str, message: &str) -> String {
    json!({"__type": code, "message": message}).to_string()
}

impl State {
    pub(super) fn judge_pool(&mut self, call: &Call) -> (u16, String) {
        let answer = match call.operation.as_str() {
            "GetId" => self.identity(&call.form),
            _ => self.credentials_for_identity(&call.form),
        };
        match answer {
            Ok(document) => (200, document.to_string()),
            Err((status, code, message)) => (status, error(code, &message)),
        }
    }

    fn identity(&mut self, form: &Form) -> Result<Value, Refusal> {
        let subject = self.login("GetId", form)?;
        let region = form["IdentityPoolId"].split(':').next().unwrap_or_default();
        let digest = ring::digest::digest(&ring::digest::SHA256, subject.as_bytes());
        let hex = signature::hex(digest.as_ref());
        let id = format!(
            "{region}:{}-{}-4{}-8{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..15],
            &hex[15..18],
            &hex[18..30]
        );
        self.identities.insert(id.clone(), subject);
        Ok(json!({"IdentityId": id}))
    }

    fn credentials_for_identity(&mut self, form: &Form) -> Result<Value, Refusal> {
        let subject = self.login("GetCredentialsForIdentity", form)?;
        let id = &form["IdentityId"];
        match self.identities.get(id) {
            None => {
                return Err((
                    400,
                    "ResourceNotFoundException",
                    format!("Identity '{id}' not found."),
                ));
            }
            Some(known) if *known != subject => {
                return Err((
                    400,
                    "NotAuthorizedException",
                    format!("Logins don't match for identity '{id}'."),
                ));
            }
            Some(_) => {}
        }
        let lifetime = self
            .session_lifetime
            .map_or(3600, |lifetime| lifetime.as_secs());
        let end = self.now() + i64::try_from(lifetime).expect("a lifetime in range");
        let role = form.get("CustomRoleArn").map_or(POOL_ROLE, String::as_str);
        let issued = self.issue_for(
            end,
            "GetCredentialsForIdentity",
            Some(role),
            "CognitoIdentityCredentials",
            None,
        );
        Ok(json!({
            "IdentityId": id,
            "Credentials": {
                "AccessKeyId": issued.access_key_id,
                "SecretKey": issued.secret_access_key,
                "SessionToken": issued.session_token,
                "Expiration": issued.expiration,
            },
        }))
    }

    /// The subject of the one login.
    fn login(&self, operation: &str, form: &Form) -> Result<String, Refusal> {
        // The same limits in another service's words.
        limits::check(operation, form)
            .map_err(|(status, _, text)| (status, "InvalidParameterException", text))?;
        let token = form
            .iter()
            .find(|(key, _)| key.starts_with("Logins."))
            .map(|(_, token)| token);
        let unsupported = || {
            (
                400,
                "NotAuthorizedException",
                "Unauthenticated access is not supported for this identity pool.".to_owned(),
            )
        };
        let claims = claims_of(token.ok_or_else(unsupported)?);
        let claims = claims.ok_or((
            400,
            "NotAuthorizedException",
            "Invalid login token. Not a valid OpenId Connect identity token.".to_owned(),
        ))?;
        if claims["exp"].as_i64().is_some_and(|end| end <= self.now()) {
            let text = "Invalid login token. Token expired".to_owned();
            return Err((400, "NotAuthorizedException", text));
        }
        Ok(claims["sub"].as_str().unwrap_or_default().to_owned())
    }
}
