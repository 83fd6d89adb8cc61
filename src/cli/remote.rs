//! Edge: how the verbs that talk to a running host do so: address, token, name, time-out, and errors that say what to do.

use super::Cli;
use super::exit::{Code, Failure};
use crate::control::http::auth::{TOKEN, TOKEN_FILE};
use crate::control::http::word::OperatorName;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use zeroize::Zeroizing;

/// Longest answer that is read, in bytes.
const ANSWER_MAX: u64 = 8 * 1024 * 1024;

/// Where the host is, and who asks.
#[derive(Clone, Debug, clap::Args)]
pub struct RemoteArgs {
    /// Address of the host's control plane; default: TICKPATH_URL, else `[http] bind` of the configuration.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Seconds to wait for an answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub timeout: u64,
}

/// Who gives a command, and why.
#[derive(Clone, Debug, clap::Args)]
pub struct CommandArgs {
    /// Where the host is.
    #[command(flatten)]
    pub remote: RemoteArgs,
    /// Why; goes into the journal.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Under which ticket.
    #[arg(long, value_name = "TICKET")]
    pub ticket: Option<String>,
    /// Who you are; default: TICKPATH_OPERATOR, else USER.
    #[arg(long, value_name = "NAME")]
    pub operator: Option<String>,
    /// File with the admin token; default: TICKPATH_ADMIN_TOKEN, or the file that TICKPATH_ADMIN_TOKEN_FILE names.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// A number of your own for this command: the same again has no second effect (a kill kills again).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..1 << 53))]
    pub request: Option<u64>,
}

impl CommandArgs {
    /// The reason, or `otherwise` where the verb has one of its own.
    ///
    /// # Errors
    /// None was given and the verb has none.
    pub fn reason(&self, otherwise: Option<&str>) -> Result<String, Failure> {
        self.reason
            .clone()
            .or_else(|| otherwise.map(ToOwned::to_owned))
            .ok_or_else(|| Failure::new(Code::Usage, "say why with --reason TEXT: it goes into the journal"))
    }

    /// Adds what every command says to a body.
    ///
    /// # Errors
    /// See [`Self::reason`].
    pub fn body(&self, mut body: Value, otherwise: Option<&str>) -> Result<Value, Failure> {
        body["reason"] = self.reason(otherwise)?.into();
        if let Some(ticket) = &self.ticket {
            body["ticket"] = ticket.as_str().into();
        }
        if let Some(request) = self.request {
            body["request"] = request.into();
        }
        Ok(body)
    }
}

/// A host to talk to.
pub struct Remote {
    base: String,
    agent: ureq::Agent,
}

/// The address that the configuration gives; a host that listens on all addresses is asked over loopback.
fn configured(cli: &Cli) -> Result<String, Failure> {
    let bind = crate::config::load(cli.config.as_deref(), std::env::vars())?.config.http.bind;
    if bind.port() == 0 {
        return Err(Failure::new(
            Code::Usage,
            "[http] bind has port 0, so the host took a free one and printed it: give it with --url http://127.0.0.1:PORT",
        ));
    }
    let ip = match bind.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    Ok(format!("http://{}", SocketAddr::new(ip, bind.port())))
}

/// What it answered.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Remote {
    /// The host that the arguments, the environment or the configuration name.
    ///
    /// # Errors
    /// The address is none, or the configuration cannot be read.
    pub fn new(cli: &Cli, args: &RemoteArgs) -> Result<Self, Failure> {
        let base = if let Some(url) = args.url.clone().or_else(|| environment("TICKPATH_URL")) {
            url
        } else {
            configured(cli)?
        };
        let base = base.trim_end_matches('/').to_owned();
        if !base.starts_with("http://") {
            return Err(Failure::new(
                Code::Usage,
                format!(
                    "{base} is no address of a control plane: expected http://HOST:PORT (to reach another machine, tunnel to it: \
                     ssh -L 8080:127.0.0.1:8080 HOST)"
                ),
            ));
        }
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(args.timeout)))
            .http_status_as_error(false)
            // A token goes to the host and nowhere else.
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("tickpath/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Ok(Self { base, agent })
    }

    /// Where it is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Reads.
    ///
    /// # Errors
    /// No answer, or one that is no JSON.
    pub fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.answer(self.agent.get(format!("{}{path}", self.base)).call())
    }

    /// Reads what is there whenever the host is.
    ///
    /// # Errors
    /// No answer, one that is no JSON, a refusal.
    pub fn read(&self, path: &str) -> Result<Value, Failure> {
        let answer = self.get(path)?;
        if answer.status == 200 { Ok(answer.body) } else { Err(refusal(answer.status, &answer.body)) }
    }

    /// Commands.
    ///
    /// # Errors
    /// No token or name, no answer, or one that is no JSON.
    pub fn post(&self, path: &str, body: &Value, args: &CommandArgs) -> Result<Answer, Failure> {
        let token = token(args)?;
        let operator = operator(args)?;
        let bearer = Zeroizing::new(format!("Bearer {}", token.as_str()));
        let request = self
            .agent
            .post(format!("{}{path}", self.base))
            .header("Authorization", bearer.as_str())
            .header("X-Operator", operator.as_str());
        self.answer(request.send_json(body))
    }

    fn answer(&self, result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer, Failure> {
        let mut response = result.map_err(|error| self.unreachable(&error))?;
        let status = response.status().as_u16();
        let text = response
            .body_mut()
            .with_config()
            .limit(ANSWER_MAX)
            .read_to_string()
            .map_err(|error| self.unreachable(&error))?;
        let body = serde_json::from_str(&text).map_err(|_| {
            Failure::new(
                Code::Error,
                format!("{} answered {status} with something that is no JSON: is that a tickpath host?", self.base),
            )
        })?;
        Ok(Answer { status, body })
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        let base = &self.base;
        let refused = matches!(error, ureq::Error::ConnectionFailed)
            || matches!(error, ureq::Error::Io(e) if e.kind() == std::io::ErrorKind::ConnectionRefused);
        if refused {
            return Failure::new(
                Code::NotRunning,
                format!(
                    "nothing listens on {base}: start a host with `tickpath run`, or give its address with --url; \
                     `tickpath runbook control_unreachable` says more"
                ),
            );
        }
        if matches!(error, ureq::Error::Timeout(_)) {
            return Failure::new(
                Code::TimeOut,
                format!(
                    "{base} did not answer in time. Whether a command was taken is not known: look at `tickpath status` \
                     before you repeat it (with the same --request N a repeat has no second effect, but a kill kills again)"
                ),
            );
        }
        Failure::new(Code::Error, format!("cannot talk to {base}: {error}"))
    }
}

