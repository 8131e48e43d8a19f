//! The bytes of an answer.
