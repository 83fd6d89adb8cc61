//! The commands that people type: exit codes, help, configuration.

use crate::support::{arg, run, run_json, tickpath};

fn check(args: &[&str], code: i32, expected: &[&str]) {
    let output = run(args);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
    for part in expected {
        assert!(text.contains(part), "{args:?}: `{part}` is not in: {text}");
    }
}

#[test]
fn help_names_the_verbs() {
    check(&["--help"], 0, &["replay", "export", "parity", "verify", "check", "init", "doctor"]);
    check(&["--version"], 0, &["tickpath 0."]);
    check(&["replai"], 2, &["replay"]);
}

#[test]
fn init_check_and_run_go_together() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("t.toml");
    check(&["init", arg(&file)], 0, &["wrote"]);
    check(&["init", arg(&file)], 2, &["is there already"]);
    check(&["check", "--config", arg(&file)], 0, &["[risk", "placement in force"]);
    let shown = run_json(&["check", "--config", arg(&file)], 0);
    assert_eq!(shown["ok"], true);
    assert_eq!(shown["config"]["host"]["mode"], "paper");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("ring_slots", "ring_slot")).unwrap();
    check(&["check", "--config", arg(&file)], 4, &["ring_slot", "Did you mean `ring_slots`?", "t.toml", "line"]);
    check(&["--config", arg(&file)], 4, &["Did you mean"]);
}

#[test]
fn the_environment_goes_over_the_file() {
    let output = tickpath().args(["check"]).env("TICKPATH__HOST__NAME", "desk").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("name = \"desk\"") && text.contains("changed by the environment variable TICKPATH__HOST__NAME"),
        "{text}"
    );
    let output = tickpath().args(["check"]).env("TICKPATH__HOST__NAMES", "desk").output().unwrap();
    assert_eq!(output.status.code(), Some(4));
}

#[test]
fn wrong_cores_and_placements_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let job = |name: &str, key: &str, value: &str| {
        let journal = dir.path().join(name);
        let output = tickpath()
            .args(["run", "--journal", arg(&journal), "--speed", "max", "--events", "10"])
            .env(key, value)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, text) = job("a", "TICKPATH__TOPOLOGY__CORES", "[4711]");
    assert!(code == Some(4) && text.contains("core 4711 does not exist"), "{code:?} {text}");
    let (code, text) = job("b", "TICKPATH__TOPOLOGY__PLACEMENT", "market+risk,feature");
    assert!(code == Some(4) && text.contains("expected `feature`"), "{code:?} {text}");
    let (code, text) = job("c", "TICKPATH__TOPOLOGY__RING_SLOTS", "1000");
    assert!(code == Some(4) && text.contains("power of two"), "{code:?} {text}");
    let output = tickpath()
        .args(["run", "--journal", arg(&dir.path().join("d")), "--speed", "max", "--events", "10"])
        .env("TICKPATH__TOPOLOGY__PLACEMENT", "market+feature,signal+risk+execution")
        .env("TICKPATH__TOPOLOGY__CORES", "[0, 0]")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&output.stderr).contains("core 0 is taken twice"));
}

#[test]
fn doctor_looks_at_everything() {
    let output = tickpath().args(["doctor", "--json"]).output().unwrap();
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<&str> = value["findings"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["cores", "isolation", "clock", "stamps", "memory lock", "huge pages", "frequency", "disk"]);
    for finding in value["findings"].as_array().unwrap() {
        assert!(finding["level"] == "ok" || !finding["advice"].as_str().unwrap().is_empty(), "{finding}");
    }
}

#[test]
fn a_folder_without_a_journal_is_told() {
    let dir = tempfile::tempdir().unwrap();
    for verb in [&["parity"][..], &["verify"], &["export", "--what", "bbo"]] {
        let mut args = verb.to_vec();
        args.extend(["--journal", arg(dir.path())]);
        check(&args, 2, &["holds no journal"]);
        let missing = dir.path().join("nothing");
        let mut args = verb.to_vec();
        args.extend(["--journal", arg(&missing)]);
        check(&args, 2, &["does not exist"]);
    }
    check(&["export", "--journal", "x", "--what", "everything"], 2, &["bbo, trades"]);
}
