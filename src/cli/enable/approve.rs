//! Edge: `tickpath enable approve`: a person signs a record, with a key that this program reads for that, once, and forgets.
//!
//! This is the only place that can sign an enablement. `tests/it/tidy.rs` checks that no other file names a signing key.

use super::super::Cli;
use super::super::exit::{Code, Failure};
use super::{EnableArgs, wall_now};
use crate::control::enable::assess::{self, Now};
use crate::control::enable::keyring::Key;
use crate::control::enable::text::utc;
use crate::control::enable::{Approval, Keyring, Request, Why, files};
use crate::types::time::SECONDS;
use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use ed25519_dalek::{Signer as _, SigningKey};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Longest key file, in bytes: PKCS#8 needs about 120.
const KEY_BYTES_MAX: usize = 4096;

/// Arguments of `enable approve`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("how").required(true).multiple(false).args(["key", "signature"]))]
pub struct ApproveArgs {
    /// The record's file.
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// Your private key: PKCS#8 PEM, as `openssl genpkey -algorithm ed25519` writes it.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Instead of a key, a signature made elsewhere: `openssl pkeyutl -sign -rawin -inkey KEY.pem -in REQUEST -out FILE`.
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// Who approves, as in the keyring; refused if the key is somebody else's.
    #[arg(long)]
    person: Option<String>,
    /// The SHA-256 of the record that you have read; refused if the file is another one.
    #[arg(long, value_name = "SHA256")]
    record: Option<String>,
}

/// Signs, verifies what it signed, and keeps the approval.
///
/// # Errors
/// A record, key or signature that is not valid, or a key that is not in the keyring.
pub fn main(cli: &Cli, enable: &EnableArgs, args: &ApproveArgs) -> Result<Code, Failure> {
    let request = Request::load(&args.request)?;
    if let Some(expected) = &args.record
        && *expected != request.hash().to_string()
    {
        return Err(Failure::new(
            Code::Error,
            format!("{} is record {}, not {expected}: read it again", args.request.display(), request.hash()),
        ));
    }
    let wall = wall_now()?;
    let terms = request.terms();
    if wall / SECONDS >= terms.activate_by_s {
        return Err(refused(&Why::Expired(wall / SECONDS - terms.activate_by_s)));
    }
    let store = enable.store(cli)?;
    let keyring = enable.keyring(cli, &store)?;
    let (key, signature) = match (&args.key, &args.signature) {
        (Some(file), _) => sign(&request, file, &keyring, args.person.as_deref())?,
        (None, file) => made_elsewhere(&request, file.as_deref().unwrap_or(Path::new("")), &keyring)?,
    };
    is_person(key, args.person.as_deref())?;
    let approval = Approval { record: *request.hash(), key: key.id.clone(), signature };
    // As the host will see it: a revoked key is told here, not when it is too late.
    let now = Now { wall, monotonic: 0 };
    assess::signer(&request, &approval, &keyring, now).map_err(|why| refused(&why))?;
    store.add_request(&request)?;
    let path = store.add_approval(&approval)?;
    let state = assess::signers(&request, &store.approvals(request.hash())?, &keyring, now);
    if cli.json {
        crate::say!(
            "{}",
            serde_json::json!({
                "record": request.hash().to_string(),
                "approval": path,
                "person": key.person,
                "key": key.id,
                "complete": state.is_ok(),
                "why": state.as_ref().err().map(Why::name),
                "message": state.as_ref().err().map(Why::to_string),
            })
        );
    } else {
        crate::say!("{}", request.text().trim_end());
        crate::say!("\n{} ({}) approved record {} with key {}", key.name, key.person, request.hash(), key.id);
        crate::say!("file     {}", path.display());
        match &state {
            Ok(_) => crate::say!("complete: the running host can activate it before {}", utc(terms.activate_by_s)),
            Err(why) => crate::say!("not complete: {why}"),
        }
    }
    Ok(Code::Ok)
}

