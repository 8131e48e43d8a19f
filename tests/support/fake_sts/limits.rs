//! What STS takes in each request, by its published service model: names, lengths, ranges and
//! patterns.
//!
//! Written from STS's own model
//! (<https://github.com/boto/botocore/tree/develop/botocore/data/sts/2011-06-15>) and not from
//! `src/`, whose own limits it is there to check: it shares no code, no type and no number with
//! them. A request that is not as it should be gets STS's own error code. Stricter than STS in one
//! thing: a parameter that the operation does not have is refused.

mod lists;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::judge::Refusal;
pub use lists::tag_keys;
use lists::{check_contexts, check_logins, check_policy_arns, check_tags, check_transitive};

/// The decoded parameters of a request.
pub type Form = BTreeMap<String, String>;

/// A pattern of the model. `\w` and `\d` there are those of Java: ASCII.
struct Pattern(LazyLock<Regex>);

impl Pattern {
    fn takes(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

macro_rules! patterns {
    ($($name:ident = $class:literal;)*) => {
        $(static $name: Pattern = Pattern(LazyLock::new(|| Regex::new(concat!("\\A(?:", $class, ")*\\z")).expect("a pattern")));)*
    };
}

patterns! {
    ANYTHING = r"(?s:.)";
    NAME = r"[A-Za-z0-9_+=,.@-]";
    ARN = r"[\t\n\r\x20-\x7E\x{85}\x{A0}-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]";
    INLINE_POLICY = r"[\t\n\r\x20-\x{FF}]";
    EXTERNAL_ID = r"[A-Za-z0-9_+=,.@:/-]";
    SERIAL_NUMBER = r"[A-Za-z0-9_+=/:,.@-]";
    DIGITS = r"[0-9]";
    TAG_TEXT = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]";
    POOL = r"[A-Za-z0-9_-]+:[0-9a-f-]+";
}

/// What a parameter must be.
enum Rule {
    /// So many characters of a pattern.
    Text(usize, usize, &'static Pattern),
    Number(u32, u32),
    /// A session policy; the most characters, where the model has a limit.
    Policy(Option<usize>),
    PolicyArns,
    Tags,
    TransitiveTagKeys,
    ProvidedContexts,
    /// Names of identity providers with their tokens.
    Logins,
}

/// A parameter: its name, whether STS demands it, and what it must be.
type Parameter = (&'static str, bool, Rule);

const ROLE_ARN: Parameter = ("RoleArn", true, Rule::Text(20, 2048, &ARN));
const SESSION_NAME: Parameter = ("RoleSessionName", true, Rule::Text(2, 64, &NAME));
const ROLE_DURATION: Parameter = ("DurationSeconds", false, Rule::Number(900, 43_200));
const USER_DURATION: Parameter = ("DurationSeconds", false, Rule::Number(900, 129_600));
const POLICY: Parameter = ("Policy", false, Rule::Policy(Some(2048)));
const POLICY_ARNS: Parameter = ("PolicyArns", false, Rule::PolicyArns);
const TAGS: Parameter = ("Tags", false, Rule::Tags);
const SERIAL: Parameter = ("SerialNumber", false, Rule::Text(9, 256, &SERIAL_NUMBER));
const CODE: Parameter = ("TokenCode", false, Rule::Text(6, 6, &DIGITS));
const PADDING: Parameter = ("MinimumSessionTokenSize", false, Rule::Number(0, 4096));

const ASSUME_ROLE: &[Parameter] = &[
    ROLE_ARN,
    SESSION_NAME,
    ROLE_DURATION,
    ("Policy", false, Rule::Policy(None)),
    POLICY_ARNS,
    TAGS,
    ("TransitiveTagKeys", false, Rule::TransitiveTagKeys),
    ("ExternalId", false, Rule::Text(2, 1224, &EXTERNAL_ID)),
    SERIAL,
    CODE,
    ("SourceIdentity", false, Rule::Text(2, 64, &NAME)),
    ("ProvidedContexts", false, Rule::ProvidedContexts),
    PADDING,
];

const WEB_IDENTITY: &[Parameter] = &[
    // AWS demands it; servers that derive the role from the token do without.
    ("RoleArn", false, Rule::Text(20, 2048, &ARN)),
    SESSION_NAME,
    ("WebIdentityToken", true, Rule::Text(4, 20_000, &ANYTHING)),
    ("ProviderId", false, Rule::Text(4, 2048, &ANYTHING)),
    ROLE_DURATION,
    POLICY,
    POLICY_ARNS,
    PADDING,
];

const SAML: &[Parameter] = &[
    ROLE_ARN,
    ("PrincipalArn", true, Rule::Text(20, 2048, &ARN)),
    ("SAMLAssertion", true, Rule::Text(4, 100_000, &ANYTHING)),
    ROLE_DURATION,
    POLICY,
    POLICY_ARNS,
    PADDING,
];

const SESSION_TOKEN: &[Parameter] = &[USER_DURATION, SERIAL, CODE, PADDING];

const FEDERATION_TOKEN: &[Parameter] = &[
    ("Name", true, Rule::Text(2, 32, &NAME)),
    USER_DURATION,
    POLICY,
    POLICY_ARNS,
    TAGS,
    PADDING,
];

const GET_ID: &[Parameter] = &[
    ("AccountId", false, Rule::Text(1, 15, &DIGITS)),
    ("IdentityPoolId", true, Rule::Text(1, 55, &POOL)),
    ("Logins", false, Rule::Logins),
];

const CREDENTIALS_FOR_IDENTITY: &[Parameter] = &[
    ("IdentityId", true, Rule::Text(1, 55, &POOL)),
    ("CustomRoleArn", false, Rule::Text(20, 2048, &ARN)),
    ("Logins", false, Rule::Logins),
];

fn parameters(operation: &str) -> Option<&'static [Parameter]> {
    Some(match operation {
        "AssumeRole" => ASSUME_ROLE,
        "AssumeRoleWithWebIdentity" => WEB_IDENTITY,
        "AssumeRoleWithSAML" => SAML,
        "GetSessionToken" => SESSION_TOKEN,
        "GetFederationToken" => FEDERATION_TOKEN,
        "GetId" => GET_ID,
        "GetCredentialsForIdentity" => CREDENTIALS_FOR_IDENTITY,
        _ => return None,
    })
}

/// Whether STS takes a request by itself, before it looks at the caller.
///
/// # Errors
/// The error that STS answers with.
pub fn check(operation: &str, form: &Form) -> Result<(), Refusal> {
    let unknown = || {
        (
            400,
            "InvalidAction",
            format!("Could not find operation {operation} for version 2011-06-15"),
        )
    };
    let parameters = parameters(operation).ok_or_else(unknown)?;
    let own = |key: &&String| !["Action", "Version"].contains(&key.as_str());
    for key in form.keys().filter(own) {
        let name = key.split('.').next().unwrap_or_default();
        if !parameters.iter().any(|(known, ..)| *known == name) {
            return Err((
                400,
                "InvalidParameter",
                format!("{operation} has no parameter {key}"),
            ));
        }
    }
    parameters
        .iter()
        .try_for_each(|parameter| check_one(parameter, form))?;
    together(form)
}

fn check_one((name, is_required, rule): &Parameter, form: &Form) -> Result<(), Refusal> {
    let given = form.get(*name);
    match (rule, given) {
        (Rule::Text(shortest, longest, pattern), Some(text)) => {
            within(name, text, *shortest, *longest, pattern)
        }
        (Rule::Number(least, most), Some(text)) => {
            let number: u32 = text
                .parse()
                .map_err(|_| (400, "MalformedInput", format!("{name} is not a number")))?;
            if (*least..=*most).contains(&number) {
                Ok(())
            } else {
                refused(name, &format!("{least} to {most}"))
            }
        }
        (Rule::Policy(longest), Some(text)) => {
            within(name, text, 1, longest.unwrap_or(usize::MAX), &INLINE_POLICY)?;
            let document: Option<serde_json::Value> = serde_json::from_str(text).ok();
            if document.is_some_and(|document| {
                document["Version"].is_string() && !document["Statement"].is_null()
            }) {
                return Ok(());
            }
            Err((
                400,
                "MalformedPolicyDocument",
                "Syntax errors in policy.".to_owned(),
            ))
        }
        (Rule::PolicyArns, _) => check_policy_arns(form),
        (Rule::Tags, _) => check_tags(form),
        (Rule::TransitiveTagKeys, _) => check_transitive(form),
        (Rule::ProvidedContexts, _) => check_contexts(form),
        (Rule::Logins, _) => check_logins(form),
        (_, None) if *is_required => refused(name, "Member must not be null"),
        (_, None) => Ok(()),
    }
}

fn refusal(name: &str, constraint: &str) -> Refusal {
    let mut wire = name.to_owned();
    wire[..1].make_ascii_lowercase();
    let text = format!(
        "1 validation error detected: Value at '{wire}' failed to satisfy constraint: {constraint}"
    );
    (400, "ValidationError", text)
}

fn refused(name: &str, constraint: &str) -> Result<(), Refusal> {
    Err(refusal(name, constraint))
}

fn within(
    name: &str,
    text: &str,
    shortest: usize,
    longest: usize,
    pattern: &Pattern,
) -> Result<(), Refusal> {
    if !(shortest..=longest).contains(&text.chars().count()) {
        return refused(
            name,
            &format!("Member must have length {shortest} to {longest}"),
        );
    }
    if pattern.takes(text) {
        Ok(())
    } else {
        refused(name, "Member must satisfy regular expression pattern")
    }
}

/// The rules between parameters.
fn together(form: &Form) -> Result<(), Refusal> {
    if form
        .get("SourceIdentity")
        .is_some_and(|identity| identity.starts_with("aws:"))
    {
        return refused("SourceIdentity", "Member must not begin with aws:");
    }
    if form.contains_key("SerialNumber") != form.contains_key("TokenCode") {
        let text = "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.";
        return Err((403, "AccessDenied", text.to_owned()));
    }
    let arns = form
        .iter()
        .filter(|(key, _)| key.starts_with("PolicyArns."));
    let plain: usize = arns
        .chain(form.iter().filter(|(key, _)| *key == "Policy"))
        .map(|(_, v)| v.chars().count())
        .sum();
    // Each is limited on its own too; this is about all session policies of a request.
    if plain > 2048 {
        let text =
            "Packed policy consumes more than 100% of allotted space, please use smaller policy.";
        return Err((400, "PackedPolicyTooLarge", text.to_owned()));
    }
    Ok(())
}
