//! One connection: its greeting, its login, what it asks and what it is told.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, broadcast};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use turno_engine::{Answer, Command};

use super::actions::{self, Action, Meaning, TABLE};
use super::doors::Proof;
use super::exchange::Originated;
use super::filter::{BadFilter, Filters};
use super::server::{Ami, Numbered};
use super::wire::{Block, Reader, Request};
use super::{cli, lists};
use crate::shell::asker::Unanswered;
use crate::shell::audit::{Author, Deed, Door};
use crate::shell::config::ami::Classes;
use crate::shell::entropy;

/// Whoever has not logged in by then is closed.
const LOGIN_LIMIT: Duration = Duration::from_secs(10);
/// How long a failed login waits for its answer.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);
/// A piece of an answer or of events must be taken within this.
const WRITE_LIMIT: Duration = Duration::from_secs(5);
/// Written at once.
const PIECE_BYTES: usize = 64 << 10;
/// Without a word from a peer that is not there any more.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// What readers take the field list by: as Asterisk 20.
const AMI_VERSION: &str = "9.0.0";

type Events = broadcast::Receiver<Arc<Numbered>>;

/// It is over: whatever the reason, there is nothing more to say.
struct Over;

struct Connection<'a, S> {
    ami: &'a Arc<Ami>,
    from: IpAddr,
    write: WriteHalf<S>,
    challenge: Option<String>,
    session: Option<Session>,
    /// Held until somebody has logged in.
    stranger: Option<OwnedSemaphorePermit>,
}

/// Somebody who has logged in.
struct Session {
    author: Author,
    read: Classes,
    may: Classes,
    mask: Classes,
    filters: Filters,
    events: Events,
}

impl Session {
    fn wants(&self, numbered: &Numbered) -> bool {
        let class = numbered.event.class;
        self.read.has_all(class) && self.mask.has_all(class) && self.filters.wants(&numbered.event)
    }
}

/// Serves one connection to its end; `is_secret`: it must speak TLS, for which it has as long as for its login.
pub(super) async fn serve(
    ami: &Arc<Ami>,
    stream: TcpStream,
    from: IpAddr,
    is_secret: bool,
    stranger: OwnedSemaphorePermit,
) {
    let _ = stream.set_nodelay(true);
    let alive = socket2::TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4);
    let _ = socket2::SockRef::from(&stream).set_tcp_keepalive(&alive);
    if !is_secret {
        return talk(ami, stream, from, stranger).await;
    }
    let certificate = ami.terms.borrow().ami.tls.as_ref().map(|tls| tls.config.clone());
    let Some(certificate) = certificate else { return };
    match timeout(LOGIN_LIMIT, TlsAcceptor::from(certificate).accept(stream)).await {
        Ok(Ok(stream)) => talk(ami, stream, from, stranger).await,
        Ok(Err(error)) => tracing::debug!(%from, %error, "a TLS connection of the manager interface was not agreed"),
        Err(_) => tracing::debug!(%from, "a TLS connection of the manager interface was not agreed in time"),
    }
}

async fn talk<S: AsyncRead + AsyncWrite>(ami: &Arc<Ami>, stream: S, from: IpAddr, stranger: OwnedSemaphorePermit) {
    let (read, write) = tokio::io::split(stream);
    let mut connection = Connection { ami, from, write, challenge: None, session: None, stranger: Some(stranger) };
    // Every end is the client's or that of the process; what somebody must act on has been counted.
    let _ = connection.run(read).await;
}

enum Next {
    Read(usize),
    Event(Arc<Numbered>),
}

