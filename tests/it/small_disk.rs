//! A disk that is soon full, and can be made larger: needs the right to mount, as root has.

use crate::support::arg;
use std::path::Path;
use std::process::Command;

/// A small disk in memory.
pub struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// One of this size, as `mount` reads it; `None`, and it is said, where none can be mounted.
    pub fn new(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let options = format!("size={size},mode=0777");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs", arg(dir.path())]).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(dir));
        }
        println!("SKIPPED: no small disk can be mounted here (root may)");
        None
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Makes it larger.
    pub fn grow(&self, size: &str) {
        let options = format!("remount,size={size}");
        assert!(Command::new("mount").args(["-o", &options, arg(self.path())]).status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").args(["-l", arg(self.path())]).status());
    }
}
