//! A live host as its operators meet it: the real program, its control plane, its files, its journal.

use crate::support::{arg, run_json, tickpath};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Output};
use std::time::{Duration, Instant};

/// Stands out wherever it is printed.
const TOKEN: &str = "canary-7f3d9a51c04e4b8e9d61-admin-token";

/// A host under way.
struct Host {
    child: Child,
    url: String,
    dir: tempfile::TempDir,
    /// Not a replay.
    is_main_job: bool,
}

impl Host {
    /// The main job on the generated market, in market time = wall time.
    fn run(environment: &[(&str, &str)]) -> Self {
        Self::start(&["run", "--plain"], environment, |_| {})
    }

    fn start(args: &[&str], environment: &[(&str, &str)], prepare: impl FnOnce(&Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path());
        Self::start_in(dir, args, environment)
    }

    fn start_in(dir: tempfile::TempDir, args: &[&str], environment: &[(&str, &str)]) -> Self {
        let file = |name: &str| File::create(dir.path().join(name)).unwrap();
        let mut command = tickpath();
        for name in ["EXECUTION_HALTED", "EXECUTION_HALTED_FILE", "EXEC_KILL_SWITCH", "AGENT_MODE"] {
            command.env_remove(name);
        }
        command
            .args(args)
            .args(["--journal", arg(&dir.path().join("j"))])
            .env("TICKPATH__HTTP__BIND", "127.0.0.1:0")
            .env("TICKPATH__HOST__DATA_DIR", dir.path().join("data"))
            .env("TICKPATH_ADMIN_TOKEN", TOKEN)
            .envs(environment.iter().copied())
            .stdout(file("stdout"))
            .stderr(file("stderr"));
        let mut host = Self { child: command.spawn().unwrap(), url: String::new(), dir, is_main_job: args[0] == "run" };
        let begun = Instant::now();
        while host.url.is_empty() {
            let text = host.text("stdout");
            if let Some(rest) = text.split_once("control plane ").map(|(_, rest)| rest) {
                rest.split_whitespace().next().unwrap_or("").clone_into(&mut host.url);
            }
            let over = host.child.try_wait().unwrap().is_some();
            assert!(!over && begun.elapsed() < Duration::from_mins(1), "{text}\n{}", host.text("stderr"));
            std::thread::sleep(Duration::from_millis(5));
        }
        host
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }

    fn journal(&self) -> PathBuf {
        self.dir.path().join("j")
    }

    /// A verb about this host, with the token.
    fn verb(&self, args: &[&str]) -> Output {
        tickpath()
            .args(args)
            .env("TICKPATH__HOST__DATA_DIR", self.dir.path().join("data"))
            .env("TICKPATH_URL", &self.url)
            .env("TICKPATH_ADMIN_TOKEN", TOKEN)
            .env("TICKPATH_OPERATOR", "ada")
            .output()
            .unwrap()
    }

    #[track_caller]
    fn check(&self, args: &[&str], code: i32, part: &str) {
        let output = self.verb(args);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        assert!(text.contains(part), "{args:?}: `{part}` is not in {text}");
    }

