//! A price book: refused with a line, or it prices any call without overflow.
#![no_main]

use libfuzzer_sys::fuzz_target;
use turno_base::Wall;
use turno_tariff::{CALL_MS_MAX, Call, Deck, Key, Payer, rate};

fuzz_target!(|data: &str| {
    let deck = match Deck::parse_csv(data) {
        Ok(deck) => deck,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    for (a, b) in [("34910000001", "34612345678"), ("", "1"), ("999999999999999", "999999999999999")] {
        let key = |digits: &str| Key::new(digits).expect("digits");
        for duration_ms in [0, 1, 59_999, 60_000, 3_600_000, CALL_MS_MAX, u64::MAX] {
            for payer in [Payer::company(), Payer::caller()] {
                let answer = Wall::from_secs(1_773_140_400);
                let rated = rate(&deck, &Call { a: key(a), b: key(b), answer, duration_ms, answered: true }, payer);
                assert_eq!(rated.gross.is_some(), rated.net.is_some());
            }
        }
    }
});
