//! Edge: `tickpath kill`: no new order of the scope from now on; what works is cancelled.

use super::Cli;
use super::exit::{Code, Failure};
use super::remote::{self, CommandArgs, Remote};
use crate::control::plane::ScopeId;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Kinds of scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ScopeKind {
    /// The whole host.
    Host,
    /// A venue.
    Venue,
    /// An instrument.
    Instrument,
    /// A strategy.
    Strategy,
}

/// Arguments of `kill`.
#[derive(Clone, Debug, clap::Args)]
pub struct KillArgs {
    /// Of what.
    #[arg(long, value_enum, default_value = "host")]
    pub scope: ScopeKind,
    /// Which venue, instrument or strategy.
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// Also close what is held.
    #[arg(long)]
    pub flatten: bool,
    /// Seconds to wait until nothing rests any more; 0 = not at all.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub wait: u64,
    /// Take the kill with this number back instead, as `status` shows it (only what was latched; what the file or the
    /// environment says stays). A newer kill stays.
    #[arg(long, value_name = "NUMBER", conflicts_with = "flatten", num_args = 0..=1, default_missing_value = "0")]
    pub release: Option<u32>,
    /// Who, why, where.
    #[command(flatten)]
    pub command: CommandArgs,
}

/// The scope of `--scope` and `--id` as one word.
///
/// # Errors
/// An id is missing, is one too many, or has characters that no id has.
pub fn scope_word(kind: ScopeKind, id: Option<&str>) -> Result<ScopeId, Failure> {
    let name = match kind {
        ScopeKind::Host if id.is_none() => return Ok(ScopeId::HOST),
        ScopeKind::Host => {
            return Err(Failure::new(
                Code::Usage,
                "--id goes with --scope venue, instrument or strategy, not with the host",
            ));
        }
        ScopeKind::Venue => "venue",
        ScopeKind::Instrument => "instrument",
        ScopeKind::Strategy => "strategy",
    };
    let Some(id) = id else {
        return Err(Failure::new(Code::Usage, format!("--scope {name} needs --id: which {name}?")));
    };
    ScopeId::parse(&format!("{name}:{id}")).ok_or_else(|| {
        Failure::new(
            Code::Usage,
            format!("`{id}` is no id: expected 1 to 48 letters, digits and . _ - (such as BTCUSDT.BINANCE_USDM)"),
        )
    })
}

/// Kills. A reason is taken if it is given, and never asked for: a kill must be quick.
///
/// # Errors
/// [`Failure`]; the message says the other ways to stop trading.
pub fn main(cli: &Cli, args: &KillArgs) -> Result<Code, Failure> {
    let scope = scope_word(args.scope, args.id.as_deref())?.to_string();
    let host = Remote::new(cli, &args.command.remote)?;
    if let Some(seen) = args.release {
        if seen == 0 {
            let what = match standing(&host.get("/state")?.body, &scope) {
                Some(number) => format!(
                    "say which kill you looked at: number {number} stands for {scope} (`tickpath status` says who and why); give --release {number}"
                ),
                None => format!("no kill of {scope} stands; there is nothing to release"),
            };
            return Err(Failure::new(Code::Usage, what));
        }
        let body = args.command.body(json!({"scope": scope, "number": seen}), None)?;
        let answer = host.post("/kill/release", &body, &args.command)?;
        return remote::finish(cli, answer, &format!("kill of {scope} released"));
    }
    let body =
        args.command.body(json!({"scope": scope, "flatten": args.flatten}), Some("killed from the command line"))?;
    let answer = host.post("/kill", &body, &args.command).map_err(|failure| {
        let other = "TRADING WAS NOT STOPPED from here. Other ways: write 1 into the file that EXECUTION_HALTED_FILE names, \
                     or end the process (kill -TERM PID), and cancel at the venue";
        Failure::new(failure.code, format!("{}\n{other}", failure.complaint))
    })?;
    let request = answer.body["request"].as_u64();
    // Which host, too: the one that was meant may listen elsewhere.
    let code = remote::finish(cli, answer, &format!("KILLED {scope} at {}", host.base()))?;
    if args.wait == 0 {
        return Ok(code);
    }
    confirm(cli, &host, &scope, request, args.flatten, Duration::from_secs(args.wait))
}

/// The number of the kill of the scope that stands, as `state` shows it.
fn standing(state: &Value, scope: &str) -> Option<u64> {
    let all = |value: &Value| value.as_array().cloned().unwrap_or_default();
    if scope == "host" {
        return all(&state["kill_switch"]["sources"]).iter().find_map(|source| source["number"].as_u64());
    }
    let (kind, id) = scope.split_once(':')?;
    let is_it = |shown: &str| {
        let (shown_kind, shown_id) = shown.split_once(':').unwrap_or((shown, ""));
        let symbol = shown_id.split('.').next().unwrap_or("");
        shown_kind == kind
            && (shown_id.eq_ignore_ascii_case(id) || kind == "instrument" && symbol.eq_ignore_ascii_case(id))
    };
    all(&state["scopes"])
        .iter()
        .filter(|held| held["scope"].as_str().is_some_and(is_it))
        .find_map(|held| held["kill"].as_u64())
}

