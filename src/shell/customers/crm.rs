//! The outside CRM: a web hook asked about each caller as soon as his INVITE is there.
//!
//! It may be down, slow, wrong or large, and no caller waits for that: what is known without it is told at the deadline, and an
//! answer that comes later still reaches the card. A row of failures opens a breaker. The address is resolved for each
//! question and refused where it points to this machine, unless the operator allows it; redirects are not followed.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use turno_base::{AgentId, CallId, E164, Name, SegmentId};
use turno_call::Customer;
use turno_customers::breaker::Breaker;
use turno_customers::import::per_mille;

use crate::shell::authorities::{self, Authorities};
use crate::shell::clock::{Clock, wall};
use crate::shell::customers::signature::hmac_sha256;

/// Largest answer, bytes; more is a failure.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Longest name in an answer, bytes; the rest is not taken.
const NAME_BYTES_MAX: usize = 255;

/// Where the CRM is and how long it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrmSettings {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path and query.
    pub path: String,
    /// It speaks TLS, with a certificate that these or, if none, the system's authorities vouch for; none: plain HTTP.
    pub secure: Option<Authorities>,
    /// Signs each question; none: unsigned.
    pub secret: Option<String>,
    /// A caller's routing waits this long at most.
    pub deadline: Duration,
    /// An answer that comes later than this is not read any more.
    pub late_limit: Duration,
    /// Failures in a row that open the breaker.
    pub failures_max: u32,
    /// How long nobody asks then.
    pub pause: Duration,
    /// Questions at once; more are not asked.
    pub questions_max: u16,
    /// Addresses of this machine and link-local ones may be asked.
    pub allow_local: bool,
}

/// What the CRM knows. What it does not say stays as it is known here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Told {
    /// External id.
    pub id: Option<String>,
    /// Name to show.
    pub name: Option<String>,
    /// Segment.
    pub segment: Option<SegmentId>,
    /// Value: a number or a text with at most three decimals.
    value: Option<serde_json::Value>,
    /// Language.
    pub language: Option<Name>,
    /// Agent.
    pub owner: Option<AgentId>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Silence {
    /// Name resolution, connection, or the connection broke.
    Io(io::Error),
    /// Every address is this machine's or link-local.
    Local(IpAddr),
    /// It speaks no HTTP.
    Http(hyper::Error),
    /// Neither 200 nor 404; redirects are not followed.
    Status(StatusCode),
    /// Larger than [`ANSWER_BYTES_MAX`], or it broke off.
    Body,
    /// It is no JSON object of ours.
    Form(serde_json::Error),
    /// The value is no number from 0 to 1,000,000.
    Value,
    /// The late limit passed.
    Late,
}

impl std::fmt::Display for Silence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Silence::Io(error) => error.fmt(f),
            Silence::Local(address) => {
                write!(f, "{address} is this machine or link-local; set customers.crm.allow_local if that is meant")
            }
            Silence::Http(error) => error.fmt(f),
            Silence::Status(status) => write!(f, "it answers {status}"),
            Silence::Body => write!(f, "its answer is larger than {ANSWER_BYTES_MAX} bytes or breaks off"),
            Silence::Form(error) => write!(f, "its answer is not understood: {error}"),
            Silence::Value => f.write_str("the value in its answer is no number from 0 to 1000000"),
            Silence::Late => f.write_str("it does not answer"),
        }
    }
}

/// How a question ended, for the caller's routing and then perhaps for the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Within the deadline: route by it.
    InTime,
    /// The deadline passed: route by what was known.
    AtDeadline,
    /// After that: for the card.
    Late,
}

/// Asks the CRM.
#[derive(Clone, Debug)]
pub struct Crm {
    settings: Arc<CrmSettings>,
    breaker: Arc<Mutex<Breaker>>,
    at_once: Arc<Semaphore>,
    clock: Clock,
    runtime: tokio::runtime::Handle,
    tls: Option<Arc<ClientConfig>>,
}

impl Crm {
    /// Asks by `settings` from now on.
    pub fn new(settings: CrmSettings, clock: Clock, runtime: tokio::runtime::Handle) -> Crm {
        let breaker = Breaker::new(settings.failures_max, settings.pause);
        Crm {
            at_once: Arc::new(Semaphore::new(usize::from(settings.questions_max))),
            tls: settings.secure.as_ref().map(authorities::config),
            settings: Arc::new(settings),
            breaker: Arc::new(Mutex::new(breaker)),
            clock,
            runtime,
        }
    }

    /// Nobody is asked now.
    pub fn is_open(&self) -> bool {
        self.breaker().is_open()
    }

    /// Asks who calls; `tell` hears once in time or at the deadline, and once more if the answer comes late. False: nobody is
    /// asked, because the breaker is open or too many questions are out, and `tell` hears nothing.
    pub fn ask(
        &self,
        call: CallId,
        number: E164,
        known: Option<Customer>,
        tell: impl Fn(When, Option<Told>) + Send + 'static,
    ) -> bool {
        let Ok(turn) = self.at_once.clone().try_acquire_owned() else { return false };
        if !self.breaker().admits(self.clock.now().mono) {
            return false;
        }
        let crm = self.clone();
        self.runtime.spawn(async move {
            let _turn = turn;
            let limit = crm.settings.late_limit;
            let question = async { tokio::time::timeout(limit, crm.question(call, number, known)).await };
            tokio::pin!(question);
            match tokio::time::timeout(crm.settings.deadline, &mut question).await {
                Ok(answer) => tell(When::InTime, crm.judged(answer.unwrap_or(Err(Silence::Late)), true)),
                Err(_) => {
                    tell(When::AtDeadline, None);
                    // Too late for the caller is a failure, whatever comes yet.
                    crm.fail("it takes longer than customers.crm.deadline");
                    let answer = question.await.unwrap_or(Err(Silence::Late));
                    if let Some(told) = crm.judged(answer, false) {
                        tell(When::Late, Some(told));
                    }
                }
            }
        });
        true
    }

