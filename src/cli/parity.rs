//! Edge: `tickpath parity --journal DIR`: the journal through the stages again, compared input by input.

use super::Cli;
use super::exit::{Code, Failure};
use crate::journal::Reader;
use crate::report::number::grouped;
use crate::runtime::{host, playback};
use std::path::PathBuf;

/// Arguments of `parity`.
#[derive(Debug, clap::Args)]
pub struct ParityArgs {
    /// The journal's folder.
    #[arg(long, value_name = "DIR")]
    pub journal: PathBuf,
}

/// Replays the journal with the configuration that it was written with.
///
/// # Errors
/// A journal that is not there or damaged.
pub fn main(cli: &Cli, args: &ParityArgs) -> Result<Code, Failure> {
    super::must_be_journal(&args.journal)?;
    let config = host::config_of(&args.journal)?;
    let mut stages = host::stages(&config)?;
    let mut reader = Reader::open(&args.journal)?;
    let bar = super::spinner(cli.json);
    let report = playback::play(&mut reader, &mut stages, |slot, _| {
        if slot.input.sequence.is_multiple_of(65_536) {
            bar.set_message(format!("{} inputs", grouped(slot.input.sequence)));
            bar.tick();
        }
        std::ops::ControlFlow::Continue(())
    })?;
    bar.finish_and_clear();
    if cli.json {
        let text = serde_json::to_string(&report).map_err(|e| Failure::new(Code::Error, e))?;
        println!("{text}");
    } else {
        println!(
            "{} inputs replayed over {} epoch(s), up to sequence {}; output hash {}",
            grouped(report.replayed),
            report.epochs,
            report.last_sequence,
            report.output_hash
        );
        if report.restored_only > 0 {
            println!(
                "{} inputs lie where market data was dropped by retention: positions and orders were carried over them",
                grouped(report.restored_only)
            );
        }
        match &report.first_divergence {
            None => println!("no divergence: every output is what was recorded, bit for bit"),
            Some(first) => {
                println!(
                    "{} divergences; the first at sequence {} (epoch {}, {}, instrument {}): {} differ",
                    report.divergences,
                    first.sequence,
                    first.epoch,
                    first.kind,
                    first.instrument,
                    first.sections.join(", ")
                );
                if let Some(recorded) = &first.recorded {
                    println!("recorded: {recorded}");
                }
                println!("replayed: {}", first.replayed);
            }
        }
    }
    Ok(if report.divergences == 0 { Code::Ok } else { Code::Error })
}
