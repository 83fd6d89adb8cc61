//! Edge: `tickpath runbook [NAME]`: what to do, without a network.

use super::Cli;
use super::exit::{Code, Failure};
use crate::control::runbook::{ALL, look_up};
use serde_json::json;

/// Arguments of `runbook`.
#[derive(Clone, Debug, clap::Args)]
pub struct RunbookArgs {
    /// Its name, or the name of an alert, gate reason, execution state or risk check; without it, the list.
    pub name: Option<String>,
}

/// Prints a runbook, or the list.
///
/// # Errors
/// There is none of that name.
pub fn main(cli: &Cli, args: &RunbookArgs) -> Result<Code, Failure> {
    let Some(name) = &args.name else {
        if cli.json {
            let rows: Vec<_> = ALL
                .iter()
                .map(|book| json!({"name": book.name, "title": book.title(), "covers": book.covers().collect::<Vec<_>>()}))
                .collect();
            crate::say!("{}", json!({"runbooks": rows}));
        } else {
            let lines: Vec<[String; 2]> = ALL.iter().map(|b| [b.name.to_owned(), b.title().to_owned()]).collect();
            crate::say!("{}", super::status::columns(&lines).trim_end());
        }
        return Ok(Code::Ok);
    };
    let Some(book) = look_up(name) else {
        let nearest = ALL
            .iter()
            .map(|book| book.name)
            .max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
        let hint = nearest.map(|n| format!("; did you mean {n}?")).unwrap_or_default();
        return Err(Failure::new(
            Code::Usage,
            format!("there is no runbook for `{name}`{hint} `tickpath runbook` lists all"),
        ));
    };
    if cli.json {
        crate::say!("{}", json!({"name": book.name, "title": book.title(), "text": book.text}));
    } else {
        crate::say!("{}", book.text.trim_end());
    }
    Ok(Code::Ok)
}
