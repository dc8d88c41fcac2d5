//! What a plain scalar is, by YAML 1.2's core schema (section 10.3.2), with one exception: a text that
//! reads as a number but would not be written so again (`3.10`, `007`, `1e3`, `0x1f`, a commit like
//! `1234567e8`) stays the text that it is.

use super::Value;

/// What a plain scalar turned out to be.
pub(super) enum Plain {
    /// That value.
    Value(Value),
    /// A text that other readers would take for the number `as_number`, and so lose what was written.
    KeptText { as_number: String },
}

pub(super) fn resolve(text: &str) -> Plain {
    let value = match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => return number(text),
    };
    Plain::Value(value)
}

/// The longest text that is looked at as a number: longer ones would lose digits in any case.
const LONGEST_NUMBER: usize = 400;

fn number(text: &str) -> Plain {
    let as_text = || Plain::Value(Value::Str(text.to_owned()));
    let starts = text
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_digit() || b"+-.".contains(&b));
    if !starts || text.len() > LONGEST_NUMBER {
        return as_text();
    }
    let kept = |as_number: String| Plain::KeptText { as_number };
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return match u64::from_str_radix(digits, radix) {
                Ok(n) if !digits.starts_with('+') => kept(n.to_string()),
                _ => as_text(),
            };
        }
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return kept("infinity".to_owned());
    }
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return kept("not a number".to_owned());
    }
    if !has_form_of_number(unsigned) {
        return as_text();
    }
    if unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return match text.parse::<i128>() {
            Ok(n) if n.to_string() == text && fits_64_bits(n) => Plain::Value(Value::Int(n)),
            Ok(n) if fits_64_bits(n) => kept(n.to_string()),
            _ => kept(shown_float(text)),
        };
    }
    match text.parse::<f64>() {
        Ok(n) if n.is_finite() && shown(n) == text => Plain::Value(Value::Float(n)),
        _ => kept(shown_float(text)),
    }
}

fn fits_64_bits(n: i128) -> bool {
    i64::try_from(n).is_ok() || u64::try_from(n).is_ok()
}

fn shown(n: f64) -> String {
    serde_json::Number::from_f64(n).map_or_else(|| "infinity".to_owned(), |n| n.to_string())
}

fn shown_float(text: &str) -> String {
    text.parse::<f64>()
        .map_or_else(|_| "a number".to_owned(), shown)
}

/// `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn has_form_of_number(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let mantissa_is = match mantissa.split_once('.') {
        Some((whole, part)) => {
            digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty())
        }
        None => digits(mantissa) && !mantissa.is_empty(),
    };
    let exponent_is = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['+', '-']).unwrap_or(e);
        digits(e) && !e.is_empty()
    });
    mantissa_is && exponent_is
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_by_table() {
        let long = "9".repeat(10_000);
        let cases: &[(&str, Result<Value, &str>)] = &[
            ("", Ok(Value::Null)),
            ("~", Ok(Value::Null)),
            ("true", Ok(Value::Bool(true))),
            ("yes", Ok(Value::Str("yes".into()))),
            ("0", Ok(Value::Int(0))),
            ("-5", Ok(Value::Int(-5))),
            ("18446744073709551615", Ok(Value::Int(u64::MAX.into()))),
            ("18446744073709551616", Err("1.8446744073709552e+19")),
            ("3.1", Ok(Value::Float(3.1))),
            ("1.0", Ok(Value::Float(1.0))),
            ("3.10", Err("3.1")),
            ("007", Err("7")),
            ("+5", Err("5")),
            ("-0", Err("0")),
            ("1e3", Err("1000.0")),
            ("1234567e8", Err("123456700000000.0")),
            ("1e999", Err("infinity")),
            ("0x1f", Err("31")),
            ("0o17", Err("15")),
            ("0xzz", Ok(Value::Str("0xzz".into()))),
            (".inf", Err("infinity")),
            ("-.Inf", Err("infinity")),
            (".nan", Err("not a number")),
            (".", Ok(Value::Str(".".into()))),
            ("-", Ok(Value::Str("-".into()))),
            ("1.2.3", Ok(Value::Str("1.2.3".into()))),
            ("1h30m", Ok(Value::Str("1h30m".into()))),
            ("12:30", Ok(Value::Str("12:30".into()))),
            ("1_000", Ok(Value::Str("1_000".into()))),
            (&long, Ok(Value::Str(long.clone()))),
        ];
        for (text, expected) in cases {
            let found = match resolve(text) {
                Plain::Value(value) => Ok(value),
                Plain::KeptText { as_number } => Err(as_number),
            };
            assert_eq!(found, expected.clone().map_err(str::to_owned), "{text}");
        }
    }
}