    fn get(&self, path: &str) -> (u16, Value) {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).max_idle_connections(0).build().into();
        let mut answer = agent.get(format!("{}{path}", self.url)).call().unwrap();
        let status = answer.status().as_u16();
        (status, answer.body_mut().read_json().unwrap_or(Value::Null))
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).max_idle_connections(0).build().into();
        let mut answer = agent
            .post(format!("{}{path}", self.url))
            .header("Authorization", format!("Bearer {TOKEN}"))
            .header("X-Operator", "ada")
            .send_json(body)
            .unwrap();
        let status = answer.status().as_u16();
        (status, answer.body_mut().read_json().unwrap_or(Value::Null))
    }

    fn state(&self) -> Value {
        self.get("/state").1
    }

    /// Waits until `holds` of `GET path`; how long it took.
    #[track_caller]
    fn wait(&self, what: &str, path: &str, holds: impl Fn(u16, &Value) -> bool) -> Duration {
        let begun = Instant::now();
        loop {
            let (status, body) = self.get(path);
            if holds(status, &body) {
                return begun.elapsed();
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{what}: {status} {body}\n{}", self.text("stderr"));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[track_caller]
    fn wait_ready(&self) {
        self.wait("READY", "/state", |_, state| state["state"] == "READY" && state["gate"]["open"] == true);
    }

    /// Ends it in order; what its journal says of control.
    fn stop(self) -> (tempfile::TempDir, Vec<Value>) {
        // A replay that is stopped is no whole replay, and says so.
        let expected = i32::from(!self.is_main_job);
        self.stop_with(expected)
    }

    fn stop_with(mut self, expected: i32) -> (tempfile::TempDir, Vec<Value>) {
        self.check(&["stop", "--reason", "the test is over"], 0, "");
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(expected), "{}", self.text("stderr"));
        let journal = self.journal();
        assert_eq!(run_json(&["verify", "--journal", arg(&journal)], 0)["ok"], true);
        assert_eq!(run_json(&["parity", "--journal", arg(&journal)], 0)["divergences"], 0);
        let control = control(&journal);
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap());
        (dir, control)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // A failed test leaves no host behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn control(journal: &Path) -> Vec<Value> {
    let output = tickpath()
        .args(["export", "--what", "control", "--format", "jsonl", "--journal", arg(journal)])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The rows of commands with this action.
fn acts<'a>(control: &'a [Value], action: &str) -> Vec<&'a Value> {
    control.iter().filter(|row| row["kind"] == "command" && row["action"] == action).collect()
}

#[test]
fn a_kill_cancels_closes_confirms_and_stays_until_a_person_releases_it() {
    let host = Host::run(&[]);
    host.wait_ready();
    host.wait("orders", "/health", |_, health| health["fills"].as_u64() > Some(2));
    let begun = Instant::now();
    host.check(
        &["kill", "--flatten", "--reason", "a drill", "--ticket", "OPS-1", "--wait", "30"],
        0,
        "no order of host rests, and nothing is held",
    );
    println!("kill from the command line: confirmed after {:?}", begun.elapsed());
    let state = host.state();
    assert_eq!(state["exposures"], json!([]));
    assert_eq!((&state["state"], &state["gate"]["open"]), (&Value::from("HALTED"), &Value::from(false)));
    let source = &state["kill_switch"]["sources"][0];
    assert_eq!(
        (&source["name"], &source["who"], &source["reason"]),
        (&"command".into(), &"ada".into(), &"a drill".into())
    );
    assert!(state["alerts"].to_string().contains("\"runbook\":\"kill\""), "{state}");
    // Nothing but a release lifts it.
    host.check(&["recover", "--reason", "try"], 6, "kill_switch_enabled");
    assert_eq!(host.state()["state"], "HALTED");
    let before = host.get("/health").1["orders"].clone();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(host.get("/health").1["orders"], before, "no order after the flatten");
    // It outlives the process, too.
    let (dir, told) = host.stop();
    assert_eq!(acts(&told, "kill")[0]["who"], "ada");
    assert_eq!(acts(&told, "kill")[0]["ticket"], "OPS-1");
    assert_eq!(acts(&told, "flatten")[0]["outcome"], "accepted");
    assert_eq!(acts(&told, "stop").len(), 1);
    let host = Host::start_in(dir, &["run", "--plain"], &[]);
    host.wait("still halted", "/state", |_, state| state["state"] == "HALTED");
    assert_eq!(host.state()["kill_switch"]["sources"][0]["reason"], "a drill");
    host.check(&["kill", "--release", "--reason", "found it"], 2, "number 1 stands for host");
    host.check(&["kill", "--release", "1", "--reason", "found it"], 0, "released");
    host.wait_ready();
    let orders = host.get("/health").1["orders"].as_u64();
    host.wait("trading again", "/health", |_, health| health["orders"].as_u64() > orders);
    let (_, told) = host.stop();
    assert_eq!(acts(&told, "release")[0]["reason"], "found it");
}

