//! What an honest STS says to one call: credentials, or one of its errors in its own words.
//!
//! First the request alone (`limits`), then the caller, then the rules between sessions.

use super::super::tokens::{claims_of, unix_now};
use super::limits::{self, Form};
use super::{Call, Issued, State, answer, saml};

/// An STS error: status, code, message.
pub type Refusal = (u16, &'static str, String);

/// What a chain hands down to the sessions behind it.
#[derive(Clone, Debug, Default)]
pub struct Inherited {
    tags: Vec<String>,
    source_identity: Option<String>,
}

/// A call that was granted: what was issued, and what else the answer says.
pub struct Granted {
    pub issued: Issued,
    pub details: Vec<(&'static str, String)>,
}

/// The caller, once it has proven itself.
#[derive(Default)]
struct Caller {
    /// The access key id that signed.
    key_id: Option<String>,
    /// A session made by one of the `AssumeRole` operations: what it assumes is a chain.
    is_role_session: bool,
    inherited: Inherited,
    /// The end of the session, when the proof sets one.
    session_end: Option<i64>,
    session_name: Option<String>,
    details: Vec<(&'static str, String)>,
}

impl Caller {
    /// A caller of whom the answer says this.
    fn with(details: Vec<(&'static str, String)>) -> Self {
        Self {
            details,
            ..Self::default()
        }
    }
}

/// A refusal of who signs.
fn refused(code: &'static str, text: &str) -> Refusal {
    (403, code, text.to_owned())
}

impl State {
    /// The server's clock.
    pub fn now(&self) -> i64 {
        unix_now() + self.clock_offset
    }

    /// The status and body of an honest answer; `assumed` replaces the ARN of the assumed role.
    pub fn judge(&mut self, call: &Call, request_id: &str, assumed: Option<&str>) -> (u16, String) {
        if call.is_json() {
            return self.judge_pool(call);
        }
        match self.issue(call) {
            Ok(granted) => (
                200,
                answer::success(&granted, request_id, assumed, &self.elements, self.dialect),
            ),
            Err((status, code, message)) => (
                status,
                answer::error(status, code, &message, request_id, self.dialect),
            ),
        }
    }

    fn issue(&mut self, call: &Call) -> Result<Granted, Refusal> {
        limits::check(&call.operation, &call.form)?;
        let field = |name: &str| call.form.get(name).map(String::as_str);
        let caller = match call.operation.as_str() {
            "AssumeRoleWithWebIdentity" => {
                self.check_token(field("WebIdentityToken"), field("ProviderId"))?
            }
            "AssumeRoleWithSAML" => self.check_assertion(&call.form)?,
            "AssumeRole" => self.check_signer(call)?,
            operation => self.check_user(call, operation)?,
        };
        let now = self.now();
        self.devices.check(&call.form, now)?;
        let inherited = hand_down(&caller.inherited, &call.form)?;
        let is_user = matches!(
            call.operation.as_str(),
            "GetSessionToken" | "GetFederationToken"
        );
        let default = if is_user { 43_200 } else { 3600 };
        let asked: u64 = field("DurationSeconds").map_or(default, |text| {
            text.parse().expect("the limits were checked")
        });
        if !is_user {
            self.check_duration(asked, caller.is_role_session)?;
        }
        let lifetime = self
            .session_lifetime
            .map_or(asked, |lifetime| lifetime.as_secs());
        let end = now + i64::try_from(lifetime).expect("a lifetime in range");
        let name = field("RoleSessionName")
            .or(field("Name"))
            .or(caller.session_name.as_deref())
            .unwrap_or("none");
        let end = caller.session_end.map_or(end, |limit| limit.min(end));
        let issued = self.issue_for(
            end,
            &call.operation,
            field("RoleArn"),
            name,
            caller.key_id.as_deref(),
        );
        let mut details = caller.details;
        details.extend(
            inherited
                .source_identity
                .clone()
                .map(|identity| ("SourceIdentity", identity)),
        );
        self.inherited
            .insert(issued.access_key_id.clone(), inherited);
        Ok(Granted { issued, details })
    }

    /// Makes credentials and remembers them.
    pub(super) fn issue_for(
        &mut self,
        end: i64,
        operation: &str,
        role: Option<&str>,
        name: &str,
        parent: Option<&str>,
    ) -> Issued {
        self.serial += 1;
        let issued = Issued::new(self.serial, end, operation, role, name, parent);
        self.issued
            .insert(issued.access_key_id.clone(), issued.clone());
        issued
    }

    fn check_duration(&self, asked: u64, is_chained: bool) -> Result<(), Refusal> {
        if self
            .max_session_duration
            .is_some_and(|maximum| asked > maximum)
        {
            let text =
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
            return Err((400, "ValidationError", text.to_owned()));
        }
        if is_chained {
            check_chained(asked)
        } else {
            Ok(())
        }
    }

    fn check_token(&self, token: Option<&str>, provider: Option<&str>) -> Result<Caller, Refusal> {
        let invalid = |text: &str| (400, "InvalidIdentityToken", text.to_owned());
        let claims = token.and_then(claims_of);
        if let Some(provider) = provider {
            let is_known = ["www.amazon.com", "graph.facebook.com"].contains(&provider);
            if !is_known || claims.is_some() {
                return Err(invalid(
                    "ProviderId is for OAuth 2.0 access tokens of known providers only",
                ));
            }
            return Ok(Caller::with(vec![
                (
                    "SubjectFromWebIdentityToken",
                    "amzn1.account.AEXAMPLE".into(),
                ),
                ("Provider", provider.to_owned()),
            ]));
        }
        let not_one = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)";
        let claims = claims.ok_or_else(|| invalid(not_one))?;
        let now = self.now();
        if let Some(expiration) = claims["exp"].as_i64().filter(|end| *end <= now) {
            let text = format!(
                "Token expired: current date/time {now} must be before the expiration date/time {expiration}"
            );
            return Err((400, "ExpiredTokenException", text));
        }
        let text = |key: &str| {
            let text = claims[key].as_str().or(claims[key][0].as_str());
            text.unwrap_or_default().to_owned()
        };
        Ok(Caller::with(vec![
            ("SubjectFromWebIdentityToken", text("sub")),
            ("Audience", text("aud")),
            ("Provider", text("iss")),
        ]))
    }

    fn check_assertion(&self, form: &Form) -> Result<Caller, Refusal> {
        let key = self.providers.get(&form["PrincipalArn"]).map(Vec::as_slice);
        let assertion = saml::verify(
            &form["SAMLAssertion"],
            &form["RoleArn"],
            &form["PrincipalArn"],
            key,
            self.now(),
        )?;
        let details = vec![
            ("Subject", assertion.subject),
            ("SubjectType", assertion.subject_type),
            ("Issuer", assertion.issuer),
            ("Audience", assertion.audience),
            ("NameQualifier", assertion.name_qualifier),
        ];
        let (session_end, session_name) = (assertion.session_end, Some(assertion.session_name));
        Ok(Caller {
            session_end,
            session_name,
            details,
            ..Caller::default()
        })
    }

    fn check_signer(&self, call: &Call) -> Result<Caller, Refusal> {
        let missing = "Request is missing Authentication Token";
        let signed = call.signed.as_ref();
        let signed = signed.ok_or_else(|| refused("MissingAuthenticationToken", missing))?;
        let key_id = signed.access_key_id.clone();
        let invalid = "The security token included in the request is invalid.";
        let invalid = || refused("InvalidClientTokenId", invalid);
        let issued = self.issued.get(&key_id);
        let (secret, token) = match issued {
            Some(issued) => (&issued.secret_access_key, Some(&*issued.session_token)),
            None => (self.users.get(&key_id).ok_or_else(invalid)?, None),
        };
        let region = self.region.as_deref();
        if region.is_some_and(|region| signed.region() != Some(region)) {
            let text = "The authorization header is malformed; the region is wrong.";
            return Err((400, "AuthorizationHeaderMalformed", text.to_owned()));
        }
        if signed.security_token.as_deref() != token {
            return Err(invalid());
        }
        if issued.is_some_and(|issued| issued.expiration <= self.now()) {
            let text = "The security token included in the request is expired";
            return Err(refused("ExpiredToken", text));
        }
        if !signed.is_by(secret) {
            let text = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";
            return Err(refused("SignatureDoesNotMatch", text));
        }
        let made_by = issued.map(|issued| &*issued.operation).unwrap_or_default();
        if made_by == "GetFederationToken" {
            let text = format!("Cannot call {} with federation credentials", call.operation);
            return Err(refused("AccessDenied", &text));
        }
        let inherited = self.inherited.get(&key_id).cloned().unwrap_or_default();
        Ok(Caller {
            key_id: Some(key_id),
            is_role_session: is_role_session(made_by),
            inherited,
            ..Caller::default()
        })
    }

    /// A caller with long-term keys: the only one for these operations.
    fn check_user(&self, call: &Call, operation: &str) -> Result<Caller, Refusal> {
        let caller = self.check_signer(call)?;
        if call
            .signed
            .as_ref()
            .is_some_and(|signed| signed.security_token.is_some())
        {
            return Err((
                403,
                "AccessDenied",
                format!("Cannot call {operation} with session credentials"),
            ));
        }
        Ok(caller)
    }
}

/// Whether what these credentials assume is role chaining.
fn is_role_session(made_by: &str) -> bool {
    made_by.starts_with("AssumeRole") || made_by == "GetCredentialsForIdentity"
}

fn check_chained(asked: u64) -> Result<(), Refusal> {
    let text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.";
    if asked > 3600 {
        Err((400, "ValidationError", text.to_owned()))
    } else {
        Ok(())
    }
}

/// Whether STS takes these requests, each signed with what the one before it was answered with,
/// once the caller is trusted: limits, durations, and what a chain hands down.
///
/// # Errors
/// The first refusal.
pub fn take_chain(requests: &[(&str, Form)]) -> Result<(), Refusal> {
    let (mut inherited, mut made_by) = (Inherited::default(), "");
    for (operation, form) in requests {
        limits::check(operation, form)?;
        inherited = hand_down(&inherited, form)?;
        let asked = form
            .get("DurationSeconds")
            .map_or(0, |text| text.parse().expect("the limits were checked"));
        if is_role_session(made_by) {
            check_chained(asked)?;
        }
        if made_by == "GetFederationToken" {
            return Err((
                403,
                "AccessDenied",
                format!("Cannot call {operation} with federation credentials"),
            ));
        }
        made_by = operation;
    }
    Ok(())
}

/// What a session hands down: what it inherited, and what this request adds.
fn hand_down(inherited: &Inherited, form: &Form) -> Result<Inherited, Refusal> {
    let refused = |text: &str| (400, "InvalidParameterValue", text.to_owned());
    if limits::tag_keys(form)
        .iter()
        .any(|key| inherited.tags.contains(key))
    {
        return Err(refused(
            "One of the specified tag keys conflicts with a transitive tag key from the calling session.",
        ));
    }
    let own = form.get("SourceIdentity");
    let source_identity = match (&inherited.source_identity, own) {
        (Some(set), Some(own)) if set != own => {
            return Err((
                403,
                "AccessDenied",
                "The source identity is already set for this assume role session".to_owned(),
            ));
        }
        (set, own) => own.or(set.as_ref()).cloned(),
    };
    let added = form
        .iter()
        .filter(|(key, _)| key.starts_with("TransitiveTagKeys."))
        .map(|(_, key)| key.to_lowercase());
    Ok(Inherited {
        tags: inherited.tags.iter().cloned().chain(added).collect(),
        source_identity,
    })
}
