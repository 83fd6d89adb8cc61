//! Edge: the one canonical record that two people sign.
//!
//! # Encoding, version 1
//!
//! Exactly these lines in this order, each ended by one line feed, nothing else. What is signed are these bytes (Ed25519 over
//! the whole file), so that `openssl pkeyutl -sign -rawin -in FILE` signs the same as `tickpath enable approve`.
//!
//! ```text
//! tickpath-enable-v1
//! action=enable_live
//! host=NAME                        1 to 64 bytes of UTF-8, escaped
//! build=HEX                        SHA-256 of the program file
//! config=HEX                       SHA-256 of the resolved configuration
//! limits=HEX                       SHA-256 over `tickpath-limits-v1\n` and one `NAME=VALUE\n` for each limit
//! limit.NAME=VALUE                 each limit, sorted by the bytes of NAME, no NAME twice; `=` in a NAME is escaped
//! reason=TEXT                      1 to 128 bytes of UTF-8, escaped
//! ticket=TEXT                      1 to 32 bytes of UTF-8, escaped
//! requested_by=PERSON              a-z0-9._-
//! nonce=HEX                        16 random bytes
//! created=2026-11-21T12:39:01Z     UTC, whole seconds
//! not_before=…                     not before created
//! activate_by=…                    the first second at which it can no longer be activated: at most 600 s behind not_before
//! window_s=14400                   how long it holds once activated: 1 to 86 400 s
//! ```
//!
//! Escapes: printable ASCII stands for itself, except `\` = `\\`; everything else is `\u{HEX}`, lower case, no leading zero.
//! Hexadecimal is lower case. A reader takes nothing else: it writes again what it read, and the bytes must be the same.

use super::files;
use super::limits::Limits;
use super::store::StoreError;
use super::text::{Hash, Lines, Malformed, SECONDS_MAX, escape, from_utc, hex, is_person, unescape, unhex, utc};
use crate::event::operator::{REASON_BYTES, TICKET_BYTES};
use std::fmt::Write as _;
use std::path::Path;

/// First line: these bytes are an enablement and nothing else that anybody signs.
pub const DOMAIN: &str = "tickpath-enable-v1";
/// The only action there is.
const ACTION: &str = "enable_live";
/// Longest time between not-before and the end of activation, in seconds.
pub const ACTIVATE_MAX_S: i64 = 600;
/// Longest window, in seconds.
pub const WINDOW_MAX_S: i64 = 86_400;
/// Longest record, in bytes.
pub const BYTES_MAX: usize = 256 * 1024;
/// Longest name of a host, in bytes.
const HOST_BYTES: usize = 64;

/// Number that is used once.
pub type Nonce = [u8; 16];

/// What is asked for, as plain data. Times are seconds since 1970, UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Name of the host.
    pub host: String,
    /// SHA-256 of the program that is to trade.
    pub build: Hash,
    /// SHA-256 of its resolved configuration.
    pub config: Hash,
    /// Its limits.
    pub limits: Limits,
    /// Why.
    pub reason: String,
    /// Under which ticket.
    pub ticket: String,
    /// Who asks; see [`is_person`].
    pub requested_by: String,
    /// Random.
    pub nonce: Nonce,
    /// When it was asked for.
    pub created_s: i64,
    /// From when on it can be activated.
    pub not_before_s: i64,
    /// From when on it can no longer be activated.
    pub activate_by_s: i64,
    /// How long it holds once activated, in seconds.
    pub window_s: i64,
}

/// Terms that were checked, with their bytes and the SHA-256 over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    terms: Terms,
    bytes: Vec<u8>,
    hash: Hash,
}

impl Request {
    /// Checks and encodes.
    ///
    /// # Errors
    /// Which term is out of its range.
    pub fn new(terms: Terms) -> Result<Self, Malformed> {
        check(&terms).map_err(Malformed::whole)?;
        let bytes = encode(&terms).into_bytes();
        if bytes.len() > BYTES_MAX {
            return Err(Malformed::whole(format!("{} bytes: expected at most {BYTES_MAX}", bytes.len())));
        }
        Ok(Self { hash: Hash::of(&bytes), terms, bytes })
    }

