//! Kubernetes quantities, as far as limits and requests are compared: `100m`, `0.1`, `32Mi`, `1e3`.
//!
//! Owns their grammar
//! (<https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>). Used to
//! see whether a pod is Guaranteed, and to refuse what the API server would.

/// A quantity in billionths, so that all suffixes are whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Quantity(u128);

/// What an annotation that holds one may be.
const ALLOWED: &str = "a quantity such as 50m, 0.1, 32Mi or 1G";

const BILLION: u128 = 1_000_000_000;

impl Quantity {
    pub(super) const ZERO: Self = Self(0);
    pub(super) const CPU_FLOOR: Self = Self(50 * BILLION / 1000);

    /// The sum of two, or the most that there is.
    pub(super) fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('+').unwrap_or(text);
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') || number.len() > 18 {
            return None;
        }
        let unit = unit(suffix)?;
        let digits = |text: &str| {
            if text.is_empty() {
                Some(0)
            } else {
                text.parse::<u128>().ok()
            }
        };
        let whole = digits(whole)?.checked_mul(unit)?;
        let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        Some(Self(
            whole.checked_add(digits(fraction)?.checked_mul(unit)? / scale)?,
        ))
    }
}

/// A text that is one, for what takes it as it is written.
pub(super) fn checked(text: &str) -> Result<String, &'static str> {
    Quantity::parse(text)
        .map(|_| text.to_owned())
        .ok_or(ALLOWED)
}

fn unit(suffix: &str) -> Option<u128> {
    let binary = |power: u32| Some(BILLION << (10 * power));
    let decimal = |power: u32| Some(BILLION * 10_u128.pow(power));
    match suffix {
        "n" => Some(1),
        "u" => Some(1_000),
        "m" => Some(1_000_000),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        _ => {
            let power: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            match u32::try_from(power) {
                Ok(power) => BILLION.checked_mul(10_u128.checked_pow(power)?),
                Err(_) => BILLION.checked_div(10_u128.checked_pow(power.unsigned_abs())?),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_amount_is_equal_in_every_spelling() {
        for (one, other) in [
            ("100m", "0.1"),
            ("1", "1000m"),
            ("1Ki", "1024"),
            ("1e3", "1k"),
            (".5", "500m"),
            ("+5m", "5m"),
        ] {
            assert_eq!(
                Quantity::parse(one),
                Quantity::parse(other),
                "{one} {other}"
            );
            assert!(Quantity::parse(one).is_some(), "{one}");
        }
        assert!(Quantity::parse("49m") < Some(Quantity::CPU_FLOOR));
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for bad in [
            "",
            "m",
            "1.2.3",
            "-1",
            "1 Mi",
            "1mi",
            "1e99",
            "9999999999999999999",
            "ten",
            ".",
        ] {
            assert_eq!(Quantity::parse(bad), None, "{bad}");
        }
    }
}