#[test]
fn a_killed_part_stops_alone() {
    let host = Host::run(&[]);
    host.wait_ready();
    host.wait("orders", "/health", |_, health| health["orders"].as_u64() > Some(1));
    host.check(&["kill", "--scope", "strategy", "--id", "0", "--reason", "odd"], 0, "no order of strategy:0 rests");
    let orders = host.get("/health").1["orders"].clone();
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(host.get("/health").1["orders"], orders);
    assert_eq!(host.state()["state"], "READY", "the host goes on");
    host.check(&["status"], 0, "strategy:0 is halted by kill number 1: odd");
    host.check(&["kill", "--scope", "strategy", "--id", "0", "--release", "1", "--reason", "mended"], 0, "released");
    host.wait("orders again", "/health", |_, health| health["orders"].as_u64() > orders.as_u64());

    // One instrument, of those that there are: what somebody else said of it outlives the release.
    host.check(&["kill", "--scope", "instrument", "--id", "NONESUCH", "--reason", "x"], 6, "BTCUSDT");
    let name = "BTCUSDT";
    let post = |path: &str, body: Value| host.post(path, &body);
    let scope = format!("instrument:{name}");
    assert_eq!(post(&format!("/state/{scope}"), json!({"state": "reducing", "reason": "news"})).0, 200);
    host.check(&["kill", "--scope", "instrument", "--id", name, "--reason", "odd"], 0, "KILLED");
    host.check(&["kill", "--scope", "instrument", "--id", name, "--release", "1", "--reason", "ok"], 0, "released");
    // No kill stands any more, and the state that somebody else had set does.
    host.wait("reducing still", "/state", |_, state| {
        let all = state["scopes"].as_array().unwrap();
        all.len() == 1 && all[0]["state"] == "reducing" && all[0]["kill"].is_null()
    });
    let (_, told) = host.stop();
    assert_eq!((acts(&told, "kill").len(), acts(&told, "release").len()), (2, 2));
}

