//! NOTIFY and its bodies, and the answers to SUBSCRIBE.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{Accepted, RETRY_AFTER_S, Refusal, Subscription, SubscriptionId};
use crate::flow::Flow;
use crate::message::{Header, Message, Method, Writer};

/// Value of our Allow-Events.
pub const ALLOW_EVENTS: &str = "message-summary, dialog";

/// Event packages that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Package {
    /// Messages waiting (RFC 3842).
    MessageSummary,
    /// Lamps of busy lines (RFC 4235).
    Dialog,
}

impl Package {
    /// By its name, which has case (RFC 6665 §8.2.1).
    pub fn named(name: &str) -> Option<Package> {
        match name {
            "message-summary" => Some(Package::MessageSummary),
            "dialog" => Some(Package::Dialog),
            _ => None,
        }
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Package::MessageSummary => "message-summary",
            Package::Dialog => "dialog",
        }
    }

    /// Content-Type of its bodies.
    pub const fn content_type(self) -> &'static str {
        match self {
            Package::MessageSummary => "application/simple-message-summary",
            Package::Dialog => "application/dialog-info+xml",
        }
    }
}

/// How a subscription stands, as its NOTIFY says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SubscriptionState {
    /// It goes on.
    Active {
        /// Seconds left.
        expires_s: u32,
    },
    /// It has run out or was ended by its subscriber.
    Terminated,
}

/// A NOTIFY to send on `flow`; its final status goes to [`super::Notifier::on_notify_answered`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// Of which subscription.
    pub subscription: SubscriptionId,
    /// Where it goes.
    pub flow: Flow,
    /// State of the subscription.
    pub state: SubscriptionState,
    package: Package,
    event_id: Option<String>,
    target: String,
    route: Vec<String>,
    call_id: String,
    cseq: u32,
    local: (String, String),
    remote: (String, String),
    body: String,
}

impl Subscription {
    pub(super) fn notify(&mut self, subscription: SubscriptionId, state: SubscriptionState) -> Notify {
        self.local_cseq = self.local_cseq.saturating_add(1);
        let body = match self.package {
            Package::MessageSummary => {
                format!("Messages-Waiting: no\r\nMessage-Account: {}\r\nVoice-Message: 0/0 (0/0)\r\n", self.local_uri)
            }
            Package::Dialog => format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
                 <dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{}\" state=\"full\" entity=\"{}\">\
                 </dialog-info>\r\n",
                self.version,
                escaped(&self.local_uri)
            ),
        };
        self.version = self.version.saturating_add(1);
        Notify {
            subscription,
            flow: self.flow,
            state,
            package: self.package,
            event_id: self.event_id.clone(),
            target: self.target.clone(),
            route: self.route.clone(),
            call_id: self.call_id.clone(),
            cseq: self.local_cseq,
            local: (self.local_uri.clone(), self.local_tag.clone()),
            remote: (self.remote_uri.clone(), self.remote_tag.clone()),
            body,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let texts = [&self.call_id, &self.local_uri, &self.remote_uri, &self.remote_tag, &self.target];
        let optional = self.event_id.iter().chain(&self.route);
        texts.into_iter().chain(optional).map(String::len).sum()
    }
}

/// Writes a NOTIFY (RFC 6665 §4.2.2), with our Via value and the URI of our Contact.
pub fn notify_request(notify: &Notify, via: &str, contact: &str) -> Vec<u8> {
    let mut writer = Writer::request(Method::Notify, &notify.target);
    writer.header(Header::Via, via).header(Header::MaxForwards, "70");
    for hop in &notify.route {
        writer.header(Header::Route, hop);
    }
    writer.address(Header::From, "", &notify.local.0, &notify.local.1);
    writer.address(Header::To, "", &notify.remote.0, &notify.remote.1);
    writer.header(Header::CallId, &notify.call_id);
    writer.header_fmt(Header::CSeq, format_args!("{} NOTIFY", notify.cseq));
    writer.header_fmt(Header::Contact, format_args!("<{contact}>"));
    match &notify.event_id {
        Some(id) => writer.header_fmt(Header::Event, format_args!("{};id={id}", notify.package.as_str())),
        None => writer.header(Header::Event, notify.package.as_str()),
    };
    match notify.state {
        SubscriptionState::Active { expires_s } => {
            writer.header_fmt(Header::SubscriptionState, format_args!("active;expires={expires_s}"))
        }
        SubscriptionState::Terminated => writer.header(Header::SubscriptionState, "terminated;reason=timeout"),
    };
    writer.finish_with(notify.package.content_type(), notify.body.as_bytes())
}

/// The answer to a SUBSCRIBE, with the URI of our Contact. `to_tag` is for a refusal only: what was accepted has its own.
pub fn subscribe_response(
    result: &Result<Accepted, Refusal>,
    request: &Message,
    source: SocketAddr,
    contact: &str,
    to_tag: &str,
) -> Vec<u8> {
    let refusal = match result {
        Ok(accepted) => {
            let mut writer = Writer::response(request, Some(source), 200, &accepted.tag);
            writer.header_fmt(Header::Expires, format_args!("{}", accepted.expires_s));
            writer.header_fmt(Header::Contact, format_args!("<{contact}>"));
            return writer.finish();
        }
        Err(refusal) => *refusal,
    };
    let mut writer = Writer::response(request, Some(source), refusal.status(), to_tag);
    match refusal {
        Refusal::Event => {
            writer.header(Header::AllowEvents, ALLOW_EVENTS);
        }
        Refusal::TooBrief { least } => {
            writer.header_fmt(Header::MinExpires, format_args!("{}", least.as_secs()));
        }
        Refusal::TooOften | Refusal::TooMany => {
            writer.header_fmt(Header::RetryAfter, format_args!("{RETRY_AFTER_S}"));
        }
        Refusal::Unreadable(_) | Refusal::NoDialog | Refusal::OutOfOrder | Refusal::TooLarge => {}
    }
    writer.finish()
}

/// Text as it may stand in an XML attribute.
fn escaped(text: &str) -> String {
    let mut to = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => to.push_str("&amp;"),
            '<' => to.push_str("&lt;"),
            '>' => to.push_str("&gt;"),
            '"' => to.push_str("&quot;"),
            '\'' => to.push_str("&apos;"),
            other => to.push(other),
        }
    }
    to
}
