//! The proof that a receiver is who it claims to be, given before it is sent the token.
//!
//! Owns: the HMAC and its comparison, for both sides. Who listens on the port must know the token to answer a fresh
//! nonce; the bound address is part of it, so that nobody can pass the question on to the real receiver.
//! Does not own: the `/health` route, or what healthy means.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::client::Secret;

/// The query parameter that carries the nonce.
pub const NONCE_PARAM: &str = "nonce";
/// The key of the answer that holds the proof, in hex.
pub const PROOF_KEY: &str = "proof";
/// The key of the answer that holds the receiver's instance id.
pub const INSTANCE_KEY: &str = "instance";
/// Longest nonce that is answered, in bytes; longer ones are no nonce of ours.
pub const MAX_NONCE_BYTES: usize = 256;

/// The proof for `nonce`, in hex. `bound_addr` is the address the receiver bound, as `127.0.0.1:9390`.
#[must_use]
pub fn proof(token: &Secret, nonce: &str, instance: &str, bound_addr: &str) -> String {
    let Some(mac) = mac(token, nonce, instance, bound_addr) else {
        return String::new();
    };
    let bytes = mac.finalize().into_bytes();
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Whether `claimed` is the proof, compared in constant time.
#[must_use]
pub fn verify(
    token: &Secret,
    nonce: &str,
    instance: &str,
    bound_addr: &str,
    claimed: &str,
) -> bool {
    let (Some(mac), Some(bytes)) = (mac(token, nonce, instance, bound_addr), unhex(claimed)) else {
        return false;
    };
    mac.verify_slice(&bytes).is_ok()
}

/// Whether the JSON that `/health?nonce=` answered proves that the receiver at `bound_addr` knows the token.
#[must_use]
pub fn verify_answer(token: &Secret, nonce: &str, bound_addr: &str, answer: &Value) -> bool {
    let text = |key: &str| answer.get(key).and_then(Value::as_str);
    match (text(INSTANCE_KEY), text(PROOF_KEY)) {
        (Some(instance), Some(claimed)) => verify(token, nonce, instance, bound_addr, claimed),
        _ => false,
    }
}

/// Each field goes in behind its length, so that no two different sets of fields are the same bytes.
fn mac(token: &Secret, nonce: &str, instance: &str, bound_addr: &str) -> Option<Hmac<Sha256>> {
    if token.expose().is_empty() {
        return None;
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(token.expose().as_bytes()).ok()?;
    for field in ["fleet-health", nonce, instance, bound_addr] {
        mac.update(&(field.len() as u64).to_be_bytes());
        mac.update(field.as_bytes());
    }
    Some(mac)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect();
    let digits = digits?;
    if digits.len() % 2 != 0 {
        return None;
    }
    Some(digits.chunks_exact(2).map(|d| d[0] << 4 | d[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ADDR: &str = "127.0.0.1:9390";

    #[test]
    fn only_the_same_token_nonce_instance_and_address_verify() {
        let token = Secret::new("t0ken");
        let given = proof(&token, "n", "i", ADDR);
        assert_eq!(given.len(), 64);
        assert!(verify(&token, "n", "i", ADDR, &given));
        assert!(!verify(&Secret::new("other"), "n", "i", ADDR, &given));
        assert!(!verify(&token, "m", "i", ADDR, &given));
        assert!(!verify(&token, "n", "j", ADDR, &given));
        assert!(!verify(&token, "n", "i", "127.0.0.1:9391", &given));
        assert!(!verify(&token, "n", "i", ADDR, &given[..62]));
        assert!(!verify(&token, "n", "i", ADDR, "zz"));
    }

    #[test]
    fn fields_cannot_flow_into_each_other() {
        let token = Secret::new("t0ken");
        assert_ne!(
            proof(&token, "ab", "c", ADDR),
            proof(&token, "a", "bc", ADDR)
        );
    }

    #[test]
    fn an_empty_token_proves_nothing() {
        let none = Secret::new("");
        let given = proof(&none, "n", "i", ADDR);
        assert!(!verify(&none, "n", "i", ADDR, &given));
    }

    #[test]
    fn an_answer_without_proof_does_not_verify() {
        let token = Secret::new("t0ken");
        let good = json!({"instance": "i", "proof": proof(&token, "n", "i", ADDR)});
        assert!(verify_answer(&token, "n", ADDR, &good));
        assert!(!verify_answer(&token, "n", ADDR, &json!({"instance": "i"})));
        assert!(!verify_answer(&token, "n", ADDR, &json!([])));
    }
}
