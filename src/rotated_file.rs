//! A file that is replaced while we run.
