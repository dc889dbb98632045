use std::fmt::Write;

use aws_lc_rs::hmac;

/// What stands before the signature of a token.
const MARK: &str = ",mac_";

/// Signs continuation tokens, so that a token that was changed on its way is refused. Tokens of the
/// reference product carry no signature and are taken as they are: all that they can say is where a
/// list goes on.
pub struct Seal {
    key: hmac::Key,
}

impl Seal {
    /// A seal made from a secret that all instances share.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let derived = hmac::sign(&root, b"continuation tokens");
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()) }
    }

    /// The token with its signature.
    #[must_use]
    pub fn close(&self, token: &str) -> String {
        let mut sealed = format!("{token}{MARK}");
        for byte in &hmac::sign(&self.key, token.as_bytes()).as_ref()[..8] {
            let _ = write!(sealed, "{byte:02x}");
        }
        sealed
    }

    /// The token without its signature.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn open<'a>(&self, sealed: &'a str) -> Result<&'a str, &'static str> {
        match sealed.split_once(MARK) {
            None => Ok(sealed),
            Some((token, _)) if self.close(token) == sealed => Ok(token),
            Some(_) => Err("The token is not as this service has made it."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Seal;

    #[test]
    fn a_changed_token_is_refused() {
        let seal = Seal::new(b"secret");
        let sealed = seal.close("createdat_2024-01-01T00:00:00.0000010Z,id_7");
        assert_eq!(seal.open(&sealed), Ok("createdat_2024-01-01T00:00:00.0000010Z,id_7"));
        assert_eq!(Seal::new(b"secret").open(&sealed), seal.open(&sealed));
        assert!(Seal::new(b"other").open(&sealed).is_err());
        for (index, _) in sealed.char_indices() {
            let mut changed: Vec<char> = sealed.chars().collect();
            changed[index] = if changed[index] == '1' { '2' } else { '1' };
            let changed: String = changed.into_iter().collect();
            // What no longer has a signature at all is refused for its form.
            let still_signed = changed.contains(",mac_");
            assert_eq!(seal.open(&changed).is_err(), still_signed, "{changed}");
        }
        assert_eq!(seal.open("id_7"), Ok("id_7"));
    }
}
