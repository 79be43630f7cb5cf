//! What people and programs enter about a customer by REST: consents with their proof, and notes.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use turno_base::{Name, Wall};
use turno_customers::customer::{Consent, Note};
use turno_customers::entered::Unfit;

use super::care::{Not, changed};
use super::refused;
use crate::api::AppState;
use crate::api::asked;
use crate::shell::clock::wall;
use crate::shell::instant::wall_of;
use crate::shell::store::customers::EntryError;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/customers/{id}/consents", post(consent))
        .route("/customers/{id}/consents/undo", post(take_back_consent))
        .route("/customers/{id}/notes", post(note))
        .route("/customers/{id}/notes/undo", post(take_back_note))
}

/// What was said, when, and what shows it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    purpose: Name,
    granted: bool,
    #[serde(default)]
    proof: String,
    at: Option<String>,
    expires: Option<String>,
}

/// Of which purpose.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Purpose {
    purpose: Name,
}

/// What somebody writes down.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    text: String,
    by: Option<String>,
}

impl From<EntryError> for Not {
    fn from(error: EntryError) -> Not {
        let sentence = error.to_string();
        match error {
            EntryError::Store(error) => error.into(),
            EntryError::NoCustomer(_) | EntryError::Unfit(Unfit::NoConsent(_) | Unfit::NoNote) => {
                Not::Asked(StatusCode::NOT_FOUND, sentence)
            }
            EntryError::Unfit(
                Unfit::NoProof
                | Unfit::Future
                | Unfit::NeverValid
                | Unfit::WithdrawalExpires
                | Unfit::NoText
                | Unfit::Control
                | Unfit::Unkeepable(_),
            ) => Not::Asked(StatusCode::UNPROCESSABLE_ENTITY, sentence),
        }
    }
}

/// The instant that a field holds, or why it holds none.
fn instant(field: &str, text: Option<&str>) -> Result<Option<Wall>, String> {
    text.map(wall_of).transpose().map_err(|sentence| format!("{field}: {sentence}"))
}

async fn consent(State(state): State<AppState>, Path(id): Path<String>, Json(said): Json<Said>) -> Response {
    let (at, expires) = match (instant("at", said.at.as_deref()), instant("expires", said.expires.as_deref())) {
        (Ok(at), Ok(expires)) => (at, expires),
        (Err(sentence), _) | (_, Err(sentence)) => return refused(StatusCode::UNPROCESSABLE_ENTITY, &sentence),
    };
    // The audit log has what it is about; what shows it is his, and goes with him.
    asked::say(format!("{} {}", said.purpose, if said.granted { "given" } else { "withdrawn" }));
    changed(&state, move |store| {
        let now = wall();
        let Said { purpose, granted, proof, .. } = said;
        let consent = Consent { purpose, granted, proof, at: at.unwrap_or(now), expires };
        let (customer, ()) = store.enter(&id, |of| of.enter_consent(consent, now))?;
        Ok(json!({"customer": customer.id, "consents": customer.consents}))
    })
    .await
}

async fn take_back_consent(State(state): State<AppState>, Path(id): Path<String>, Json(of): Json<Purpose>) -> Response {
    asked::say(of.purpose.to_string());
    changed(&state, move |store| {
        let taken = store.enter(&id, |customer| customer.take_back_consent(of.purpose))?;
        Ok(json!({"customer": taken.0.id, "consents": taken.0.consents, "taken_back": taken.1}))
    })
    .await
}

async fn note(State(state): State<AppState>, Path(id): Path<String>, Json(written): Json<Written>) -> Response {
    let by = written.by.unwrap_or_else(|| asked::who().to_string());
    changed(&state, move |store| {
        let note = Note { at: wall(), by, text: written.text };
        let (customer, ()) = store.enter(&id, |of| of.enter_note(note))?;
        Ok(json!({"customer": customer.id, "notes": customer.notes}))
    })
    .await
}

