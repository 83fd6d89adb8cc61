//! Edge: `tickpath bridge status|pause|resume|rebuild`: the mirrors of a running host, and what people ask of them.

use super::Cli;
use super::exit::{Code, Failure};
use super::remote::{self, CommandArgs, Remote, RemoteArgs};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Between two looks at a rebuilding.
const LOOK: Duration = Duration::from_millis(100);

/// Arguments of `bridge`.
#[derive(Clone, Debug, clap::Args)]
pub struct BridgeArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: BridgeVerb,
}

/// What to do with bridges.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum BridgeVerb {
    /// Show how far each bridge is, and what is wrong.
    Status(RemoteArgs),
    /// Write nothing more until it is resumed, or the host starts again; the journal keeps all.
    Pause(Box<NamedArgs>),
    /// Go on from where the store stands.
    Resume(Box<NamedArgs>),
    /// Write the store again: Redis deletes the stream first, PostgreSQL only fills what is missing.
    Rebuild(Box<RebuildArgs>),
}

/// Which bridge.
#[derive(Clone, Debug, clap::Args)]
pub struct NamedArgs {
    /// Its name, as `bridge status` has it: redis, postgres.
    pub name: String,
    /// Who, why, where.
    #[command(flatten)]
    pub command: CommandArgs,
}

/// Arguments of `bridge rebuild`.
#[derive(Clone, Debug, clap::Args)]
pub struct RebuildArgs {
    /// Which.
    #[command(flatten)]
    pub named: NamedArgs,
    /// Also if consumer groups read the stream: they are lost with it.
    #[arg(long)]
    pub force: bool,
    /// Do not ask at a terminal.
    #[arg(long)]
    pub yes: bool,
    /// Seconds to wait until it is begun; 0 = not at all. At a terminal it is watched to its end.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub wait: u64,
}

/// Shows bridges, or asks something of one.
///
/// # Errors
/// [`Failure`].
pub fn main(cli: &Cli, args: &BridgeArgs) -> Result<Code, Failure> {
    match &args.verb {
        BridgeVerb::Status(remote) => {
            let body = Remote::new(cli, remote)?.read("/bridges")?;
            if cli.json {
                crate::say!("{body}");
            } else {
                crate::say!("{}", table(&body).trim_end());
            }
            Ok(Code::Ok)
        }
        BridgeVerb::Pause(args) => ask(cli, args, "pause", "paused: the journal keeps what it does not write"),
        BridgeVerb::Resume(args) => ask(cli, args, "resume", "resumed"),
        BridgeVerb::Rebuild(args) => rebuild(cli, args),
    }
}

/// The path of a command to a bridge; a name cannot lead to another one.
fn path(name: &str, verb: &str) -> Result<String, Failure> {
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        return Err(Failure::new(
            Code::Usage,
            format!(
                "`{name}` is no name of a bridge: expected redis or postgres; `tickpath bridge status` has those that are on"
            ),
        ));
    }
    Ok(format!("/bridges/{name}/{verb}"))
}

fn post(host: &Remote, path: &str, body: &Value, args: &CommandArgs) -> Result<Value, Failure> {
    let answer = host.post(path, body, args)?;
    if !(200..300).contains(&answer.status) {
        return Err(remote::refusal(answer.status, &answer.body));
    }
    Ok(answer.body)
}

fn ask(cli: &Cli, args: &NamedArgs, verb: &str, done: &str) -> Result<Code, Failure> {
    let (path, body) = (path(&args.name, verb)?, args.command.body(json!({}), None)?);
    let now = post(&Remote::new(cli, &args.command.remote)?, &path, &body, &args.command)?;
    if cli.json {
        crate::say!("{now}");
    } else {
        crate::say!(
            "bridge {} {done} (stands at sequence {}, {} behind)",
            args.name,
            now["sequence"],
            now["lag_events"]
        );
    }
    Ok(Code::Ok)
}

/// The bridge `name` in what `GET /bridges` answered.
fn find<'a>(body: &'a Value, name: &str) -> Result<&'a Value, Failure> {
    let all = body["bridges"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().find(|bridge| bridge["name"] == name).ok_or_else(|| {
        let names: Vec<&str> = all.iter().filter_map(|bridge| bridge["name"].as_str()).collect();
        let on = if names.is_empty() { "none is on".to_owned() } else { format!("on are: {}", names.join(", ")) };
        Failure::new(Code::Usage, format!("the host has no bridge `{name}`; {on}"))
    })
}

