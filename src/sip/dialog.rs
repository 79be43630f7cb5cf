//! Dialogs (RFC 3261 §12): the two ends, sequence numbers both ways, route set and remote target.
//!
//! A dialog knows nothing of what it carries: the INVITE usage, its offers and timers belong to [`crate::ua`]. It writes
//! no messages either; it says what their routing lines and sequence numbers are.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

/// Longest route set; a longer Record-Route is refused (a request must carry it whole, for the life of the dialog).
pub const ROUTES_MAX: usize = 32;

/// A peer relation named by Call-ID, local tag and remote tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialog {
    /// Call-ID.
    pub call_id: String,
    /// Our From or To value without its tag.
    pub local: String,
    /// Our tag.
    pub local_tag: String,
    /// The peer's From or To value without its tag.
    pub remote: String,
    /// The peer's tag; empty for a peer of RFC 2543.
    pub remote_tag: String,
    /// Where the peer wants requests: the URI of its newest Contact.
    pub target: String,
    /// Route values in the order in which requests carry them.
    pub routes: Vec<String>,
    /// CSeq number of our last request.
    pub local_seq: u32,
    /// CSeq number of the peer's last request; none before its first.
    pub remote_seq: Option<u32>,
}

/// How a request of the peer stands to its last one (RFC 3261 §12.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Newer, possibly with a gap (another request was lost, or challenged elsewhere).
    Next,
    /// Older: 500.
    OutOfOrder,
}

/// How a request inside a dialog is routed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing<'a> {
    /// Request-URI.
    pub uri: &'a str,
    /// Route values.
    pub routes: Vec<String>,
    /// URI of the next hop.
    pub next_hop: &'a str,
}

impl Dialog {
    /// Becomes equal to `other` in the memory that it has.
    pub fn copy_from(&mut self, other: &Dialog) {
        let Dialog { call_id, local, local_tag, remote, remote_tag, target, routes, local_seq, remote_seq } = other;
        self.call_id.clone_from(call_id);
        self.local.clone_from(local);
        self.local_tag.clone_from(local_tag);
        self.remote.clone_from(remote);
        self.remote_tag.clone_from(remote_tag);
        self.target.clone_from(target);
        self.routes.clone_from(routes);
        (self.local_seq, self.remote_seq) = (*local_seq, *remote_seq);
    }

    /// The number of the next request of ours.
    pub fn next_seq(&mut self) -> u32 {
        // 2^31 is the bound of RFC 3261 §8.1.1.5; at one request a second it is reached after 68 years.
        self.local_seq = self.local_seq.wrapping_add(1) & 0x7fff_ffff;
        self.local_seq
    }

    /// A request other than ACK and CANCEL came.
    pub fn on_request(&mut self, seq: u32) -> Order {
        match self.remote_seq {
            Some(last) if seq <= last => Order::OutOfOrder,
            Some(_) | None => {
                self.remote_seq = Some(seq);
                Order::Next
            }
        }
    }

    /// A target refresh carried this Contact (RFC 3261 §12.2.1.2).
    pub fn refresh_target(&mut self, contact: Option<&str>) {
        if let Some(uri) = contact
            && uri != self.target
        {
            uri.clone_into(&mut self.target);
        }
    }

    /// A message with these tags, as the peer writes them, belongs here.
    pub fn is_between(&self, call_id: &str, local_tag: &str, remote_tag: &str) -> bool {
        self.call_id == call_id && self.local_tag == local_tag && self.remote_tag == remote_tag
    }

    /// Request-URI, Route values and next hop: loose routing, or strict if the first route lacks `lr` (§12.2.1.1).
    pub fn routing(&self) -> Routing<'_> {
        let Some(first) = self.routes.first() else {
            return Routing { uri: &self.target, routes: Vec::new(), next_hop: &self.target };
        };
        let uri = inside_brackets(first);
        if has_lr(uri) {
            return Routing { uri: &self.target, routes: self.routes.clone(), next_hop: uri };
        }
        let rest = self.routes.iter().skip(1).cloned();
        let routes = rest.chain([format!("<{}>", self.target)]).collect();
        Routing { uri, routes, next_hop: uri }
    }

    /// Our From value in a request of ours, our To value in a response.
    pub fn local_value(&self) -> String {
        tagged(&self.local, &self.local_tag)
    }

    /// The peer's To value in a request of ours.
    pub fn remote_value(&self) -> String {
        tagged(&self.remote, &self.remote_tag)
    }
}

/// The route set of a dialog from the Record-Route values of a request (for its receiver) or, reversed, of a response
/// (for its receiver); none past [`ROUTES_MAX`].
pub fn route_set<'a>(recorded: impl Iterator<Item = &'a str>, is_reversed: bool) -> Option<Vec<String>> {
    let mut routes: Vec<String> = recorded.take(ROUTES_MAX + 1).map(str::to_owned).collect();
    if routes.len() > ROUTES_MAX {
        return None;
    }
    if is_reversed {
        routes.reverse();
    }
    Some(routes)
}

fn tagged(value: &str, tag: &str) -> String {
    match tag {
        "" => value.to_owned(),
        tag => format!("{value};tag={tag}"),
    }
}

fn inside_brackets(value: &str) -> &str {
    let after = value.split_once('<').map_or(value, |(_, rest)| rest);
    after.split_once('>').map_or(after, |(uri, _)| uri).trim()
}

/// The URI has the `lr` parameter (RFC 3261 §16.12.1).
fn has_lr(uri: &str) -> bool {
    let params = uri.split_once('?').map_or(uri, |(before, _)| before).split(';').skip(1);
    params.into_iter().any(|p| p.split('=').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("lr")))
}
