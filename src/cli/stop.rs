//! Edge: `tickpath stop`: ends a running host in order, and waits until it is gone.

use super::Cli;
use super::exit::{Code, Failure};
use super::remote::{self, CommandArgs, Remote};
use serde_json::json;
use std::time::{Duration, Instant};

/// Arguments of `stop`.
#[derive(Clone, Debug, clap::Args)]
pub struct StopArgs {
    /// Who, why, where.
    #[command(flatten)]
    pub command: CommandArgs,
    /// Do not wait until the host is gone.
    #[arg(long)]
    pub no_wait: bool,
}

/// Pause between two looks at whether it is gone.
const POLL: Duration = Duration::from_millis(100);

/// Asks the host to end.
///
/// # Errors
/// [`Failure`]; code 5 if it was asked but does not end within `--timeout`.
pub fn main(cli: &Cli, args: &StopArgs) -> Result<Code, Failure> {
    let body = args.command.body(json!({}), Some("stopped from the command line"))?;
    let host = Remote::new(cli, &args.command.remote)?;
    let answer = host.post("/stop", &body, &args.command)?;
    let code = remote::finish(cli, answer, "stop")?;
    if args.no_wait {
        return Ok(code);
    }
    let until = Instant::now() + Duration::from_secs(args.command.remote.timeout);
    while Instant::now() < until {
        match host.get("/live") {
            Err(failure) if failure.code == Code::NotRunning => return Ok(code),
            // A connection that is cut off by the end is followed by one that is refused.
            _ => std::thread::sleep(POLL),
        }
    }
    Err(Failure::new(
        Code::TimeOut,
        format!("{} was asked to stop but still answers; `tickpath runbook shutdown` says what to do", host.base()),
    ))
}
