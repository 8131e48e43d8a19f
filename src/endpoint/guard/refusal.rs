//! Why a request for credentials is refused, as status, metric label and error body.
//!
//! A plain value. `guard` decides which it is, `endpoint` answers with it.

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another path, or a query.
    Path,
    /// Neither GET nor HEAD.
    Method,
    /// A body, which is also how requests are smuggled.
    Body,
    /// Host is missing, repeated or not one of ours.
    Host,
    /// It came through a proxy or from a browser.
    Forwarded,
    /// The authorization token is missing, repeated or not a client's.
    Token,
}

impl Refusal {
    /// All of them, in the order of their checks.
    pub const ALL: [Self; 6] = [
        Self::Path,
        Self::Method,
        Self::Body,
        Self::Host,
        Self::Forwarded,
        Self::Token,
    ];

    /// The HTTP status. 403 and not 401, so that no HTTP library starts an authentication dialogue.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Path => 404,
            Self::Method => 405,
            Self::Body => 400,
            Self::Host | Self::Forwarded | Self::Token => 403,
        }
    }

    /// The value of the metric label `reason`.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Method => "method",
            Self::Body => "body",
            Self::Host => "host",
            Self::Forwarded => "forwarded",
            Self::Token => "token",
        }
    }

    /// Code and message of the error body: what to change, and never what was sent.
    #[must_use]
    pub const fn explanation(self) -> (&'static str, &'static str) {
        match self {
            Self::Path => (
                "NotFound",
                "this endpoint answers /v1/credentials without a query, and nothing else",
            ),
            Self::Method => ("MethodNotAllowed", "use GET"),
            Self::Body => ("BodyNotAllowed", "a request for credentials has no body"),
            Self::Host => (
                "HostNotAllowed",
                "Host must be 127.0.0.1, localhost or [::1], with this port or without one",
            ),
            Self::Forwarded => (
                "ForwardedRequest",
                "requests with the headers of a proxy or a browser are refused; ask this endpoint directly",
            ),
            Self::Token => (
                "InvalidAuthorizationToken",
                "Authorization must be exactly the content of the file named by AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            ),
        }
    }
}
