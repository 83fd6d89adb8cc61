//! Edge: `tickpath limits show|set`: the limits in force, and their change by somebody who may.

use super::Cli;
use super::exit::{Code, Failure};
use super::kill::{ScopeKind, scope_word};
use super::remote::{self, CommandArgs, Remote, RemoteArgs};
use serde_json::{Value, json};

/// Arguments of `limits`.
#[derive(Clone, Debug, clap::Args)]
pub struct LimitsArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: LimitsVerb,
}

/// What to do with limits.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum LimitsVerb {
    /// Show all limits with what is used of them.
    Show(RemoteArgs),
    /// Change one.
    Set(Box<SetArgs>),
}

/// Arguments of `limits set`.
#[derive(Clone, Debug, clap::Args)]
pub struct SetArgs {
    /// Its name, as `limits show` has it.
    pub name: String,
    /// What it is to be, in whole units, such as 40000 or 0.5.
    #[arg(long, value_name = "VALUE")]
    pub to: String,
    /// What you believe it is now; if it is something else by then, nothing is changed. Default: what the host says now.
    #[arg(long, value_name = "VALUE")]
    pub old: Option<String>,
    /// Of what.
    #[arg(long, value_enum, default_value = "host")]
    pub scope: ScopeKind,
    /// Which venue, instrument or strategy.
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// Who, why, where.
    #[command(flatten)]
    pub command: CommandArgs,
}

/// Shows or changes limits.
///
/// # Errors
/// [`Failure`].
pub fn main(cli: &Cli, args: &LimitsArgs) -> Result<Code, Failure> {
    match &args.verb {
        LimitsVerb::Show(remote) => {
            let body = Remote::new(cli, remote)?.read("/limits")?;
            if cli.json {
                crate::say!("{body}");
            } else {
                crate::say!("{}", table(&body).trim_end());
            }
            Ok(Code::Ok)
        }
        LimitsVerb::Set(args) => set(cli, args),
    }
}

fn set(cli: &Cli, args: &SetArgs) -> Result<Code, Failure> {
    let scope = scope_word(args.scope, args.id.as_deref())?.to_string();
    let reason = args.command.body(json!({}), None)?;
    let host = Remote::new(cli, &args.command.remote)?;
    let old = match &args.old {
        Some(old) => old.clone(),
        None => current(&host.read("/limits")?, &args.name, &scope)?,
    };
    let mut body = json!({"limit": args.name, "scope": scope, "old": old, "new": args.to});
    if let (Some(body), Some(reason)) = (body.as_object_mut(), reason.as_object()) {
        body.extend(reason.clone());
    }
    let answer = host.post("/limits", &body, &args.command)?;
    remote::finish(cli, answer, &format!("{} of {scope}: {old} to {}", args.name, args.to))
}

/// What a limit is now.
fn current(limits: &Value, name: &str, scope: &str) -> Result<String, Failure> {
    let rows = limits["limits"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = rows.iter().find(|row| row["limit"] == name && row["scope"] == scope);
    found.and_then(|row| row["value"].as_str()).map(ToOwned::to_owned).ok_or_else(|| {
        let names = rows.iter().filter_map(|row| row["limit"].as_str());
        let nearest = names.max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
        let hint = nearest.map(|n| format!("; did you mean {n}?")).unwrap_or_default();
        Failure::new(
            Code::Usage,
            format!("the host has no limit {name} of {scope}{hint} `tickpath limits show` has all"),
        )
    })
}

/// The limits for people.
fn table(body: &Value) -> String {
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or("").to_owned();
    let mut lines = vec![["limit", "scope", "value", "used", "left", "unit", "changed"].map(ToOwned::to_owned)];
    for row in body["limits"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let changed = match (row["changed_by"].as_str(), row["changed_at"].as_str(), row["was"].as_str()) {
            (Some(who), Some(at), Some(was)) => format!("by {who} at {at}, was {was}"),
            _ => String::new(),
        };
        let cells = ["limit", "scope", "value", "used", "headroom", "unit"].map(|key| text(row, key));
        let [a, b, c, d, e, f] = cells;
        lines.push([a, b, c, d, e, f, changed]);
    }
    super::status::columns(&lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_shown_and_found() {
        let body = json!({"limits": [
            {"limit": "A_MAX", "scope": "host", "value": "5", "used": "2", "headroom": "3", "unit": "orders"},
            {"limit": "B_MAX", "scope": "host", "value": "0.5", "used": null, "headroom": null, "unit": "lots",
             "changed_by": "ada", "changed_at": "T", "was": "1"},
        ]});
        let text = table(&body);
        assert!(text.contains("A_MAX  host   5      2     3     orders\n"), "{text}");
        assert!(text.contains("by ada at T, was 1"), "{text}");
        assert_eq!(current(&body, "B_MAX", "host").unwrap(), "0.5");
        let message = current(&body, "B_MIX", "host").unwrap_err().complaint.to_string();
        assert!(message.contains("did you mean B_MAX?"), "{message}");
        assert!(current(&body, "B_MAX", "venue:x").is_err());
    }
}
