//! The API's document against a schema fuzzer (schemathesis), which `tests/run` installs where it can.

use super::{SECRET, Stand, config};
use std::path::{Path, PathBuf};
use std::process::Command;
use tickpath::control::http::Config;

fn fuzzer() -> Option<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    Some(target.join("schemathesis/bin/schemathesis")).filter(|path| path.is_file())
}

#[test]
fn a_schema_fuzzer_finds_nothing() {
    let Some(fuzzer) = fuzzer() else {
        eprintln!(
            "SKIPPED a_schema_fuzzer_finds_nothing: no schemathesis in target/schemathesis; tests/run installs it"
        );
        return;
    };
    // Room for what the fuzzer sends in a second; rates have tests of their own.
    let stand = Stand::with(Config {
        requests_per_second: 100_000,
        commands_per_second: 1_000,
        journal_wait_ms: 0,
        ..config()
    });
    let examples = std::env::var("TICKPATH_SCHEMA_EXAMPLES").unwrap_or_else(|_| "25".to_owned());
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis.toml"),
        dir.path().join("schemathesis.toml"),
    )
    .unwrap();
    let output = Command::new(fuzzer)
        .current_dir(dir.path())
        .env("TICKPATH_TEST_TOKEN", SECRET)
        .args(["--config-file", "schemathesis.toml", "run", &format!("http://{}/openapi.json", stand.plane.address())])
        .args(["--checks", "all", "--max-examples", &examples, "--seed", "1", "--no-color"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let effects = stand.desk.effects();
    assert!(effects > 0, "no command of the fuzzer was a good one\n{text}");
    println!("schemathesis, {examples} examples an operation: all checks pass; {effects} commands taken");
}