/// The host itself decides, not a stand-in: what is refused is told as refused, and what only stops is never refused.
#[test]
fn commands_say_what_became_of_them() {
    let host = Host::run(&[]);
    host.wait_ready();
    let limit = |scope: &str, name: &str| -> Value {
        let all = host.get("/limits").1["limits"].as_array().unwrap().clone();
        all.into_iter().find(|l| l["limit"] == name && l["scope"] == scope).unwrap_or(Value::Null)
    };
    let notional = limit("host", "max_order_notional")["value"].as_str().unwrap().to_owned();
    let set =
        |old: &str, new: &str| json!({"limit": "max_order_notional", "old": old, "new": new, "reason": "smaller"});
    let reason = |answer: &(u16, Value)| answer.1["reason"].as_str().unwrap_or("").to_owned();
    // Looser than its ceiling: risk says no, in the record too.
    let beyond = host.post("/limits", &set(&notional, "99999999"));
    assert_eq!((beyond.0, reason(&beyond)), (409, "beyond_ceiling".to_owned()), "{}", beyond.1);
    assert_eq!(host.post("/limits", &set(&notional, "40000")).0, 200);
    assert_eq!(
        (limit("host", "max_order_notional")["value"].as_str(), limit("host", "max_order_notional")["was"].as_str()),
        (Some("40000"), Some(notional.as_str()))
    );
    let stale = host.post("/limits", &set(&notional, "30000"));
    assert_eq!(stale.0, 409, "{}", stale.1);
    assert!(limit("host", "max_gross_notional")["used"].is_string(), "what is used is told");
    let nothing = host.post("/reenable", &json!({"scope": "host", "reason": "try"}));
    assert_eq!((nothing.0, reason(&nothing)), (409, "nothing_stopped".to_owned()), "{}", nothing.1);
    // A target of the desk goes through every check, and expires; one finer than the instrument is none.
    let target = |size: &str| json!({"scope": "instrument:BTCUSDT", "direction": "long", "size": size, "ttl_seconds": 20, "reason": "the desk"});
    assert_eq!(host.post("/target", &target("0.01")).0, 200);
    host.wait("the target", "/state", |_, state| state["exposures"].to_string().contains("\"position\":\"0.01"));
    assert_eq!(host.post("/target", &target("0.0000000001")).0, 409);
    // The same number again: a limit has no second effect, a kill has.
    let kill = json!({"scope": "host", "reason": "panic button", "request": 7});
    assert_eq!(host.post("/kill", &kill).0, 200);
    let number = |state: &Value| state["kill_switch"]["sources"][0]["number"].as_u64();
    let first = number(&host.state()).unwrap();
    let release = |number: u64| host.post("/kill/release", &json!({"number": number, "reason": "mended"}));
    assert_eq!(release(first).0, 200);
    assert_eq!(host.post("/kill", &kill).0, 200);
    host.wait("halted again", "/state", |_, state| state["state"] == "HALTED");
    let second = number(&host.state()).unwrap();
    assert!(second > first);
    let older = release(first);
    assert_eq!((older.0, reason(&older)), (409, "kill_switch_newer_kill".to_owned()), "{}", older.1);
    assert_eq!(host.state()["state"], "HALTED");
    assert_eq!(release(second).0, 200);
    let (dir, told) = host.stop();
    let outcomes: Vec<&str> = acts(&told, "set_limit").iter().map(|r| r["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes.len(), 2, "{outcomes:?}");
    assert!(outcomes[0].starts_with("beyond_ceiling") && outcomes[1].starts_with("accepted"), "{outcomes:?}");
    // A tighter limit outlives the process, and is shown, so that it can be changed again.
    let host = Host::start_in(dir, &["run", "--plain"], &[]);
    host.wait_ready();
    let (_, limits) = host.get("/limits");
    let now = limits["limits"].as_array().unwrap().iter().find(|l| l["limit"] == "max_order_notional").unwrap();
    assert_eq!(now["value"], "40000");
    assert_eq!(host.post("/limits", &set("40000", "35000")).0, 200);
    host.stop();
}

#[test]
fn the_signal_kills_at_once_and_is_on_record() {
    let host = Host::run(&[]);
    host.wait_ready();
    let status = std::process::Command::new("kill").args(["-USR2", &host.child.id().to_string()]).status().unwrap();
    assert!(status.success());
    let took = host.wait("HALTED", "/state", |_, state| state["state"] == "HALTED");
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(host.state()["kill_switch"]["sources"][0]["name"], "signal");
    std::thread::sleep(Duration::from_millis(300));
    let (_, told) = host.stop();
    assert_eq!(acts(&told, "kill")[0]["who"], "signal");
}

/// Missing, then 0, then nonsense: shut, open within a second, shut within a second.
#[test]
fn the_halt_file_rules_the_running_host() {
    let holder = tempfile::tempdir().unwrap();
    let file = holder.path().join("EXECUTION_HALTED");
    let host = Host::run(&[("EXECUTION_HALTED_FILE", arg(&file))]);
    host.wait("a look at fresh data", "/healthz", |status, _| status == 200);
    assert_eq!(host.state()["state"], "HALTED");
    host.wait("the alert", "/alerts", |_, alerts| alerts.to_string().contains("kill_switch_unknown"));
    let mut took = Vec::new();
    for (content, open) in [("0", true), ("maybe", false), ("0\n", true), ("1", false), ("0", true)] {
        std::fs::write(&file, content).unwrap();
        took.push(host.wait(content, "/state", |_, state| (state["gate"]["open"] == true) == open));
    }
    let worst = took.iter().max().unwrap();
    println!("halt file: five changes in place, each seen within {worst:?} at most");
    assert!(*worst < Duration::from_secs(1), "{took:?}");
    std::fs::remove_file(&file).unwrap();
    host.wait("missing is halted", "/state", |_, state| state["state"] == "HALTED");
    assert_eq!(acts(&host.stop().1, "kill").len(), 0, "a halt is no kill: nothing is latched");
}

/// What each mode lets through, by the program itself.
#[test]
fn the_modes_let_through_what_they_say() {
    let root = tempfile::tempdir().unwrap();
    let off = tickpath()
        .args(["run", "--json", "--journal", arg(&root.path().join("off"))])
        .env("AGENT_MODE", "OFF")
        .output();
    let off = off.unwrap();
    assert_eq!(off.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&off.stdout).contains("nothing was started"));
    assert!(!root.path().join("off").exists());
    for (mode, orders, gated) in [("OBSERVE", false, false), ("SHADOW", true, true), ("PAPER", true, false)] {
        let journal = root.path().join(mode);
        let output = tickpath()
            .args(["run", "--json", "--speed", "max", "--events", "20000", "--start", "1700000000000000000"])
            .args(["--journal", arg(&journal)])
            .env("AGENT_MODE", mode)
            .output()
            .unwrap();
        assert!(output.status.success(), "{mode}: {}", String::from_utf8_lossy(&output.stderr));
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        let count = |name: &str| summary[name].as_u64().unwrap();
        assert!(summary["counts"]["signals"].as_u64() > Some(0), "{mode} {summary}");
        assert_eq!(count("orders") > 0, orders, "{mode}");
        assert_eq!(count("gated") > 0, gated, "{mode}");
        assert_eq!(count("fills") > 0, mode == "PAPER", "{mode}");
        assert_eq!(run_json(&["parity", "--journal", arg(&journal)], 0)["divergences"], 0);
    }
    // LIVE asks for what it depends on, before anything is started.
    for (args, durability, part) in
        [(&["--speed", "max"][..], "synced", "needs real time"), (&[], "written", "needs each order on the disk")]
    {
        let output = tickpath()
            .args(["run", "--json", "--journal", arg(&root.path().join("live"))])
            .args(args)
            .env("AGENT_MODE", "LIVE")
            .env("TICKPATH__JOURNAL__DURABILITY", durability)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(4), "{text}");
        assert!(text.contains(part), "{text}");
        assert!(!root.path().join("live").exists());
    }
}

