//! Edge: `tickpath kill`: no new order of the scope from now on; what works is cancelled.

use super::Cli;
use super::exit::{Code, Failure};
use super::remote::{self, CommandArgs, Remote};
use crate::control::plane::ScopeId;
use serde_json::json;

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
    /// Take a kill back instead (only what a command latched; what the file or the environment says stays).
    #[arg(long, conflicts_with = "flatten")]
    pub release: bool,
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
    if args.release {
        let body = args.command.body(json!({"scope": scope}), None)?;
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
    remote::finish(cli, answer, &format!("KILLED {scope}"))
}

#[cfg(test)]
mod tests {
    use super::*;

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
