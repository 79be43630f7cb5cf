//! Challenges as headers, and how many of them a request is worth (docs/reliability.md A4).

use super::digest::{Algorithm, keyed};
use super::server::Challenged;

/// A response to a request that nobody vouches for is at most so many times as long: more would serve to flood others.
pub const REFLECTION_MAX: usize = 3;

/// The values of our WWW-Authenticate headers, one for each of `digests` in their order (RFC 8760 §2.3).
///
/// For a request of `request_bytes` to which the response without challenges is `bare_bytes` long: all where they fit
/// thrice the request, else the weakest alone, which whoever sends so little can more likely do, else none: stay silent.
/// The smallest REGISTER of a phone on the market leaves room for both.
pub fn challenge_headers(
    realm: &str,
    challenged: &Challenged,
    digests: &[Algorithm],
    request_bytes: usize,
    bare_bytes: usize,
) -> Vec<String> {
    let room = request_bytes.saturating_mul(REFLECTION_MAX).saturating_sub(bare_bytes);
    let mut offered = digests.to_vec();
    loop {
        let values: Vec<String> = offered.iter().map(|digest| value(realm, challenged, *digest)).collect();
        if values.iter().map(|value| HEADER_BYTES + value.len()).sum::<usize>() <= room {
            return values;
        }
        let strongest = offered.iter().max().copied();
        offered.retain(|digest| Some(*digest) != strongest);
    }
}

const HEADER_BYTES: usize = "WWW-Authenticate: \r\n".len();

fn value(realm: &str, challenged: &Challenged, algorithm: Algorithm) -> String {
    let stale = if challenged.stale { ", stale=true" } else { "" };
    let nonce = &challenged.nonce;
    format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={}, qop=\"auth\"{stale}", algorithm.as_str())
}

/// A To tag for a response that leaves no transaction behind: the same for each retransmission of the request
/// (RFC 3261 §8.2.7), and not to be guessed.
pub fn stateless_tag(key: &[u8; 32], call_id: &str, from_tag: &str, cseq: u32) -> String {
    let sum = keyed(key, &[b"tag", call_id.as_bytes(), b"\n", from_tag.as_bytes(), b"\n", &cseq.to_be_bytes()]);
    sum.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
