//! Edge: `tickpath schema`: the messages as JSON Schema, and the page of channels, keys and tables.

use super::exit::{Code, Failure};
use crate::acp::{places, schema};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Arguments of `schema`.
#[derive(Debug, clap::Args)]
pub struct SchemaArgs {
    /// The message; nothing = all of them, as one object.
    pub message: Option<String>,
    /// Print the page of channels, keys, tables and fields (Markdown) instead.
    #[arg(long, conflicts_with = "message")]
    pub page: bool,
    /// Print the channels, keys and tables as one JSON array instead, for programs.
    #[arg(long, conflicts_with_all = ["message", "page"])]
    pub places: bool,
    /// Write a file for each message, and the page, into this folder.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["message", "page", "places"])]
    pub dir: Option<PathBuf>,
}

fn text_of(message: &schema::Message) -> Result<Value, Failure> {
    serde_json::to_value(message.schema()).map_err(|e| Failure::new(Code::Error, format!("{}: {e}", message.name)))
}

/// Prints or writes them.
///
/// # Errors
/// There is no such message, or a file cannot be written.
pub fn main(args: &SchemaArgs) -> Result<Code, Failure> {
    if args.page {
        crate::say!("{}", places::page().trim_end());
        return Ok(Code::Ok);
    }
    if args.places {
        crate::say!("{:#}", Value::Array(places::PLACES.iter().map(places::Place::to_json).collect()));
        return Ok(Code::Ok);
    }
    if let Some(dir) = &args.dir {
        return write(dir);
    }
    let value = if let Some(name) = &args.message {
        let message = schema::message(name).ok_or_else(|| {
            let known: Vec<&str> = schema::MESSAGES.iter().map(|message| message.name).collect();
            Failure::new(Code::Usage, format!("no message `{name}`: there is {}", known.join(", ")))
        })?;
        text_of(message)?
    } else {
        let all: Result<Map<String, Value>, Failure> =
            schema::MESSAGES.iter().map(|message| Ok((message.name.to_owned(), text_of(message)?))).collect();
        Value::Object(all?)
    };
    crate::say!("{value:#}");
    Ok(Code::Ok)
}

fn write(dir: &Path) -> Result<Code, Failure> {
    let failed = |path: &Path, e: std::io::Error| {
        Failure::new(Code::Error, format!("cannot write {}: {e}", path.display())).at(path.display())
    };
    std::fs::create_dir_all(dir).map_err(|e| failed(dir, e))?;
    for message in schema::MESSAGES {
        let path = dir.join(format!("{}.schema.json", message.name));
        std::fs::write(&path, format!("{:#}\n", text_of(message)?)).map_err(|e| failed(&path, e))?;
    }
    let path = dir.join("README.md");
    std::fs::write(&path, places::page()).map_err(|e| failed(&path, e))?;
    crate::say!("wrote {} schemas and README.md into {}", schema::MESSAGES.len(), dir.display());
    Ok(Code::Ok)
}
