//! The kubelet's way of writing a projected volume, re-enacted step by step (its
//! `atomic_writer.go`).
//!
//! A new time-stamped directory, the files in it, a link for each visible name, a link
//! `..data_tmp`, its renaming over `..data`, and the removal of the old directory. Content that is
//! as before is not written.

#![allow(dead_code, reason = "each test crate uses its part")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// A volume at a path; the directory is the caller's to remove.
pub(crate) struct TokenVolume {
    root: PathBuf,
    serial: u64,
    held: Vec<(String, Vec<u8>)>,
}

impl TokenVolume {
    /// An empty volume in the directory `root`, which is made when missing.
    pub(crate) fn at(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        fs::create_dir_all(&root).expect("the volume's directory");
        Self {
            root,
            serial: 0,
            held: Vec::new(),
        }
    }

    /// The visible path of one of its files.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The directory that is mounted.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A rotation of the one file `token`, mode 0644; its path.
    pub(crate) fn rotate(&mut self, token: &[u8]) -> PathBuf {
        self.write(&[("token", token)]);
        self.path("token")
    }

    /// Makes `files` the volume's whole content, as the kubelet does it.
    pub(crate) fn write(&mut self, files: &[(&str, &[u8])]) {
        let files: Vec<_> = files
            .iter()
            .map(|(name, content)| ((*name).to_owned(), content.to_vec()))
            .collect();
        if self.serial > 0 && files == self.held {
            return;
        }
        let data = self.root.join("..data");
        let old = fs::read_link(&data).ok();
        self.serial += 1;
        let stamped = format!("..2026_11_22_06_00_00.{:010}", self.serial);
        let directory = self.root.join(&stamped);
        fs::create_dir(&directory).expect("a fresh name");
        fs::set_permissions(&directory, Permissions::from_mode(0o755)).expect("ours");
        for (name, content) in &files {
            fs::write(directory.join(name), content).expect("room for the file");
            fs::set_permissions(directory.join(name), Permissions::from_mode(0o644)).expect("ours");
        }
        for (name, _) in &files {
            if self.path(name).symlink_metadata().is_err() {
                symlink(Path::new("..data").join(name), self.path(name)).expect("a free name");
            }
        }
        symlink(&stamped, self.root.join("..data_tmp")).expect("only this test writes here");
        fs::rename(self.root.join("..data_tmp"), &data).expect("the swap");
        for (name, _) in self
            .held
            .iter()
            .filter(|(name, _)| files.iter().all(|(kept, _)| kept != name))
        {
            fs::remove_file(self.path(name)).expect("a link of ours");
        }
        if let Some(old) = old {
            fs::remove_dir_all(self.root.join(old)).expect("the old directory");
        }
        self.held = files;
    }
}
