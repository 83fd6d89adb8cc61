//! Edge: `tickpath enable request|approve|show|revoke`: LIVE by two people.

mod approve;
mod request;
mod revoke;
mod show;

use super::Cli;
use super::exit::{Code, Failure};
use crate::control::enable::assess::Revocation;
use crate::control::enable::keyring::KeyringError;
use crate::control::enable::store::StoreError;
use crate::control::enable::{Hash, Keyring, Store};
use crate::runtime::enabling;
use crate::types::time::UnixNanos;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// What `enable --help` says.
pub const LONG_ABOUT: &str = "\
Enable LIVE: two people approve one record.

`request` writes the record: host, build, configuration, limits, reason, ticket. Each of two people reads it with `show`,
and signs it with `approve`, or elsewhere with
    openssl pkeyutl -sign -rawin -inkey KEY.pem -in REQUEST -out SIG
and `approve --signature SIG`. The running host then activates it, within the time that the record gives. It ends with its
window, with the process, with any change of what was approved, or by `revoke`. Who asks may be one of the two who approve,
never both.

The keyring (keyring.toml in the store, or --keyring) says whose key is whose:
    version = 1
    [[person]]
    person = \"ada\"
    name = \"Ada Lovelace\"
    keys = [{ id = \"ada-1\", public = \"64 hexadecimal digits, or what openssl pkey -pubout prints\" }]
A key may have not_after = \"2027-06-30T00:00:00Z\" and revoked = true. `openssl genpkey -algorithm ed25519 -out KEY.pem` makes one.";

/// Arguments of `enable`.
#[derive(Debug, clap::Args)]
pub struct EnableArgs {
    /// Folder of requests and approvals; default: `enable` in [host] data_dir.
    #[arg(long, global = true, value_name = "DIR")]
    store: Option<PathBuf>,
    /// File that binds keys to people; default: [host] keyring, or keyring.toml in the store.
    #[arg(long, global = true, value_name = "FILE")]
    keyring: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Write the record of what is asked for; prints its text and SHA-256.
    Request(request::RequestArgs),
    /// Sign a record, or add a signature that was made elsewhere.
    Approve(approve::ApproveArgs),
    /// Show the requests: who approved, what is missing, how much time is left.
    Show(show::ShowArgs),
    /// Take a request or an enablement back. Needs no key: it only makes things safer.
    Revoke(revoke::RevokeArgs),
}

/// Runs the verb.
///
/// # Errors
/// [`Failure`].
pub fn main(cli: &Cli, args: &EnableArgs) -> Result<Code, Failure> {
    match &args.verb {
        Verb::Request(verb) => request::main(cli, args, verb),
        Verb::Approve(verb) => approve::main(cli, args, verb),
        Verb::Show(verb) => show::main(cli, args, verb),
        Verb::Revoke(verb) => revoke::main(cli, args, verb),
    }
}

impl EnableArgs {
    /// The store's folder, created by nobody yet.
    fn store_dir(&self, cli: &Cli) -> Result<PathBuf, Failure> {
        if let Some(dir) = &self.store {
            return Ok(dir.clone());
        }
        let loaded = crate::config::load(cli.config.as_deref(), std::env::vars())?;
        Ok(enabling::store_dir(&loaded.config))
    }

    fn store(&self, cli: &Cli) -> Result<Store, Failure> {
        Ok(Store::open(&self.store_dir(cli)?)?)
    }

    fn keyring(&self, cli: &Cli, store: &Store) -> Result<Keyring, Failure> {
        let path = match (&self.keyring, &self.store) {
            (Some(path), _) => path.clone(),
            (None, Some(_)) => store.dir().join("keyring.toml"),
            (None, None) => {
                enabling::keyring_file(&crate::config::load(cli.config.as_deref(), std::env::vars())?.config)
            }
        };
        Ok(Keyring::load(&path)?)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let missing = matches!(&error, StoreError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound);
        Self::new(if missing { Code::Usage } else { Code::Error }, error)
    }
}

impl From<KeyringError> for Failure {
    fn from(error: KeyringError) -> Self {
        let code = if matches!(error, KeyringError::Read { .. }) { Code::Usage } else { Code::Configuration };
        Self::new(code, error)
    }
}

fn wall_now() -> Result<UnixNanos, Failure> {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_nanos()).ok())
        .ok_or_else(|| Failure::new(Code::Error, "the clock is not between 1970 and 2262: set it right"))
}

/// A span such as `90s`, `10m`, `4h`, in whole seconds.
fn parse_span(text: &str) -> Result<i64, String> {
    text.parse::<jiff::SignedDuration>()
        .ok()
        .filter(|span| span.subsec_nanos() == 0 && span.as_secs() > 0)
        .map(|span| span.as_secs())
        .ok_or_else(|| "expected a time such as 90s, 10m or 4h".to_owned())
}

/// The one request in the store whose hash begins with `prefix`.
fn find(store: &Store, prefix: &str) -> Result<Hash, Failure> {
    let all = store.requests()?;
    let found: Vec<_> = all.iter().filter(|hash| hash.to_string().starts_with(prefix)).collect();
    match found[..] {
        [one] if prefix.len() >= 8 => Ok(*one),
        _ => Err(Failure::new(
            Code::Usage,
            format!(
                "{} requests in {} begin with `{prefix}`: expected one, by at least 8 characters of its SHA-256; `tickpath enable show` lists them",
                found.len(),
                store.dir().display()
            ),
        )),
    }
}

/// Which record a verb is about.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// The record's file.
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// The record's SHA-256, or the beginning of it.
    #[arg(long, value_name = "SHA256")]
    record: Option<String>,
}

impl Which {
    fn find(&self, store: &Store) -> Result<Hash, Failure> {
        match (&self.request, &self.record) {
            (Some(file), _) => Ok(*crate::control::enable::Request::load(file)?.hash()),
            (None, prefix) => find(store, prefix.as_deref().unwrap_or("")),
        }
    }
}

/// `revocation` in words.
fn revoked_words(revocation: &Revocation) -> String {
    use crate::control::enable::text::{escape, utc};
    format!("revoked by {} at {}: {}", escape(&revocation.by), utc(revocation.at_s), escape(&revocation.reason))
}
