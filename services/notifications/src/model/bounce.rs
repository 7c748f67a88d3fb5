//! Which refusals of a recipient mean that there is nobody at the address.
//!
//! A server refuses a recipient for many reasons, and most of them speak against the sender or the moment: a policy,
//! a full mailbox, a login that is missing. The enhanced status code (RFC 3463) tells them apart where there is one.

/// The reason on the receipt of a message that was refused so.
pub const HARD_BOUNCE: &str = "hard_bounce";

/// Whether the refusal of a recipient says that the address will never work: it is then written to no more.
pub fn is_hard(code: u16, text: &str) -> bool {
    if !(500..=599).contains(&code) {
        return false;
    }
    match enhanced(text) {
        // X.1.7 and X.1.8 are about the sender's address.
        Some((5, 1, detail)) => !matches!(detail, 7 | 8),
        // The mailbox is switched off. X.2.2 is a full one.
        Some((5, 2, 1)) => true,
        // Some large hosts say "mailbox unavailable" by a 550 with this code.
        Some((5, 5, 0)) => code == 550,
        Some(_) => false,
        // RFC 5321 §4.2.3, RFC 7504: no such mailbox, not here, not allowed as a name; the host takes no mail.
        None => matches!(code, 521 | 550 | 551 | 553 | 556),
    }
}

/// The first enhanced status code in a text.
fn enhanced(text: &str) -> Option<(u8, u16, u16)> {
    text.split(|c: char| c.is_whitespace() || c == ':').find_map(|word| {
        let mut parts = word.split('.');
        let mut number = || parts.next().filter(|part| part.len() <= 3)?.parse::<u16>().ok();
        let code = (number()?, number()?, number()?);
        let class = u8::try_from(code.0).ok().filter(|class| matches!(class, 2 | 4 | 5))?;
        parts.next().is_none().then_some((class, code.1, code.2))
    })
}

#[cfg(test)]
mod tests {
    use super::is_hard;

    #[test]
    fn only_what_speaks_of_the_address_is_a_hard_bounce() {
        for (code, text, hard) in [
            (550, "permanent error (550): 5.1.1 <a@b.example>: no such user", true),
            (550, "nobody here", true),
            (551, "user moved away", true),
            (553, "5.1.3 bad name", true),
            (556, "5.1.10 domain takes no mail", true),
            (550, "5.2.1 mailbox disabled", true),
            (550, "5.5.0 mailbox unavailable", true),
            (552, "5.2.2 mailbox full", false),
            (552, "over quota", false),
            (550, "5.7.1 blocked by policy, see http://1.2.3.4/", false),
            (554, "5.7.1 relay access denied", false),
            (553, "5.1.8 sender's domain does not exist", false),
            (530, "5.7.0 authentication required", false),
            (554, "no", false),
            (450, "4.1.1 not now", false),
            (450, "greylisted", false),
        ] {
            assert_eq!(is_hard(code, text), hard, "{code} {text}");
        }
    }
}
