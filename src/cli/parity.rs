//! Edge: `tickpath parity --journal DIR`: the journal through the stages again, compared input by input.

use super::Cli;
use super::exit::{Code, Failure};
use crate::event::digest::SECTION_NAMES;
use crate::report::number::{counted, grouped};
use crate::runtime::divergence::Divergence;
use crate::runtime::playback::{self, Settings};
use std::path::PathBuf;

/// Arguments of `parity`. With `--config` all process starts are replayed with that configuration instead of the one that
/// each was recorded with: what would it have changed?
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
    let same = report.divergences == 0 && report.lost == 0;
    if cli.json {
        let mut value = serde_json::to_value(&report).map_err(|e| Failure::new(Code::Error, e))?;
        if let serde_json::Value::Object(map) = &mut value {
            map.insert("ok".to_owned(), serde_json::json!(same));
        }
        crate::say!("{value}");
    } else {
        crate::say!(
            "{} replayed over {}, up to sequence {}; output hash {}",
            counted(report.replayed, "input"),
            counted(report.epochs, "process start"),
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
                let sections: Vec<String> = SECTION_NAMES
                    .iter()
                    .filter_map(|name| Some(format!("{name} {}", grouped(*report.by_section.get(name)?))))
                    .collect();
                crate::say!("{} inputs DIFFER; by section: {}", grouped(report.divergences), sections.join(", "));
                crate::say!("{}", account(first).trim_end());
            }
        }
    }
    Ok(if same { Code::Ok } else { Code::Error })
}

/// A divergence for people: where, on what, and each field that differs.
fn account(first: &Divergence) -> String {
    use std::fmt::Write as _;
    let instrument = first.instrument.as_ref().map_or_else(String::new, |name| format!(" of {name}"));
    let cause = first.caused_by.map_or_else(String::new, |trace| format!(", which input {trace} had led to"));
    let time = jiff::Timestamp::from_nanosecond(i128::from(first.ts_recv))
        .map_or_else(|_| first.ts_recv.to_string(), |t| t.to_string());
    // Writing to a String cannot fail.
    let mut text = String::new();
    let _ = writeln!(
        text,
        "the first at sequence {} (epoch {}), on the input `{}`{instrument}{cause}, at {time}",
        first.sequence, first.epoch, first.kind
    );
    let width = first.fields.iter().map(|f| f.field.len()).max().unwrap_or(0);
    for section in &first.sections {
        let fields: Vec<_> = first.fields.iter().filter(|f| f.section == *section).collect();
        if fields.iter().any(|f| f.recorded.is_some()) {
            let _ = writeln!(
                text,
                "  {section}: {} field{} differ{}",
                fields.len(),
                if fields.len() == 1 { "" } else { "s" },
                if fields.len() == 1 { "s" } else { "" }
            );
        } else {
            let _ = writeln!(
                text,
                "  {section}: differs; the journal keeps only a digest of it here, so this is what the replay gave"
            );
        }
        for f in fields {
            let _ = match &f.recorded {
                Some(recorded) => {
                    writeln!(text, "    {:<width$}  recorded {recorded}, replayed {}", f.field, f.replayed)
                }
                None => writeln!(text, "    {:<width$}  {}", f.field, f.replayed),
            };
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::divergence::FieldDifference;

    #[test]
    fn a_divergence_is_told_field_by_field() {
        let field = |section, field: &str, recorded: Option<&str>| FieldDifference {
            section,
            field: field.to_owned(),
            recorded: recorded.map(ToOwned::to_owned),
            replayed: "2".to_owned(),
        };
        let text = account(&Divergence {
            sequence: 9,
            epoch: 1,
            kind: "report",
            caused_by: Some(4),
            ts_recv: 1_700_000_000_000_000_001,
            instrument: Some("ABC.SIM".to_owned()),
            sections: vec!["features", "risk"],
            fields: vec![field("features", "spread", None), field("risk", "px", Some("1"))],
        });
        for part in [
            "sequence 9 (epoch 1), on the input `report` of ABC.SIM, which input 4 had led to, at 2023-11-14T22:13:20.000000001Z",
            "features: differs; the journal keeps only a digest",
            "    spread  2\n",
            "risk: 1 field differs",
            "    px      recorded 1, replayed 2",
        ] {
            assert!(text.contains(part), "`{part}` is not in\n{text}");
        }
    }
}
