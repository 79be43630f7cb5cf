//! The reference pages of REST and events say what the code says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::api::routes::{Field, ROUTES, Whose};
use crate::shell::config::Scope;
use crate::shell::event::{self, KINDS};

const REST: &str = "# REST

Below `/api/v1`; JSON in and out. The same as OpenAPI 3.1: `GET /api/v1/openapi.json`. This page is made from the program; a test keeps it so.

## Who may

`Authorization: Bearer TOKEN`. Without a token of `[[http.tokens]]`, `[[http.people]]` or `http.token` in the configuration, whoever reaches the address
may do everything; that is allowed on loopback only, and only under an address or `localhost` as the name.

| scope | for | may |
| --- | --- | --- |
| `admin` | administration, connectors that change customers | everything |
| `supervisor` | supervisors' tools, CTI | what is live: agents, calls, queues, callbacks, tasks, events; customers and records to read |
| `planner` | planning, reporting | queues, agents, records, reports and figures to read |
| `agent` | one agent's desktop | himself; the call that he is in; the tasks in his hands; events about these |
| `board` | a wallboard on a wall | the board and the queues to read |

`turno token new --name crm --scope supervisor` draws a token and prints the lines for the configuration, which hold only its hash. A person signs in by
`POST /api/v1/session` with name and password and gets a token for 12 hours, over a restart too. Attempts to sign in are slowed down by address and
name. A reload takes changed tokens and people; who is not in the configuration any more is out at once.

## Answers

| status | means |
| --- | --- |
| 400, 422 | the request is not right; `error` says what |
| 401, 403 | no token, or an expired or unknown one; a token of another scope, or a page of another site |
| 404, 409 | there is no such thing; it is not in a state for this |
| 413, 431 | the body has more than 64 kB (a file of customers 32 MB), the head more than 32 kB |
| 429 | too often, by token (`http.rate`) or address (`http.source_rate`); `Retry-After` says when again |
| 503 | busy or ending; try again |

An error is `{\"error\": \"a sentence\"}`. A request must be whole within 15 seconds.

`Idempotency-Key` (1 to 128 bytes) on a POST: the same key again, from the same token, to the same path, is not done again; the same answer comes with
`Idempotency-Replayed: true`. With another body it is 422, while the first is being done 409. Answers are kept for a day, 4096 of them,
over a restart too; a key whose command the node ended in the midst of is 409, for nobody knows whether it was done.

Pages of other origins may ask if `http.origins` lists theirs. A browser that opens a WebSocket gives its token as a subprotocol: `turno, bearer.TOKEN`.

## Routes

";

const EVENTS: &str = "# Events

What happens, as it happens: by WebSocket from `/api/v1/events`, and by web hook (`[[store.out]]` with `to = \"web-hook\"` and `what = \"events\"`). This page
is made from the program; a test keeps it so.

## WebSocket

Scopes `admin`, `supervisor`, and `agent` for what is about him and the calls that he has. `?kind=queue-left,offered`, `?queue=` and `?agent=` choose; lists
are joined by commas.

| message | when |
| --- | --- |
| `{\"type\": \"snapshot\", \"seq\", \"id\", \"board\", \"calls\"}` | first: the board as of event `seq`, and live calls, which may be younger. An agent gets `agents`: himself |
| `{\"type\": \"event\", \"seq\", \"id\", \"at\", \"kind\", ...}` | for each event; `seq` counts all events, also those that were not asked for |
| `{\"type\": \"beat\", \"seq\"}` | after 10 s of silence |
| `{\"type\": \"gone\", \"after\", \"oldest\"}` | events behind `after` are not kept any more, or of another life of the engine; a snapshot follows |
| `{\"type\": \"behind\", \"seq\"}` | the reader is more than 4096 events late; the connection is closed |

`?after=ID` goes on behind the event of that `id`, from the record log: nothing is lost by a reader that went away, up to `store.kept`. A number alone is
taken as well; an `id` is safer, because numbers begin again at 1 where an engine begins without its journal. Who takes more than 10 s for one message is
closed. Nobody here can hold the engine up.

## Web hook

`POST` with `{\"events\": [...]}`, in order, at least once, signed as records are (docs/records.md); `kinds`, `queues` and `agents` choose. `Idempotency-Key`
is the id of the first event. What is refused is set aside, as records are.

## Kinds and fields

Every event has `type`, `seq`, `id`, `at` (RFC 3339, UTC) and `kind`; `call` if it is about one. A number that the network was asked not to show is null.

| kind | fields |
| --- | --- |
";

fn names(fields: &[Field]) -> String {
    let one = |field: &Field| format!("`{}{}`", field.name, if field.is_needed { "" } else { "?" });
    fields.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_page_of_rest_is_current() {
    let mut page = REST.to_owned();
    page.push_str("`?` stands behind what may be left out.\n\n| route | scopes besides admin | query | body | |\n| --- | --- | --- | --- | --- |\n");
    for route in ROUTES {
        let who: Vec<&str> =
            Scope::ALL.into_iter().filter(|s| *s != Scope::Admin && route.allows(*s)).map(Scope::as_str).collect();
        let whose = match route.whose {
            Whose::Anybodys => "",
            Whose::TheAgents => " (himself)",
            Whose::OfTheAgentAsked => " (with `?agent=` himself)",
            Whose::HisCall => " (the call he is in)",
            Whose::HisTask => " (in his hands)",
        };
        let who = if route.is_open { "anybody".to_owned() } else { who.join(", ") };
        let (query, body) = (names(route.query), names(route.body));
        let _ =
            writeln!(page, "| `{} {}` | {who}{whose} | {query} | {body} | {} |", route.method, route.path, route.about);
    }
    expect_test::expect_file!["../../docs/reference/rest.md"].assert_eq(&page);
}

#[test]
fn the_page_of_events_is_current() {
    let mut fields: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for fact in event::tests::facts() {
        let told = event::event(&fact);
        let kind = told.kind;
        let json = told.json(1, &fact);
        let own =
            json.as_object().unwrap().keys().filter(|key| !["type", "seq", "id", "at", "kind"].contains(&key.as_str()));
        fields.entry(kind).or_default().extend(own.cloned());
    }
    let mut page = EVENTS.to_owned();
    for kind in KINDS {
        let own: Vec<String> = fields[kind].iter().map(|field| format!("`{field}`")).collect();
        let _ = writeln!(page, "| `{kind}` | {} |", own.join(" "));
    }
    expect_test::expect_file!["../../docs/reference/events.md"].assert_eq(&page);
}