/// What a person at a terminal is asked before a rebuilding.
fn question(bridge: &Value, force: bool) -> String {
    let name = bridge["name"].as_str().unwrap_or("?");
    let groups = words(&bridge["groups"]);
    let lost =
        if force && !groups.is_empty() { format!(" Its consumer groups are lost: {groups}.") } else { String::new() };
    let what = if name == "redis" {
        "The event stream is deleted and written again from as far back as is kept; readers see it grow from there."
    } else {
        "Everything the journal has is written again; rows that are there stay as they are."
    };
    format!("{what}{lost}\nRebuild {name}? Type yes: ")
}

fn agreed(bridge: &Value, args: &RebuildArgs) -> Result<(), Failure> {
    // Told nowhere if standard error is gone: then nobody types an answer either.
    let mut errors = std::io::stderr();
    let _ = write!(errors, "{}", question(bridge, args.force)).and_then(|()| errors.flush());
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && answer.trim() == "yes" {
        return Ok(());
    }
    Err(Failure::new(Code::Error, "nothing was done: the answer was not yes"))
}

fn rebuild(cli: &Cli, args: &RebuildArgs) -> Result<Code, Failure> {
    let name = &args.named.name;
    let (path, body) = (path(name, "rebuild")?, args.named.command.body(json!({"force": args.force}), None)?);
    let host = Remote::new(cli, &args.named.command.remote)?;
    let at_terminal = std::io::stderr().is_terminal() && std::io::stdin().is_terminal() && !cli.json;
    let before = host.read("/bridges")?;
    let before = find(&before, name)?;
    if at_terminal && !args.yes {
        agreed(before, args)?;
    }
    let begun = before["rebuilds"].as_u64().unwrap_or(0);
    let mut now = post(&host, &path, &body, &args.named.command)?;
    let (from, most) = (Instant::now(), Duration::from_secs(args.wait));
    while args.wait > 0 && now["rebuild_asked"] == true {
        if from.elapsed() >= most {
            let what = format!(
                "bridge {name}: the rebuilding is asked for, but not begun after {} s: {}; `tickpath bridge status` shows when it is",
                args.wait,
                said(&now)
            );
            return Err(Failure::new(Code::TimeOut, what));
        }
        std::thread::sleep(LOOK);
        now = find(&host.read("/bridges")?, name)?.clone();
    }
    if now["rebuilds"].as_u64() == Some(begun)
        && let Some(why) = now["rebuild_refused"].as_str().filter(|why| !why.is_empty())
    {
        return Err(Failure::new(Code::Refused, format!("bridge {name} is not rebuilt: {why}")));
    }
    if at_terminal && args.wait > 0 {
        now = watch(&host, name, now)?;
    }
    if cli.json {
        crate::say!("{now}");
    } else {
        let word = if now["rebuild_asked"] == true { "asked to rebuild" } else { "rebuilds" };
        crate::say!("bridge {name} {word}: at sequence {}, {} events behind", now["sequence"], now["lag_events"]);
    }
    Ok(Code::Ok)
}

/// What is wrong with a bridge, or else what it is at.
fn said(bridge: &Value) -> &str {
    let trouble = bridge["trouble"].as_str().filter(|trouble| !trouble.is_empty());
    trouble.or_else(|| bridge["state"].as_str()).unwrap_or("?")
}

/// A progress bar until the bridge has all; the rebuilding goes on without it.
fn watch(host: &Remote, name: &str, mut now: Value) -> Result<Value, Failure> {
    let style =
        ProgressStyle::with_template("{bar:40} {percent:>3} %  {pos}/{len} events  {msg}  {elapsed} (eta {eta})");
    let bar = ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    while now["state"] != "current" {
        if matches!(now["state"].as_str(), Some("ended" | "paused")) {
            break;
        }
        if let (Some(at), Some(lag)) = (now["sequence"].as_u64(), now["lag_events"].as_u64()) {
            bar.set_length(at + lag);
            bar.set_position(at);
        }
        bar.set_message(said(&now).to_owned());
        std::thread::sleep(LOOK);
        now = find(&host.read("/bridges")?, name)?.clone();
    }
    bar.finish_and_clear();
    Ok(now)
}

