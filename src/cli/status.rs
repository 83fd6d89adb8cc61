//! Edge: `tickpath status`: where a running host stands, on one screen.

use super::Cli;
use super::exit::{Code, Failure};
use super::remote::{self, Remote, RemoteArgs};
use serde_json::{Value, json};

/// Arguments of `status`.
#[derive(Clone, Debug, clap::Args)]
pub struct StatusArgs {
    /// Where the host is.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// Shows the state, health and agents of a host. Exit code 0 if it answers, whatever it says of itself: programs read
/// `--json`, or the probes.
///
/// # Errors
/// [`Failure`].
pub fn main(cli: &Cli, args: &StatusArgs) -> Result<Code, Failure> {
    let host = Remote::new(cli, &args.remote)?;
    let state = read(&host, "/state")?;
    let health = read(&host, "/health")?;
    let agents = read(&host, "/agents")?;
    if cli.json {
        crate::say!("{}", json!({"state": state, "health": health, "agents": agents["agents"]}));
    } else {
        crate::say!("{}", overview(&state, &health, &agents).trim_end());
    }
    Ok(Code::Ok)
}

/// A probe that says 503 says it with the same body.
fn read(host: &Remote, path: &str) -> Result<Value, Failure> {
    let answer = host.get(path)?;
    match answer.status {
        200 | 503 => Ok(answer.body),
        status => Err(remote::refusal(status, &answer.body)),
    }
}

/// `lines` with their cells in columns.
pub fn columns<const N: usize>(lines: &[[String; N]]) -> String {
    let widths: [usize; N] =
        std::array::from_fn(|i| lines.iter().map(|line| line[i].chars().count()).max().unwrap_or(0));
    let mut out = String::new();
    for line in lines {
        let cells: Vec<String> = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or("?")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn words(value: &Value) -> String {
    list(value).iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

fn seconds(value: &Value) -> String {
    value.as_f64().map_or_else(|| "unknown".to_owned(), |s| format!("{s:.3} s"))
}

fn overview(state: &Value, health: &Value, agents: &Value) -> String {
    let mut lines: Vec<[String; 2]> = Vec::new();
    let mut line = |name: &str, value: String| lines.push([name.to_owned(), value]);
    let see = |name: &str| format!("(tickpath runbook {name})");
    line(
        "host",
        format!(
            "{}  version {}  build {}  epoch {}  up {}",
            text(state, "host"),
            text(health, "version"),
            text(health, "build"),
            health["epoch"],
            seconds(&health["uptime_seconds"]),
        ),
    );
    let at_work = if state["state"] == "READY" { String::new() } else { see(text(state, "runbook")) };
    line("state", format!("{}  mode {}  {at_work}", text(state, "state"), text(state, "mode")));
    if let Some(last) = state["last_transition"].as_object() {
        let last = Value::Object(last.clone());
        line(
            "since",
            format!(
                "{}: {} to {} by {}",
                text(&last, "at"),
                text(&last, "from"),
                text(&last, "to"),
                text(&last, "trigger")
            ),
        );
    }
    if let Some(retry) = state["retry_in_seconds"].as_u64() {
        line("next try", format!("in {retry} s"));
    }
    kill(&mut line, &state["kill_switch"]);
    let data = &state["marketdata"];
    let fresh = if data["ok"] == true { "fresh".to_owned() } else { format!("STALE {}", see("marketdata_stale")) };
    let forced = if data["forced_stale"] == true { ", forced" } else { "" };
    line(
        "market data",
        format!(
            "{fresh}: age {} of at most {}{forced}",
            seconds(&data["age_seconds"]),
            seconds(&data["max_age_seconds"])
        ),
    );
    if state["gate"]["open"] == true {
        line("gate", "open".to_owned());
    }
    for reason in list(&state["gate"]["reasons"]) {
        line("gate closed", format!("{} {}", text(reason, "name"), see(text(reason, "runbook"))));
    }
    let routing = &state["broker_routing"];
    let allowed = if routing["allowed"] == true {
        "ALLOWED".to_owned()
    } else {
        format!("barred: {}", words(&routing["missing"]))
    };
    line("real venue", allowed);
    for scope in list(&state["scopes"]) {
        line(
            "scope",
            format!(
                "{} is {}{}: {}",
                text(scope, "scope"),
                text(scope, "state"),
                scope["kill"].as_u64().map_or_else(String::new, |n| format!(" by kill number {n}")),
                text(scope, "reason")
            ),
        );
    }
    for alert in list(&state["alerts"]) {
        line(
            "ALERT",
            format!(
                "{} since {}: {} {}",
                text(alert, "name"),
                text(alert, "since"),
                text(alert, "detail"),
                see(text(alert, "runbook"))
            ),
        );
    }
    for held in list(&state["exposures"]) {
        line(
            "held",
            format!(
                "{}: position {}, open buys {}, open sells {}",
                text(held, "instrument"),
                text(held, "position"),
                text(held, "open_buy"),
                text(held, "open_sell")
            ),
        );
    }
    line(
        "figures",
        format!(
            "sequence {} (journaled {})  orders {} ({} open)  fills {}  refused {}",
            health["sequence"],
            health["journaled_sequence"],
            health["orders"],
            health["open_orders"],
            health["fills"],
            health["refused"],
        ),
    );
    for key in ["faults", "warnings"] {
        for what in list(&health[key]).iter().filter_map(Value::as_str) {
            line(key.trim_end_matches('s'), what.to_owned());
        }
    }
    for agent in list(&agents["agents"]) {
        let now = match (agent["live"] == true, agent["ready"] == true) {
            (true, true) => "ready",
            (true, false) => "NOT READY",
            _ => "DOWN",
        };
        line("agent", format!("{} {now} {}", text(agent, "name"), text(agent, "detail")));
    }
    if health["agents"].is_object() {
        let watch = &health["agents"];
        let down: Vec<&str> = list(&watch["down"]).iter().map(|agent| text(agent, "agent")).collect();
        let down = if down.is_empty() { "none down".to_owned() } else { format!("DOWN: {}", down.join(", ")) };
        let trouble = text(watch, "trouble");
        let heard = if watch["hears"] == true { String::new() } else { format!("  cannot hear: {trouble}") };
        line("watch", format!("{} agents, {down}{heard}", watch["watched"]));
    }
    for request in list(&state["requests"]).iter().take(5) {
        line(
            "command",
            format!(
                "{} {} of {} by {}: {} ({})",
                text(request, "at"),
                text(request, "action"),
                text(request, "scope"),
                text(request, "who"),
                text(request, "reason"),
                text(request, "status"),
            ),
        );
    }
    columns(&lines)
}

fn kill(line: &mut impl FnMut(&str, String), switch: &Value) {
    let sources = list(&switch["sources"]);
    if switch["halted"] != true && sources.is_empty() {
        line("kill switch", "off".to_owned());
    }
    for source in sources {
        let halted = if switch["halted"] == true { "HALTED" } else { "bars a real venue" };
        let number = source["number"].as_u64().map_or_else(String::new, |n| format!(" as number {n}"));
        let latched = if source["latched"] == true { format!(", latched{number}") } else { String::new() };
        let by = match (text(source, "who"), text(source, "reason")) {
            ("", "") => String::new(),
            (who, reason) => format!(", by {who}: {reason}"),
        };
        line("kill switch", format!("{halted} by {}{latched}{by} (tickpath runbook kill)", text(source, "name")));
    }
    if switch["halted"] == true && sources.is_empty() {
        line("kill switch", "HALTED (tickpath runbook kill)".to_owned());
    }
}
