//! Edge: `tickpath enable revoke`: a request or an enablement taken back, for a reason that is kept.

use super::super::Cli;
use super::super::exit::{Code, Failure};
use super::{EnableArgs, Which, revoked_words, wall_now};
use crate::control::enable::Ledger as _;
use crate::control::enable::assess::Revocation;
use crate::event::operator::{REASON_BYTES, WHO_BYTES};
use crate::types::time::SECONDS;

/// Arguments of `enable revoke`.
#[derive(Debug, clap::Args)]
pub struct RevokeArgs {
    #[command(flatten)]
    which: Which,
    /// Who takes it back: 1 to 48 bytes; need not be in the keyring.
    #[arg(long)]
    person: String,
    /// Why: 1 to 128 bytes.
    #[arg(long)]
    reason: String,
}

/// Takes it back; the running host ends it at its next look. Revoked is revoked: there is no way back but a new request.
///
/// # Errors
/// A record that is not known, a reason that is empty, or a store that cannot be written.
pub fn main(cli: &Cli, enable: &EnableArgs, args: &RevokeArgs) -> Result<Code, Failure> {
    for (name, text, max) in [("person", &args.person, WHO_BYTES), ("reason", &args.reason, REASON_BYTES)] {
        if text.trim().is_empty() || text.len() > max {
            return Err(Failure::new(Code::Usage, format!("--{name} has {} bytes: expected 1 to {max}", text.len())));
        }
    }
    let store = enable.store(cli)?;
    let record = args.which.find(&store)?;
    let by = Revocation { record, by: args.person.clone(), reason: args.reason.clone(), at_s: wall_now()? / SECONDS };
    store.revoke(&by)?;
    // Whoever was first is kept.
    let kept = store.revocation(&record)?.unwrap_or(by);
    if cli.json {
        crate::say!(
            "{}",
            serde_json::json!({
                "record": record.to_string(),
                "state": "revoked",
                "by": kept.by,
                "reason": kept.reason,
                "at": crate::control::enable::text::utc(kept.at_s),
            })
        );
    } else {
        crate::say!("record {record}\n{}", revoked_words(&kept));
        crate::say!("the running host ends it at its next look; to stop orders at once use the kill switch");
    }
    Ok(Code::Ok)
}
