//! Names: the headers and methods that Turno knows, and their spellings (RFC 3261 §7.3.3 and the RFC of each).

use serde::{Deserialize, Serialize};

macro_rules! headers {
    ($($id:ident = $text:literal),* $(,)?) => {
        /// A header name. Spellings that Turno does not know are [`Header::Unknown`], reachable by text.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum Header {
            $(#[doc = concat!("`", $text, "`.")] $id,)*
            /// Any other.
            Unknown,
        }

        impl Header {
            /// The long form as it is written; empty for [`Header::Unknown`].
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Header::$id => $text,)*
                    Header::Unknown => "",
                }
            }
        }

        const KNOWN: &[Header] = &[$(Header::$id),*];
    };
}

headers! {
    Accept = "Accept", AcceptContact = "Accept-Contact", AcceptEncoding = "Accept-Encoding",
    AcceptLanguage = "Accept-Language", AlertInfo = "Alert-Info", Allow = "Allow", AllowEvents = "Allow-Events",
    AuthenticationInfo = "Authentication-Info", Authorization = "Authorization", CallId = "Call-ID",
    CallInfo = "Call-Info", Contact = "Contact", ContentDisposition = "Content-Disposition",
    ContentEncoding = "Content-Encoding", ContentLanguage = "Content-Language", ContentLength = "Content-Length",
    ContentType = "Content-Type", CSeq = "CSeq", Date = "Date", Diversion = "Diversion", ErrorInfo = "Error-Info",
    Event = "Event", Expires = "Expires", From = "From", HistoryInfo = "History-Info", Identity = "Identity",
    IdentityInfo = "Identity-Info", InReplyTo = "In-Reply-To", Join = "Join", MaxForwards = "Max-Forwards",
    MimeVersion = "MIME-Version", MinExpires = "Min-Expires", MinSe = "Min-SE", Organization = "Organization",
    PAccessNetworkInfo = "P-Access-Network-Info", PAssertedIdentity = "P-Asserted-Identity",
    PCalledPartyId = "P-Called-Party-ID", PPreferredIdentity = "P-Preferred-Identity", Path = "Path",
    Priority = "Priority", Privacy = "Privacy", ProxyAuthenticate = "Proxy-Authenticate",
    ProxyAuthorization = "Proxy-Authorization", ProxyRequire = "Proxy-Require", RAck = "RAck", Reason = "Reason",
    RecordRoute = "Record-Route", ReferSub = "Refer-Sub", ReferTo = "Refer-To", ReferredBy = "Referred-By",
    RejectContact = "Reject-Contact", RemotePartyId = "Remote-Party-ID", Replaces = "Replaces",
    ReplyTo = "Reply-To", RequestDisposition = "Request-Disposition", Require = "Require",
    RetryAfter = "Retry-After", Route = "Route", RSeq = "RSeq", Server = "Server",
    ServiceRoute = "Service-Route", SessionExpires = "Session-Expires", SipEtag = "SIP-ETag",
    SipIfMatch = "SIP-If-Match", Subject = "Subject", SubscriptionState = "Subscription-State",
    Supported = "Supported", TargetDialog = "Target-Dialog", Timestamp = "Timestamp", To = "To",
    Unsupported = "Unsupported", UserAgent = "User-Agent", UserToUser = "User-to-User", Via = "Via",
    Warning = "Warning", WwwAuthenticate = "WWW-Authenticate",
}

/// Where a name of two bytes or more stands in [`NAMES`]. The factors are such that no two known names meet, which the
/// compiler checks; whoever adds a name may have to look for others.
const fn slot(name: &[u8]) -> usize {
    let length = name.len();
    if length < 2 {
        return 0;
    }
    let (first, middle, late) = (name[0] | 0x20, name[length / 2] | 0x20, name[length - 2] | 0x20);
    (length * 5 + first as usize * 24 + late as usize * 63 + middle as usize) & 0xff
}

/// Known names by [`slot`]: a look-up compares with one name.
static NAMES: [(Header, &str); 256] = {
    let mut table = [(Header::Unknown, ""); 256];
    let mut n = 0;
    while n < KNOWN.len() {
        let name = KNOWN[n].as_str();
        let at = slot(name.as_bytes());
        assert!(table[at].1.is_empty(), "two names meet");
        table[at] = (KNOWN[n], name);
        n += 1;
    }
    table
};