    /// Reads a record; takes only what [`Request::new`] would write.
    ///
    /// # Errors
    /// Where the first fault is.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut lines = Lines::new(bytes, BYTES_MAX, DOMAIN)?;
        if lines.value("action")? != ACTION {
            return Err(lines.fault(format!("expected `action={ACTION}`")));
        }
        let host = text(&mut lines, "host")?;
        let build = hash(&mut lines, "build")?;
        let config = hash(&mut lines, "config")?;
        let digest = hash(&mut lines, "limits")?;
        let mut all = Vec::new();
        while let Some(line) = lines.optional("limit.")? {
            all.push(Limits::read(line).ok_or_else(|| lines.fault("expected `limit.NAME=VALUE`"))?);
        }
        let limits = Limits::new(all)?;
        if limits.digest() != digest {
            return Err(Malformed::whole("`limits` is not the digest of the limits in the list"));
        }
        let terms = Terms {
            host,
            build,
            config,
            limits,
            reason: text(&mut lines, "reason")?,
            ticket: text(&mut lines, "ticket")?,
            requested_by: lines.value("requested_by")?.to_owned(),
            nonce: unhex(lines.value("nonce")?).ok_or_else(|| lines.fault("expected 32 characters 0-9a-f"))?,
            created_s: time(&mut lines, "created")?,
            not_before_s: time(&mut lines, "not_before")?,
            activate_by_s: time(&mut lines, "activate_by")?,
            window_s: lines
                .value("window_s")?
                .parse()
                .map_err(|e| lines.fault(format!("expected a whole number of seconds: {e}")))?,
        };
        lines.end()?;
        let request = Self::new(terms)?;
        if request.bytes != bytes {
            return Err(Malformed::whole(
                "these bytes are not the canonical spelling of what they say (order of limits, escapes, leading zeros or signs)",
            ));
        }
        Ok(request)
    }

    /// Reads a record from a file.
    ///
    /// # Errors
    /// It cannot be read, or is no record.
    pub fn load(path: &Path) -> Result<Self, StoreError> {
        let (bytes, _) =
            files::read(path, BYTES_MAX).map_err(|source| StoreError::Io { path: path.to_owned(), source })?;
        Self::decode(&bytes).map_err(|source| StoreError::Malformed { path: path.to_owned(), source })
    }

    /// What is asked for.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The canonical bytes: what people read, and sign.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same as text; it is ASCII.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }

    /// SHA-256 of the canonical bytes: the record's name.
    pub fn hash(&self) -> &Hash {
        &self.hash
    }
}

fn text(lines: &mut Lines<'_>, key: &str) -> Result<String, Malformed> {
    let value = lines.value(key)?;
    unescape(value).ok_or_else(|| lines.fault(format!("`{key}` has a wrong escape: expected `\\\\` or `\\u{{HEX}}`")))
}

fn hash(lines: &mut Lines<'_>, key: &str) -> Result<Hash, Malformed> {
    lines.value(key)?.parse().map_err(|e: String| lines.fault(e))
}

fn time(lines: &mut Lines<'_>, key: &str) -> Result<i64, Malformed> {
    let value = lines.value(key)?;
    from_utc(value).ok_or_else(|| lines.fault(format!("`{value}`: expected a time such as 2026-11-21T12:39:01Z")))
}

fn check(terms: &Terms) -> Result<(), String> {
    let length = |name: &str, text: &str, max: usize| {
        if text.trim().is_empty() || text.len() > max {
            return Err(format!("{name} has {} bytes: expected 1 to {max}, and not only spaces", text.len()));
        }
        Ok(())
    };
    length("host", &terms.host, HOST_BYTES)?;
    length("reason", &terms.reason, REASON_BYTES)?;
    length("ticket", &terms.ticket, TICKET_BYTES)?;
    if !is_person(&terms.requested_by) {
        return Err(format!(
            "requested_by = `{}`: expected a person as in the keyring, 1 to 23 characters a-z0-9._-",
            escape(&terms.requested_by)
        ));
    }
    for (name, hash) in [("build", &terms.build), ("config", &terms.config)] {
        if hash.is_zero() {
            return Err(format!("{name} is all zero: it could not be computed"));
        }
    }
    for (name, at) in
        [("created", terms.created_s), ("not_before", terms.not_before_s), ("activate_by", terms.activate_by_s)]
    {
        if !(0..=SECONDS_MAX).contains(&at) {
            return Err(format!("{name} = {at} s: expected 0 to {SECONDS_MAX}"));
        }
    }
    if terms.not_before_s < terms.created_s {
        return Err("not_before is before created".to_owned());
    }
    // In range, so the difference cannot overflow.
    let to_activate = terms.activate_by_s - terms.not_before_s;
    if !(1..=ACTIVATE_MAX_S).contains(&to_activate) {
        return Err(format!("activate_by is {to_activate} s behind not_before: expected 1 to {ACTIVATE_MAX_S}"));
    }
    if !(1..=WINDOW_MAX_S).contains(&terms.window_s) {
        return Err(format!("window_s = {}: expected 1 to {WINDOW_MAX_S}", terms.window_s));
    }
    Ok(())
}

fn encode(terms: &Terms) -> String {
    let mut out = format!("{DOMAIN}\naction={ACTION}\n");
    line(&mut out, "host", &escape(&terms.host));
    line(&mut out, "build", &terms.build);
    line(&mut out, "config", &terms.config);
    line(&mut out, "limits", &terms.limits.digest());
    out.push_str(&terms.limits.lines("limit."));
    line(&mut out, "reason", &escape(&terms.reason));
    line(&mut out, "ticket", &escape(&terms.ticket));
    line(&mut out, "requested_by", &terms.requested_by);
    line(&mut out, "nonce", &hex(&terms.nonce));
    line(&mut out, "created", &utc(terms.created_s));
    line(&mut out, "not_before", &utc(terms.not_before_s));
    line(&mut out, "activate_by", &utc(terms.activate_by_s));
    line(&mut out, "window_s", &terms.window_s);
    out
}

fn line(out: &mut String, key: &str, value: &dyn std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{key}={value}");
}