impl<S: AsyncRead + AsyncWrite> Connection<'_, S> {
    async fn run(&mut self, mut read: ReadHalf<S>) -> Result<(), Over> {
        self.say(&format!("Asterisk Call Manager/{AMI_VERSION}\r\n")).await?;
        let login_by = Instant::now() + LOGIN_LIMIT;
        let (mut reader, mut buffer) = (Reader::default(), vec![0; 8192]);
        loop {
            match self.next(&mut read, &mut buffer, login_by).await? {
                Next::Read(got) => reader.push(buffer.get(..got).unwrap_or_default()),
                Next::Event(numbered) => self.tell(&numbered).await?,
            }
            loop {
                match reader.next_request() {
                    Ok(Some(request)) => self.on_request(&request).await?,
                    Ok(None) => break,
                    Err(_) => {
                        let sentence = "Failed to parse message: line too long or too many lines";
                        self.say(&Block::said("Error", &Request::default(), sentence)).await?;
                        return Err(Over);
                    }
                }
            }
        }
    }

    async fn next(&mut self, read: &mut ReadHalf<S>, buffer: &mut [u8], login_by: Instant) -> Result<Next, Over> {
        let Some(session) = &mut self.session else {
            let got = timeout_at(login_by, read.read(buffer)).await.map_err(|_| Over)?;
            return got.ok().filter(|got| *got > 0).map(Next::Read).ok_or(Over);
        };
        tokio::select! {
            got = read.read(buffer) => got.ok().filter(|got| *got > 0).map(Next::Read).ok_or(Over),
            event = session.events.recv() => match event {
                Ok(numbered) => Ok(Next::Event(numbered)),
                Err(broadcast::error::RecvError::Lagged(_)) => Err(self.slow()),
                Err(broadcast::error::RecvError::Closed) => Err(Over),
            },
        }
    }

    fn slow(&self) -> Over {
        self.ami.counts.slow.inc();
        tracing::warn!(from = %self.from, "a client of the manager interface does not read and is closed");
        Over
    }

    /// An event, and what has come behind it.
    async fn tell(&mut self, first: &Arc<Numbered>) -> Result<(), Over> {
        let Some(session) = &mut self.session else { return Ok(()) };
        let mut text = String::new();
        let mut next = Some(first.clone());
        while let Some(numbered) = next {
            if session.wants(&numbered) {
                text.push_str(&numbered.event.text);
            }
            // Who is behind hears so from the next look at the line.
            next = if text.len() < PIECE_BYTES { session.events.try_recv().ok() } else { None };
        }
        self.say(&text).await
    }

    async fn say(&mut self, text: &str) -> Result<(), Over> {
        for piece in text.as_bytes().chunks(PIECE_BYTES) {
            match timeout(WRITE_LIMIT, self.write.write_all(piece)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(Over),
                Err(_) => return Err(self.slow()),
            }
        }
        // A record of TLS may still be on its way to the socket.
        timeout(WRITE_LIMIT, self.write.flush()).await.ok().and_then(Result::ok).ok_or(Over)
    }

    async fn on_request(&mut self, request: &Request) -> Result<(), Over> {
        if !request.has("Action") {
            return self.said("Error", request, "Missing action in request").await;
        }
        let found = Action::named(request.get("Action"));
        let Some(session) = &self.session else {
            return match found {
                Some((Action::Login, _)) => self.log_in(request).await,
                Some((Action::Challenge, _)) => self.challenge(request).await,
                Some((Action::Logoff, _)) => self.log_off(request).await,
                Some(_) | None => self.said("Error", request, "Permission denied").await,
            };
        };
        match found {
            Some((action, class)) if session.may.may(class) => self.act(action, request).await,
            Some(_) => self.said("Error", request, "Permission denied").await,
            None => {
                let name = request.get("Action");
                let known = "Use Action: ListCommands to show available commands.";
                self.said("Error", request, &format!("Invalid/unknown command: {name}. {known}")).await
            }
        }
    }

    async fn said(&mut self, word: &str, request: &Request, sentence: &str) -> Result<(), Over> {
        self.say(&Block::said(word, request, sentence)).await
    }

    async fn act(&mut self, action: Action, request: &Request) -> Result<(), Over> {
        let now = self.ami.clock.now().wall;
        match action {
            Action::Login => self.said("Success", request, "Already authenticated").await,
            Action::Challenge => self.challenge(request).await,
            Action::Logoff => self.log_off(request).await,
            Action::Ping => {
                let (s, us) = (now.0.div_euclid(1_000_000), now.0.rem_euclid(1_000_000));
                let pong = Block::answer("Success", request).with("Ping", "Pong");
                self.say(&pong.with("Timestamp", format!("{s}.{us:06}")).end()).await
            }
            Action::Events => self.set_events(request).await,
            Action::Filter => self.add_filter(request).await,
            Action::ListCommands => self.list_commands(request).await,
            Action::CoreSettings => self.say(&settings(request)).await,
            Action::CoreStatus => self.core_status(request).await,
            Action::Command => self.command(request).await,
            Action::CoreShowChannels => self.list(|exchange| lists::channels(exchange, request, now)).await,
            Action::QueueStatus => self.list(|exchange| lists::queue_status(exchange, request, now)).await,
            Action::QueueSummary => self.list(|exchange| lists::queue_summary(exchange, request, now)).await,
            Action::QueueAdd => self.steer(request, actions::queue_add).await,
            Action::QueueRemove => self.steer(request, actions::queue_remove).await,
            Action::QueueLog => self.steer(request, actions::queue_log).await,
            Action::QueuePause => self.steer(request, actions::queue_pause).await,
            Action::QueuePenalty => self.steer(request, actions::queue_penalty).await,
            Action::Hangup => self.steer(request, actions::hang_up).await,
            Action::Originate => self.originate(request).await,
            Action::QueueReset => self.reset(request).await,
        }
    }

    async fn reset(&mut self, request: &Request) -> Result<(), Over> {
        let queue = request.get("Queue");
        let is_known = match (queue, queue.parse()) {
            ("", _) => self.ami.reset(None),
            (_, Ok(queue)) => self.ami.reset(Some(queue)),
            (_, Err(_)) => false,
        };
        if !is_known {
            return self.said("Error", request, "Error encountered while resetting queue stats").await;
        }
        if let Some(session) = &self.session {
            let deed = Deed { what: "queue reset".to_owned(), about: format!("queue/{queue}"), ..Deed::default() };
            self.ami.audit.note(&session.author, deed).await;
        }
        self.said("Success", request, "Queue stats reset successfully").await
    }

    /// What a login asks of the engine.
    async fn ask(&self, command: Command) -> Result<Answer, Unanswered> {
        match &self.session {
            Some(session) => self.ami.audit.ask(&session.author, command).await,
            None => Err(Unanswered::Ending),
        }
    }

    /// A list, behind all events that it already knows of and before all others.
    async fn list(&mut self, make: impl FnOnce(&super::Exchange) -> String) -> Result<(), Over> {
        let (last, list) = self.ami.look(make);
        let (mut before, mut after) = (String::new(), String::new());
        if let Some(session) = &mut self.session {
            while after.is_empty()
                && before.len() < PIECE_BYTES
                && let Ok(numbered) = session.events.try_recv()
            {
                if session.wants(&numbered) {
                    let text = if numbered.number <= last { &mut before } else { &mut after };
                    text.push_str(&numbered.event.text);
                }
            }
        }
        self.say(&(before + &list + &after)).await
    }

    async fn steer(
        &mut self,
        request: &Request,
        mean: impl FnOnce(&super::Exchange, &Request) -> Meaning,
    ) -> Result<(), Over> {
        let (_, meaning) = self.ami.look(|exchange| mean(exchange, request));
        let (commands, sentence) = match meaning {
            Meaning::Ask(commands, sentence) => (commands, sentence),
            Meaning::Refuse(sentence) => return self.said("Error", request, &sentence).await,
        };
        for command in commands {
            match self.ask(command.clone()).await {
                Ok(_) => self.ami.see(|exchange| actions::is_shown(exchange, &command)).await,
                Err(Unanswered::Refused(refusal)) => return self.said("Error", request, &refusal.to_string()).await,
                Err(error @ (Unanswered::Busy | Unanswered::Ending)) => {
                    return self.said("Error", request, &error.to_string()).await;
                }
            }
        }
        self.said("Success", request, sentence).await
    }

    async fn originate(&mut self, request: &Request) -> Result<(), Over> {
        let (station, number) = match actions::originate(request) {
            Ok(found) => found,
            Err(sentence) => return self.said("Error", request, sentence).await,
        };
        match self.ask(Command::CallPlace(station, number)).await {
            Ok(Answer::Calls(calls)) => {
                if actions::is_yes(request.get("Async"))
                    && let Some(call) = calls.first()
                {
                    self.ami.expect(call.call, Originated::new(request));
                }
                self.said("Success", request, "Originate successfully queued").await
            }
            Ok(_) => self.said("Error", request, "Originate failed").await,
            Err(error) => self.said("Error", request, &error.to_string()).await,
        }
    }

    async fn challenge(&mut self, request: &Request) -> Result<(), Over> {
        if !request.get("AuthType").eq_ignore_ascii_case("MD5") {
            return self.said("Error", request, "Must specify AuthType").await;
        }
        let challenge = self.challenge.get_or_insert_with(|| entropy::draw().to_string()).clone();
        self.say(&Block::answer("Success", request).with("Challenge", challenge).end()).await
    }

    async fn log_off(&mut self, request: &Request) -> Result<(), Over> {
        self.said("Goodbye", request, "Thanks for all the fish.").await?;
        Err(Over)
    }

    async fn log_in(&mut self, request: &Request) -> Result<(), Over> {
        let proof = match request.get("AuthType").eq_ignore_ascii_case("MD5") {
            true => Proof::Key { challenge: self.challenge.as_deref(), key: request.get("Key") },
            false => Proof::Secret(request.get("Secret")),
        };
        let name = request.get("Username");
        let found = self.ami.terms.borrow().ami.who(name, self.from, &proof).map(|login| (login.read, login.write));
        // A challenge is answered once.
        self.challenge = None;
        let Some((read, may)) = found else {
            self.ami.failed(self.from);
            tracing::warn!(from = %self.from, "a login at the manager interface failed");
            tokio::time::sleep(FAILURE_PAUSE).await;
            self.said("Error", request, "Authentication failed").await?;
            return Err(Over);
        };
        self.ami.counts.logins.with_label_values(&["accepted"]).inc();
        tracing::info!(from = %self.from, login = name, "logged in at the manager interface");
        self.stranger = None;
        let mask = Classes::mask(request.get("Events")).unwrap_or(read);
        let author = Author { who: name.into(), door: Door::Ami };
        let session = Session { author, read, may, mask, filters: Filters::default(), events: self.ami.listen() };
        let sees_process = read.has_all(Classes::SYSTEM) && mask.has_all(Classes::SYSTEM);
        self.session = Some(session);
        let mut text = Block::said("Success", request, "Authentication accepted");
        if sees_process {
            let now = self.ami.clock.now().wall;
            let booted = Block::item("FullyBooted")
                .with("Privilege", Classes::SYSTEM)
                .with("Uptime", lists::seconds(now, self.ami.started))
                .with("LastReload", lists::seconds(now, self.ami.terms.borrow().read))
                .with("Status", "Fully Booted");
            text.push_str(&booted.end());
        }
        self.say(&text).await
    }

    async fn set_events(&mut self, request: &Request) -> Result<(), Over> {
        let (Some(session), Some(mask)) = (&mut self.session, Classes::mask(request.get("EventMask"))) else {
            return self.said("Error", request, "Invalid event mask").await;
        };
        session.mask = mask;
        let word = if mask.is_none() { "Off" } else { "On" };
        self.say(&Block::answer("Success", request).with("Events", word).end()).await
    }

    async fn add_filter(&mut self, request: &Request) -> Result<(), Over> {
        if !request.get("Operation").eq_ignore_ascii_case("Add") {
            return self.said("Error", request, "Unknown operation").await;
        }
        let Some(session) = &mut self.session else { return Ok(()) };
        let sentence = match session.filters.add(request.get("MatchCriteria"), request.get("Filter")) {
            Ok(()) => return self.said("Success", request, "Success").await,
            Err(BadFilter::Expression) => "Filter did not compile.  Check the syntax of the filter given.",
            Err(BadFilter::Criteria) => "Filter was formatted incorrectly.  Check the syntax of the filter given.",
            Err(BadFilter::TooMany) => "This connection has as many filters as there may be.",
        };
        self.said("Error", request, sentence).await
    }

    async fn list_commands(&mut self, request: &Request) -> Result<(), Over> {
        let may = self.session.as_ref().map_or(Classes::NONE, |session| session.may);
        let mut block = Block::answer("Success", request);
        for (name, _, class, synopsis) in TABLE.iter().filter(|(_, _, class, _)| may.may(*class)) {
            block.add("", name, format!("{synopsis} (Priv: {class})"));
        }
        self.say(&block.end()).await
    }

    async fn core_status(&mut self, request: &Request) -> Result<(), Over> {
        let (zone, read) = {
            let terms = self.ami.terms.borrow();
            (terms.zone.clone(), terms.read)
        };
        let shown = |at: turno_base::Wall, form: &str| {
            let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
            at.to_zoned(zone.clone()).strftime(form).to_string()
        };
        let (_, (legs, calls)) = self.ami.look(|exchange| (exchange.legs.len(), exchange.processed));
        let block = Block::answer("Success", request)
            .with("CoreStartupDate", shown(self.ami.started, "%Y-%m-%d"))
            .with("CoreStartupTime", shown(self.ami.started, "%H:%M:%S"))
            .with("CoreReloadDate", shown(read, "%Y-%m-%d"))
            .with("CoreReloadTime", shown(read, "%H:%M:%S"))
            .with("CoreCurrentCalls", legs)
            .with("CoreProcessedCalls", calls);
        self.say(&block.end()).await
    }

    async fn command(&mut self, request: &Request) -> Result<(), Over> {
        let command = request.get("Command");
        if command.is_empty() {
            return self.said("Error", request, "No command provided").await;
        }
        let (now, read) = (self.ami.clock.now().wall, self.ami.terms.borrow().read);
        let started = self.ami.started;
        let (_, lines) = self.ami.look(|exchange| cli::lines(exchange, command, now, started, read));
        let word = if lines.is_some() { "Success" } else { "Error" };
        let lines = lines.unwrap_or_else(|| vec![format!("No such command '{command}'")]);
        let mut block = Block::answer(word, request).with("Message", "Command output follows");
        lines.iter().for_each(|line| block.add("", "Output", line));
        self.say(&block.end()).await
    }
}

/// Nothing of it is a limit here; what a limit is stands in the configuration.
fn settings(request: &Request) -> String {
    Block::answer("Success", request)
        .with("AMIversion", AMI_VERSION)
        .with("AsteriskVersion", cli::version_number())
        .with("SystemName", "")
        .with("CoreMaxCalls", 0)
        .with("CoreMaxLoadAvg", "0.000000")
        .with("CoreRunUser", "")
        .with("CoreRunGroup", "")
        .with("CoreMaxFilehandles", 0)
        .with("CoreRealTimeEnabled", "No")
        .with("CoreCDRenabled", "Yes")
        .with("CoreHTTPenabled", "No")
        .end()
}
