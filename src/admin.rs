//! The admin surface.
