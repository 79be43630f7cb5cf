//! What a REGISTER asks for, and why it may be refused (RFC 3261 §10.2, §10.3).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::EXPIRES_DEFAULT;
use crate::config::SipRules;
use crate::message::{Contact, Header, Message, Method, Rejected, Scheme, Uri};

/// Contacts in one REGISTER; more are refused.
pub const CONTACTS_PER_REQUEST_MAX: usize = 16;
/// Bytes of Call-ID, Path and one Contact's URI and instance that a binding may keep; more are refused.
pub const RECORD_BYTES_MAX: usize = 2048;

/// A REGISTER, read.
#[derive(Clone, Debug)]
pub struct RegisterRequest<'a> {
    /// Call-ID.
    pub call_id: &'a str,
    /// CSeq number.
    pub cseq: u32,
    /// What to do.
    pub wanted: Wanted<'a>,
    /// Expires header, seconds.
    pub expires: Option<u32>,
    /// Path, as written, first hop first.
    pub path: Vec<&'a str>,
    /// The phone takes OPTIONS, or does not say.
    pub answers_options: bool,
}

/// What a REGISTER wants done.
#[derive(Clone, Debug)]
pub enum Wanted<'a> {
    /// No Contact: only to be told.
    List,
    /// `Contact: *` with `Expires: 0`.
    RemoveAll,
    /// These, each added, refreshed or (expires 0) removed.
    Set(Vec<Wish<'a>>),
}

/// One Contact of a REGISTER.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Its URI.
    pub uri: Uri<'a>,
    /// Preference in thousandths.
    pub q: u16,
    /// Its own `expires`, seconds.
    pub expires: Option<u32>,
    /// `+sip.instance`.
    pub instance: Option<&'a str>,
    /// `reg-id`.
    pub reg_id: Option<u32>,
}

/// Why a REGISTER changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// A header cannot be read: 400.
    Unreadable(Rejected),
    /// `*` beside another Contact or without `Expires: 0`: 400 (RFC 3261 §10.3, step 6).
    Star,
    /// A Contact that is no sip or sips URI: 400.
    Contact,
    /// Overtaken by a later REGISTER of the same Call-ID: 400.
    OutOfOrder,
    /// Shorter than we grant: 423 with Min-Expires.
    TooBrief {
        /// The least.
        least: Duration,
    },
    /// More bindings than one account may have: 403.
    TooMany,
    /// Past [`CONTACTS_PER_REQUEST_MAX`] or [`RECORD_BYTES_MAX`]: 413.
    TooLarge,
}

impl Refusal {
    /// The status that says so.
    pub const fn status(self) -> u16 {
        match self {
            Refusal::Unreadable(rejected) => rejected.status(),
            Refusal::Star | Refusal::Contact | Refusal::OutOfOrder => 400,
            Refusal::TooBrief { .. } => 423,
            Refusal::TooMany => 403,
            Refusal::TooLarge => 413,
        }
    }
}

impl<'a> RegisterRequest<'a> {
    /// Reads a REGISTER.
    pub fn read(message: &'a Message) -> Result<RegisterRequest<'a>, Refusal> {
        let (cseq, _) = message.cseq().map_err(Refusal::Unreadable)?;
        // An Expires that cannot be read counts as absent (RFC 3261 §20.19: 3600).
        let expires = message.expires().unwrap_or(None);
        let mut wishes = Vec::new();
        let mut star = false;
        for contact in message.contacts() {
            match contact.map_err(Refusal::Unreadable)? {
                Contact::Star => star = true,
                Contact::Address(address) => wishes.push(Wish {
                    uri: address.uri,
                    q: address.q(),
                    expires: address.expires(),
                    instance: address.instance(),
                    reg_id: address.reg_id(),
                }),
            }
            if wishes.len() > CONTACTS_PER_REQUEST_MAX {
                return Err(Refusal::TooLarge);
            }
        }
        let wanted = match (star, wishes.is_empty()) {
            (true, true) if expires == Some(0) => Wanted::RemoveAll,
            (true, _) => return Err(Refusal::Star),
            (false, true) => Wanted::List,
            (false, false) => Wanted::Set(wishes),
        };
        let call_id = message.call_id().map_err(Refusal::Unreadable)?;
        let path = message.values(Header::Path).collect();
        let answers_options = message.allows(Method::Options);
        let request = RegisterRequest { call_id, cseq, wanted, expires, path, answers_options };
        request.is_storable()?;
        Ok(request)
    }

    fn is_storable(&self) -> Result<(), Refusal> {
        let Wanted::Set(wishes) = &self.wanted else { return Ok(()) };
        let common = self.call_id.len() + self.path.iter().map(|hop| hop.len()).sum::<usize>();
        for wish in wishes {
            match wish.uri.scheme {
                Scheme::Sip | Scheme::Sips => {}
                Scheme::Tel | Scheme::Other => return Err(Refusal::Contact),
            }
            if common + wish.uri.text.len() + wish.instance.map_or(0, str::len) > RECORD_BYTES_MAX {
                return Err(Refusal::TooLarge);
            }
        }
        Ok(())
    }

    /// For how long a wish is granted; none: it is to be removed.
    pub(super) fn granted(&self, wish: &Wish<'_>, rules: &SipRules) -> Result<Option<Duration>, Refusal> {
        let asked = wish.expires.or(self.expires);
        let asked = asked.map_or(EXPIRES_DEFAULT, |seconds| Duration::from_secs(u64::from(seconds)));
        if asked.is_zero() {
            return Ok(None);
        }
        if asked < rules.expires_min {
            return Err(Refusal::TooBrief { least: rules.expires_min });
        }
        Ok(Some(asked.min(rules.expires_max)))
    }
}

impl<'a> Wish<'a> {
    /// Instance and flow number, of a phone that keeps its flow (RFC 5626 §4.2).
    pub fn outbound(&self) -> Option<(&'a str, u32)> {
        self.instance.zip(self.reg_id.filter(|reg_id| *reg_id > 0))
    }
}
