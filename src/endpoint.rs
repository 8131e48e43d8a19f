//! The container credentials endpoint.
