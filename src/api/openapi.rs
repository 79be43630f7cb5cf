//! The OpenAPI 3.1 description of the REST interface, made from `routes`.

use serde_json::{Map, Value, json};

use crate::api::routes::{APPLY, CONFIG, DECK, Field, IMPORT, KINDS, Kind, ROUTES, Route, SUBJECTS};
use crate::shell::config::Scope;

/// The whole description.
pub(crate) fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES.iter().filter(|route| route.path.starts_with("/api/v1/")) {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_ascii_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Turno",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Live queues, agents and calls, commands, records and figures. Lists may gain members.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Error": {
                    "type": "object",
                    "required": ["error"],
                    "properties": {"error": {"type": "string", "description": "A sentence for a person."}},
                },
            },
            "responses": {
                "Refused": {
                    "description": "Not done, and why.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
                },
            },
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut parameters: Vec<Value> = route.path.split('/').filter_map(in_path).collect();
    parameters.extend(route.query.iter().map(|field| {
        json!({"name": field.name, "in": "query", "required": field.is_needed, "description": field.about,
            "schema": schema(field.kind)})
    }));
    if route.method == "POST" && !route.is_open && ![IMPORT, APPLY, DECK].contains(&route.path) {
        parameters.push(json!({"name": "Idempotency-Key", "in": "header", "required": false,
            "description": "The same key again: the same answer, done once.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"}}));
    }
    let scopes: Vec<&str> = Scope::ALL.into_iter().filter(|s| route.allows(*s)).map(Scope::as_str).collect();
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.about,
        "tags": [route.path.split('/').nth(3).unwrap_or_default()],
        "x-scopes": scopes,
        "security": if route.is_open { json!([]) } else { json!([{"token": []}]) },
        "parameters": parameters,
        "responses": {success_status(route): success(route), "default": {"$ref": "#/components/responses/Refused"}},
    });
    if let Some(body) = body(route) {
        operation["requestBody"] = body;
    }
    operation
}

fn success_status(route: &Route) -> &'static str {
    if route.answer == "websocket" { "101" } else { "200" }
}

fn success(route: &Route) -> Value {
    match route.answer {
        "websocket" => json!({"description": "The connection becomes a WebSocket."}),
        kind if kind.contains('/') => json!({"description": "As it is.", "content": {(kind): {}}}),
        name => json!({
            "description": "Done.",
            "content": {"application/json": {"schema": {"type": "object", "properties": {(name): {}}}}},
        }),
    }
}

fn body(route: &Route) -> Option<Value> {
    if route.path == IMPORT {
        return Some(json!({"required": true, "content": {"text/csv": {"schema": {"type": "string"}}}}));
    }
    if route.path == DECK {
        return Some(json!({
            "required": true,
            "content": {"text/csv": {"schema": {"type": "string"}}, "application/json": {"schema": {"type": "object"}}},
        }));
    }
    if route.path == APPLY {
        return Some(json!({
            "required": true,
            "content": {"application/toml": {"schema": {"type": "string"}}, "text/plain": {"schema": {"type": "string"}}},
        }));
    }
    if route.path.starts_with(CONFIG) && matches!(route.method, "PUT" | "PATCH") {
        let schema = json!({"type": "object", "description": "Keys as in the configuration: docs/reference/config.md"});
        return Some(json!({"required": true, "content": {"application/json": {"schema": schema}}}));
    }
    if route.body.is_empty() {
        return None;
    }
    let properties: Map<String, Value> = route.body.iter().map(|field| (field.name.to_owned(), told(field))).collect();
    let needed: Vec<&str> = route.body.iter().filter(|field| field.is_needed).map(|field| field.name).collect();
    let schema = json!({"type": "object", "additionalProperties": false, "properties": properties, "required": needed});
    Some(json!({"required": !needed.is_empty(), "content": {"application/json": {"schema": schema}}}))
}

fn told(field: &Field) -> Value {
    let mut schema = schema(field.kind);
    schema["description"] = json!(field.about);
    schema
}

fn schema(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({"type": "string"}),
        Kind::Named => json!({"type": "string", "pattern": "^[a-z0-9][a-z0-9_.-]{0,23}$"}),
        Kind::Number => json!({"type": "string", "pattern": "^\\+[1-9][0-9]{2,14}$"}),
        Kind::Instant => json!({"type": "string", "format": "date-time"}),
        Kind::Count(most) => json!({"type": "integer", "minimum": 0, "maximum": most}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::OneOf(words) => json!({"type": "string", "enum": words}),
        Kind::Names => json!({"type": "array", "items": schema(Kind::Named)}),
        Kind::Texts => json!({"type": "object", "additionalProperties": {"type": ["string", "null"]}}),
    }
}

fn in_path(part: &str) -> Option<Value> {
    let name = part.strip_prefix('{')?.strip_suffix('}')?;
    let schema = match name {
        "call" | "task" => json!({"type": "string", "pattern": "^[0-9a-f]{32}$"}),
        "number" => schema(Kind::Number),
        "subject" => schema(Kind::OneOf(SUBJECTS)),
        "revision" => schema(Kind::Count(u32::MAX)),
        "kind" => schema(Kind::OneOf(KINDS)),
        "id" | "name" => json!({"type": "string", "minLength": 1}),
        _ => schema(Kind::Named),
    };
    Some(json!({"name": name, "in": "path", "required": true, "schema": schema}))
}

/// `postAgentPause`: method and what stands in the path.
fn operation_id(route: &Route) -> String {
    let words = route.path.trim_start_matches("/api/v1/").split(['/', '-', '.']);
    let words = words.map(|word| word.trim_matches(['{', '}'])).map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    });
    route.method.to_ascii_lowercase() + &words.collect::<String>()
}
