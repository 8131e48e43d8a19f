//! One-time codes of a virtual MFA device (RFC 6238: HMAC-SHA-1, 30 s, six digits), and when each may be sent.
//!
//! Owns the rule that no code is sent twice: STS refuses a code it has seen (IAM user guide, MFA). Pure: the
//! time and what was sent last are arguments. Used by `refresher`, which waits where this says so.

use std::fmt;
use std::time::Duration;

use ring::hmac;
use zeroize::Zeroizing;

use crate::credentials::Secret;
use crate::time::Wall;

/// How long a code is the current one, in seconds (RFC 6238's default, which AWS uses).
const STEP: u64 = 30;

/// Shorter secrets are no device's: AWS makes 64 characters, RFC 4226 demands 16 bytes and Google had 10.
const SHORTEST: usize = 10;

/// The secret of a device.
pub struct TotpSecret(hmac::Key);

/// What to do about a call that needs a code now.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// Send this code, and remember its step.
    Send {
        /// Six digits.
        code: Secret,
        /// Counts half minutes since 1970.
        step: u64,
    },
    /// The current code was sent already: ask again after this long.
    Wait(Duration),
}

impl TotpSecret {
    /// Reads base 32 (RFC 4648) in either case; blanks, dashes and padding are dropped. Nothing when it is
    /// anything else or too short.
    #[must_use]
    pub fn parse(content: &[u8]) -> Option<Self> {
        let (mut bits, mut bit_count) = (0_u32, 0_u32);
        let mut secret = Zeroizing::new(Vec::with_capacity(content.len()));
        for byte in content
            .trim_ascii()
            .iter()
            .filter(|byte| !matches!(byte, b' ' | b'-' | b'='))
        {
            let digit = match byte.to_ascii_uppercase() {
                letter @ b'A'..=b'Z' => letter - b'A',
                digit @ b'2'..=b'7' => digit - b'2' + 26,
                _ => return None,
            };
            bits = (bits << 5) | u32::from(digit);
            bit_count += 5;
            if bit_count >= 8 {
                bit_count -= 8;
                secret.push((bits >> bit_count).to_be_bytes()[3]);
            }
        }
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &secret);
        (secret.len() >= SHORTEST).then_some(Self(key))
    }

    /// The code to send at `now`, when the last one that was sent is of step `sent`.
    #[must_use]
    pub fn turn(&self, now: Wall, sent: Option<u64>) -> Turn {
        let seconds = u64::try_from(now.unix_seconds()).unwrap_or_default();
        let step = seconds / STEP;
        match sent {
            // A clock that was set back by hours must not silence the device for hours.
            Some(sent) if (step..=step + 1).contains(&sent) => {
                Turn::Wait(Duration::from_secs((sent + 1) * STEP - seconds))
            }
            _ => Turn::Send {
                code: self.code(step),
                step,
            },
        }
    }

    fn code(&self, step: u64) -> Secret {
        let tag = hmac::sign(&self.0, &step.to_be_bytes());
        let tag = tag.as_ref();
        // Dynamic truncation: <https://www.rfc-editor.org/rfc/rfc4226#section-5.3>.
        let start = usize::from(tag[tag.len() - 1] & 0xf);
        let word = u32::from_be_bytes(
            tag[start..start + 4]
                .try_into()
                .expect("four bytes of twenty"),
        );
        Secret::new(format!("{:06}", (word & 0x7fff_ffff) % 1_000_000))
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `12345678901234567890`, the secret of RFC 6238's test vectors.
    const SECRET: &[u8] = b"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n";

    fn at(seconds: i64) -> Wall {
        Wall::from_unix_seconds(seconds)
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        let secret = TotpSecret::parse(SECRET).expect("base 32");
        // The last six digits of appendix B's eight.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let step = u64::try_from(seconds).expect("after 1970") / 30;
            assert_eq!(
                secret.turn(at(seconds), None),
                Turn::Send {
                    code: Secret::new(code.to_owned()),
                    step
                }
            );
        }
    }

    #[test]
    fn no_code_is_sent_twice_and_the_wait_ends_with_its_half_minute() {
        let secret = TotpSecret::parse(SECRET).expect("base 32");
        let waits = |seconds, sent| match secret.turn(at(seconds), sent) {
            Turn::Wait(wait) => Some(wait.as_secs()),
            Turn::Send { .. } => None,
        };
        assert_eq!(
            (waits(60, Some(2)), waits(89, Some(2)), waits(90, Some(2))),
            (Some(30), Some(1), None)
        );
        assert_eq!(
            waits(59, Some(2)),
            Some(31),
            "the clock stepped back a little: that code is known to STS"
        );
        assert_eq!(
            waits(60, Some(500)),
            None,
            "it stepped back by hours: those codes are long forgotten"
        );
        assert_eq!(waits(60, Some(1)), None);
    }

    #[test]
    fn secrets_are_read_as_people_copy_them_and_anything_else_is_refused() {
        let spaced =
            TotpSecret::parse(b" gezd gnbv-gy3t qojq gezd gnbv gy3t qojq====").expect("the same");
        let Turn::Send { code, .. } = spaced.turn(at(59), None) else {
            panic!("nothing was sent")
        };
        assert_eq!(code.expose(), "287082");
        for bad in [
            &b""[..],
            b"GEZDGNBV",
            b"GEZDGNBVGY3TQOJQGEZDGNBV1",
            "GEZDGNBVGY3TQOJÜ".as_bytes(),
            b"\xff",
        ] {
            assert!(TotpSecret::parse(bad).is_none(), "{bad:?}");
        }
        assert_eq!(format!("{spaced:?}"), "[redacted]");
    }
}
