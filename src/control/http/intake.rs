//! Edge: a command's body: at most 64 KiB of strict JSON, and what is told of anything else.

use super::error::Failure;
use super::guard::Operator;
use super::wire::Body;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

/// Longest body, in bytes.
pub const BODY_MAX: usize = 64 * 1024;

impl<S: Sync> FromRequestParts<S> for Operator {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        // Absent only if a route was wired past `guard::authorise`: then nobody is let in.
        parts.extensions.get::<Self>().cloned().ok_or_else(Failure::closed)
    }
}

/// A body, read and checked.
pub struct Checked<T>(pub T);

impl<S: Send + Sync, T: Body> FromRequest<S> for Checked<T> {
    type Rejection = axum::response::Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        if !is_json(&request) {
            return Err(Failure::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "the body must be JSON and say so",
            )
            .at("header Content-Type", "application/json")
            .into_response());
        }
        let bytes = Bytes::from_request(request, state).await.map_err(BytesRejection::into_response)?;
        read(&bytes).map(Self).map_err(IntoResponse::into_response)
    }
}

fn is_json(request: &Request) -> bool {
    let mut types = request.headers().get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (types.next(), types.next()) else { return false };
    let Ok(text) = value.to_str() else { return false };
    text.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn read<T: Body>(bytes: &[u8]) -> Result<T, Failure> {
    let bad = |reason: &str, what: String, place: String| {
        Failure::new(StatusCode::BAD_REQUEST, reason, what).at(place, format!("for example {}", T::EXAMPLE))
    };
    // An object, not an array: serde would also take a body's fields by position, which is no form of ours.
    if bytes.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return Err(bad("invalid_body", "the body must be a JSON object".to_owned(), "body".to_owned()));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        // `?` is a place that ends before its name is known.
        let path = path.trim_end_matches(['?', '.']);
        let place = if path.is_empty() { "body".to_owned() } else { format!("body.{path}") };
        let error = error.into_inner();
        let reason = if error.is_data() { "invalid_body" } else { "invalid_json" };
        bad(reason, error.to_string(), place)
    })?;
    json.end().map_err(|error| bad("invalid_json", error.to_string(), "body".to_owned()))?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::super::wire;
    use super::*;

    fn check(text: &str, reason: &str, place: &str, what: &str) {
        let problem = read::<wire::SetLimit>(text.as_bytes()).unwrap_err().problem;
        assert_eq!((problem.reason.as_str(), problem.place.as_deref()), (reason, Some(place)), "{text}: {problem:?}");
        assert!(problem.what.contains(what), "{text}: {problem:?}");
        assert!(problem.expected.is_some_and(|e| e.contains("NOTIONAL")));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        check("", "invalid_body", "body", "object");
        check("[1]", "invalid_body", "body", "object");
        check("{", "invalid_json", "body", "EOF");
        check("{}", "invalid_body", "body", "missing field `limit`");
        check(r#"{"limit": 5}"#, "invalid_body", "body.limit", "expected a string");
        check(r#"{"limits": "x"}"#, "invalid_body", "body.limits", "unknown field `limits`, expected one of `limit`");
        check(r#"{"limit": "a", "limit": "b"}"#, "invalid_body", "body", "duplicate");
        check(r#"{"limit": "A", "old": "-1"}"#, "invalid_body", "body.old", "expected a decimal number");
        let good = r#"{"limit": "A", "old": "1", "new": "2", "reason": "r"}"#;
        assert_eq!(read::<wire::SetLimit>(good.as_bytes()).unwrap().new.as_str(), "2");
        check(&format!("{good}x"), "invalid_json", "body", "trailing");
    }

    #[test]
    fn the_examples_are_right() {
        fn one<T: Body>() {
            assert!(read::<T>(T::EXAMPLE.as_bytes()).is_ok(), "{}", T::EXAMPLE);
        }
        one::<wire::Plain>();
        one::<wire::Kill>();
        one::<wire::Scoped>();
        one::<wire::RebuildOrder>();
        one::<wire::SetState>();
        one::<wire::SetLimit>();
    }
}