    fn judged(&self, answer: Result<Option<Told>, Silence>, counts: bool) -> Option<Told> {
        match answer {
            Ok(told) => {
                if counts {
                    self.breaker().on_success();
                }
                told
            }
            Err(silence) => {
                if counts {
                    self.fail(&silence.to_string());
                }
                None
            }
        }
    }

    fn fail(&self, why: &str) {
        if self.breaker().on_failure(self.clock.now().mono) {
            let pause_s = self.settings.pause.as_secs();
            tracing::error!(
                why,
                pause_s,
                "the CRM fails: callers are routed by what is known here, nobody asks it for a while"
            );
        } else {
            tracing::debug!(why, "the CRM did not answer in time");
        }
    }

    /// None: it knows nobody by this number.
    async fn question(&self, call: CallId, number: E164, known: Option<Customer>) -> Result<Option<Told>, Silence> {
        let settings = &self.settings;
        let customer = known.and_then(|customer| customer.id);
        let body = json!({"call": call.to_string(), "number": number, "customer": customer}).to_string();
        let at = wall().as_secs().to_string();
        let mut request = Request::post(&settings.path)
            .header("host", format!("{}:{}", settings.host, settings.port))
            .header("content-type", "application/json")
            .header("connection", "close")
            .header("x-turno-timestamp", &at);
        if let Some(secret) = &settings.secret {
            let code = hmac_sha256(secret.as_bytes(), &[at.as_bytes(), b".", body.as_bytes()]);
            request = request.header("x-turno-signature", format!("sha256={code}"));
        }
        let request = request.body(Full::new(Bytes::from(body))).expect("the configuration's path is checked");
        let stream = self.connect().await?;
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => exchange(stream, request).await,
            Some(tls) => {
                let name = authorities::name_of(&settings.host).map_err(Silence::Io)?;
                let tls = TlsConnector::from(tls.clone());
                exchange(tls.connect(name, stream).await.map_err(Silence::Io)?, request).await
            }
        }
    }

    async fn connect(&self) -> Result<TcpStream, Silence> {
        let settings = &self.settings;
        let addresses = lookup_host((settings.host.as_str(), settings.port)).await.map_err(Silence::Io)?;
        let (mut refused, mut failed) = (None, None);
        for address in addresses {
            if !settings.allow_local && is_local(address.ip()) {
                refused = Some(address.ip());
                continue;
            }
            match TcpStream::connect(SocketAddr::new(address.ip(), settings.port)).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = Some(error),
            }
        }
        Err(match (failed, refused) {
            (Some(error), _) => Silence::Io(error),
            (None, Some(address)) => Silence::Local(address),
            (None, None) => Silence::Io(io::Error::new(io::ErrorKind::NotFound, "the name has no address")),
        })
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One question and its answer; both live only as long as this connection.
async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Option<Told>, Silence>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(Silence::Http)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(Silence::Http)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            other => return Err(Silence::Status(other)),
        }
        let limited = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        let bytes = limited.collect().await.map_err(|_| Silence::Body)?.to_bytes();
        told(&bytes).map(Some)
    };
    tokio::pin!(exchange);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        _ = &mut connection => exchange.await,
    }
}

fn told(bytes: &[u8]) -> Result<Told, Silence> {
    let mut told: Told = serde_json::from_slice(bytes).map_err(Silence::Form)?;
    told.value_pm()?;
    for text in [&mut told.id, &mut told.name].into_iter().flatten() {
        let end = (0..=text.len().min(NAME_BYTES_MAX)).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(end);
    }
    Ok(told)
}

impl Told {
    fn value_pm(&self) -> Result<Option<u32>, Silence> {
        let text = match &self.value {
            None | Some(serde_json::Value::Null) => return Ok(None),
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        per_mille(&text).map(Some).ok_or(Silence::Value)
    }

    /// What is known here with what the CRM says; `none` is what holds for a stranger.
    pub fn onto(&self, known: Option<Customer>, none: Customer) -> Customer {
        let mut customer = known.unwrap_or(none);
        customer.id = self.id.clone().filter(|id| !id.is_empty()).or(customer.id);
        if let Some(name) = &self.name {
            customer.shown.clone_from(name);
        }
        customer.segment = self.segment.unwrap_or(customer.segment);
        customer.value_pm = self.value_pm().ok().flatten().unwrap_or(customer.value_pm);
        customer.language = self.language.or(customer.language);
        customer.owner = self.owner.or(customer.owner);
        customer
    }
}

/// This machine, or what only its own wire can be: never a CRM by accident, often a target of who can choose the address.
pub(in crate::shell) fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.is_loopback() || v4.is_link_local() || v4.is_unspecified() || v4.is_broadcast() || v4.is_multicast()
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_local(IpAddr::V4(v4)),
            None => v6.is_loopback() || v6.is_unspecified() || v6.is_multicast() || v6.is_unicast_link_local(),
        },
    }
}

#[cfg(test)]
mod tests;