async fn take_back_note(State(state): State<AppState>, Path(id): Path<String>) -> Response {
    changed(&state, move |store| {
        let (customer, note) = store.enter(&id, |of| of.take_back_note())?;
        Ok(json!({"customer": customer.id, "notes": customer.notes, "taken_back": note}))
    })
    .await
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::api::tests::place;

    #[test]
    fn consents_and_notes_are_entered_taken_back_exported_and_forgotten() {
        let place = place(Some("0123456789abcdef"));
        let send = |method: &str, path: &str, body: Value| {
            let headers = "Authorization: Bearer 0123456789abcdef\r\nContent-Type: application/json\r\n";
            let (status, body) = place.send(method, &format!("/api/v1/customers/{path}"), headers, &body.to_string());
            (status, serde_json::from_str::<Value>(&body).unwrap_or_default())
        };
        let post = |path: &str, body: Value| send("POST", path, body);
        let token = "Authorization: Bearer 0123456789abcdef\r\n";
        let file = "id;nombre;telefono\nX-1;Ana Roca;688111222\n";
        assert_eq!(place.send("POST", "/api/v1/customers/import", token, file).0, 200);

        let given = json!({"purpose": "recording", "granted": true, "proof": "form 118", "at": "2026-01-05",
            "expires": "2036-01-05T00:00:00Z"});
        assert_eq!(place.send("POST", "/api/v1/customers/X-1/consents", "", &given.to_string()).0, 401);
        let (status, told) = post("X-1/consents", given);
        assert_eq!(status, 200, "{told}");
        assert_eq!((&told["customer"], told["consents"].as_array().unwrap().len()), (&json!("X-1"), 1));
        let (status, told) = post("X-1/consents", json!({"purpose": "recording", "granted": false}));
        assert_eq!((status, &told["consents"][1]["granted"]), (200, &json!(false)));
        let (status, told) = post("X-1/consents/undo", json!({"purpose": "recording"}));
        assert_eq!((status, &told["taken_back"]["granted"]), (200, &json!(false)));
        assert_eq!(told["consents"].as_array().unwrap().len(), 1, "as before");

        let (status, told) = post("X-1/notes", json!({"text": "asks for her brother"}));
        assert_eq!((status, &told["notes"][0]["by"]), (200, &json!("http.token")), "{told}");
        assert_eq!(post("X-1/notes", json!({"text": "by mistake", "by": "anna"})).0, 200);
        let (status, told) = post("X-1/notes/undo", json!({}));
        assert_eq!((status, &told["taken_back"]["by"]), (200, &json!("anna")));

        for (path, body, want, sentence) in [
            ("X-1/consents", json!({"purpose": "survey", "granted": true}), 422, "a consent needs its proof"),
            (
                "X-1/consents",
                json!({"purpose": "survey", "granted": true, "proof": "x", "at": "soon"}),
                422,
                "at: write",
            ),
            (
                "X-1/consents",
                json!({"purpose": "survey", "granted": true, "proof": "x", "expires": "1999-01-01"}),
                422,
                "the consent would end before",
            ),
            ("X-1/consents/undo", json!({"purpose": "survey"}), 404, "nothing is entered of his consent to survey"),
            ("X-9/notes", json!({"text": "x"}), 404, "there is no customer \"X-9\""),
            ("X-1/notes", json!({"text": " "}), 422, "the note is empty"),
        ] {
            let (status, told) = post(path, body);
            assert_eq!(status, want, "{path} {told}");
            assert!(told["error"].as_str().unwrap().starts_with(sentence), "{told}");
        }

        let (_, told) = send("GET", "X-1/export", json!({}));
        assert_eq!(told["customer"]["consents"][0]["proof"], json!("form 118"));
        assert_eq!(told["customer"]["notes"].as_array().unwrap().len(), 1);
        assert_eq!(post("X-1/erase", json!({"yes": true})).0, 200);
        assert_eq!(post("X-1/notes", json!({"text": "x"})).0, 404);
        let _ = std::fs::remove_dir_all(&*place.state.records);
    }
}
