//! The certificate that the API server is shown, from its making to its replacement.
//!
//! Owns the CA, the leaf, the Secret they are kept in and `caBundle`. It never answers a connection. Started by
//! `injector`.
