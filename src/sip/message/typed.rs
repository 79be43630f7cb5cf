//! Typed readings of headers, each made when asked for. `Ok(None)` is an absent header, `Err` one that cannot be read.

use super::address::{Contact, NameAddr};
use super::digest::DigestParams;
use super::header::{Header, Method};
use super::rejected::{Field, Rejected};
use super::scan::{is_token, number, trim};
use super::uri::{Scheme, Uri};
use super::value::{MediaType, RAck, ReasonValue, Replaces, SessionExpires, Token, leading_seconds, seconds};
use super::via::Via;
use super::{Message, Start};

impl Message {
    /// Call-ID.
    pub fn call_id(&self) -> Result<&str, Rejected> {
        let text = self.one(Header::CallId)?;
        let word = !text.is_empty() && memchr::memchr2(b' ', b'\t', text.as_bytes()).is_none();
        if word { Ok(text) } else { Err(self.malformed(Header::CallId)) }
    }

    /// CSeq: number and method. An unknown method is compared by [`Message::check`].
    pub fn cseq(&self) -> Result<(u32, Method), Rejected> {
        let (number, method) = self.cseq_text()?;
        Ok((number, Method::named(method)))
    }

    /// CSeq with its method as written.
    pub fn cseq_text(&self) -> Result<(u32, &str), Rejected> {
        let text = self.one(Header::CSeq)?;
        let mut words = text.split([' ', '\t']).filter(|word| !word.is_empty());
        match (words.next().and_then(number), words.next(), words.next()) {
            (Some(number), Some(method), None) if is_token(method) => Ok((number, method)),
            _ => Err(self.malformed(Header::CSeq)),
        }
    }

