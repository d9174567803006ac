//! The file that holds a turn's contract as JSON.
//!
//! Owns: its name, its mode (0600), its removal, also of files that a killed receiver left behind.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use fleet_a2a::contract::Contract;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The variable that names the file to the command.
pub(super) const VARIABLE: &str = "FLEET_CONTRACT_FILE";
/// Bytes of the receiver's hash in the name: enough that no two receivers of a machine share it.
const HASH_BYTES: usize = 8;

/// A contract on disk; removed when dropped.
#[derive(Debug)]
pub(super) struct ContractFile(PathBuf);

impl ContractFile {
    /// Writes a contract where only this user can read it.
    pub(super) fn write(receiver_id: &str, contract: &Contract) -> io::Result<Self> {
        let name = format!("{}{}.json", prefix(receiver_id), Uuid::now_v7());
        let file = Self(std::env::temp_dir().join(name));
        // `create_new` follows no link, whoever laid it.
        let mut open = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&file.0)?;
        open.write_all(&serde_json::to_vec(contract)?)?;
        Ok(file)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ContractFile {
    fn drop(&mut self) {
        // The command may have removed it itself.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Removes the files of this receiver: it has just started, so none is in use.
pub(super) fn remove_leftovers(receiver_id: &str) {
    let prefix = prefix(receiver_id);
    let Ok(entries) = std::fs::read_dir(std::env::temp_dir()) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn prefix(receiver_id: &str) -> String {
    let hash = Sha256::digest(receiver_id.as_bytes());
    let hex: String = hash
        .iter()
        .take(HASH_BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("fleet-contract-{hex}-")
}