/// The admin token, of the argument or the environment. The host's own file may have names and several lines; here the
/// last word of the first line counts.
fn token(args: &CommandArgs) -> Result<Zeroizing<String>, Failure> {
    let file = args.token_file.clone().or_else(|| environment(TOKEN_FILE).map(PathBuf::from));
    let text = match (&args.token_file, environment(TOKEN), file) {
        (None, Some(token), _) => Zeroizing::new(token),
        (_, _, Some(path)) => Zeroizing::new(std::fs::read_to_string(&path).map_err(|error| {
            Failure::new(Code::Usage, format!("cannot read the admin token from {}: {error}", path.display()))
        })?),
        _ => {
            return Err(Failure::new(
                Code::Usage,
                format!(
                    "this command needs the host's admin token: set {TOKEN} or {TOKEN_FILE}, or give --token-file FILE"
                ),
            ));
        }
    };
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or("");
    let word = line.split_ascii_whitespace().next_back().unwrap_or("");
    if word.is_empty() || !word.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Failure::new(Code::Usage, "the admin token is empty or has characters that no token has"));
    }
    Ok(Zeroizing::new(word.to_owned()))
}

fn operator(args: &CommandArgs) -> Result<OperatorName, Failure> {
    let name = args.operator.clone().or_else(|| environment("TICKPATH_OPERATOR")).or_else(|| environment("USER"));
    let Some(name) = name else {
        return Err(Failure::new(
            Code::Usage,
            "say who you are with --operator NAME or TICKPATH_OPERATOR: it goes into the journal",
        ));
    };
    OperatorName::new(&name)
        .map_err(|expected| Failure::new(Code::Usage, format!("`{name}` cannot be an operator: expected {expected}")))
}

/// Tells how a command went. A refusal has its own exit code.
///
/// # Errors
/// The host refused.
pub fn finish(cli: &Cli, answer: Answer, done: &str) -> Result<Code, Failure> {
    let Answer { status, body } = answer;
    if !(200..300).contains(&status) {
        return Err(refusal(status, &body));
    }
    if cli.json {
        crate::say!("{body}");
        return Ok(Code::Ok);
    }
    let request = &body["request"];
    let way = match (body["sequence"].as_u64(), body["in_force"].as_bool()) {
        (Some(sequence), _) => format!("(request {request}, journaled as sequence {sequence})"),
        (None, Some(true)) => format!("in force (request {request}; its record is on its way to the journal)"),
        (None, _) => format!("queued as request {request}; `tickpath status` shows when it is in the journal"),
    };
    crate::say!("{done} {way}");
    Ok(Code::Ok)
}

/// A refusal in words.
pub fn refusal(status: u16, body: &Value) -> Failure {
    let text = |key: &str| body[key].as_str().filter(|text| !text.is_empty());
    let place = match (text("where"), text("expected")) {
        (Some(place), Some(expected)) => format!("; {place}: expected {expected}"),
        _ => String::new(),
    };
    let book = text("runbook").map_or_else(String::new, |book| format!("; `tickpath runbook {book}` says more"));
    let (reason, what) = (text("reason").unwrap_or("?"), text("what").unwrap_or("no reason given"));
    Failure::new(Code::Refused, format!("refused ({status} {reason}): {what}{place}{book}"))
}
