//! Edge: `tickpath enable request`: the record that people will sign.

use super::super::Cli;
use super::super::exit::{Code, Failure};
use super::{EnableArgs, parse_span, wall_now};
use crate::control::enable::text::utc;
use crate::control::enable::{Request, Terms, files, random};
use crate::runtime::identity;
use crate::types::time::SECONDS;
use std::path::PathBuf;

/// Arguments of `enable request`.
#[derive(Debug, clap::Args)]
pub struct RequestArgs {
    /// Who asks, as in the keyring. May also be one of the two who approve.
    #[arg(long)]
    person: String,
    /// Why: 1 to 128 bytes.
    #[arg(long)]
    reason: String,
    /// Under which ticket: 1 to 32 bytes.
    #[arg(long)]
    ticket: String,
    /// From when on it can be activated, such as 2026-11-21T14:30:00Z; default now.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    not_before: Option<i64>,
    /// How long behind that it can be activated: at most 10m.
    #[arg(long, value_name = "SPAN", default_value = "10m", value_parser = parse_span)]
    activate_within: i64,
    /// How long it holds once activated: at most 24h.
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = parse_span)]
    window: i64,
    /// Write the record here too, to carry it to whoever approves.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn parse_time(text: &str) -> Result<i64, String> {
    text.parse::<jiff::Timestamp>()
        .ok()
        .filter(|time| time.subsec_nanosecond() == 0)
        .map(jiff::Timestamp::as_second)
        .ok_or_else(|| "expected a time in whole seconds such as 2026-11-21T14:30:00Z".to_owned())
}

/// Makes the record of this program with this configuration.
///
/// # Errors
/// A term that is out of its range, or files that cannot be written.
pub fn main(cli: &Cli, enable: &EnableArgs, args: &RequestArgs) -> Result<Code, Failure> {
    let loaded = crate::config::load(cli.config.as_deref(), std::env::vars())?;
    let identity = identity::of(&loaded.config)?;
    let created_s = wall_now()? / SECONDS;
    let not_before_s = args.not_before.unwrap_or(created_s);
    let terms = Terms {
        host: identity.host,
        build: identity.build,
        config: identity.config,
        limits: identity.limits,
        reason: args.reason.clone(),
        ticket: args.ticket.clone(),
        requested_by: args.person.clone(),
        nonce: random()?,
        created_s,
        not_before_s,
        activate_by_s: not_before_s.saturating_add(args.activate_within),
        window_s: args.window,
    };
    let request = Request::new(terms).map_err(|e| Failure::new(Code::Usage, format!("no request: {}", e.what)))?;
    let path = enable.store(cli)?.add_request(&request)?;
    if let Some(out) = &args.out {
        // A bare file name has no folder of its own.
        let out = if out.parent().is_some_and(|dir| dir.as_os_str().is_empty()) {
            PathBuf::from(".").join(out)
        } else {
            out.clone()
        };
        files::replace(&out, request.bytes())
            .map_err(|e| Failure::new(Code::Error, format!("cannot write {}: {e}", out.display())))?;
    }
    if cli.json {
        crate::say!(
            "{}",
            serde_json::json!({
                "record": request.hash().to_string(),
                "request": path,
                "text": request.text(),
                "not_before": utc(not_before_s),
                "activate_by": utc(request.terms().activate_by_s),
                "window_s": args.window,
            })
        );
    } else {
        crate::say!("{}", request.text().trim_end());
        crate::say!("\nSHA-256  {}\nfile     {}", request.hash(), path.display());
        crate::say!(
            "\nTwo people must approve it, each with a key of their own, and the host must activate it before {}:\n  tickpath enable approve --request {} --key KEY.pem",
            utc(request.terms().activate_by_s),
            path.display()
        );
    }
    Ok(Code::Ok)
}
