//! The composition.
