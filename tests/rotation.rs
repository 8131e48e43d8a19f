//! Files that are rotated the kubelet's way while they are read, and everything that may stand in
//! their place.
//!
//! Swaps are re-enacted by `support/token_volume.rs`. Ticks are sent by the tests; nothing waits
//! for 30 s.

#[path = "rotation/degraded.rs"]
mod degraded;
#[path = "rotation/odd_files.rs"]
mod odd_files;
#[path = "rotation/shared.rs"]
mod shared;
#[path = "rotation/support.rs"]
mod support;
#[path = "rotation/swaps.rs"]
mod swaps;
#[path = "support/token_volume.rs"]
mod token_volume;
