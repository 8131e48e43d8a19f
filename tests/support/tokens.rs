//! Web identity tokens shaped like the kubelet's, for tests that verify no signature.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// What the API server puts into a projected token.
#[derive(Clone, Debug)]
pub struct ServiceAccountToken {
    pub issuer: String,
    pub audience: String,
    pub namespace: String,
    pub service_account: String,
    pub pod: String,
    /// Seconds since the Unix epoch.
    pub issued_at: i64,
    /// Seconds.
    pub lifetime: i64,
}

impl Default for ServiceAccountToken {
    /// Issued now for a day, as the injector asks for.
    fn default() -> Self {
        Self {
            issuer: "https://kubernetes.default.svc.cluster.local".into(),
            audience: "sts.amazonaws.com".into(),
            namespace: "shop".into(),
            service_account: "checkout".into(),
            pod: "checkout-7d4b9c-x2x4q".into(),
            issued_at: unix_now(),
            lifetime: 86_400,
        }
    }
}

impl ServiceAccountToken {
    /// The claims; every call has its own `jti`, as every rotation has.
    pub fn claims(&self) -> Value {
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        json!({
            "aud": [self.audience],
            "exp": self.issued_at + self.lifetime,
            "iat": self.issued_at,
            "iss": self.issuer,
            "jti": format!("00000000-0000-4000-8000-{serial:012x}"),
            "kubernetes.io": {
                "namespace": self.namespace,
                "node": {"name": "node-1", "uid": "6a1f1d0e-0000-4000-8000-000000000001"},
                "pod": {"name": self.pod, "uid": "6a1f1d0e-0000-4000-8000-000000000002"},
                "serviceaccount": {"name": self.service_account, "uid": "6a1f1d0e-0000-4000-8000-000000000003"},
            },
            "nbf": self.issued_at,
            "sub": format!("system:serviceaccount:{}:{}", self.namespace, self.service_account),
        })
    }

    /// A new token with these claims.
    pub fn jwt(&self) -> String {
        jwt(&self.claims())
    }
}

/// Three base64url parts; the signature is as long as an RS256 one and means nothing.
pub fn jwt(claims: &Value) -> String {
    let header = json!({"alg": "RS256", "kid": "test-key"});
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.{}",
        part(&header),
        part(claims),
        URL_SAFE_NO_PAD.encode([0x5a; 256])
    )
}

/// The claims of a token, or nothing when it is not one.
pub fn claims_of(token: &str) -> Option<Value> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}

/// The wall clock.
#[allow(
    clippy::disallowed_methods,
    reason = "a test server and its tokens live in real time"
)]
pub fn unix_now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is past 1970");
    i64::try_from(since.as_secs()).expect("the clock is before the end of time")
}
