//! Holds the structure that ARCHITECTURE.md draws, what CONTRIBUTING.md lists, and that no text of
//! the repository refers to something that is not in it.
#![allow(clippy::too_many_lines, reason = "a test is read from top to bottom")]

mod contributing;
mod crates;
mod documents;
mod files;
mod layers;
mod pages;
mod references;
mod repository;