/// Waits until nothing of the scope rests (and, after a flatten, nothing is held), and says so.
fn confirm(
    cli: &Cli,
    host: &Remote,
    scope: &str,
    request: Option<u64>,
    flat: bool,
    most: Duration,
) -> Result<Code, Failure> {
    let begun = Instant::now();
    loop {
        let state = host.get("/state")?.body;
        // What the host shows counts from the kill's own input on: before it, an order may be under way that is not shown yet.
        let is_behind = state["requests"]
            .as_array()
            .is_some_and(|all| all.iter().any(|r| r["request"].as_u64() == request && !r["sequence"].is_null()));
        let mut left = left(&state, scope, flat);
        if !is_behind {
            left.push("the kill itself, which is not in the journal yet".to_owned());
        }
        let waited = begun.elapsed();
        if left.is_empty() {
            let what = if flat { "rests, and nothing is held" } else { "rests" };
            if cli.json {
                crate::say!("{}", json!({"left": [], "flat": flat, "waited_seconds": waited.as_secs_f64()}));
            } else {
                crate::say!("no order of {scope} {what} (confirmed {:.2} s after the kill)", waited.as_secs_f64());
            }
            return Ok(Code::Ok);
        }
        if waited >= most {
            return Err(Failure::new(
                Code::TimeOut,
                format!(
                    "{scope} is killed, but after {} s this is left: {}; look at `tickpath status`, and at the venue: `tickpath runbook kill`",
                    most.as_secs(),
                    left.join(", ")
                ),
            ));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Instruments of the scope in which something rests or is under way, or, if all must be `flat`, is held.
fn left(state: &Value, scope: &str, flat: bool) -> Vec<String> {
    let all = state["exposures"].as_array().map_or(&[][..], Vec::as_slice);
    let is_in = |name: &str| match scope.split_once(':') {
        Some(("instrument", id)) => {
            name.eq_ignore_ascii_case(id) || name.split('.').next().is_some_and(|s| s.eq_ignore_ascii_case(id))
        }
        Some(("venue", id)) => name.rsplit('.').next().is_some_and(|venue| venue.eq_ignore_ascii_case(id)),
        // There is one strategy, and it has all orders.
        _ => true,
    };
    // What cannot be read counts as not zero.
    let is_zero = |value: &Value| value.as_str().is_some_and(|text| text.bytes().all(|b| matches!(b, b'0' | b'.')));
    all.iter()
        .filter(|held| {
            !is_zero(&held["open_buy"]) || !is_zero(&held["open_sell"]) || flat && !is_zero(&held["position"])
        })
        .filter_map(|held| held["instrument"].as_str())
        .filter(|name| is_in(name))
        .map(ToOwned::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rests_is_that_of_the_scope() {
        let held = |name: &str, position: &str, buy: &str| json!({"instrument": name, "position": position, "open_buy": buy, "open_sell": "0"});
        let state = json!({"exposures": [
            held("A.SIM", "0", "1.5"), held("B.SIM", "-2", "0.1"), held("A.BINANCE", "0", "3"), held("C.SIM", "0.01", "0.00"),
        ]});
        let check = |scope: &str, expected: &[&str]| assert_eq!(left(&state, scope, false), expected, "{scope}");
        assert_eq!(left(&state, "instrument:C.SIM", true), ["C.SIM"], "held");
        assert_eq!(
            left(&json!({"exposures": [{"instrument": "X"}]}), "host", false),
            ["X"],
            "not known is not nothing"
        );
        check("host", &["A.SIM", "B.SIM", "A.BINANCE"]);
        check("strategy:0", &["A.SIM", "B.SIM", "A.BINANCE"]);
        check("venue:sim", &["A.SIM", "B.SIM"]);
        check("instrument:a", &["A.SIM", "A.BINANCE"]);
        check("instrument:A.SIM", &["A.SIM"]);
        check("instrument:C", &[]);
    }

    #[test]
    fn scopes_are_joined_and_checked() {
        let word =
            |kind, id: Option<&str>| scope_word(kind, id).map(|s| s.to_string()).map_err(|f| f.complaint.to_string());
        assert_eq!(word(ScopeKind::Host, None).unwrap(), "host");
        assert_eq!(word(ScopeKind::Instrument, Some("A.B")).unwrap(), "instrument:A.B");
        assert!(word(ScopeKind::Host, Some("x")).unwrap_err().contains("not with the host"));
        assert!(word(ScopeKind::Venue, None).unwrap_err().contains("needs --id"));
        assert!(word(ScopeKind::Strategy, Some("a b")).unwrap_err().contains("is no id"));
    }
}
