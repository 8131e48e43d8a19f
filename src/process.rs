//! Process hardening.
