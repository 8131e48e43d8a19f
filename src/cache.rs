//! The published answer.
