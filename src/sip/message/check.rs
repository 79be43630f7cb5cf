//! What every message must have before anyone acts on it (RFC 3261 §8.1.1, §16.3, §20).

use super::header::Header;
use super::rejected::Rejected;
use super::{Contact, Message, Method, Start};

impl Message {
    /// Whether the message is well-formed in all that any receiver reads: start line, Via, From, To, Call-ID, CSeq,
    /// Max-Forwards, Contact, Content-Length. A request is answered with the rejection's status, a response dropped.
    ///
    /// An unknown method ([`Message::known_method`]) and the scheme of the Request-URI ([`Message::target`]) are
    /// judged later, each in its turn (§8.2.1, §8.2.2.1).
    pub fn check(&self) -> Result<(), Rejected> {
        if let Some(defect) = self.defect {
            return Err(defect);
        }
        let mut vias = self.vias();
        vias.next().unwrap_or(Err(Rejected::Missing(Header::Via)))?;
        vias.try_for_each(|via| via.map(drop))?;
        self.from()?;
        self.to()?;
        self.call_id()?;
        let (_, cseq_method) = self.cseq_text()?;
        self.max_forwards()?;
        for contact in self.contacts() {
            if matches!(contact?, Contact::Star) && self.method().is_some_and(|method| method != Method::Register) {
                return Err(self.malformed(Header::Contact));
            }
        }
        match self.start {
            Start::Request { .. } if cseq_method != self.method_text() => Err(Rejected::MethodMismatch),
            Start::Request { .. } => match self.target() {
                Ok(_) | Err(Rejected::Scheme) => Ok(()),
                Err(rejected) => Err(rejected),
            },
            Start::Status { .. } => Ok(()),
        }
    }

    /// The method of a request, or 501.
    pub fn known_method(&self) -> Result<Method, Rejected> {
        match self.method() {
            Some(Method::Unknown) | None => Err(Rejected::UnknownMethod),
            Some(method) => Ok(method),
        }
    }
}
