//! Every route of the HTTP interface with who may use it and what it takes: the guard reads it, the OpenAPI file is made of
//! it. A route that is not here is served to nobody.
//!
//! Kept by hand: what answers hold are views of the pure rooms, which know no HTTP; tests hold it against the routers and
//! against what the handlers take.

use axum::http::Method;

use crate::shell::config::Scope;
use crate::shell::store::retention::DAYS_MAX;
use Kind::{Count, Flag, Instant, Named, Names, Number, OneOf, Text, Texts};
use Scope::{Agent, Board, Planner, Supervisor};
use Whose::{Anybodys, HisCall, HisTask, OfTheAgentAsked, TheAgents};

/// The route whose body is a file.
pub(crate) const IMPORT: &str = "/api/v1/customers/import";
/// The one whose body is a document of the configuration.
pub(crate) const APPLY: &str = "/api/v1/config/apply";
/// The one whose body is a price book.
pub(crate) const DECK: &str = "/api/v1/decks/import";
/// What those about the live configuration begin with.
pub(crate) const CONFIG: &str = "/api/v1/config/";

/// What an agent's token may reach by a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// It is about nobody in particular.
    Anybodys,
    /// `{agent}` in the path must be the agent.
    TheAgents,
    /// `?agent=` must be the agent.
    OfTheAgentAsked,
    /// `{call}` in the path must be the call he is in.
    HisCall,
    /// `{task}` in the path must be in his hands.
    HisTask,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// A name of the configuration.
    Named,
    /// A telephone number, canonical.
    Number,
    /// An instant, RFC 3339.
    Instant,
    /// A whole number, at most this.
    Count(u32),
    /// True or false.
    Flag,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Names of the configuration.
    Names,
    /// Texts by name; null takes one away.
    Texts,
}

/// A value of a body or a query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) is_needed: bool,
    pub(crate) about: &'static str,
}

/// A method of a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    /// `GET` and so on; `HEAD` goes with `GET`.
    pub(crate) method: &'static str,
    /// As the router has it.
    pub(crate) path: &'static str,
    /// Served to anybody, without a token.
    pub(crate) is_open: bool,
    /// Who may besides the admin.
    pub(crate) scopes: &'static [Scope],
    pub(crate) whose: Whose,
    /// One sentence.
    pub(crate) about: &'static str,
    pub(crate) query: &'static [Field],
    /// Of the JSON body; empty: none.
    pub(crate) body: &'static [Field],
    /// What the answer is: the name of its list or object, or a media type.
    pub(crate) answer: &'static str,
}

impl Route {
    /// Whether this scope may.
    pub(crate) fn allows(&self, scope: Scope) -> bool {
        self.is_open || scope == Scope::Admin || self.scopes.contains(&scope)
    }
}

/// The row of a request.
pub(crate) fn find(method: &Method, path: &str) -> Option<&'static Route> {
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    ROUTES.iter().find(|route| route.method == method && route.path == path)
}

/// The methods of a path.
pub(crate) fn methods(path: &str) -> Vec<&'static str> {
    ROUTES.iter().filter(|route| route.path == path).map(|route| route.method).collect()
}

const fn row(method: &'static str, path: &'static str, scopes: &'static [Scope], about: &'static str) -> Route {
    Route { method, path, is_open: false, scopes, whose: Anybodys, about, query: &[], body: &[], answer: "done" }
}

const fn get(path: &'static str, scopes: &'static [Scope], answer: &'static str, about: &'static str) -> Route {
    Route { answer, ..row("GET", path, scopes, about) }
}

const fn post(path: &'static str, scopes: &'static [Scope], about: &'static str) -> Route {
    row("POST", path, scopes, about)
}

impl Route {
    const fn of(self, whose: Whose) -> Route {
        Route { whose, ..self }
    }

    const fn open(self) -> Route {
        Route { is_open: true, ..self }
    }

    const fn takes(self, body: &'static [Field]) -> Route {
        Route { body, ..self }
    }

    const fn asks(self, query: &'static [Field]) -> Route {
        Route { query, ..self }
    }

    const fn gives(self, answer: &'static str) -> Route {
        Route { answer, ..self }
    }
}

const fn need(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, is_needed: true, about }
}

const fn may(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, is_needed: false, about }
}

