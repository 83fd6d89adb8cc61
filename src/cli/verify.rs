//! Edge: `tickpath verify --journal DIR`: what was altered, lost or cut off, and where.

use super::Cli;
use super::exit::{Code, Failure};
use crate::journal;
use crate::report::number::grouped;
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
    let sound = result.is_sound();
    if cli.json {
        let mut value = serde_json::to_value(&result).map_err(|e| Failure::new(Code::Error, e))?;
        if let serde_json::Value::Object(map) = &mut value {
            map.insert("ok".to_owned(), serde_json::json!(sound));
        }
        println!("{value}");
    } else {
        println!("{result}");
    }
    Ok(if sound { Code::Ok } else { Code::Error })
}
