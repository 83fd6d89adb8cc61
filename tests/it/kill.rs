//! kill −9 at random moments: what is in the journal is a prefix, and the next start goes on from it.

use crate::support::{arg, run_json, tickpath};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// Fifty by default; `TICKPATH_KILLS` changes it.
fn kills() -> u64 {
    std::env::var("TICKPATH_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(50)
}

/// The configurations that process starts have left beside the journal, each as a file of its own: a start that was killed
/// before its first record has its number given again, and its file replaced.
fn configurations(dir: &Path) -> BTreeSet<(String, u64)> {
    let Ok(entries) = std::fs::read_dir(dir) else { return BTreeSet::new() };
    let named = entries.flatten().filter_map(|e| Some((e.file_name().into_string().ok()?, e.metadata().ok()?.ino())));
    named.filter(|(name, _)| name.starts_with("config-")).collect()
}

#[test]
fn killed_at_random_moments_it_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("j");
    let mut last_sequence = 0;
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let rounds = kills();
    for round in 0..rounds {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let wait = 1 + (state >> 33) % 400;
        let start = (1_700_000_000i64 + i64::try_from(round).unwrap() * 100_000) * 1_000_000_000;
        let before = configurations(&dir);
        let words = root.path().join("stderr");
        let mut child = tickpath()
            .args(["run", "--journal", arg(&dir), "--speed", if round % 2 == 0 { "50x" } else { "max" }])
            .args(["--start", &start.to_string(), "--plain", "--json"])
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&words).unwrap())
            .spawn()
            .unwrap();
        // Only a process that has begun its epoch counts; then at any moment, the first millisecond included.
        let begun = std::time::Instant::now();
        while configurations(&dir).is_subset(&before) {
            if begun.elapsed() > Duration::from_mins(2) || child.try_wait().unwrap().is_some() {
                let _ = child.kill();
                panic!("round {round} does not begin: {}", std::fs::read_to_string(&words).unwrap());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(wait));
        child.kill().unwrap();
        child.wait().unwrap();
        if !dir.join("audit").is_dir() {
            continue;
        }
        // Every tenth time the whole record is checked; the start itself checks the tail each time.
        if round % 10 == 9 || round + 1 == rounds {
            let verify = run_json(&["verify", "--journal", arg(&dir)], 0);
            assert_eq!(verify["ok"], true, "after kill {round}: {verify}");
            let parity = run_json(&["parity", "--journal", arg(&dir)], 0);
            assert_eq!(parity["divergences"], 0, "after kill {round}: {parity}");
            let sequence = parity["last_sequence"].as_u64().unwrap();
            assert_eq!(parity["replayed"].as_u64().unwrap(), sequence, "a prefix without holes");
            assert!(sequence > last_sequence, "it goes on: {sequence} after {last_sequence}");
            last_sequence = sequence;
        }
    }
    // The next start knows the positions: its first words are those of the fills before.
    let summary = run_json(
        &["run", "--journal", arg(&dir), "--speed", "max", "--events", "2000", "--start", "1900000000000000000"],
        0,
    );
    assert!(summary["epoch"].as_u64().unwrap() > 1);
    let parity = run_json(&["parity", "--journal", arg(&dir)], 0);
    assert_eq!(parity["divergences"], 0);
    println!("{rounds} kills, {} epochs, {} inputs, no divergence", parity["epochs"], parity["replayed"]);
}
