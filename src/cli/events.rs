//! Edge: `tickpath events`: what a journal holds, event by event, as the bridges tell it; also while it is written.

use super::Cli;
use super::exit::{Code, Failure};
use crate::acp::event::{FIELDS, Texts};
use crate::bridge::id::Id;
use crate::bridge::tail::Tail;
use crate::journal::Entry;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Between two looks for more.
const POLL: Duration = Duration::from_millis(20);

/// Arguments of `events`.
#[derive(Debug, clap::Args)]
pub struct EventsArgs {
    /// The journal's folder; default: the main job's (`[host] data_dir`).
    #[arg(long, value_name = "DIR")]
    pub journal: Option<PathBuf>,
    /// Go on as events come, until Ctrl-C.
    #[arg(long, short)]
    pub follow: bool,
    /// From this sequence on.
    #[arg(long, value_name = "SEQUENCE", default_value_t = 1)]
    pub from: u64,
    /// Only types that begin so, such as `venue.` or `market.trade`; may be given again.
    #[arg(long = "type", value_name = "PREFIX")]
    pub types: Vec<String>,
    /// End after this many events; 0 = no limit.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub events: u64,
}

/// One JSON object, on a line: the fields of the event stream, with `epoch`, numbers as numbers, and `data` as an object.
fn write_line(out: &mut impl Write, epoch: u64, values: &[&[u8]]) -> std::io::Result<()> {
    for (at, (name, value)) in FIELDS.iter().zip(values).enumerate() {
        out.write_all(if at == 0 { b"{" } else { b"," })?;
        write!(out, "\"{name}\":")?;
        match *name {
            "sequence" | "data" => out.write_all(value)?,
            "instrument" if value.is_empty() => out.write_all(b"null")?,
            _ => serde_json::to_writer(&mut *out, &String::from_utf8_lossy(value))?,
        }
    }
    writeln!(out, ",\"epoch\":{epoch}}}")
}

/// Writes the events as JSON lines.
///
/// # Errors
/// A journal that is not there, or cannot be read.
pub fn main(cli: &Cli, args: &EventsArgs) -> Result<Code, Failure> {
    let config = crate::config::load(cli.config.as_deref(), std::env::vars())?.config;
    let dir = args.journal.clone().unwrap_or_else(|| config.host.data_dir.clone());
    super::must_be_journal(&dir)?;
    // Whatever process start it belongs to.
    let before = Id { epoch: u64::MAX, sequence: args.from.saturating_sub(1) };
    let before = if before.sequence == 0 { Id::default() } else { before };
    let Some(mut tail) = Tail::open(&dir, before, &|| false)? else { return Ok(Code::Ok) };
    let mut texts = Texts::default();
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut written = 0;
    let mut write = || -> Result<(), WriteError> {
        loop {
            while let Some(entry) = tail.peek(u64::MAX)? {
                let entry: Entry = *entry;
                tail.take();
                let event = tail.event(&entry);
                let values = texts.write(&config.host.name, &event);
                let wanted = |prefix: &String| values[0].starts_with(prefix.as_bytes());
                if args.types.is_empty() || args.types.iter().any(wanted) {
                    write_line(&mut out, entry.epoch, &values)?;
                    written += 1;
                    if args.events > 0 && written >= args.events {
                        return Ok(out.flush()?);
                    }
                }
            }
            out.flush()?;
            if !args.follow {
                return Ok(());
            }
            std::thread::sleep(POLL);
        }
    };
    match write() {
        // A reader such as `head` that has seen enough is no failure.
        Err(WriteError::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        Err(WriteError::Io(error)) => {
            return Err(Failure::new(Code::Error, format!("cannot write to standard output: {error}")));
        }
        Err(WriteError::Journal(error)) => return Err(error.into()),
        Ok(()) => {}
    }
    let missing = tail.take_missing();
    if missing > 0 {
        eprintln!("tickpath: {missing} events are not in the journal any more; see `tickpath verify`");
    }
    Ok(Code::Ok)
}

/// What can end the writing.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Journal(#[from] crate::journal::JournalError),
}
