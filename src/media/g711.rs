//! G.711 A-law and µ-law, and conversion between them by a table of 256 bytes (ITU-T G.711).

/// A-law byte of digital silence.
pub const A_SILENCE: u8 = 0xd5;
/// µ-law byte of digital silence.
pub const U_SILENCE: u8 = 0xff;

/// A-law byte to 16-bit linear.
pub static A_TO_LINEAR: [i16; 256] = decode_table(true);
/// µ-law byte to 16-bit linear.
pub static U_TO_LINEAR: [i16; 256] = decode_table(false);
/// A-law byte to the nearest µ-law byte.
pub static A_TO_U: [u8; 256] = cross_table(true);
/// µ-law byte to the nearest A-law byte.
pub static U_TO_A: [u8; 256] = cross_table(false);

const fn a_decode(byte: u8) -> i16 {
    let code = byte ^ 0x55;
    let (segment, step) = ((code >> 4) & 7, (code & 0x0f) as i16);
    let magnitude = match segment {
        0 => (step << 4) + 8,
        _ => ((step << 4) + 0x108) << (segment - 1),
    };
    if code & 0x80 != 0 { magnitude } else { -magnitude }
}

const fn u_decode(byte: u8) -> i16 {
    let code = !byte;
    let magnitude = ((((code & 0x0f) as i16) << 3) + 0x84) << ((code >> 4) & 7);
    if code & 0x80 != 0 { 0x84 - magnitude } else { magnitude - 0x84 }
}

/// 16-bit linear to A-law.
pub const fn a_encode(sample: i16) -> u8 {
    // One's complement: the decision level at zero belongs to the positive side.
    let (sign, magnitude) = if sample >= 0 { (0x80, sample as u16) } else { (0, !(sample as u16)) };
    let steps = magnitude >> 4;
    let code = if steps < 0x20 {
        steps as u8
    } else {
        let segment = 12 - steps.leading_zeros() as u16;
        ((segment << 4) | ((steps >> (segment - 1)) & 0x0f)) as u8
    };
    (sign | code) ^ 0x55
}

/// 16-bit linear to µ-law.
pub const fn u_encode(sample: i16) -> u8 {
    let (sign, magnitude) = if sample < 0 { (0x80, -(sample as i32)) } else { (0, sample as i32) };
    let biased = (if magnitude > 32_635 { 32_635 } else { magnitude }) + 0x84;
    let segment = 24 - biased.leading_zeros() as i32;
    let step = (biased >> (segment + 3)) & 0x0f;
    !(sign | (segment << 4 | step) as u8)
}

const fn decode_table(a: bool) -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = if a { a_decode(byte as u8) } else { u_decode(byte as u8) };
        byte += 1;
    }
    table
}

const fn cross_table(from_a: bool) -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = if from_a { u_encode(a_decode(byte as u8)) } else { a_encode(u_decode(byte as u8)) };
        byte += 1;
    }
    table
}

/// Converts in place.
pub fn convert(payload: &mut [u8], table: &'static [u8; 256]) {
    for byte in payload {
        *byte = table[usize::from(*byte)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // linear, A-law, µ-law (ITU-T G.711 tables 1 and 2, scaled to 16 bits)
        for (linear, a, u) in [
            (0i16, 0xd5, 0xff),
            (8, 0xd5, 0xfe),
            (-1, 0x55, 0x7f),
            (-8, 0x55, 0x7e),
            (1000, 0xfa, 0xce),
            (-1000, 0x7a, 0x4e),
            (32_767, 0xaa, 0x80),
            (-32_768, 0x2a, 0x00),
        ] {
            assert_eq!((a_encode(linear), u_encode(linear)), (a, u), "{linear}");
        }
    }

    #[test]
    fn every_byte_survives_its_own_decoding() {
        for byte in 0..=255u8 {
            assert_eq!(a_encode(A_TO_LINEAR[usize::from(byte)]), byte);
            // µ-law has two zeros; the negative one reads as the positive.
            let expected = if byte == 0x7f { 0xff } else { byte };
            assert_eq!(u_encode(U_TO_LINEAR[usize::from(byte)]), expected);
        }
    }

    #[test]
    fn encoding_errs_by_at_most_half_a_step() {
        for sample in (i16::MIN..=i16::MAX).step_by(7) {
            let magnitude = i32::from(sample).abs();
            // The widest step of the segment that holds the sample: a 32nd of the magnitude, or of the lowest segment.
            for back in [A_TO_LINEAR[usize::from(a_encode(sample))], U_TO_LINEAR[usize::from(u_encode(sample))]] {
                let off = (i32::from(back) - i32::from(sample)).abs();
                assert!(off <= (magnitude / 32 + 16).max(16), "{sample} became {back}");
            }
        }
    }

    #[test]
    fn crossing_twice_settles() {
        for byte in 0..=255u8 {
            let u = A_TO_U[usize::from(byte)];
            let a = U_TO_A[usize::from(u)];
            assert_eq!(A_TO_U[usize::from(a)], u, "{byte:02x}");
        }
    }
}
