//! Edge: the folder with requests, approvals, revocations and used nonces.
//!
//! ```text
//! DIR/HASH/request           the record's bytes; HASH = their SHA-256
//! DIR/HASH/KEY.approval      one approval
//! DIR/HASH/revoked           who took it back and why; that it is there is what counts
//! DIR/nonces/NONCE           by what it was used up; that it is there is what counts
//! DIR/keyring.toml           unless the keyring is kept elsewhere
//! ```
//!
//! Nothing is ever deleted: with the journal's entry, which has the record's hash, the folder shows later who approved what.
//! What does not belong there is an error that names it.

use super::approval::{self, Approval};
use super::assess::{Activation, Ledger, Revocation};
use super::files;
use super::record::{Nonce, Request};
use super::text::{Hash, Malformed, escape, from_utc, hex, is_key_id, unescape, unhex, utc};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Longest note of a revocation or activation, in bytes.
const NOTE_BYTES_MAX: usize = 4096;

/// A store that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not as it must be.
    #[error("{}: {source}; take the file away", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// Where and what.
        source: Malformed,
    },
    /// Something else is there.
    #[error("{}: {what}; take it away", path.display())]
    Stray {
        /// What.
        path: PathBuf,
        /// What was expected.
        what: &'static str,
    },
}

/// The folder.
#[derive(Clone, Debug)]
pub struct Store {
    dir: PathBuf,
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> StoreError + '_ {
    move |source| StoreError::Io { path: path.to_owned(), source }
}

/// Names in a folder, sorted; those that begin with a dot are files that somebody is still writing.
fn names(dir: &Path) -> Result<Vec<String>, StoreError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(io_error(dir))? {
        let name = entry.map_err(io_error(dir))?.file_name();
        let name = name
            .into_string()
            .map_err(|name| StoreError::Stray { path: dir.join(name), what: "its name is no UTF-8" })?;
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

impl Store {
    /// Opens the folder, and creates it where it is not there yet.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let store = Self { dir: dir.to_owned() };
        let nonces = store.nonces();
        files::create_dir(&nonces).map_err(io_error(&nonces))?;
        Ok(store)
    }

    /// The folder as it stands: a store whose used nonces are gone is none, and is not made anew.
    ///
    /// # Errors
    /// It is not there, or not whole.
    pub fn reopen(dir: &Path) -> Result<Self, StoreError> {
        let store = Self { dir: dir.to_owned() };
        let nonces = store.nonces();
        if fs::metadata(&nonces).map_err(io_error(&nonces))?.is_dir() {
            return Ok(store);
        }
        Err(StoreError::Stray { path: nonces, what: "a file stands where the folder of used nonces must be" })
    }

    /// Its path.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn nonces(&self) -> PathBuf {
        self.dir.join("nonces")
    }

    /// Where the files of a record are.
    pub fn record_dir(&self, record: &Hash) -> PathBuf {
        self.dir.join(record.to_string())
    }

    fn note(&self, record: &Hash, name: &str, bytes: &[u8]) -> Result<PathBuf, StoreError> {
        let dir = self.record_dir(record);
        files::create_dir(&dir).map_err(io_error(&dir))?;
        let path = dir.join(name);
        files::replace(&path, bytes).map_err(io_error(&path))?;
        Ok(path)
    }

    /// Keeps a request; gives its file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add_request(&self, request: &Request) -> Result<PathBuf, StoreError> {
        self.note(request.hash(), "request", request.bytes())
    }

    /// Keeps an approval; gives its file. It is not verified here.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add_approval(&self, approval: &Approval) -> Result<PathBuf, StoreError> {
        self.note(&approval.record, &format!("{}.approval", approval.key), approval.encode().as_bytes())
    }

    /// Takes a record back, also one that is not here: the first who does so is kept.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn revoke(&self, revocation: &Revocation) -> Result<(), StoreError> {
        let dir = self.record_dir(&revocation.record);
        files::create_dir(&dir).map_err(io_error(&dir))?;
        let path = dir.join("revoked");
        let Revocation { by, reason, at_s, .. } = revocation;
        let text = format!("by={}\nreason={}\nat={}\n", escape(by), escape(reason), utc(*at_s));
        files::create_once(&path, text.as_bytes()).map_err(io_error(&path))?;
        Ok(())
    }

    /// The hashes of all requests, sorted.
    ///
    /// # Errors
    /// The folder cannot be read, or something else is in it.
    pub fn requests(&self) -> Result<Vec<Hash>, StoreError> {
        let mut hashes = Vec::new();
        for name in names(&self.dir)? {
            if let Some(hash) = unhex(&name).map(Hash) {
                if self.record_dir(&hash).join("request").exists() {
                    hashes.push(hash);
                }
            } else if name != "nonces" && name != "keyring.toml" {
                return Err(StoreError::Stray {
                    path: self.dir.join(name),
                    what: "expected folders named by a SHA-256, `nonces` and `keyring.toml`",
                });
            }
        }
        Ok(hashes)
    }

    /// A request.
    ///
    /// # Errors
    /// It is not there, is damaged, or is not the one that its folder names.
    pub fn request(&self, record: &Hash) -> Result<Request, StoreError> {
        let path = self.record_dir(record).join("request");
        let request = Request::load(&path)?;
        if request.hash() == record {
            Ok(request)
        } else {
            Err(StoreError::Stray { path, what: "its SHA-256 is not the name of its folder" })
        }
    }

    /// The approvals of a record, by key.
    ///
    /// # Errors
    /// One cannot be read, is damaged, or is not the one that its file names.
    pub fn approvals(&self, record: &Hash) -> Result<Vec<Approval>, StoreError> {
        let dir = self.record_dir(record);
        let mut approvals = Vec::new();
        for name in names(&dir)? {
            if name == "request" || name == "revoked" {
                continue;
            }
            let path = dir.join(&name);
            let Some(key) = name.strip_suffix(".approval").filter(|key| is_key_id(key)) else {
                return Err(StoreError::Stray { path, what: "expected `request`, `revoked` and `KEY.approval`" });
            };
            let (bytes, _) = files::read(&path, approval::BYTES_MAX).map_err(io_error(&path))?;
            let approval =
                Approval::decode(&bytes).map_err(|source| StoreError::Malformed { path: path.clone(), source })?;
            if approval.key != key {
                return Err(StoreError::Stray { path, what: "it is of another key than its name says" });
            }
            approvals.push(approval);
        }
        Ok(approvals)
    }

    /// By what a nonce was used up, for people to read; `None` if it was not. That a note cannot be read does not make the
    /// nonce new.
    ///
    /// # Errors
    /// It cannot be found out.
    pub fn activation_note(&self, nonce: &Nonce) -> io::Result<Option<String>> {
        note(&self.nonces().join(hex(nonce)))
    }
}

