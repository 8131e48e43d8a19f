//! The XML of STS's answers, with every element that it has today.

use std::collections::BTreeMap;

use super::Issued;
use super::dialect::Dialect;
use super::judge::Granted;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The XML of a success; `elements` are further ones of the test's choice.
pub fn success(
    granted: &Granted,
    request_id: &str,
    assumed: Option<&str>,
    elements: &BTreeMap<String, String>,
    dialect: Dialect,
) -> String {
    let issued = &granted.issued;
    let operation = &issued.operation;
    let further = elements
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let own = granted
        .details
        .iter()
        .map(|(name, value)| (*name, value.as_str()));
    let details = own
        .chain(further)
        .map(|(name, value)| format!("<{name}>{}</{name}>", escaped(value)));
    let details = details.collect::<Vec<_>>().concat();
    format!(
        "<{operation}Response xmlns=\"{NAMESPACE}\">\n  <{operation}Result>\n    {details}{}\
         <Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey><SessionToken>{}</SessionToken><Expiration>{}</Expiration></Credentials>\
         \n  </{operation}Result>\n  <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>\n</{operation}Response>\n",
        principal(issued, assumed, dialect),
        issued.access_key_id,
        issued.secret_access_key,
        issued.session_token,
        issued.expiration_text(),
    )
}

/// Who the credentials are for; a session of a user itself is not named.
fn principal(issued: &Issued, assumed: Option<&str>, dialect: Dialect) -> String {
    let name = escaped(&issued.session_name);
    match issued.operation.as_str() {
        "GetSessionToken" => String::new(),
        "GetFederationToken" => format!(
            "<FederatedUser><FederatedUserId>111122223333:{name}</FederatedUserId><Arn>arn:aws:sts::111122223333:federated-user/{name}</Arn></FederatedUser>"
        ),
        _ => {
            let arn = assumed.map_or_else(|| assumed_role(issued), str::to_owned);
            dialect.assumed_role_user(
                issued,
                &escaped(&arn),
                &format!("AROAFAKEFAKEFAKEFAKE:{name}"),
            )
        }
    }
}

/// STS drops the role's path.
fn assumed_role(issued: &Issued) -> String {
    let role = issued
        .role_arn
        .as_deref()
        .unwrap_or("arn:aws:iam::000000000000:role/derived-from-token");
    let (partition, account) = (
        role.split(':').nth(1).unwrap_or_default(),
        role.split(':').nth(4).unwrap_or_default(),
    );
    let name = role.rsplit('/').next().unwrap_or_default();
    format!(
        "arn:{partition}:sts::{account}:assumed-role/{name}/{}",
        issued.session_name
    )
}

/// The XML of an error.
pub fn error(status: u16, code: &str, message: &str, request_id: &str, dialect: Dialect) -> String {
    let fault = if status < 500 { "Sender" } else { "Receiver" };
    let (code, message) = (escaped(code), escaped(message));
    dialect.error(fault, &code, &message, request_id).unwrap_or_else(|| {
        format!(
            "<ErrorResponse xmlns=\"{NAMESPACE}\">\n  <Error>\n    <Type>{fault}</Type>\n    <Code>{code}</Code>\n    <Message>{message}</Message>\n  </Error>\n  <RequestId>{request_id}</RequestId>\n</ErrorResponse>\n"
        )
    })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
