//! Edge: `tickpath export --journal DIR --what … --format …`.

use super::Cli;
use super::exit::{Code, Failure};
use crate::report::export::rows::RowMaker;
use crate::report::export::sink::Sink;
use crate::report::export::{Format, What};
use crate::report::number::{counted, grouped};
use crate::runtime::playback::{self, Settings};
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// The journal's folder.
    #[arg(long, value_name = "DIR")]
    pub journal: PathBuf,
    /// bbo, trades, candles, features, signals, risk, orders, fills or control.
    #[arg(long, value_parser = parse_what)]
    pub what: What,
    /// csv, jsonl or parquet.
    #[arg(long, default_value = "csv", value_parser = parse_format)]
    pub format: Format,
    /// The file to write; standard output without it.
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

fn names<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> String {
    all.iter().map(|x| name(*x)).collect::<Vec<_>>().join(", ")
}

fn parse_what(text: &str) -> Result<What, String> {
    What::from_name(text).ok_or_else(|| format!("expected one of {}", names(What::ALL, What::name)))
}

fn parse_format(text: &str) -> Result<Format, String> {
    Format::from_name(text).ok_or_else(|| format!("expected one of {}", names(Format::ALL, Format::name)))
}

/// Replays the journal through the stages, which gives every section again, and writes the rows.
///
/// # Errors
/// A journal that is not there or damaged, a file that cannot be written, or outputs that are not the recorded ones.
pub fn main(cli: &Cli, args: &ExportArgs) -> Result<Code, Failure> {
    super::must_be_journal(&args.journal)?;
    if cli.json && args.out.is_none() {
        return Err(
            Failure::new(Code::Usage, "with --json the rows need a file of their own; give --out FILE").at("--json")
        );
    }
    if args.format == Format::Parquet && args.out.is_none() {
        return Err(
            Failure::new(Code::Usage, "Parquet cannot go to standard output; give --out FILE").at("--format parquet")
        );
    }
    let mut maker = RowMaker::new(args.what, &playback::feature_names(&args.journal)?);
    let shown = args.out.as_ref().map_or_else(|| "standard output".to_owned(), |p| p.display().to_string());
    let failed = |e: std::io::Error| Failure::new(Code::Error, format!("cannot write {shown}: {e}")).at(&shown);
    let mut sink = Sink::create(args.format, &maker.columns(), args.out.as_deref()).map_err(failed)?;
    let mut rows = 0u64;
    let mut trouble: Option<std::io::Error> = None;
    let bar = super::spinner(cli.json || args.out.is_none());
    let report = playback::play(&args.journal, &Settings::Recorded, |slot, names| {
        if args.what == What::Features && names != maker.feature_names() {
            trouble = Some(std::io::Error::other(
                "the features changed between process starts of this journal; one table cannot hold both",
            ));
            return ControlFlow::Break(());
        }
        maker.rows(slot, &mut |row| {
            if trouble.is_none() {
                rows += 1;
                trouble = sink.write(&row).err();
            }
        });
        if slot.input.sequence.is_multiple_of(65_536) {
            bar.set_message(format!("{} inputs, {} rows", grouped(slot.input.sequence), grouped(rows)));
            bar.tick();
        }
        if trouble.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    bar.finish_and_clear();
    if let Some(error) = trouble {
        // A reader such as `head` that has seen enough is no failure.
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Ok(Code::Ok);
        }
        return Err(failed(error));
    }
    sink.finish().map_err(failed)?;
    if args.out.is_some() {
        if cli.json {
            crate::say!(
                "{}",
                serde_json::json!({"rows": rows, "inputs": report.replayed, "out": shown, "divergences": report.divergences, "not_recorded": report.not_recorded})
            );
        } else {
            crate::say!("{} of {} in {shown}", counted(rows, "row"), counted(report.replayed, "input"));
        }
    }
    if report.restored_only > 0 && matches!(args.what, What::Bbo | What::Trades | What::Candles | What::Features) {
        eprintln!(
            "tickpath: {} inputs lie where market data is gone (retention, or lost: see `tickpath parity`): {} has no rows before the next process start behind them",
            grouped(report.restored_only),
            args.what
        );
    }
    for loss in &report.not_recorded {
        eprintln!("tickpath: {loss}");
    }
    if report.lost > 0 {
        return Err(Failure::new(
            Code::Error,
            format!(
                "{} inputs of the journal were lost; the rows are of what is left; see `tickpath verify`",
                report.lost
            ),
        ));
    }
    if report.divergences > 0 {
        return Err(Failure::new(
            Code::Error,
            format!(
                "{} of the replayed outputs differ from the recorded ones: the rows are of the replay; see `tickpath parity`",
                report.divergences
            ),
        ));
    }
    Ok(Code::Ok)
}