/// A note's text; a damaged one is a note too.
fn note(path: &Path) -> io::Result<Option<String>> {
    // The link itself counts, wherever it leads.
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
        Ok(_) => Ok(Some(files::read(path, NOTE_BYTES_MAX).map_or_else(
            |error| format!("(cannot be read: {error})"),
            |(bytes, _)| String::from_utf8_lossy(&bytes).into_owned(),
        ))),
    }
}

/// The value of `key=` in a note.
pub fn field(note: &str, key: &str) -> Option<String> {
    note.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=').and_then(unescape))
}

impl Ledger for Store {
    fn revocation(&self, record: &Hash) -> io::Result<Option<Revocation>> {
        let Some(note) = note(&self.record_dir(record).join("revoked"))? else { return Ok(None) };
        let text = |key: &str| field(&note, key).unwrap_or_else(|| "(the note is damaged)".to_owned());
        let at_s = field(&note, "at").and_then(|at| from_utc(&at)).unwrap_or(0);
        Ok(Some(Revocation { record: *record, by: text("by"), reason: text("reason"), at_s }))
    }

    fn is_used(&self, nonce: &Nonce) -> io::Result<bool> {
        // Where the folder is gone nobody knows what was used.
        if !self.nonces().is_dir() {
            return Err(io::Error::other(format!("{} is no folder any more", self.nonces().display())));
        }
        Ok(self.activation_note(nonce)?.is_some())
    }

    fn use_up(&mut self, activation: &Activation) -> io::Result<bool> {
        let text = format!(
            "record={}\nprocess={}\nat={}\nuntil={}\n",
            activation.record,
            hex(&activation.process),
            utc(activation.at_s),
            utc(activation.until_s)
        );
        let path = self.nonces().join(hex(&activation.nonce));
        files::create_once(&path, text.as_bytes())
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
    }
}