fn words(list: &Value) -> String {
    let all = list.as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

/// The bridges for people.
fn table(body: &Value) -> String {
    let all = body["bridges"].as_array().map(Vec::as_slice).unwrap_or_default();
    if all.is_empty() {
        return "no bridge is on: set REDIS_URL or DATABASE_URL where the host runs; events stay in the journal"
            .to_owned();
    }
    let number = |value: &Value| value.as_u64().map_or_else(|| "?".to_owned(), |n| n.to_string());
    let head = ["bridge", "state", "sequence", "behind", "behind kB", "seconds", "events", "bytes", "lost", "trouble"];
    let mut lines = vec![head.map(ToOwned::to_owned)];
    for bridge in all {
        let text = |key: &str| bridge[key].as_str().unwrap_or("").to_owned();
        let paused = &bridge["paused"];
        let of = |key: &str| paused[key].as_str().unwrap_or("?");
        let by = paused.is_object().then(|| format!("paused by {} since {}: {}", of("who"), of("since"), of("reason")));
        let asked = (bridge["rebuild_asked"] == true).then(|| "a rebuilding is asked for".to_owned());
        let refused = text("rebuild_refused");
        let refused = (!refused.is_empty()).then(|| format!("not rebuilt: {refused}"));
        let trouble = Some(text("trouble")).filter(|trouble| !trouble.is_empty());
        let trouble: Vec<String> = [trouble, by, asked, refused].into_iter().flatten().collect();
        lines.push([
            text("name"),
            text("state"),
            number(&bridge["sequence"]),
            number(&bridge["lag_events"]),
            bridge["lag_bytes"].as_u64().map_or_else(|| "?".to_owned(), |n| n.div_ceil(1_000).to_string()),
            bridge["lag_seconds"].as_f64().map_or_else(|| "?".to_owned(), |s| format!("{s:.1}")),
            number(&bridge["events"]),
            number(&bridge["bytes"]),
            number(&bridge["lost"]),
            trouble.join("; "),
        ]);
    }
    super::status::columns(&lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bridges_are_shown_with_what_is_wrong() {
        let bridge = |name: &str, more: Value| {
            let mut bridge = json!({"name": name, "state": "current", "sequence": 120, "lag_events": 0, "lag_bytes": 0,
                "lag_seconds": 0.0, "events": 120, "bytes": 4096, "lost": 0, "trouble": "", "paused": null,
                "rebuild_asked": false, "rebuild_refused": "", "groups": []});
            bridge.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            bridge
        };
        let check = |more: Value, expected: &str| {
            let text = table(&json!({"bridges": [bridge("redis", more)]}));
            let line = text.lines().nth(1).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(line, expected);
        };
        check(json!({}), "redis current 120 0 0 0.0 120 4096 0");
        check(
            json!({"state": "waiting", "sequence": null, "lag_events": null, "lag_bytes": null, "lag_seconds": null, "trouble": "nobody listens there"}),
            "redis waiting ? ? ? ? 120 4096 0 nobody listens there",
        );
        check(
            json!({"state": "paused", "lag_events": 7, "lag_bytes": 1601, "lag_seconds": 1.26, "paused": {"who": "ada", "reason": "it moves", "since": "T"}}),
            "redis paused 120 7 2 1.3 120 4096 0 paused by ada since T: it moves",
        );
        check(
            json!({"rebuild_asked": true, "rebuild_refused": "groups"}),
            "redis current 120 0 0 0.0 120 4096 0 a rebuilding is asked for; not rebuilt: groups",
        );
        assert!(table(&json!({"bridges": []})).contains("no bridge is on"));
        let both = json!({"bridges": [bridge("redis", json!({})), bridge("postgres", json!({}))]});
        assert_eq!(find(&both, "postgres").unwrap()["name"], "postgres");
        let message = find(&both, "nats").unwrap_err().complaint.to_string();
        assert!(message.contains("on are: redis, postgres"), "{message}");
        let grouped = bridge("redis", json!({"groups": ["desk", "risk"]}));
        assert!(question(&grouped, true).contains("are lost: desk, risk"));
        assert!(!question(&grouped, false).contains("desk"));
        assert!(question(&bridge("postgres", json!({})), true).contains("stay as they are"));
    }

    #[test]
    fn a_name_leads_to_no_other_path() {
        let check = |name: &str, is_good: bool| assert_eq!(path(name, "pause").is_ok(), is_good, "{name}");
        check("redis", true);
        check("postgres", true);
        for bad in ["", "../kill", "a b", "redis/..", "x?y"] {
            check(bad, false);
        }
    }
}
