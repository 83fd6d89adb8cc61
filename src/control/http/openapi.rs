//! Edge: the API's document: what stands once for all operations is added here, from the same types.

use super::error::Problem;
use super::wire::EXAMPLES;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required, Response,
    ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};

/// Name of the security scheme.
const SCHEME: &str = "admin";

/// Errors of every operation.
const ALWAYS: [(&str, &str); 3] = [
    ("400", "The request cannot be read: `where` and `expected` say what to change."),
    ("408", "The request took too long to arrive."),
    ("429", "Over a rate, or the lane for commands is full: nothing was done."),
];

/// More of every command.
const COMMAND: [(&str, &str); 6] = [
    ("401", "No token, a wrong one, or this host has none: nothing was done."),
    ("404", "No such venue, instrument, strategy, limit or bridge: nothing was done."),
    ("409", "The host refuses: `kill_switch_enabled`, `agent_state_not_ready:STATE`, `limit_changed`, …"),
    ("413", "The body is longer than 64 KiB."),
    ("415", "The body is no JSON."),
    ("503", "`marketdata_stale`: nothing was done."),
];

/// What the document begins with.
pub fn head() -> OpenApi {
    let mut components = Components::new();
    components.add_security_scheme(
        SCHEME,
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some("The admin token: TICKPATH_ADMIN_TOKEN or TICKPATH_ADMIN_TOKEN_FILE of the host."))
                .build(),
        ),
    );
    let mut schemas = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut schemas);
    components.schemas.extend(schemas);
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Tickpath control plane")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some("Probes, state, metrics and commands of one trading host."))
                .license(Some(LicenseBuilder::new().name(env!("CARGO_PKG_LICENSE")).build()))
                .build(),
        )
        .components(Some(components))
        .build()
}

/// Adds what all operations have in common; the document as JSON.
pub fn finish(mut document: OpenApi) -> String {
    for item in document.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            add(operation, &ALWAYS);
        }
        if let Some(operation) = &mut item.post {
            command(operation);
        }
    }
    // The document is made of our own types and always is JSON.
    document.to_json().unwrap_or_default()
}

fn command(operation: &mut Operation) {
    add(operation, &COMMAND);
    operation.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>(SCHEME, [])]);
    let operator = ParameterBuilder::new()
        .name("X-Operator")
        .parameter_in(ParameterIn::Header)
        .required(Required::True)
        .description(Some("Who gives the command; goes into the journal."))
        .schema(Some(super::word::OperatorName::schema()))
        .build();
    operation.parameters.get_or_insert_default().push(RefOr::T(operator));
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        for content in body.content.values_mut() {
            let RefOr::T(content) = content else { continue };
            if let Some(RefOr::Ref(schema)) = &content.schema {
                let example = EXAMPLES.iter().find(|(name, _)| schema.ref_location.ends_with(&format!("/{name}")));
                content.example = example.and_then(|(_, text)| serde_json::from_str(text).ok());
            }
        }
    }
    // A command that is taken but not yet in the journal has the same body. One that is not journaled has said it itself.
    if !operation.responses.responses.contains_key("202")
        && let Some(RefOr::T(done)) = operation.responses.responses.get_mut("200")
    {
        "In the journal, or in force already.".clone_into(&mut done.description);
        let mut queued = done.clone();
        "Taken; on its way to the journal. `GET /state` shows the request.".clone_into(&mut queued.description);
        operation.responses.responses.insert("202".to_owned(), RefOr::T(queued));
    }
}

fn add(operation: &mut Operation, errors: &[(&str, &str)]) {
    for (status, description) in errors {
        operation
            .responses
            .responses
            .entry((*status).to_owned())
            .or_insert_with(|| RefOr::T(problem(status, description)));
    }
}

fn problem(status: &str, description: &str) -> Response {
    let schema = RefOr::Ref(Ref::from_schema_name(Problem::name().into_owned()));
    let mut builder = ResponseBuilder::new()
        .description(description)
        .content("application/json", ContentBuilder::new().schema(Some(schema)).build());
    let text =
        |what: &str| -> Header { HeaderBuilder::new().schema(Some(String::schema())).description(Some(what)).build() };
    if status == "401" {
        builder = builder.header("WWW-Authenticate", text("`Bearer`."));
    }
    if status == "429" {
        builder = builder.header("Retry-After", text("Seconds to wait."));
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    fn document() -> Value {
        serde_json::from_str(&super::super::routes::document()).unwrap()
    }

    #[test]
    fn every_command_needs_the_token_and_a_name() {
        let document = document();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
        let mut commands = 0;
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let errors = operation["responses"].as_object().unwrap();
                assert!(errors.contains_key("429"), "{method} {path}");
                let guarded = operation["security"][0].get("admin").is_some();
                assert_eq!(guarded, method != "get", "{method} {path}");
                if guarded {
                    commands += 1;
                    assert!(errors.contains_key("401") && errors.contains_key("202"), "{method} {path}");
                    let body = &operation["requestBody"]["content"]["application/json"];
                    assert!(body["example"]["reason"].is_string(), "{path}: {body}");
                    let names = operation["parameters"].as_array().unwrap();
                    assert!(names.iter().any(|p| p["name"] == "X-Operator" && p["required"] == true), "{path}");
                }
            }
        }
        assert_eq!(commands, 16);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn walk(value: &Value, document: &Value) {
            if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{reference}");
            }
            match value {
                Value::Object(map) => map.values().for_each(|v| walk(v, document)),
                Value::Array(list) => list.iter().for_each(|v| walk(v, document)),
                _ => {}
            }
        }
        let document = document();
        walk(&document, &document);
    }
}
