//! Devices for multi-factor authentication: their codes, each good once, as at STS.

use std::collections::{HashMap, HashSet};

use ring::hmac;

use super::judge::Refusal;
use super::limits::Form;

/// Where the codes of a device come from.
#[derive(Clone, Debug)]
pub enum Device {
    /// RFC 6238 over this secret: six digits, SHA-1, 30 seconds.
    Totp(Vec<u8>),
    /// Whatever is next, such as what a person reads off a screen.
    Codes(Vec<String>),
}

/// The devices by serial number, and what they were used for.
#[derive(Debug, Default)]
pub struct Devices {
    known: HashMap<String, Device>,
    used: HashSet<(String, String)>,
}

impl Devices {
    pub fn add(&mut self, serial: &str, device: Device) {
        self.known.insert(serial.to_owned(), device);
    }

    /// Takes the code of a request, which has a serial number too (`limits` sees to that).
    pub fn check(&mut self, form: &Form, now: i64) -> Result<(), Refusal> {
        let (Some(serial), Some(code)) = (form.get("SerialNumber"), form.get("TokenCode")) else {
            return Ok(());
        };
        let refused = (
            403,
            "AccessDenied",
            "MultiFactorAuthentication failed with invalid MFA one time pass code. ".to_owned(),
        );
        let is_right = match self.known.get(serial) {
            Some(Device::Totp(secret)) => {
                (-1..=1).any(|step| totp(secret, now / 30 + step) == *code)
            }
            Some(Device::Codes(codes)) => codes.contains(code),
            None => false,
        };
        // A code that was used is refused for the rest of its window, and comes again no sooner
        // than chance has it.
        if is_right && self.used.insert((serial.clone(), code.clone())) {
            Ok(())
        } else {
            Err(refused)
        }
    }
}

/// The code of a moment, counted in steps of 30 seconds.
pub fn totp(secret: &[u8], step: i64) -> String {
    let mac = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret),
        &step.to_be_bytes(),
    );
    let mac = mac.as_ref();
    let at = usize::from(mac[19] & 15);
    let number = u32::from_be_bytes([mac[at] & 127, mac[at + 1], mac[at + 2], mac[at + 3]]);
    format!("{:06}", number % 1_000_000)
}

#[test]
fn codes_are_those_of_the_rfc() {
    // RFC 6238, appendix B, the last six of its eight digits.
    for (time, code) in [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (2_000_000_000, "279037"),
    ] {
        assert_eq!(totp(b"12345678901234567890", time / 30), code);
    }
}
