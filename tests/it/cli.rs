//! The commands that people type: exit codes, help, configuration.

use crate::support::{arg, run, run_json, tickpath};
use std::process::Stdio;
use std::time::Duration;

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
    check(
        &["--help"],
        0,
        &[
            "replay", "export", "parity", "verify", "check", "init", "doctor", "status", "stop", "recover", "limits",
            "kill", "runbook", "enable",
        ],
    );
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
fn with_json_every_error_is_one_object_of_the_same_shape() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("t.toml");
    std::fs::write(&config, "[host]\nnme = \"x\"\n").unwrap();
    let folder = arg(dir.path());
    // Arguments, exit code, and what must be in what, where and hint.
    for (args, code, what, place, hint) in [
        (&["replai"][..], 2, "replai", "replai", "replay"),
        (&["run", "--evnts", "5"], 2, "--evnts", "--evnts", "--events"),
        (&["replay", "x", "--speed", "fast"], 2, "10x", "--speed", "--help"),
        (&["replay"], 2, "FILES", "FILES", "--help"),
        (&["replay", "not-there"], 2, "no such file", "not-there", "check the path"),
        (&["replay", folder], 2, "folder", folder, "name the capture files"),
        (&["parity", "--journal", folder], 2, "holds no journal", folder, "give the folder"),
        (&["export", "--journal", "nothing", "--what", "bbo"], 2, "does not exist", "nothing", "give the folder"),
        (&["check", "--config", arg(&config)], 4, "nme", "t.toml", "Did you mean `name`?"),
        (&["init", arg(&config)], 2, "there already", "t.toml", "name another file"),
        (&["run", "--placement", "risk"], 4, "risk", "placement", "in the order of the data"),
    ] {
        let output = tickpath().args(args).arg("--json").output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}");
        let object: serde_json::Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{args:?}: {e}: {}", String::from_utf8_lossy(&output.stdout)));
        let error = object["error"].as_object().unwrap();
        assert_eq!(error.keys().collect::<Vec<_>>(), ["what", "where", "expected", "hint", "exit_code"], "{args:?}");
        assert_eq!(error["exit_code"], code);
        for (key, part) in [("what", what), ("where", place), ("hint", hint)] {
            assert!(error[key].as_str().unwrap_or("").contains(part), "{args:?}: `{part}` is not in {key}: {object}");
        }
        assert!(!output.stderr.is_empty(), "{args:?}: people are told as well");
    }
    // Behind `--` it is a file's name.
    let output = tickpath().args(["replay", "--", "--json"]).output().unwrap();
    assert!(output.stdout.is_empty() && output.status.code() == Some(2));
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

#[test]
fn schema_gives_all_one_or_says_which_there_are() {
    let said = |args: &[&str]| -> serde_json::Value {
        let output = run(args);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let all = said(&["schema"]);
    let all = all.as_object().unwrap();
    assert!(all.len() > 20 && all.contains_key("task"), "{:?}", all.keys().collect::<Vec<_>>());
    for (name, schema) in all {
        assert_eq!(&said(&["schema", name]), schema);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
        assert!(schema["properties"].as_object().is_some_and(|fields| !fields.is_empty()), "{name}");
    }
    check(&["schema", "signall"], 2, &["no message `signall`", "signal_heard", "task"]);
    check(&["schema", "signal", "--page"], 2, &["cannot be used with"]);
    check(
        &["schema", "--page"],
        0,
        &["| `binaryrogue:tasks` | list |", "## dead-letter", "| `tickpath.fills` | table |"],
    );
    let places = said(&["schema", "--places"]);
    let places = places.as_array().unwrap();
    for place in places {
        let names: Vec<&String> = place.as_object().unwrap().keys().collect();
        assert_eq!(names.len(), 5, "{place}");
        let message = &place["message"];
        assert!(message.is_null() || all.contains_key(message.as_str().unwrap()), "{place}");
    }
    let dir = tempfile::tempdir().unwrap();
    let into = dir.path().join("a/b");
    check(&["schema", "--dir", arg(&into)], 0, &["README.md"]);
    for (name, schema) in all {
        let text = std::fs::read_to_string(into.join(format!("{name}.schema.json"))).unwrap();
        assert_eq!(&serde_json::from_str::<serde_json::Value>(&text).unwrap(), schema);
    }
    let page = std::fs::read_to_string(into.join("README.md")).unwrap();
    for place in places {
        assert!(page.contains(&format!("| `{}` |", place["name"].as_str().unwrap())), "{place}");
    }
    assert_eq!(std::fs::read_dir(&into).unwrap().count(), all.len() + 1);
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    check(&["schema", "--dir", arg(&file)], 1, &["cannot write", "file"]);
}

#[test]
fn a_thousand_instruments_take_no_gigabytes() {
    use std::fmt::Write as _;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("t.toml");
    check(&["init", arg(&file)], 0, &["wrote"]);
    let mut text = std::fs::read_to_string(&file).unwrap();
    text = text.replacen("[topology]", "[topology]\ninstruments_max = 1000", 1);
    for number in 0..1000 {
        write!(text, "\n[[sim.generator.instruments]]\nsymbol = \"A{number}USDT\"\nevents_per_s = 1.0\n").unwrap();
    }
    std::fs::write(&file, text).unwrap();
    let run = [
        "run",
        "--config",
        arg(&file),
        "--plain",
        "--speed",
        "max",
        "--events",
        "5000",
        "--start",
        "1700000000000000000",
    ];
    let mut command = tickpath();
    command.args(run).args(["--journal", arg(&dir.path().join("journal"))]).args(["--latency", arg(dir.path())]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    let code = loop {
        // The kernel's own high-water mark, as last seen before the end.
        let seen = std::fs::read_to_string(&status).ok().and_then(|text| {
            text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok())
        });
        most = seen.unwrap_or(0).max(most);
        if let Some(code) = child.try_wait().unwrap() {
            break code;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    assert!(code.success(), "{code}");
    // Rooms for what books may become are reserved, and must not be resident: with huge pages they were 5.7 GB.
    assert!((50_000..1_000_000).contains(&most), "{most} kB resident");
}
