//! Edge: arguments that cannot be read: the text for people, and for programs the same object as for every other error.

use super::Cli;
use super::exit::{Code, Failure};
use crate::runtime::complaint::Complaint;
use clap::Parser;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use std::ffi::OsString;

/// Reads the arguments.
///
/// # Errors
/// The exit code, after help was printed or the error was told.
pub fn parse(args: &[OsString]) -> Result<Cli, Code> {
    let error = match Cli::try_parse_from(args) {
        Ok(cli) => return Ok(cli),
        Err(error) => error,
    };
    // Printing can only fail where nobody reads any more.
    drop(error.print());
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return Err(Code::Ok);
    }
    // What stands behind `--` is no option.
    if args.iter().take_while(|a| *a != "--").any(|a| a == "--json") {
        let failure = failure(&error);
        crate::say!("{}", serde_json::json!({"error": failure.complaint.to_json(failure.code as u8)}));
    }
    Err(Code::Usage)
}

/// The error in its parts.
fn failure(error: &Error) -> Failure {
    let text = |kind: ContextKind| {
        let found = match error.get(kind)? {
            ContextValue::String(text) => text.clone(),
            ContextValue::Strings(list) => list.join(", "),
            ContextValue::StyledStr(text) => text.to_string(),
            ContextValue::StyledStrs(list) => list.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
            ContextValue::Number(n) => n.to_string(),
            _ => return None,
        };
        Some(found).filter(|text| !text.is_empty())
    };
    // The first paragraph is what is wrong; advice and usage follow.
    let rendered = error.render().to_string();
    let paragraph: Vec<&str> = rendered.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    let what = paragraph.join(" ");
    let what = what.strip_prefix("error: ").unwrap_or(&what).to_owned();
    let place = text(ContextKind::InvalidArg).or_else(|| text(ContextKind::InvalidSubcommand));
    let suggestion = [
        ContextKind::SuggestedArg,
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedValue,
        ContextKind::SuggestedCommand,
    ]
    .into_iter()
    .find_map(text)
    .map(|name| format!("did you mean `{name}`?"));
    let usage = text(ContextKind::Usage).map(|usage| usage.trim().trim_start_matches("Usage:").trim().to_owned());
    let expected = [ContextKind::ValidValue, ContextKind::ValidSubcommand].into_iter().find_map(text).or(usage);
    let complaint = Complaint {
        text: rendered,
        what,
        place: Some(place.map_or_else(|| "command line".to_owned(), |arg| format!("command line: {arg}"))),
        expected,
        hint: Some(suggestion.unwrap_or_else(|| "see `tickpath --help`, or `tickpath COMMAND --help`".to_owned())),
    };
    Failure { code: Code::Usage, complaint: Box::new(complaint) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(args: &[&str], what: &str, place: &str, expected: &str, hint: &str) {
        let error = Cli::try_parse_from([&["tickpath"], args].concat()).unwrap_err();
        let complaint = failure(&error).complaint;
        let found = (complaint.what.as_str(), complaint.place.as_deref().unwrap(), complaint.hint.as_deref().unwrap());
        assert!(found.0.contains(what) && found.1.contains(place) && found.2.contains(hint), "{complaint:?}");
        assert!(complaint.expected.as_deref().unwrap_or("").contains(expected), "{complaint:?}");
    }

    #[test]
    fn usage_errors_come_apart() {
        check(&["replai"], "replai", "replai", "", "replay");
        check(&["replay"], "required", "FILES", "replay", "--help");
        check(&["replay", "x", "--speed", "fast"], "10x", "--speed", "", "--help");
        check(&["run", "--evnts", "7"], "--evnts", "--evnts", "run", "--events");
        check(&["export", "--journal", "x", "--what", "all"], "bbo, trades", "--what", "", "--help");
        check(&["run", "--events"], "value is required", "--events", "", "--help");
    }
}
