//! What the integration tests share: a fake STS on the wire, and tokens like the kubelet's.
//!
//! Each test crate takes it in with `mod support;` and uses a part of it.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test crate is compiled with all of it and uses a part"
)]

pub mod fake_sts;
pub mod tokens;