fn refused(why: &Why) -> Failure {
    Failure::new(Code::Error, format!("not approved: {why}"))
}

fn is_person(key: &Key, person: Option<&str>) -> Result<(), Failure> {
    match person {
        Some(person) if person != key.person => Err(Failure::new(
            Code::Error,
            format!("not approved: key `{}` is {}'s, not `{person}`'s", key.id, key.person),
        )),
        _ => Ok(()),
    }
}

/// Signs with the key in `file`, if the keyring knows it.
fn sign<'a>(
    request: &Request,
    file: &Path,
    keyring: &'a Keyring,
    person: Option<&str>,
) -> Result<(&'a Key, [u8; 64]), Failure> {
    let signing = read_key(file)?;
    let public = signing.verifying_key().to_bytes();
    let key = keyring.key_of(&public).ok_or_else(|| {
        Failure::new(
            Code::Error,
            format!(
                "not approved: the key in {} is not in the keyring (its public key is {})",
                file.display(),
                crate::control::enable::text::hex(&public)
            ),
        )
    })?;
    // Before it signs: nobody's signature is made under somebody else's name.
    is_person(key, person)?;
    Ok((key, signing.sign(request.bytes()).to_bytes()))
}

/// Reads a private key; every copy of it that this makes is wiped, and no message shows any of it.
fn read_key(file: &Path) -> Result<SigningKey, Failure> {
    let shown = file.display();
    let failed = |e: std::io::Error| {
        let code = if e.kind() == std::io::ErrorKind::NotFound { Code::Usage } else { Code::Error };
        Failure::new(code, format!("cannot read the key {shown}: {e}"))
    };
    let (mut opened, mode) = files::open(file).map_err(failed)?;
    if mode & 0o077 != 0 {
        return Err(Failure::new(
            Code::Error,
            format!("the key {shown} may be read by others (mode {mode:03o}): chmod 600, or make a new one"),
        ));
    }
    // One buffer of its final size: one that grows would leave copies behind.
    let mut bytes = Zeroizing::new(vec![0u8; KEY_BYTES_MAX + 1]);
    let mut length = 0;
    loop {
        match opened.read(&mut bytes[length..]).map_err(failed)? {
            0 => break,
            n => length += n,
        }
    }
    let text = std::str::from_utf8(&bytes[..length]).unwrap_or("").trim();
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") {
        return Err(Failure::new(
            Code::Error,
            format!(
                "the key {shown} is encrypted: sign with `openssl pkeyutl -sign -rawin -inkey {shown} -in REQUEST -out SIG` and give --signature SIG"
            ),
        ));
    }
    // What the decoder says could name what it found: it is left out.
    SigningKey::from_pkcs8_pem(text).map_err(|_| {
        Failure::new(
            Code::Error,
            format!(
                "{shown} is no Ed25519 key in PKCS#8 PEM: `openssl genpkey -algorithm ed25519 -out {shown}` makes one"
            ),
        )
    })
}

/// A signature of 64 bytes from a file, and whose key made it.
fn made_elsewhere<'a>(request: &Request, file: &Path, keyring: &'a Keyring) -> Result<(&'a Key, [u8; 64]), Failure> {
    let (bytes, _) = files::read(file, 64).map_err(|e| {
        Failure::new(Code::Usage, format!("cannot read the signature {}: {e}; expected 64 bytes", file.display()))
    })?;
    let signature: [u8; 64] = bytes.as_slice().try_into().map_err(|_| {
        Failure::new(
            Code::Error,
            format!("{} has {} bytes: expected 64, as openssl writes them", file.display(), bytes.len()),
        )
    })?;
    let key = keyring.signer(request, &signature).ok_or_else(|| {
        Failure::new(
            Code::Error,
            format!(
                "not approved: {} is no valid signature of record {} by any key of the keyring",
                file.display(),
                request.hash()
            ),
        )
    })?;
    Ok((key, signature))
}
