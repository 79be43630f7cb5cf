//! Two URIs, one a line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use turno_sip::message::Uri;

fuzz_target!(|data: &str| {
    let (a, b) = data.split_once('\n').unwrap_or((data, data));
    let Some(a) = Uri::parse(a) else { return };
    let _ =
        (a.user_decoded(), a.port_or_default(), a.params().count(), a.headers().count(), a.header_decoded("Replaces"));
    assert!(Uri::parse(a.without_headers()).is_some_and(|bare| bare.headers().next().is_none()));
    assert!(a.is_same(&a));
    if let Some(b) = Uri::parse(b) {
        assert_eq!(a.is_same(&b), b.is_same(&a));
    }
});
