//! Mean opinion score from loss, delay and jitter by the E-model (ITU-T G.107, as reduced in G.107 appendix and Cole &
//! Rosenbluth): R = 93.2 − delay impairment − effective equipment impairment.

use turno_base::Codec;

/// Equipment impairment without loss and robustness against it (ITU-T G.113 appendix I, with concealment). The score
/// stays on the narrow-band scale, so that legs compare whatever their codec.
const fn impairment(codec: Codec) -> (f32, f32) {
    match codec {
        Codec::Pcma | Codec::Pcmu => (0.0, 25.1),
        Codec::G722 => (0.0, 13.0),
        Codec::Opus => (0.0, 20.0),
        Codec::G729 => (11.0, 19.0),
    }
}

/// The estimate × 100, 100..=450. `loss` in 0..=1; the one-way delay is half the round trip, a jitter buffer of twice
/// the jitter and one packet.
pub fn estimate_x100(codec: Codec, loss: f32, round_trip_us: u32, jitter_us: u32, ptime_ms: u8) -> u16 {
    let delay_ms = round_trip_us as f32 / 2000.0 + jitter_us as f32 / 500.0 + f32::from(ptime_ms);
    let late = if delay_ms > 177.3 { 0.11 * (delay_ms - 177.3) } else { 0.0 };
    let (ie, robust) = impairment(codec);
    let lost_percent = loss.clamp(0.0, 1.0) * 100.0;
    let equipment = ie + (95.0 - ie) * lost_percent / (lost_percent + robust);
    let r = (93.2 - 0.024 * delay_ms - late - equipment).clamp(0.0, 100.0);
    let mos = 1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6;
    (mos * 100.0).clamp(100.0, 450.0) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_fall_with_loss_and_delay() {
        for (codec, loss, round_trip_us, jitter_us, expected) in [
            (Codec::Pcma, 0.0, 0, 0, 439),
            (Codec::Pcma, 0.01, 40_000, 2_000, 430),
            (Codec::Pcma, 0.05, 40_000, 2_000, 391),
            (Codec::Pcma, 0.20, 40_000, 2_000, 255),
            (Codec::Pcma, 0.0, 600_000, 0, 358), // a satellite hop
            (Codec::G729, 0.0, 40_000, 2_000, 410),
            (Codec::Opus, 0.02, 40_000, 2_000, 418),
            (Codec::Pcmu, 1.0, 5_000_000, 500_000, 100),
        ] {
            let got = estimate_x100(codec, loss, round_trip_us, jitter_us, 20);
            assert!(
                got.abs_diff(expected) <= 12,
                "{codec:?} {loss} {round_trip_us} {jitter_us}: {got}, not {expected}"
            );
        }
    }
}
