//! Credentials and challenges.
#![no_main]

use libfuzzer_sys::fuzz_target;
use turno_sip::message::DigestParams;

fuzz_target!(|data: &str| {
    let Some(digest) = DigestParams::parse(data) else { return };
    let _ = (digest.nonce_count(), digest.offers_qop("auth"), digest.is_stale());
    for (name, value) in digest.iter() {
        assert_eq!(digest.get(name), Some(value));
    }
});
