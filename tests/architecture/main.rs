//! Holds the structure that ARCHITECTURE.md draws and what CONTRIBUTING.md lists.

mod contributing;
mod crates;
mod files;
mod layers;
mod repository;