fn key(of: u8) -> SigningKey {
    SigningKey::from_bytes(&std::array::from_fn(|at| {
        of.wrapping_mul(41).wrapping_add((at as u8).wrapping_mul(13)) ^ 0x5a
    }))
}

/// Keys of two people, and the keyring that says whose they are.
fn two_people(dir: &Path) {
    let store = dir.join("data/enable");
    std::fs::create_dir_all(&store).unwrap();
    let mut keyring = String::from("version = 1\n");
    for (at, person) in ["ada", "bob"].iter().enumerate() {
        let key = key(at as u8);
        let public = tickpath::control::enable::text::hex(key.verifying_key().as_bytes());
        let _ = write!(
            keyring,
            "[[person]]\nperson = \"{person}\"\nname = \"{person}\"\nkeys = [{{ id = \"{person}-1\", public = \"{public}\" }}]\n"
        );
        let file = dir.join(format!("{person}.pem"));
        std::fs::write(&file, key.to_pkcs8_pem(LineEnding::LF).unwrap().as_bytes()).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    std::fs::write(store.join("keyring.toml"), keyring).unwrap();
    std::fs::set_permissions(store.join("keyring.toml"), std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// LIVE on the simulated venue: two people enable it, it is on record, one takes it back, a restart has it no more.
#[test]
fn live_is_enabled_by_two_people_and_ends_with_either() {
    let allowed = tempfile::tempdir().unwrap();
    let halt = allowed.path().join("halted");
    std::fs::write(&halt, "0").unwrap();
    let environment =
        [("AGENT_MODE", "LIVE"), ("TICKPATH__JOURNAL__DURABILITY", "synced"), ("EXECUTION_HALTED_FILE", arg(&halt))];
    let host = Host::start(&["run", "--plain"], &environment, two_people);
    host.wait("fresh data", "/healthz", |status, _| status == 200);
    let reasons = |state: &Value| -> Vec<String> {
        let all = state["gate"]["reasons"].as_array().unwrap().iter();
        all.map(|r| r["name"].as_str().unwrap().to_owned()).collect()
    };
    host.wait("waiting for people", "/state", |_, state| reasons(state).contains(&"enablement".to_owned()));
    let verb = |args: &[&str], code: i32| -> Value {
        let output = tickpath()
            .args(args)
            .arg("--json")
            .env("TICKPATH__HOST__DATA_DIR", host.dir.path().join("data"))
            .env("TICKPATH__HTTP__BIND", "127.0.0.1:0")
            .env("TICKPATH__JOURNAL__DURABILITY", "synced")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    // A second later than the start: a request is stamped in whole seconds.
    std::thread::sleep(Duration::from_millis(1100));
    let asked = verb(
        &["enable", "request", "--person", "ada", "--reason", "first day", "--ticket", "OPS-17", "--window", "1h"],
        0,
    );
    let (request, record) =
        (asked["request"].as_str().unwrap().to_owned(), asked["record"].as_str().unwrap().to_owned());
    let sign = |person: &str| {
        let key = host.dir.path().join(format!("{person}.pem"));
        verb(&["enable", "approve", "--request", &request, "--key", arg(&key)], 0);
    };
    sign("ada");
    std::thread::sleep(Duration::from_millis(1200));
    assert_eq!(host.get("/enable").1["valid"], false, "one is not enough");
    sign("bob");
    host.wait("enabled", "/enable", |_, now| now["valid"] == true);
    let now = host.get("/enable").1;
    assert_eq!((&now["signed_by"], &now["ticket"]), (&json!(["ada", "bob"]), &"OPS-17".into()));
    host.wait("the gate knows", "/state", |_, state| !reasons(state).contains(&"enablement".to_owned()));
    println!("enabled by two people; what else holds the gate here: {:?}", reasons(&host.state()));
    verb(&["enable", "revoke", "--record", &record[..12], "--person", "bob", "--reason", "storm"], 0);
    host.wait("revoked", "/enable", |_, now| now["valid"] == false);
    host.wait("the gate knows", "/state", |_, state| reasons(state).contains(&"enablement".to_owned()));
    let (dir, told) = host.stop();
    let (enable, revoke) = (acts(&told, "enable"), acts(&told, "revoke"));
    assert_eq!((enable.len(), &enable[0]["who"], &enable[0]["reason"]), (1, &"ada+bob".into(), &"first day".into()));
    assert_eq!((revoke.len(), &revoke[0]["who"], &revoke[0]["reason"]), (1, &"bob".into(), &"storm".into()));
    // The same files, another process: what was approved is of the one that ended.
    let host = Host::start_in(dir, &["run", "--plain"], &environment);
    host.wait("fresh data", "/healthz", |status, _| status == 200);
    std::thread::sleep(Duration::from_millis(1200));
    assert_eq!(host.get("/enable").1["valid"], false);
    assert_eq!(acts(&host.stop().1, "enable").len(), 1);
}

/// One instrument's data stops while another's goes on; then all stops; then all is back.
#[test]
fn frozen_data_closes_the_gate_at_its_limit_and_opens_it_again() {
    let mut lines = Vec::new();
    let mut push =
        |millis: u64, json: String| lines.push(format!("{} {json}", 1_700_000_000_000_000_000 + millis * 1_000_000));
    let mut ids = [2u64; 2];
    for millis in (0..60_000u64).step_by(50) {
        for (at, symbol) in ["ABCUSDT", "XYZUSDT"].iter().enumerate() {
            let stands = if at == 0 { (4_000..20_000).contains(&millis) } else { (12_000..20_000).contains(&millis) };
            if stands {
                continue;
            }
            let event = 1_700_000_000_000 + millis;
            if ids[at] == 2 {
                push(
                    millis,
                    format!(
                        r#"{{"stream":"{0}@depth@100ms","data":{{"e":"depthUpdate","E":{event},"s":"{symbol}","U":1,"u":2,"b":[["10.00","1.000"]],"a":[["10.02","1.000"]]}}}}"#,
                        symbol.to_lowercase()
                    ),
                );
            }
            ids[at] += 1;
            let id = ids[at];
            push(
                millis,
                format!(
                    r#"{{"stream":"{0}@depth@100ms","data":{{"e":"depthUpdate","E":{event},"s":"{symbol}","U":{id},"u":{id},"b":[["10.00","{1}.000"]],"a":[]}}}}"#,
                    symbol.to_lowercase(),
                    id % 7 + 1
                ),
            );
        }
    }
    let text = lines.join("\n") + "\n";
    let holder = tempfile::tempdir().unwrap();
    let capture = holder.path().join("frozen");
    std::fs::write(&capture, text).unwrap();
    let host = Host::start(
        &["replay", arg(&capture), "--speed", "real"],
        &[("MARKETDATA_MAX_AGE_SECONDS", "1"), ("AGENT_MODE", "PAPER")],
        |_| {},
    );
    let names = |state: &Value| state["scopes"].to_string();
    host.wait("READY", "/state", |_, state| state["state"] == "READY" && names(state) == "[]");
    host.wait("ABC is closed", "/state", |_, state| names(state).contains("ABCUSDT"));
    let state = host.state();
    assert!(!names(&state).contains("XYZUSDT") && state["state"] == "READY", "{state}");
    assert_eq!(host.get("/healthz").0, 200, "the other one's data comes in");
    assert!(state["alerts"].to_string().contains("no fresh data of ABCUSDT"), "{state}");
    let fresh = |body: &Value| body["age_seconds"].as_f64().unwrap_or(0.0);
    host.wait("all is frozen", "/healthz", |status, _| status == 503);
    let (_, body) = host.get("/healthz");
    println!("frozen: /healthz 503 at an age of {:.3} s (limit 1 s)", fresh(&body));
    assert!(fresh(&body) < 3.0, "{body}");
    host.wait("DEGRADED", "/state", |_, state| state["state"] == "DEGRADED");
    assert!(host.state()["gate"].to_string().contains("marketdata_stale"));
    host.check(&["recover", "--reason", "try"], 6, "marketdata_stale");
    host.wait("back", "/healthz", |status, _| status == 200);
    host.wait("READY", "/state", |_, state| state["state"] == "READY" && names(state) == "[]");
    host.stop();
}

/// Whole host: all reports of the venue are lost on their way. The next statement shows it: the gate closes, the alert names both
/// sides' numbers, nobody's `recover` opens it, and the record says when it began.
#[test]
fn what_the_venue_holds_and_the_host_does_not_know_closes_the_gate() {
    let host = Host::run(&[("TICKPATH__SIM__LOSE_REPORTS_PPM", "1000000")]);
    let closed_by = |state: &Value| state["gate"].to_string().contains("reconciliation");
    let closed = closed_by;
    host.wait("a difference", "/state", |_, state| {
        closed(state) && state["alerts"].to_string().contains("at the venue,")
    });
    host.check(&["status"], 0, "reconciliation");
    let (status, answer) = host.post("/recover", &json!({"reason": "try"}));
    assert!(closed(&host.state()), "{status} {answer}");
    host.wait("an order without an answer", "/state", |_, state| state["alerts"].to_string().contains("order_unknown"));
    let orders = |host: &Host| host.get("/health").1["orders"].as_u64().unwrap();
    let before = orders(&host);
    std::thread::sleep(Duration::from_secs(5));
    assert!(closed(&host.state()));
    assert_eq!(orders(&host), before, "none left since");
    let (dir, control) = host.stop_with(1);
    let at = |kind: &str, action: &str| {
        control.iter().position(|row| row["kind"] == kind && row["action"] == action && row["reason"] != "not_ready")
    };
    let (agreed, differed) = (at("statement", "agrees").unwrap(), at("statement", "differs").unwrap());
    let closed = control.iter().rposition(|row| row["action"] == "closed" && row["reason"] == "reconciliation");
    assert!(agreed < differed && Some(differed) < closed, "{control:?}");

    // Behind a restart the venue says nothing of it any more: it stays closed until a person says that it was put right.
    let host = Host::start_in(dir, &["run", "--plain"], &[]);
    host.wait("what was left", "/state", |_, state| {
        state["state"] == "READY" && closed_by(state) && state["alerts"].to_string().contains("before this start")
    });
    std::thread::sleep(Duration::from_secs(2));
    assert!(closed_by(&host.state()));
    host.check(&["recover", "--reason", "never saw it"], 6, "before this start");
    host.check(&["recover", "--reason", "compared order by order", "--ticket", "OPS-9"], 0, "");
    host.wait_ready();
    let (dir, _) = host.stop();
    let host = Host::start_in(dir, &["run", "--plain"], &[]);
    host.wait_ready();
    host.stop();
}

/// Whole host: the token is in no log, file, journal or answer, whatever is asked, and calls without it change nothing.
#[test]
fn the_canary_is_nowhere() {
    let mut host = Host::run(&[("RUST_LOG", "trace"), ("TICKPATH__HTTP__COMMANDS_PER_SECOND", "1000")]);
    host.wait_ready();
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).max_idle_connections(0).build().into();
    let mut answers = String::new();
    for path in ["/kill", "/stop", "/flatten", "/limits", "/recover", "/state/host"] {
        for token in ["", "Bearer ", "Bearer wrong", "Basic canary"] {
            let mut answer = agent
                .post(format!("{}{path}", host.url))
                .header("Authorization", token)
                .header("X-Operator", "eve")
                .header("Content-Type", "application/json")
                .send(r#"{"reason": "x"}"#)
                .unwrap();
            // Too many of these are not even looked at.
            assert!(matches!(answer.status().as_u16(), 401 | 429), "{path} {token}: {}", answer.status());
            answers += &answer.body_mut().read_to_string().unwrap();
        }
        // With it, but wrong otherwise.
        let mut answer = agent
            .post(format!("{}{path}?token={}", host.url, "x"))
            .header("Authorization", format!("Bearer {TOKEN}"))
            .header("X-Operator", "eve")
            .header("Content-Type", "application/json")
            .send("{")
            .unwrap();
        answers += &answer.body_mut().read_to_string().unwrap();
    }
    for path in ["/state", "/health", "/metrics", "/openapi.json", "/enable", "/agents", "/alerts"] {
        answers += &agent.get(format!("{}{path}", host.url)).call().unwrap().body_mut().read_to_string().unwrap();
    }
    assert_eq!(host.state()["state"], "READY", "nothing of all that had an effect");
    host.check(&["stop", "--reason", "over"], 0, "");
    assert!(host.child.wait().unwrap().success());
    let (mut files, mut bytes) = (0, answers.len());
    assert!(!answers.contains(TOKEN));
    let mut folders = vec![host.dir.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let content = std::fs::read(entry.path()).unwrap();
            (files, bytes) = (files + 1, bytes + content.len());
            assert!(memchr::memmem::find(&content, TOKEN.as_bytes()).is_none(), "{}", entry.path().display());
        }
    }
    println!("canary: {files} files and all answers, {bytes} bytes: 0 hits; 24 calls without the token: 0 effects");
}
