//! Edge: what every request passes before its handler: rate, token, time-out; and the one shape of every error.

use super::auth::Verdict;
use super::error::Failure;
use super::word::OperatorName;
use super::{Config, Shared};
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::DefaultClock;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// The header that says who.
pub const OPERATOR: &str = "x-operator";

/// Calls with a wrong token that are answered in a second; more are told to wait. Right tokens do not count.
const FAILED_PER_SECOND: u32 = 5;

/// Longest text of an error that did not come from us, to be put into our shape.
const FOREIGN_MAX: usize = 4096;

type Limiter = RateLimiter<NotKeyed, InMemoryState, DefaultClock>;

/// Rates and figures of the traffic.
pub struct Traffic {
    requests: Limiter,
    commands: Limiter,
    failed: Limiter,
    /// Free places for connections.
    pub places: Arc<Semaphore>,
    answered: [AtomicU64; 6],
    unauthorized: AtomicU64,
    limited: AtomicU64,
}

impl Traffic {
    /// As configured.
    pub fn new(config: &Config) -> Self {
        Self {
            requests: limiter(config.requests_per_second),
            commands: limiter(config.commands_per_second),
            failed: limiter(FAILED_PER_SECOND.max(config.commands_per_second)),
            places: Arc::new(Semaphore::new(config.connections_max)),
            answered: Default::default(),
            unauthorized: AtomicU64::new(0),
            limited: AtomicU64::new(0),
        }
    }

    /// Answers by the first digit of their status, calls without a right token, calls over the rate.
    pub fn figures(&self) -> ([u64; 6], u64, u64) {
        let answered = std::array::from_fn(|i| self.answered[i].load(Ordering::Relaxed));
        (answered, self.unauthorized.load(Ordering::Relaxed), self.limited.load(Ordering::Relaxed))
    }
}

fn limiter(per_second: u32) -> Limiter {
    let rate = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
    RateLimiter::direct(Quota::per_second(rate).allow_burst(rate.saturating_mul(const { NonZeroU32::new(4).unwrap() })))
}

/// Who asks, proven by the token. Only [`authorise`] makes one.
#[derive(Clone, Debug)]
pub struct Operator(OperatorName);

impl Operator {
    /// The name.
    pub fn name(&self) -> &str {
        self.0.as_str()
    }
}

/// Everything but GET and HEAD needs a token and a name, whatever the route: no handler can forget to ask.
pub async fn authorise(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    match operator_of(&shared, request.headers()) {
        Ok(operator) => {
            // What only stops is never held up.
            let path = request.uri().path();
            let stops =
                matches!(path, "/kill" | "/stop" | "/cancel" | "/flatten" | "/restrict") || path.starts_with("/state/");
            if !stops && shared.traffic.commands.check().is_err() {
                return Failure::too_many("too_many_commands", "more commands than [http] commands_per_second allows")
                    .into_response();
            }
            request.extensions_mut().insert(operator);
            next.run(request).await
        }
        Err(failure) => failure.into_response(),
    }
}

fn operator_of(shared: &Shared, headers: &HeaderMap) -> Result<Operator, Failure> {
    if shared.tokens.is_empty() {
        return Err(Failure::closed());
    }
    let owner = match bearer(headers).map(|token| shared.tokens.check(token)) {
        Some(Verdict::Known(owner)) => owner,
        offered => {
            shared.traffic.unauthorized.fetch_add(1, Ordering::Relaxed);
            if shared.traffic.failed.check().is_err() {
                return Err(Failure::too_many("too_many_failed_calls", "too many calls without a right token"));
            }
            tracing::warn!("control plane: a call without a right token was refused");
            return Err(Failure::unauthorized(match offered {
                None => "this call changes state and needs the admin token",
                Some(_) => "the token is not one of this host's",
            }));
        }
    };
    let malformed = || {
        Failure::new(StatusCode::BAD_REQUEST, "invalid_operator", "a command must say who gives it")
            .at("header X-Operator", OperatorName::EXPECTED)
    };
    let mut given = headers.get_all(OPERATOR).iter();
    let (Some(name), None) = (given.next(), given.next()) else { return Err(malformed()) };
    let name = name.to_str().ok().and_then(|name| OperatorName::new(name).ok()).ok_or_else(malformed)?;
    if owner.is_some_and(|owner| *owner != name) {
        return Err(Failure::unauthorized("the token belongs to another name than X-Operator says"));
    }
    Ok(Operator(name))
}

/// The token of `Authorization: Bearer TOKEN`, if there is exactly one such header.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return None };
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// Rate, time-out, shape, and figures of every request.
pub async fn watch(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let traffic = &shared.traffic;
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    let answer = if safe && traffic.requests.check().is_err() {
        Failure::too_many("too_many_requests", "more requests than [http] requests_per_second allows").into_response()
    } else {
        let limit = Duration::from_millis(shared.config.request_timeout_ms);
        match tokio::time::timeout(limit, next.run(request)).await {
            Ok(answer) => answer,
            Err(_) => {
                Failure::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", "the request took too long to arrive")
                    .into_response()
            }
        }
    };
    let mut answer = shaped(answer).await;
    let class = usize::from(answer.status().as_u16() / 100).min(5);
    traffic.answered[class].fetch_add(1, Ordering::Relaxed);
    if answer.status() == StatusCode::TOO_MANY_REQUESTS {
        traffic.limited.fetch_add(1, Ordering::Relaxed);
    }
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if traffic.places.available_permits() == 0 {
        // Others wait for a place: no connection stays open for a next request.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// An error that the framework made (unknown path, wrong method, body too large) in our shape, with its headers.
async fn shaped(answer: Response) -> Response {
    let status = answer.status();
    let ours = answer.headers().get(header::CONTENT_TYPE).is_some_and(|t| t.as_bytes() == b"application/json");
    if ours || !(status.is_client_error() || status.is_server_error()) {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    let text = to_bytes(body, FOREIGN_MAX).await.map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
    let said = |text: String, otherwise: &str| if text.is_empty() { otherwise.to_owned() } else { text };
    let failure = match status {
        StatusCode::NOT_FOUND => {
            Failure::new(status, "unknown_path", "there is no such path; `GET /openapi.json` lists all")
                .at("path", "a path of `GET /openapi.json`")
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            let allowed = parts.headers.get(header::ALLOW).and_then(|v| v.to_str().ok()).unwrap_or("GET").to_owned();
            Failure::new(status, "method_not_allowed", "this path has no such method").at("method", allowed)
        }
        StatusCode::PAYLOAD_TOO_LARGE => Failure::new(status, "body_too_large", said(text, "the body is too large"))
            .at("body", format!("at most {} bytes", super::intake::BODY_MAX)),
        _ => Failure::new(status, "invalid_request", said(text, "the request cannot be read"))
            .at("request", "see `GET /openapi.json`"),
    };
    let shaped = failure.into_response();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Response::from_parts(parts, Body::new(shaped.into_body()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bearer_header_is_read_strictly() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            }
            bearer(&headers).map(|t| String::from_utf8_lossy(t).into_owned())
        };
        assert_eq!(read(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(read(&["bearer  abc "]).as_deref(), Some("abc"));
        assert_eq!(read(&["Bearer "]).as_deref(), Some(""));
        for bad in [&[][..], &["abc"], &["Basic abc"], &["Bearer"], &["Bearer a", "Bearer b"]] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
