//! What an honest STS says to one call: credentials, or one of its errors in its own words.

use std::collections::BTreeMap;

use super::super::tokens::{claims_of, unix_now};
use super::{Call, Issued, State};

/// An STS error: status, code, message.
pub type Refusal = (u16, &'static str, String);

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

impl State {
    /// The server's clock.
    pub fn now(&self) -> i64 {
        unix_now() + self.clock_offset
    }

    /// The status and XML of an honest answer; `assumed` replaces the ARN of the assumed role.
    pub fn judge(&mut self, call: &Call, request_id: &str, assumed: Option<&str>) -> (u16, String) {
        match self.issue(call) {
            Ok(issued) => (200, success(&issued, request_id, assumed, &call.form)),
            Err((status, code, message)) => (status, error(status, code, &message, request_id)),
        }
    }

    fn issue(&mut self, call: &Call) -> Result<Issued, Refusal> {
        let field = |name: &str| call.form.get(name).map(String::as_str);
        let parent = match call.operation.as_str() {
            "AssumeRoleWithWebIdentity" => self.check_token(field("WebIdentityToken")).map(|()| None)?,
            "AssumeRoleWithSAML" if field("SAMLAssertion").is_some_and(|text| text.len() >= 4) => None,
            "AssumeRole" => Some(self.check_signer(call)?),
            "GetSessionToken" | "GetFederationToken" => Some(self.check_user(call)?),
            other => {
                return Err((400, "InvalidAction", format!("Could not find operation {other} for version 2011-06-15")));
            }
        };
        let asked: u64 = field("DurationSeconds")
            .map_or(Ok(3600), str::parse)
            .map_err(|_| (400, "MalformedInput", "DurationSeconds is not a number".to_owned()))?;
        let of_user = ["GetSessionToken", "GetFederationToken"].contains(&call.operation.as_str());
        if !(900..=if of_user { 129_600 } else { 43_200 }).contains(&asked) {
            let text = format!(
                "1 validation error detected: Value '{asked}' at 'durationSeconds' failed to satisfy constraint"
            );
            return Err((400, "ValidationError", text));
        }
        if self.max_session_duration.is_some_and(|maximum| asked > maximum) {
            let text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
            return Err((400, "ValidationError", text.to_owned()));
        }
        let chained = parent
            .as_ref()
            .is_some_and(|id| self.issued.get(id).is_some_and(|issued| issued.operation.starts_with("AssumeRole")));
        if chained && asked > 3600 {
            let text =
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.";
            return Err((400, "ValidationError", text.to_owned()));
        }
        let lifetime = self.session_lifetime.map_or(asked, |lifetime| lifetime.as_secs());
        let expiration = self.now() + i64::try_from(lifetime).expect("a lifetime in range");
        self.serial += 1;
        let name = field("RoleSessionName").unwrap_or("none");
        let issued = Issued::new(self.serial, expiration, &call.operation, field("RoleArn"), name, parent.as_deref());
        self.issued.insert(issued.access_key_id.clone(), issued.clone());
        Ok(issued)
    }

    fn check_token(&self, token: Option<&str>) -> Result<(), Refusal> {
        let invalid = || {
            (
                400,
                "InvalidIdentityToken",
                "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
                    .to_owned(),
            )
        };
        let claims = token.and_then(claims_of).ok_or_else(invalid)?;
        let now = self.now();
        match claims["exp"].as_i64() {
            Some(expiration) if expiration <= now => {
                let text = format!(
                    "Token expired: current date/time {now} must be before the expiration date/time {expiration}"
                );
                Err((400, "ExpiredTokenException", text))
            }
            _ => Ok(()),
        }
    }

    fn check_signer(&self, call: &Call) -> Result<String, Refusal> {
        let missing = || (403, "MissingAuthenticationToken", "Request is missing Authentication Token".to_owned());
        let key_id = call.signer().ok_or_else(missing)?;
        let invalid =
            (403, "InvalidClientTokenId", "The security token included in the request is invalid.".to_owned());
        match self.issued.get(key_id) {
            None if self.access_keys.contains(key_id) && call.security_token.is_none() => Ok(key_id.to_owned()),
            None => Err(invalid),
            Some(held) if call.security_token.as_deref() != Some(&held.session_token) => Err(invalid),
            Some(held) if held.expiration <= self.now() => {
                Err((403, "ExpiredToken", "The security token included in the request is expired".to_owned()))
            }
            Some(_) => Ok(key_id.to_owned()),
        }
    }

    /// Only long-term keys may call the operations of a user.
    fn check_user(&self, call: &Call) -> Result<String, Refusal> {
        let id = self.check_signer(call)?;
        let refused = || (403, "AccessDenied", "Cannot call this operation with session credentials".to_owned());
        if self.access_keys.contains(&id) { Ok(id) } else { Err(refused()) }
    }
}

/// The XML of a success.
fn success(issued: &Issued, request_id: &str, assumed: Option<&str>, form: &BTreeMap<String, String>) -> String {
    let operation = &issued.operation;
    let assumed = assumed.map_or_else(|| assumed_role(issued), str::to_owned);
    let web_identity = form.get("WebIdentityToken").and_then(|token| claims_of(token)).map_or(String::new(), |claims| {
        let text = |key: &str| escaped(claims[key].as_str().or(claims[key][0].as_str()).unwrap_or_default());
        let (subject, audience, provider) = (text("sub"), text("aud"), text("iss"));
        format!("<SubjectFromWebIdentityToken>{subject}</SubjectFromWebIdentityToken><Audience>{audience}</Audience><Provider>{provider}</Provider>")
    });
    format!(
        "<{operation}Response xmlns=\"{NAMESPACE}\">\n  <{operation}Result>\n    {web_identity}{}\
         <Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey><SessionToken>{}</SessionToken><Expiration>{}</Expiration></Credentials>\
         \n  </{operation}Result>\n  <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>\n</{operation}Response>\n",
        subject(issued, &assumed, form),
        issued.access_key_id,
        issued.secret_access_key,
        issued.session_token,
        issued.expiration_text(),
    )
}

/// Who the session is, and what else each operation says.
fn subject(issued: &Issued, assumed: &str, form: &BTreeMap<String, String>) -> String {
    let size = "<SessionTokenUtilization>7</SessionTokenUtilization><SessionTokenSize>900</SessionTokenSize>";
    match issued.operation.as_str() {
        "GetSessionToken" => size.to_owned(),
        "GetFederationToken" => {
            let name = escaped(form.get("Name").map_or("", String::as_str));
            format!(
                "<FederatedUser><FederatedUserId>000000000000:{name}</FederatedUserId><Arn>arn:aws:sts::000000000000:federated-user/{name}</Arn></FederatedUser>\
                 <PackedPolicySize>6</PackedPolicySize>"
            )
        }
        operation => {
            let saml = if operation == "AssumeRoleWithSAML" {
                "<Subject>alice</Subject><SubjectType>transient</SubjectType><Issuer>https://idp.example.com</Issuer>\
                 <Audience>https://signin.aws.amazon.com/saml</Audience><NameQualifier>SbdGOnUkh1i4+EXAMPLExL/jEvs=</NameQualifier>"
            } else {
                ""
            };
            let source = form
                .get("SourceIdentity")
                .map_or(String::new(), |identity| format!("<SourceIdentity>{}</SourceIdentity>", escaped(identity)));
            format!(
                "{saml}{source}{size}<AssumedRoleUser><AssumedRoleId>AROAFAKEFAKEFAKEFAKE:{}</AssumedRoleId><Arn>{}</Arn></AssumedRoleUser>",
                escaped(&issued.session_name),
                escaped(assumed),
            )
        }
    }
}

/// STS drops the role's path.
fn assumed_role(issued: &Issued) -> String {
    let role = issued.role_arn.as_deref().unwrap_or("arn:aws:iam::000000000000:role/derived-from-token");
    let (partition, account) = (role.split(':').nth(1).unwrap_or_default(), role.split(':').nth(4).unwrap_or_default());
    let name = role.rsplit('/').next().unwrap_or_default();
    format!("arn:{partition}:sts::{account}:assumed-role/{name}/{}", issued.session_name)
}

/// The XML of an error.
pub fn error(status: u16, code: &str, message: &str, request_id: &str) -> String {
    let fault = if status < 500 { "Sender" } else { "Receiver" };
    format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\">\n  <Error>\n    <Type>{fault}</Type>\n    <Code>{}</Code>\n    <Message>{}</Message>\n  </Error>\n  <RequestId>{request_id}</RequestId>\n</ErrorResponse>\n",
        escaped(code),
        escaped(message),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
