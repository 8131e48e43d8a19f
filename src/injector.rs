//! The webhook's server: from a configuration file to answered admission reviews.
//!
//! Owns how its parts are put together. What happens to a pod is decided by `inject`; nothing here knows it.
//! Called by the injector's command line.

pub mod certificates;
