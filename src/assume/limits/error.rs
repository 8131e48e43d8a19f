//! What is allowed, for each parameter that was given something else.
//!
//! Owns the wording only; `limits` decides. Where an older document of STS allowed something else, it says so.

/// What is wrong with a parameter; the caller adds the key it stood under and the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a DNS label.
    #[error("a name has 1 to 63 lower-case letters, digits and dashes, like a container's name")]
    ProfileName,
    /// Would not be a role session name.
    #[error(
        "a role session name has 2 to 64 characters (2 to 32 under STS's first limits), letters, digits and _+=,.@- only, and may hold {{namespace}} and {{pod}}"
    )]
    SessionName,
    /// Outside 15 min to 12 h.
    #[error("a session lasts 15m to 12h (900 to 43200 seconds), in whole seconds")]
    SessionDuration,
    /// Neither JSON nor short enough.
    #[error("a session policy is a JSON object of at most 2048 characters, all of Latin 1")]
    Policy,
    /// Not a policy's ARN.
    #[error(
        "a policy ARN looks like arn:aws:iam::aws:policy/ReadOnlyAccess (20 to 2048 characters)"
    )]
    PolicyArn,
    /// Outside the pattern.
    #[error("an external id has 2 to 1224 letters, digits and _+=,.@:/- only")]
    ExternalId,
    /// Outside the pattern.
    #[error(
        "a source identity has 2 to 64 letters, digits and _+=,.@- only, and does not begin with aws:"
    )]
    SourceIdentity,
    /// Outside the pattern.
    #[error("a tag key has 1 to 128 letters, digits, spaces and _.:/=+-@ only")]
    TagKey,
    /// Outside the pattern.
    #[error("a tag value has at most 256 letters, digits, spaces and _.:/=+-@ only")]
    TagValue,
    /// Outside 15 min to 36 h.
    #[error("a session of a user lasts 15m to 36h (900 to 129600 seconds), in whole seconds")]
    UserSessionDuration,
    /// Outside the pattern.
    #[error("a device's serial number has 9 to 256 letters, digits and _+=/:,.@- only")]
    SerialNumber,
    /// Outside the pattern; half of what a role session's name may have.
    #[error(
        "a federated user's name has 2 to 32 letters, digits and _+=,.@- only (role session names had 32 once and may have 64 now, these may not)"
    )]
    FederatedName,
    /// No host of a provider.
    #[error(
        "an OAuth 2.0 provider's host, such as www.amazon.com or graph.facebook.com (4 to 2048 characters), and never for a JWT"
    )]
    ProviderId,
    /// Not a SAML provider's ARN.
    #[error(
        "the ARN of a SAML provider in IAM, such as arn:aws:iam::111122223333:saml-provider/NAME (20 to 2048 characters)"
    )]
    SamlProviderArn,
    /// Not a context provider's ARN.
    #[error(
        "the ARN of a context provider, such as arn:aws:iam::aws:contextProvider/IdentityCenter (20 to 2048 characters)"
    )]
    ProviderArn,
    /// Not region, colon and UUID.
    #[error("an identity pool's id looks like eu-central-1:12345678-1234-1234-1234-123456789012")]
    IdentityPoolId,
    /// Not twelve digits.
    #[error("an account's id has twelve digits")]
    AccountId,
    /// Not an issuer without its scheme.
    #[error(
        "the token's issuer as the identity pool lists it, without https:// (1 to 128 characters)"
    )]
    Login,
}
