//! Edge: `tickpath verify --journal DIR`: what was altered, lost or cut off, and where.

use super::Cli;
use super::exit::{Code, Failure};
use crate::journal;
use crate::report::number::{counted, grouped};
use std::path::PathBuf;

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// The journal's folder.
    #[arg(long, value_name = "DIR")]
    pub journal: PathBuf,
}

/// Checks every record, the chain, and the continuity of the sequence.
///
/// # Errors
/// A journal that is not there or cannot be read.
pub fn main(cli: &Cli, args: &VerifyArgs) -> Result<Code, Failure> {
    super::must_be_journal(&args.journal)?;
    let bar = super::spinner(cli.json);
    let result = journal::verify(&args.journal, &mut |done, total| {
        bar.set_message(format!("{} of {} bytes", grouped(done), grouped(total)));
        bar.tick();
    })?;
    bar.finish_and_clear();
    let sound = result.is_clean();
    if cli.json {
        let mut value = serde_json::to_value(&result).map_err(|e| Failure::new(Code::Error, e))?;
        if let serde_json::Value::Object(map) = &mut value {
            map.insert("ok".to_owned(), serde_json::json!(sound));
        }
        crate::say!("{value}");
    } else {
        crate::say!(
            "{}, sequence {} to {}, epoch {}, in {} ({} bytes)",
            counted(result.records, "record"),
            result.sequence_first,
            result.sequence_last,
            result.epoch_last,
            counted(result.segments, "segment"),
            grouped(result.bytes)
        );
        if result.dropped > 0 {
            crate::say!("{} segments were dropped by retention, by its own record", result.dropped);
        }
        if result.unchained > 0 {
            crate::say!("{} records at the end are not chained yet (the writer is running, or died)", result.unchained);
        }
        if result.torn_bytes > 0 {
            crate::say!(
                "{} bytes at the end are a record that the writer died in ({}); the next start cuts them off",
                result.torn_bytes,
                result.torn_at.join(", ")
            );
        }
        for loss in &result.not_recorded {
            crate::say!("{loss}; what concerns orders is recorded all the same");
        }
        for name in &result.foreign {
            crate::say!("note   {name} is not the journal's; it is left alone");
        }
        for f in &result.findings {
            crate::say!("FAULT  {f}");
            match (f.expected.is_empty(), f.found.is_empty()) {
                (false, false) => crate::say!("       expected {}, found {}", f.expected, f.found),
                (false, true) => crate::say!("       expected {}", f.expected),
                (true, false) => crate::say!("       found {}", f.found),
                (true, true) => {}
            }
            crate::say!("       {}", f.advice);
        }
        if sound {
            crate::say!("nothing was altered, lost or cut off");
        } else {
            let kept = result.findings.len() as u64;
            let more =
                if result.findings_total > kept { format!(" (the first {kept} are shown)") } else { String::new() };
            crate::say!(
                "{}{more}; keep the folder as it is and compare with a copy",
                counted(result.findings_total, "fault")
            );
        }
    }
    Ok(if sound { Code::Ok } else { Code::Error })
}
