//! Edge: `tickpath init`: a configuration file to start from.

use super::Cli;
use super::exit::{Code, Failure};
use std::io::Write;
use std::path::PathBuf;

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
pub struct InitArgs {
    /// Where to write it.
    #[arg(default_value = "tickpath.toml")]
    pub file: PathBuf,
}

/// Writes the embedded default, with its comments; never over a file that is there.
///
/// # Errors
/// The file is there already or cannot be written.
pub fn main(cli: &Cli, args: &InitArgs) -> Result<Code, Failure> {
    let shown = args.file.display();
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&args.file).map_err(|e| {
        if e.kind() == std::io::ErrorKind::AlreadyExists {
            Failure::new(Code::Usage, format!("{shown} is there already; name another file, or remove it")).at(&shown)
        } else {
            Failure::new(Code::Error, format!("cannot write {shown}: {e}"))
        }
    })?;
    file.write_all(crate::config::EMBEDDED.as_bytes())
        .map_err(|e| Failure::new(Code::Error, format!("cannot write {shown}: {e}")))?;
    if cli.json {
        crate::say!("{}", serde_json::json!({"written": shown.to_string()}));
    } else {
        crate::say!(
            "wrote {shown}; change it, look at the result with `tickpath check --config {shown}`, run it with `tickpath --config {shown}`"
        );
    }
    Ok(Code::Ok)
}
