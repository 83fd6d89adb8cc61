//! Edge: `tickpath recover`: DEGRADED or ERROR to READY, when the inputs are good.

use super::Cli;
use super::exit::{Code, Failure};
use super::remote::{self, CommandArgs, Remote};
use serde_json::json;

/// Arguments of `recover`.
#[derive(Clone, Debug, clap::Args)]
pub struct RecoverArgs {
    /// Who, why, where.
    #[command(flatten)]
    pub command: CommandArgs,
}

/// Asks the host to recover; it never lifts a kill.
///
/// # Errors
/// [`Failure`].
pub fn main(cli: &Cli, args: &RecoverArgs) -> Result<Code, Failure> {
    let body = args.command.body(json!({}), None)?;
    let answer = Remote::new(cli, &args.command.remote)?.post("/recover", &body, &args.command)?;
    remote::finish(cli, answer, "recovered")
}
