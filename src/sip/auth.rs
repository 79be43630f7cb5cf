//! Who gets in: digest authentication, both sides (RFC 3261 §22, RFC 7616, RFC 8760; docs/reliability.md A1-A4, S4).
//!
//! Server side, [`Authenticator`]: SHA-256 is offered first, MD5 second unless the operator says otherwise, `qop=auth` always; an answer without a nonce
//! count is refused, and so is `auth-int`, which is not offered. Challenges are stateless. Unknown users and wrong
//! passwords get the same bytes for the same work. Client side, [`TrunkDigest`]: a trunk's challenge is answered for
//! its own realm and address, and nobody else's.
//!
//! Not here: which requests need a sender (the user agent), and who strangers are ([`crate::shed`]).

mod accounts;
mod client;
mod digest;
mod guesses;
mod nonce;
mod server;
mod uri;
mod write;

#[cfg(test)]
mod tests;

pub use accounts::{Accounts, Known, REALM_DEFAULT};
pub use client::{Answer, Challenger, Tries, TrunkDigest, Unanswered};
pub use digest::{Algorithm, Asked, Hex, Sum, ha1, keyed, response};
pub use guesses::{GUESSERS_MAX, GUESSES_PER_ACCOUNT_AND_MINUTE, Guesses};
pub use nonce::{ANSWERED_NONCES_MAX, Answered, Freshness, NONCE_CHARS, NONCE_LIFE_MAX, Nonce};
pub use server::{Asking, Authenticator, Challenged, Verdict};
pub use write::{REFLECTION_MAX, challenge_headers, stateless_tag};
