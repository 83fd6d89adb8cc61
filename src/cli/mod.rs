//! Edge: assembly: one file per verb; arguments, exit codes.

/// Prints a line on standard output. A reader that went away (`| head`) must never end or alter a run, so that is no error.
#[macro_export]
macro_rules! say {
    ($($arg:tt)*) => {{
        use std::io::Write as _;
        // Told nowhere: there is nobody left to tell.
        drop(writeln!(std::io::stdout(), $($arg)*));
    }};
}

pub mod bridge;
pub mod check;
pub mod doctor;
pub mod enable;
pub mod events;
pub mod exit;
pub mod export;
pub mod init;
pub mod schema;
pub mod kill;
pub mod limits;
pub mod migrate;
pub mod parity;
pub mod recover;
pub mod remote;
pub mod replay;
pub mod run;
pub mod runbook;
pub mod status;
pub mod stop;
pub mod usage;
pub mod verify;

use crate::report::{latency, summary};
use crate::runtime::host::Outcome;
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};

/// A trading host: market data → features → signals → risk → execution, with a journal that replays bit for bit.
///
/// Without a command it runs the main job: the generated market on the simulated venue. It reaches no real venue.
#[derive(Debug, Parser)]
#[command(
    name = "tickpath",
    version,
    args_conflicts_with_subcommands = false,
    after_help = "Exit codes: 0 done, 1 failed or found something, 2 wrong arguments or no such file, 4 configuration.\n\
                  With --json an error is one object too: {\"error\": {what, where, expected, hint, exit_code}}."
)]
pub struct Cli {
    /// Configuration file (TOML); without it the embedded default.
    #[arg(long, short, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print one JSON object instead of text for people.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do; nothing = `run`.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the main job: the generated market on the simulated venue, paper mode (also without any command).
    Run(run::RunArgs),
    /// Replay recorded captures through all stages.
    Replay(replay::ReplayArgs),
    /// Write what a journal holds as CSV, JSON lines or Parquet.
    Export(export::ExportArgs),
    /// Show a journal's events as JSON lines, as the mirrors have them; with --follow as they come.
    Events(events::EventsArgs),
    /// Replay a journal and show the first place where the outputs differ from the recorded ones.
    ///
    /// With --config all of it is replayed with that configuration, not with the recorded one: what would it have changed?
    Parity(parity::ParityArgs),
    /// Bring the schema of the database in `DATABASE_URL` up to date, or say what it lacks.
    Migrate(migrate::MigrateArgs),
    /// Check a journal: what was altered, lost or cut off, and where.
    Verify(verify::VerifyArgs),
    /// Show the resolved configuration; unknown keys are refused.
    Check(check::CheckArgs),
    /// Write a configuration file to start from.
    Init(init::InitArgs),
    /// The messages to and from agents as JSON Schema; the page of channels, keys and tables.
    Schema(schema::SchemaArgs),
    /// Look at this machine: cores, clock, memory, disk, and what to do about each.
    Doctor(doctor::DoctorArgs),
    /// Show where a running host stands.
    Status(status::StatusArgs),
    /// End a running host in order.
    Stop(stop::StopArgs),
    /// DEGRADED or ERROR to READY, when the inputs are good; never lifts a kill.
    Recover(recover::RecoverArgs),
    /// Show the limits of a running host, or change one.
    Limits(limits::LimitsArgs),
    /// Show the bridges of a running host, pause or resume one, or write its store again.
    Bridge(bridge::BridgeArgs),
    /// The kill switch: no new orders of a strategy, venue, instrument or the host; working ones are cancelled.
    Kill(kill::KillArgs),
    /// What an alert, gate reason, state or refusal means and what to do.
    Runbook(runbook::RunbookArgs),
    /// Enable LIVE: two people approve one record. Ask, approve, look, take back.
    #[command(long_about = enable::LONG_ABOUT)]
    Enable(enable::EnableArgs),
}

/// Runs the command; the exit code is stable: see [`exit`].
pub fn main(cli: &Cli) -> exit::Code {
    let result = match &cli.command {
        None => run::main(cli, &run::RunArgs::default()),
        Some(Command::Run(args)) => run::main(cli, args),
        Some(Command::Replay(args)) => replay::main(cli, args),
        Some(Command::Export(args)) => export::main(cli, args),
        Some(Command::Events(args)) => events::main(cli, args),
        Some(Command::Parity(args)) => parity::main(cli, args),
        Some(Command::Migrate(args)) => migrate::main(cli, args),
        Some(Command::Verify(args)) => verify::main(cli, args),
        Some(Command::Check(args)) => check::main(cli, args),
        Some(Command::Init(args)) => init::main(cli, args),
        Some(Command::Schema(args)) => schema::main(args),
        Some(Command::Doctor(args)) => doctor::main(cli, args),
        Some(Command::Status(args)) => status::main(cli, args),
        Some(Command::Stop(args)) => stop::main(cli, args),
        Some(Command::Recover(args)) => recover::main(cli, args),
        Some(Command::Limits(args)) => limits::main(cli, args),
        Some(Command::Bridge(args)) => bridge::main(cli, args),
        Some(Command::Kill(args)) => kill::main(cli, args),
        Some(Command::Runbook(args)) => runbook::main(cli, args),
        Some(Command::Enable(args)) => enable::main(cli, args),
    };
    result.unwrap_or_else(|error| error.tell(cli.json))
}

/// Prints the summary of a run, writes its latency files, and says how it ended.
///
/// # Errors
/// The latency files cannot be written.
pub fn finish(cli: &Cli, outcome: &Outcome, latency_dir: Option<&Path>) -> Result<exit::Code, exit::Failure> {
    if cli.json {
        crate::say!("{}", summary::to_json(outcome));
    } else {
        crate::say!("{}", summary::to_text(outcome).trim_end());
    }
    for line in summary::complaints(outcome) {
        eprintln!("tickpath: {line}");
    }
    if let Some(dir) = latency_dir {
        let written = latency::write_files(&outcome.view.latency, dir).map_err(|e| {
            exit::Failure::new(exit::Code::Error, format!("cannot write the latency files to {}: {e}", dir.display()))
        })?;
        if !cli.json && !written.is_empty() {
            crate::say!("latency plot and {} histograms in {}", written.len() - 1, dir.display());
        }
    }
    let clean = outcome.problems.is_clean()
        && outcome.not_approved == 0
        && outcome.not_encodable == 0
        && outcome.view.differences.is_empty();
    Ok(if clean { exit::Code::Ok } else { exit::Code::Error })
}

/// Refuses a folder that holds no journal, before anything is created in it.
///
/// # Errors
/// Exit code 2.
pub fn must_be_journal(dir: &Path) -> Result<(), exit::Failure> {
    if dir.join("audit").is_dir() {
        return Ok(());
    }
    let what = if dir.exists() { "holds no journal (no `audit` folder in it)" } else { "does not exist" };
    Err(exit::Failure::new(
        exit::Code::Usage,
        format!("{} {what}; give the folder that `tickpath run` or `tickpath replay --journal` wrote", dir.display()),
    )
    .at(dir.display()))
}

/// A spinner for work of unknown length; hidden where nobody looks.
pub fn spinner(quiet: bool) -> indicatif::ProgressBar {
    use std::io::IsTerminal;
    if quiet || !std::io::stderr().is_terminal() {
        indicatif::ProgressBar::hidden()
    } else {
        indicatif::ProgressBar::new_spinner()
    }
}
