//! JSON written straight into the response's bytes.

/// Appends a quoted and escaped string.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[copied..index]);
        copied = index + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
        }
    }
    out.extend_from_slice(&bytes[copied..]);
    out.push(b'"');
}

/// Appends a whole number.
pub(super) fn int(out: &mut Vec<u8>, value: i64) {
    // 20 bytes hold the sign and 19 digits of any i64.
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).expect("a digit fits in a byte");
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a finite number in its shortest form, whole ones without a fraction. False, and
/// nothing written, when JSON has no form for it.
pub(super) fn float(out: &mut Vec<u8>, value: f64) -> bool {
    if !value.is_finite() {
        return false;
    }
    if value == 0.0 {
        out.push(b'0');
    } else if value.abs() >= 1e21 || value.abs() < 1e-6 {
        out.extend_from_slice(format!("{value:e}").as_bytes());
    } else {
        out.extend_from_slice(value.to_string().as_bytes());
    }
    true
}

/// Appends a list, each item written by `item`.
pub(super) fn list<T>(out: &mut Vec<u8>, items: &[T], mut item: impl FnMut(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (index, value) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        item(out, value);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check_float(value: f64, expected: &str) {
        let mut out = Vec::new();
        assert!(float(&mut out, value));
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn whole_floats_have_no_fraction() {
        check_float(30.0, "30");
        check_float(0.0, "0");
        check_float(-2.5, "-2.5");
        check_float(1e21, "1e21");
        check_float(59.94, "59.94");
    }

    #[test]
    fn infinite_floats_are_refused() {
        assert!(!float(&mut Vec::new(), f64::NAN));
        assert!(!float(&mut Vec::new(), f64::INFINITY));
    }

    proptest! {
        #[test]
        fn strings_read_back_as_they_were(text in any::<String>()) {
            let mut out = Vec::new();
            string(&mut out, &text);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }

        #[test]
        fn numbers_read_back_as_they_were(whole in any::<i64>(), real in any::<f64>()) {
            let mut out = Vec::new();
            int(&mut out, whole);
            prop_assert_eq!(serde_json::from_slice::<i64>(&out).unwrap(), whole);
            out.clear();
            if float(&mut out, real) {
                let text = String::from_utf8(out).unwrap();
                prop_assert_eq!(text.parse::<f64>().unwrap(), real);
                prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
            }
        }
    }
}
