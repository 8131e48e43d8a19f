//! Credentials that say themselves what belongs together, so that an oracle needs no server.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use stsidecar::time::Wall;

/// One issue of credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    pub serial: u64,
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
    /// Seconds since the Unix epoch, on the server's clock.
    pub expiration: i64,
    pub operation: String,
    pub role_arn: Option<String>,
    pub session_name: String,
    /// The access key id that signed the call.
    pub parent: Option<String>,
}

impl Issued {
    pub fn new(
        serial: u64,
        expiration: i64,
        operation: &str,
        role_arn: Option<&str>,
        name: &str,
        parent: Option<&str>,
    ) -> Self {
        let access_key_id = format!("ASIAFAKE{serial:012}");
        let description = json!({
            "id": access_key_id, "serial": serial, "expiration": expiration, "operation": operation,
            "role": role_arn, "name": name, "parent": parent,
        });
        let session_token = STANDARD.encode(description.to_string());
        Self {
            serial,
            secret_access_key: secret_for(&session_token),
            access_key_id,
            session_token,
            expiration,
            operation: operation.to_owned(),
            role_arn: role_arn.map(str::to_owned),
            session_name: name.to_owned(),
            parent: parent.map(str::to_owned),
        }
    }

    /// The `Expiration` on the wire.
    pub fn expiration_text(&self) -> String {
        Wall::from_unix_seconds(self.expiration).rfc3339()
    }

    /// Checks that four values an SDK was given stem from one issue, and says which.
    ///
    /// # Errors
    /// When they are torn: parts of different issues, or something never issued.
    pub fn verify(
        key_id: &str,
        secret: &str,
        token: &str,
        expiration: &str,
    ) -> Result<Self, String> {
        let description = STANDARD
            .decode(token)
            .map_err(|error| format!("a foreign session token: {error}"))?;
        let value: serde_json::Value = serde_json::from_slice(&description)
            .map_err(|error| format!("a foreign session token: {error}"))?;
        let text = |key: &str| value[key].as_str();
        let number = |key: &str| {
            value[key]
                .as_i64()
                .ok_or(format!("no {key} in the session token"))
        };
        let serial = u64::try_from(number("serial")?).map_err(|error| error.to_string())?;
        let issued = Self::new(
            serial,
            number("expiration")?,
            text("operation").ok_or("no operation in the session token")?,
            text("role"),
            text("name").ok_or("no name in the session token")?,
            text("parent"),
        );
        for (what, got, want) in [
            ("key id", key_id, issued.access_key_id.as_str()),
            ("secret", secret, issued.secret_access_key.as_str()),
            ("expiration", expiration, issued.expiration_text().as_str()),
        ] {
            if got != want {
                return Err(format!(
                    "torn credentials: {what} {got} beside the session token of {want}"
                ));
            }
        }
        Ok(issued)
    }
}

fn secret_for(session_token: &str) -> String {
    let digest = ring::digest::digest(
        &ring::digest::SHA256,
        format!("fake-sts/{session_token}").as_bytes(),
    );
    STANDARD.encode(digest)[..40].to_owned()
}