const SUPERVISED: &[Scope] = &[Supervisor];
const WATCHED: &[Scope] = &[Supervisor, Planner];
const OWN: &[Scope] = &[Supervisor, Agent];
const SEEN: &[Scope] = &[Supervisor, Planner, Agent];
const SHOWN: &[Scope] = &[Supervisor, Planner, Board];
const EVERYBODY: &[Scope] = &[Supervisor, Planner, Agent, Board];
const ADMIN: &[Scope] = &[];

/// Highest rank of an agent in a queue.
const RANK_MAX: u32 = turno_acd::limits::RANK_MAX as u32;
const WORK: &[&str] = &["admin", "email", "fax", "complaint"];
const PRIORITIES: &[&str] = &["urgent", "medium", "low"];
pub(crate) const SUBJECTS: &[&str] = &["queues", "agents", "law", "dispositions", "repeat", "cost", "ledger"];
/// Sections of the live configuration.
pub(crate) const KINDS: &[&str] = &crate::shell::live::document::LIVE;
const WHY: Field = may("why", Text, "In words, for the log");
const DRY: Field = may("dry_run", Flag, "Only say what would change");
const CHANGE: &[Field] = &[WHY, DRY];
const ABSENT: &[&str] = &["refuse", "keep", "remove"];
const BY: &[&str] = &["interval", "day", "month", "year", "total"];
const SPLITS: &[&str] = &["queue", "segment", "number-type", "nothing"];
const BEHIND: &[&str] = &["queues", "agents", "law", "dispositions", "repeat", "cost"];
const FORMS: &[&str] = &["table", "csv", "json", "xlsx", "svg"];
const OTHER: &[Field] = &[need("other", Text, "The other customer's id")];
const QUEUE: &[Field] = &[need("queue", Named, "Where it waits on")];
const DISPOSITION: Field = need("disposition", Named, "One of [dispositions]");
const PURPOSES: &[&str] = &["queue", "callback", "direct", "internal"];
const REPORT: &[Field] = &[
    may("from", Text, "First day, 2026-03-10; today if absent"),
    may("to", Text, "Last day"),
    may("by", OneOf(BY), "Length of a row"),
    may("zone", Text, "Time zone, Europe/Madrid"),
    may("split", OneOf(SPLITS), "What rows are split by"),
    may("queue", Named, "Of this queue alone"),
    may("segment", Named, "Of this segment alone"),
    may("figures", Text, "Names of figures, joined by commas"),
    may("idle", Flag, "Cost with the idle time of agents shared out"),
    may("of", OneOf(BEHIND), "Whose figure it is; queues if absent"),
    may("agent", Named, "Only what this agent did"),
    may("format", OneOf(FORMS), "Form of the answer"),
];