    /// From.
    pub fn from(&self) -> Result<NameAddr<'_>, Rejected> {
        NameAddr::parse(self.one(Header::From)?).ok_or_else(|| self.malformed(Header::From))
    }

    /// To.
    pub fn to(&self) -> Result<NameAddr<'_>, Rejected> {
        NameAddr::parse(self.one(Header::To)?).ok_or_else(|| self.malformed(Header::To))
    }

    /// The Request-URI in parts. 416 unless sip, sips or tel; 400 if it has headers, which may not stand there
    /// (RFC 3261 §19.1.1).
    pub fn target(&self) -> Result<Uri<'_>, Rejected> {
        let at = match self.start {
            Start::Request { uri, .. } => u32::from(uri.from),
            Start::Status { .. } => 0,
        };
        let malformed = Rejected::Malformed { field: Field::RequestUri, at };
        let uri = Uri::parse(self.request_uri()).ok_or(malformed)?;
        match uri.scheme {
            Scheme::Sip | Scheme::Sips if uri.headers().next().is_some() => Err(malformed),
            Scheme::Sip | Scheme::Sips | Scheme::Tel => Ok(uri),
            Scheme::Other => Err(Rejected::Scheme),
        }
    }

    /// The first Via.
    pub fn top_via(&self) -> Result<Via<'_>, Rejected> {
        self.vias().next().unwrap_or(Err(Rejected::Missing(Header::Via)))
    }

    /// All Via, nearest first.
    pub fn vias(&self) -> impl Iterator<Item = Result<Via<'_>, Rejected>> {
        self.each(Header::Via, Via::parse)
    }

    /// All Contacts.
    pub fn contacts(&self) -> impl Iterator<Item = Result<Contact<'_>, Rejected>> {
        self.each(Header::Contact, Contact::parse)
    }

    /// The first Contact that is an address: the remote target of a dialog.
    pub fn contact(&self) -> Result<Option<NameAddr<'_>>, Rejected> {
        match self.contacts().next().transpose()? {
            Some(Contact::Address(address)) => Ok(Some(address)),
            Some(Contact::Star) => Err(self.malformed(Header::Contact)),
            None => Ok(None),
        }
    }

    /// Addresses of a header of that shape: Route, Path, P-Asserted-Identity …
    pub fn addresses(&self, header: Header) -> impl Iterator<Item = Result<NameAddr<'_>, Rejected>> {
        self.each(header, NameAddr::parse)
    }

    /// Route.
    pub fn routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, Rejected>> {
        self.addresses(Header::Route)
    }

    /// Record-Route.
    pub fn record_routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, Rejected>> {
        self.addresses(Header::RecordRoute)
    }

    /// P-Asserted-Identity (RFC 3325 §9.1).
    pub fn p_asserted_identity(&self) -> impl Iterator<Item = Result<NameAddr<'_>, Rejected>> {
        self.addresses(Header::PAssertedIdentity)
    }

    /// Diversion, last diversion first (RFC 5806).
    pub fn diversion(&self) -> impl Iterator<Item = Result<NameAddr<'_>, Rejected>> {
        self.addresses(Header::Diversion)
    }

    /// History-Info, oldest first (RFC 7044).
    pub fn history_info(&self) -> impl Iterator<Item = Result<NameAddr<'_>, Rejected>> {
        self.addresses(Header::HistoryInfo)
    }

    /// Refer-To (RFC 3515 §2.1).
    pub fn refer_to(&self) -> Result<Option<NameAddr<'_>>, Rejected> {
        self.optional(Header::ReferTo, NameAddr::parse)
    }

    /// Referred-By (RFC 3892).
    pub fn referred_by(&self) -> Result<Option<NameAddr<'_>>, Rejected> {
        self.optional(Header::ReferredBy, NameAddr::parse)
    }

    /// Max-Forwards, 0..=255.
    pub fn max_forwards(&self) -> Result<Option<u8>, Rejected> {
        self.optional(Header::MaxForwards, number)
    }

    /// Expires in seconds.
    pub fn expires(&self) -> Result<Option<u32>, Rejected> {
        self.optional(Header::Expires, seconds)
    }

    /// Min-Expires in seconds.
    pub fn min_expires(&self) -> Result<Option<u32>, Rejected> {
        self.optional(Header::MinExpires, seconds)
    }

    /// Session-Expires (RFC 4028 §4).
    pub fn session_expires(&self) -> Result<Option<SessionExpires>, Rejected> {
        self.optional(Header::SessionExpires, SessionExpires::parse)
    }

    /// Min-SE in seconds (RFC 4028 §5).
    pub fn min_se(&self) -> Result<Option<u32>, Rejected> {
        self.optional(Header::MinSe, seconds)
    }

    /// RSeq (RFC 3262 §7.1).
    pub fn rseq(&self) -> Result<Option<u32>, Rejected> {
        self.optional(Header::RSeq, number)
    }

    /// RAck (RFC 3262 §7.2).
    pub fn rack(&self) -> Result<Option<RAck>, Rejected> {
        self.optional(Header::RAck, RAck::parse)
    }

    /// Replaces (RFC 3891); more than one is malformed.
    pub fn replaces(&self) -> Result<Option<Replaces<'_>>, Rejected> {
        self.optional(Header::Replaces, Replaces::parse)
    }

    /// Content-Type.
    pub fn content_type(&self) -> Result<Option<MediaType<'_>>, Rejected> {
        self.optional(Header::ContentType, MediaType::parse)
    }

    /// Event (RFC 6665 §8.4).
    pub fn event(&self) -> Result<Option<Token<'_>>, Rejected> {
        self.optional(Header::Event, Token::parse)
    }

    /// Subscription-State (RFC 6665 §8.4).
    pub fn subscription_state(&self) -> Result<Option<Token<'_>>, Rejected> {
        self.optional(Header::SubscriptionState, Token::parse)
    }

    /// Retry-After in seconds.
    pub fn retry_after(&self) -> Option<u32> {
        self.lines(Header::RetryAfter).next().and_then(leading_seconds)
    }

    /// Reason values; unreadable ones are left out, for the header never decides anything (RFC 3326 §2).
    pub fn reasons(&self) -> impl Iterator<Item = ReasonValue<'_>> {
        self.values(Header::Reason).filter_map(ReasonValue::parse)
    }

    /// Tokens of Require, Supported, Unsupported, Allow, Allow-Events.
    pub fn tokens(&self, header: Header) -> impl Iterator<Item = &str> {
        self.values(header).filter(|token| !token.is_empty())
    }

    /// Whether a token stands in a header, without case.
    pub fn has_token(&self, header: Header, token: &str) -> bool {
        self.tokens(header).any(|found| found.eq_ignore_ascii_case(token))
    }

    /// Option tags that must be understood.
    pub fn require(&self) -> impl Iterator<Item = &str> {
        self.tokens(Header::Require)
    }

    /// Option tags that the peer understands.
    pub fn supported(&self) -> impl Iterator<Item = &str> {
        self.tokens(Header::Supported)
    }

    /// An option tag stands in Supported or Require.
    pub fn supports(&self, tag: &str) -> bool {
        self.has_token(Header::Supported, tag) || self.has_token(Header::Require, tag)
    }

    /// The peer takes this method, or does not say (RFC 3261 §20.5).
    pub fn allows(&self, method: Method) -> bool {
        let mut said = self.lines(Header::Allow).peekable();
        said.peek().is_none() || self.tokens(Header::Allow).any(|token| token == method.as_str())
    }

    /// Privacy values: `id`, `header`, `user`, `none` … (RFC 3323 §4.2, RFC 3325 §9.3).
    pub fn privacy(&self) -> impl Iterator<Item = &str> {
        self.values(Header::Privacy).flat_map(|value| value.split(';')).map(trim).filter(|value| !value.is_empty())
    }

    /// Values of Authorization, Proxy-Authorization, WWW-Authenticate or Proxy-Authenticate, one a line.
    pub fn digests(&self, header: Header) -> impl Iterator<Item = Result<DigestParams<'_>, Rejected>> {
        self.lines(header).map(move |line| DigestParams::parse(line).ok_or_else(|| self.malformed(header)))
    }

    /// Authorization.
    pub fn authorization(&self) -> impl Iterator<Item = Result<DigestParams<'_>, Rejected>> {
        self.digests(Header::Authorization)
    }

    /// Proxy-Authorization.
    pub fn proxy_authorization(&self) -> impl Iterator<Item = Result<DigestParams<'_>, Rejected>> {
        self.digests(Header::ProxyAuthorization)
    }

    /// WWW-Authenticate.
    pub fn www_authenticate(&self) -> impl Iterator<Item = Result<DigestParams<'_>, Rejected>> {
        self.digests(Header::WwwAuthenticate)
    }

    /// Proxy-Authenticate.
    pub fn proxy_authenticate(&self) -> impl Iterator<Item = Result<DigestParams<'_>, Rejected>> {
        self.digests(Header::ProxyAuthenticate)
    }

    /// A rejection for a header that is there.
    pub(crate) fn malformed(&self, header: Header) -> Rejected {
        let at = self.lines.iter().find(|line| line.header == header).map_or(0, |line| line.value.from);
        Rejected::Malformed { field: Field::Value(header), at: u32::from(at) }
    }

    /// The value of a header that must stand exactly once.
    fn one(&self, header: Header) -> Result<&str, Rejected> {
        let mut lines = self.lines(header);
        let text = lines.next().ok_or(Rejected::Missing(header))?;
        if lines.next().is_some() { Err(Rejected::Repeated(header)) } else { Ok(text) }
    }

    /// The value of a header that may stand once.
    fn optional<'a, T>(&'a self, header: Header, read: fn(&'a str) -> Option<T>) -> Result<Option<T>, Rejected> {
        let mut lines = self.lines(header);
        let Some(text) = lines.next() else { return Ok(None) };
        if lines.next().is_some() {
            return Err(Rejected::Repeated(header));
        }
        read(text).map(Some).ok_or_else(|| self.malformed(header))
    }

    fn each<'a, T>(
        &'a self,
        header: Header,
        read: fn(&'a str) -> Option<T>,
    ) -> impl Iterator<Item = Result<T, Rejected>> + use<'a, T> {
        let lines = self.lines.iter().filter(move |line| line.header == header);
        let values = lines.flat_map(|line| super::Parts::new(self.text(line.value), Some(b',')));
        values.map(move |value| read(value).ok_or_else(|| self.malformed(header)))
    }
}
