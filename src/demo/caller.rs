//! `turno call`: one caller from the demo's carrier, and what he experiences.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use turno_base::Cause;

use super::party::{Party, PartyEvent, Voice, wait};
use super::stage::CARRIER;

/// Numbers of the demo's queues.
const NUMBERS: [(&str, &str); 5] = [
    ("averias", "900100101"),
    ("facturacion", "900100102"),
    ("soporte-vip", "900100103"),
    ("ventas", "900100104"),
    ("general", "900100105"),
];

/// A call to place.
#[derive(Clone, Debug)]
pub struct CallOptions {
    /// Queue of the demo, or a number.
    pub to: String,
    /// Number to show; empty: withheld.
    pub from: String,
    /// The engine's SIP address.
    pub engine: SocketAddr,
    /// Hangs up after this long.
    pub lasts: Duration,
}

/// Places a call and tells line by line how it goes; gives the cause it ended with.
pub fn call(options: &CallOptions, mut tell: impl FnMut(&str)) -> io::Result<Cause> {
    let number = NUMBERS.iter().find(|(name, _)| *name == options.to).map_or(options.to.as_str(), |(_, number)| number);
    let seed = u64::from(std::process::id());
    let mut party = Party::open(SocketAddr::new(CARRIER, 0), options.engine, None, seed, Voice::Tone(440))?;
    let began = Instant::now();
    let leg = party.dial(number, &options.from, "")?;
    tell(&format!("calling {number} at {}", options.engine));
    let mut hung_up = false;
    let mut told_audio = false;
    let mut packets = 0;
    loop {
        // A leg that has ended is forgotten with what it heard.
        packets = party.packets(leg).max(packets);
        let events: Vec<PartyEvent> = party.pump().collect();
        for event in events {
            let after = began.elapsed().as_millis();
            match event {
                PartyEvent::Ringing(_) => tell(&format!("ringing after {after} ms")),
                PartyEvent::Answered(_) => tell(&format!("answered after {after} ms")),
                PartyEvent::Ended(_, cause) => {
                    tell(&format!("ended after {after} ms: {} ({packets} packets heard)", cause.sip));
                    return Ok(cause);
                }
                PartyEvent::Called(..) | PartyEvent::Registered => {}
            }
        }
        if packets >= 50 && !told_audio {
            told_audio = true;
            tell(&format!("hearing audio, level {} dB below full", level_below_full(&party.heard(leg))));
        }
        if began.elapsed() >= options.lasts && !hung_up {
            hung_up = true;
            party.end(leg, Cause::NORMAL);
        }
        wait(std::iter::once(&party), Duration::from_millis(100))?;
    }
}

/// Root mean square of samples, in whole dB below full scale.
fn level_below_full(samples: &[i16]) -> i64 {
    let energy: f64 = samples.iter().map(|&s| f64::from(s) * f64::from(s)).sum();
    let mean = (energy / samples.len().max(1) as f64).sqrt().max(1.0);
    (20.0 * (32_768.0 / mean).log10()).round() as i64
}