/// All of them.
pub(crate) const ROUTES: &[Route] = &[
    get("/api/v1/openapi.json", EVERYBODY, "application/json", "This description.").open(),
    post("/api/v1/session", EVERYBODY, "Signs in with name and password: a token for 12 hours.")
        .open()
        .takes(&[need("name", Text, "Of [[http.people]]"), need("password", Text, "His password")])
        .gives("token"),
    get("/api/v1/session", EVERYBODY, "name", "Whose token this is and what it may."),
    row("DELETE", "/api/v1/session", EVERYBODY, "Signs out: the token of a sign-in ends."),
    get("/api/v1/events", OWN, "websocket", "Events as they happen, over a WebSocket (docs/reference/events.md).")
        .asks(&[
            may("after", Text, "Goes on behind the event of this id or number"),
            may("kind", Text, "Of these kinds alone, joined by commas"),
            may("queue", Text, "Events that name one of these queues"),
            may("agent", Text, "Events that name one of these agents"),
        ]),
    get("/api/v1/calls", SUPERVISED, "calls", "Live calls."),
    get("/api/v1/calls/{call}", OWN, "calls", "One live call.").of(HisCall),
    row("DELETE", "/api/v1/calls/{call}", OWN, "Hangs up.").of(HisCall),
    get("/api/v1/calls/{call}/explain", OWN, "explained", "Why a call waits, or went where it went.").of(HisCall),
    get("/api/v1/calls/{call}/trace", SUPERVISED, "steps", "The whole story of a call: messages, decisions, quality.")
        .asks(&[may("full", Flag, "Numbers whole")]),
    get("/api/v1/calls/{call}/card", OWN, "card", "Who calls.").of(HisCall),
    post("/api/v1/calls/{call}/bump", SUPERVISED, "A waiting call counts as older.").takes(&[need(
        "by_s",
        Count(86_400),
        "By so many seconds",
    )]),
    post("/api/v1/calls/{call}/move", SUPERVISED, "A waiting call goes on waiting in another queue.").takes(QUEUE),
    post("/api/v1/calls/{call}/needs", SUPERVISED, "What a waiting call needs beyond what its queue needs.")
        .takes(&[need("need", Text, "As in [queues], for example \"catalan>=3\"")]),
    post("/api/v1/calls/{call}/park", OWN, "Puts a call aside.").of(HisCall).takes(&[may(
        "slot",
        Count(9999),
        "Where; absent: the first that is free",
    )]),
    post("/api/v1/calls/{call}/pull", SUPERVISED, "A waiting or parked call goes to an agent now.")
        .takes(&[need("agent", Named, "To whom")]),
    post("/api/v1/calls", SUPERVISED, "Connects a station with a number: the station is called first.")
        .gives("calls")
        .takes(&[need("station", Named, "Which is called first"), need("number", Text, "As dialled there")]),
    post("/api/v1/emergency", SUPERVISED, "The emergency switch, of one queue or of all.")
        .takes(&[need("on", Flag, "On or off"), may("queue", Named, "Of this queue; absent: of all")]),
    get("/api/v1/calendars", WATCHED, "calendars", "Opening hours as of now."),
    get("/api/v1/queues", SHOWN, "queues", "Queues and who waits."),
    get("/api/v1/queues/{queue}", SHOWN, "queues", "One queue."),
    get("/api/v1/agents", WATCHED, "agents", "Agents and what they do."),
    get("/api/v1/agents/{agent}", SEEN, "agents", "One agent.").of(TheAgents),
    get("/api/v1/agents/{agent}/explain", SEEN, "explained", "Why an agent gets calls or none.").of(TheAgents),
    post("/api/v1/agents/{agent}/login", OWN, "Begins a shift.").of(TheAgents).takes(&[may(
        "station",
        Named,
        "Where he sits; absent: his own station",
    )]),
    post("/api/v1/agents/{agent}/logout", OWN, "Ends a shift.").of(TheAgents),
    post("/api/v1/agents/{agent}/pause", OWN, "Not ready from now on, or after the call.")
        .of(TheAgents)
        .takes(&[need("reason", Named, "One of [reasons]")]),
    post("/api/v1/agents/{agent}/ready", OWN, "Ready, also out of wrap-up.").of(TheAgents),
    post("/api/v1/agents/{agent}/saved", OWN, "Wrap-up is done.").of(TheAgents),
    post("/api/v1/agents/{agent}/extend", OWN, "Wrap-up takes longer.").of(TheAgents),
    post("/api/v1/agents/{agent}/disposition", OWN, "What came of the call.").of(TheAgents).takes(&[DISPOSITION]),
    row("PUT", "/api/v1/agents/{agent}/skills/{skill}", SUPERVISED, "Changes a skill while he works.").takes(&[
        need("level", Count(10), "1 to 10; 0: he does not have it"),
        may("until", Instant, "Then it is as configured again"),
    ]),
    row("DELETE", "/api/v1/agents/{agent}/skills/{skill}", SUPERVISED, "A skill is as configured again."),
    row("PUT", "/api/v1/agents/{agent}/queues/{queue}", SUPERVISED, "He serves a queue until his shift ends.").takes(
        &[
            may("rank", Count(RANK_MAX), "Nobody of a higher rank is rung while one of a lower may be; 0 if absent"),
            may("station", Named, "Where he sits down if he has not; absent: his own"),
        ],
    ),
    row("PATCH", "/api/v1/agents/{agent}/queues/{queue}", SUPERVISED, "His rank in a queue until his shift ends.")
        .takes(&[need("rank", Count(RANK_MAX), "Nobody of a higher rank is rung while one of a lower may be")]),
    row(
        "DELETE",
        "/api/v1/agents/{agent}/queues/{queue}",
        SUPERVISED,
        "He does not serve a queue until his shift ends.",
    ),
    get("/api/v1/callbacks", SUPERVISED, "callbacks", "Who will be called back."),
    post("/api/v1/callbacks", SUPERVISED, "Somebody is to be called back.").takes(&[
        need("number", Number, "Whom"),
        need("queue", Named, "For which queue"),
        may("at", Instant, "Not before"),
    ]),
    get("/api/v1/callbacks/{number}", SUPERVISED, "callbacks", "One callback."),
    row("DELETE", "/api/v1/callbacks/{number}", SUPERVISED, "He will not be called back."),
    row("PUT", "/api/v1/callbacks/{number}", SUPERVISED, "When he wants to be called back.").takes(&[need(
        "at",
        Instant,
        "Not before",
    )]),
    get("/api/v1/reachable", SUPERVISED, "stations", "Registrations and trunks."),
    get("/api/v1/board", SHOWN, "board", "What the wallboard shows, with the number of the last event in it."),
    get("/api/v1/tasks", OWN, "tasks", "Work without a caller on the line.")
        .of(OfTheAgentAsked)
        .asks(&[may("queue", Named, "Of this queue"), may("agent", Named, "In the hands of this agent")]),
    post("/api/v1/tasks", SUPERVISED, "Enters a task.").gives("tasks").takes(&[
        need("kind", OneOf(WORK), "What work"),
        need("queue", Named, "Its queue"),
        may("need", Text, "What it needs beyond its queue"),
        may("due", Instant, "To be done before"),
        may("priority", OneOf(PRIORITIES), "How soon, without due"),
        may("subject", Text, "What it is about"),
        may("customer", Text, "Customer's id"),
        may("segment", Named, "His segment"),
        may("owner", Named, "Agent who has it first"),
    ]),
    post("/api/v1/tasks/{task}/done", OWN, "A task is done.")
        .of(HisTask)
        .takes(&[Field { is_needed: false, ..DISPOSITION }]),
    post("/api/v1/tasks/{task}/move", SUPERVISED, "A task goes on waiting in another queue.").takes(QUEUE),
    get("/api/v1/records", WATCHED, "records", "Records of calls that ended, newest first.").asks(&[
        may("since", Instant, "Arrived at or after"),
        may("until", Instant, "Arrived before"),
        may("queue", Named, "Entered this queue"),
        may("agent", Named, "Talked with this agent"),
        may("number", Text, "From or to this number"),
        may("limit", Count(1000), "At most so many; 100 if absent"),
    ]),
    post(
        "/api/v1/records/erase",
        ADMIN,
        "Forgets in the records whom the customers do not know; this cannot be taken back.",
    )
    .gives("pseudonym")
    .takes(&[
        may("customer", Text, "His external id"),
        may("number", Number, "His number; at least one of both"),
        need("yes", Flag, "Said aloud"),
    ]),
    post("/api/v1/records/retain", ADMIN, "Takes old records out of the tables; this cannot be taken back.")
        .gives("calls")
        .asks(&[DRY])
        .takes(&[
            need("older_than_days", Count(DAYS_MAX), "Calls that arrived more than so many days ago"),
            may("purpose", OneOf(PURPOSES), "Only those for this purpose"),
            may("yes", Flag, "Said aloud, unless it is a dry run"),
        ]),
    get("/api/v1/records/{call}", WATCHED, "call", "One record."),
    get("/api/v1/reports/{subject}", WATCHED, "rows", "A report, as `turno report`.").asks(REPORT),
    get("/api/v1/figures/{figure}/calls", WATCHED, "rows", "The calls behind a figure.").asks(REPORT),
    get("/api/v1/customers", SUPERVISED, "customers", "Finds customers.")
        .asks(&[need("search", Text, "Name, part of a number, id"), may("limit", Count(100), "At most so many")]),
    get("/api/v1/customers/{id}", SUPERVISED, "customer", "One customer; its ETag is for If-Match."),
    row("PATCH", "/api/v1/customers/{id}", ADMIN, "Changes a customer; If-Match makes it conditional.")
        .gives("customer")
        .takes(&[
            may("name", Text, "Name to show"),
            may("given", Text, "Given names"),
            may("surnames", Text, "Surnames"),
            may("segment", Text, "Class; empty: none"),
            may("language", Text, "Language, as a skill; empty: none"),
            may("owner", Text, "Agent whose customer it is; empty: nobody's"),
            may("flags", Names, "Marks, all of them"),
            may("custom", Texts, "Fields of the house's own; those that are null go"),
        ]),
    get("/api/v1/customer-tasks", SUPERVISED, "tasks", "What is to be put right about customers."),
    post("/api/v1/customer-tasks/{task}/done", SUPERVISED, "It was put right."),
    get("/api/v1/customers/{id}/export", ADMIN, "customer", "Everything that is kept of a person."),
    post("/api/v1/customers/{id}/erase", ADMIN, "Forgets a person; this cannot be taken back.").takes(&[need(
        "yes",
        Flag,
        "Said aloud",
    )]),
    post("/api/v1/customers/{id}/merge", ADMIN, "Two customers are one.").takes(OTHER),
    post("/api/v1/customers/{id}/unmerge", ADMIN, "They were two after all."),
    post("/api/v1/customers/{id}/different", ADMIN, "Two customers are not one.").takes(OTHER),
    post("/api/v1/customers/{id}/consents", ADMIN, "Enters what a customer agrees to, or that he does no longer.")
        .gives("consents")
        .takes(&[
            need("purpose", Named, "To what: recording, marketing, survey"),
            need("granted", Flag, "Given, or withdrawn"),
            may("proof", Text, "What shows it: id of a call, number of a form, link; needed where it is given"),
            may("at", Instant, "When it was said; absent: now"),
            may("expires", Instant, "Not valid from then on; absent: until withdrawn"),
        ]),
    post("/api/v1/customers/{id}/consents/undo", ADMIN, "Takes back the last word on a purpose, entered by mistake.")
        .gives("consents")
        .takes(&[need("purpose", Named, "Of which purpose")]),
    post("/api/v1/customers/{id}/notes", ADMIN, "Enters a note about a customer; agents see it on his card.")
        .gives("notes")
        .takes(&[need("text", Text, "At most 4000 bytes"), may("by", Text, "Who writes it; absent: whoever asks")]),
    post("/api/v1/customers/{id}/notes/undo", ADMIN, "Takes back the last note.").gives("notes"),
    post("/api/v1/customers/{id}/cases", ADMIN, "A customer waits for something from now on.")
        .gives("cases")
        .takes(&[need("reference", Text, "Its number where it is handled"), need("title", Text, "What about")]),
    post("/api/v1/customers/{id}/cases/close", ADMIN, "He waits for it no longer.").gives("cases").takes(&[need(
        "reference",
        Text,
        "Its number where it is handled",
    )]),
    post(IMPORT, ADMIN, "Takes a file of customers, CSV.").gives("outcome").asks(&[
        may("name", Text, "Names the import"),
        may("country", Text, "Whose numbers they are, without a prefix"),
        may("dry_run", Flag, "Only say what would be done"),
    ]),
    get("/api/v1/config", WATCHED, "config", "The live configuration without its secrets; its ETag is the revision."),
    get("/api/v1/config/export", WATCHED, "application/toml", "The same as TOML, for `turno apply`."),
    post(APPLY, ADMIN, "Takes a document for the live configuration, whole or not at all.").gives("changes").asks(&[
        WHY,
        DRY,
        may("absent", OneOf(ABSENT), "What becomes of sections that the document does not have"),
    ]),
    post("/api/v1/config/reload", ADMIN, "Reads the files again.").gives("warnings"),
    get("/api/v1/config/revisions", WATCHED, "revisions", "Who changed what, the youngest first.").asks(&[may(
        "last",
        Count(1000),
        "At most so many; 20 if absent",
    )]),
    get("/api/v1/config/revisions/{revision}", WATCHED, "changes", "One revision, and the configuration as of then."),
    post("/api/v1/config/revisions/{revision}/undo", ADMIN, "Takes back what a revision changed.")
        .gives("changes")
        .asks(CHANGE),
    get("/api/v1/config/{kind}", WATCHED, "revision", "A section."),
    row("PUT", "/api/v1/config/{kind}", ADMIN, "Sets all of a section of one object.").gives("changes").asks(CHANGE),
    row("PATCH", "/api/v1/config/{kind}", ADMIN, "Changes keys of a section of one object.")
        .gives("changes")
        .asks(CHANGE),
    get("/api/v1/config/{kind}/{name}", WATCHED, "object", "An object; its ETag is the revision."),
    row("PUT", "/api/v1/config/{kind}/{name}", ADMIN, "Adds or replaces an object; If-Match makes it conditional.")
        .gives("changes")
        .asks(CHANGE),
    row("PATCH", "/api/v1/config/{kind}/{name}", ADMIN, "Changes keys of an object; null takes the default.")
        .gives("changes")
        .asks(CHANGE),
    row("DELETE", "/api/v1/config/{kind}/{name}", ADMIN, "Removes an object.").gives("changes").asks(CHANGE),
    get("/api/v1/decks", WATCHED, "decks", "The price books that the store holds."),
    post(DECK, ADMIN, "Takes a price book, CSV or JSON: calls from now on are priced by it where it is used.")
        .gives("changes")
        .asks(&[
            need("name", Named, "Of the deck"),
            may("whole", Flag, "It is the whole deck; else its versions stand beside those that are there"),
            may(
                "use",
                Text,
                "Keys of [tariff] that name it from now on, joined by commas: file,trunks.carrier.inbound",
            ),
            WHY,
            DRY,
        ]),
    get("/api/v1/decks/{name}", WATCHED, "deck", "One price book: its versions, and where it is used."),
    get("/api/v1/decks/{name}/text", WATCHED, "text/plain", "A text of a price book, as it was imported.")
        .asks(&[may("id", Text, "Which; the last if absent")]),
    get("/api/v1/voicemail", SUPERVISED, "voicemail", "Messages."),
    get("/api/v1/voicemail/{call}", SUPERVISED, "call", "One message."),
    row("DELETE", "/api/v1/voicemail/{call}", SUPERVISED, "Removes a message."),
    get("/api/v1/voicemail/{call}/sound", SUPERVISED, "audio/wav", "What was said."),
    post("/api/v1/voicemail/{call}/done", SUPERVISED, "Somebody has seen to it, or nobody after all.").takes(&[may(
        "undo",
        Flag,
        "Nobody has after all",
    )]),
    get("/api/v1/route-test", WATCHED, "route", "What would become of a call; nothing changes.").asks(&[
        need("from", Text, "Who calls"),
        need("to", Text, "What is dialled"),
        may("trunk", Named, "By which trunk; absent: the first that has a route for it"),
        may("at", Instant, "At this instant, with agents and queues as they are now"),
    ]),
    get(
        "/api/v1/trunks",
        WATCHED,
        "trunks",
        "Trunks: up or not (null: not known yet), calls, our registration there, each address.",
    ),
    get("/api/v1/trunks/{trunk}", WATCHED, "trunks", "One trunk."),
    post("/api/v1/trunks/{trunk}/ping", SUPERVISED, "Asks each address of a trunk by OPTIONS.").gives("pings"),
    get("/api/v1/sip-trace", ADMIN, "trace", "Whether SIP is shown somewhere, and how much was."),
    post("/api/v1/sip-trace", ADMIN, "Shows SIP that passes, in a file or in Homer, for a while.")
        .gives("trace")
        .takes(&[
            need("to", Text, "hep://HOST:PORT, or the name of a file below traces in the data folder, ending in .pcap"),
            may("call", Text, "Only this call, or a dialog by its SIP Call-ID"),
            may("from", Text, "Only calls from or to this number"),
            may("for_s", Count(86_400), "Ends after so many seconds; 600 if absent"),
            may("bytes_max", Count(u32::MAX), "Ends after so many bytes of messages"),
        ]),
    row("DELETE", "/api/v1/sip-trace", ADMIN, "Shows SIP no more.").gives("trace"),
    get("/api/v1/log", ADMIN, "level", "What is logged now."),
    row("PUT", "/api/v1/log", ADMIN, "Gives parts of the program a level of their own for a while.")
        .gives("level")
        .takes(&[
            need("levels", Text, "AREA=LEVEL, joined by commas: sip=debug,calls=trace"),
            may("for_s", Count(86_400), "For so many seconds; 600 if absent"),
        ]),
    row("DELETE", "/api/v1/log", ADMIN, "Every part speaks as configured.").gives("level"),
    get("/api/v1/audit", ADMIN, "audit", "Who did what, the youngest first.").asks(&[
        may("last", Count(1000), "At most so many; 50 if absent"),
        may("who", Text, "Only this account, token, person or login"),
        may("about", Text, "Only what is about this, or begins with it: agent/anna, queue/"),
    ]),
    post("/api/v1/drain", ADMIN, "No new calls from now on, until the process ends or starts again.").takes(&[need(
        "yes",
        Flag,
        "Said aloud",
    )]),
    get("/api/v1/doctor", ADMIN, "findings", "What would keep calls from going through, and what to do."),
    get("/wall/feed", SHOWN, "websocket", "The wallboard's own feed."),
];
