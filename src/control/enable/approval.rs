//! Edge: one signature over a record.
//!
//! As a file, in exactly this form:
//!
//! ```text
//! tickpath-approval-v1
//! record=HEX          SHA-256 of the record's bytes
//! key=ID              of the keyring
//! signature=HEX       Ed25519 over the record's bytes
//! ```
//!
//! Whose approval it is stands in the keyring and nowhere else.

use super::text::{Hash, Lines, Malformed, hex, is_key_id, unhex};
use ed25519_dalek::{Signature, VerifyingKey};

const TITLE: &str = "tickpath-approval-v1";
/// Longest approval, in bytes.
pub const BYTES_MAX: usize = 1024;

/// A signature, whose record, and by which key; not verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// SHA-256 of the record that was signed.
    pub record: Hash,
    /// Id of the key in the keyring.
    pub key: String,
    /// The signature's 64 bytes.
    pub signature: [u8; 64],
}

impl Approval {
    /// Reads an approval; takes only what [`Approval::encode`] would write.
    ///
    /// # Errors
    /// Where the first fault is.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut lines = Lines::new(bytes, BYTES_MAX, TITLE)?;
        let record = lines.value("record")?.parse().map_err(|e: String| lines.fault(e))?;
        let key = lines.value("key")?.to_owned();
        if !is_key_id(&key) {
            return Err(lines.fault("expected a key's id: 1 to 48 characters A-Za-z0-9._-"));
        }
        let signature =
            unhex(lines.value("signature")?).ok_or_else(|| lines.fault("expected 128 characters 0-9a-f"))?;
        lines.end()?;
        Ok(Self { record, key, signature })
    }

    /// The file's text.
    pub fn encode(&self) -> String {
        format!("{TITLE}\nrecord={}\nkey={}\nsignature={}\n", self.record, self.key, hex(&self.signature))
    }
}

/// Whether `signature` is one of `key` over `message`. Strict: no S beyond the group's order, no point of small order, no
/// second signature that fits the same bytes by other rules of verification.
pub fn is_signed_by(message: &[u8], signature: &[u8; 64], key: &VerifyingKey) -> bool {
    key.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
}
