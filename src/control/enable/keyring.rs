//! Edge: which key is whose.
//!
//! ```toml
//! version = 1
//!
//! [[person]]
//! person = "ada"                       # 1 to 23 characters a-z0-9._-
//! name = "Ada Lovelace"
//! keys = [
//!     # 64 hexadecimal digits, or what `openssl pkey -in KEY.pem -pubout` prints
//!     { id = "ada-1", public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", not_after = "2027-06-30T00:00:00Z" },
//!     { id = "ada-0", public = "…", revoked = true },
//! ]
//! ```
//!
//! The file decides who may enable LIVE, so everything odd about it is refused: unknown keys of the file, one person or one
//! public key twice, weak keys, fewer than two people, a file that others may write.

use super::record::Request;
use super::text::{is_key_id, is_person, unhex};
use super::{PEOPLE_MIN, approval, files};
use ed25519_dalek::VerifyingKey;
use ed25519_dalek::pkcs8::DecodePublicKey as _;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Longest file, in bytes.
const BYTES_MAX: usize = 1 << 20;

/// A keyring that cannot be used; the text says what to change.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The file cannot be read.
    #[error("cannot read the keyring {}: {source}; it binds public keys to people, see `tickpath enable --help`", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others than its owner may write to it.
    #[error("the keyring {} may be written by others (mode {mode:03o}): chmod go-w", path.display())]
    Writable {
        /// Its path.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// No TOML, an unknown key, a wrong type.
    #[error("keyring: {0}")]
    Toml(String),
    /// Another version.
    #[error("keyring: version = {0}: expected 1")]
    Version(u32),
    /// Two approvals would never come together.
    #[error("keyring: {0} people: two must approve, so at least two must be in it")]
    TooFewPeople(usize),
    /// A person's name for programs.
    #[error("keyring: person = `{0}`: expected 1 to 23 characters a-z0-9._-, the first a letter or digit")]
    PersonId(String),
    /// One person twice would count as two people.
    #[error("keyring: `{0}` stands there twice, as person or as name: one person is one entry with several keys")]
    PersonTwice(String),
    /// A person without a key or without a name.
    #[error("keyring: person `{0}`: expected a name and at least one key")]
    Incomplete(String),
    /// A key's id.
    #[error("keyring: key id = `{0}`: expected 1 to 48 characters A-Za-z0-9._-, the first a letter or digit")]
    KeyId(String),
    /// An approval names its key by the id.
    #[error("keyring: key id `{0}` stands there twice")]
    KeyIdTwice(String),
    /// No Ed25519 public key.
    #[error("keyring: key `{id}`: {what}: expected 64 characters 0-9a-f, or the text of `openssl pkey -pubout`")]
    PublicKey {
        /// Its id.
        id: String,
        /// What is wrong.
        what: String,
    },
    /// A signature by this key would prove nothing.
    #[error("keyring: key `{0}` is weak (a point of small or mixed order, or not in its one spelling): make a new one")]
    WeakKey(String),
    /// One key for two people, or for one person twice.
    #[error("keyring: keys `{first}` and `{second}` are the same public key: each must be in it once")]
    SharedKey {
        /// One id.
        first: String,
        /// The other.
        second: String,
    },
    /// No time.
    #[error("keyring: key `{id}`: not_after = `{text}`: expected a time such as 2027-06-30T00:00:00Z")]
    NotAfter {
        /// Its id.
        id: String,
        /// What stands there.
        text: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyringFile {
    version: u32,
    #[serde(default)]
    person: Vec<PersonEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonEntry {
    person: String,
    name: String,
    keys: Vec<KeyEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    id: String,
    public: String,
    not_after: Option<String>,
    #[serde(default)]
    revoked: bool,
}

/// A key and whose it is.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its id.
    pub id: String,
    /// Whose.
    pub person: String,
    /// The person's name in full.
    pub name: String,
    /// The public key; never weak.
    pub public: VerifyingKey,
    /// From when on it counts no more, in seconds since 1970; `None` = never.
    pub not_after_s: Option<i64>,
    /// Whether it was taken out of use.
    pub revoked: bool,
}

/// People and their keys. Every public key belongs to one person.
#[derive(Clone, Debug)]
pub struct Keyring {
    keys: Vec<Key>,
}

impl Keyring {
    /// Reads a keyring file.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub fn load(path: &Path) -> Result<Self, KeyringError> {
        let failed = |source| KeyringError::Read { path: path.to_owned(), source };
        let (bytes, mode) = files::read(path, BYTES_MAX).map_err(failed)?;
        if mode & 0o022 != 0 {
            return Err(KeyringError::Writable { path: path.to_owned(), mode });
        }
        Self::parse(&String::from_utf8(bytes).map_err(|e| KeyringError::Toml(e.to_string()))?)
    }

    /// Reads the text of a keyring.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub fn parse(text: &str) -> Result<Self, KeyringError> {
        let file: KeyringFile = toml::from_str(text).map_err(|e| KeyringError::Toml(e.to_string()))?;
        if file.version != 1 {
            return Err(KeyringError::Version(file.version));
        }
        if file.person.len() < PEOPLE_MIN {
            return Err(KeyringError::TooFewPeople(file.person.len()));
        }
        let mut names = std::collections::BTreeSet::new();
        let mut keys: Vec<Key> = Vec::new();
        for entry in file.person {
            if !is_person(&entry.person) {
                return Err(KeyringError::PersonId(entry.person));
            }
            // By words and without case: "Ada  Lovelace" and "ada lovelace" are one person.
            let words = entry.name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
            if words.is_empty() || entry.keys.is_empty() {
                return Err(KeyringError::Incomplete(entry.person));
            }
            let own: std::collections::BTreeSet<_> = [entry.person.clone(), words].into();
            if let Some(twice) = own.iter().find(|name| names.contains(*name)) {
                return Err(KeyringError::PersonTwice(twice.clone()));
            }
            names.extend(own);
            for key in entry.keys {
                let key = read_key(key, &entry.person, &entry.name)?;
                if keys.iter().any(|other| other.id == key.id) {
                    return Err(KeyringError::KeyIdTwice(key.id));
                }
                if let Some(other) = keys.iter().find(|other| other.public == key.public) {
                    return Err(KeyringError::SharedKey { first: other.id.clone(), second: key.id });
                }
                keys.push(key);
            }
        }
        Ok(Self { keys })
    }

    /// All keys, in the file's order.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The key with this id.
    pub fn key(&self, id: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// The key with these 32 bytes.
    pub fn key_of(&self, public: &[u8; 32]) -> Option<&Key> {
        self.keys.iter().find(|key| key.public.as_bytes() == public)
    }

    /// The key that signed `request`.
    pub fn signer(&self, request: &Request, signature: &[u8; 64]) -> Option<&Key> {
        self.keys.iter().find(|key| approval::is_signed_by(request.bytes(), signature, &key.public))
    }
}

/// Why the user that this program runs as could change the keyring, if it could: whoever becomes that user could then say whose
/// key is whose before a start. The program itself never writes it.
pub fn changeable_by_own_user(path: &Path) -> Option<String> {
    let may_write = |path: &Path| rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let place = [path, folder].into_iter().find(|place| may_write(place))?;
    Some(format!(
        "the user that the host runs as may write to {}, and could say whose key is whose: give the keyring and its folder to another user, mode go-w, and name it in `[host] keyring`",
        place.display()
    ))
}

fn read_key(entry: KeyEntry, person: &str, name: &str) -> Result<Key, KeyringError> {
    if !is_key_id(&entry.id) {
        return Err(KeyringError::KeyId(entry.id));
    }
    let wrong = |what: String| KeyringError::PublicKey { id: entry.id.clone(), what };
    let public = if entry.public.contains("-----BEGIN") {
        VerifyingKey::from_public_key_pem(entry.public.trim()).map_err(|e| wrong(e.to_string()))?
    } else {
        let bytes = unhex(&entry.public).ok_or_else(|| wrong(format!("{} characters", entry.public.len())))?;
        VerifyingKey::from_bytes(&bytes).map_err(|e| wrong(e.to_string()))?
    };
    let point = public.to_edwards();
    if public.is_weak() || !point.is_torsion_free() || point.compress().as_bytes() != public.as_bytes() {
        return Err(KeyringError::WeakKey(entry.id));
    }
    let not_after_s = match &entry.not_after {
        None => None,
        Some(text) => Some(
            text.parse::<jiff::Timestamp>()
                .map_err(|_| KeyringError::NotAfter { id: entry.id.clone(), text: text.clone() })?
                .as_second(),
        ),
    };
    Ok(Key {
        person: person.to_owned(),
        name: name.to_owned(),
        public,
        not_after_s,
        revoked: entry.revoked,
        id: entry.id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_keyring_that_the_host_s_own_user_may_change_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keyring.toml");
        std::fs::write(&path, "").unwrap();
        let told = changeable_by_own_user(&path).unwrap();
        assert!(told.contains("keyring.toml") && told.contains("another user"), "{told}");
        for (place, mode) in [(path.as_path(), 0o400), (folder.path(), 0o500)] {
            std::fs::set_permissions(place, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        // Permissions bind everybody but root.
        assert_eq!(changeable_by_own_user(&path).is_some(), rustix::process::geteuid().is_root());
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    }
}
