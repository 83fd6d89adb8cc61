//! What the tests share: the program, captures, folders.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The program.
pub fn tickpath() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickpath"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TICKPATH__")) {
        command.env_remove(name);
    }
    // Nothing of a developer's own is written to.
    command.env_remove("REDIS_URL").env_remove("DATABASE_URL");
    command
}

/// Runs it.
pub fn run(args: &[&str]) -> Output {
    tickpath().args(args).output().unwrap()
}

/// Runs it with `--json` and reads the object; the exit code must be `code`.
pub fn run_json(args: &[&str], code: i32) -> Value {
    let output = tickpath().args(args).arg("--json").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(text.lines().last().unwrap_or("")).unwrap_or_else(|e| panic!("{args:?}: {e}: {text}"))
}

/// Where real captures are; `None`, said plainly, if there are none.
pub fn captures(test: &str) -> Option<PathBuf> {
    let dir = std::env::var_os("TICKPATH_CAPTURES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    if dir.join("hftbacktest").is_dir() {
        return Some(dir);
    }
    eprintln!("SKIPPED {test}: no captures in {}; set TICKPATH_CAPTURES", dir.display());
    None
}

/// A path as an argument.
pub fn arg(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The placements that must all give the same outputs.
pub const PLACEMENTS: [&str; 5] = [
    "fused",
    "sequencer,market+feature+signal+risk+execution",
    "market+feature,signal+risk,execution",
    "market,feature,signal,risk,execution",
    "market+feature+signal,risk+execution",
];
