//! stsidecar: short-lived AWS credentials for the application beside it in its Kubernetes pod.
//!
//! ```text
//! token file --> rotated_file --> refresher (drives session) --> cache --> endpoint --> SDK in the app container
//!                                     |      ^                        \--> admin: /readyz /status /metrics
//!                                     v      |
//!                                    sts  (AssumeRoleWithWebIdentity, AssumeRole)
//! ```
//!
//! Modules are listed in layer order; a file imports only from layers above its own in this list,
//! or its own children. `tests/architecture/` holds that, and ARCHITECTURE.md says why.
#![cfg_attr(
    test,
    allow(clippy::too_many_lines, reason = "a test is read from top to bottom")
)]

// Values: pure, no tasks, no clocks, no files.
pub mod assume;
pub mod credentials;
pub mod failure;
pub mod file_content;
pub mod finding;
pub mod identity;
pub mod incident;
pub mod logging;
pub mod redact;
pub mod report;
pub mod role;
pub mod saml;
pub mod shared_credentials;
pub mod spelling;
pub mod text;
pub mod time;
pub mod token;
pub mod totp;
pub mod url;
pub mod version;

// Decisions: pure, values in and values out.
#[cfg(feature = "injector")]
pub mod inject;
pub mod response;
pub mod session;

// Effects: one side effect each, none imports another.
pub mod authorization;
pub mod cache;
pub mod clock;
pub mod process;
pub mod rotated_file;
pub mod state;
pub mod sts;

// The driver: one task for each profile.
pub mod refresher;

// Surfaces: what answers connections.
pub mod admin;
pub mod endpoint;
pub mod http;

// Composition: from settings to running threads.
pub mod agent;
pub mod config;
#[cfg(feature = "injector")]
pub mod injector;
pub mod metrics;
pub mod shutdown;
pub mod telemetry;

// The command line.
pub mod cli;
