//! Edge: `tickpath parity --journal DIR`: the journal through the stages again, compared input by input.

use super::Cli;
use super::exit::{Code, Failure};
use crate::report::number::grouped;
use crate::runtime::playback::{self, Settings};
use std::path::PathBuf;

/// Arguments of `parity`.
#[derive(Debug, clap::Args)]
pub struct ParityArgs {
    /// The journal's folder.
    #[arg(long, value_name = "DIR")]
    pub journal: PathBuf,
}

/// Replays the journal with the configuration that each epoch ran with, or with the one given by `--config`.
///
/// # Errors
/// A journal that is not there or damaged.
pub fn main(cli: &Cli, args: &ParityArgs) -> Result<Code, Failure> {
    super::must_be_journal(&args.journal)?;
    let given = cli.config.as_deref().map(|path| crate::config::load(Some(path), std::iter::empty())).transpose()?;
    let settings = given.as_ref().map_or(Settings::Recorded, |loaded| Settings::Given(&loaded.config));
    let bar = super::spinner(cli.json);
    let report = playback::play(&args.journal, &settings, |slot, _| {
        if slot.input.sequence.is_multiple_of(65_536) {
            bar.set_message(format!("{} inputs", grouped(slot.input.sequence)));
            bar.tick();
        }
        std::ops::ControlFlow::Continue(())
    })?;
    bar.finish_and_clear();
    if cli.json {
        let text = serde_json::to_string(&report).map_err(|e| Failure::new(Code::Error, e))?;
        crate::say!("{text}");
    } else {
        crate::say!(
            "{} inputs replayed over {} epoch(s), up to sequence {}; output hash {}",
            grouped(report.replayed),
            report.epochs,
            report.last_sequence,
            report.output_hash
        );
        if report.restored_only > 0 {
            crate::say!(
                "{} inputs lie where market data was dropped by retention: positions and orders were carried over them",
                grouped(report.restored_only)
            );
        }
        for loss in &report.not_recorded {
            crate::say!("{loss}");
        }
        if report.lost > 0 {
            crate::say!(
                "{} inputs are in neither log: they were LOST (a full disk, a power cut); see `tickpath verify`",
                grouped(report.lost)
            );
        }
        match &report.first_divergence {
            None if report.lost > 0 => crate::say!("no divergence in what is left"),
            None => crate::say!("no divergence: every output is what was recorded, bit for bit"),
            Some(first) => {
                crate::say!(
                    "{} divergences; the first at sequence {} (epoch {}, {}, instrument {}): {} differ",
                    report.divergences,
                    first.sequence,
                    first.epoch,
                    first.kind,
                    first.instrument,
                    first.sections.join(", ")
                );
                if let Some(recorded) = &first.recorded {
                    crate::say!("recorded: {recorded}");
                }
                crate::say!("replayed: {}", first.replayed);
            }
        }
    }
    Ok(if report.divergences == 0 && report.lost == 0 { Code::Ok } else { Code::Error })
}