impl Header {
    /// The header of this name, long or compact, in any case.
    pub fn named(name: &str) -> Header {
        Header::named_bytes(name.as_bytes())
    }

    pub(crate) fn named_bytes(name: &[u8]) -> Header {
        if let [letter] = name {
            return Header::compact(*letter);
        }
        match NAMES.get(slot(name)) {
            Some((header, known)) if known.as_bytes() == name || known.as_bytes().eq_ignore_ascii_case(name) => *header,
            Some(_) | None => Header::Unknown,
        }
    }

    /// The compact forms: RFC 3261 §7.3.3, 3515, 3841, 3892, 4028, 4474, 6665.
    const fn compact(letter: u8) -> Header {
        match letter.to_ascii_lowercase() {
            b'a' => Header::AcceptContact,
            b'b' => Header::ReferredBy,
            b'c' => Header::ContentType,
            b'd' => Header::RequestDisposition,
            b'e' => Header::ContentEncoding,
            b'f' => Header::From,
            b'i' => Header::CallId,
            b'j' => Header::RejectContact,
            b'k' => Header::Supported,
            b'l' => Header::ContentLength,
            b'm' => Header::Contact,
            b'n' => Header::IdentityInfo,
            b'o' => Header::Event,
            b'r' => Header::ReferTo,
            b's' => Header::Subject,
            b't' => Header::To,
            b'u' => Header::AllowEvents,
            b'v' => Header::Via,
            b'x' => Header::SessionExpires,
            b'y' => Header::Identity,
            _ => Header::Unknown,
        }
    }

    /// A comma in the value begins another value (RFC 3261 §7.3.1). The four credential headers and `Date` have
    /// commas of their own; unknown headers are opaque.
    pub(crate) const fn is_list(self) -> bool {
        !matches!(
            self,
            Header::Authorization
                | Header::AuthenticationInfo
                | Header::CallId
                | Header::ContentLength
                | Header::ContentType
                | Header::CSeq
                | Header::Date
                | Header::From
                | Header::MaxForwards
                | Header::Organization
                | Header::ProxyAuthenticate
                | Header::ProxyAuthorization
                | Header::RetryAfter
                | Header::Server
                | Header::Subject
                | Header::To
                | Header::Unknown
                | Header::UserAgent
                | Header::WwwAuthenticate
        )
    }
}

macro_rules! methods {
    ($($id:ident = $text:literal),* $(,)?) => {
        /// A request method. Others are [`Method::Unknown`]; their text is [`super::Message::method_text`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum Method {
            $(#[doc = concat!("`", $text, "`.")] $id,)*
            /// Any other.
            Unknown,
        }

        impl Method {
            /// As written; `UNKNOWN` for [`Method::Unknown`].
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Method::$id => $text,)*
                    Method::Unknown => "UNKNOWN",
                }
            }

            /// Methods are case-sensitive (RFC 3261 §7.1).
            pub fn named(name: &str) -> Method {
                match name {
                    $($text => Method::$id,)*
                    _ => Method::Unknown,
                }
            }
        }
    };
}

methods! {
    Invite = "INVITE", Ack = "ACK", Bye = "BYE", Cancel = "CANCEL", Register = "REGISTER", Options = "OPTIONS",
    Prack = "PRACK", Update = "UPDATE", Info = "INFO", Refer = "REFER", Subscribe = "SUBSCRIBE",
    Notify = "NOTIFY", Message = "MESSAGE", Publish = "PUBLISH",
}

impl AsRef<str> for Method {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The phrase that goes with a status; data for people only (RFC 3261 §7.2, §21).
pub const fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        199 => "Early Dialog Terminated",
        200 => "OK",
        202 => "Accepted",
        204 => "No Notification",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        305 => "Use Proxy",
        380 => "Alternative Service",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        412 => "Conditional Request Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        433 => "Anonymity Disallowed",
        439 => "First Hop Lacks Outbound Support",
        469 => "Bad Info Package",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        485 => "Ambiguous",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        493 => "Undecipherable",
        494 => "Security Agreement Required",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        580 => "Precondition Failure",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        _ => "Unknown",
    }
}
